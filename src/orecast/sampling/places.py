"""Labelled places: deposits in groups whose windows share a cell, tiles, and negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from orecast.arrays import Bools, Floats, Floats32, Ints
from orecast.errors import SamplingError
from orecast.sampling.windows import Sampling


def mask_of(at: Ints, shape: tuple[int, ...]) -> Bools:
    """Cells ``at`` ``(n, 2)`` as a mask ``(rows, columns)``."""
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(at.T)] = True
    return mask


def distance_to(at: Ints, shape: tuple[int, ...]) -> Floats:
    """Cells from each cell to the nearest of the cells ``at`` ``(n, 2)``, ``(rows, columns)``."""
    return np.asarray(distance_transform_edt(~mask_of(at, shape)))


def deposit_groups(at: Ints, size: int) -> Ints:
    """Number the groups of places whose windows of ``size`` cells share a cell, ``(n,)``.

    Sharing is transitive: where A shares with B and B with C, all three stay together.

    >>> deposit_groups(np.array([[0, 0], [0, 8], [0, 17]]), 9).tolist()
    [0, 0, 1]
    """
    n = len(at)
    pairs = cKDTree(at).query_pairs(size - 1, p=np.inf, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def deposit_sampling(at: Ints, size: int) -> tuple[Sampling, Ints]:
    """One ore row for each distinct cell that holds deposits, and each deposit's row ``(n,)``.

    Deposits in one cell are one place: counted twice, they would make the intervals of the scores
    too narrow.
    """
    places, row = np.unique(
        np.asarray(at, dtype=np.int64).reshape(-1, 2), axis=0, return_inverse=True
    )
    return Sampling.of(places, 1.0, deposit_groups(places, size)), row.reshape(-1)


def tile_sampling(numbers: NDArray[np.int32], ore: Ints) -> Sampling:
    """One row per tile, in order of number: its middle cell, and 1 where it holds a deposit.

    ``numbers`` ``(rows, columns)`` from ``Grid.numbered_tiles``; ``ore`` the deposits' cells
    ``(n, 2)``. Like the 144 tiles, 29 of them ore, of Gao et al. (2022, Appl. Sci. 12, 11433).

    >>> numbers = np.array([[1, 1, 2, 2], [3, 3, 4, 4]], dtype=np.int32)
    >>> tiles = tile_sampling(numbers, np.array([[1, 3]]))
    >>> tiles.y.tolist(), tiles.at.tolist()
    ([0.0, 0.0, 0.0, 1.0], [[0, 1], [0, 3], [1, 1], [1, 3]])
    """
    count = int(numbers.max())
    rows, columns = np.indices(numbers.shape).reshape(2, -1)
    tile = numbers.ravel() - 1
    cells = np.bincount(tile, minlength=count)
    middle = np.column_stack(
        [np.bincount(tile, weights=v, minlength=count) / cells for v in (rows, columns)]
    )
    y = np.zeros(count)
    y[numbers[ore[:, 0], ore[:, 1]] - 1] = 1
    return Sampling.of(np.floor(middle + 0.5).astype(np.int64), y, np.arange(count))


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
    allowed = candidates & ~mask_of(ore, candidates.shape)
    sentence = "barren cells drawn at random"
    if rule.method != "random":
        allowed &= distance_to(ore, allowed.shape) >= rule.distance
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
        clusters, which = _low_clusters(rule, target, candidates, ore, seed)
        allowed &= clusters
        sentence += f", {which}"
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


def _low_clusters(
    rule: NegativeRule, target: Floats32, candidates: Bools, ore: Ints, seed: int
) -> tuple[Bools, str]:
    """Cells in the lowest clusters of the target, and the number of deposits in them."""
    from sklearn.cluster import KMeans

    level = _logarithm(target, candidates) if rule.logarithm else target
    known = candidates & np.isfinite(level)
    values = level[known].astype(np.float64)
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
    lowest[known] = order[fit.predict(values[:, None])] < low
    at_ore = level[ore[:, 0], ore[:, 1]]
    at_ore = at_ore[np.isfinite(at_ore)].astype(np.float64)
    n_ore = int((order[fit.predict(at_ore[:, None])] < low).sum()) if len(at_ore) else 0
    of_what = "the target's logarithm" if rule.logarithm else "the target"
    return lowest, (
        f"in the lowest {low} of {rule.clusters} clusters of {of_what}, "
        f"where {n_ore} of {len(ore)} deposits lie too"
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
