"""Transform concentrations of samples into the values to interpolate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Floats
from orecast.composition.logratio import alr, clr, ilr, log
from orecast.errors import ConfigError, nearest

if TYPE_CHECKING:
    from orecast.config import Composition


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
        if part not in symbols:
            raise ConfigError(
                f"{part!r} is not an element of the survey",
                where="composition.parts",
                remedy=nearest(part, symbols),
            )
        if count > 1:
            raise ConfigError(
                f"{part!r} occurs {count} times",
                where="composition.parts",
                remedy="remove the repetitions",
            )
    return parts
