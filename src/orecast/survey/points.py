"""Read points from a table or vector file; find their position columns and CRS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from orecast.arrays import Floats
from orecast.config import Columns
from orecast.errors import ConfigError, InputError
from orecast.grid import crs_name
from orecast.survey.concentrations import numbers
from orecast.survey.data import Findings, listed
from orecast.survey.projection import (
    check_degrees,
    check_projected,
    file_crs,
    look_like_degrees,
    parse_crs,
    strays,
    transformed,
)
from orecast.survey.tables import InputTable, read_table
from orecast.survey.vectors import is_vector, of_shape, read_frame

Kind = Literal["metres", "degrees"]

WGS84 = CRS.from_epsg(4326)

_TAIL = r"(?:coord(?:inate)?s?|utm|m|dd|deg|(?:nad|wgs|etrs|gda)\d+)*"
_FAMILIES: tuple[tuple[Kind, str, str], ...] = (
    ("metres", rf"(?:utm|point|coord)?x{_TAIL}", rf"(?:utm|point|coord)?y{_TAIL}"),
    ("metres", rf"(?:utm)?(?:e|east(?:ings?)?){_TAIL}", rf"(?:utm)?(?:n|north(?:ings?)?){_TAIL}"),
    (
        "degrees",
        rf"(?:decimal)?(?:lon|long|lng|longitude|经度){_TAIL}",
        rf"(?:decimal)?(?:lat|latitude|纬度){_TAIL}",
    ),
)
_DISAGREE = 100.0  # metres between x, y and lon, lat of one row


@dataclass(frozen=True)
class Pair:
    """Two columns that form a position."""

    kind: Kind
    x: str
    y: str


@dataclass(frozen=True)
class Points:
    """Rows with a position: the table, positions ``(n, 2)``, CRS, position columns."""

    table: InputTable
    xy: Floats
    crs: CRS
    position_columns: tuple[str, ...] = ()

    def take(self, keep: NDArray[np.bool_]) -> Points:
        """The rows marked by ``keep``."""
        return replace(
            self, table=replace(self.table, frame=self.table.frame[keep]), xy=self.xy[keep]
        )


def position_pairs(columns: Iterable[str]) -> list[Pair]:
    """Columns that look like positions, in pairs; x, y before east, north before lon, lat.

    A lone ``Y`` is yttrium.

    >>> position_pairs(["X", "Y", "lat", "lon", "NUMBER"])
    [Pair(kind='metres', x='X', y='Y'), Pair(kind='degrees', x='lon', y='lat')]
    >>> position_pairs(["EASTING", "NORTHING", "Y"])
    [Pair(kind='metres', x='EASTING', y='NORTHING')]
    """
    names = list(columns)
    pairs = []
    for kind, x, y in _FAMILIES:
        xs = [c for c in names if re.fullmatch(x, _letters(c))]
        ys = [c for c in names if re.fullmatch(y, _letters(c))]
        if xs and ys:
            pairs.append(Pair(kind, xs[0], ys[0]))
    return pairs


def read_points(
    section: Columns,
    path_setting: str,
    findings: Findings,
    missing: Sequence[str | float] = (-9999.0, ""),
) -> Points:
    """Read the points that ``[samples]`` or ``[deposits]`` names, in the CRS of their file.

    Rows without a position are left out and listed. Raises InputError for missing positions, a
    missing CRS, text or infinite values in positions, positions that cannot be in the CRS, and
    samples far from all others.
    """
    path = section.path  # type: ignore[attr-defined]  # every section with points has a path
    if is_vector(path):
        return _from_vectors(section, path_setting, findings)
    table = read_table(path, section.layer)
    for remark in table.remarks:
        findings.info("table-layout", str(path), remark)
    pairs = position_pairs(str(c) for c in table.frame.columns)
    pair = _chosen(section, table, pairs, path_setting)
    x = numbers(table.column(pair.x, f"{path_setting}.x"), table, missing)
    y = numbers(table.column(pair.y, f"{path_setting}.y"), table, missing)
    columns = tuple(dict.fromkeys([pair.x, pair.y, *(c for p in pairs for c in (p.x, p.y))]))
    points = Points(table, np.column_stack([x, y]), WGS84, columns)
    missing_position = np.asarray(np.isnan(points.xy).any(axis=1))
    if missing_position.all():
        raise InputError(
            "no row has a position",
            where=table.where(column=pair.x),
            remedy="set x and y to other columns",
        )
    if missing_position.any():
        rows = [int(r) for r in table.frame.index[missing_position]]
        findings.warning(
            "no-position",
            str(table.path),
            f"ignored {len(rows)} row(s) without a position: {listed(rows)}",
            "add their positions",
            rows=rows,
        )
    points = points.take(~missing_position)
    points = replace(points, crs=_crs(section, pair, points, path_setting, findings))
    columns_in_words = f"columns {pair.x!r} and {pair.y!r}"
    _check(points, columns_in_words, path_setting, _set_degrees(path_setting))
    _compare(points, pair, pairs, findings, missing)
    return points


def _from_vectors(section: Columns, setting: str, findings: Findings) -> Points:
    path = section.path  # type: ignore[attr-defined]
    frame = read_frame(path, section.layer)
    if section.x or section.y:
        raise ConfigError(
            "the file has geometries; position columns cannot be set for it",
            where=str(path),
            remedy=f"remove {setting}.x and {setting}.y",
        )
    frame = of_shape(frame, "point", str(path), findings, noun=setting)
    own = frame.crs
    crs = file_crs(own, section.crs, str(path), f"{setting}.crs")
    frame = frame.explode()  # one row per point of a multipoint
    table = InputTable(path, frame.drop(columns=frame.geometry.name), row_word="feature")
    points = Points(table, np.column_stack([frame.geometry.x, frame.geometry.y]), crs)
    if not np.isfinite(points.xy).all():
        row = int((~np.isfinite(points.xy).all(axis=1)).argmax())
        raise InputError(
            "a position is infinite",
            where=table.where(row=frame.index[row]),
            remedy="correct the geometry of this feature",
        )
    degrees_remedy = "give the file the CRS EPSG:4326" if own is not None else _set_degrees(setting)
    _check(points, "", setting, degrees_remedy)
    return points


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _chosen(section: Columns, table: InputTable, pairs: list[Pair], setting: str) -> Pair:
    if section.x is not None or section.y is not None:
        if section.x is None or section.y is None:
            raise ConfigError(
                "only one of x and y is set",
                where=setting,
                remedy=f"set both {setting}.x and {setting}.y",
            )
        swapped = position_pairs([section.x, section.y])
        if swapped and swapped[0].x == section.y:
            raise InputError(
                f"x is set to {section.x!r} and y to {section.y!r}; they look swapped",
                where=str(table.path),
                remedy=f"exchange {setting}.x and {setting}.y",
            )
        kind: Kind = swapped[0].kind if swapped else "metres"
        return Pair(kind, section.x, section.y)
    if not pairs:
        raise InputError(
            "no position columns were recognised among "
            + listed([str(c) for c in table.frame.columns], 20),
            where=str(table.path),
            remedy=table.or_sheet(f"set {setting}.x and {setting}.y", setting),
        )
    wanted: Kind = "degrees"
    if section.crs is not None and not parse_crs(section.crs, f"{setting}.crs").is_geographic:
        wanted = "metres"
    return next((p for p in pairs if p.kind == wanted), pairs[0])


def _crs(section: Columns, pair: Pair, points: Points, setting: str, findings: Findings) -> CRS:
    table = points.table
    if section.crs is not None:
        return parse_crs(section.crs, f"{setting}.crs")
    if pair.kind == "degrees":
        findings.info(
            "assumed-wgs84",
            str(table.path),
            f"columns {pair.x!r} and {pair.y!r} are read as longitude and latitude in WGS 84",
            f"set {setting}.crs if they are in another datum",
        )
        return WGS84
    what = "the table has no coordinate reference system (CRS) for its columns "
    what += f"{pair.x!r} and {pair.y!r}"
    degrees = look_like_degrees(points.xy)
    raise InputError(
        f"{what}; they look like degrees" if degrees else what,
        where=str(table.path),
        remedy=_set_degrees(setting) if degrees else f'set {setting}.crs, such as "EPSG:32645"',
    )


def _set_degrees(setting: str) -> str:
    return f'set {setting}.crs = "EPSG:4326"'


def _check(points: Points, columns: str, setting: str, degrees_remedy: str) -> None:
    where = ", ".join(filter(None, [str(points.table.path), columns]))
    if setting == "samples":
        _refuse_strays(points, columns, setting)
    try:
        if points.crs.is_geographic:
            check_degrees(points.xy[:, 0], points.xy[:, 1], where)
        else:
            check_projected(points.crs, points.xy, where, degrees_remedy)
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
    findings: Findings,
    missing: Sequence[str | float],
) -> None:
    """Warn if a second pair of columns gives other positions."""
    second = next((p for p in pairs if p.kind == "degrees" and p.kind != pair.kind), None)
    if second is None or not points.crs.is_projected:
        return
    frame = points.table.frame
    lonlat = np.column_stack(
        [numbers(frame[c], points.table, missing) for c in (second.x, second.y)]
    )
    apart = np.hypot(*(transformed(lonlat, WGS84, points.crs) - points.xy).T)
    apart = apart[np.isfinite(apart)]
    if len(apart) and np.median(apart) > _DISAGREE:
        findings.warning(
            "positions-disagree",
            str(points.table.path),
            f"columns {second.x!r}, {second.y!r} and {pair.x!r}, {pair.y!r} (as "
            f"{crs_name(points.crs)}) give positions that differ by {np.median(apart):,.0f} m "
            "(median)",
            "check crs and the columns: one of the two positions is wrong",
            median_metres=float(np.median(apart)),
        )
