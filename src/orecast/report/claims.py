"""What a run claims of its maps beyond the scores, in sentences; empty where it claims nothing."""

from __future__ import annotations

from orecast.report.metrics import Metrics
from orecast.report.tables import estimate, number, probability


def layer_null(metrics: Metrics) -> str:
    """Say what the best of the layers, picked afterwards, scores, and what it does by chance."""
    null = metrics.layer_null
    if null is None:
        return ""
    if null.why_not:
        return (
            "What the best single layer, picked afterwards, scores by chance could not be told: "
            f"{null.why_not}"
        )
    end = "high" if null.sign > 0 else "low"
    return (
        f"Picked afterwards from {null.layers} layers, the best is {null.layer} ({end} is ore): "
        f"it ranks the known deposits above {number(100 * null.value, 0)}\u00a0% of the whole map. "
        f"The best of {null.layers} layers picked afterwards averages "
        f"{number(100 * null.mean, 0)}\u00a0% by chance, and 95 of 100 times stays below "
        f"{number(100 * null.high, 0)}\u00a0%, as {number(null.draws, 0)} random shifts of the "
        f"deposits’ pattern show (p\u00a0=\u00a0{probability(null.p)})."
    ).replace("=\u00a0<", "<\u00a0")


def applicability(metrics: Metrics) -> str:
    """Say how much of the map is like the places that the model learned from."""
    area = metrics.applicability
    if area is None:
        return ""
    if area.share_inside == 1:
        lies = "All of the map lies"
    else:
        digits = 1 if area.share_inside > 0.99 else 0
        lies = f"{number(100 * area.share_inside, digits)}\u00a0% of the map lies"
    return (
        f"{lies} in the model’s area of applicability: there the evidence is no more unlike the "
        "training places than these are unlike each other (a dissimilarity of "
        f"{number(area.threshold, 2)} or less; the map’s median is "
        f"{number(area.median_dissimilarity, 2)}). Outside it no score on this page speaks for "
        "the map."
    )


def calibration(metrics: Metrics) -> str:
    """Say what the calibrated chances are made to add up to, and whether they beat a constant."""
    model = next((s for s in metrics.fair if s.is_model), None)
    if model is None or not model.brier_skill.known:
        return ""
    skill = model.brier_skill
    if skill.has_interval and skill.low > 0:
        words = "they say more than one chance everywhere would"
    elif skill.has_interval and skill.high < 0:
        words = "one chance everywhere would have said more"
    else:
        words = "they cannot be told from one chance everywhere"
    known = sum(model.reliability.ore) if model.reliability else 0
    seen = f" where {known} hold a known one" if known else ""
    return (
        f"Out of fold, the chances add up to {number(model.expected_deposits, 1)} cells with a "
        f"deposit{seen}, as they are made to. Their Brier skill is "
        f"{estimate(skill, percent=False, digits=3)}: {words}."
    )


def map_label(metrics: Metrics, *, drawn: bool) -> str:
    """Say what the model's map is; ``drawn`` says whether the recommended one stands before it."""
    if metrics.anomalies:
        return f"Map of anomalies: {metrics.model}"
    if metrics.verdict.recommended == metrics.model:
        return f"Recommended map: {metrics.model}, the configured model"
    if drawn:
        return f"Configured model: {metrics.model}"
    return (
        f"Configured model: {metrics.model} (recommended is {metrics.verdict.recommended}, of "
        "which this run holds no map)"
    )
