"""Sentences of the report: claims, facts, captions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import takewhile
from typing import Any

from orecast.metrics import Metrics
from orecast.report import curves, maps
from orecast.report.html import Caption, sentence, typeset
from orecast.report.reading import RunReading, opened
from orecast.report.tables import estimate, number, probability


def layer_null(metrics: Metrics) -> str:
    """Return the score of the best layer, known afterwards, and that of the best by chance."""
    null = metrics.layer_null
    if null is None:
        return ""
    if null.why_not:
        return (
            "The score by chance of the best single layer, chosen after seeing the test results, "
            f"could not be computed: {sentence(null.why_not)}"
        )
    end = "high" if null.sign > 0 else "low"
    return (
        f"The best of {null.layers} single layers is {null.layer} ({end} values indicate ore). It "
        "was chosen after the test results were known. On average, a known deposit has a better "
        f"value than {number(100 * null.value, 0)}\u00a0% of the cells of the whole map. "
        f"By chance, the best of {null.layers} layers, chosen in the same way, averages "
        f"{number(100 * null.mean, 0)}\u00a0% and is below {number(100 * null.high, 0)}\u00a0% in "
        f"95 of 100 cases ({number(null.draws, 0)} random shifts of the deposits’ pattern, "
        f"p\u00a0=\u00a0{probability(null.p)})."
    ).replace("=\u00a0<", "<\u00a0")


def applicability(metrics: Metrics) -> str:
    """Return how much of the map is similar to the places that the model learned from."""
    area = metrics.applicability
    if area is None:
        return ""
    if area.share_inside == 1:
        lies = "All of the map lies"
    else:
        digits = 1 if area.share_inside > 0.99 else 0
        lies = f"{number(100 * area.share_inside, digits)}\u00a0% of the map lies"
    return (
        f"{lies} in the model’s area of applicability. There the evidence differs from the "
        "training places no more than these differ from each other (a dissimilarity of "
        f"{number(area.threshold, 2)} or less; the map’s median is "
        f"{number(area.median_dissimilarity, 2)}). Outside it no score on this page applies."
    )


def calibration(metrics: Metrics) -> str:
    """Return what the calibrated probabilities add up to, and whether they are better than one."""
    model = metrics.own
    skill = model.brier_skill if model else None
    if model is None or skill is None or not skill.known:
        return ""
    if skill.low > 0:
        words = "they are better than the same probability everywhere"
    elif skill.high < 0:
        words = "the same probability everywhere is better"
    else:
        words = "they are not different from the same probability everywhere"
    known = sum(model.reliability.ore) if model.reliability else 0
    seen = f"; {known} cells hold a known one" if known else ""
    return (
        "Out of fold, the calibrated probabilities add up to "
        f"{number(model.expected_deposits, 1)} cells with a deposit{seen}. Their Brier skill (1 is "
        "certain and right, 0 the same probability everywhere) is "
        f"{estimate(skill, percent=False, digits=3)}: {words}."
    )


def verdict(metrics: Metrics) -> tuple[str, str]:
    """Return the verdict's first sentence, and what may follow it."""
    whole = re.sub(r"\.\s+(?=[A-Z])", ".\n", sentence(metrics.verdict.sentence), count=1)
    first, _, rest = whole.partition("\n")
    return first, rest


def opening(run: RunReading) -> list[str]:
    """The first sentences: targets scored, a better map, deposits with evidence; then the score."""
    metrics, first = run.metrics, []
    if metrics.target_test is not None:
        first.append(f"{metrics.target_test.sentence} Undiscovered deposits may be harder to find.")
    own, others = metrics.own, [s for s in metrics.fair if not s.is_model and not s.is_layer]
    above = own is not None and any(s.percentile.value > own.percentile.value for s in others)
    if above or metrics.verdict.recommended != metrics.model:
        better_map, rest = verdict(metrics)
    else:
        better_map, rest = "", " ".join(verdict(metrics))
    found = (*first, better_map, " ".join(gaps(run)), rest)
    return [text.strip() for text in found if text.strip()]


def chosen(metrics: Metrics) -> str:
    """What ``auto`` chose, in the folds and for the map; empty for a named model."""
    if metrics.chosen is None:
        return ""
    counts = Counter(metrics.chosen.folds).most_common()
    folds = ", ".join(f"{name} in {n}" for name, n in counts)
    return (
        "The model auto is a choice, made inside each training part before anything is tested. "
        f"Of {len(metrics.chosen.folds)} folds it chose {folds}; for the map it chose "
        f"{metrics.chosen.final}."
    )


def left_out_words(metrics: Metrics) -> str:
    """Return what was left out, as a heading."""
    scores = metrics.anomalies or "held_back" in metrics.left_out
    return f"{'Scores' if scores else 'Baselines'} that were left out"


def map_label(metrics: Metrics, *, drawn: bool) -> str:
    """Return what the model's map is; ``drawn``: the recommended map is shown before it."""
    if metrics.anomalies:
        return f"Map of anomalies: {metrics.model}"
    if metrics.verdict.recommended == metrics.model:
        return f"Recommended map: {metrics.model}, the configured model"
    if drawn:
        return f"Configured model: {metrics.model}"
    return (
        f"Configured model: {metrics.model} (recommended is {metrics.verdict.recommended}, but "
        "this run has no map of it)"
    )


_HEADINGS = {
    "refusal": "Settings not used",
    "warning": "Warnings: please check",
    "info": "For information",
}
_BASELINES = {
    "best-layer": "The layer that ranks the training deposits best, chosen anew in each fold",
    "deposit-distance": "Distance to the nearest training deposit; short distances score high",
    "fault-distance": "Distance to the nearest mapped fault; short distances score high",
    "sampling-density": "Number of samples per area; shows the sampling effort",
    "random": "Random numbers",
    "layer X": "Layer X alone; each fold learns whether high or low is best, also for "
    "fault_distance",
}
_CLASSES = {1: "ore", 0: "negative"}
_WELL_COVERED = 0.8


def area_sentence(run: RunReading) -> str:
    """Return how large the map is and where it lies."""
    raster = run.raster("prospectivity", most=1)
    cells, square_km = run.mapped_cells
    b = raster.bounds
    where = f"{number((b.east - b.west) / 1000, 0)} × {number((b.north - b.south) / 1000, 0)} km"
    centre = _lon_lat(run, (b.west + b.east) / 2, (b.south + b.north) / 2)
    return (
        f"{number(square_km, 0)} km² mapped ({number(cells, 0)} cells) within {where}, "
        f"{raster.crs}, centred on {centre}"
    )


def findings(checks: Mapping[str, Any], folder: str = "") -> list[tuple[str, list[dict[str, str]]]]:
    """Return findings by level under a heading, refusals first, without empty levels.

    ``folder``, which all input files share, is left off their paths.
    """
    found = checks.get("findings", [])
    return [
        (heading, [_finding(f, folder) for f in found if f.get("level") == level])
        for level, heading in _HEADINGS.items()
        if any(f.get("level") == level for f in found)
    ]


def _finding(found: Mapping[str, str], folder: str) -> dict[str, str]:
    texts = {key: found.get(key) or "" for key in ("where", "what", "remedy")}
    return {
        key: typeset(text.replace(folder, "") if folder else text) for key, text in texts.items()
    }


def counts(checks: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return counts of what was read, as name and text, without zeros."""
    survey = checks.get("survey", {})
    deposits = survey.get("deposits") or {}
    facts = {
        "Cells" if survey.get("kind") == "gridded" else "Samples": survey.get("samples"),
        "Samples that share a place": survey.get("duplicates"),
        "Elements": len(survey.get("elements", [])),
        "Deposits": deposits.get("n"),
        "Deposits outside the area": deposits.get("outside"),
        "Places known to be barren": survey.get("barren"),
    }
    return [(name, number(count, 0)) for name, count in facts.items() if count]


def chance(metrics: Metrics) -> str:
    """Return how much the mean percentile of so many places varies by chance; empty if unknown.

    The mean of n independent uniform percentiles has a standard deviation of 1 / sqrt(12 n).
    """
    model = metrics.own
    n = sum(map(math.isfinite, model.places)) if model else 0
    if model is None or not n:
        return ""
    shared = " (deposits in one cell are one place)" if n < len(model.per_deposit) else ""
    whose = "test-only deposits" if metrics.anomalies else "held-out deposits"
    half = number(196 / math.sqrt(12 * n), 0)
    return (
        f"If the {n} places of {whose}{shared} were independent, their mean would by chance "
        f"be within 50\u00a0±\u00a0{half} in 95\u00a0% of cases. Neighbours are not independent, "
        "so the range is wider"
        + (
            "."
            if metrics.anomalies
            else "; the interval beside each score allows for this by drawing neighbours together."
        )
    )


def gaps(run: RunReading) -> list[str]:
    """Return the share of the area mapped, if it is small, and how many deposits have evidence."""
    found = []
    share = _data(run.checks, "coverage").get("share")
    if isinstance(share, int | float) and share < _WELL_COVERED:
        found.append(
            f"{number(100 * share, 0)}\u00a0% of the area could be mapped; elsewhere some layer "
            "has no value."
        )
    named = _data(run.checks, "deposits-without-evidence").get("deposits") or []
    n, of = int(run.left_out.sum()) or len(named), len(run.deposits)
    if of:
        found.append(f"{of - n} of {of} known deposits have evidence.")
    if n:
        what = "The other one lies" if n == 1 else f"The other {n} lie"
        used = "it was" if n == 1 else "they were"
        found.append(
            f"{what} where some layer has no value; {used} used neither for training nor for "
            "testing."
        )
    return found


def _data(checks: Mapping[str, Any], code: str) -> Mapping[str, Any]:
    """Return the data of the first finding of a code; empty if there is none."""
    found = (f.get("data") for f in checks.get("findings", []) if f.get("code") == code)
    return next(found, None) or {}


def meanings(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return what maps of these names are, each once, in order; a single layer is ``layer X``.

    A model's options, behind a colon, are left off.
    """
    from orecast.training import model_names

    words = model_names() | _BASELINES
    kinds = ("layer X" if n.startswith("layer ") else n.partition(":")[0] for n in names)
    return [(kind, words[kind].rstrip(".")) for kind in dict.fromkeys(kinds) if kind in words]


def home(provenance: Mapping[str, Any]) -> str:
    """Return the folder that all input files share, with its closing slash; empty if none.

    >>> home({"inputs": [{"path": "/data/a/x.csv"}, {"path": "/data/a/b/y.tif"}]})
    '/data/a/'
    """
    folders = [str(i.get("path", "")).split("/")[:-1] for i in provenance.get("inputs", [])]
    levels = zip(*folders, strict=False)
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels)]
    return "/".join([*shared, ""]) if any(shared) else ""


def made(run: RunReading) -> list[tuple[str, str]]:
    """Return seed, buffer, cost and versions, as name and text; without what was not recorded."""
    p = run.provenance
    buffer = run.metrics.protocol.hidden_buffer_m
    stages = ", ".join(f"{name} {duration(s)}" for name, s in p.get("seconds", {}).items())
    versions = {"orecast": p.get("orecast"), "Python": p.get("python"), **p.get("libraries", {})}
    facts = {
        "Model": run.metrics.model,
        "Seed": str(run.config.seed),
        "Folds": str(run.metrics.protocol.folds or ""),
        "Hidden buffer": "" if buffer is None else f"{number(buffer / 1000, 1)} km",
        "Learned from": _learned_from(run.metrics),
        "Generated rows": " ".join(_grown(run.metrics)),
        "Begun": when(p.get("started")),
        "Duration before this page": duration(p.get("total_seconds")),
        "By stage": stages,
        "Peak memory": _memory(p.get("peak_memory_mib")),
        "Versions": ", ".join(f"{name} {v}" for name, v in versions.items() if v),
        "Platform": p.get("platform") or "",
    }
    return [(name, text) for name, text in facts.items() if text]


def _learned_from(metrics: Metrics) -> str:
    """Windows of either class, how negatives were chosen, what each augmentation step added."""
    found = metrics.learned_from
    if found is None:
        return ""
    rule = f" ({found.rule})" if found.rule else ""
    windows = f"{found.ore} windows of ore and {found.barren} negative{rule}"
    added = [f"{a.rows} {_CLASSES[a.label]} by {a.method}" for a in found.added if a.rows]
    return f"{windows}; augmentation added {', '.join(added)}" if added else windows


def _grown(metrics: Metrics) -> list[str]:
    """Sentences on each class that a generator added rows to."""
    return [
        f"{g.rows} {_CLASSES[g.label]} windows by {g.method}. {sentence(g.sentence)}"
        for g in metrics.grown
    ]


def when(moment: object) -> str:
    """Write an ISO moment as a date that cannot be misread; other text is unchanged.

    >>> when("2026-03-04T09:26:00+00:00"), when(None)
    ('4 March 2026, 09:26 UTC', '')
    """
    try:
        at = datetime.fromisoformat(str(moment))
    except ValueError:
        return str(moment or "")
    zone = f" {at.tzname()}" if at.tzinfo else ""
    return f"{at.day} {at:%B %Y, %H:%M}{zone}"


def duration(seconds: object) -> str:
    """Write a length of time.

    >>> duration(3.24), duration(101), duration(7384.0), duration(None)
    ('3.2 s', '1 min 41 s', '2 h 3 min', '')
    """
    if not isinstance(seconds, int | float):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _memory(mib: object) -> str:
    if not isinstance(mib, int | float):
        return ""
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def _lon_lat(run: RunReading, x: float, y: float) -> str:
    from pyproj import Transformer

    with opened(run.path("prospectivity.tif")) as source:
        crs = source.crs.to_wkt()
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    return f"{abs(lat):.2f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.2f}° {'E' if lon >= 0 else 'W'}"


def captions(run: RunReading) -> dict[str, Caption]:
    """Return the caption of every figure that a run may have, by name."""
    return _heads(run) | _ranks(run) | _thresholds(run) | _sureness(run) | _rest(run)


def _heads(run: RunReading) -> dict[str, Caption]:
    m = run.metrics
    name, n, targets = m.verdict.recommended, len(run.deposits), len(run.targets)
    listed = f"with {targets} ranked targets"
    label = map_label(m, drawn=run.has_recommended)
    outlines = (
        "Outlines are targets, numbered by rank. A number without a free place is only in the "
        "table."
    )
    if m.anomalies:
        text = f"Anomalies of the survey, by {m.model}, which learned from no deposit."
        alt = f"Map of anomalies {listed}; the targets are listed with their places under Targets."
        return {"prospectivity": Caption(f"{text} {outlines}", alt, label)}
    return {
        "recommended": Caption(
            f"Prospectivity by {name}{_meaning(name)}, from models that learned from every known "
            "deposit. The first lines give the reason. In the run’s folder it is recommended.tif. "
            f"Targets, classes and probabilities below are of the map by {m.model}.",
            f"Map of prospectivity by {name}, which is recommended, with {n} known deposits.",
            f"Recommended map: {name}",
        ),
        "prospectivity": Caption(
            f"Prospectivity by {m.model}, from models that learned from every known deposit. "
            f"{outlines} How well such a map finds deposits it has not seen is shown below.",
            f"Map of prospectivity {listed} and {n} known deposits; the targets are listed with "
            "their places under Targets.",
            label,
        ),
    }


def _meaning(name: str) -> str:
    """Return what the map of a baseline is, in brackets; empty if there is no description."""
    found = meanings([name])
    return f" ({found[0][1][:1].lower()}{found[0][1][1:]})" if found else ""


def _ranks(run: RunReading) -> dict[str, Caption]:
    m = run.metrics
    rest = len(curves.shown_and_rest(m)[1])
    summed = (
        f" The grey bar is the range of the {rest} baselines that are not drawn." if rest else ""
    )
    whose = "test-only deposits" if m.anomalies else "the held-out deposits"
    fit = (
        " The dashed curve is the success-rate curve of the final map. That map was trained with "
        "these deposits, so the curve shows the fit to them, not how well new deposits are "
        "predicted."
        if m.training_fit
        else ""
    )
    named = bool(m.fair) and len(m.fair[0].per_deposit) <= curves.MOST_NAMES
    return {
        "scores": Caption(
            f"Mean percentile of {whose}, with 95\u00a0% intervals.{summed}",
            "Mean percentile with interval of the model and the best baselines; the table below "
            "has the same figures.",
        ),
        "success_rate": Caption(
            "Solid curves are from cross-validation: each deposit was ranked by models that were "
            f"trained without it.{fit}",
            "Curves of the share of known deposits captured against the share of the area "
            f"searched, for {m.model} and the best baselines.",
            "Prediction-rate curve (cross-validation)",
        ),
        "deposits": Caption(
            "Each held-out deposit’s percentile, best first"
            + ("." if named else "; names are in the table below."),
            "Percentile of each held-out deposit; the table below has the same figures.",
        ),
    }


def _thresholds(run: RunReading) -> dict[str, Caption]:
    model = run.metrics.model
    return {
        "prediction_rate": Caption(
            "Prediction-rate curve of the test-only deposits, on the final map, by classes of "
            "equal area. If bars do not fall from left to right, the map’s order is partly noise.",
            "Curve of the share of the test-only deposits that is captured against the share of "
            f"the area searched, for the final map by {model}.",
        ),
        "prediction_area": Caption(
            "Prediction-area plot, out of fold. The lines cross where the share of deposits "
            "captured equals the share of the area left out. The normalised density is the share "
            "of deposits divided by the share of area there; 1 is chance.",
            f"Prediction-area plot of {model}; the crossing is in the table above.",
        ),
        "reliability": Caption(
            "Reliability of the calibrated probabilities, out of fold: cells with a known deposit "
            "predicted and observed, bin by bin, with Wilson’s 95\u00a0% intervals.",
            "Cells with a deposit, predicted and observed, in bins of probability.",
        ),
    }


def _sureness(run: RunReading) -> dict[str, Caption]:
    m, n = run.metrics, len(run.deposits)
    spread = (
        "Spread of models that learned from different cells. Where it is large, the anomaly "
        "depends on which cells were learned from."
        if m.anomalies
        else "Spread of the folds’ models. Where it is large, the score depends on "
        "which deposits were learned from."
    )
    regions = (
        " Black lines separate the folds’ regions; each region has its own model."
        if run.has("folds.tif")
        else ""
    )
    outside = "Grey, crossed cells are outside: no training place is similar."
    if m.applicability and m.applicability.share_inside == 1:
        outside = "No cell is outside."
    return {
        "out_of_fold": Caption(
            "Each cell is scored by a model that has not seen its surroundings. Deposits are "
            f"numbered by the fold that hid them.{regions} The scores above are of this map.",
            "Map of prospectivity in which every cell was scored by a model that had not seen its "
            f"surroundings, with {n} known deposits.",
            "Map out of fold",
        ),
        "uncertainty": Caption(spread, "Map of the spread of the models.", "Uncertainty"),
        "applicability": Caption(
            f"How different each cell is from the training places. {outside}",
            "Map of dissimilarity from the training places; cells outside the area of "
            "applicability are grey.",
            "Area of applicability",
        ),
        "probability": Caption(
            "Probability that a cell holds a deposit like the known ones, by its rank in this map, "
            "calibrated on ranks out of fold. The probabilities add up to the number of places "
            "with a known deposit; deposits not yet found are not in them.",
            "Map of the calibrated probability that a cell holds a deposit.",
            "Calibrated probability",
        ),
    }


def _rest(run: RunReading) -> dict[str, Caption]:
    m = run.metrics
    classes = (
        "Potential classes of the map."
        if m.anomalies
        else "Potential classes of the final map. That map has seen the deposits counted here; the "
        "table has the counts out of fold."
    )
    more = (
        f" The first {maps.MOST_LAYERS} of {len(run.layers)}; the rest are in the table."
        if len(run.layers) > maps.MOST_LAYERS
        else ""
    )
    return {
        "classes": Caption(
            f"{classes} {sentence(m.classes.sentence)}", "Map of the potential classes A, B and C."
        ),
        "layers": Caption(
            "Evidence layers, each on its own scale from its 2nd to its 98th percentile, dark low "
            f"and bright high.{more}",
            f"Small maps of {min(len(run.layers), maps.MOST_LAYERS)} evidence layers.",
        ),
    }
