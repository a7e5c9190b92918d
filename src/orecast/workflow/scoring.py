"""From out-of-fold predictions to the rows of ``metrics.json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.evaluation import Interval, auc, bootstrap_mean, confusion, percentiles, share_interval
from orecast.evaluation import average_precision as precision_of_ranks
from orecast.validation import OutOfFold
from orecast.workflow.places import Places

Floats = NDArray[np.float64]

TOP_AREAS = (0.01, 0.05, 0.10)


def spatial_row(
    name: str, role: str, oof: OutOfFold, places: Places, *, seed: int
) -> dict[str, Any]:
    """Score a model on the regions its folds hid, deposit by deposit.

    The percentile of a held-out place among the cells of its held-out region is primary. Intervals
    draw whole groups of deposits: those whose windows share cells are no independent witnesses.
    """
    n = len(places.sampling)
    percentile, against_barren, fold_of = np.full(n, np.nan), np.full(n, np.nan), np.full(n, -1)
    per_fold = []
    at = places.sampling.at
    ore = np.zeros(oof.map.shape, dtype=bool)
    ore[at[:, 0], at[:, 1]] = True
    for k in range(len(oof.folds)):
        mine = oof.row_fold == k
        rows, scores, region = oof.rows[mine], oof.scores[mine], oof.fold == k
        percentile[rows] = percentiles(scores, oof.map[region])
        against_barren[rows] = percentiles(scores, oof.map[region & ~ore])
        fold_of[rows] = k
        per_fold.append(
            {
                "fold": k,
                "auc": auc(scores, oof.map[region & ~ore]),
                "percentile": float(np.mean(percentile[rows])),
                "deposits": int(np.isin(places.row, rows).sum()),
            }
        )
    group = places.sampling.group

    def interval(values: Floats) -> dict[str, float]:
        return bootstrap_mean(values, seed=seed, groups=group).as_dict()

    return {
        "name": name,
        "role": role,
        "protocol": "spatial",
        "percentile": interval(percentile),
        "auc": interval(against_barren),
        "top_area": {str(a): _captured(percentile, group, a).as_dict() for a in TOP_AREAS},
        "per_fold": per_fold,
        "per_deposit": [
            {
                "deposit": int(d),
                "name": label,
                "x": float(x),
                "y": float(y),
                "fold": int(fold_of[r]),
                "percentile": float(percentile[r]),
            }
            for d, r, label, (x, y) in zip(
                places.deposit, places.row, places.names, places.xy, strict=True
            )
        ],
        "success_rate": _curve(percentile),
        "places": percentile.tolist(),
        "extra": {},
    }


def paper_row(name: str, oof: OutOfFold, *, seed: int) -> dict[str, Any]:
    """Score a model on randomly split windows, as published: accuracy and its kin at 0.5."""
    y = oof.sampling.y[oof.rows]
    counts = confusion(y, oof.scores)
    folds = sorted(set(oof.row_fold.tolist()))
    by_fold = []
    for k in folds:
        mine = oof.row_fold == k
        value = auc(oof.scores[mine & (y == 1)], oof.scores[mine & (y == 0)])
        by_fold.append({"fold": k, "auc": value, "percentile": None, "deposits": None})
    nothing = Interval(np.nan, np.nan, np.nan).as_dict()
    return {
        "name": name,
        "role": "model",
        "protocol": "paper",
        "percentile": nothing,
        "auc": bootstrap_mean([f["auc"] for f in by_fold], seed=seed).as_dict(),
        "top_area": {},
        "per_fold": by_fold,
        "per_deposit": [],
        "success_rate": None,
        "extra": counts.scores()
        | asdict(counts)
        | {"average_precision": precision_of_ranks(y, oof.scores)},
    }


def ranked(score: NDArray[np.float32], cells: NDArray[np.int64]) -> Floats:
    """Percentile of cells among all that the map scores, NaN where it scores none."""
    return percentiles(score[cells[:, 0], cells[:, 1]], score[np.isfinite(score)])


def _captured(percentile: Floats, group: NDArray[np.int64], area: float) -> Interval:
    """Share of places in the best ``area`` of their regions; Wilson's interval over groups.

    A bootstrap of none among few has no width.
    """
    known = np.isfinite(percentile)
    share = float(np.mean(percentile[known] >= 1 - area)) if known.any() else np.nan
    groups = len(set(group[known].tolist()))
    return share_interval(share * groups, groups)


def _curve(percentile: Floats) -> dict[str, list[float]]:
    """Share of held-out places within the best share of their own held-out regions."""
    known = np.sort(1 - percentile[np.isfinite(percentile)])
    share = np.arange(1, len(known) + 1) / max(1, len(known))
    area = np.concatenate([[0.0], np.repeat(known, 2), [1.0]])
    captured = np.concatenate(
        [[0.0], np.column_stack([np.r_[0, share[:-1]], share]).ravel(), [1.0]]
    )
    return {"area": area.tolist(), "captured": captured.tolist()}
