"""Read concentrations from cells: censored values, missing codes, limits.

Every change to a value is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.config import Samples
from orecast.errors import InputError
from orecast.survey.data import Element, Findings
from orecast.survey.tables import InputTable

if TYPE_CHECKING:
    import pandas as pd


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


# Full-width and typographic signs, and their plain form.
_SIGNS = str.maketrans({"＜": "<", "≤": "<", "＞": ">", "≥": ">", "−": "-", "﹤": "<", "﹥": ">"})
# Words for "below the detection limit" that come without a number.
_BELOW = re.compile(
    r"<.*|[bm]\W*d\W*l?\W*|b\W*l\W*d\W*|n\W*d\W*|[bl]?\W*lo[dq]|l\W*l\W*d|u\W*d\W*l?|"
    r"not\W*detect.*|un\W*detect.*|non\W*detect.*|below.*|less than.*|未检出",
    re.I,
)


class NothingDetectedError(InputError):
    """All ``n`` values of an element are below its detection limit."""

    def __init__(self, element: Element, n: int, table: InputTable, what: str) -> None:
        super().__init__(
            what,
            where=table.where(column=element.column),
            remedy=f"add {element.column!r} to samples.ignore",
        )
        self.element = element
        self.n = n


def numbers(cells: pd.Series[Any], table: InputTable, missing: Iterable[str | float]) -> Floats:
    """Plain numbers, ``(n,)``, NaN where missing.

    Raises InputError at the first cell that is text or infinite.
    """
    _, values, absent = _parsed(cells, table, missing)
    _refuse_others(values, absent, cells, table)
    return values


def holds_no_number(
    cells: pd.Series[Any], table: InputTable, missing: Iterable[str | float]
) -> bool:
    """Whether all cells that are not missing are text."""
    text, values, absent = _parsed(cells, table, missing)
    if text is not None:
        values = _to_number(text.str.lstrip("<>").str.strip(), table.decimal)
    return bool((~absent).any() and np.isnan(values[~absent]).all())


def none_detected(
    cells: pd.Series[Any], table: InputTable, missing: Iterable[str | float]
) -> int | None:
    """Number of values of a column if none is detected, else None.

    Below detection are ``<0.5``, ``-0.5``, 0 and words such as ``n.d.``.
    """
    text, values, absent = _parsed(cells, table, missing)
    below = values <= 0
    if text is not None:
        marked = text.str.startswith("<") | text.str.fullmatch(_BELOW)
        below |= marked.to_numpy(dtype=bool)
    return int((~absent).sum()) if below[~absent].all() else None


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


def concentrations(
    cells: pd.Series[Any],
    element: Element,
    table: InputTable,
    samples: Samples,
    limit: float | None,
    findings: Findings,
) -> tuple[Floats, Bools, Bools]:
    """Concentrations in the column's unit, which are censored, and which are zeros, each ``(n,)``.

    ``<0.5`` and, if negatives mean below a limit, ``-0.5`` are censored at 0.5; zeros at the
    detection limit or, if it is unknown, at the lowest value above zero; values at or below
    ``limit`` at ``limit``. ``>10000`` is read as 10000 and reported. Only zeros without a known
    limit are marked: their limit is learned from the other samples, in each fold again.

    Raises InputError for text among numbers, infinite values, negatives or zeros that the
    configuration refuses, and empty or constant columns; NothingDetectedError if all values are
    censored.
    """
    text, values, absent = _parsed(cells, table, samples.missing)
    where, below = table.where(column=element.column), np.zeros(len(values), dtype=bool)
    if text is not None:
        below = text.str.startswith("<").to_numpy(dtype=bool) & ~absent
        above = text.str.startswith(">").to_numpy(dtype=bool) & ~absent
        marked = below | above
        values[marked] = _to_number(text[marked].str[1:].str.strip(), table.decimal)
        if above.any():
            findings.warning(
                "above-limit",
                where,
                f"{above.sum()} values of {element.symbol} are above the upper limit of the "
                f"analysis; the limit is used ({np.nanmax(values[above]):g} {element.unit})",
                "replace them with over-range analyses, if there are any",
                n=int(above.sum()),
            )
    _refuse_others(values, absent, cells, table, concentrations=True)
    _refuse(
        below & (values <= 0),
        cells,
        table,
        "{cell!r} is not a detection limit; it must be above zero",
        "correct the cell, or add its text to samples.missing",
    )
    negative = values < 0
    if negative.any():
        _check_negatives(negative, values, cells, table, samples)
        values, below = np.abs(values), below | negative
        findings.info(
            "negatives-below",
            where,
            f"{negative.sum()} negative values of {element.symbol} are read as below a limit, "
            "such as -0.5 as <0.5",
            'if they are errors, set samples.negatives = "refuse"',
            n=int(negative.sum()),
        )
    zero = values == 0
    if zero.any():
        if samples.zeros == "refuse":
            _refuse(
                zero,
                cells,
                table,
                "{n} concentration(s) are zero; they have no logarithm",
                'set samples.zeros = "below", or samples.detection_limits',
            )
        positive = values[values > 0]
        if limit is None and not len(positive):
            what = "no concentration is above zero"
            raise NothingDetectedError(element, int(zero.sum()), table, what)
        taken = limit if limit is not None else float(positive.min())
        findings.warning(
            "zeros",
            where,
            f"{zero.sum()} zeros of {element.symbol} are read as below {taken:g} {element.unit}, "
            + ("the lowest value above zero" if limit is None else "its detection limit"),
            f"set samples.detection_limits.{element.symbol}" if limit is None else "",
            n=int(zero.sum()),
            limit=taken,
        )
        values[zero] = taken
        below |= zero
    if limit is not None:
        under = values <= limit
        values[under], below = limit, below | under
    remedy = f"add {element.column!r} to samples.ignore"
    present = ~np.isnan(values)
    if not present.any():
        raise InputError(f"{element.symbol} has no values", where=where, remedy=remedy)
    if below[present].all():
        what = f"all values of {element.symbol} are below the detection limit"
        raise NothingDetectedError(element, int(present.sum()), table, what)
    if np.ptp(values[present]) == 0:
        raise InputError(
            f"all values of {element.symbol} are the same ({values[present][0]:g})",
            where=where,
            remedy=remedy,
        )
    return values, below, zero if limit is None else np.zeros_like(zero)


def _parsed(
    cells: pd.Series[Any], table: InputTable, missing: Iterable[str | float]
) -> tuple[pd.Series[str] | None, Floats, Bools]:
    """Stripped text (None for a column of numbers), numbers, and which are missing."""
    import pandas as pd

    codes = _numeric_codes(missing)
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        values[np.isin(values, codes)] = np.nan
        return None, values, np.isnan(values)
    text = cells.astype("str").where(cells.notna(), "").str.strip().str.translate(_SIGNS)
    words = {str(code).strip().casefold() for code in missing} | {""}
    absent = text.str.casefold().isin(words).to_numpy(dtype=bool, copy=True)
    values = _to_number(text, table.decimal)
    absent |= np.isin(values, codes)
    values[absent] = np.nan
    return text, values, absent


def _numeric_codes(missing: Iterable[str | float]) -> list[float]:
    codes = []
    for code in missing:
        try:
            codes.append(float(code))
        except ValueError:
            continue
    return [code for code in codes if np.isfinite(code)]


def _to_number(text: pd.Series[str], decimal: str) -> Floats:
    import pandas as pd

    if decimal != ".":
        text = text.str.replace(decimal, ".", regex=False)
    values = pd.to_numeric(text.astype(object), errors="coerce")
    return values.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)


def _refuse(
    marked: Bools, cells: pd.Series[Any], table: InputTable, what: str, remedy: str
) -> None:
    """Refuse marked cells: ``{n}`` in ``what`` is their number, ``{cell}`` the first one."""
    if marked.any():
        first = int(marked.argmax())
        raise InputError(
            what.format(n=marked.sum(), cell=str(cells.iloc[first])),
            where=table.where(row=cells.index[first], column=str(cells.name)),
            remedy=remedy,
        )


def _refuse_others(
    values: Floats,
    absent: Bools,
    cells: pd.Series[Any],
    table: InputTable,
    concentrations: bool = False,
) -> None:
    """Refuse text and infinite values."""
    text = np.isnan(values) & ~absent
    remedy = "correct the cell, add the text to `missing`, or add the column to samples.ignore"
    first = str(cells.iloc[int(text.argmax())]) if text.any() else ""
    if concentrations and _BELOW.fullmatch(first.strip().translate(_SIGNS)):
        remedy = (
            'if it means below detection, write "<" and the limit, such as "<0.5"; if the sample '
            "was not analysed, add the text to samples.missing"
        )
    more = f" (and in {text.sum() - 1} further rows)" if text.sum() > 1 else ""
    _refuse(text, cells, table, f"text instead of a number: {{cell!r}}{more}", remedy)
    remedy = "correct the cell, or add its text to `missing`"
    _refuse(np.isinf(values), cells, table, "{n} infinite value(s)", remedy)


def _check_negatives(
    negative: Bools, values: Floats, cells: pd.Series[Any], table: InputTable, samples: Samples
) -> None:
    if samples.negatives == "refuse":
        _refuse(
            negative,
            cells,
            table,
            "{n} negative concentration(s); the first is {cell}",
            'correct them; or, if they mean below a limit, set samples.negatives = "below"',
        )
    positive = values[values > 0]
    median = float(np.median(positive)) if len(positive) else np.inf
    lowest = -float(values[negative].min())
    if lowest > median:
        _refuse(
            negative,
            cells,
            table,
            f"{-lowest:g} would mean below {lowest:g}, but half of the values are below "
            f"{median:g}: it is probably a code for missing",
            f"add {-lowest:g} to samples.missing",
        )
