"""Tables of scores: under fair folds, called ore or not, other protocols, as published."""

from __future__ import annotations

import math

from orecast.report.metrics import UNKNOWN, Metrics, Score
from orecast.report.tables import DASH, Table, estimate, number, probability, significant, words

_SHARES = (0.01, 0.05, 0.10)
_CALLED = {  # key: (head, whether it is a share); accuracy is balanced, as both sides weigh alike
    "balanced_accuracy": ("Accuracy, balanced (%)", True),
    "precision": ("Precision (%)", True),
    "recall": ("Recall (%)", True),
    "specificity": ("Specificity (%)", True),
    "f1": ("F1", False),
    "macro_f1": ("Macro F1", False),
    "mcc": ("MCC", False),
    "kappa": ("Kappa", False),
}


def scores(metrics: Metrics) -> Table:
    """Set the model beside every baseline; columns that no map has a figure for are left out."""
    if metrics.anomalies:
        caption = "Scores of each map on deposits that none of them saw"
    else:
        caption = "Leak-free scores of the model and of each baseline"
    head = (
        "Map",
        "Percentile",
        "AUC" if metrics.anomalies else "AUC within fold",
        "Average precision (%)",
        *(f"Deposits in the top {100 * share:.0f}\u00a0% of area (%)" for share in _SHARES),
        "Model minus this map (points)",
        "p of no difference",
    )
    return Table(
        f"{caption}, 95\u00a0% intervals in brackets",
        head,
        [(score.name, *_score_cells(score)) for score in metrics.fair],
        frozenset(range(1, len(head))),
        _roles(metrics),
    ).filled()


def _roles(metrics: Metrics) -> dict[int, str]:
    """What to stress among the rows of the fair scores: the model and the recommended map."""
    stressed = {}
    for row, score in enumerate(metrics.fair):
        roles = ["model"] if score.is_model else []
        if metrics.recommends(score):
            roles.append("recommended")
        if roles:
            stressed[row] = ", ".join(roles)
    return stressed


def _score_cells(score: Score) -> tuple[str, ...]:
    difference = score.paired
    return (
        estimate(score.percentile, percent=True, digits=0),
        estimate(score.auc, percent=False, digits=2),
        estimate(score.average_precision, percent=True, digits=2),
        *(estimate(score.top_area.get(s, UNKNOWN), percent=True, digits=0) for s in _SHARES),
        estimate(difference or UNKNOWN, percent=True, digits=0),
        probability(difference.p) if difference else DASH,
    )


def called(metrics: Metrics) -> Table:
    """Set what each map scores where its cells are called ore or not."""
    rows = [(s.name, *(_called_cell(s, key) for key in _CALLED)) for s in metrics.fair if s.called]
    head = ("Map", *(head for head, _ in _CALLED.values()))
    stressed = _roles(metrics) if len(rows) == len(metrics.fair) else {}
    return Table(
        "Called ore or not, 95\u00a0% intervals in brackets",
        head,
        rows,
        frozenset(range(1, len(head))),
        stressed,
    ).filled()


def _called_cell(score: Score, key: str) -> str:
    _, share = _CALLED[key]
    value = score.called.get(key, UNKNOWN)
    return estimate(value, percent=share, digits=0 if share else 2)


def crossings(metrics: Metrics) -> Table:
    """Set where each map's prediction-area plot crosses, and how good its chances are."""
    shown = [s for s in metrics.fair if s.prediction_area is not None or s.brier.known]
    rows = []
    for s in shown:
        plot = s.prediction_area
        cells = (
            (
                number(100 * plot.intersection.captured, 0),
                number(100 * plot.intersection.area, 0),
                number(plot.normalised_density, 2),
                number(plot.weight, 2),
            )
            if plot
            else (DASH,) * 4
        )
        skill = estimate(s.brier_skill, percent=False, digits=3)
        rows.append((s.name, *cells, skill))
    head = (
        "Map",
        "Deposits at the crossing (%)",
        "Area at the crossing (%)",
        "Normalised density",
        "Weight, its logarithm",
        "Brier skill",
    )
    stressed = _roles(metrics) if len(rows) == len(metrics.fair) else {}
    return Table(
        "Where the prediction-area plot crosses, and calibrated chances",
        head,
        rows,
        frozenset(range(1, len(head))),
        stressed,
    ).filled()


def other_protocols(metrics: Metrics) -> Table:
    """Set scores under further protocols, each beside the fair scores of the same map."""
    rows = [
        (
            score.name,
            score.protocol,
            estimate(score.percentile, percent=True, digits=0),
            estimate(score.auc, percent=False, digits=2),
            number(score.extra.get("spread"), 2),
            number(score.extra.get("distinct"), 0),
            estimate(fair.percentile if fair else UNKNOWN, percent=True, digits=0),
            estimate(fair.auc if fair else UNKNOWN, percent=False, digits=2),
        )
        for score, fair in metrics.other
    ]
    beside = "whole map" if metrics.anomalies else "spatial folds"
    head = (
        "Map",
        "Protocol",
        "Percentile",
        "AUC",
        "AUC’s spread over draws",
        "Distinct samples",
        f"Percentile, {beside}",
        f"AUC, {beside}",
    )
    caption = "Other protocols, 95\u00a0% intervals in brackets"
    return Table(caption, head, rows, frozenset(range(2, len(head)))).filled()


def paper_scores(metrics: Metrics) -> Table:
    """Set the published protocol's scores, each beside the leak-free scores of the same map."""
    rows = [
        (
            leaky.name,
            estimate(leaky.auc, percent=False, digits=2),
            estimate(fair.auc, percent=False, digits=2),
            estimate(fair.percentile, percent=True, digits=0),
            ", ".join(f"{words(k)} {significant(v)}" for k, v in leaky.extra.items()) or DASH,
        )
        for leaky, fair in metrics.paper
    ]
    head = (
        "Map",
        "AUC as published (leaky)",
        "AUC, leak-free",
        "Percentile, leak-free",
        "Other scores as published (leaky)",
    )
    return Table("Published protocol beside leak-free folds", head, rows, frozenset(range(1, 4)))


def deposits(metrics: Metrics) -> Table:
    """Set each held-out deposit's percentile, best first, beside the recommended map's."""
    model = metrics.fair[0]
    beside = metrics.recommended if metrics.recommended is not model else None
    other = {d.deposit: d.percentile for d in beside.per_deposit} if beside else {}
    ordered = sorted(
        model.per_deposit,
        key=lambda d: -d.percentile if math.isfinite(d.percentile) else math.inf,
    )
    rows = [
        (d.title, str(d.fold) if d.fold >= 0 else DASH, number(100 * d.percentile, 0))
        + ((number(100 * other.get(d.deposit, math.nan), 0),) if beside else ())
        for d in ordered
    ]
    head = ("Deposit", "Fold", f"Percentile, {model.name}")
    return Table(
        "Held-out deposits, best ranked first",
        head + ((f"Percentile, {beside.name}",) if beside else ()),
        rows,
        frozenset({1, 2, 3}),
    )
