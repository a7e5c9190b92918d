"""Tables of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orecast.metrics.results import Interval, Metrics, Score, downwards
from orecast.report.reading import RunReading

DASH = "–"
MOST_TARGETS = 20
_AREA_SHARE = "Share of the area (%)"


@dataclass(frozen=True)
class Table:
    """A caption, heads, rows of text; columns of figures and of code; rows to stress."""

    caption: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    figures: frozenset[int] = frozenset()
    stressed: dict[int, str] = field(default_factory=dict)
    codes: frozenset[int] = frozenset()

    def part(self, start: int, stop: int | None = None) -> Table:
        """Return some of its rows under the same head."""
        stressed = {i - start: s for i, s in self.stressed.items() if i >= start}
        return replace(self, rows=self.rows[start:stop], stressed=stressed)

    def filled(self) -> Table:
        """Return the table without its empty columns."""
        columns = range(len(self.head))
        empty = {i for i in columns if self.rows and all(row[i] == DASH for row in self.rows)}
        kept = [i for i in range(len(self.head)) if i not in empty]
        return replace(
            self,
            head=tuple(self.head[i] for i in kept),
            rows=[tuple(row[i] for i in kept) for row in self.rows],
            figures=frozenset(n for n, i in enumerate(kept) if i in self.figures),
            codes=frozenset(n for n, i in enumerate(kept) if i in self.codes),
        )


def number(value: object, digits: int = 2) -> str:
    """Write a number with thin spaces between thousands; a dash if there is none.

    >>> number(1234567.0, 0), number(-0.5), number(-0.3, 0), number(float("nan")), number(None)
    ('1\\u202f234\\u202f567', '−0.50', '0', '–', '–')
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DASH if value is None or isinstance(value, float) else str(value)
    text = f"{value:,.{digits}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")  # what rounds to zero has no sign
    return text.replace(",", "\u202f").replace("-", "−")


def probability(p: float) -> str:
    """Write the p of a test.

    >>> probability(0.0333), probability(0.6), probability(1e-5), probability(float("nan"))
    ('0.033', '0.60', '<0.001', '–')
    """
    if not math.isfinite(p):
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.{2 if p >= 0.1 else 3}f}"


def estimate(value: Interval | None, *, percent: bool, digits: int) -> str:
    """Write a figure with its interval in brackets; a dash if there is none.

    >>> estimate(Interval(0.71, 0.62, 0.79), percent=True, digits=0)
    '71 (62–79)'
    >>> estimate(Interval(0.71), percent=False, digits=2)
    '0.71'
    """
    if value is None:
        return DASH
    factor = 100 if percent else 1
    text = number(factor * value.value, digits)
    if not (value.known and value.has_ends):
        return text
    low, high = (number(factor * end, digits) for end in (value.low, value.high))
    return f"{text} ({low}{' to ' if low.startswith('−') else '–'}{high})"


def classes(metrics: Metrics) -> Table:
    """Set the share of area and of deposits that each class holds, out of fold first."""
    fitted = {c.name: c.deposits_share for c in metrics.classes.captured_training_fit}
    rows = [
        (c.name, number(100 * c.area_share, 2), number(100 * c.deposits_share, 0))
        + ((number(100 * fitted.get(c.name, math.nan), 0),) if fitted else ())
        for c in metrics.classes.captured
    ]
    if metrics.anomalies:
        areas = [row[:2] for row in rows]
        return Table("What each class holds", ("Class", _AREA_SHARE), areas, frozenset({1}))
    head = ("Class", _AREA_SHARE, "Deposits held, out of fold (%)")
    return Table(
        "What each class holds, by the same rule on the out-of-fold map"
        + (", drawn in each fold by the cells it may see" if metrics.held_out_classes else ""),
        head + (("Deposits held, final map: training fit (%)",) if fitted else ()),
        rows,
        frozenset({1, 2, 3}),
    )


_TARGET_COLUMNS: dict[str, tuple[str, int | None, float]] = {  # head, digits or None, factor
    "rank": ("Rank", 0, 1),
    "class": ("Class", None, 1),
    "area_km2": ("Area (km²)", 2, 1),
    "score_max": ("Highest score", 3, 1),
    "score_mean": ("Mean score", 3, 1),
    "held_out_percentile": ("Best cell’s percentile, out of fold", 0, 100),
    "conformal_p": ("Conformal p", 2, 1),
    "applicable_share": ("Applicable (%)", 0, 100),
    "expected_deposits": ("Deposits expected", 2, 1),
    "top_elements": ("Elements behind it", None, 1),
    "nearest_deposit_km": ("Nearest deposit (km)", 1, 1),
    "lon": ("Longitude", 4, 1),
    "lat": ("Latitude", 4, 1),
}


def targets(run: RunReading) -> Table:
    """Set the first targets with their places; the columns that the run's table has."""
    table = run.target_table.head(MOST_TARGETS)
    columns = [name for name in _TARGET_COLUMNS if name in table.columns]
    rows = []
    for row in table[columns].itertuples(index=False):
        cells = []
        for name, value in zip(columns, row, strict=True):
            _, digits, factor = _TARGET_COLUMNS[name]
            if digits is None:
                cells.append(DASH if value != value else str(value))
            else:
                cells.append(number(factor * float(value), digits))
        rows.append(tuple(cells))
    figures = frozenset(i for i, name in enumerate(columns) if _TARGET_COLUMNS[name][1] is not None)
    head = tuple(_TARGET_COLUMNS[name][0] for name in columns)
    caption = f"Targets by rank ({len(rows)} of {len(run.target_table)})"
    return Table(caption, head, rows, figures).filled()


def layers(run: RunReading) -> Table:
    """Set the evidence layers with how far each one reaches."""
    rows = [
        (
            la.name,
            la.kind or DASH,
            la.unit.replace("-", "\u2011") or DASH,  # no line breaks there
            _kilometres(la.reach),
            la.origin.removeprefix(f"{la.name}: ") or DASH,
        )
        for la in run.layers
    ]
    head = ("Layer", "Kind", "Unit", "Reach (km)", "How it was made")
    return Table(f"Evidence layers ({len(rows)})", head, rows, frozenset({3}))


def folds(metrics: Metrics) -> Table:
    """Set what each fold held out, hid and learned from."""
    rows = [
        (
            str(f.fold),
            number(len(f.deposits), 0),
            number(f.training_deposits, 0),
            number(f.region_cells, 0),
            number(f.hidden_cells, 0),
        )
        for f in metrics.folds
    ]
    head = ("Fold", "Deposits held out", "Deposits learned from", "Cells tested", "Cells hidden")
    return Table("The folds", head, rows, frozenset(range(5)))


def elements(survey: Mapping[str, Any]) -> Table:
    """Set the elements as ``checks.json`` has them: unit, gaps, range, share at the lowest."""
    rows = [
        (
            str(e.get("symbol", DASH)),
            str(e.get("column") or DASH),
            str(e.get("unit") or DASH),
            number(e.get("n"), 0),
            number(e.get("missing"), 0),
            number(e.get("censored"), 0),
            significant(e.get("min")),
            significant(e.get("median")),
            significant(e.get("max")),
            number(100 * e["share_at_lowest"], 1) if e.get("share_at_lowest") is not None else DASH,
        )
        for e in survey.get("elements", [])
    ]
    head = (
        *("Element", "Column", "Unit", "Values", "Missing", "Below detection"),
        *("Lowest", "Median", "Highest", "At the lowest (%)"),
    )
    return Table(f"Elements ({len(rows)})", head, rows, frozenset(range(3, 10)))


def other_inputs(survey: Mapping[str, Any], home: str) -> Table:
    """Set what else was read: faults, geology, study area, rasters; paths begin at ``home``."""
    keys = ("layer", "kind", "what", "source")
    rows = [
        tuple(str(la.get(k) or DASH).removeprefix(home) for k in keys)
        for la in survey.get("layers", [])
    ]
    head = ("Name", "Kind", "What it holds", "File")
    return Table("Faults, geology and rasters", head, rows).filled()


def inputs(provenance: Mapping[str, Any], home: str) -> Table:
    """Set the input files with size and SHA-256; paths begin at ``home``."""
    rows = [
        (
            str(i.get("path", DASH)).removeprefix(home),
            file_size(i.get("bytes")),
            str(i.get("sha256", DASH)),
        )
        for i in provenance.get("inputs", [])
    ]
    caption = f"Input files ({len(rows)})" + (f" in {home}" if home else "")
    head = ("File", "Size", "SHA-256")
    return Table(caption, head, rows, frozenset({1}), codes=frozenset({2}))


def file_size(size: object) -> str:
    """Write a file's size.

    >>> file_size(2_345_678), file_size(512), file_size(None)
    ('2.3 MB', '512 B', '–')
    """
    if not isinstance(size, int | float):
        return DASH
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size:.0f} B"


def significant(value: object) -> str:
    """Write a number to three figures.

    >>> significant(0.98123), significant(18450.0), significant(98), significant(2e-7)
    ('0.981', '18\\u202f450', '98', '2.00e−07')
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        return DASH
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.2e}".replace("-", "−")
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def words(key: str) -> str:
    """Return a key of the file as words."""
    return key.replace("_", " ")


def _kilometres(metres: float) -> str:
    return number(metres / 1000, 1 if metres >= 1000 else 2 if metres else 0)


_SHARES = (0.01, 0.05, 0.10)
_AT_THRESHOLD = {  # key: (head, whether it is a share); accuracy is balanced
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
    """Set the model beside every baseline, without empty columns."""
    if metrics.anomalies:
        caption = "Scores of each map on deposits that no map has seen"
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
    """Return the rows of the fair scores to stress: the model and the recommended map."""
    stressed = {}
    for row, score in enumerate(metrics.fair):
        roles = ["model"] if score.is_model else []
        if metrics.recommends(score):
            roles.append("recommended")
        if roles:
            stressed[row] = ", ".join(roles)
    return stressed


def _score_cells(score: Score) -> tuple[str, ...]:
    return (
        estimate(score.percentile, percent=True, digits=0),
        estimate(score.auc, percent=False, digits=2),
        estimate(score.average_precision, percent=True, digits=2),
        *(estimate(score.top_area.get(str(s)), percent=True, digits=0) for s in _SHARES),
        estimate(score.paired, percent=True, digits=0),
        probability(score.paired.p) if score.paired else DASH,
    )


def at_threshold(metrics: Metrics) -> Table:
    """Set each map's accuracy, precision, recall at the threshold chosen inside training."""
    rows = [
        (s.name, *(_threshold_cell(s, key) for key in _AT_THRESHOLD))
        for s in metrics.fair
        if s.threshold_scores
    ]
    head = ("Map", *(head for head, _ in _AT_THRESHOLD.values()))
    stressed = _roles(metrics) if len(rows) == len(metrics.fair) else {}
    return Table(
        "Scores at a threshold on the rank, 95\u00a0% intervals in brackets",
        head,
        rows,
        frozenset(range(1, len(head))),
        stressed,
    ).filled()


def _threshold_cell(score: Score, key: str) -> str:
    _, share = _AT_THRESHOLD[key]
    value = score.threshold_scores.get(key)
    return estimate(value, percent=share, digits=0 if share else 2)


def crossings(metrics: Metrics) -> Table:
    """Set where each map's prediction-area plot crosses, and how good its probabilities are."""
    shown = [s for s in metrics.fair if s.prediction_area is not None or s.brier]
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
        "Where the prediction-area plot crosses, and calibrated probabilities",
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
            estimate(fair.percentile if fair else None, percent=True, digits=0),
            estimate(fair.auc if fair else None, percent=False, digits=2),
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
        key=lambda d: downwards(d.percentile),
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
