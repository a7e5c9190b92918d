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
    Score,
    auc,
    average_precision,
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
from orecast.metrics.results import (
    UNKNOWN,
    DepositScore,
    FoldScore,
    LayerNull,
    PredictionArea,
    Verdict,
)
from orecast.sampling.places import mask_of
from orecast.validation import FEWEST_GROUPS, FoldPrediction, OutOfFold
from orecast.workflow.choosing import AUTO
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
) -> Score:
    """Score a model on the held-out regions of its folds, deposit by deposit.

    The main score is the percentile of a held-out place among the cells of its region. Intervals
    draw whole groups of deposits: deposits whose windows share cells are not independent.
    """
    ore = mask_of(places.sampling.at, oof.map.shape)
    held = _held_out(oof, len(places.sampling), ore)
    group = places.sampling.group
    cells = sum(fold.region_cells for fold in oof.folds)
    listed = zip(places.deposit, places.row, places.names, places.xy, strict=True)
    return Score(
        name=name,
        role=role,
        protocol=protocol,
        percentile=bootstrap_mean(held.percentile, seed=seed, groups=group),
        auc=bootstrap_mean(held.outranked, seed=seed, groups=group),
        average_precision=average_precision_of(held.outranked, cells, groups=group, seed=seed),
        top_area={str(a): top_share(held.percentile, a, groups=group) for a in TOP_AREAS},
        threshold_scores=threshold_scores(held.hit, held.false_positive, groups=group, seed=seed),
        prediction_area=_prediction_area(held.percentile, whole=role == "model"),
        **_probabilities(oof, group, seed),
        per_fold=[_fold_score(k, fold, places, ore) for k, fold in enumerate(oof.folds)],
        per_deposit=[
            DepositScore(
                deposit=int(deposit),
                name=label,
                x=float(x),
                y=float(y),
                fold=int(held.fold[row]),
                percentile=float(held.percentile[row]),
            )
            for deposit, row, label, (x, y) in listed
        ],
        success_rate=held_out_curve(held.percentile),
        places=held.percentile.tolist(),
        extra={},
    )


def paper_row(name: str, oof: OutOfFold, published: Mapping[str, str], *, seed: int) -> Score:
    """Score a model on randomly split windows, as published: accuracy, precision, recall and more.

    Labels are by the paper's rule, or else at 0.5. ``published`` maps a paper's name of a score to
    the score: a paper's AUC may be the balanced accuracy.
    """
    y = oof.sampling.y[oof.rows]
    counts = confusion(y, oof.scores if oof.positive is None else oof.positive)
    by_fold = [
        auc(oof.scores[mine & (y == 1)], oof.scores[mine & (y == 0)])
        for mine in (oof.row_fold == k for k in range(len(oof.folds)))
    ]
    mean_auc = bootstrap_mean(by_fold, seed=seed)
    standard = counts.scores() | {"auc": mean_auc.value}
    return Score(
        name=name,
        role="model",
        protocol="paper",
        sentence=oof.protocol_words,
        as_published={title: standard[score] for title, score in published.items()},
        percentile=UNKNOWN,
        auc=mean_auc,
        top_area={},
        per_fold=[
            FoldScore(fold=k, auc=value, percentile=None, deposits=None)
            for k, value in enumerate(by_fold)
        ],
        per_deposit=[],
        success_rate=None,
        extra=counts.scores()
        | asdict(counts)
        | {"average_precision": average_precision(y, oof.scores)},
    )


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


def _fold_score(k: int, prediction: FoldPrediction, places: Places, ore: Bools) -> FoldScore:
    ranks = percentiles(prediction.scores, prediction.cell_scores)
    calibration = prediction.calibration
    return FoldScore(
        fold=k,
        auc=auc(prediction.scores, prediction.cell_scores[~ore[tuple(prediction.cells.T)]]),
        percentile=float(np.nanmean(ranks)) if np.isfinite(ranks).any() else np.nan,
        deposits=int(np.isin(places.row, prediction.test).sum()),
        threshold=None if calibration is None else calibration.threshold,
    )


def _probabilities(oof: OutOfFold, group: Ints, seed: int) -> dict[str, Any]:
    """Brier score, skill and reliability of the calibrated maps.

    None where no map was calibrated, or only some of a region's cells were scored. Every cell of
    the folds' regions counts; a deposit cell is a cell with a known deposit.
    """
    found = oof.probabilities
    if found is None:
        return dict.fromkeys(("brier", "brier_skill", "reliability", "expected_deposits"))
    scored, tested = np.isfinite(found), np.unique(oof.rows)
    ore = mask_of(oof.sampling.at[tested], found.shape)
    at_places = np.full(len(oof.sampling), np.nan)
    at_places[tested] = found[tuple(oof.sampling.at[tested].T)]
    chance = found[scored]
    squares = float(np.sum(chance**2) - np.nansum(at_places**2))
    brier, skill = brier_of(
        at_places, squares, len(chance), float(chance.mean()), groups=group, seed=seed
    )
    return {
        "brier": brier,
        "brier_skill": skill,
        "reliability": reliability(ore[scored], chance, bins=_RELIABILITY_BINS),
        "expected_deposits": float(chance.sum()),
    }


def _prediction_area(percentile: Floats, *, whole: bool) -> PredictionArea | None:
    """Crossing of the prediction-area plot of the held-out places, with its lines if ``whole``."""
    if not np.isfinite(percentile).any():
        return None
    found = prediction_area_of(percentile)
    return found if whole else PredictionArea.at(found.intersection)


SAMPLING_DENSITY = "sampling-density"
CONTROLS = ("random", SAMPLING_DENSITY)  # if one ranks higher, warn; it is never recommended
_RECOMMENDED = "its map is the recommended one"
_NOT_AFTERWARDS = "auto chooses before the test, so its map is not replaced by it"


def verdict(rows: list[Score], null: LayerNull | None) -> Verdict:
    """Sentences on the model's score and on simpler maps that rank higher, and the recommended map.

    ``rows`` are the spatial rows of ``metrics.json``, the model first, each baseline with its
    ``paired`` test of the model against it. ``null`` is what the best of many layers scores by
    chance. The baseline that ranks held-out places highest is recommended if it ranks them above
    the model, significantly or not: in doubt the simpler map is preferred. Never recommended are a
    single layer, since it was chosen from many after seeing the test results (``best-layer``,
    chosen inside each fold, is the fair form), and a negative control. The map of ``auto`` stays:
    its choice is part of what the folds test.
    """
    model = rows[0]
    layers = [row for row in rows[1:] if row.is_layer]
    named = [row for row in rows[1:] if not row.is_layer]
    eligible = [row for row in named if row.name not in CONTROLS]
    best = max([model, *eligible], key=_value)
    chooses = model.name == AUTO
    best_layer = max(layers, key=_value, default=None)
    sentences = []
    if best is not model:
        sentences.append(
            f"With {best.name}, a held-out deposit scores on average higher than {_figure(best)} "
            f"of the cells of its region, with {model.name} higher than {_figure(model)}: "
            f"{_gap(best)}. {capital(best.name)} is the best "
            f"of {len(eligible)} baselines, so its score is slightly too high; "
            f"{_NOT_AFTERWARDS if chooses else _RECOMMENDED}."
        )
    if best_layer is not None and _value(best_layer) > _value(model):
        sentences.append(_layer_above(best_layer, model, len(layers), named, null))
    sentences.append(_own(model))
    sentences += _against_controls(model, named)
    tests = [row.paired for row in rows if row.paired is not None]
    if tests and tests[0].groups < FEWEST_GROUPS:
        sentences.append(too_few(tests[0].groups, "map"))
    return Verdict(recommended=model.name if chooses else best.name, sentence=" ".join(sentences))


def too_few(separate: int, what: str) -> str:
    """Sentence on too few independent places to rank one map or method above another."""
    places = "place is" if separate == 1 else "places are"
    return (
        f"{separate} separate {places} too few to rank one {what} above another (at least "
        f"{FEWEST_GROUPS} are needed)."
    )


def without_map(verdict: Verdict, model: str, reason: str) -> Verdict:
    """The verdict if the recommended baseline's map of the whole area cannot be computed.

    >>> found = Verdict(recommended="best-layer", sentence=f"It is best; {_RECOMMENDED}.")
    >>> without_map(found, "resnet18", "no layer varies").sentence
    "It is best; its map cannot be computed (no layer varies), and resnet18's is recommended."
    """
    instead = f"its map cannot be computed ({reason}), and {model}'s is recommended"
    return Verdict(recommended=model, sentence=verdict.sentence.replace(_RECOMMENDED, instead))


def _against_controls(model: Score, named: list[Score]) -> list[str]:
    """Warnings where a map without geochemistry ranks deposits as high as the model."""
    warnings = {
        "deposit-distance": "Distance to the known deposits, without geochemistry, has {} %: "
        "{} adds nothing to it.",
        "fault-distance": "Distance to faults, without geochemistry, has {} %: {} adds nothing "
        "to it.",
        SAMPLING_DENSITY: "The density of samples has {} %: {} may rank deposits "
        "by the density of samples.",
        "random": "A random map has {} %: {} is not better than chance.",
    }
    by_name = {row.name: row for row in named}
    return [
        words.format(_percent(by_name[name]), model.name)
        for name, words in warnings.items()
        if name in by_name and _value(by_name[name]) >= _value(model)
    ]


def _layer_above(
    layer: Score, model: Score, count: int, named: list[Score], null: LayerNull | None
) -> str:
    inside = [
        f"; the best chosen inside each fold has {_percent(row)} %"
        for row in named
        if row.name == "best-layer"
    ]
    chance = ""
    if null is not None and not null.why_not:
        chance = (
            f"; by chance the best of {count} layers has {100 * null.mean:.0f} % over the whole "
            f"map (p = {null.p:.2g})"
        )
    return (
        f"With {layer.name[6:]} alone, a held-out deposit scores on average higher than "
        f"{_figure(layer)} of the cells of its region, with {model.name} higher than "
        f"{_figure(model)}. The layer was chosen after the test results were known, as the best "
        f"of {count}{''.join(inside)}{chance}."
    )


def _own(row: Score) -> str:
    interval = row.percentile
    kind = "95 % interval " if interval.has_ends else ""
    return (
        f"With {row.name}, a held-out deposit scores on average higher than {_percent(row)} % of "
        f"the cells of its region ({kind}{_range(interval.low, interval.high)})"
        f"{beside_chance(interval)}."
    )


def beside_chance(percentile: Interval) -> str:
    """Words on a mean percentile that is not above chance; empty for one that is, or unknown."""
    if not percentile.has_ends:
        return ""
    if percentile.high < 0.5:
        return ", worse than chance (50)"
    return "" if percentile.low > 0.5 else ", not distinguishable from chance (50)"


def _gap(best: Score) -> str:
    """The difference in words; the paired test is of the model against the baseline."""
    test = best.paired
    assert test is not None
    significant = test.high < 0 and test.groups >= FEWEST_GROUPS
    return (
        f"a paired difference of {-100 * test.value:.0f} points ({_range(-test.high, -test.low)})"
        f"{'' if significant else ', not significant'}"
    )


def _value(row: Score) -> float:
    return row.percentile.value


def _percent(row: Score) -> str:
    return f"{100 * _value(row):.0f}"


def _figure(row: Score) -> str:
    return f"{_percent(row)} % ({_range(row.percentile.low, row.percentile.high)})"


def _range(low: float, high: float) -> str:
    """The ends of an interval of shares, in per cent."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "no interval: too few deposits"
    return f"{100 * low:.0f} to {100 * high:.0f}"


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
