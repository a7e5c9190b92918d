"""From out-of-fold predictions to the rows of ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.evaluation import (
    Interval,
    auc,
    average_precision_of,
    bootstrap_mean,
    brier_of,
    called_scores,
    confusion,
    held_out_curve,
    percentiles,
    prediction_area_of,
    reliability,
    top_share,
)
from orecast.evaluation import average_precision as precision_of_ranks
from orecast.validation import FoldAnswer, OutOfFold
from orecast.workflow.places import Places

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOP_AREAS = (0.01, 0.05, 0.10)

_RELIABILITY_BINS = 10


@dataclass(frozen=True)
class HeldOut:
    """Each place against the region that its fold hid, ``(n_places,)``, NaN where untested.

    A place tested by several folds, as where pairs are left out, has the mean of them.
    """

    percentile: Floats  # among all cells of the region
    outranked: Floats  # share of the region's cells without a known deposit that it outranks
    hit: Floats  # 1 where it reached its fold's threshold
    false_alarm: Floats  # share of the region's cells without a known deposit that did
    probability: Floats  # calibrated
    fold: Ints  # the last one that tested it, -1 for none


def held_out_row(
    name: str, role: str, protocol: str, oof: OutOfFold, places: Places, *, seed: int
) -> dict[str, Any]:
    """Score a model on the regions its folds hid, deposit by deposit.

    The percentile of a held-out place among the cells of its held-out region is primary. Intervals
    draw whole groups of deposits: those whose windows share cells are no independent witnesses.
    """
    ore = np.zeros(oof.map.shape, dtype=bool)
    ore[tuple(places.sampling.at.T)] = True
    held = _held_out(oof, len(places.sampling), ore)
    group = places.sampling.group
    n_background = sum(a.region_cells for a in oof.answers)

    def interval(values: Floats) -> dict[str, float]:
        return bootstrap_mean(values, seed=seed, groups=group).as_dict()

    called = called_scores(held.hit, held.false_alarm, groups=group, seed=seed)
    return {
        "name": name,
        "role": role,
        "protocol": protocol,
        "percentile": interval(held.percentile),
        "auc": interval(held.outranked),
        "average_precision": average_precision_of(
            held.outranked, n_background, groups=group, seed=seed
        ).as_dict(),
        "top_area": {
            str(a): top_share(held.percentile, a, groups=group).as_dict() for a in TOP_AREAS
        },
        "called": {score: value.as_dict() for score, value in called.items()},
        "prediction_area": _prediction_area(held.percentile, whole=role == "model"),
        **_probabilities(oof, held, group, seed),
        "per_fold": [_fold_scores(k, a, held, places, ore) for k, a in enumerate(oof.answers)],
        "per_deposit": [
            {
                "deposit": int(d),
                "name": label,
                "x": float(x),
                "y": float(y),
                "fold": int(held.fold[r]),
                "percentile": float(held.percentile[r]),
            }
            for d, r, label, (x, y) in zip(
                places.deposit, places.row, places.names, places.xy, strict=True
            )
        ],
        "success_rate": held_out_curve(held.percentile).as_dict(),
        "places": held.percentile.tolist(),
        "extra": {},
    }


def paper_row(
    name: str, oof: OutOfFold, published: Mapping[str, str], *, seed: int
) -> dict[str, Any]:
    """Score a model on randomly split windows, as published: accuracy and its kin.

    By the labels that the paper's rule gives, or else at 0.5. ``published`` says which score a
    paper gives under which name: what one calls AUC may be the balanced accuracy.
    """
    y = oof.sampling.y[oof.rows]
    counts = confusion(y, oof.scores if oof.called is None else oof.called)
    by_fold: list[dict[str, Any]] = []
    for k in range(len(oof.answers)):
        mine = oof.row_fold == k
        value = auc(oof.scores[mine & (y == 1)], oof.scores[mine & (y == 0)])
        by_fold.append({"fold": k, "auc": value, "percentile": None, "deposits": None})
    mean_auc = bootstrap_mean([f["auc"] for f in by_fold], seed=seed)
    standard = counts.scores() | {"auc": mean_auc.value}
    return {
        "name": name,
        "role": "model",
        "protocol": "paper",
        "sentence": oof.protocol_words,
        "as_published": {called: standard[score] for called, score in published.items()},
        "percentile": Interval(np.nan, np.nan, np.nan).as_dict(),
        "auc": mean_auc.as_dict(),
        "top_area": {},
        "per_fold": by_fold,
        "per_deposit": [],
        "success_rate": None,
        "extra": counts.scores()
        | asdict(counts)
        | {"average_precision": precision_of_ranks(y, oof.scores)},
    }


def ranked(score: NDArray[np.float32], cells: Ints) -> Floats:
    """Percentile of cells among all that the map scores, NaN where it scores none."""
    return percentiles(score[cells[:, 0], cells[:, 1]], score[np.isfinite(score)])


def _held_out(oof: OutOfFold, n: int, ore: Bools) -> HeldOut:
    sums, times, fold_of = np.zeros((5, n)), np.zeros(n), np.full(n, -1)
    for k, answer in enumerate(oof.answers):
        rows, scores = answer.test, answer.scores
        background = answer.cell_scores[~ore[tuple(answer.cells.T)]]
        hit = alarm = chance = np.full(len(rows), np.nan)
        if answer.calibration is not None:
            called = answer.calibration.threshold
            hit = (scores >= called).astype(np.float64)
            share = float(np.mean(background >= called)) if len(background) else np.nan
            alarm = np.full(len(rows), share)
            chance = answer.calibration.platt(scores)
        elif answer.called is not None and answer.alarm is not None:
            hit, alarm = answer.called.astype(np.float64), np.full(len(rows), answer.alarm)
        sums[:, rows] += [
            percentiles(scores, answer.cell_scores),
            percentiles(scores, background),
            hit,
            alarm,
            chance,
        ]
        times[rows] += 1
        fold_of[rows] = k
    means = np.divide(sums, times, out=np.full_like(sums, np.nan), where=times > 0)
    percentile, outranked, hit, alarm, chance = means
    return HeldOut(percentile, outranked, hit, alarm, chance, fold_of)


def _fold_scores(
    k: int, answer: FoldAnswer, held: HeldOut, places: Places, ore: Bools
) -> dict[str, Any]:
    background = answer.cell_scores[~ore[tuple(answer.cells.T)]]
    ranks = percentiles(answer.scores, answer.cell_scores)
    calibration = answer.calibration
    return {
        "fold": k,
        "auc": auc(answer.scores, background),
        "percentile": float(np.nanmean(ranks)) if np.isfinite(ranks).any() else np.nan,
        "deposits": int(np.isin(places.row, answer.test).sum()),
        "threshold": None if calibration is None else calibration.threshold,
    }


def _probabilities(oof: OutOfFold, held: HeldOut, group: Ints, seed: int) -> dict[str, Any]:
    """Brier score, skill and reliability of the calibrated maps; empty where none was calibrated.

    And where only some of a region's cells were scored. Every cell of the folds' regions takes
    part; a place of ore is a cell with a known deposit.
    """
    calibrated = [a for a in oof.answers if a.calibration is not None and not a.drawn]
    if len(calibrated) < len(oof.answers):
        return {"brier": None, "brier_skill": None, "reliability": None, "expected_deposits": None}
    chance = np.concatenate(
        [a.calibration.platt(a.cell_scores) for a in calibrated if a.calibration is not None]
    )
    known = np.isfinite(held.probability)
    reference = np.mean([len(a.train) / a.visible_cells for a in calibrated])
    squares = float(np.sum(chance**2) - np.sum(held.probability[known] ** 2))
    brier, skill = brier_of(
        held.probability, squares, len(chance), float(reference), groups=group, seed=seed
    )
    y = np.zeros(oof.map.shape, dtype=bool)
    y[tuple(oof.sampling.at[oof.rows].T)] = True
    cells = np.concatenate([a.cells for a in calibrated])
    table = reliability(y[tuple(cells.T)], chance, bins=_RELIABILITY_BINS)
    return {
        "brier": brier.as_dict(),
        "brier_skill": skill.as_dict(),
        "reliability": table.as_dict(),
        "expected_deposits": float(chance.sum()),
    }


def _prediction_area(percentile: Floats, *, whole: bool) -> dict[str, Any] | None:
    """Where the prediction-area plot of the held-out places crosses, and its lines if ``whole``."""
    if not np.isfinite(percentile).any():
        return None
    found = prediction_area_of(percentile).as_dict()
    lines = ("threshold", "captured", "area")
    return {key: value for key, value in found.items() if whole or key not in lines}
