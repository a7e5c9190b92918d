"""The report's first sentence: which map the held-out deposits speak for."""

from __future__ import annotations

from typing import Any

import numpy as np

from orecast.evaluation import bootstrap_mean

LITTLE = 10  # separate places of ore below which no difference between maps can be settled

Row = dict[str, Any]


def verdict(rows: list[Row], group: list[int], *, seed: int) -> dict[str, Any]:
    """Say how the model fares, whether a simpler map does better, and which one is recommended.

    ``rows`` are the spatial rows of ``metrics.json``, the model first; ``group`` numbers the places
    that share windows, which are no separate witnesses. A baseline is recommended
    in the model's place where it ranks held-out places higher and the paired interval of the
    difference lies above zero. A single layer that was picked from many after the fact is named,
    and never recommended for that: ``best-layer``, chosen inside each fold, is its honest form.
    """
    model = rows[0]
    layers = [row for row in rows[1:] if _is_layer(row)]
    named = [row for row in rows[1:] if not _is_layer(row)]
    best_layer = max(layers, key=_value, default=None)
    best = max([model, *named], key=_value)
    separate = len(set(group))
    few = separate < LITTLE
    sentences, recommended = [], model
    if best_layer is not None and _value(best_layer) > _value(model):
        sentences.append(_layer_above(best_layer, model, len(layers), named))
    if best is not model:
        sentences.append(
            f"{_capital(best['name'])} ranks held-out deposits above {_figure(best)} of their "
            f"surroundings, {model['name']} above {_figure(model)}{_gap(best, model, group, seed)}."
        )
    if best is not model and not few and _settled(best, model, group, seed):
        recommended = best
    sentences.append(_own(model))
    distance = next((row for row in named if row["name"] == "deposit-distance"), None)
    if distance is not None and best is not distance and _value(distance) >= _value(model):
        sentences.append(
            f"Distance to the known deposits, without geochemistry, has {_percent(distance)} %: "
            f"{model['name']} has found nothing beyond it."
        )
    if few:
        sentences.append(
            f"{separate} separate places of ore cannot settle a difference between maps; read the "
            "figures as anecdotes."
        )
    return {"recommended": recommended["name"], "sentence": " ".join(sentences)}


def _layer_above(layer: Row, model: Row, count: int, named: list[Row]) -> str:
    inside = [
        f"; the best chosen inside each fold has {_percent(row)} %"
        for row in named
        if row["name"] == "best-layer"
    ]
    return (
        f"The map of {layer['name'][6:]} alone ranks held-out deposits above {_figure(layer)} of "
        f"their surroundings, {model['name']} above {_figure(model)}; the layer was picked "
        f"afterwards as the best of {count}{''.join(inside)}."
    )


def _own(row: Row) -> str:
    interval = row["percentile"]
    chance = ""
    if interval["high"] < 0.5:
        chance = ", worse than chance (50)"
    elif not interval["low"] > 0.5:
        chance = ", which cannot be told from chance (50)"
    return (
        f"On average {row['name']} ranks a deposit it has not seen above {_percent(row)} % of its "
        f"surroundings (95 % interval {_range(interval)}){chance}."
    )


def _difference(better: Row, worse: Row, group: list[int], seed: int) -> dict[str, float]:
    gap = np.asarray(better["places"]) - np.asarray(worse["places"])
    return bootstrap_mean(gap, seed=seed, groups=group).as_dict()


def _settled(better: Row, worse: Row, group: list[int], seed: int) -> bool:
    return _difference(better, worse, group, seed)["low"] > 0


def _gap(better: Row, worse: Row, group: list[int], seed: int) -> str:
    interval = _difference(better, worse, group, seed)
    settled = interval["low"] > 0 and len(set(group)) >= LITTLE
    return (
        f": a paired difference of {100 * interval['value']:.0f} points ({_range(interval)})"
        f"{'' if settled else ', not settled'}"
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
