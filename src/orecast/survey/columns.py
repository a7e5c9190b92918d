"""Decide which column of a table is which element, and which columns cannot serve.

``orecast init`` and the reading of a survey use the same function, ``choose_columns``. Every
decision is a finding.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.config import Samples
from orecast.errors import ConfigError, InputError, nearest
from orecast.survey.cells import read_cells
from orecast.survey.data import Findings, listed
from orecast.survey.elements import (
    CRUST,
    ELEMENTS,
    OXIDE_OF,
    OXIDES,
    TO_PPM,
    default_unit,
    fitting_unit,
    is_possible,
    near_miss,
    parse_headers,
    symbol_named,
    unit_in,
)
from orecast.survey.qualifiers import qualifier_columns
from orecast.survey.tables import InputTable

_ABOUT_EQUAL = 0.05  # shares of values and of detected values that differ less are equal
_FIT = 30.0  # a median this many times above or below the crust's fits the unit
_FEWEST = 5  # values from which whole numbers are told from concentrations
_MOST_LISTED = 40
# "Not detected" or "not determined": a column of these alone has no information.
_NOT_DETERMINED = ("nd", "n.d.", "n/d", "n.d")
TEXT = "text"
"""Why a column of text is left out."""
_UNUSABLE = ("empty", "never detected", "constant")


@dataclass(frozen=True)
class Column:
    """What a column of a table holds that an element's header names.

    ``values`` ``(n,)`` are NaN where missing; ``below`` and ``above`` mark ``<`` and ``>``.
    ``unit`` is None if neither the header nor a row of units nor the configuration gives one.
    """

    name: str
    symbol: str
    unit: str | None
    values: Floats
    below: Bools
    above: Bools
    words: bool  # whether all cells that are not missing are text

    @property
    def present(self) -> Bools:
        """Which rows have a value, detected or not, ``(n,)``."""
        return ~np.isnan(self.values) | self.below

    @property
    def detected(self) -> Bools:
        """Which rows have a detected value, ``(n,)``."""
        return ~np.isnan(self.values) & ~self.below & (self.values > 0)

    @property
    def counts(self) -> str:
        """The numbers of values and of detected values, in words."""
        n, detected = int(self.present.sum()), int(self.detected.sum())
        return f"{n} value{'s' * (n != 1)}, {detected} detected"

    @property
    def median(self) -> float:
        """The median of the detected values; NaN if there is none."""
        found = self.values[self.detected]
        return float(np.median(found)) if len(found) else np.nan

    @property
    def highest(self) -> float:
        """The highest detected value; NaN if there is none."""
        found = self.values[self.detected]
        return float(found.max()) if len(found) else np.nan

    @property
    def supposed_unit(self) -> str:
        """The unit; without one, the default unit, or ppm if the default is impossible."""
        unit = self.unit or default_unit(self.symbol)
        return unit if self.unit or is_possible(unit, self.highest) else "ppm"

    @property
    def unusable(self) -> str | None:
        """Why the column has no information, or None: empty, never detected, one value."""
        if not self.present.any():
            return "empty"
        if not self.detected.any():
            return "never detected"
        known = self.values[~np.isnan(self.values)]
        lowest = known[known > 0].min(initial=np.inf)  # zeros are read as below it
        if np.ptp(np.where(known == 0, lowest, known)) == 0:
            return "constant"
        return None


@dataclass(frozen=True)
class ColumnChoice:
    """The columns that are elements, by name, and what became of the others.

    ``qualifiers`` is the column of marks, such as ``<``, by the column of values. ``left_out``
    gives the reason by column, ``symbols`` their elements. ``over_range`` is the column whose
    values replace those above the upper limit, by column; ``near`` the element that an
    unrecognised column probably is.
    """

    columns: dict[str, Column]
    left_out: dict[str, str] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)
    over_range: dict[str, Column] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    near: dict[str, str] = field(default_factory=dict)
    qualifiers: dict[str, str] = field(default_factory=dict)

    @property
    def unusable(self) -> int:
        """The number of columns that are left out because they have no information."""
        return sum(why in _UNUSABLE for why in self.left_out.values())


def choose_columns(
    table: InputTable, samples: Samples, positions: Collection[str], findings: Findings
) -> ColumnChoice:
    """Choose the columns that are elements: by the configuration, else by header and content.

    Columns without information, whole numbers that count something, all but one of the columns of
    an element, and an element beside its oxide are left out. Each kind is one finding. Columns in
    ``samples.elements`` and ``samples.rename`` are kept. ``positions`` are no elements.

    Raises InputError if the configuration names a missing column, one that is not recognised, or
    two columns of one element; ConfigError for an unknown symbol in ``samples.rename``.
    """
    names = [str(c) for c in table.frame.columns]
    parsed = parse_headers(c for c in names if c not in positions)
    by_symbol = {header.symbol: c for c, header in parsed.items() if header is not None}
    ignored = set(_resolved(samples.ignore, names, by_symbol, table, "samples.ignore"))
    renamed = _renamed(samples.rename, table)
    wanted = None
    if samples.elements is not None:
        wanted = _resolved(samples.elements, names, by_symbol, table, "samples.elements")
    for name in (name for pair in samples.over_range.items() for name in pair):
        table.column(name, "samples.over_range")
    reruns = [name for name in samples.over_range.values() if name not in (wanted or ())]
    found: dict[str, Column] = {}
    unknown: list[str] = []
    for name in names if wanted is None else [*wanted, *reruns]:
        if name in ignored or (wanted is None and name in positions):
            continue
        header = parsed.get(name)
        if name in renamed:
            unit = unit_in(name) or table.units.get(name)
            found[name] = _column(name, renamed[name], unit, table, samples)
        elif header is None:
            unknown.append(name)
        else:
            unit = header.unit or table.units.get(name)
            found[name] = _column(name, header.symbol, unit, table, samples)
    symbols = {c.name: c.symbol for c in found.values() if not c.words}
    others = [c for c in names if not (c in symbols or c in ignored or c in positions)]
    qualifiers = qualifier_columns(table, symbols, others, samples)
    for name in qualifiers.values():
        found.pop(name, None)
    unknown = [name for name in unknown if name not in qualifiers.values()]
    if wanted is not None and unknown:
        raise InputError(
            f"{listed([repr(c) for c in unknown])}: not recognised as an element",
            where=table.where(column=unknown[0]),
            remedy=f"set samples.rename = {_toml(dict.fromkeys(unknown, '…'))} with the symbol",
        )
    chosen = _Chosen(
        table,
        findings,
        ColumnChoice(found, qualifiers=qualifiers),
        frozenset({*renamed, *(wanted or ())}),
    )
    chosen.leave_out_words()
    chosen.leave_out_counts(samples)
    chosen.complete(samples)
    chosen.keep_one_of_each()
    chosen.leave_out_unusable()
    chosen.keep_element_or_oxide(samples)
    near = {c: s for c in unknown if (s := near_miss(c)) and not _words_only(c, table, samples)}
    chosen.report_unknown(unknown, near)
    chosen.report_ignored(
        [
            _column(c, h.symbol, h.unit, table, samples)
            for c in names
            if c in ignored and (h := parsed.get(c)) is not None
        ]
    )
    return replace(chosen.choice, unknown=tuple(unknown), near=near)


@dataclass
class _Chosen:
    """A choice that is narrowed step by step; ``fixed`` columns are the person's own choice."""

    table: InputTable
    findings: Findings
    choice: ColumnChoice
    fixed: frozenset[str]

    def leave_out_words(self) -> None:
        """Leave out columns whose header is an element and whose cells are text."""
        found = [c for c in self._columns() if c.words and c.name not in self.fixed]
        for column in found:
            self._leave_out(column, TEXT)
        if found:
            self.findings.info(
                "column-of-words",
                str(self.table.path),
                f"ignored {len(found)} column(s) whose header could be an element, because the "
                f"cells are text: {listed([c.name for c in found], _MOST_LISTED)}",
                columns=[c.name for c in found],
            )

    def leave_out_counts(self, samples: Samples) -> None:
        """Leave out whole numbers without a unit that are serial numbers, months or ids."""
        columns = self._columns()
        with_unit = sum(c.unit is not None for c in columns)
        most_have = with_unit >= 3 and with_unit > len(columns) / 3
        given = {symbol_named(key) or key for key in samples.units}
        found: dict[str, Column] = {}
        for column in columns:
            own = column.name in self.fixed or column.symbol in given
            if not own and (what := _counts(column, most_have)):
                found[f"{column.name} ({what})"] = column
        for column in found.values():
            self._leave_out(column, "whole numbers without a unit")
        if found:
            units = ", ".join(f'{c.symbol} = "ppm"' for c in found.values())
            self.findings.warning(
                "columns-of-counts",
                str(self.table.path),
                f"left out {len(found)} column(s) that hold whole numbers without a unit, probably "
                f"not concentrations: {listed(list(found), _MOST_LISTED)}",
                f"if they are concentrations, set samples.units = {{{units}}}",
                columns=[c.name for c in found.values()],
            )

    def complete(self, samples: Samples) -> None:
        """Find the over-range analyses of columns with values above their upper limit."""
        by_symbol = self._by_symbol()
        for pair in samples.over_range.items():
            given = [self.choice.columns[name] for name in pair if name in self.choice.columns]
            if len(given) == 2:
                self._join(*given)
        for columns in by_symbol.values():
            for first in sorted(columns, key=lambda c: -int(c.present.sum())):
                for second in columns:
                    free = second.name not in self.fixed and first.name not in samples.over_range
                    if free and _is_rerun(first, second) and first.name in self.choice.columns:
                        self._join(first, second)

    def _join(self, first: Column, second: Column) -> None:
        if second.name in self.choice.columns and first.name not in self.choice.over_range:
            self._leave_out(second, f"over-range analyses of {first.name}")
            self.choice.over_range[first.name] = second
            n = int((second.detected & _at_top(first)).sum())
            self.findings.info(
                "over-range",
                self.table.where(column=first.name),
                f"{n} values of {first.symbol} at or above the upper limit are replaced with those "
                f"of column {second.name!r}, in {first.supposed_unit}",
                f"if they are no over-range analyses, add {second.name!r} to samples.ignore",
                n=n,
                column=second.name,
            )

    def leave_out_unusable(self) -> None:
        """Leave out columns that are empty, never detected or constant, unless all are."""
        found = {
            c.name: why
            for c in self._columns()
            if c.name not in self.fixed and (why := c.unusable) is not None
        }
        if not found or len(found) == len(self.choice.columns):
            return
        by_reason: dict[str, list[str]] = defaultdict(list)
        for name, why in found.items():
            by_reason[why].append(name)
            self._leave_out(self.choice.columns[name], why)
        what = "; ".join(f"{why}: {listed(c, _MOST_LISTED)}" for why, c in by_reason.items())
        self.findings.warning(
            "unusable-columns",
            str(self.table.path),
            f"left out {len(found)} column(s) of elements without information. {what}",
            columns=dict(by_reason),
        )

    def keep_one_of_each(self) -> None:
        """Of several columns of an element, keep the best; columns are never merged."""
        said, names = [], {}
        choice: tuple[Column, Column] | None = None
        for symbol, every in self._by_symbol().items():
            columns = [c for c in every if c.present.any() or c.name in self.fixed]
            if len(columns) < 2:
                continue
            own = [c for c in columns if c.name in self.fixed]
            if len(own) > 1:
                raise InputError(
                    f"columns {' and '.join(repr(c.name) for c in own)} are all {symbol}",
                    where=self.table.where(column=own[0].name),
                    remedy="add all but one to samples.ignore",
                )
            best = own[0] if own else _ranked(columns)[0]
            others = [c for c in columns if c is not best]
            choice = choice or (best, others[0])
            for column in others:
                self._leave_out(column, f"{best.name} is {symbol} too")
            rest = ", ".join(f"{c.name} ({c.counts})" for c in others)
            said.append(f"{symbol}: {best.name} ({best.counts}) is used, not {rest}")
            names[symbol] = [best.name, *(c.name for c in others)]
        if choice is not None:
            self.findings.warning(
                "several-columns",
                str(self.table.path),
                f"{len(said)} element(s) have several columns. One of each is used, the fullest; "
                "different methods and digestions are not merged. " + "; ".join(said),
                _use_another(*choice),
                columns=names,
            )

    def keep_element_or_oxide(self, samples: Samples) -> None:
        """Of an element and its oxide, keep the one with more values: they are one metal.

        Both stay if the configuration names both, in elements, rename or units.
        """
        given = {symbol_named(key) for key in samples.units}
        by_symbol = {c.symbol: c for c in self._columns()}
        said = []
        choice: tuple[Column, Column] | None = None
        for symbol, element in by_symbol.items():
            oxides = [c for s, c in by_symbol.items() if OXIDE_OF.get(s) == symbol]
            pair = [c for c in (element, *oxides) if c.name in self.fixed or c.symbol in given]
            if not oxides or len(pair) > 1:
                continue
            best = pair[0] if pair else _ranked([element, *oxides])[0]
            others = oxides if best is element else [element]
            choice = choice or (best, others[0])
            for column in others:
                self._leave_out(column, f"the same metal as {best.name}")
            rest = ", ".join(f"{c.name} ({c.counts})" for c in others)
            said.append(f"{best.name} ({best.counts}) is used, not {rest}")
        if choice is not None:
            self.findings.warning(
                "element-or-oxide",
                str(self.table.path),
                "an element and its oxide are one part of a composition; the column with more "
                "values is used. " + "; ".join(said),
                _use_another(*choice),
            )

    def report_unknown(self, unknown: Sequence[str], near: Mapping[str, str]) -> None:
        """Report the columns that are not recognised, and those that nearly are."""
        if unknown:
            remedy = "if one is an element, map it in samples.rename"
            if near:
                remedy = f"if they are elements, set samples.rename = {_toml(near)}"
            self.findings.info(
                "unrecognised-columns",
                str(self.table.path),
                f"ignored {len(unknown)} column(s) not recognised as an element: "
                f"{listed(unknown, 20)}",
                remedy,
                columns=list(unknown),
            )

    def report_ignored(self, columns: Sequence[Column]) -> None:
        """Report the elements that the configuration leaves out."""
        if columns:
            said = [f"{c.name} ({c.unusable or c.counts})" for c in columns]
            self.findings.info(
                "ignored-columns",
                str(self.table.path),
                f"samples.ignore leaves out {len(columns)} column(s) of elements: "
                f"{listed(said, _MOST_LISTED)}",
                columns=[c.name for c in columns],
            )

    def _columns(self) -> list[Column]:
        return list(self.choice.columns.values())

    def _by_symbol(self) -> dict[str, list[Column]]:
        found: dict[str, list[Column]] = defaultdict(list)
        for column in self._columns():
            found[column.symbol].append(column)
        return found

    def _leave_out(self, column: Column, why: str) -> None:
        del self.choice.columns[column.name]
        self.choice.left_out[column.name] = why
        self.choice.symbols.add(column.symbol)


def _use_another(used: Column, other: Column) -> str:
    return (
        f'to use {other.name}, add "{used.name}" to samples.ignore; if "{other.name}" is there, '
        "delete it"
    )


def with_over_range(table: InputTable, choice: ColumnChoice) -> InputTable:
    """The table with over-range analyses in place of the values above the upper limit.

    The values are converted to the unit of the column that they complete.
    """
    cells = {}
    for name, second in choice.over_range.items():
        first = choice.columns.get(name)
        if first is None:
            continue
        factor = TO_PPM[second.supposed_unit] / TO_PPM[first.supposed_unit]
        rows = second.detected & _at_top(first)
        text = table.frame[name].astype(object)
        text[rows] = [f"{v:.12g}".replace(".", table.decimal) for v in second.values[rows] * factor]
        cells[name] = text
    return replace(table, frame=table.frame.assign(**cells)) if cells else table


def _column(
    name: str, symbol: str, unit: str | None, table: InputTable, samples: Samples
) -> Column:
    missing = [*samples.missing]
    for key in (name, symbol):
        missing += samples.missing_in.get(key, [])
    cells = read_cells(
        table.frame[name],
        unit=unit,
        decimal=table.decimal,
        missing=missing,
        not_detected=[*samples.not_detected, *_NOT_DETERMINED],
    )
    below = cells.below | cells.undetected | (cells.values <= 0)
    # a mark without a word, such as "<", may belong to the values of another column
    below_words = [word for word in cells.below_words if re.search(r"\w", word)]
    words = (~cells.absent).any() and np.isnan(cells.values).all() and not below_words
    return Column(name, symbol, unit, np.abs(cells.values), below, cells.above, bool(words))


def _words_only(name: str, table: InputTable, samples: Samples) -> bool:
    return _column(name, "", None, table, samples).words


def _counts(column: Column, most_have_units: bool) -> str | None:
    """What the whole numbers of a column without a unit are, or None if it may be an element."""
    values = column.values[column.present]
    marked = column.above | (column.below & ~(column.values == 0))
    if column.unit is not None or marked.any():
        return None
    if len(values) < _FEWEST or np.isnan(values).any() or (values != np.round(values)).any():
        return None
    if len(np.unique(values)) == len(values) > np.ptp(values) / 1.2:
        return "serial numbers"
    if column.symbol == "Mo" and values.max() <= 12 and values.mean() >= 4:
        return "months"
    return "whole numbers; other columns have a unit" if most_have_units else None


def _at_top(column: Column) -> Bools:
    """The values at or above the upper limit: marked ``>``, or else equal to a shared maximum."""
    if column.above.any():
        return column.above
    top: Bools = column.detected & (column.values == column.highest)
    return top if top.sum() > 1 else np.zeros_like(top)


def _is_rerun(first: Column, second: Column) -> bool:
    """Whether a column has values only where another is at its upper limit, and above it."""
    top = _at_top(first)
    rows = second.present
    if first is second or not rows.any() or not top.any() or (rows & ~top).any():
        return False
    if second.unit is None and first.unit is not None:
        return False
    factor = TO_PPM[second.supposed_unit] / TO_PPM[first.supposed_unit]
    return bool((second.values[rows] * factor >= 0.9 * first.values[rows]).all())


def _ranked(columns: Sequence[Column]) -> list[Column]:
    """Columns of one element, the best first.

    One with information comes first. Then by the number of values, the share of detected values,
    a unit, and a median like the upper crust's; then the first.
    """
    present = np.array([c.present.sum() for c in columns], dtype=float)
    detected = np.array([c.detected.sum() for c in columns]) / np.maximum(present, 1)
    useful = np.array([c.unusable is None for c in columns])
    most = present[useful].max() if useful.any() else present.max()
    full = (useful == useful.any()) & (present >= (1 - _ABOUT_EQUAL) * most)
    clear = detected >= detected[full].max() - _ABOUT_EQUAL

    def rank(k: int) -> tuple[float | bool, ...]:
        c = columns[k]
        if not full[k]:
            return useful[k], present[k], detected[k]
        return (True, clear[k], c.unit is not None, _fits(c), present[k])

    order = sorted(range(len(columns)), key=lambda k: (full[k], rank(k)), reverse=True)
    return [columns[k] for k in order]


def _fits(column: Column) -> bool:
    if column.symbol not in CRUST:
        return False
    if column.unit is None:
        return fitting_unit(column.symbol, column.median, column.highest) is not None
    times = column.median * TO_PPM[column.unit] / CRUST[column.symbol]
    return bool(1 / _FIT < times < _FIT)


def _toml(items: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{key}" = "{text}"' for key, text in items.items()) + "}"


def _resolved(
    given: Sequence[str],
    names: Sequence[str],
    by_symbol: Mapping[str, str],
    table: InputTable,
    setting: str,
) -> list[str]:
    """The columns of names; a name is a column or the symbol of one."""
    found = []
    for name in given:
        column = name if name in names else by_symbol.get(symbol_named(name) or name)
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
