"""Scores of held-out places, and the verdict on the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.metrics import (
    Interval,
    auc,
    average_precision_of,
    bootstrap_mean,
    brier_of,
    confusion,
    held_out_curve,
    percentiles,
    prediction_area_of,
    reliability,
    threshold_scores,
    top_share,
)
from orecast.metrics import average_precision as precision_of_ranks
from orecast.validation import FoldPrediction, OutOfFold
from orecast.workflow.places import Places

TOP_AREAS = (0.01, 0.05, 0.10)
_RELIABILITY_BINS = 10


@dataclass(frozen=True)
class HeldOut:
    """Scores of each place in its fold's held-out region, ``(n_places,)``, NaN where untested.

    A place tested by several folds, for example when pairs are left out, has their mean.
    """

    percentile: Floats  # among all cells of the region
    outranked: Floats  # share of the region's cells without a known deposit that it outranks
    hit: Floats  # 1 where its rank reaches its fold's threshold
    false_positive: Floats  # share of the region's cells without a known deposit that reach it
    fold: Ints  # the last fold that tested it, -1 for none


def held_out_row(
    name: str, role: str, protocol: str, oof: OutOfFold, places: Places, *, seed: int
) -> dict[str, Any]:
    """Score a model on the held-out regions of its folds, deposit by deposit.

    The main score is the percentile of a held-out place among the cells of its region. Intervals
    draw whole groups of deposits: deposits whose windows share cells are not independent.
    """
    ore = np.zeros(oof.map.shape, dtype=bool)
    ore[tuple(places.sampling.at.T)] = True
    held = _held_out(oof, len(places.sampling), ore)
    group = places.sampling.group
    n_background = sum(a.region_cells for a in oof.folds)

    def interval(values: Floats) -> dict[str, float]:
        return bootstrap_mean(values, seed=seed, groups=group).as_dict()

    predicted = threshold_scores(held.hit, held.false_positive, groups=group, seed=seed)
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
        "threshold_scores": {score: value.as_dict() for score, value in predicted.items()},
        "prediction_area": _prediction_area(held.percentile, whole=role == "model"),
        **_probabilities(oof, group, seed),
        "per_fold": [_fold_scores(k, a, held, places, ore) for k, a in enumerate(oof.folds)],
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
    """Score a model on randomly split windows, as published: accuracy, precision, recall and more.

    Labels are by the paper's rule, or else at 0.5. ``published`` maps a paper's name of a score to
    the score: a paper's AUC may be the balanced accuracy.
    """
    y = oof.sampling.y[oof.rows]
    counts = confusion(y, oof.scores if oof.positive is None else oof.positive)
    by_fold: list[dict[str, Any]] = []
    for k in range(len(oof.folds)):
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
        "as_published": {title: standard[score] for title, score in published.items()},
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
    """Percentile of cells among all scored cells of the map, NaN for a cell without a score."""
    return percentiles(score[cells[:, 0], cells[:, 1]], score[np.isfinite(score)])


def _held_out(oof: OutOfFold, n: int, ore: Bools) -> HeldOut:
    sums, times, fold_of = np.zeros((4, n)), np.zeros(n), np.full(n, -1)
    for k, prediction in enumerate(oof.folds):
        rows, background = prediction.test, ~ore[tuple(prediction.cells.T)]
        percentile = percentiles(prediction.scores, prediction.cell_scores)
        hit = false_positive = np.full(len(rows), np.nan)
        if prediction.calibration is not None:
            threshold = prediction.calibration.threshold
            hit = (percentile >= threshold).astype(np.float64)
            reached = prediction.ranks[background] >= threshold
            false_positive = np.full(len(rows), reached.mean() if len(reached) else np.nan)
        elif prediction.positive is not None and prediction.false_positive_rate is not None:
            hit = prediction.positive.astype(np.float64)
            false_positive = np.full(len(rows), prediction.false_positive_rate)
        outranked = percentiles(prediction.scores, prediction.cell_scores[background])
        sums[:, rows] += [percentile, outranked, hit, false_positive]
        times[rows] += 1
        fold_of[rows] = k
    percentile, outranked, hit, false_positive = np.divide(
        sums, times, out=np.full_like(sums, np.nan), where=times > 0
    )
    return HeldOut(percentile, outranked, hit, false_positive, fold_of)


def _fold_scores(
    k: int, prediction: FoldPrediction, held: HeldOut, places: Places, ore: Bools
) -> dict[str, Any]:
    background = prediction.cell_scores[~ore[tuple(prediction.cells.T)]]
    ranks = percentiles(prediction.scores, prediction.cell_scores)
    calibration = prediction.calibration
    return {
        "fold": k,
        "auc": auc(prediction.scores, background),
        "percentile": float(np.nanmean(ranks)) if np.isfinite(ranks).any() else np.nan,
        "deposits": int(np.isin(places.row, prediction.test).sum()),
        "threshold": None if calibration is None else calibration.threshold,
    }


def _probabilities(oof: OutOfFold, group: Ints, seed: int) -> dict[str, Any]:
    """Brier score, skill and reliability of the calibrated maps.

    None where no map was calibrated, or only some of a region's cells were scored. Every cell of
    the folds' regions counts; a place of ore is a cell with a known deposit.
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
    """Crossing of the prediction-area plot of the held-out places, with its lines if ``whole``."""
    if not np.isfinite(percentile).any():
        return None
    found = prediction_area_of(percentile).as_dict()
    lines = ("threshold", "captured", "area")
    return {key: value for key, value in found.items() if whole or key not in lines}


LITTLE = 10  # with fewer separate places of ore, no difference between maps is significant
CONTROLS = ("random", "sampling-density")  # if one ranks higher, warn; it is never recommended
_RECOMMENDED = "its map is the recommended one"
Row = dict[str, Any]


def verdict(rows: list[Row], null: dict[str, Any] | None) -> dict[str, Any]:
    """Sentences on the model's score and on simpler maps that rank higher, and the recommended map.

    ``rows`` are the spatial rows of ``metrics.json``, the model first, each baseline with its
    ``paired`` test of the model against it. ``null`` is what a layer picked afterwards scores by
    chance. The baseline that ranks held-out places highest is recommended if it ranks them above
    the model, significantly or not: in doubt the simpler map is preferred. Never recommended are a
    single layer, since it was picked from many afterwards (``best-layer``, chosen inside each
    fold, is the fair form), and a negative control.
    """
    model = rows[0]
    layers = [row for row in rows[1:] if _is_layer(row)]
    named = [row for row in rows[1:] if not _is_layer(row)]
    eligible = [row for row in named if row["name"] not in CONTROLS]
    best = max([model, *eligible], key=_value)
    best_layer = max(layers, key=_value, default=None)
    sentences = []
    if best is not model:
        sentences.append(
            f"{_capital(best['name'])} ranks held-out deposits above {_figure(best)} of their "
            f"surroundings, {model['name']} above {_figure(model)}: {_gap(best)}. It is the best "
            f"of {len(eligible)} baselines, so its score is slightly too high; {_RECOMMENDED}."
        )
    if best_layer is not None and _value(best_layer) > _value(model):
        sentences.append(_layer_above(best_layer, model, len(layers), named, null))
    sentences.append(_own(model))
    sentences += _against_controls(model, named)
    separate = _separate(rows)
    if separate is not None and separate < LITTLE:
        places = "place is" if separate == 1 else "places are"
        sentences.append(
            f"{separate} separate {places} too few to rank one map above another (at least "
            f"{LITTLE} are needed)."
        )
    return {"recommended": best["name"], "sentence": " ".join(sentences)}


def without_map(verdict: dict[str, Any], model: str, reason: str) -> dict[str, Any]:
    """The verdict if the recommended baseline's map of the whole area cannot be computed.

    >>> found = {"recommended": "best-layer", "sentence": f"It is best; {_RECOMMENDED}."}
    >>> without_map(found, "resnet18", "no layer varies")["sentence"]
    "It is best; its map cannot be computed (no layer varies), and resnet18's is recommended."
    """
    instead = f"its map cannot be computed ({reason}), and {model}'s is recommended"
    sentence = verdict["sentence"].replace(_RECOMMENDED, instead)
    return {"recommended": model, "sentence": sentence}


def _against_controls(model: Row, named: list[Row]) -> list[str]:
    """Warnings where a map without geochemistry ranks deposits as high as the model."""
    warnings = {
        "deposit-distance": "Distance to the known deposits, without geochemistry, has {} %: "
        "{} adds nothing to it.",
        "fault-distance": "Distance to faults, without geochemistry, has {} %: {} adds nothing "
        "to it.",
        "sampling-density": "The map of where samples were taken has {} %: {} may rank deposits "
        "by the density of samples.",
        "random": "A random map has {} %: {} is not better than chance.",
    }
    by_name = {row["name"]: row for row in named}
    return [
        words.format(_percent(by_name[name]), model["name"])
        for name, words in warnings.items()
        if name in by_name and _value(by_name[name]) >= _value(model)
    ]


def _separate(rows: list[Row]) -> int | None:
    """Number of independent groups of places, as counted by the paired tests."""
    return next((int(row["paired"]["groups"]) for row in rows if "paired" in row), None)


def _layer_above(
    layer: Row, model: Row, count: int, named: list[Row], null: dict[str, Any] | None
) -> str:
    inside = [
        f"; the best chosen inside each fold has {_percent(row)} %"
        for row in named
        if row["name"] == "best-layer"
    ]
    chance = ""
    if null is not None and "mean" in null:
        chance = (
            f"; by chance the best of {count} layers has {100 * null['mean']:.0f} % over the whole "
            f"map (p = {null['p']:.2g})"
        )
    return (
        f"The map of {layer['name'][6:]} alone ranks held-out deposits above {_figure(layer)} of "
        f"their surroundings, {model['name']} above {_figure(model)}; the layer was picked "
        f"afterwards as the best of {count}{''.join(inside)}{chance}."
    )


def _own(row: Row) -> str:
    interval = row["percentile"]
    chance = ""
    if interval["high"] < 0.5:
        chance = ", worse than chance (50)"
    elif not interval["low"] > 0.5:
        chance = ", not distinguishable from chance (50)"
    return (
        f"On average {row['name']} ranks a held-out deposit above {_percent(row)} % of its "
        f"surroundings (95 % interval {_range(interval)}){chance}."
    )


def _gap(best: Row) -> str:
    """The difference in words; the paired test is of the model against the baseline."""
    test = best["paired"]
    interval = {"low": -test["high"], "high": -test["low"]}
    significant = interval["low"] > 0 and test["groups"] >= LITTLE
    return (
        f"a paired difference of {-100 * test['value']:.0f} points ({_range(interval)})"
        f"{'' if significant else ', not significant'}"
    )


def _value(row: Row) -> float:
    return float(row["percentile"]["value"])


def _percent(row: Row) -> str:
    return f"{100 * _value(row):.0f}"


def _figure(row: Row) -> str:
    return f"{_percent(row)} % ({_range(row['percentile'])})"


def _range(interval: dict[str, float]) -> str:
    """The ends of an interval of shares, in per cent."""
    low, high = interval["low"], interval["high"]
    if not (np.isfinite(low) and np.isfinite(high)):
        return "no interval: too few deposits"
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _is_layer(row: Row) -> bool:
    return str(row["name"]).startswith("layer ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
