"""Closure and the log-ratio transforms, each with its inverse.

A composition is a row of positive parts, ``(n, n_parts)``. Only its ratios have information, so a
selection of the columns (a sub-composition) can be used and need not have a fixed sum. NaN is a
missing part; the docstring of each transform says how it is treated.

Aitchison, J. (1986), The Statistical Analysis of Compositional Data, Chapman & Hall.
Egozcue, J.J. et al. (2003), Isometric logratio transformations for compositional data analysis,
Mathematical Geology 35, 279-300.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Floats
from orecast.errors import ConfigError, InputError, nearest, require_among

if TYPE_CHECKING:
    from orecast.config import Composition

Names = Sequence[str] | None


def closure(x: ArrayLike, total: float = 1.0, names: Names = None) -> Floats:
    """Scale each row to the sum ``total``.

    ``x`` is ``(n, n_parts)`` in any one unit; the result sums to ``total`` over the parts that a
    row has, and is NaN at missing parts. Zeros are allowed.

    Raises InputError for a negative or infinite value, and for a row that sums to zero.

    >>> closure([[1.0, 3.0]], total=100).tolist()
    [[25.0, 75.0]]
    """
    x = _table(x)
    _require_none(x, (x < 0) | np.isinf(x), "negative or infinite", names)
    present = ~np.isnan(x)
    sums = np.where(present, x, 0.0).sum(axis=1, keepdims=True)
    empty = (sums[:, 0] == 0) & present.any(axis=1)
    if empty.any():
        raise InputError(
            "all parts are zero; the row cannot be closed",
            where=nth_sample(int(np.argmax(empty)), len(x)),
            remedy="leave out the row, or replace its zeros first",
        )
    with np.errstate(invalid="ignore"):
        return np.asarray(x * (total / np.where(sums == 0, np.nan, sums)))


def log(x: ArrayLike, names: Names = None) -> Floats:
    """Natural logarithm of each part, ``(n, n_parts)``; NaN stays NaN.

    Raises InputError with the column of a zero, negative or infinite value.
    """
    x = _table(x)
    _require_none(x, (x <= 0) | np.isinf(x), "zero, negative or infinite", names)
    return np.asarray(np.log(x))


def clr(x: ArrayLike, names: Names = None) -> Floats:
    """Centred log-ratio, ``ln(x / g(x))`` with g the geometric mean of the row (Aitchison 1986).

    ``x`` is ``(n, n_parts)``, and so is the result; its rows sum to zero. A row with missing
    parts is centred on the others and is NaN at the missing ones: its centre then differs from that
    of a full row. A row with fewer than two parts is all NaN.

    Raises InputError with the column of a zero, negative or infinite value.

    >>> clr([[1.0, np.e, np.e**2]]).round(12).tolist()
    [[-1.0, 0.0, 1.0]]
    """
    logs = log(x, names)
    mean = logs.mean(axis=1, keepdims=True)
    gaps = np.isnan(mean[:, 0])
    if gaps.any():
        part = logs[gaps]
        present = ~np.isnan(part)
        count = present.sum(axis=1)
        sums = np.where(present, part, 0.0).sum(axis=1)
        mean[gaps, 0] = np.where(count >= 2, sums / np.maximum(count, 1), np.nan)
    if logs.shape[1] < 2:
        mean = np.full_like(mean, np.nan)
    logs -= mean
    return logs


def inverse_clr(y: ArrayLike, total: float = 1.0) -> Floats:
    """Composition of each row of clr values, ``(n, n_parts)``, closed to ``total``.

    NaN stays NaN, and the other parts are closed without it.

    >>> inverse_clr(clr([[0.2, 0.3, 0.5]])).round(12).tolist()
    [[0.2, 0.3, 0.5]]
    """
    y = _table(y)
    _require_none(y, np.isinf(y), "infinite", None)
    highest = np.where(np.isnan(y), -np.inf, y).max(axis=1, keepdims=True)
    return closure(np.exp(y - np.where(np.isinf(highest), 0.0, highest)), total)


def alr(x: ArrayLike, denominator: int | str = -1, names: Names = None) -> Floats:
    """Additive log-ratio, ``ln(x / x_denominator)`` (Aitchison 1986), ``(n, n_parts - 1)``.

    ``denominator`` is a column number, or a name if ``names`` are given; its own column is left
    out. A missing part is NaN in its own column; a row without denominator is all NaN.

    Raises InputError like ``clr``, ConfigError for a denominator that is not a part.

    >>> alr([[1.0, 2.0, 4.0]], 0).round(6).tolist()
    [[0.693147, 1.386294]]
    """
    logs = log(x, names)
    column = _column(denominator, logs.shape[1], names)
    return np.asarray(np.delete(logs, column, axis=1) - logs[:, [column]])


def inverse_alr(y: ArrayLike, denominator: int = -1, total: float = 1.0) -> Floats:
    """Composition of each row of alr values, ``(n, n_parts)``, the denominator back in its column.

    Closed to ``total`` over the parts that a row has; a row of NaN alone stays NaN.

    >>> inverse_alr(alr([[0.2, 0.3, 0.5]], 1), 1).round(12).tolist()
    [[0.2, 0.3, 0.5]]
    """
    y = _table(y)
    column = _column(denominator, y.shape[1] + 1, None)
    reference = np.where(np.isnan(y).all(axis=1), np.nan, 0.0)
    return inverse_clr(np.insert(y, column, reference, axis=1), total)


def ilr(x: ArrayLike, names: Names = None) -> Floats:
    """Isometric log-ratio (Egozcue et al. 2003), ``(n, n_parts - 1)``.

    Coordinate i = 1 … n_parts - 1 is ``sqrt(i / (i + 1)) * ln(g(x_1 … x_i) / x_{i+1})``, so that
    Euclidean distances are Aitchison's. A row with a missing part is all NaN, because it has no
    coordinates in that basis.

    Raises InputError like ``clr``.

    >>> ilr([[1.0, 1.0, np.e]]).round(6).tolist()
    [[0.0, -0.816497]]
    """
    logs = log(x, names)
    return np.asarray(logs @ ilr_basis(logs.shape[1]))


def inverse_ilr(y: ArrayLike, total: float = 1.0) -> Floats:
    """Composition of each row of ilr coordinates, ``(n, n_parts)``, closed to ``total``.

    >>> inverse_ilr(ilr([[0.2, 0.3, 0.5]])).round(12).tolist()
    [[0.2, 0.3, 0.5]]
    """
    y = _table(y)
    return inverse_clr(y @ ilr_basis(y.shape[1] + 1).T, total)


def ilr_basis(n_parts: int) -> Floats:
    """Orthonormal basis of the clr plane, ``(n_parts, n_parts - 1)``, one column per coordinate.

    Egozcue et al. (2003), eq. 18: each balance compares the first i parts with the next.
    """
    i = np.arange(1, n_parts, dtype=np.float64)
    part = np.arange(n_parts)[:, None]
    scale = np.sqrt(i / (i + 1))
    return np.asarray(np.where(part < i, scale / i, np.where(part == i, -scale, 0.0)))


def log_ratios(
    values: ArrayLike, symbols: Sequence[str], options: Composition
) -> tuple[tuple[str, ...], Floats]:
    """Names and values of the configured transform over its fixed list of parts.

    ``values`` ``(n, n_elements)`` are concentrations in mg/kg, positive or NaN, of ``symbols``.
    Returns ``(n, n_names)``: for "clr", "log" and "none" (mg/kg) the names are the parts', for
    "ilr" ``ilr1``, ``ilr2`` …, for "alr" ``Au/Al`` …. No ratio depends on an earlier closure.

    Raises ConfigError for an unknown or repeated part, fewer than two parts, or an additive
    log-ratio with a missing denominator; InputError with the column of a value without logarithm.

    >>> from orecast.config import Composition
    >>> names, values = log_ratios([[1.0, 2.0]], ["Au", "Cu"], Composition(transform="ilr"))
    >>> names, values.round(4).tolist()
    (('ilr1',), [[-0.4901]])
    """
    parts = _parts(symbols, options)
    x = np.asarray(values, dtype=np.float64)[:, [list(symbols).index(p) for p in parts]]
    if options.transform == "none":
        return parts, x
    if options.transform == "log":
        return parts, log(x, parts)
    if len(parts) < 2:
        raise ConfigError(
            f"a log-ratio needs two parts; there is {len(parts)}",
            where="composition.parts",
            remedy='add more parts, or set composition.transform = "log"',
        )
    if options.transform == "clr":
        return parts, clr(x, parts)
    if options.transform == "ilr":
        return tuple(f"ilr{i}" for i in range(1, len(parts))), ilr(x, parts)
    denominator = options.denominator
    assert denominator is not None  # the configuration requires it
    return (
        tuple(f"{p}/{denominator}" for p in parts if p != denominator),
        alr(x, denominator, parts),
    )


def _parts(symbols: Sequence[str], options: Composition) -> tuple[str, ...]:
    """Parts of the composition, in the configured order."""
    parts = tuple(symbols) if options.parts is None else tuple(options.parts)
    for part, count in Counter(parts).items():
        require_among(
            part, symbols, f"{part!r} is not an element of the survey", "composition.parts"
        )
        if count > 1:
            raise ConfigError(
                f"{part!r} occurs {count} times",
                where="composition.parts",
                remedy="remove the repetitions",
            )
    return parts


def _table(x: ArrayLike) -> Floats:
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2:
        raise InputError(
            f"a composition is a table of rows and parts, not an array of shape {x.shape}"
        )
    return x


def _require_none(x: Floats, bad: NDArray[np.bool_], what: str, names: Names) -> None:
    """Raise InputError naming the first column with a bad value, its row and their number."""
    if not bad.any():
        return
    column = int(np.argmax(bad.any(axis=0)))
    row = int(np.argmax(bad[:, column]))
    count = int(bad[:, column].sum())
    raise InputError(
        f"{count} of {len(x)} values {'is' if count == 1 else 'are'} {what}, "
        f"the first in {nth_sample(row, len(x))} ({x[row, column]:g})",
        where=f"column {_name(column, names)}",
        remedy="mark it as censored or missing, or leave out the column",
    )


def nth_sample(row: int, n: int) -> str:
    """A row of a table of samples, in words; the survey has averaged the samples at one place.

    >>> nth_sample(16, 40)
    'sample 17 of 40 (after averaging)'
    """
    return f"sample {row + 1} of {n} (after averaging)"


def _name(column: int, names: Names) -> str:
    return repr(names[column]) if names is not None else str(column)


def _column(part: int | str, n_parts: int, names: Names) -> int:
    """Column number of a part given by its number or name."""
    if isinstance(part, str):
        known = list(names or ())
        if part not in known:
            raise ConfigError(
                f"the denominator {part!r} is not a part of the composition",
                where="composition.denominator",
                remedy=nearest(part, known) if known else "name the parts",
            )
        return known.index(part)
    if not -n_parts <= part < n_parts:
        raise ConfigError(
            f"the denominator is column {part} of {n_parts}", where="composition.denominator"
        )
    return part % n_parts
