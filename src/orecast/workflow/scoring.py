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
    hit: Floats  # 1 where its rank reached its fold's threshold
    false_alarm: Floats  # share of the region's cells without a known deposit whose rank did
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
        **_probabilities(oof, group, seed),
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
    sums, times, fold_of = np.zeros((4, n)), np.zeros(n), np.full(n, -1)
    for k, answer in enumerate(oof.answers):
        rows, background = answer.test, ~ore[tuple(answer.cells.T)]
        percentile = percentiles(answer.scores, answer.cell_scores)
        hit = alarm = np.full(len(rows), np.nan)
        if answer.calibration is not None:
            threshold = answer.calibration.threshold
            hit = (percentile >= threshold).astype(np.float64)
            reached = answer.ranks[background] >= threshold
            alarm = np.full(len(rows), reached.mean() if len(reached) else np.nan)
        elif answer.called is not None and answer.alarm is not None:
            hit, alarm = answer.called.astype(np.float64), np.full(len(rows), answer.alarm)
        outranked = percentiles(answer.scores, answer.cell_scores[background])
        sums[:, rows] += [percentile, outranked, hit, alarm]
        times[rows] += 1
        fold_of[rows] = k
    percentile, outranked, hit, alarm = np.divide(
        sums, times, out=np.full_like(sums, np.nan), where=times > 0
    )
    return HeldOut(percentile, outranked, hit, alarm, fold_of)


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


def _probabilities(oof: OutOfFold, group: Ints, seed: int) -> dict[str, Any]:
    """Brier score, skill and reliability of the calibrated maps; empty where none was calibrated.

    And where only some of a region's cells were scored. Every cell of the folds' regions takes
    part; a place of ore is a cell with a known deposit.
    """
    found = oof.probabilities
    if found is None:
        return {"brier": None, "brier_skill": None, "reliability": None, "expected_deposits": None}
    scored, ore = np.isfinite(found), np.zeros(found.shape, dtype=bool)
    tested = np.unique(oof.rows)
    ore[tuple(oof.sampling.at[tested].T)] = True
    at_places = np.full(len(oof.sampling), np.nan)
    at_places[tested] = found[tuple(oof.sampling.at[tested].T)]
    chance = found[scored]
    squares = float(np.sum(chance**2) - np.nansum(at_places**2))
    brier, skill = brier_of(
        at_places, squares, len(chance), float(chance.mean()), groups=group, seed=seed
    )
    return {
        "brier": brier.as_dict(),
        "brier_skill": skill.as_dict(),
        "reliability": reliability(ore[scored], chance, bins=_RELIABILITY_BINS).as_dict(),
        "expected_deposits": float(chance.sum()),
    }


def _prediction_area(percentile: Floats, *, whole: bool) -> dict[str, Any] | None:
    """Where the prediction-area plot of the held-out places crosses, and its lines if ``whole``."""
    if not np.isfinite(percentile).any():
        return None
    found = prediction_area_of(percentile).as_dict()
    lines = ("threshold", "captured", "area")
    return {key: value for key, value in found.items() if whole or key not in lines}
