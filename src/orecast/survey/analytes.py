"""Find the columns of a samples table that are elements, and their units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from orecast.arrays import Floats
from orecast.config import Samples
from orecast.errors import ConfigError, InputError, nearest
from orecast.survey.concentrations import holds_no_number
from orecast.survey.data import Element, Findings, listed
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
from orecast.survey.tables import InputTable

_COMMONLY_PPB = ("Au", "Hg", "Pt", "Pd")
_MISFIT = 30.0  # a default unit is doubtful if median and crust differ by this factor
_TOTAL_PPM = 1_050_000  # rounding and analytical errors can give slightly more than 100 %


def choose_elements(
    table: InputTable, samples: Samples, positions: Sequence[str], findings: Findings
) -> tuple[Element, ...]:
    """The elements among a table's columns: by the configuration, else by their headers.

    Other columns are listed in a finding and left out. Raises InputError if there is no element,
    two columns are the same element, or the configuration names a missing column.
    """
    columns = [str(c) for c in table.frame.columns]
    ignored = set(_resolved(samples.ignore, columns, table, "samples.ignore"))
    renamed = _renamed(samples.rename, table)
    wanted = None
    if samples.elements is not None:
        wanted = _resolved(samples.elements, columns, table, "samples.elements")
    headers: dict[str, tuple[str, str | None]] = {}
    unknown: list[str] = []
    for column in columns if wanted is None else wanted:
        if column in ignored or (wanted is None and column in positions):
            continue
        header = parse_header(column)
        if column in renamed:
            headers[column] = (renamed[column], unit_in(column) or table.units.get(column))
        elif header is None:
            unknown.append(column)
        elif wanted is None and holds_no_number(table.frame[column], table, samples.missing):
            findings.info(
                "column-of-words",
                table.where(column=column),
                f"ignored a column: its header could be {header.symbol}, but its cells are text",
            )
        else:
            headers[column] = (header.symbol, header.unit or table.units.get(column))
    if wanted is not None and unknown:
        raise InputError(
            f"{unknown[0]!r} is not recognised as an element",
            where=table.where(column=unknown[0]),
            remedy=f'set samples.rename = {{"{unknown[0]}" = "…"}} with its symbol',
        )
    if unknown:
        findings.info(
            "unrecognised-columns",
            str(table.path),
            f"ignored {len(unknown)} column(s) not recognised as an element: {listed(unknown, 20)}",
            "if one is an element, map it in samples.rename",
            columns=unknown,
        )
    if not headers:
        raise InputError(
            f"no column is recognised as an element: {listed(columns, 20)}",
            where=str(table.path),
            remedy='set samples.rename, such as {gold = "Au"}',
        )
    _require_distinct(headers, table)
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
            f"a row at the header gives the units of {len(table.units)} columns",
        )
    report_assumptions(chosen, written, str(table.path), "samples", findings)
    return chosen


def element(symbol: str, column: str, unit: str | None) -> Element:
    """An element with its unit, by default the default unit."""
    unit = unit or default_unit(symbol)
    return Element(symbol, column, unit, TO_PPM[unit])


def units_by_symbol(
    units: Mapping[str, str], symbols: Iterable[str], setting: str
) -> dict[str, str]:
    """The configured units by symbol.

    Raises ConfigError for an unknown unit, or an element that is not in the survey.
    """
    found = {}
    for key, text in units.items():
        unit = unit_named(text)
        if unit is None:
            raise ConfigError(
                f"{text!r} is not a unit",
                where=f"{setting}.{key}",
                remedy='use "ppb", "ppm", "%", "g/t", "mg/kg" or "ug/kg"',
            )
        found[_own_symbol(key, symbols, setting)] = unit
    return found


def limits_by_symbol(limits: Mapping[str, float], symbols: Iterable[str]) -> dict[str, float]:
    """The configured detection limits by symbol.

    Raises ConfigError for a limit that is not above zero, or an element that is not in the survey.
    """
    found = {}
    for key, limit in limits.items():
        if not (limit > 0 and np.isfinite(limit)):
            raise ConfigError(
                f"{limit:g} is not a detection limit; it must be above zero",
                where=f"samples.detection_limits.{key}",
                remedy="set the laboratory's limit in the column's unit",
            )
        found[_own_symbol(key, symbols, "samples.detection_limits")] = float(limit)
    return found


def report_assumptions(
    elements: Sequence[Element], written: set[str], where: str, setting: str, findings: Findings
) -> list[str]:
    """Report the units assumed for elements without one in the header, and return these elements.

    Also warn if an element and its oxide are both present: a composition counts it twice.
    """
    assumed = [e for e in elements if e.symbol not in written]
    by_unit = defaultdict(list)
    for e in assumed:
        by_unit[e.unit].append(e.symbol)
    what = "; ".join(f"{', '.join(symbols)} read as {unit}" for unit, symbols in by_unit.items())
    often = [e.symbol for e in assumed if e.symbol in _COMMONLY_PPB]
    if often:
        what += f". {' and '.join(often)} are often given in ppb"
    if assumed:
        findings.warning(
            "assumed-units",
            where,
            f"the header gives no unit for {len(assumed)} element(s): {what}",
            f"check the units, and set {setting}.units",
            units={e.symbol: e.unit for e in assumed},
        )
    symbols = [e.symbol for e in elements]
    twice = [f"{s} and {OXIDE_OF[s]}" for s in symbols if OXIDE_OF.get(s) in symbols]
    if twice:
        findings.warning(
            "element-and-oxide",
            where,
            f"an element and its oxide are both present, and the composition counts it twice: "
            f"{'; '.join(twice)}",
            f"leave out one of each: add it to {setting}.ignore, or set composition.parts",
        )
    return [e.symbol for e in assumed]


def check_units(
    elements: Sequence[Element],
    values: Floats,
    assumed: Iterable[str],
    where: str,
    setting: str,
    findings: Findings,
) -> None:
    """Warn if a median is far from the crust's in the assumed unit, but not in another."""
    assumed = set(assumed)
    doubtful, fits = [], {}
    for column, e in enumerate(elements):
        if e.symbol not in assumed or e.symbol not in CRUST:
            continue
        median = float(np.nanmedian(values[:, column]))
        times = median * e.to_ppm / CRUST[e.symbol]
        better = fitting_unit(e.symbol, median)
        if better in (None, e.unit) or 1 / _MISFIT < times < _MISFIT:
            continue
        fits[e.symbol] = better
        doubtful.append(
            f"{e.symbol} {median:.3g} (in {e.unit}: {times:.2g} times the crust's; {better} fits)"
        )
    if fits:
        units = ", ".join(f'{symbol} = "{unit}"' for symbol, unit in fits.items())
        findings.warning(
            "doubtful-units",
            where,
            f"in the assumed unit, the median of {len(fits)} element(s) is far from the upper "
            f"crust's: {'; '.join(doubtful)}",
            f"check the units; if they are wrong, set {setting}.units = {{{units}}}",
            fits=fits,
        )


def check_totals(
    elements: Sequence[Element], values: Floats, where: str, what: str, findings: Findings
) -> None:
    """Warn about samples whose elements sum to more than 100 %."""
    totals = np.nansum(values * [e.to_ppm for e in elements], axis=1)
    over = totals > _TOTAL_PPM
    if over.any():
        findings.warning(
            "total-above-100",
            where,
            f"in {over.sum()} {what} the elements sum to more than 100 %, up to "
            f"{totals.max() / 1e4:,.0f} %",
            "check the units, and elements given both as element and oxide",
            n=int(over.sum()),
        )


def _own_symbol(key: str, symbols: Iterable[str], setting: str) -> str:
    there = list(symbols)
    header = parse_header(key)
    symbol = key if key in there else symbol_named(key) or (header.symbol if header else key)
    if symbol not in there:
        raise ConfigError(
            f"the survey has no element {key!r}",
            where=f"{setting}.{key}",
            remedy=nearest(key, there),
        )
    return symbol


def _resolved(
    names: Sequence[str], columns: list[str], table: InputTable, setting: str
) -> list[str]:
    """The columns of names; a name is a column or the symbol of one."""
    by_symbol = {h.symbol: c for c in columns if (h := parse_header(c)) is not None}
    found = []
    for name in names:
        column = name if name in columns else by_symbol.get(symbol_named(name) or name)
        if column is None:
            table.column(name, setting)  # raises an error with the nearest names
        else:
            found.append(column)
    return found


def _renamed(rename: Mapping[str, str], table: InputTable) -> dict[str, str]:
    found = {}
    for column, text in rename.items():
        table.column(column, "samples.rename")
        symbol = symbol_named(text)
        if symbol is None:
            raise ConfigError(
                f"{text!r} is not an element or oxide",
                where=f"samples.rename.{column}",
                remedy=nearest(text, [*ELEMENTS, *OXIDES]),
            )
        found[column] = symbol
    return found


def _require_distinct(headers: Mapping[str, tuple[str, str | None]], table: InputTable) -> None:
    by_symbol = defaultdict(list)
    for column, (symbol, _) in headers.items():
        by_symbol[symbol].append(column)
    for symbol, columns in by_symbol.items():
        if len(columns) > 1:
            raise InputError(
                f"columns {' and '.join(map(repr, columns))} are all {symbol}",
                where=table.where(column=columns[0]),
                remedy="add all but one to samples.ignore",
            )
