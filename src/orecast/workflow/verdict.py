"""The report's first sentence: which map the held-out deposits speak for."""

from __future__ import annotations

from typing import Any

import numpy as np

LITTLE = 10  # separate places of ore below which no difference between maps can be settled
CONTROLS = ("random", "sampling-density")  # to lose to one of them is a warning, not a choice

_RECOMMENDED = "its map is the recommended one"

Row = dict[str, Any]


def verdict(rows: list[Row], null: dict[str, Any] | None) -> dict[str, Any]:
    """Say how the model fares, whether a simpler map does better, and which one is recommended.

    ``rows`` are the spatial rows of ``metrics.json``, the model first, each baseline with its
    ``paired`` test of the model against it; ``null`` what a layer picked afterwards scores by
    chance. The baseline that ranks held-out places highest is recommended where it ranks them
    above the model, settled or not: the simpler map has the benefit of the doubt. A single layer
    that was picked from many after the fact is named, and never recommended for that:
    ``best-layer``, chosen inside each fold, is its honest form. Nor is a negative control.
    """
    model = rows[0]
    layers = [row for row in rows[1:] if _is_layer(row)]
    named = [row for row in rows[1:] if not _is_layer(row)]
    rivals = [row for row in named if row["name"] not in CONTROLS]
    best = max([model, *rivals], key=_value)
    best_layer = max(layers, key=_value, default=None)
    sentences = []
    if best is not model:
        sentences.append(
            f"{_capital(best['name'])} ranks held-out deposits above {_figure(best)} of their "
            f"surroundings, {model['name']} above {_figure(model)}: {_gap(best)}. It is the best "
            f"of {len(rivals)} baselines, which flatters it a little; {_RECOMMENDED}."
        )
    if best_layer is not None and _value(best_layer) > _value(model):
        sentences.append(_layer_above(best_layer, model, len(layers), named, null))
    sentences.append(_own(model))
    sentences += _against_controls(model, named)
    separate = _separate(rows)
    if separate is not None and separate < LITTLE:
        places = "place" if separate == 1 else "places"
        sentences.append(
            f"{separate} separate {places} of ore cannot settle a difference between maps; read "
            "the figures as anecdotes."
        )
    return {"recommended": best["name"], "sentence": " ".join(sentences)}


def without_map(verdict: dict[str, Any], model: str, reason: str) -> dict[str, Any]:
    """Return the verdict where the recommended baseline's map of the whole area cannot be had.

    >>> found = {"recommended": "best-layer", "sentence": f"It is best; {_RECOMMENDED}."}
    >>> without_map(found, "resnet18", "no layer varies")["sentence"]
    "It is best; its map cannot be computed (no layer varies), and resnet18's is recommended."
    """
    instead = f"its map cannot be computed ({reason}), and {model}'s is recommended"
    sentence = verdict["sentence"].replace(_RECOMMENDED, instead)
    return {"recommended": model, "sentence": sentence}


def _against_controls(model: Row, named: list[Row]) -> list[str]:
    """What it means where a map without geochemistry does as well."""
    said = {
        "deposit-distance": "Distance to the known deposits, without geochemistry, has {} %: "
        "{} has found nothing beyond it.",
        "fault-distance": "Distance to faults, without geochemistry, has {} %: {} has found "
        "nothing beyond it.",
        "sampling-density": "The map of where samples were taken has {} %: {} may rank deposits "
        "by where people looked.",
        "random": "A random map has {} %: {} cannot be told from it.",
    }
    by_name = {row["name"]: row for row in named}
    return [
        words.format(_percent(by_name[name]), model["name"])
        for name, words in said.items()
        if name in by_name and _value(by_name[name]) >= _value(model)
    ]


def _separate(rows: list[Row]) -> int | None:
    """Groups of places that are separate witnesses, as the paired tests counted them."""
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
            f"; by chance the best of {count}, whichever it is, ranks {100 * null['mean']:.0f} % "
            f"over the whole map (p = {null['p']:.2g})"
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
        chance = ", which cannot be told from chance (50)"
    return (
        f"On average {row['name']} ranks a deposit it has not seen above {_percent(row)} % of its "
        f"surroundings (95 % interval {_range(interval)}){chance}."
    )


def _gap(best: Row) -> str:
    """The difference in words; the paired test is of the model against the baseline."""
    test = best["paired"]
    interval = {"low": -test["high"], "high": -test["low"]}
    settled = interval["low"] > 0 and test["groups"] >= LITTLE
    return (
        f"a paired difference of {-100 * test['value']:.0f} points ({_range(interval)})"
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
