"""Find the columns of a samples table that are elements, and their units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from orecast.arrays import Floats
from orecast.config import Samples
from orecast.errors import ConfigError, InputError, nearest
from orecast.survey.columns import choose_columns, with_over_range
from orecast.survey.data import Element, Findings, listed
from orecast.survey.elements import (
    CRUST,
    OXIDE_OF,
    TO_PPM,
    default_unit,
    fitting_unit,
    is_possible,
    parse_header,
    symbol_named,
    unit_named,
)
from orecast.survey.tables import InputTable

_COMMONLY_PPB = ("Au", "Hg", "Pt", "Pd")
_MISFIT = 30.0  # a default unit is doubtful if median and crust differ by this factor
_TOTAL_PPM = 1_050_000  # rounding and analytical errors can give slightly more than 100 %


def choose_elements(
    table: InputTable, samples: Samples, positions: Sequence[str], findings: Findings
) -> tuple[tuple[Element, ...], InputTable]:
    """The elements among a table's columns, and the table with over-range analyses filled in.

    Columns are chosen by ``choose_columns``; those left out are findings. Raises InputError if
    there is no element, two columns named in the configuration are the same element, or the
    configuration names a missing column.
    """
    choice = choose_columns(table, samples, positions, findings)
    columns = choice.columns
    if not columns:
        names = [str(c) for c in table.frame.columns]
        rename = choice.near or {"gold": "Au"}
        raise InputError(
            f"no column is recognised as an element: {listed(names, 20)}",
            where=str(table.path),
            remedy="set samples.rename = {"
            + ", ".join(f'"{column}" = "{symbol}"' for column, symbol in rename.items())
            + "}"
            + ("" if choice.near else ", with your columns and their symbols"),
        )
    symbols = [*(c.symbol for c in columns.values()), *choice.symbols]
    units = units_by_symbol(samples.units, symbols, "samples.units")
    chosen = tuple(
        replace(
            element(c.symbol, c.name, units.get(c.symbol) or c.supposed_unit),
            qualifier=choice.qualifiers.get(c.name),
        )
        for c in columns.values()
    )
    written = set(units) | {c.symbol for c in columns.values() if c.unit}
    if table.units:
        findings.info(
            "units-row",
            str(table.path),
            f"a row at the header gives the units of {len(table.units)} columns",
        )
    if table.methods:
        methods = {c: m for c, m in table.methods.items() if c in columns}
        findings.info(
            "methods-row",
            str(table.path),
            f"a row at the header gives the methods of {len(methods)} columns: "
            + listed([f"{c} {m}" for c, m in methods.items()], 40),
            methods=methods,
        )
    highest = [c.highest for c in columns.values()]
    report_impossible(chosen, highest, str(table.path), "samples", findings)
    report_assumptions(chosen, written, str(table.path), "samples", findings)
    return chosen, with_over_range(table, choice)


def report_impossible(
    elements: Sequence[Element],
    highest: Sequence[float],
    where: str,
    setting: str,
    findings: Findings,
) -> None:
    """Warn about columns with values above 100 % in their unit."""
    found = {
        e.column: f"{e.column} up to {high:g} {e.unit}"
        for e, high in zip(elements, highest, strict=True)
        if not is_possible(e.unit, high)
    }
    if found:
        findings.warning(
            "unit-beyond-the-possible",
            where,
            f"{len(found)} column(s) have more than 100 %: {listed(list(found.values()), 40)}",
            f"set {setting}.units to the unit of the laboratory, such as {{"
            + ", ".join(f'{e.symbol} = "ppm"' for e in elements if e.column in found)
            + "}",
            columns=list(found),
        )


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


def limits_by_symbol(
    limits: Mapping[str, float | Sequence[float]], symbols: Iterable[str]
) -> dict[str, tuple[float, ...]]:
    """The configured detection limits by symbol, one or several of each.

    Raises ConfigError for a limit that is not above zero, or an element that is not in the survey.
    """
    symbols = list(symbols)
    found = {}
    for key, given in limits.items():
        several = tuple(given) if isinstance(given, Sequence) else (given,)
        for limit in several:
            if not (limit > 0 and np.isfinite(limit)):
                raise ConfigError(
                    f"{limit:g} is not a detection limit; it must be above zero",
                    where=f"samples.detection_limits.{key}",
                    remedy="set the laboratory's limit in the column's unit",
                )
        found[_own_symbol(key, symbols, "samples.detection_limits")] = several
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
        better = fitting_unit(e.symbol, median, float(np.nanmax(values[:, column])))
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
    elements: Sequence[Element],
    values: Floats,
    where: str,
    setting: str,
    findings: Findings,
    rows: Sequence[int] = (),
) -> None:
    """Warn about samples or cells whose elements sum to more than 100 %.

    ``setting`` is ``samples`` or ``gridded``; ``rows`` are the numbers of the samples' rows in the
    file, none for cells.
    """
    parts = values * [e.to_ppm for e in elements]
    totals = np.nansum(parts, axis=1)
    over = totals > _TOTAL_PPM
    if over.any():
        most = int(np.argmax(totals))
        column = int(np.nanargmax(parts[most]))
        largest = elements[column]
        numbers = [row for row, above in zip(rows, over, strict=False) if above]
        which = f" (rows {listed(numbers)})" if numbers else ""
        findings.warning(
            "total-above-100",
            where,
            f"in {over.sum()} {'samples' if setting == 'samples' else 'cells'}{which} the elements "
            f"sum to more than 100 %, up to {totals[most] / 1e4:,.0f} %. At the highest sum, the "
            f"largest part is {largest.symbol}, {parts[most, column] / 1e4:,.0f} %",
            f"if its unit is wrong, correct {setting}.units; if an element is given both as "
            f"element and as oxide, add one of the two to {setting}.ignore",
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
