"""Which columns of the samples are elements, and in what unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from orecast.arrays import Floats
from orecast.config import Samples
from orecast.errors import ConfigError, InputError, nearest
from orecast.survey.concentrations import holds_no_number
from orecast.survey.elements import (
    CRUST,
    ELEMENTS,
    OXIDE_OF,
    OXIDES,
    TO_PPM,
    default_unit,
    fitting_unit,
    parse_header,
    symbol_named,
    unit_in,
    unit_named,
)
from orecast.survey.nouns import Element, Findings, listed
from orecast.survey.tables import Table

_COMMONLY_PPB = ("Au", "Hg", "Pt", "Pd")
_MISFIT = 30.0  # the default unit is doubted where the median is this far from the crust's
_TOTAL_PPM = 1_050_000  # rounding and summed analytical errors may exceed 100 % a little


def lift_units(table: Table) -> Table:
    """Take a row of units under the header, as laboratories' certificates have it, off the rows.

    It is one where the first cell of every column headed by an element without a unit names a
    unit. The table's ``units`` then hold them by column.
    """
    first = table.frame.iloc[0]
    bare = [
        c
        for c in map(str, table.frame.columns)
        if (h := parse_header(c)) is not None and h.unit is None
    ]
    units = {c: unit_named(str(first[c])) for c in bare if isinstance(first[c], str)}
    named = {c: unit for c, unit in units.items() if unit is not None}
    if not named or any(unit is None for unit in units.values()):
        return table
    return replace(table, frame=table.frame.iloc[1:], units=named)


def choose_elements(
    table: Table, samples: Samples, positions: Sequence[str], findings: Findings
) -> tuple[Element, ...]:
    """Elements among a table's columns: by the configuration, else by their headers.

    What is not recognised is listed in a finding and left out. Raises InputError where nothing is
    recognised, two columns claim one element, or the configuration names what is not there.
    """
    columns = [str(c) for c in table.frame.columns]
    ignored = set(_resolved(samples.ignore, columns, table, "samples.ignore"))
    renamed = _renamed(samples.rename, table)
    wanted = None
    if samples.elements is not None:
        wanted = _resolved(samples.elements, columns, table, "samples.elements")
    headers: dict[str, tuple[str, str | None]] = {}
    strange: list[str] = []
    for column in columns if wanted is None else wanted:
        if column in ignored or (wanted is None and column in positions):
            continue
        header = parse_header(column)
        if column in renamed:
            headers[column] = (renamed[column], unit_in(column) or table.units.get(column))
        elif header is None:
            strange.append(column)
        elif wanted is None and holds_no_number(table.frame[column], table, samples.missing):
            findings.info(
                "column-of-words",
                table.where(column=column),
                f"the header could be {header.symbol}, but the cells are words: left out",
            )
        else:
            headers[column] = (header.symbol, header.unit or table.units.get(column))
    if wanted is not None and strange:
        raise InputError(
            f"{strange[0]!r} is not recognised as an element",
            where=table.where(column=strange[0]),
            remedy=f'set samples.rename = {{"{strange[0]}" = "…"}} with its symbol',
        )
    _list_strange(strange, table, findings)
    _require_some(headers, columns, table)
    _refuse_twice(headers, table)
    units = units_by_symbol(samples.units, [s for s, _ in headers.values()], "samples.units")
    chosen = tuple(
        element(symbol, column, units.get(symbol) or unit)
        for column, (symbol, unit) in headers.items()
    )
    written = set(units) | {symbol for symbol, unit in headers.values() if unit}
    if table.units:
        findings.info(
            "units-row",
            str(table.path),
            f"the row under the header is taken as units of {len(table.units)} columns",
        )
    note_assumed_units(chosen, written, str(table.path), "samples", findings)
    note_counted_twice([e.symbol for e in chosen], str(table.path), findings)
    return chosen


def element(symbol: str, column: str, unit: str | None) -> Element:
    """An element with its unit, or the default where none is known."""
    unit = unit or default_unit(symbol)
    return Element(symbol, column, unit, TO_PPM[unit])


def units_by_symbol(
    units: Mapping[str, str], symbols: Iterable[str], setting: str
) -> dict[str, str]:
    """The configured units, by symbol as we write it.

    Raises ConfigError for an unknown unit, or an element that the survey does not have.
    """
    found = {}
    for key, text in units.items():
        unit = unit_named(text)
        if unit is None:
            raise ConfigError(
                f"{text!r} is no unit",
                where=f"{setting}.{key}",
                remedy='write "ppb", "ppm", "%", "g/t", "mg/kg" or "ug/kg"',
            )
        found[_own_symbol(key, symbols, setting)] = unit
    return found


def limits_by_symbol(limits: Mapping[str, float], symbols: Iterable[str]) -> dict[str, float]:
    """The configured detection limits, by symbol as we write it.

    Raises ConfigError for a limit that is not above zero, or an element that is not there.
    """
    found = {}
    for key, limit in limits.items():
        if not (limit > 0 and np.isfinite(limit)):
            raise ConfigError(
                f"{limit:g} is no detection limit, which is above zero",
                where=f"samples.detection_limits.{key}",
                remedy="set the laboratory's limit in the column's unit",
            )
        found[_own_symbol(key, symbols, "samples.detection_limits")] = float(limit)
    return found


def note_assumed_units(
    elements: Sequence[Element], written: set[str], where: str, setting: str, findings: Findings
) -> None:
    """Say which units no header names, and what is taken."""
    assumed = [e for e in elements if e.symbol not in written]
    if not assumed:
        return
    by_unit = defaultdict(list)
    for e in assumed:
        by_unit[e.unit].append(e.symbol)
    what = "; ".join(f"{', '.join(symbols)} taken as {unit}" for unit, symbols in by_unit.items())
    often = [e.symbol for e in assumed if e.symbol in _COMMONLY_PPB]
    if often:
        what += f". {' and '.join(often)} commonly come in ppb"
    findings.warning(
        "assumed-units",
        where,
        f"no header names a unit of {len(assumed)} element(s): {what}",
        f"set {setting}.units",
        units={e.symbol: e.unit for e in assumed},
    )


def doubt_units(
    elements: Sequence[Element],
    values: Floats,
    assumed: Iterable[str],
    where: str,
    setting: str,
    findings: Findings,
) -> None:
    """Warn where an assumed unit puts the median far from the crust's and another would not."""
    assumed = set(assumed)
    doubted, fits = [], {}
    for column, e in enumerate(elements):
        if e.symbol not in assumed or e.symbol not in CRUST:
            continue
        median = float(np.nanmedian(values[:, column]))
        times = median * e.to_ppm / CRUST[e.symbol]
        better = fitting_unit(e.symbol, median)
        if better in (None, e.unit) or 1 / _MISFIT < times < _MISFIT:
            continue
        fits[e.symbol] = better
        doubted.append(f"{e.symbol} {median:.3g} (as {e.unit} {times:.2g} times; {better} fits)")
    if fits:
        units = ", ".join(f'{symbol} = "{unit}"' for symbol, unit in fits.items())
        findings.warning(
            "doubtful-units",
            where,
            f"the assumed unit of {len(fits)} element(s) puts the median far from the upper "
            f"crust's: {'; '.join(doubted)}",
            f"set {setting}.units = {{{units}}} where that is so",
            fits=fits,
        )


def note_counted_twice(symbols: Sequence[str], where: str, findings: Findings) -> None:
    """Say where an element and its oxide are both there: a composition would count it twice."""
    twice = [f"{s} and {OXIDE_OF[s]}" for s in symbols if OXIDE_OF.get(s) in symbols]
    if twice:
        findings.warning(
            "element-and-oxide",
            where,
            f"a composition counts twice: {'; '.join(twice)}",
            "leave one of each out by composition.parts or ignore",
        )


def check_totals(
    elements: Sequence[Element], values: Floats, where: str, what: str, findings: Findings
) -> None:
    """Warn where the parts of a sample sum to more than the whole."""
    totals = np.nansum(values * [e.to_ppm for e in elements], axis=1)
    over = totals > _TOTAL_PPM
    if over.any():
        findings.warning(
            "total-above-100",
            where,
            f"in {over.sum()} {what} the parts sum to more than 100 %, up to "
            f"{totals.max() / 1e4:,.0f} %",
            "check the units, and elements reported beside their oxides",
            n=int(over.sum()),
        )


def _own_symbol(key: str, symbols: Iterable[str], setting: str) -> str:
    there = list(symbols)
    header = parse_header(key)
    symbol = key if key in there else symbol_named(key) or (header.symbol if header else key)
    if symbol not in there:
        raise ConfigError(
            f"there is no element {key!r} in the survey",
            where=f"{setting}.{key}",
            remedy=nearest(key, there),
        )
    return symbol


def _resolved(names: Sequence[str], columns: list[str], table: Table, setting: str) -> list[str]:
    """Columns that names mean: a column itself, or the symbol of one."""
    by_symbol = {h.symbol: c for c in columns if (h := parse_header(c)) is not None}
    found = []
    for name in names:
        column = name if name in columns else by_symbol.get(symbol_named(name) or name)
        if column is None:
            table.column(name, setting)  # raises, with the nearest names
        else:
            found.append(column)
    return found


def _renamed(rename: Mapping[str, str], table: Table) -> dict[str, str]:
    found = {}
    for column, text in rename.items():
        table.column(column, "samples.rename")
        symbol = symbol_named(text)
        if symbol is None:
            raise ConfigError(
                f"{text!r} is no element or oxide",
                where=f"samples.rename.{column}",
                remedy=nearest(text, [*ELEMENTS, *OXIDES]),
            )
        found[column] = symbol
    return found


def _list_strange(strange: list[str], table: Table, findings: Findings) -> None:
    if strange:
        findings.info(
            "unrecognised-columns",
            str(table.path),
            f"{len(strange)} column(s) are no elements and are left out: {listed(strange, 20)}",
            "name them in samples.rename where they are",
            columns=strange,
        )


def _require_some(headers: Mapping[str, object], columns: list[str], table: Table) -> None:
    if not headers:
        raise InputError(
            f"no column is recognised as an element among {listed(columns, 20)}",
            where=str(table.path),
            remedy='set samples.rename, such as {gold = "Au"}',
        )


def _refuse_twice(headers: Mapping[str, tuple[str, str | None]], table: Table) -> None:
    by_symbol = defaultdict(list)
    for column, (symbol, _) in headers.items():
        by_symbol[symbol].append(column)
    for symbol, columns in by_symbol.items():
        if len(columns) > 1:
            raise InputError(
                f"columns {' and '.join(map(repr, columns))} are all {symbol}",
                where=table.where(column=columns[0]),
                remedy="name all but one in samples.ignore",
            )
