"""Barren cells to learn from: at random, far from deposits, or in clusters free of deposits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import distance_transform_edt

from orecast.errors import SamplingError
from orecast.samples.nouns import Bools, Floats, Ints


@dataclass(frozen=True)
class NegativeRule:
    """How barren cells are chosen; distances in cells.

    ``kmeans`` follows Xiang et al. (2026): clusters of the target element's map that hold no
    deposit, far from faults and deposits.
    """

    method: Literal["random", "distance", "kmeans"] = "distance"
    distance: float = 9.0
    clusters: int = 5
    fault_distance: float = 0.0


def choose_negatives(
    rule: NegativeRule,
    n: int,
    ore: Ints,
    candidates: Bools,
    *,
    target: Floats | None = None,
    faults: Floats | None = None,
    seed: int,
) -> tuple[Ints, str]:
    """Draw ``n`` barren cells and say how, ``(n, 2)`` and a sentence.

    ``ore`` are the ore cells a fold may know ``(m, 2)``; ``candidates`` the cells whose windows it
    may see; ``target`` the target element's layer and ``faults`` the distance to faults in cells,
    both ``(rows, columns)`` and read at candidates alone.

    Raises SamplingError where no cell is left, with the distances to relax.
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
                remedy='name the element that deposits are sought by, such as target = "Au"',
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
        clusters, words = _barren_clusters(target, candidates, ore, rule.clusters, seed)
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


def _barren_clusters(
    target: Floats, candidates: Bools, ore: Ints, clusters: int, seed: int
) -> tuple[Bools, str]:
    """Cells in clusters of the target that hold no deposit, or failing that the barest one."""
    from sklearn.cluster import KMeans

    seen = candidates & np.isfinite(target)
    values = target[seen].astype(np.float64)
    if len(np.unique(values)) < clusters:
        raise SamplingError(
            f"the target element has fewer than {clusters} distinct values to cluster",
            where="sampling.clusters",
            remedy="ask for fewer clusters",
        )
    fit = KMeans(clusters, n_init=4, random_state=seed)
    rng = np.random.default_rng([seed, 2])
    fit.fit(rng.choice(values, min(len(values), 100_000), replace=False)[:, None])
    order = np.argsort(np.argsort(fit.cluster_centers_[:, 0]))  # 0 has the lowest concentration
    label = np.full(target.shape, -1)
    label[seen] = order[fit.predict(values[:, None])]
    cells = np.bincount(label[seen], minlength=clusters)
    at_ore = target[ore[:, 0], ore[:, 1]]
    holds = order[fit.predict(at_ore[np.isfinite(at_ore)].astype(np.float64)[:, None])]
    deposits = np.bincount(holds, minlength=clusters)
    free = np.flatnonzero(deposits == 0)
    if len(free):
        words = f"in clusters {', '.join(str(k + 1) for k in free)} of {clusters}, free of deposits"
        return np.isin(label, free), words
    barest = int(np.argmin(deposits / np.maximum(cells, 1)))
    words = (
        f"in cluster {barest + 1} of {clusters}: every cluster holds deposits, and this one "
        f"has the fewest for its area ({deposits[barest]} in {cells[barest]} cells)"
    )
    return label == barest, words
