"""The CRS of a table's positions: from the configuration, the headers, or columns of zones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from orecast.arrays import Floats, Ints
from orecast.config import Columns
from orecast.errors import InputError
from orecast.grid import crs_name
from orecast.survey.crs_names import (
    CrsWords,
    crs_of_words,
    crs_words,
    crs_words_of_pair,
    words_of_crs,
)
from orecast.survey.data import Findings, listed
from orecast.survey.position_names import Pair, describes_datum, describes_zone
from orecast.survey.projection import look_like_degrees, moved, parse_crs
from orecast.survey.tables import InputTable

if TYPE_CHECKING:
    import pandas as pd

_MOST_ZONES = 6  # of one survey; a column with more numbers is no column of UTM zones
_ABSENT = ("", "nan", "none", "null", "na", "n/a", "-")
_NORTH_POLE, _SOUTH_POLE = 9_350_000.0, 1_100_000.0  # northings beyond UTM's 84° N and 80° S
_BAND_S = (3_500_000.0, 4_450_000.0)  # northings of the band S, 32° N to 40° N


@dataclass(frozen=True)
class _Rows:
    """The words of a CRS of each row: ``number`` ``(n,)`` counts in ``words``."""

    columns: tuple[str, ...]
    number: Ints
    words: tuple[CrsWords, ...]


def crs_columns(table: InputTable, pair: Pair, zone: str | None, setting: str) -> list[str]:
    """Columns with the zone, the datum or the CRS of each row.

    ``zone`` is the configured column; "" means none. Raises InputError for an unknown column.
    """
    if zone == "":
        return []
    if zone is not None:
        table.column(zone, f"{setting}.zone")
        others = [c for c in _found(table, pair, describes_datum) if c != zone]
        return [zone, *others]
    zones = _found(table, pair, describes_zone) if pair.kind == "metres" else []
    return [*zones[:1], *_found(table, pair, describes_datum)[:1]]


def _found(table: InputTable, pair: Pair, describes: Callable[[str], bool]) -> list[str]:
    columns = [str(c) for c in table.frame.columns if str(c) not in (pair.x, pair.y)]
    return [c for c in columns if describes(c) and _cell_words(table.frame[c]) is not None]


def _cell_words(cells: pd.Series[Any]) -> tuple[Ints, list[CrsWords]] | None:
    """The words of each cell; None where a cell with a value names no CRS and no zone."""
    import pandas as pd

    number, texts = pd.factorize(cells.astype("str").where(cells.notna(), ""))
    plain = [str(t).strip() for t in texts]
    if len(plain) > 50:
        return None
    words = [crs_words(t, cell=True) if t.lower() not in _ABSENT else CrsWords() for t in plain]
    named = np.array([bool(w) for w in words])
    absent = np.array([t.lower() in _ABSENT for t in plain])
    if not named.any() or (~named & ~absent).any() or len({w.zone for w in words}) > _MOST_ZONES:
        return None
    return number.astype(np.int64), words


def names_crs(pair: Pair) -> bool:
    """Whether the headers of a pair have a CRS that is known without further columns."""
    words = crs_words_of_pair(pair.x, pair.y)
    return crs_of_words(words, degrees=pair.kind == "degrees") is not None


def crs_of_rows(
    table: InputTable,
    xy: Floats,
    pair: Pair,
    section: Columns,
    setting: str,
    code: int | None,
    findings: Findings,
) -> tuple[Floats, CRS]:
    """Positions ``(n, 2)`` in one CRS, and that CRS.

    It is the configured one, the SRID ``code`` of points in WKT, or the one that headers or
    columns of the table name. Rows in other zones or datums are transformed to that of most rows.
    Degrees without a datum are read as WGS 84. Each decision is a finding.

    Raises InputError if no CRS is known, with the lines to choose from, and if a column
    contradicts the configured CRS.
    """
    degrees = pair.kind == "degrees"
    where = str(table.path)
    configured = None if section.crs is None else parse_crs(section.crs, f"{setting}.crs")
    header = CrsWords(code=code) if code else crs_words_of_pair(pair.x, pair.y)
    rows = _rows(table, pair, section.zone, setting)
    if configured is not None:
        if configured.is_geographic != degrees or configured.is_engineering:
            return xy, configured
        base = words_of_crs(configured)
        if rows is None or base is None:
            return xy, configured
        rows = _agreeing(rows, base, configured, section.zone, where, setting, findings)
        if rows is None:
            return xy, configured
        header = base
    if rows is None:
        rows = _Rows((), np.zeros(len(xy), dtype=np.int64), (CrsWords(),))
    known, unknown = {}, []
    for k, _ in Counter(rows.number.tolist()).most_common():
        here = xy[rows.number == k]
        words = _completed(rows.words[k] | header, here, pair)
        crs = configured if words == header and configured else crs_of_words(words, degrees=degrees)
        if crs is None and degrees:
            crs = CRS.from_epsg(4326)
        if crs is None:
            unknown.append(words)
        else:
            known[k] = (_without_prefix(crs, words, here), words)
    if unknown:
        raise _no_crs(table, xy, pair, unknown, setting)
    counts = Counter({k: int((rows.number == k).sum()) for k in known})
    target, words = known[counts.most_common(1)[0][0]]
    _report(target, words, rows, pair, configured, where, setting, findings)
    together = xy.copy()
    moves = {k: crs for k, (crs, _) in known.items() if crs != target}
    for k, crs in moves.items():
        together[rows.number == k] = moved(xy[rows.number == k], crs, target, where)
    if moves:
        by_crs: Counter[str] = Counter()
        for k, (crs, _) in known.items():
            by_crs[crs_name(crs)] += counts[k]
        findings.info(
            "crs-by-row",
            where,
            f"{_named(rows.columns)} gives the CRS of each row: "
            + ", ".join(f"{name} in {n} rows" for name, n in by_crs.most_common())
            + f"; all are transformed to {crs_name(target)}",
            f'set {f"{setting}.zone".lstrip(".")} = "" if this column does not give the CRS',
            columns=list(rows.columns),
            rows=dict(by_crs),
        )
    return together, target


def _named(columns: tuple[str, ...]) -> str:
    return " and ".join(f"column {c!r}" for c in columns)


def _rows(table: InputTable, pair: Pair, zone: str | None, setting: str) -> _Rows | None:
    """The words of all columns of zones and datums, combined."""
    columns = crs_columns(table, pair, zone, setting)
    number = np.zeros(len(table.frame), dtype=np.int64)
    words = [CrsWords()]
    used = []
    for column in columns:
        found = _cell_words(table.frame[column])
        if found is None:
            raise InputError(
                "the column has cells that name no zone and no CRS",
                where=table.where(column=column),
                remedy=f"write zones such as 50 or 50J, or CRS such as EPSG:28350; or set "
                f'{setting}.zone = ""',
            )
        used.append(column)
        number = number * len(found[1]) + found[0]
        words = [a | b for a in words for b in found[1]]
    if not used:
        return None
    return _Rows(tuple(used), number, tuple(words))


def _agreeing(
    rows: _Rows,
    base: CrsWords,
    configured: CRS,
    zone: str | None,
    where: str,
    setting: str,
    findings: Findings,
) -> _Rows | None:
    """The words of rows, where they describe the configured CRS too; else None, and a finding."""
    there = [rows.words[k] for k in np.unique(rows.number)]
    zones = {w.zone for w in there if w.zone is not None and base.zone is not None}
    if zones and base.zone not in zones:
        what = (
            f"{_named(rows.columns)} has the zone(s) {listed(sorted(zones))}, but {setting}.crs is "
            f"{crs_name(configured)} (zone {base.zone})"
        )
        near = min(abs(z - (base.zone or 0)) for z in zones) <= 2
        if near or zone:
            other = crs_of_words(replace(base, zone=min(zones)), degrees=False)
            raise InputError(
                what,
                where=where,
                remedy=(f'set {setting}.crs = "{crs_name(other)}"; or, ' if other else "")
                + f'if the column has no zones of a CRS, set {setting}.zone = ""',
            )
        findings.info("zones-not-used", where, f"{what}: the column is not used as a zone")
        return None
    datums = {w.datum for w in there if w.datum is not None} | {None}
    datums -= {None, "GDA"}
    if datums and base.datum not in datums and not any(w.code for w in there):
        findings.warning(
            "datum-disagrees",
            where,
            f"{_named(rows.columns)} names the datum {listed(sorted(map(str, datums)))}, but "
            f"{setting}.crs is {crs_name(configured)}, which is used",
            f"correct {setting}.crs if the column is right",
        )
        return replace(rows, words=tuple(replace(w, datum=base.datum) for w in rows.words))
    return rows


def _completed(words: CrsWords, xy: Floats, pair: Pair) -> CrsWords:
    """Words with the hemisphere that northings show, and the zone that eastings begin with."""
    if pair.kind == "degrees" or words.code or not len(xy):
        return words
    x, y = np.nanmedian(xy, axis=0)
    if words.band == "s" and _BAND_S[0] < y < _BAND_S[1] and not words.datum:
        words = replace(words, south=None)  # zone 50 south, or the band S in the north
    if words.south is None and words.zone is not None:
        if y > _NORTH_POLE:
            words = replace(words, south=True)
        elif 0 < y < _SOUTH_POLE:
            words = replace(words, south=False)
    german = "recht" in pair.x.lower() or "gauss" in pair.x.lower() or "gau\u00df" in pair.x.lower()
    if german and not words and 2e6 < x < 6e6 and 5.1e6 < y < 6.2e6:
        words = replace(words, datum="DHDN")
    if words.zone is None and words.datum in _GAUSS_KRUGER and 1 <= x // 1e6 <= 60:
        words = replace(words, zone=int(x // 1e6))
    return words


_GAUSS_KRUGER = frozenset(
    ("DHDN", "Pulkovo 1942", "Pulkovo 1995", "CGCS2000", "Xian 1980", "Beijing 1954")
)


def _without_prefix(crs: CRS, words: CrsWords, xy: Floats) -> CRS:
    """The CRS of Gauss-Krüger eastings that do not begin with the zone's number."""
    if words.datum not in _GAUSS_KRUGER or words.zone is None or np.nanmedian(xy[:, 0]) > 1e6:
        return crs
    three = words.zone >= 24 or words.datum == "DHDN"
    meridian = 3 * words.zone if three else 6 * words.zone - 3
    name = crs.name.rsplit(" zone ", 1)[0]
    try:
        return CRS.from_user_input(f"{name} CM {meridian}E")
    except Exception:
        return crs


def _report(
    crs: CRS,
    words: CrsWords,
    rows: _Rows,
    pair: Pair,
    configured: CRS | None,
    where: str,
    setting: str,
    findings: Findings,
) -> None:
    """Report which CRS is used, and what was assumed."""
    if configured is not None:
        return
    if pair.kind == "degrees" and not (words.datum or words.code):
        findings.info(
            "assumed-wgs84",
            where,
            f"{pair.columns} are read as longitude and latitude in WGS 84",
            f"set {_key(setting)} if they are in another datum",
        )
        return
    source = f"the headers of {pair.columns}"
    if rows.columns:
        source = _named(rows.columns) + ("" if rows.words[0].code else " and the headers")
    what = f"{pair.columns} are read as {crs_name(crs)} ({crs.name}), from {source}"
    if pair.kind == "metres" and words.datum in (None, "GDA") and not words.code:
        datum = "GDA94" if words.datum else "WGS 84"
        apart = "2 m" if words.datum else "200 m"
        what += f"; the datum is not named, and {datum} is used; others differ by up to {apart}"
    remedy = f"set {_key(setting)} if this is wrong"
    findings.info("crs-found", where, what, remedy, crs=crs_name(crs))


def _key(setting: str) -> str:
    return f"{setting}.crs" if setting else "crs"


def _no_crs(
    table: InputTable, xy: Floats, pair: Pair, unknown: list[CrsWords], setting: str
) -> InputError:
    what = f"the table has no CRS for its {pair.columns}"
    key = _key(setting)
    if look_like_degrees(xy):
        return InputError(
            f"{what}; they look like degrees",
            where=str(table.path),
            remedy=f'set {key} = "EPSG:4326"',
        )
    words = unknown[0]
    named = _alternatives(words)
    if named:
        lines = " or ".join(f'{key} = "{crs_name(crs)}" ({crs.name})' for crs in named)
        zones = sorted({w.zone for w in unknown if w.zone is not None})
        if len(zones) > 1:
            what += f"; its rows are in the zones {listed(zones)}"
            lines += "; the rows of other zones are then read in the same system"
        return InputError(what, where=str(table.path), remedy=f"set {lines}")
    if words.datum:
        example = crs_of_words(replace(words, zone=50 if words.south else 11), degrees=False)
        shown = f', such as "{crs_name(example)}" ({example.name})' if example else ""
        return InputError(
            f"{what}: the headers name {words.datum} and no zone",
            where=str(table.path),
            remedy=f"set {key} to the zone of the survey{shown}",
        )
    return InputError(what, where=str(table.path), remedy=f'set {key}, such as "EPSG:32645"')


def _alternatives(words: CrsWords) -> list[CRS]:
    """The CRS among which only a person can choose, for a zone without a hemisphere or datum."""
    if words.zone is None:
        return []
    sides = (False, True) if words.south is None else (words.south,)
    options = [replace(words, south=south) for south in sides]
    if words.datum is None and True in sides and 48 <= words.zone <= 58:
        options.append(replace(words, datum="GDA94"))
    found = [crs_of_words(option, degrees=False) for option in options]
    return [crs for crs in found if crs is not None]
