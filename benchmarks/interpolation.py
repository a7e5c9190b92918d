"""Inverse distance and clr beside SciPy's way, kriging beside gstools', in one run.

    python benchmarks/interpolation.py            the large case at half its side
    python benchmarks/interpolation.py --full     7,234 samples to 3072 x 3072 cells, 8 elements

Each line: ours, theirs, theirs over ours (above 1 ours is the faster), largest difference.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import gmean

from orecast.arrays import Floats
from orecast.composition import clr
from orecast.evidence.interpolate.idw import InverseDistance
from orecast.evidence.interpolate.kriging import OrdinaryKriging, Variogram

EXTENT = 100_000.0
NEIGHBOURS = 12
BLOCK = 1 << 18


def by_tree(xy: Floats, values: Floats, targets: Floats) -> Floats:
    """SciPy's way: a tree asked by two workers, weights by NumPy, a block at a time."""
    tree = cKDTree(xy)
    out = np.empty((len(targets), values.shape[1]))
    for start in range(0, len(targets), BLOCK):
        block = slice(start, start + BLOCK)
        distance, index = tree.query(targets[block], k=NEIGHBOURS, workers=2)
        weight = 1.0 / np.maximum(distance, 1e-12) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        for layer, column in enumerate(values.T):
            out[block, layer] = (weight * column[index]).sum(axis=1)
    return out


def ours(xy: Floats, values: Floats, targets: Floats) -> Floats:
    return InverseDistance(NEIGHBOURS, EXTENT).fit(xy, values).predict(targets)


def cell_centres(side: int) -> Floats:
    x = (np.arange(side) + 0.5) * EXTENT / side
    xx, yy = np.meshgrid(x, x[::-1])
    return np.column_stack([xx.ravel(), yy.ravel()])


def best(function: Callable[[], Floats], times: int) -> tuple[float, Floats]:
    """Least of several durations in seconds, and the result."""
    durations = []
    for _ in range(times):
        start = perf_counter()
        result = function()
        durations.append(perf_counter() - start)
    return min(durations), result


def compare(
    title: str, first: Callable[[], Floats], second: Callable[[], Floats], times: int = 3
) -> None:
    (mine, a), (theirs, b) = best(first, times), best(second, times)
    off = float(np.nanmax(np.abs(a - b)))
    print(f"{title:58s} {mine:7.3f} s {theirs:7.3f} s  {theirs / mine:5.1f} x  {off:.0e}")


def compare_idw(samples: int, side: int, elements: int, times: int) -> None:
    rng = np.random.default_rng(0)
    xy, values = rng.uniform(0, EXTENT, (samples, 2)), rng.normal(size=(samples, elements))
    targets = cell_centres(side)
    compare(
        f"idw, {samples} samples to {side} x {side}, {elements} elements (SciPy)",
        lambda: ours(xy, values, targets),
        lambda: by_tree(xy, values, targets),
        times,
    )


def compare_kriging() -> None:
    import gstools as gs

    xy = np.random.default_rng(0).uniform(0, EXTENT, (300, 2))
    targets = cell_centres(100)
    model = gs.Exponential(dim=2, var=1.0, len_scale=20_000.0, rescale=3.0)
    values = gs.SRF(model, seed=1)(xy.T)[:, None]
    variogram = Variogram("exponential", 0.0, 1.0, 20_000.0)
    compare(
        "kriging, 300 samples to 100 x 100, 12 (gstools: all)",
        lambda: OrdinaryKriging(12, EXTENT, variogram).fit(xy, values).predict(targets)[:, 0],
        lambda: gs.krige.Ordinary(model, xy.T, values[:, 0])(targets.T, return_var=False),
        times=1,
    )


def compare_clr() -> None:
    x = np.random.default_rng(0).lognormal(size=(10_000, 39))
    compare("clr, 10,000 x 39 (SciPy)", lambda: clr(x), lambda: np.log(x / gmean(x, 1)[:, None]), 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="the large case at its whole side")
    side = 3072 if parser.parse_args().full else 1536
    warm = np.random.default_rng(1).uniform(0, EXTENT, (50, 2))
    ours(warm, warm, warm)  # compiled, or loaded from the cache
    OrdinaryKriging(3, EXTENT).fit(warm, warm).predict(warm)
    print(f"{'':58s} {'ours':>9s} {'theirs':>9s}  {'ratio':>7s}  difference")
    compare_idw(1000, 1000, 1, times=3)
    compare_idw(7234, side, 8, times=2)
    compare_kriging()
    compare_clr()


if __name__ == "__main__":
    main()
