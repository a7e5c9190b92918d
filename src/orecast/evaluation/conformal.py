"""How much area holds one more deposit, at a stated confidence, from held-out deposits alone.

Conformal statements need no model of the map: only that one more deposit is exchangeable with the
known ones, one group of them with another (Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a
Random World; Papadopoulos et al. 2002, ECML, for the split form). Deposits that stand together are
no independent draws: each group then weighs one, shared evenly among its deposits, which keeps the
guarantee for a deposit of a new group (Lee, Barber & Willett 2023, arXiv:2306.06342; without groups
it is the usual form). Out of fold each percentile comes from its own fold's model: the guarantee is
exact if the folds' models are alike, and nearly so if they are steady (Barber et al. 2021, Ann.
Stat. 49, 486). It is an average over districts like this one, and no promise for a single place.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.evaluation.curves import known_percentiles

Floats = NDArray[np.float64]

_ROUNDING = 1e-9  # of sums of weights, which are otherwise shares of whole numbers


@dataclass(frozen=True)
class ConformalArea:
    """Best share of the area that holds a further deposit with at least the confidence.

    ``groups`` independent groups of deposits speak. Where they are too few for the confidence,
    ``enough`` is false and ``area`` is 1: only the whole map is safe to name.
    """

    area: float
    confidence: float
    groups: int
    enough: bool

    @property
    def sentence(self) -> str:
        """The statement in words, its area in whole per cent rounded up, so that it holds."""
        if not self.enough:
            return (
                f"{self.groups} independent groups of deposits are too few to name less than the "
                f"whole map with {100 * self.confidence:.0f} % confidence"
            )
        whole = math.ceil(round(100 * self.area, 6))
        return (
            f"the best {whole} % of the area hold a further deposit of this kind with at least "
            f"{100 * self.confidence:.0f} % confidence, by {self.groups} independent groups of "
            "known ones"
        )

    def as_dict(self) -> dict[str, Any]:
        """As it goes to JSON."""
        return asdict(self) | {"sentence": self.sentence}


def conformal_area(
    percentiles: ArrayLike, confidence: float, *, groups: ArrayLike | None = None
) -> ConformalArea:
    """Share of the area, from the best down, that holds a further deposit with the confidence.

    ``percentiles`` ``(n,)`` of held-out deposits in their own regions, NaN left out; ``groups``
    ``(n,)`` names deposits that are no independent witnesses. Without groups it is the
    ``ceil((n + 1) * confidence)``-th smallest of ``1 - percentile``, and the whole map where
    ``n < 1 / (1 - confidence) - 1``. Raises ValueError for a confidence that is none, SamplingError
    where no deposit has a percentile.

    >>> conformal_area([0.95, 0.9, 0.8, 0.4], 0.6).area.__round__(3)
    0.2
    >>> conformal_area([0.95, 0.9, 0.8, 0.4], 0.9).enough
    False
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}")
    known, weight, n = _witnesses(percentiles, groups)
    order = np.argsort(-known, kind="stable")
    reached = np.cumsum(weight[order])
    rank = int(np.searchsorted(reached, confidence * (n + 1) - _ROUNDING))
    if rank == known.size:
        return ConformalArea(1.0, confidence, n, enough=False)
    return ConformalArea(float(1 - known[order[rank]]), confidence, n, enough=True)


def conformal_p(
    percentile_of_targets: ArrayLike, held_out: ArrayLike, *, groups: ArrayLike | None = None
) -> Floats:
    """How ordinary a place would be as a further deposit, ``(k,)``; NaN where it has no percentile.

    ``percentile_of_targets`` ``(k,)``; ``held_out`` ``(n,)`` percentiles of the known deposits, NaN
    left out, with their ``groups`` ``(n,)``. One and the number of held-out deposits that rank as
    low or lower, over ``n + 1``. Of further deposits at most the share ``a`` has a p of ``a`` or
    less; a place of low p lies where such deposits have not been. Raises SamplingError where no
    held-out deposit has a percentile.

    >>> conformal_p([0.97, 0.5, 0.1], [0.95, 0.9, 0.8, 0.4]).tolist()
    [1.0, 0.4, 0.2]
    """
    targets = np.asarray(percentile_of_targets, dtype=np.float64)
    known, weight, n = _witnesses(held_out, groups)
    order = np.argsort(known, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(weight[order])])
    as_low = reached[np.searchsorted(known[order], targets, side="right")]
    return np.where(np.isnan(targets), np.nan, (1 + as_low) / (n + 1))


def _witnesses(percentiles: ArrayLike, groups: ArrayLike | None) -> tuple[Floats, Floats, int]:
    """Known percentiles, the weight of each (one a group), and how many groups there are."""
    p = np.asarray(percentiles, dtype=np.float64).ravel()
    g = np.arange(p.size) if groups is None else np.asarray(groups).ravel()
    if g.shape != p.shape:
        raise ValueError(f"{p.size} percentiles but {g.size} groups")
    known = known_percentiles(p)
    _, member, count = np.unique(g[~np.isnan(p)], return_inverse=True, return_counts=True)
    return known, 1 / count[member], count.size
