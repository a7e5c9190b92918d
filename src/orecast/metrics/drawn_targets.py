"""Scores of targets: how many that were drawn with deposits hidden lie near one of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orecast.arrays import Floats, Ints
from orecast.metrics.intervals import bootstrap_mean
from orecast.metrics.results import Interval, TargetBand, TargetScore

NUMBERS = (5, 10, 20)
"""Targets drawn; the rank bands are those of the first number, and those that each next adds."""
_EXACT = 3  # hits or fewer: the exact binomial interval
_FEWEST_OF_BAND = 20


@dataclass(frozen=True)
class FoldTargets:
    """Targets that a map drew in one fold, best first, and which deposits they hit.

    ``cells`` is the size of the fold's eligible ground; ``area`` ``(n,)`` that of each target in
    km²; ``hits`` has the groups of held-out deposits within the distance of each target's peak.
    """

    repetition: int
    cells: int
    area: Floats
    hits: Sequence[Sequence[int]]

    def first(self, n: int) -> FoldTargets:
        """The first ``n`` of the targets."""
        return FoldTargets(self.repetition, self.cells, self.area[:n], self.hits[:n])


def allotted(n: int, sizes: Sequence[int]) -> list[int]:
    """``n`` targets shared among grounds by their sizes, by largest remainder.

    >>> allotted(10, [500, 300, 200]), allotted(5, [1, 1, 1]), allotted(3, [0, 0])
    ([5, 3, 2], [2, 2, 1], [0, 0])
    """
    total = sum(sizes)
    if not total:
        return [0] * len(sizes)
    shares = np.array(sizes) * (n / total)
    whole = np.floor(shares + 1e-9).astype(np.int64)
    order = np.argsort(-(shares - whole), kind="stable")
    whole[order[: n - int(whole.sum())]] += 1
    return [int(v) for v in whole]


def draw(folds: Sequence[FoldTargets], n: int) -> list[FoldTargets]:
    """The targets of ``n`` in each repetition, each fold's share by its eligible ground."""
    found: list[FoldTargets] = []
    for repetition in sorted({fold.repetition for fold in folds}):
        own = [fold for fold in folds if fold.repetition == repetition]
        counts = allotted(n, [fold.cells for fold in own])
        found += [fold.first(count) for fold, count in zip(own, counts, strict=True)]
    return found


def hits_of_groups(folds: Sequence[FoldTargets], groups: Ints) -> Floats:
    """Targets that hit each group, the mean over repetitions, ``(n_groups,)``.

    A target that hits several groups counts in equal parts for each.
    """
    position = {int(g): k for k, g in enumerate(groups)}
    found = np.zeros(len(groups))
    repetitions = len({fold.repetition for fold in folds})
    for fold in folds:
        for hit in fold.hits:
            for group in hit:
                found[position[group]] += 1 / len(hit)
    return found / max(1, repetitions)


def groups_found(folds: Sequence[FoldTargets]) -> float:
    """Distinct groups of deposits hit, the mean over repetitions."""
    repetitions = sorted({fold.repetition for fold in folds})
    each = [
        len({g for fold in folds if fold.repetition == r for hit in fold.hits for g in hit})
        for r in repetitions
    ]
    return float(np.mean(each)) if each else float("nan")


def target_scores(
    maps: Mapping[str, Sequence[FoldTargets]], model: str, groups: Ints, *, seed: int
) -> list[TargetScore]:
    """Score the targets of each map, for each number of targets; the model first.

    Intervals draw whole groups of deposits, with the mean over repetitions as a group's value, so
    that repetitions do not count as further deposits. At three hits or fewer the interval is the
    exact binomial one. ``difference`` is the model's hits minus the map's, by groups.
    """
    rows = []
    names = [model, *(name for name in maps if name != model)]
    for n in NUMBERS:
        of_model = hits_of_groups(draw(maps[model], n), groups)
        for name in names:
            folds = draw(maps[name], n)
            repetitions = len({fold.repetition for fold in folds})
            hits = hits_of_groups(folds, groups)
            drawn = sum(len(fold.hits) for fold in folds) / max(1, repetitions)
            rows.append(
                TargetScore(
                    name=name,
                    n=n,
                    drawn=drawn,
                    hits=_interval(hits, drawn, seed),
                    groups=groups_found(folds),
                    area_km2=sum(float(fold.area.sum()) for fold in folds) / max(1, repetitions),
                    difference=None if name == model else _summed(of_model - hits, seed),
                )
            )
    return rows


def _summed(values: Floats, seed: int) -> Interval:
    """The sum over groups, with the bootstrap interval of drawing groups."""
    mean = bootstrap_mean(values, seed=seed)
    n = len(values)
    return Interval(n * mean.value, n * mean.low, n * mean.high)


def _interval(hits: Floats, drawn: float, seed: int) -> Interval:
    total = float(hits.sum())
    if total > _EXACT or drawn < 1:
        return _summed(hits, seed)
    from scipy.stats import binomtest

    count = round(drawn)
    exact = binomtest(min(round(total), count), count).proportion_ci(method="exact")
    return Interval(total, count * float(exact.low), count * float(exact.high))


_WORDS = {5: "Five", 10: "Ten", 20: "Twenty"}
_FIRST = 10


def sentence(scores: Sequence[TargetScore], random: Mapping[int, float], hit_m: float) -> str:
    """The sentence on the model's targets; ``scores`` has the model's first."""
    own = next(score for score in scores if score.n == _FIRST)
    if not own.drawn:
        return (
            "Targets could not be tested: with deposits hidden, no ground is left on which to draw "
            "any."
        )
    drawn = _WORDS[_FIRST] if round(own.drawn) == _FIRST else f"{own.drawn:.3g}"
    return (
        f"{drawn} targets were drawn with these deposits hidden: {own.hits.value:.2g} lay within "
        f"{hit_m / 1000:.2g} km of one (random: {random[_FIRST]:.2g})."
    )


def bands(folds: Sequence[FoldTargets]) -> list[TargetBand]:
    """Share of held-out targets that hit, by band of rank: those of 5, and those added for 10, 20.

    The shares do not rise from band to band: where one would, the bands are joined. A band with
    fewer than 20 targets in all repetitions has none.
    """
    counts, hits = [], []
    for low, high in zip((0, *NUMBERS[:-1]), NUMBERS, strict=True):
        before = draw(folds, low) if low else [fold.first(0) for fold in draw(folds, high)]
        after = draw(folds, high)
        added = [hit for b, a in zip(before, after, strict=True) for hit in a.hits[len(b.hits) :]]
        counts.append(len(added))
        hits.append(sum(bool(hit) for hit in added))
    shares = _falling(counts, hits)
    return [
        TargetBand(
            first=low + 1,
            last=high,
            targets=count,
            hit_share=share if count >= _FEWEST_OF_BAND else float("nan"),
        )
        for low, high, count, share in zip((0, *NUMBERS[:-1]), NUMBERS, counts, shares, strict=True)
    ]


def _falling(counts: Sequence[int], hits: Sequence[int]) -> list[float]:
    """Shares that do not rise, by joining neighbours that would (pool adjacent violators).

    >>> _falling([10, 10, 10], [2, 4, 1])
    [0.3, 0.3, 0.1]
    """
    pools: list[tuple[int, int, int]] = []  # bands, targets, hits
    for count, hit in zip(counts, hits, strict=True):
        pools.append((1, count, hit))
        while len(pools) > 1 and _share(pools[-1]) > _share(pools[-2]):
            (b, n, h), (a, m, g) = pools.pop(), pools.pop()
            pools.append((a + b, m + n, g + h))
    return [_share(pool) for pool in pools for _ in range(pool[0])]


def _share(pool: tuple[int, int, int]) -> float:
    return pool[2] / pool[1] if pool[1] else 0.0
