"""Results of a comparison from its cells: means over seeds, paired tests, sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from orecast.arrays import Floats
from orecast.metrics import Interval, bootstrap_mean, paired_difference
from orecast.report.comparison import BEST_LAYER, SPATIAL, is_layer, is_leaky
from orecast.validation import FEWEST_GROUPS
from orecast.workflow.scoring import CONTROLS, beside_chance, capital, too_few

Row = dict[str, Any]


def summarise(facts: Row, cells: Sequence[Row], *, reference: str, seed: int) -> Row:
    """The results of one survey's cells.

    ``facts`` are the content of ``survey.json``, with the independent group of each place.
    ``scores`` has a row for each map under each protocol: ``spatial`` first, sorted from best to
    worst. ``paired`` compares a row of ``spatial`` place by place with the reference, and with the
    best layer chosen inside each fold.
    """
    groups = facts["groups"]
    keys = dict.fromkeys((c["protocol"], c["role"], c["model"]) for c in cells)
    rows = [_row([c for c in cells if _key(c) == key], groups, seed) for key in keys]
    spatial = sorted((r for r in rows if _is_spatial(r)), key=_best_first)
    named = {row["name"]: row for row in spatial if "places" in row}
    references = [named[n] for n in dict.fromkeys((reference, BEST_LAYER)) if n in named]
    for row in named.values():
        row["paired"] = {
            other["name"]: paired_difference(
                row["places"], other["places"], seed=seed, groups=groups
            ).as_dict()
            for other in references
            if other is not row
        }
    scores = spatial + [r for r in rows if not _is_spatial(r)]
    separate = len(set(groups))
    found = {"reference": reference, "separate": separate, "scores": scores}
    return facts | found | {"sentences": _sentences(facts, scores, reference, separate)}


def _key(cell: Row) -> tuple[str, str, str]:
    return cell["protocol"], cell["role"], cell["model"]


def _is_spatial(row: Row) -> bool:
    return bool(row["protocol"] == SPATIAL)


def _best_first(row: Row) -> tuple[float, str]:
    value = _value(row)
    return (-value if np.isfinite(value) else np.inf, row["name"])


def _row(cells: list[Row], groups: list[int], seed: int) -> Row:
    """One map under one protocol; each place's percentile is first averaged over the seeds.

    The interval is over groups of places. ``seeds_sd`` is the standard deviation between seeds of
    the mean percentile, or of the AUC without percentiles. Failed seeds are left out.
    """
    done = [c["row"] for c in cells if "row" in c]
    row: Row = {
        "name": cells[0]["model"],
        "role": cells[0]["role"],
        "protocol": cells[0]["protocol"],
        "sentence": next((c["sentence"] for c in cells if "row" in c), None),
        "seeds": [c["seed"] for c in cells if "row" in c],
        "seconds": float(np.mean([c["seconds"] for c in cells])),
        "failed": [{"seed": c["seed"], **c["error"]} for c in cells if "error" in c],
        "caveats": list(dict.fromkeys(words for c in cells for words in c.get("caveats", ()))),
    }
    if not done:
        return row
    row["auc"] = _mean(r["auc"]["value"] for r in done)
    by_seed = _floats(r["auc"]["value"] for r in done)
    if "places" in done[0]:
        places = np.stack([_floats(r["places"]) for r in done])
        by_seed = np.nanmean(places, axis=1)
        row["places"] = places.mean(axis=0).tolist()
        row["percentile"] = bootstrap_mean(row["places"], seed=seed, groups=groups).as_dict()
        row["top_area"] = {
            share: _mean(r["top_area"][share]["value"] for r in done)
            for share in done[0]["top_area"]
        }
        row["average_precision"] = _mean(r["average_precision"]["value"] for r in done)
        skills = [(r["brier_skill"] or {}).get("value") for r in done]
        row["brier_skill"] = _mean(skills)
    row["seeds_sd"] = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else np.nan
    names = ("accuracy", "balanced_accuracy", "f1", "mcc")
    row["extra"] = {n: _mean(r["extra"][n] for r in done) for n in names if n in done[0]["extra"]}
    return row


def _sentences(facts: Row, scores: list[Row], reference: str, separate: int) -> list[str]:
    """The conclusions, the most important first."""
    spatial = [r for r in scores if _is_spatial(r) and "places" in r]
    maps = [r for r in spatial if not is_layer(r) and r["name"] not in CONTROLS]
    found = []
    if not spatial:
        found.append("No map could be scored on held-out areas; the reasons are listed below.")
    elif separate < FEWEST_GROUPS:
        found.append(too_few(separate, "method"))
    if maps:
        found.append(_best_of(maps, reference))
    return [*found, *_promises(scores), *_layers(facts, spatial)]


def _best_of(maps: list[Row], reference: str) -> str:
    best = maps[0]
    p = best["percentile"]
    words = f"With {best['name']}, a held-out deposit scores on average higher than "
    words += f"{_percent(p['value'])} % of the cells of its region"
    if np.isfinite(p["low"]):
        words += f" (95 % interval {_percent(p['low'])} to {_percent(p['high'])})"
        words += beside_chance(Interval(**p))
    if len(maps) > 1:
        words += f". {capital(best['name'])} is the best of {len(maps)} compared maps (without "
        words += "controls), so its score "
        words += "tends to be too high"
    test = best["paired"].get(reference)
    if test is not None:
        words += f". The difference from {reference} is {100 * test['value']:+.0f} points"
        if np.isfinite(test["low"]):
            words += f" ({_percent(test['low'])} to {_percent(test['high'])}, p = {test['p']:.2g})"
    return f"{words}."


def _promises(scores: list[Row]) -> list[str]:
    """The widest gap between the AUC of a leaky protocol and that on held-out areas."""
    known = [r for r in scores if "auc" in r and np.isfinite(r["auc"])]
    fair = {r["name"]: r["auc"] for r in known if _is_spatial(r)}
    leaky = [
        (r["auc"] - fair[r["name"]], r)
        for r in known
        if is_leaky(r["protocol"]) and r["name"] in fair
    ]
    if not leaky:
        return []
    gap, row = max(leaky, key=lambda pair: (pair[0], pair[1]["name"]))
    name = row["name"]
    if gap <= 0:
        return ["The published protocol gives no higher AUC here than held-out areas do."]
    return [
        f"{capital(name)} has AUC {row['auc']:.2f} under the published protocol "
        f"({row['protocol']}) and {fair[name]:.2f} on held-out areas."
    ]


def _layers(facts: Row, spatial: list[Row]) -> list[str]:
    layers = [r for r in spatial if is_layer(r)]
    if not layers:
        return []
    best, null = layers[0], facts["layer_null"] or {}
    words = (
        f"The best of {len(layers)} single layers, chosen after seeing the test results, is "
        f"{best['name'][6:]}: {_percent(_value(best))} %"
    )
    if "mean" in null:
        words += (
            f". Over the whole map {null['layer']} has {_percent(null['value'])} %; the best of "
            f"{null['layers']} layers has {_percent(null['mean'])} % by chance (p = "
            f"{null['p']:.2g}, toroidal shifts of the deposits)"
        )
    elif "why_not" in null:
        words += f"; the value by chance could not be computed: {null['why_not']}"
    return [f"{words}."]


def _value(row: Row) -> float:
    return float(row["percentile"]["value"]) if "percentile" in row else np.nan


def _floats(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _mean(values: Iterable[float | None]) -> float:
    """Mean of the finite values; NaN without any."""
    known = _floats(values)
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else np.nan


def _percent(share: float) -> str:
    return str(round(100 * share))  # never a -0
