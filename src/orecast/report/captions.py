"""What stands above and below each figure, and what it shows in words."""

from __future__ import annotations

from orecast.report import claims, curves, facts, layers
from orecast.report.html import Caption
from orecast.report.reading import RunReading


def captions(run: RunReading) -> dict[str, Caption]:
    """Return the caption of every figure that a run may have, by name."""
    return _heads(run) | _ranks(run) | _thresholds(run) | _sureness(run) | _rest(run)


def _heads(run: RunReading) -> dict[str, Caption]:
    m = run.metrics
    name, n, targets = m.verdict.recommended, len(run.deposits), len(run.targets)
    listed = f"with {targets} ranked targets"
    label = claims.map_label(m, drawn=run.has_recommended)
    outlines = (
        "Outlines are targets, numbered by rank; a rank that found no free place is left to the "
        "table."
    )
    if m.anomalies:
        text = f"What stands out from the survey, by {m.model}: no deposit was learned from."
        alt = f"Map of anomalies {listed}; the targets are listed with their places under Targets."
        return {"prospectivity": Caption(f"{text} {outlines}", alt, label)}
    return {
        "recommended": Caption(
            f"Prospectivity by {name}{_meaning(name)}, from models that learned from every known "
            "deposit; the first lines say why it is recommended. In the run’s folder it is "
            f"recommended.tif. Targets, classes and chances below are of the map by {m.model}.",
            f"Map of prospectivity by {name}, which is recommended, with {n} known deposits.",
            f"Recommended map: {name}",
        ),
        "prospectivity": Caption(
            f"Prospectivity by {m.model}, from models that learned from every known deposit. "
            f"{outlines} How well such a map finds deposits it has not seen is told below.",
            f"Map of prospectivity {listed} and {n} known deposits; the targets are listed with "
            "their places under Targets.",
            label,
        ),
    }


def _meaning(name: str) -> str:
    """What the map of a baseline is, in brackets; nothing where no one has said it."""
    said = facts.meanings([name])
    return f" ({said[0][1][:1].lower()}{said[0][1][1:]})" if said else ""


def _ranks(run: RunReading) -> dict[str, Caption]:
    m = run.metrics
    rest = len(curves.shown_and_rest(m)[1])
    summed = f" The grey bar sums up the {rest} baselines that are not drawn." if rest else ""
    whose = "deposits kept back" if m.anomalies else "the held-out deposits"
    fit = (
        " The dashed curve is the final map’s own. It is a training fit, since that map has seen "
        "every deposit, and is no measure of success."
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
            "Solid curves are out of fold: each deposit was ranked by models that "
            f"had not seen it.{fit}",
            "Curves of the share of known deposits captured against the share of the area "
            f"searched, for {m.model} and the best baselines.",
            "Success rate",
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
            "Prediction rate of the deposits held back, on the final map, by classes of equal "
            "area. Bars that do not fall from left to right say that the map’s order is partly "
            "noise.",
            "Curve of the share of the deposits held back that is captured against the share of "
            f"the area searched, for the final map by {model}.",
        ),
        "prediction_area": Caption(
            "Prediction-area plot, out of fold. The lines cross where as large a share of the "
            "deposits is kept as of the ground is spared; the normalised density is the share of "
            "the deposits over the share of the area there, and 1 is chance.",
            f"Prediction-area plot of {model}; the crossing stands in the table below.",
        ),
        "reliability": Caption(
            "Reliability of the calibrated chances, out of fold: cells with a known deposit "
            "predicted and observed, bin by bin, with Wilson’s 95\u00a0% intervals.",
            "Cells with a deposit predicted and observed in bins of told chance.",
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
        " Black lines part the regions of the folds, each scored by a model of its own."
        if run.has("folds.tif")
        else ""
    )
    outside = "Grey, crossed ground is outside: the model has met nothing like it."
    if m.applicability and m.applicability.share_inside == 1:
        outside = "No cell is outside."
    return {
        "out_of_fold": Caption(
            "Each cell is scored by a model that has not seen its surroundings. Deposits are "
            f" numbered by the fold that hid them.{regions} This is the map that the scores "
            "above are taken from.",
            "Map of prospectivity in which every cell was scored by a model that had not seen its "
            f"surroundings, with {n} known deposits.",
            "Map out of fold",
        ),
        "uncertainty": Caption(spread, "Map of the spread of the models.", "Uncertainty"),
        "applicability": Caption(
            f"How unlike the places learned from each cell is. {outside}",
            "Map of dissimilarity from the training places; cells outside the area of "
            "applicability are grey.",
            "Area of applicability",
        ),
        "probability": Caption(
            "Chance that a cell holds a deposit like the known ones, by its rank in this map, "
            "calibrated on ranks out of fold. The chances add up to the number of places with a "
            "known deposit: what is not yet found is not in them.",
            "Map of the calibrated chance that a cell holds a deposit.",
            "Calibrated chance",
        ),
    }


def _rest(run: RunReading) -> dict[str, Caption]:
    m = run.metrics
    classes = (
        "Potential classes of the map."
        if m.anomalies
        else "Potential classes of the final map. Deposits counted here were seen by that map; "
        "what the classes hold out of fold is in the table."
    )
    more = (
        f" The first {layers.MOST_LAYERS} of {len(run.layers)}; the rest are in the table."
        if len(run.layers) > layers.MOST_LAYERS
        else ""
    )
    return {
        "classes": Caption(
            f"{classes} {m.classes.sentence}", "Map of the potential classes A, B and C."
        ),
        "layers": Caption(
            "Evidence layers, each on its own scale from its 2nd to its 98th percentile, dark low "
            f"and bright high.{more}",
            f"Small maps of {min(len(run.layers), layers.MOST_LAYERS)} evidence layers.",
        ),
    }
