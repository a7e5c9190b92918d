"""Read points from a table or vector file: their position columns, coordinates and CRS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from orecast.arrays import Floats
from orecast.config import Columns, Deposits, Samples
from orecast.errors import ConfigError, InputError
from orecast.grid import Bounds, crs_name
from orecast.survey.coarse import crowded
from orecast.survey.coordinates import holds_wkt, read_coordinates, read_wkt
from orecast.survey.data import Findings, listed, xy_of
from orecast.survey.joining import with_positions
from orecast.survey.position_names import (
    Kind,
    Pair,
    letters_only,
    look_swapped,
    position_pairs,
    side_of,
    unit_of,
)
from orecast.survey.projection import (
    check_degrees,
    check_projected,
    file_crs,
    look_like_degrees,
    parse_crs,
    strays,
    transformed,
    unit_of_crs,
    utm_zones,
)
from orecast.survey.rows import report_mixed, require_surface, widened
from orecast.survey.tables import InputTable, read_table
from orecast.survey.vectors import is_vector, matching, of_shape, read_frame
from orecast.survey.zones import crs_columns, crs_of_rows, names_crs

WGS84 = CRS.from_epsg(4326)

_DISAGREE = 100.0  # metres between x, y and lon, lat of one row
_MOST_DEGREES = 40.0  # across one survey
_SHOWN_ROWS = 1000  # whose values show the kind of a pair


@dataclass(frozen=True)
class Points:
    """Rows with a position: the table, positions ``(n, 2)``, CRS, position columns.

    ``n_read`` is the number of rows in the file, before any was left out.
    """

    table: InputTable
    xy: Floats
    crs: CRS
    position_columns: tuple[str, ...] = ()
    n_read: int = 0

    def take(self, keep: NDArray[np.bool_]) -> Points:
        """The rows marked by ``keep``."""
        return replace(
            self, table=replace(self.table, frame=self.table.frame[keep]), xy=self.xy[keep]
        )


def table_pairs(table: InputTable) -> list[Pair]:
    """The pairs of position columns of a table: by their headers, then columns of points in WKT.

    The kind of a pair is corrected by its values, where all can be read.
    """
    names = [str(c) for c in table.frame.columns]
    pairs = [_by_values(table, pair) for pair in position_pairs(names)]
    wkt = [c for c in names if holds_wkt(table.frame[c])]
    return pairs + [_by_values(table, Pair("metres", c, c)) for c in wkt]


def _by_values(table: InputTable, pair: Pair) -> Pair:
    """A pair with the kind that its values have."""
    try:
        located = _located(_beginning(table), pair, ("",))
    except InputError:  # reading the points reports it
        return pair
    xy = located.xy[np.isfinite(located.xy).all(axis=1)]
    if pair.kind == "metres" and (located.degrees or _certainly_degrees(xy)):
        return replace(pair, kind="degrees")
    if pair.kind == "degrees" and len(xy) and np.median(np.abs(xy), axis=0).min() > 360:
        return replace(pair, kind="metres")
    return pair


def _beginning(table: InputTable) -> InputTable:
    return replace(table, frame=table.frame.iloc[:_SHOWN_ROWS])


def _certainly_degrees(xy: Floats) -> bool:
    """Whether positions are in the range of degrees, with decimals, and of one region."""
    if not look_like_degrees(xy):
        return False
    decimals = (xy != np.round(xy)).mean(axis=0).min() > 0.5
    return bool(decimals) and float(np.quantile(xy, 0.9, axis=0)[1] - np.median(xy[:, 1])) < (
        _MOST_DEGREES
    )


@dataclass(frozen=True)
class _Located:
    """Positions ``(n, 2)`` of a pair of columns, as numbers; what was converted, in words."""

    xy: Floats
    how: tuple[str, ...] = ()
    code: int | None = None  # the SRID of points in WKT
    degrees: bool = False


def _located(
    table: InputTable, pair: Pair, missing: Sequence[str | float], *, strict: bool = False
) -> _Located:
    frame: Any = table.frame
    if pair.x == pair.y:
        xy, code = read_wkt(frame[pair.x], table)
        return _Located(xy, (f"column {pair.x!r} holds points in WKT",), code)
    degrees = pair.kind == "degrees"
    read = (
        read_coordinates(frame[pair.x], table, missing, "x", degrees=degrees, strict=strict),
        read_coordinates(frame[pair.y], table, missing, "y", degrees=degrees, strict=strict),
    )
    columns, how = [], []
    for found, column in zip(read, (pair.x, pair.y), strict=True):
        values = found.values
        if not found.how and "." in (read[0].thousands, read[1].thousands) and _thousands(values):
            values = values * 1000  # 421.027 beside 6.652.163
            how.append(f"{column!r} has thousands marks, as the other column")
        if found.how:
            how.append(f"{column!r} has {' and '.join(found.how)}, such as {found.example!r}")
        side = side_of(column)
        if side and not (values < 0).any() and "hemisphere letters" not in found.how:
            values = -values
            how.append(f"{column!r} counts to the {'south' if side == 'S' else 'west'}")
        columns.append(values)
    xy = np.column_stack(columns)
    if degrees and (xy[:, 0] > 180).any() and np.nanmax(xy[:, 0]) <= 360 and _all_east(xy):
        xy[:, 0] = (xy[:, 0] + 180) % 360 - 180
        how.append(f"{pair.x!r} counts from 0 to 360")
    if unit_of(pair) == "kilometres" and np.nanmax(np.abs(xy), initial=0) < 20_000:
        xy = xy * 1000
        how.append(f"{pair.columns} are in kilometres")
    return _Located(xy, tuple(how), degrees=any(found.degrees for found in read))


def positions_of(table: InputTable, x: str, y: str) -> Floats:
    """Positions ``(n, 2)`` in two columns, as their cells are written; NaN where there is none."""
    pairs = (p for p in table_pairs(table) if {p.x, p.y} == {x, y})
    return _located(table, next(pairs, Pair("metres", x, y)), ("",)).xy


def _thousands(values: Floats) -> bool:
    """Whether numbers may be whole thousands and hundreds, such as 421.027 for 421,027."""
    values = values[np.isfinite(values)]
    return bool(len(values)) and float(np.abs(values).max()) < 1000


def _all_east(lonlat: Floats) -> bool:
    """Whether longitudes have no negative value, and latitudes are in their range."""
    return not (lonlat[:, 0] < 0).any() and not (np.abs(lonlat[:, 1]) > 90).any()


def read_points(
    section: Samples | Deposits,
    path_setting: str,
    findings: Findings,
    missing: Sequence[str | float] = (-9999.0, ""),
) -> Points:
    """Read the points that ``[samples]`` or ``[deposits]`` names, in the CRS of their file.

    Rows that ``where`` does not select are left out first, so nothing in them is refused. Rows of
    several zones are moved to the zone of most rows. Rows without a position are left out and
    listed. Raises InputError for missing positions, a missing CRS, text or infinite values in
    positions, positions that cannot be in the CRS, and samples far from all others.
    """
    path = section.path
    if is_vector(path):
        if isinstance(section, Samples) and section.positions is not None:
            raise ConfigError(
                "the file has geometries; positions of another file cannot be set for it",
                where=str(path),
                remedy="remove [samples.positions]",
            )
        points = _from_vectors(section, path_setting, findings)
        if isinstance(section, Samples):
            require_surface(points.table, section)
            report_mixed(points.table, section, findings)
        return points
    table = read_table(path, section.layer)
    if isinstance(section, Samples) and section.decimal:
        table = replace(table, decimal=section.decimal)
    for remark in table.remarks:
        findings.info("table-layout", str(path), remark)
    if isinstance(section, Samples):
        table, section = with_positions(table, section, findings)
    n_read = len(table.frame)
    table = _selected(table, section, path_setting)
    if isinstance(section, Samples):
        table = widened(table, section, findings)
        require_surface(table, section)
        report_mixed(table, section, findings)
    pairs = table_pairs(table)
    pair = _chosen(section, table, pairs, path_setting)
    for column, key in ((pair.x, "x"), (pair.y, "y")):
        table.column(column, f"{path_setting}.{key}")
    located = _located(table, pair, missing, strict=True)
    if located.how:
        findings.info(
            "converted-positions",
            str(path),
            "positions are converted to numbers: " + "; ".join(located.how),
        )
    names = [*_columns([pair, *pairs]), *crs_columns(table, pair, section.zone, path_setting)]
    names += _columns(position_pairs((str(c) for c in table.frame.columns), local=True))
    if section.crs is None and position_pairs([pair.x, pair.y], local=True):
        raise _no_place(table, pair, path_setting)
    points = Points(table, located.xy, WGS84, tuple(dict.fromkeys(names)), n_read)
    points = _with_places(points, pair, path_setting, findings)
    xy, crs = crs_of_rows(
        points.table, points.xy, pair, section, path_setting, located.code, findings
    )
    points = replace(points, xy=xy, crs=crs)
    _check_unit(points, pair, path_setting)
    if letters_only(pair) and "x" in pair.x.lower():
        points = _with_x_to_the_east(points, pair, path_setting, findings)
    _check(points, pair, path_setting)
    _compare(points, pair, pairs, path_setting, findings, missing)
    if others := [p.columns for p in pairs if {p.x, p.y} != {pair.x, pair.y}]:
        findings.info(
            "other-positions",
            str(path),
            f"{pair.columns} give the positions; not used: {'; '.join(others)}",
            f"set {path_setting}.x and {path_setting}.y to use others",
        )
    return points


def _selected(table: InputTable, section: Samples | Deposits, setting: str) -> InputTable:
    """The rows that the section's ``where`` selects."""
    if not section.where:
        return table
    rows = matching(table, section.where, f"{setting}.where").to_numpy(dtype=bool)
    return replace(table, frame=table.frame[rows])


def without_crowds(points: Points, most: int | None, findings: Findings) -> Points:
    """The points without those of places with more than ``most`` rows.

    Raises InputError if none is left.
    """
    if most is None:
        return points
    left_out = crowded(points.xy, most)
    if not left_out.any():
        return points
    if left_out.all():
        raise InputError(
            f"every place has more than {most} samples",
            where=str(points.table.path),
            remedy="set a larger samples.most_per_place, or remove it",
        )
    findings.info(
        "crowds-left-out",
        str(points.table.path),
        f"left out {left_out.sum()} of {len(left_out)} samples, on places with more than {most} "
        "samples (samples.most_per_place)",
        n=int(left_out.sum()),
    )
    return points.take(~left_out)


def _columns(pairs: Iterable[Pair]) -> list[str]:
    return [column for pair in pairs for column in (pair.x, pair.y)]


def position_columns(table: InputTable) -> list[str]:
    """Columns of a table that hold positions, zones or a CRS; they are no elements."""
    pairs = table_pairs(table)
    names = _columns([*pairs, *position_pairs((str(c) for c in table.frame.columns), local=True)])
    if pairs:
        names += crs_columns(table, pairs[0], None, "")
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Place:
    """What was found of a table's positions: keys of its section, notes, and its extent.

    ``undecided`` is what only a person can decide, with the lines to choose from.
    """

    keys: dict[str, str]
    notes: tuple[str, ...] = ()
    undecided: str = ""
    crs: CRS | None = None
    extent: Bounds | None = None


Extent = tuple[CRS, Bounds, str]  # of a file, and its name


def propose_places(tables: Sequence[InputTable], extents: Iterable[Extent]) -> list[Place | None]:
    """Position columns and CRS of each table, for its section; None without position columns.

    The CRS is written in the table, or is that of degrees, or the one in which most positions lie
    within another file: ``extents`` are those of files with a CRS, to which the tables that have
    one are added.
    """
    extents = list(extents)
    found = [_place(table, extents) for table in tables]
    for table, place in zip(tables, found, strict=True):
        if place is not None and place.crs is not None and place.extent is not None:
            extents.append((place.crs, place.extent, table.path.name))
    return [
        _place(table, extents) if place is not None and place.undecided else place
        for table, place in zip(tables, found, strict=True)
    ]


def _place(table: InputTable, extents: list[Extent]) -> Place | None:
    pairs = sorted(table_pairs(table), key=lambda pair: pair.kind != "metres")
    errors = []
    for pair in pairs:
        try:
            return _place_of(table, pair, extents)
        except InputError as error:
            errors.append(error)
    if not pairs:
        local = position_pairs((str(c) for c in table.frame.columns), local=True)
        if not local:
            return None
        errors, pairs = [_no_place(table, local[0], "")], local
    first = pairs[0]
    return Place({"x": first.x, "y": first.y}, undecided=f"{errors[0].what}; {errors[0].remedy}")


def _place_of(table: InputTable, pair: Pair, extents: list[Extent]) -> Place:
    findings, located = Findings(), _located(table, pair, ("",))
    valid = np.isfinite(located.xy).all(axis=1)
    if not valid.any():
        raise InputError(
            f"{pair.columns} hold no position",
            where=str(table.path),
            remedy="set x and y to the columns of the positions",
        )
    frame: Any = table.frame[valid]
    rows = replace(table, frame=frame)
    xy = located.xy[valid]
    notes = list(located.how)
    around = _crs_around(xy, pair, extents) if pair.kind == "metres" else None
    if around is not None:
        crs, name = around
        notes.append(
            f"{pair.columns} are read as {crs_name(crs)} ({crs.name}), because so they lie within "
            f"{name}; if this is wrong, correct crs"
        )
        section = Columns(crs=crs_name(crs) if crs.to_epsg() else crs.to_wkt())
    else:
        section = Columns()
    xy, crs = crs_of_rows(rows, xy, pair, section, "", located.code, findings)
    keys = {"x": pair.x, "y": pair.y, "crs": section.crs or crs_name(crs)}
    if by_row := findings.of("crs-by-row"):
        keys["zone"] = by_row[0].data["columns"][0]
    notes += [f"{f.what}; {f.remedy}" if f.remedy else f.what for f in findings]
    others = [p for p in table_pairs(table) if p != pair]
    if others:
        notes.append("not used as positions: " + "; ".join(p.columns for p in others))
    extent = Bounds(*(float(v) for v in (*xy.min(axis=0), *xy.max(axis=0))))
    return Place(keys, tuple(notes), crs=crs, extent=extent)


def _crs_around(xy: Floats, pair: Pair, extents: list[Extent]) -> tuple[CRS, str] | None:
    """The one projected CRS in which most positions lie within a file's extent, and the file.

    For a file in degrees it is one of the UTM zones of its extent. None if the header names a CRS,
    or there are several.
    """
    if not len(xy) or names_crs(pair):
        return None
    found: list[tuple[CRS, str]] = []
    middle = np.median(xy, axis=0, keepdims=True)
    for crs, bounds, name in extents:
        options = [crs] if crs.is_projected else utm_zones(bounds) if crs.is_geographic else []
        for option in options:
            at = xy if option is crs else transformed(xy, option, crs)
            if _share_within(at, bounds) <= 0.5:
                continue
            same = (np.hypot(*(transformed(middle, c, option) - middle)[0]) for c, _ in found)
            if not any(metres < 5 for metres in same):
                found.append((option, name))
    return found[0] if len(found) == 1 else None


def _share_within(xy: Floats, b: Bounds) -> float:
    """The share of positions ``(n, 2)`` within bounds and a tenth of their size around them."""
    dx, dy = 0.1 * (b.east - b.west), 0.1 * (b.north - b.south)
    inside = (xy[:, 0] >= b.west - dx) & (xy[:, 0] <= b.east + dx)
    inside &= (xy[:, 1] >= b.south - dy) & (xy[:, 1] <= b.north + dy)
    return float(inside.mean())


def _from_vectors(section: Samples | Deposits, setting: str, findings: Findings) -> Points:
    path = section.path
    frame = read_frame(path, section.layer)
    if section.x or section.y:
        raise ConfigError(
            "the file has geometries; position columns cannot be set for it",
            where=str(path),
            remedy=f"remove {setting}.x and {setting}.y",
        )
    selected = _selected(InputTable(path, frame, row_word="feature"), section, setting)
    n_read = len(frame)
    frame = of_shape(selected.frame, "point", str(path), findings, noun=setting)
    own = frame.crs
    crs = file_crs(own, section.crs, str(path), f"{setting}.crs")
    frame = frame.explode()  # one row per point of a multipoint
    table = InputTable(path, frame.drop(columns=frame.geometry.name), row_word="feature")
    points = Points(table, xy_of(frame), crs, n_read=n_read)
    if not np.isfinite(points.xy).all():
        row = int((~np.isfinite(points.xy).all(axis=1)).argmax())
        raise InputError(
            "a position is infinite",
            where=table.where(row=frame.index[row]),
            remedy="correct the geometry of this feature",
        )
    _check(points, None, setting, in_file=own is not None)
    return points


def _chosen(section: Columns, table: InputTable, pairs: list[Pair], setting: str) -> Pair:
    if section.x is not None or section.y is not None:
        if section.x is None or section.y is None:
            raise ConfigError(
                "only one of x and y is set",
                where=setting,
                remedy=f"set both {setting}.x and {setting}.y",
            )
        if look_swapped(section.x, section.y):
            raise InputError(
                f"x is set to {section.x!r} and y to {section.y!r}; they look swapped",
                where=str(table.path),
                remedy=f"exchange {setting}.x and {setting}.y",
            )
        for column, key in ((section.x, "x"), (section.y, "y")):
            table.column(column, f"{setting}.{key}")
        same = (p.kind for p in pairs if {p.x, p.y} == {section.x, section.y})
        kind: Kind | None = next(same, None)
        if kind is None:
            named = position_pairs([section.x, section.y])
            kind = named[0].kind if named else "metres"
            return _by_values(table, Pair(kind, section.x, section.y))
        return Pair(kind, section.x, section.y)
    if not pairs:
        local = position_pairs((str(c) for c in table.frame.columns), local=True)
        if local:
            raise _no_place(table, local[0], setting)
        raise InputError(
            "no position columns were recognised among "
            + listed([str(c) for c in table.frame.columns], 20),
            where=str(table.path),
            remedy=table.or_sheet(f"set {setting}.x and {setting}.y", setting),
        )
    if section.crs is None:
        return _with_known_crs(table, pairs)
    wanted: Kind = "degrees"
    if not parse_crs(section.crs, f"{setting}.crs").is_geographic:
        wanted = "metres"
    return next((p for p in pairs if p.kind == wanted), pairs[0])


def _no_place(table: InputTable, local: Pair, setting: str) -> InputError:
    """The error for a table whose only positions are in a local grid."""
    key = f"{setting}." if setting else ""
    return InputError(
        f"{local.columns} are in a local grid, such as a mine grid: their place on the Earth is "
        "not known",
        where=str(table.path),
        remedy="add columns with the positions in a CRS, transformed with the grid's own "
        f'transformation; or, if they are in a CRS, set {key}x = "{local.x}", {key}y = "{local.y}" '
        f"and {key}crs",
    )


def _with_known_crs(table: InputTable, pairs: list[Pair]) -> Pair:
    """The first pair of degrees; without one, the first with a CRS in the table; else the first."""
    degrees = [p for p in pairs if p.kind == "degrees"]
    table = _beginning(table)
    for pair in (*degrees, *pairs):
        try:
            located = _located(table, pair, ("",))
            crs_of_rows(table, located.xy, pair, Columns(), "", located.code, Findings())
        except InputError:
            continue
        return pair
    return (degrees or pairs)[0]


def _check_unit(points: Points, pair: Pair, setting: str) -> None:
    """Refuse columns in feet under a CRS in metres."""
    if unit_of(pair) == "feet" and points.crs.is_projected and unit_of_crs(points.crs) == "metre":
        raise InputError(
            f"the headers of {pair.columns} name feet, but {crs_name(points.crs)} is in metres",
            where=str(points.table.path),
            remedy=f"set {setting}.crs to the CRS in feet, such as "
            '"EPSG:2227" (California zone 3, US feet); or rename the columns if they are in metres',
        )


def _with_x_to_the_east(points: Points, pair: Pair, setting: str, findings: Findings) -> Points:
    """Exchange x and y where x is the northing, as in Russia, China and Germany.

    Only where the positions cannot be in the CRS as they are, and can be once exchanged.
    """
    turned = points.xy[:, ::-1]
    if points.crs.is_geographic or _fits(points.crs, points.xy) or not _fits(points.crs, turned):
        return points
    findings.warning(
        "x-is-north",
        str(points.table.path),
        f"column {pair.x!r} is read as the northing and {pair.y!r} as the easting: only so are "
        f"the positions in the area of {crs_name(points.crs)}",
        f"if {pair.x!r} is the easting, the CRS is wrong: set {setting}.crs to the CRS of the "
        "table",
    )
    return replace(points, xy=turned)


def _fits(crs: CRS, xy: Floats) -> bool:
    try:
        check_projected(crs, xy, "")
    except InputError:
        return False
    return True


def _with_places(points: Points, pair: Pair, setting: str, findings: Findings) -> Points:
    missing_position = np.asarray(np.isnan(points.xy).any(axis=1))
    zero = (points.xy == 0).all(axis=1)
    if zero.any() and not zero.all():
        missing_position |= zero  # off the coast of Africa, or the false origin of a CRS
    if missing_position.all():
        raise InputError(
            "no row has a position",
            where=points.table.where(column=pair.x),
            remedy=f"set {setting}.x and {setting}.y to the columns of the positions",
        )
    if missing_position.any():
        rows = [int(r) for r in points.table.frame.index[missing_position]]
        findings.warning(
            "no-position",
            str(points.table.path),
            f"ignored {len(rows)} row(s) without a position: {listed(rows)}",
            "add their positions",
            rows=rows,
        )
    return points.take(~missing_position)


def _exchange(pair: Pair | None, setting: str) -> str:
    """How to exchange easting and northing of the points of two columns, or of geometries."""
    if pair is None or pair.x == pair.y:
        return "exchange x and y of the geometries in the file"
    if look_swapped(pair.y, pair.x):
        return f"exchange the headers of the columns {pair.x!r} and {pair.y!r} in the file"
    return f'exchange x and y: set {setting}.x = "{pair.y}" and {setting}.y = "{pair.x}"'


def _check(points: Points, pair: Pair | None, setting: str, in_file: bool = False) -> None:
    """Refuse positions that cannot be in their CRS; ``in_file`` is whether the file names it."""
    columns = "" if pair is None else pair.columns
    where = ", ".join(filter(None, [str(points.table.path), columns]))
    if setting == "samples":
        _refuse_strays(points, columns, setting)
    set_crs = "correct the CRS of the file" if in_file else f"set {setting}.crs"
    to_degrees = "give the file the CRS EPSG:4326" if in_file else f'{set_crs} = "EPSG:4326"'
    other = set_crs if in_file else f"{set_crs} to the CRS of the positions"
    swap = _exchange(pair, setting)
    try:
        if points.crs.is_geographic:
            check_degrees(points.xy[:, 0], points.xy[:, 1], where, swap, set_crs)
        else:
            check_projected(points.crs, points.xy, where, to_degrees, f"{swap}, or {other}")
    except InputError:
        _refuse_strays(points, columns, setting)  # if single rows are wrong, the message names them
        raise


def _refuse_strays(points: Points, columns: str, setting: str) -> None:
    """Refuse rows far from all others: every grid would extend to them."""
    far, metres = strays(points.crs, points.xy)
    if not len(far):
        return
    table, first = points.table, far[0]
    rows = [int(table.frame.index[i]) for i in far]
    x, y = points.xy[first]
    word, noun = table.row_word, "samples" if setting == "samples" else "positions"
    what = f"{word} {rows[0]} (x {x:.10g}, y {y:.10g}) "
    if np.isfinite(metres[0]):
        kilometres = metres[0] / 1000
        shown = f"{kilometres:,.0f}" if kilometres < 1e9 else f"{kilometres:.3g}"
        what += f"lies {shown} km from the other {noun}"
    else:
        what += "is not a longitude and latitude"
    if len(rows) > 1:
        what += f"; also far away: {word} {listed(rows[1:])}"
    raise InputError(
        what,
        where=", ".join(filter(None, [table.where(row=rows[0]), columns])),
        remedy=f"correct its position, or remove the {word}",
    )


def _compare(
    points: Points,
    pair: Pair,
    pairs: list[Pair],
    setting: str,
    findings: Findings,
    missing: Sequence[str | float],
) -> None:
    """Warn if a second pair of columns gives other positions."""
    others = (p for p in pairs if p.kind == "degrees" and {p.x, p.y} != {pair.x, pair.y})
    second = next(others, None)
    if second is None:
        return
    lonlat = _located(points.table, second, missing).xy
    centre = np.median(points.xy, axis=0, keepdims=True)
    if points.crs.is_geographic:
        scale = np.array([np.cos(np.radians(centre[0, 1])), 1.0]) * 111_195
        apart = np.hypot(*((lonlat - points.xy) * scale).T)
    else:
        apart = np.hypot(*(transformed(lonlat, WGS84, points.crs) - points.xy).T)
    apart = apart[np.isfinite(apart)]
    if len(apart) and np.median(apart) > _DISAGREE:
        findings.warning(
            "positions-disagree",
            str(points.table.path),
            f"columns {second.x!r}, {second.y!r} and {pair.x!r}, {pair.y!r} (as "
            f"{crs_name(points.crs)}) give positions that differ by {np.median(apart):,.0f} m "
            "(median)",
            f"one of the two is wrong: correct {setting}.crs, or set {setting}.x and {setting}.y "
            "to the columns of the right positions",
            median_metres=float(np.median(apart)),
        )
