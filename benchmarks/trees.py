"""Scores of trees by our walk and by scikit-learn's, which grew them.

Both score the same rows and take turns in one process; medians count, and no bit may differ.
Usage: python benchmarks/trees.py [--trees 300] [--rows 47000] [--columns 23] [--windows 600]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from sklearn import ensemble
from threadpoolctl import threadpool_limits

from orecast.arrays import Floats
from orecast.models.classical.anomaly import IsolationForest
from orecast.models.classical.trees import GradientBoosting, RandomForest
from orecast.sampling import Windows

Table = NDArray[np.float32]


def windows(table: Table) -> Windows:
    at = np.stack([np.zeros(len(table), dtype=np.int64), np.arange(len(table))], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(table.shape[1])), at, 1)


def mean_of_trees(trees: list, rows: Table, threads: int) -> Floats:
    """Threads share the rows, so that trees are added in their order."""

    def total(part: Table) -> Floats:
        return sum(tree.predict_proba(part, check_input=False)[:, 1] for tree in trees)

    with ThreadPoolExecutor(threads) as pool:
        sums = list(pool.map(total, np.array_split(rows, threads)))
    return np.clip(np.concatenate(sums) / len(trees), 0, 1)


def compare(
    name: str, ours: Callable[[], Floats], theirs: Callable[[], Floats], rounds: int
) -> None:
    differ = int((ours() != theirs()).sum())
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, taken in zip((ours, theirs), seconds, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    own, peer = (float(np.median(taken)) for taken in seconds)
    print(
        f"  {name:34} {1e3 * own:8.1f} ms {1e3 * peer:8.1f} ms   ratio {peer / own:5.2f}   "
        f"{differ} scores differ"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--rows", type=int, default=47_000)
    parser.add_argument("--columns", type=int, default=23)
    parser.add_argument("--windows", type=int, default=600, help="learned from")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(4, asked.columns))

    def drawn(n: int) -> Table:
        noise = rng.normal(size=(n, asked.columns))
        return (rng.normal(size=(n, 4)) @ mixed + 0.7 * noise).astype(np.float32)

    table, rows = drawn(asked.windows), drawn(asked.rows)
    y = (np.sin(table.sum(axis=1)) + rng.normal(size=len(table)) > 0.5).astype(float)
    X, far, group = windows(table), windows(rows), np.full(len(table), -1)
    print(f"{asked.trees} trees, {asked.rows} rows x {asked.columns}: ours, scikit-learn's")

    state = int(np.random.SeedSequence(0).generate_state(1)[0])
    peer = ensemble.RandomForestClassifier(
        asked.trees, class_weight="balanced", random_state=state
    ).fit(table, y)
    for threads in (1, 2):
        forest = RandomForest(trees=asked.trees, jobs=threads).fit(X, y, group, seed=0)
        compare(
            f"random forest, {threads} thread{'s' * (threads > 1)}",
            lambda forest=forest: forest.predict(far),
            lambda threads=threads: mean_of_trees(peer.estimators_, rows, threads),
            asked.rounds,
        )

    with threadpool_limits(1, user_api="openmp"):
        boosted = GradientBoosting(trees=asked.trees).fit(X, y, group, seed=0)
        machine = ensemble.HistGradientBoostingClassifier(
            max_iter=asked.trees,
            max_leaf_nodes=boosted.leaves,
            min_samples_leaf=boosted.leaf,
            class_weight="balanced",
            early_stopping=False,
        ).fit(table, y)
        compare(
            "gradient boosting, 1 thread",
            lambda: boosted.predict(far),
            lambda: machine.predict_proba(rows)[:, 1],
            asked.rounds,
        )

    isolating = IsolationForest(trees=asked.trees).fit(X, y, group, seed=0)
    state = int(np.random.SeedSequence([0, 1]).generate_state(1)[0])
    lonely = ensemble.IsolationForest(
        n_estimators=asked.trees, max_samples=min(256, len(table)), random_state=state
    ).fit(table)
    compare(
        "isolation forest, 1 thread",
        lambda: isolating.predict(far),
        lambda: -lonely.score_samples(rows),
        asked.rounds,
    )


if __name__ == "__main__":
    main()
