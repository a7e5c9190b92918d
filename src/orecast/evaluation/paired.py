"""Is one model better than another on the same held-out deposits?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.evaluation.intervals import bootstrap_mean

Floats = NDArray[np.float64]

_ALL_SIGNS = 4096  # as many patterns of signs are counted one by one
_DRAWS = 9999
_BLOCK = 1 << 22  # signs drawn at a time
_FEWEST = 3  # with two groups p cannot fall below a half


@dataclass(frozen=True)
class PairedTest:
    """Mean difference, its interval, the p of no difference, and what they were seen on.

    ``n`` counts the deposits compared, ``groups`` the independent groups of them. Ends and p are
    NaN with fewer than three groups. Two-sided, p is never below ``2 / 2**groups``: with five
    groups 0.06 is as far as any evidence can go.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    groups: int

    def as_dict(self) -> dict[str, float]:
        """Numbers by name."""
        return asdict(self)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    seed: int,
    groups: ArrayLike | None = None,
    level: float = 0.95,
) -> PairedTest:
    """Mean of ``a - b`` over held-out deposits, with its interval and its permutation test.

    ``a`` and ``b`` ``(n,)`` score the same deposits by two models, a pair with a NaN left out;
    ``groups`` ``(n,)`` names deposits that are no independent witnesses. The interval draws whole
    groups (``bootstrap_mean``). The test flips the sign of whole groups, as it would not matter
    which model is which were they alike (Fisher 1935, The Design of Experiments, section 21): over
    all patterns of signs up to 4096 of them, else over 9999 random ones, the observed one counted
    among these (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9, 39). Two-sided.

    >>> paired_difference([0.9, 0.8, 0.7], [0.6, 0.7, 0.6], seed=0).p
    0.25
    """
    first, second = (np.asarray(v, dtype=np.float64).ravel() for v in (a, b))
    if first.shape != second.shape:
        raise ValueError(f"{first.size} scores of one model but {second.size} of the other")
    difference = first - second
    g = np.arange(difference.size) if groups is None else np.asarray(groups).ravel()
    mean = bootstrap_mean(difference, seed=seed, level=level, groups=g)
    known = ~np.isnan(difference)
    names, member = np.unique(g[known], return_inverse=True)
    total = np.bincount(member, weights=difference[known]).astype(np.float64)
    p = _sign_flip(total, seed) if names.size >= _FEWEST else math.nan
    return PairedTest(mean.value, mean.low, mean.high, p, int(known.sum()), names.size)


def _sign_flip(total: Floats, seed: int) -> float:
    """Share of sign patterns whose sum lies at least as far from 0 as the observed one's."""
    least = abs(total.sum()) - 1e-9 * np.abs(total).sum()  # equals stay equal despite rounding
    n = total.size
    if 2**n <= _ALL_SIGNS:
        pattern = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float(np.mean(np.abs((1 - 2 * pattern) @ total) >= least))
    rng = np.random.default_rng(seed)
    as_far, step = 1, max(1, _BLOCK // n)
    for start in range(0, _DRAWS, step):
        signs = rng.integers(0, 2, (min(step, _DRAWS - start), n), dtype=np.int8) * 2.0 - 1
        as_far += int(np.sum(np.abs(signs @ total) >= least))
    return as_far / (_DRAWS + 1)
