"""The report's first sentence: which map the held-out deposits recommend."""

from __future__ import annotations

from typing import Any

import numpy as np

from orecast.evaluation import bootstrap_mean

LITTLE = 10  # places of ore below which no difference between maps can be settled


def verdict(rows: list[dict[str, Any]], group: list[int], *, seed: int) -> dict[str, Any]:
    """Recommend the map that ranks held-out places best; say when another beats the model.

    ``rows`` are the spatial rows of ``metrics.json``, the model first. A single layer is picked
    from many after the fact, and the sentence says so.
    """
    model, others = rows[0], rows[1:]
    best = max(rows, key=lambda row: row["percentile"]["value"])
    sentences = [_own(model)]
    if best is model:
        if others:
            second = max(others, key=lambda row: row["percentile"]["value"])
            sentences.append(
                f"The best baseline is {_figure(second)}; {_gap(model, second, group, seed)}."
            )
    else:
        layers = sum(row["name"].startswith("layer ") for row in others)
        picked = f", picked afterwards as the best of {layers} layers" if _is_layer(best) else ""
        sentences.insert(
            0,
            f"{_capital(_title(best))} alone ranks held-out deposits better than {model['name']}: "
            f"{_figure(best)} of their surroundings{picked}; {_gap(best, model, group, seed)}.",
        )
    distance = next((row for row in others if row["name"] == "deposit-distance"), None)
    if distance is not None and best is not distance:
        value = distance["percentile"]["value"]
        if value >= model["percentile"]["value"]:
            sentences.append(
                f"Distance to the known deposits, without geochemistry, has {100 * value:.0f} %: "
                f"{model['name']} has found nothing beyond it."
            )
    places = len(model["places"])
    if places < LITTLE:
        sentences.append(
            f"{places} places of ore cannot settle a difference between maps; read the figures as "
            "anecdotes."
        )
    return {"recommended": best["name"], "sentence": " ".join(sentences)}


def _own(row: dict[str, Any]) -> str:
    interval = row["percentile"]
    chance = ""
    if interval["high"] < 0.5:
        chance = ", worse than chance (50)"
    elif not interval["low"] > 0.5:
        chance = ", which cannot be told from chance (50)"
    return (
        f"On average {row['name']} ranks a deposit it has not seen above "
        f"{100 * interval['value']:.0f} % of its surroundings "
        f"(95 % interval {_range(interval)}){chance}."
    )


def _figure(row: dict[str, Any]) -> str:
    value = row["percentile"]["value"]
    return f"{_title(row)} above {100 * value:.0f} % ({_range(row['percentile'])})"


def _gap(better: dict[str, Any], worse: dict[str, Any], group: list[int], seed: int) -> str:
    gap = np.asarray(better["places"]) - np.asarray(worse["places"])
    interval = bootstrap_mean(gap, seed=seed, groups=group).as_dict()
    settled = "" if interval["low"] > 0 else ", not settled"
    return f"paired difference {100 * interval['value']:.0f} points ({_range(interval)}){settled}"


def _range(interval: dict[str, float]) -> str:
    """The ends of an interval of shares, in per cent."""
    low, high = interval["low"], interval["high"]
    if not (np.isfinite(low) and np.isfinite(high)):
        return "no interval: too few deposits"
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _is_layer(row: dict[str, Any]) -> bool:
    return str(row["name"]).startswith("layer ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title(row: dict[str, Any]) -> str:
    return f"the map of {row['name'][6:]}" if _is_layer(row) else str(row["name"])
