"""Read concentrations from cells: censored values, missing codes, limits.

Every change to a value is reported.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.config import Samples, inline
from orecast.errors import ConfigError, InputError, nearest
from orecast.survey.cells import GROUPS, Cells, equal_to, read_cells
from orecast.survey.data import Element, Findings, listed
from orecast.survey.qualifiers import with_qualifiers
from orecast.survey.tables import InputTable

# Values that programs write for "missing", apart from the sign; any above 1e15 is one too.
_CODES = (
    999,
    9999,
    99999,
    999999,
    9999999,
    99999999,
    999.9,
    999.99,
    9999.9,
    9999.99,
    999.25,
    8888,
    88888,
    7777,
    32767,
    32768,
    2147483647,
    2147483648,
)
POSSIBLE_CODES = "possible-codes"
"""Code of the finding on values of which only a person knows whether they are a missing value."""
POSSIBLE_DECIMALS = "possible-decimals"
"""Code of the finding on marks that may separate thousands or decimals."""
_IMPOSSIBLE = 1e15
_FEWEST_TIMES = 5  # that the highest value of a column is repeated, to be a possible code
_SMALLEST_POSITIVE_CODE = 99999  # smaller ones, such as 9999, may be upper limits
_FAR = 10.0  # times the 95th percentile of a column
_PERCENTILE = 95
_WHOLE_PPM = 1e6  # 100 %
_FEWEST_ELEMENTS = 3  # of a row that can be unanalysed
_MOST_TEXTS, _MOST_ELEMENTS = 30, 12  # in one message


@dataclass(frozen=True)
class Concentrations:
    """Concentrations in the columns' units, ``(n, n_elements)`` each.

    ``values`` are NaN where missing, the limit where ``censored``. ``zeros`` marks the censored
    values without a known limit: they hold the lowest value of their element.
    """

    values: Floats
    censored: Bools
    zeros: Bools


def lowest_seen(values: Floats, zeros: Bools, rows: Bools | None = None) -> Floats:
    """Lowest value of each element without zeros, ``(n_elements,)``; infinite if there is none.

    It is the limit of the values that ``zeros`` ``(n, n_elements)`` marks as zeros. It is taken
    from ``rows`` ``(n,)``, by default all; NaN is ignored.

    >>> values, zeros = np.array([[3.0], [3.0], [9.0]]), np.array([[True], [False], [False]])
    >>> lowest_seen(values, zeros).tolist()
    [3.0]
    >>> lowest_seen(values, zeros, np.array([True, False, True])).tolist()
    [9.0]
    """
    known = ~zeros & ~np.isnan(values)
    if rows is not None:
        known &= rows[:, None]
    return np.asarray(values.min(axis=0, initial=np.inf, where=known))


def nothing_detected(
    counts: Mapping[str, int], elements: int, where: str, remedy: str
) -> InputError:
    """The error for elements without a detected value, with the number of values of each.

    ``elements`` is the number of all elements. If none has a detected value, the remedy is to use
    other data.
    """
    shares = ", ".join(f"{symbol} {n:,} of {n:,}" for symbol, n in counts.items())
    if len(counts) == elements:
        remedy = "use a survey with detected elements"
    return InputError(
        f"in {len(counts)} of {elements} elements all values are below detection: {shares}",
        where=where,
        remedy=remedy,
    )


def read_concentrations(
    elements: Sequence[Element],
    table: InputTable,
    samples: Samples,
    limits: Mapping[str, Sequence[float]],
    findings: Findings,
) -> Concentrations:
    """Concentrations in the columns' units, which are censored, and which are zeros.

    ``<0.5`` and, if negatives mean below a limit, ``-0.5`` are censored at 0.5; zeros and words
    such as ``BDL`` at the element's limit in ``limits`` or, if it is unknown, at the lowest value
    above zero; values at or below the limit at the limit. Of several limits, the values that equal
    one are censored at it, zeros at the highest. ``>10000`` is read as 10000. A unit in a cell is
    converted to the column's. Only zeros without a known limit are marked: their limit is learned
    from the other samples, in each fold again.

    Raises InputError, with all cells and columns concerned in one message, for text of an unknown
    meaning, infinite values, negatives or zeros that the configuration refuses, and columns that
    are empty, constant, or never detected; ConfigError if samples.missing_in names no element.
    """
    names = {name for e in elements for name in (e.column, e.symbol)}
    for key in samples.missing_in:
        if key not in names:
            raise ConfigError(
                f"the survey has no element {key!r}",
                where=f"samples.missing_in.{key}",
                remedy=nearest(key, [e.column for e in elements]),
            )
    read = [_read(e, table, samples) for e in elements]
    read = with_qualifiers(read, elements, table, samples, findings)
    rows = _Rows(tuple(elements), table, samples, findings)
    rows.refuse_unread(read)
    values, below, above, undetected = (
        np.column_stack([getattr(cells, name) for cells in read])
        for name in ("values", "below", "above", "undetected")
    )
    rows.refuse(np.isinf(values), "{n} infinite value(s)", "correct the cell, or leave it empty")
    rows.refuse(
        below & (values <= 0),
        "{cell} is not a detection limit; it must be above zero",
        "correct the cell, or add its text to samples.missing",
    )
    rows.report_words(read)
    rows.report_thousands(read)
    rows.report_above(above, values)
    values = rows.without_codes(values)
    unanalysed = rows.unanalysed(values, undetected)
    values[unanalysed] = np.nan
    negative = values < 0
    rows.report_negatives(negative, below, values)
    rows.report_possible_codes(negative, below | undetected, values)
    values, below = np.abs(values), below | negative
    zero = (values == 0) | undetected
    unknown = rows.censor_zeros(zero, values, limits, read)
    below |= zero
    for k, e in enumerate(elements):
        _censor(values[:, k], below[:, k], limits.get(e.symbol, ()))
    rows.require_usable(values, below)
    return Concentrations(values, below, unknown)


def decisions(
    elements: Sequence[Element], table: InputTable, samples: Samples
) -> tuple[list[str], list[str]]:
    """What reading the concentrations decides, in words; and what only a person can decide.

    These are the notes of ``orecast init``: the findings of ``read_concentrations``, and its error.
    """
    findings = Findings()
    try:
        read_concentrations(elements, table, samples, {}, findings)
    except InputError as error:
        return [f.what for f in findings], [f"{error.what}; {error.remedy}"]
    undecided = [*findings.of(POSSIBLE_CODES), *findings.of(POSSIBLE_DECIMALS)]
    decided = [f.what for f in findings if f not in undecided]
    return decided, [f"{f.what}; {f.remedy}" for f in undecided]


def missing_codes(e: Element, samples: Samples) -> list[str | int | float]:
    """The codes and words for "no result" of an element's column."""
    own = [codes for key, codes in samples.missing_in.items() if key in (e.column, e.symbol)]
    return [*samples.missing, *(code for codes in own for code in codes)]


def why_unusable(values: Floats, below: Bools) -> str | None:
    """Why an element has no information, or None: empty, never detected or constant.

    ``values`` and ``below``, which marks those below detection, are ``(n,)``. Zeros do not vary:
    they are read as below the lowest value.

    >>> why_unusable(np.array([0.0, 5.0, np.nan]), np.array([True, False, False]))
    'constant'
    """
    present = ~np.isnan(values) | below
    if not present.any():
        return "empty"
    if below[present].all():
        return "never detected"
    return "constant" if np.ptp(values[values > 0]) == 0 else None


def unusable(values: Floats, censored: Bools) -> dict[int, str]:
    """The elements that have no information: ``{column: reason}``.

    ``values`` and ``censored`` are ``(n, n_elements)``.
    """
    found = (why_unusable(*column) for column in zip(values.T, censored.T, strict=True))
    return {k: why for k, why in enumerate(found) if why is not None}


def _read(e: Element, table: InputTable, samples: Samples) -> Cells:
    return read_cells(
        table.frame[e.column],
        unit=e.unit,
        decimal=table.decimal,
        missing=missing_codes(e, samples),
        not_detected=samples.not_detected,
    )


def _censor(values: Floats, below: Bools, limits: Sequence[float]) -> None:
    """Censor a column in place at its one limit, or the values that equal one of several."""
    if len(limits) == 1:
        under = values <= limits[0]
        values[under] = limits[0]
        below |= under
    elif limits:
        below |= equal_to(values, limits)


def _known_limit(limits: Mapping[str, Sequence[float]], e: Element) -> float | None:
    """The limit of an element's zeros: of several, the highest."""
    return max(limits.get(e.symbol, ()), default=None)


def _median_detected(values: Floats, below: Bools) -> float:
    detected = values[~below & (values > 0)]
    return float(np.median(detected)) if len(detected) else np.nan


@dataclass(frozen=True)
class _Rows:
    """The elements of a table, to refuse or report cells of all of them in one message."""

    elements: tuple[Element, ...]
    table: InputTable
    samples: Samples
    findings: Findings

    @property
    def where(self) -> str:
        """The file."""
        return str(self.table.path)

    def of_elements(self, marked: Bools) -> dict[str, int]:
        """The number of marked values of each element that has some."""
        counts = marked.sum(axis=0)
        return {e.symbol: int(n) for e, n in zip(self.elements, counts, strict=True) if n}

    def refuse(self, marked: Bools, what: str, remedy: str) -> None:
        """Refuse marked cells; ``{n}`` in ``what`` is their number, ``{cell}`` their texts."""
        columns = np.flatnonzero(marked.any(axis=0))
        if not len(columns):
            return
        column = self.elements[columns[0]].column
        texts = []
        for k in columns:
            cells = self.table.frame[self.elements[k].column]
            texts += [str(text) for text in cells[marked[:, k]].unique()]
        index = self.table.frame.index
        row = index[int(marked[:, columns[0]].argmax())]
        if len(columns) > 1:
            what += f" ({_counted(self.of_elements(marked))})"
        shown = listed([repr(text) for text in dict.fromkeys(texts)])
        raise InputError(
            what.format(n=int(marked.sum()), cell=shown),
            where=self.table.where(row=row, column=column),
            remedy=remedy,
        )

    def refuse_unread(self, read: Sequence[Cells]) -> None:
        """Refuse text of an unknown meaning, all texts of all columns in one message."""
        texts: dict[str, Counter[str]] = defaultdict(Counter)
        first: dict[str, tuple[Any, str]] = {}
        for e, cells in zip(self.elements, read, strict=True):
            if not cells.unread.any():
                continue
            found = self.table.frame[e.column][cells.unread]
            for row, text in found[~found.duplicated()].items():
                first.setdefault(str(text).strip(), (row, e.column))
            for text, n in found.astype("str").str.strip().value_counts().items():
                texts[str(text)][e.column] += int(n)
        if not texts:
            return
        columns = {column for of in texts.values() for column in of}
        said = []
        for text, of in texts.items():
            row, column = first[text]
            n = of.total()
            place = f"{self.table.row_word} {row}"
            if len(columns) > 1:
                place += f", column {column!r}"
                n_columns = f" in {len(of)} columns" if len(of) > 1 else ""
            else:
                n_columns = ""
            said.append(f"{text!r} {n} time(s){n_columns} (first: {place})")
        row, column = next(iter(first.values()))
        where = self.table.where(row=row, column=column) if len(columns) == 1 else self.where
        words = list(texts)[:_MOST_TEXTS]
        ignore = [*self.samples.ignore, *(e.column for e in self.elements if e.column in columns)]
        n_cells = sum(of.total() for of in texts.values())
        raise InputError(
            f"{n_cells} cell(s) of {len(columns)} column(s) are text instead of a number: "
            f"{listed(said, _MOST_TEXTS)}",
            where=where,
            remedy=f"if there is no result, set samples.missing = "
            f"{_toml([*self.samples.missing, *words])}; if the text means below detection, set "
            f"samples.not_detected = {_toml([*self.samples.not_detected, *words])}, and "
            "samples.detection_limits if the limit is known; if a column is no element, set "
            f"samples.ignore = {_toml(ignore)}; else correct the cells",
        )

    def report_words(self, read: Sequence[Cells]) -> None:
        """Report the words and codes that are missing values, and cells with units or remarks."""
        words: Counter[str] = Counter()
        for cells in read:
            words.update(cells.words)
        if words:
            self.findings.info(
                "no-result",
                self.where,
                f"{words.total()} cells are missing, because they hold a word or code for no "
                f"result: {listed([f'{w} ({n})' for w, n in words.most_common()], 20)}",
                words=dict(words.most_common()),
            )
        readings = {
            e.symbol: {text: value for text, (value, _) in cells.readings.items()}
            for e, cells in zip(self.elements, read, strict=True)
            if cells.readings
        }
        if readings:
            n = sum(count for cells in read for _, count in cells.readings.values())
            units = {e.symbol: e.unit for e in self.elements}
            said = [
                f"{symbol} {text!r} as {value:g} {units[symbol]}"
                for symbol, of in readings.items()
                for text, value in list(of.items())[:_MOST_TEXTS]
            ]
            self.findings.info(
                "cells-with-remarks",
                self.where,
                f"{n} cells hold a unit, a remark or a mark for thousands beside the number; they "
                f"are read so: {listed(said)}",
                n=n,
                examples={s: dict(list(of.items())[:_MOST_TEXTS]) for s, of in readings.items()},
            )

    def report_thousands(self, read: Sequence[Cells]) -> None:
        """Report columns in which every number is as 10,300: that may be 10300 or 10.3."""
        other = "," if self.table.decimal == "." else "."
        said = []
        for e, cells in zip(self.elements, read, strict=True):
            texts = list(cells.readings)
            n = sum(count for _, count in cells.readings.values())
            if n < _FEWEST_TIMES or n < (~np.isnan(cells.values)).sum():
                continue
            if all(GROUPS[other].fullmatch(text) for text in texts):
                said.append(f"{e.column} {texts[0]!r} as {cells.readings[texts[0]][0]:g} {e.unit}")
        if said:
            self.findings.warning(
                POSSIBLE_DECIMALS,
                self.where,
                f"in {len(said)} column(s) every number has three digits behind a mark, which is "
                f"read as a mark for thousands: {listed(said, _MOST_ELEMENTS)}",
                f'if it is the decimal mark, set decimal = "{other}"',
            )

    def report_above(self, above: Bools, values: Floats) -> None:
        """Report values above the upper limit of the analysis."""
        counts = self.of_elements(above)
        if not counts:
            return
        data: dict[str, dict[str, Any]] = {}
        for k, e in enumerate(self.elements):
            if e.symbol in counts:
                limit = float(np.nanmax(values[above[:, k], k]))
                data[e.symbol] = {"n": counts[e.symbol], "limit": limit, "unit": e.unit}
        said = [f"{s} {d['n']} (up to {d['limit']:g} {d['unit']})" for s, d in data.items()]
        first = next(e for e in self.elements if e.symbol in data)
        self.findings.warning(
            "above-limit",
            self.where,
            f"{above.sum()} values are above the upper limit of the analysis; the limit is used: "
            f"{listed(said, _MOST_ELEMENTS)}",
            "if a column has the over-range analyses, name it: set samples.over_range = "
            f'{{{json.dumps(first.column, ensure_ascii=False)} = "…"}} with its header',
            n=int(above.sum()),
            elements=data,
        )

    def without_codes(self, values: Floats) -> Floats:
        """Values without codes for missing that nobody declared; reported in one finding.

        A code is a value such as -99999 or 1e30 that lies more than ten times as far out as 95 %
        of the column's values. It must do so in several columns, or be more than 100 %.
        """
        candidate = equal_to(np.abs(values), _CODES) | (np.abs(values) > _IMPOSSIBLE)
        candidate &= (values < 0) | (values >= _SMALLEST_POSITIVE_CODE)
        if not candidate.any():
            return values
        found: dict[float, set[int]] = defaultdict(set)
        certain: set[float] = set()
        for k in np.flatnonzero(candidate.any(axis=0)):
            usual = values[~candidate[:, k] & (values[:, k] > 0), k]
            far = _FAR * np.percentile(usual, _PERCENTILE) if len(usual) else 0.0
            most = _WHOLE_PPM / self.elements[k].to_ppm
            for code in np.unique(values[candidate[:, k], k]):
                if abs(code) > far:
                    found[float(code)].add(int(k))
                    if abs(code) > most:
                        certain.add(float(code))
        codes = {code for code, of in found.items() if len(of) > 1 or code in certain}
        if not codes:
            return values
        missing = np.zeros_like(candidate)
        counts = {}
        for code in sorted(codes):
            same = equal_to(values, [code])
            if code > 0:  # elsewhere, a large value may be a concentration
                others = [k for k in range(values.shape[1]) if k not in found[code]]
                same[:, others] = False
            counts[code] = self.of_elements(same)
            missing |= same
        written = [f"{code:.9g}" for code in counts]
        said = [
            f"{code} ({sum(of.values())} cells in {len(of)} columns)"
            for code, of in zip(written, counts.values(), strict=True)
        ]
        line = _toml([*self.samples.missing, *(float(code) for code in written)])
        self.findings.warning(
            "missing-codes",
            self.where,
            "values far outside the others are read as no result: " + ", ".join(said),
            f"if this is correct, set samples.missing = {line}; if one is a detection limit, write "
            "it as <99999 in the file, and an upper limit as >99999",
            codes=dict(zip(written, counts.values(), strict=True)),
        )
        return np.where(missing, np.nan, values)

    def unanalysed(self, values: Floats, undetected: Bools) -> Bools:
        """Rows in which every element is 0 or missing, ``(n,)``; reported in one finding.

        Rows of zeros count as samples below all limits, if so many would be expected by chance
        from the zeros in the other rows.
        """
        zero = values == 0
        nothing: Bools = zero | (np.isnan(values) & ~undetected)
        rows: Bools = nothing.all(axis=1) & zero.any(axis=1)
        analysed = ~rows & ~np.isnan(values).all(axis=1)
        if values.shape[1] < _FEWEST_ELEMENTS or not rows.any() or not analysed.any():
            return np.zeros_like(rows)
        known = (~np.isnan(values[analysed])).sum(axis=0)
        shares = zero[analysed].sum(axis=0) / np.maximum(known, 1)
        chance = float(np.prod(shares[known > 0]))
        if chance * len(rows) >= 0.5 * rows.sum():
            return np.zeros_like(rows)
        numbers_of_rows = [int(row) for row in self.table.frame.index[rows]]
        self.findings.warning(
            "unanalysed-rows",
            self.where,
            f"in {rows.sum()} {self.table.row_word}(s) every element is 0 or missing: they are "
            f"read as not analysed ({self.table.row_word}s {listed(numbers_of_rows)})",
            "remove the rows; if they were analysed, write < and the laboratory's limit, such as "
            "<0.5",
            n=int(rows.sum()),
            rows=numbers_of_rows,
        )
        return rows

    def report_negatives(self, negative: Bools, below: Bools, values: Floats) -> None:
        """Report negatives that mean below a limit, and limits above what was detected."""
        if negative.any() and self.samples.negatives == "refuse":
            self.refuse(
                negative,
                "{n} negative concentration(s): {cell}",
                'correct them; or, if they mean below a limit, set samples.negatives = "below"',
            )
        of_negatives = self._limits(negative, negative | below, values)
        if of_negatives:
            said = [f"{s} {d['n']} ({_limits_in_words(d)})" for s, d in of_negatives.items()]
            high = [s for s, d in of_negatives.items() if d["uninformative"]]
            first = next(iter(of_negatives.values()))["limits"][0]
            what = (
                f"{negative.sum()} negative values of {len(of_negatives)} element(s) are read as "
                f"below a limit, such as -{first:g} as <{first:g}: {listed(said, _MOST_ELEMENTS)}"
            )
            remedy = (
                "if a negative value means no result, add it to samples.missing (for one column: "
                "samples.missing_in); if it is an error, correct the cell"
            )
            add = self.findings.info
            if high:
                what += f". {_uninformative_in_words(of_negatives)}"
                remedy = f"{_USE_OTHER_ELEMENTS}; {remedy}"
                add = self.findings.warning
            add(
                "negatives-below",
                self.where,
                what,
                remedy,
                n=int(negative.sum()),
                elements=of_negatives,
            )
        marked = self._limits(below & ~negative, negative | below, values)
        uninformative = {s: d for s, d in marked.items() if d["uninformative"]}
        if uninformative:
            self.findings.warning(
                "uninformative-limits",
                self.where,
                _uninformative_in_words(uninformative),
                _USE_OTHER_ELEMENTS,
                elements=uninformative,
            )

    def report_possible_codes(self, negative: Bools, below: Bools, values: Floats) -> None:
        """Report repeated values that may mean no result, of which ``missing_in`` decides.

        They are a negative value whose limit would lie above the median of the measured values,
        and a highest value more than ten times as far out as 95 % of the others.
        """
        said, codes = [], dict[str, list[str | float]]()
        for k, e in enumerate(self.elements):
            column = values[:, k]
            measured = column[~below[:, k] & (column > 0)]
            if not len(measured):
                continue
            found = dict[float, int]()
            levels, counts = np.unique(column[negative[:, k]], return_counts=True)
            for level, n in zip(levels, counts, strict=True):
                if n > 1 and -level > np.median(measured):
                    found[_code(level)] = int(n)
            others = measured[measured < measured.max()]
            n = len(measured) - len(others)
            far = _FAR * np.percentile(others, _PERCENTILE) if len(others) else np.inf
            if n >= _FEWEST_TIMES and measured.max() > far:
                found[_code(measured.max())] = n
            if found:
                median = np.median(others) if len(others) else np.median(measured)
                times = ", ".join(f"{code:g} {n} times" for code, n in found.items())
                said.append(f"{e.column} {times} (median {median:.3g})")
                codes[e.column] = [*self.samples.missing_in.get(e.column, ()), *found]
        if not codes:
            return
        self.findings.warning(
            POSSIBLE_CODES,
            self.where,
            "values far from the others of their column are repeated; they may mean no result, but "
            "a negative value is read as a detection limit and a positive one as measured: "
            f"{listed(said, _MOST_ELEMENTS)}",
            f"if they mean no result, set missing_in = {inline(self.samples.missing_in | codes)}",
            codes=codes,
        )

    def _limits(self, marked: Bools, below: Bools, values: Floats) -> dict[str, dict[str, Any]]:
        """Of each element with marked values: their number, their limits, and the uninformative."""
        found = {}
        for k in np.flatnonzero(marked.any(axis=0)):
            limits = np.abs(values[marked[:, k], k])
            limits = limits[~np.isnan(limits)]
            median = _median_detected(values[:, k], below[:, k])
            found[self.elements[k].symbol] = {
                "n": int(marked[:, k].sum()),
                "limits": np.unique(limits).tolist(),
                "median_detected": median,
                "uninformative": int((limits > median).sum()),
            }
        return found

    def censor_zeros(
        self,
        zero: Bools,
        values: Floats,
        limits: Mapping[str, Sequence[float]],
        read: Sequence[Cells],
    ) -> Bools:
        """Set zeros, and words for below detection, to their limit in place; report them.

        Returns those whose limit is unknown.
        """
        unknown = np.zeros_like(zero)
        if not zero.any():
            return unknown
        words: Counter[str] = Counter()
        for cells in read:
            words.update(cells.below_words)
        if self.samples.zeros == "refuse":
            no_limit = np.array([_known_limit(limits, e) is None for e in self.elements])
            self.refuse(
                zero & (no_limit | (values == 0)),
                "{n} concentration(s) are zero or below an unknown limit; they have no logarithm",
                'set samples.zeros = "below", or samples.detection_limits',
            )
        data: dict[str, dict[str, Any]] = {}
        for k in np.flatnonzero(zero.any(axis=0)):
            e, column = self.elements[k], values[:, k]
            limit = _known_limit(limits, e)
            positive = column[column > 0]
            if limit is None and not len(positive):
                continue  # nothing is detected; refused with the other such columns
            taken = limit if limit is not None else float(positive.min())
            column[zero[:, k]] = taken
            unknown[:, k] = zero[:, k] & (limit is None)
            data[e.symbol] = {
                "n": int(zero[:, k].sum()),
                "limit": taken,
                "unit": e.unit,
                "known": limit is not None,
            }
        if not data:
            return unknown
        said = [
            f"{s} {d['n']} below {d['limit']:g} {d['unit']}"
            + (" (its limit)" if d["known"] else "")
            for s, d in data.items()
        ]
        among = f" (among them {listed([repr(w) for w in words])})" if words else ""
        guessed = {s: d["limit"] for s, d in data.items() if not d["known"]}
        lines = ", ".join(f"{s} = {limit:.10g}" for s, limit in guessed.items())
        self.findings.warning(
            "zeros",
            self.where,
            f"{sum(d['n'] for d in data.values())} zeros or words for below detection{among} of "
            f"{len(data)} element(s) are read as below the lowest value above zero, or the "
            f"detection limit where it is known: {listed(said, _MOST_ELEMENTS)}",
            f"if the laboratory's limits are known, set samples.detection_limits, such as "
            f"{{{lines}}}"
            if guessed
            else "",
            n=sum(d["n"] for d in data.values()),
            elements=data,
        )
        return unknown

    def require_usable(self, values: Floats, below: Bools) -> None:
        """Refuse all columns that are empty, constant or never detected, in one message."""
        reasons = unusable(values, below)
        if not reasons:
            return
        by_reason: dict[str, list[int]] = defaultdict(list)
        for k, reason in reasons.items():
            by_reason[reason].append(k)
        symbols = [e.symbol for e in self.elements]
        counts = {symbols[k]: int(below[:, k].sum()) for k in by_reason["never detected"]}
        columns = [self.elements[k].column for k in sorted(reasons)]
        quoted = ", ".join(map(repr, columns))
        line = _toml([*self.samples.ignore, *columns])
        remedy = f"add {quoted} to samples.ignore: samples.ignore = {line}"
        if len(counts) == len(symbols):
            raise nothing_detected(counts, len(symbols), self.where, remedy)
        parts = []
        if empty := by_reason["empty"]:
            parts.append(f"{listed([symbols[k] for k in empty], 100)}: no value")
        if counts:
            shares = ", ".join(f"{symbol} {n:,} of {n:,}" for symbol, n in counts.items())
            parts.append(
                f"in {len(counts)} of {len(symbols)} elements all values are below detection: "
                f"{shares}"
            )
        for k in by_reason["constant"]:
            value = values[~np.isnan(values[:, k]), k][0]
            parts.append(f"all values of {symbols[k]} are the same ({value:g})")
        where = self.table.where(column=columns[0]) if len(columns) == 1 else self.where
        if len(columns) == len(symbols):
            remedy = "use a survey with elements that vary"
        raise InputError("; ".join(parts), where=where, remedy=remedy)


_USE_OTHER_ELEMENTS = (
    "a value below such a limit becomes at most the median of the detected values; to estimate it "
    'from the other elements, set composition.censored = "log-ratio-em"; or add the element to '
    "samples.ignore"
)


def _limits_in_words(data: Mapping[str, Any]) -> str:
    limits = [f"{limit:g}" for limit in data["limits"]]
    return f"limit {limits[0]}" if len(limits) == 1 else f"limits {listed(limits, 5)}"


def _uninformative_in_words(found: Mapping[str, Mapping[str, Any]]) -> str:
    said = [
        f"{s} {d['uninformative']} (limit {d['limits'][-1]:g}, median {d['median_detected']:.3g})"
        for s, d in found.items()
        if d["uninformative"]
    ]
    return (
        f"Limits of {len(said)} element(s) are uninformative, because they lie above the median of "
        f"the detected values: {listed(said, _MOST_ELEMENTS)}"
    )


def _code(value: float) -> float:
    """A number as it is written in ``run.toml``: 9999, not 9999.0."""
    return int(value) if value == int(value) else float(value)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol} {n}" for symbol, n in counts.items())


def _toml(items: Sequence[str | float]) -> str:
    """A list in the form of run.toml."""
    unique = dict.fromkeys(items)
    return f"[{', '.join(json.dumps(item, ensure_ascii=False) for item in unique)}]"
