"""Scores, curves and intervals of a map of ten million cells, beside scikit-learn, in one run.

    python benchmarks/evaluation.py            ten million cells
    python benchmarks/evaluation.py --cells 1000000

First everything that is said of a map with its held-out deposits: seconds, and how much the peak of
resident memory rises above the map. Then percentiles, AUC and curve against ``roc_auc_score`` on
the same cells: ours, theirs, theirs over ours (above 1 ours is the faster).
"""

import argparse
import resource
from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from orecast.metrics import (
    auc,
    bootstrap_mean,
    conformal_area,
    held_out_curve,
    negative_draws,
    paired_difference,
    percentiles,
    prediction_area_of,
    prediction_rate,
    success_rate,
    top_share,
)

DEPOSITS = 50


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say_everything(score: NDArray[np.float32], deposits: NDArray[np.int64]) -> None:
    """Every curve and interval of one map, against another model's chance percentiles."""
    at = score[tuple(deposits.T)]
    groups = np.arange(len(deposits)) // 2
    barren = np.ones(score.shape, dtype=bool)
    barren[tuple(deposits.T)] = False
    ranked = percentiles(at, score)
    auc(at, score[barren])
    success_rate(score, deposits)
    prediction_rate(score, deposits)
    prediction_area_of(ranked)
    held_out_curve(ranked)
    bootstrap_mean(ranked, seed=0, groups=groups)
    for area in (0.01, 0.05, 0.1):
        top_share(ranked, area, groups=groups)
    chance = np.random.default_rng(0).random(len(ranked))
    paired_difference(ranked, chance, seed=0, groups=groups)
    conformal_area(ranked, 0.8, groups=groups)
    negative_draws(at, score[barren], seed=0, distinct=groups)


def best(function: Callable[[], object], times: int = 3) -> float:
    """Least of several durations in seconds."""
    durations = []
    for _ in range(times):
        start = perf_counter()
        function()
        durations.append(perf_counter() - start)
    return min(durations)


def compare(score: NDArray[np.float32], deposits: NDArray[np.int64], times: int) -> None:
    from sklearn.metrics import roc_auc_score

    y = np.zeros(score.shape, dtype=bool)
    y[tuple(deposits.T)] = True
    at, barren, flat, label = score[y], score[~y], score.ravel(), y.ravel()
    theirs = best(lambda: roc_auc_score(label, flat), times)
    print(f"difference of the AUC {abs(auc(at, barren) - roc_auc_score(label, flat)):.0e}")
    print(f"{'':16s}{'ours':>10s} {'theirs':>10s} {'ratio':>10s}")
    for name, ours in {
        "percentiles": lambda: percentiles(at, score),
        "auc": lambda: auc(at, barren),
        "success_rate": lambda: success_rate(score, deposits),
    }.items():
        seconds = best(ours)
        ratio = theirs / seconds
        print(f"{name:16s}{seconds:8.3f} s {theirs:8.3f} s {ratio:8.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=10_000_000)
    side = round(parser.parse_args().cells ** 0.5)
    rng = np.random.default_rng(0)
    score = rng.random((side, side), dtype=np.float32)
    deposits = np.unique(rng.integers(0, side, (DEPOSITS, 2)), axis=0)
    say_everything(score[:9, :9], deposits % 9)  # imports that come late
    before, start = peak_mib(), perf_counter()
    say_everything(score, deposits)
    seconds = perf_counter() - start
    print(f"{score.size} cells, {len(deposits)} deposits: all curves and intervals")
    print(
        f"{seconds:.2f} s, peak {peak_mib():.0f} MiB, {peak_mib() - before:.0f} above the map's\n"
    )
    compare(score, deposits, times=2)


if __name__ == "__main__":
    main()
