"""Negatives for training: at random, far from deposits, or in low clusters of an element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import distance_transform_edt

from orecast.arrays import Bools, Floats32, Ints
from orecast.errors import SamplingError


@dataclass(frozen=True)
class NegativeRule:
    """How negatives are chosen; distances in cells.

    ``kmeans`` follows Xiang et al. (2026), who took the lowest three of five clusters of the target
    element's map, far from faults and deposits. The values form ``clusters`` by k-means; negatives
    lie in the lowest ``low`` of them, three fifths if None. With ``logarithm`` the logarithms are
    clustered. For concentrations this gives clusters of similar area, as in the paper; otherwise
    the few richest cells form clusters of their own.
    """

    method: Literal["random", "distance", "kmeans"] = "distance"
    distance: float = 9.0
    clusters: int = 5
    fault_distance: float = 0.0
    low: int | None = None
    logarithm: bool = False


def choose_negatives(
    rule: NegativeRule,
    n: int,
    ore: Ints,
    candidates: Bools,
    *,
    target: Floats32 | None = None,
    faults: Floats32 | None = None,
    seed: int,
) -> tuple[Ints, str]:
    """Draw ``n`` negatives, ``(n, 2)``, and describe the rule in a sentence.

    ``ore``: the training ore cells of a fold ``(m, 2)``; ``candidates``: the cells whose windows
    are not hidden; ``target``: the target element's layer; ``faults``: the distance to faults in
    cells. The last two are ``(rows, columns)`` and only read at candidates.

    Raises SamplingError, which names the distances to reduce, where no cell is left.
    """
    allowed = candidates.copy()
    allowed[ore[:, 0], ore[:, 1]] = False
    sentence = "barren cells drawn at random"
    if rule.method != "random":
        allowed &= _distance_to(ore, allowed.shape) >= rule.distance
        sentence = f"barren cells at least {rule.distance:g} cells from every deposit"
    if rule.method == "kmeans":
        if target is None:
            raise SamplingError(
                "negatives by k-means need the target element",
                where="sampling.target",
                remedy='name the element that the deposits contain, such as target = "Au"',
            )
        if rule.fault_distance > 0:
            if faults is None:
                raise SamplingError(
                    "negatives far from faults need a layer of distance to faults",
                    where="sampling.fault_distance",
                    remedy="give [faults] with distance = true, or leave fault_distance out",
                )
            allowed &= faults >= rule.fault_distance
            sentence += f" and {rule.fault_distance:g} cells from every fault"
        clusters, words = _low_clusters(rule, target, candidates, ore, seed)
        allowed &= clusters
        sentence += f", {words}"
    cells = np.argwhere(allowed)
    if not len(cells):
        raise SamplingError(
            f"no cell is left for negatives ({sentence})",
            where="sampling.negatives",
            remedy="lower sampling.distance or sampling.fault_distance, or use another rule",
        )
    rng = np.random.default_rng([seed, 1])
    drawn = rng.choice(len(cells), size=min(n, len(cells)), replace=False)
    return cells[np.sort(drawn)], sentence


def _distance_to(
    at: Ints, shape: tuple[int, ...]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    elsewhere = np.ones(shape, dtype=bool)
    elsewhere[at[:, 0], at[:, 1]] = False
    return np.asarray(distance_transform_edt(elsewhere))


def _low_clusters(
    rule: NegativeRule, target: Floats32, candidates: Bools, ore: Ints, seed: int
) -> tuple[Bools, str]:
    """Cells in the lowest clusters of the target, and the number of deposits in them."""
    from sklearn.cluster import KMeans

    level = _logarithm(target, candidates) if rule.logarithm else target
    seen = candidates & np.isfinite(level)
    values = level[seen].astype(np.float64)
    if len(np.unique(values)) < rule.clusters:
        raise SamplingError(
            f"the target element has fewer than {rule.clusters} distinct values to cluster",
            where="sampling.clusters",
            remedy="set fewer clusters",
        )
    low = max(1, round(0.6 * rule.clusters)) if rule.low is None else rule.low
    fit = KMeans(rule.clusters, n_init=4, random_state=seed)
    rng = np.random.default_rng([seed, 2])
    fit.fit(rng.choice(values, min(len(values), 100_000), replace=False)[:, None])
    order = np.argsort(np.argsort(fit.cluster_centers_[:, 0]))  # 0 has the lowest concentration
    lowest = np.zeros(target.shape, dtype=bool)
    lowest[seen] = order[fit.predict(values[:, None])] < low
    at_ore = level[ore[:, 0], ore[:, 1]]
    at_ore = at_ore[np.isfinite(at_ore)].astype(np.float64)
    held = int((order[fit.predict(at_ore[:, None])] < low).sum()) if len(at_ore) else 0
    of_what = "the target's logarithm" if rule.logarithm else "the target"
    return lowest, (
        f"in the lowest {low} of {rule.clusters} clusters of {of_what}, "
        f"where {held} of {len(ore)} deposits lie too"
    )


def _logarithm(target: Floats32, candidates: Bools) -> Floats32:
    """Natural logarithms of concentrations; raises SamplingError where one is not above zero."""
    if (target[candidates] <= 0).any():
        raise SamplingError(
            "some of the target's concentrations are not above zero and have no logarithm",
            where="sampling.target",
            remedy='name another element, or take log-ratios with composition.transform = "clr"',
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(target))
