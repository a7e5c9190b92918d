"""Tables of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from orecast.metrics.results import (
    Captured,
    DepositScore,
    FoldCount,
    Interval,
    Metrics,
    PredictionArea,
    Score,
    downwards,
)
from orecast.report.reading import LayerFile, RunReading

DASH = "–"
MOST_TARGETS = 20


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


Item = TypeVar("Item")


def by_columns(
    caption: str,
    items: Iterable[Item],
    columns: Mapping[str, Callable[[Item], str]],
    texts: int = 1,
    stressed: dict[int, str] | None = None,
) -> Table:
    """Set one row for each item; the first ``texts`` columns are no figures."""
    rows = [tuple(text(item) for text in columns.values()) for item in items]
    figures = frozenset(range(texts, len(columns)))
    return Table(caption, (*columns,), rows, figures, stressed or {})


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
    """Set the share of area and of deposits in each class, cross-validated first."""
    fitted = {c.name: c.deposits_share for c in metrics.classes.captured_training_fit}
    caption = f"{'Area' if metrics.anomalies else 'Deposits and area'} of each class"
    columns: dict[str, Callable[[Captured], str]] = {
        "Class": lambda c: c.name,
        "Share of the area (%)": lambda c: number(100 * c.area_share, 2),
    }
    if not metrics.anomalies:
        caption += ", by the same rule on the out-of-fold map"
        if metrics.held_out_classes:
            caption += "; in each fold, the class limits are computed from its training cells"
        columns["Deposits in the class, cross-validated (%)"] = lambda c: number(
            100 * c.deposits_share, 0
        )
        if fitted:
            columns["Deposits in the class, final map: training deposits (%)"] = lambda c: number(
                100 * fitted.get(c.name, math.nan), 0
            )
    return by_columns(caption, metrics.classes.captured, columns)


_TARGET_COLUMNS: dict[str, tuple[str, int | None, float]] = {  # head, digits or None, factor
    "rank": ("Rank", 0, 1),
    "ground": ("Ground", None, 1),
    "class": ("Class", None, 1),
    "area_km2": ("Area (km²)", 2, 1),
    "score_max": ("Highest score", 3, 1),
    "score_mean": ("Mean score", 3, 1),
    "held_out_percentile": ("Best cell’s percentile, out of fold", 0, 100),
    "hit_share": ("Such targets that hit (%)", 0, 100),
    "conformal_p": ("Share of further deposits expected at this rank or lower", 2, 1),
    "applicable_share": ("Applicable (%)", 0, 100),
    "expected_deposits": ("Deposits expected", 2, 1),
    "reasons": ("Reasons: layer, contribution", None, 1),
    "nearest_deposit": ("Nearest deposit", None, 1),
    "nearest_deposit_km": ("Distance (km)", 1, 1),
    "caution": ("Caution", None, 1),
    "lon": ("Longitude", 4, 1),
    "lat": ("Latitude", 4, 1),
}


def target_scores(metrics: Metrics) -> Table | None:
    """Set how many targets of each map hit hidden deposits, for each number of targets."""
    test = metrics.target_test
    if test is None:
        return None
    rows = [
        (
            score.name,
            str(score.n),
            estimate(score.hits, percent=False, digits=1),
            number(score.groups, 1),
            number(score.area_km2, 0),
            DASH
            if score.difference is None
            else estimate(score.difference, percent=False, digits=1),
        )
        for score in test.scores
    ]
    rows += [
        ("random targets", str(n), number(hits, 2), DASH, DASH, DASH)
        for n, hits in test.random.items()
    ]
    order = {name: k for k, name in enumerate(dict.fromkeys(row[0] for row in rows))}
    rows.sort(key=lambda row: (int(row[1]), order[row[0]]))
    head = (
        "Map",
        "Targets",
        "Hits",
        "Groups of deposits found",
        "Area (km²)",
        f"{metrics.model} minus this map",
    )
    caption = f"Targets that hit hidden deposits, {test.repetitions} repetitions of the folds"
    return Table(caption, head, rows, frozenset(range(1, 6)))


_GROUNDS = {
    ("new",): "Targets on new ground, by rank",
    ("extension", "known"): "Targets near known deposits, by ground and rank",
}


def targets(run: RunReading, *grounds: str) -> Table:
    """Set the first targets of some grounds; the columns that the run's table has."""
    whole = run.target_table
    chosen = whole[whole["ground"].isin(grounds)] if len(whole) else whole
    table = chosen.head(MOST_TARGETS)
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
    caption = f"{_GROUNDS[grounds]} ({len(rows)} of {len(chosen)})"
    return Table(caption, head, rows, figures).filled()


def layers(run: RunReading) -> Table:
    """Set the evidence layers with how far each one reaches."""
    columns: dict[str, Callable[[LayerFile], str]] = {
        "Layer": lambda la: la.name,
        "Kind": lambda la: la.kind or DASH,
        "Unit": lambda la: la.unit.replace("-", "\u2011") or DASH,  # no line breaks there
        "Reach (km)": lambda la: _kilometres(la.reach),
        "How it was made": lambda la: la.origin.removeprefix(f"{la.name}: ") or DASH,
    }
    table = by_columns(f"Evidence layers ({len(run.layers)})", run.layers, columns)
    return replace(table, figures=frozenset({3}))


def folds(metrics: Metrics) -> Table:
    """Set what each fold held out, hid and learned from."""
    columns: dict[str, Callable[[FoldCount], str]] = {
        "Fold": lambda f: str(f.fold),
        "Deposits held out": lambda f: number(len(f.deposits), 0),
        "Deposits learned from": lambda f: number(f.training_deposits, 0),
        "Cells tested": lambda f: number(f.region_cells, 0),
        "Cells hidden": lambda f: number(f.hidden_cells, 0),
    }
    return by_columns("The folds", metrics.folds, columns, texts=0)


Entry = Mapping[str, Any]


def elements(survey: Entry) -> Table:
    """Set the elements as ``checks.json`` has them: unit, gaps, range, share at the lowest."""
    columns: dict[str, Callable[[Entry], str]] = {
        "Element": lambda e: str(e.get("symbol", DASH)),
        "Column": lambda e: str(e.get("column") or DASH),
        "Unit": lambda e: str(e.get("unit") or DASH),
        "Values": lambda e: number(e.get("n"), 0),
        "Missing": lambda e: number(e.get("missing"), 0),
        "Below detection": lambda e: number(e.get("censored"), 0),
        "Lowest": lambda e: significant(e.get("min")),
        "Median": lambda e: significant(e.get("median")),
        "Highest": lambda e: significant(e.get("max")),
        "Values equal to the lowest (%)": lambda e: _percent(e.get("share_at_lowest"), 1),
    }
    found = survey.get("elements", [])
    return by_columns(f"Elements ({len(found)})", found, columns, texts=3)


def other_inputs(survey: Entry, home: str) -> Table:
    """Set what else was read: faults, geology, study area, rasters; paths begin at ``home``."""
    heads = {"Name": "layer", "Kind": "kind", "What it holds": "what", "File": "source"}
    rows = [
        tuple(str(la.get(k) or DASH).removeprefix(home) for k in heads.values())
        for la in survey.get("layers", [])
    ]
    return Table("Faults, geology and rasters", (*heads,), rows).filled()


def inputs(provenance: Entry, home: str) -> Table:
    """Set the input files with size and SHA-256; paths begin at ``home``."""
    columns: dict[str, Callable[[Entry], str]] = {
        "File": lambda i: str(i.get("path", DASH)).removeprefix(home),
        "Size": lambda i: file_size(i.get("bytes")),
        "SHA-256": lambda i: str(i.get("sha256", DASH)),
    }
    found = provenance["inputs"]
    caption = f"Input files ({len(found)})" + (f" in {home}" if home else "")
    table = by_columns(caption, found, columns)
    return replace(table, figures=frozenset({1}), codes=frozenset({2}))


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


def _percent(share: float | None, digits: int = 0) -> str:
    return number(None if share is None else 100 * share, digits)


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
Columns = dict[str, Callable[[Score], str]]


def scores(metrics: Metrics) -> Table:
    """Set the model beside every baseline, without empty columns."""
    if metrics.anomalies:
        caption = "Scores of each map on deposits that no map has seen"
    else:
        caption = "Leak-free scores of the model and of each baseline"
    columns: Columns = {
        "Map": lambda s: s.name,
        "Percentile": lambda s: _points(s.percentile),
        "AUC" if metrics.anomalies else "AUC within fold": lambda s: _two(s.auc),
        "Average precision (%)": lambda s: estimate(s.average_precision, percent=True, digits=2),
    }
    for share in _SHARES:
        head = f"Deposits in the top {100 * share:.0f}\u00a0% of area (%)"
        columns[head] = partial(_top_area, share=str(share))
    columns["Model minus this map (points)"] = lambda s: _points(s.paired)
    columns["p (paired test)"] = lambda s: probability(s.paired.p) if s.paired else DASH
    caption += ", 95\u00a0% intervals in brackets"
    return by_columns(caption, metrics.fair, columns, stressed=_roles(metrics)).filled()


def _top_area(score: Score, share: str) -> str:
    return _points(score.top_area.get(share))


def _points(value: Interval | None) -> str:
    return estimate(value, percent=True, digits=0)


def _two(value: Interval | None) -> str:
    return estimate(value, percent=False, digits=2)


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


def _threshold_score(score: Score, key: str, shown: Callable[[Interval | None], str]) -> str:
    return shown(score.threshold_scores.get(key))


def at_threshold(metrics: Metrics) -> Table:
    """Set each map's accuracy, precision, recall at the threshold chosen inside training."""
    columns: Columns = {"Map": lambda s: s.name}
    for key, (head, share) in _AT_THRESHOLD.items():
        columns[head] = partial(_threshold_score, key=key, shown=_points if share else _two)
    rows = [s for s in metrics.fair if s.threshold_scores]
    stressed = _roles(metrics) if len(rows) == len(metrics.fair) else {}
    caption = "Scores at a threshold on the rank, 95\u00a0% intervals in brackets"
    return by_columns(caption, rows, columns, stressed=stressed).filled()


def crossings(metrics: Metrics) -> Table:
    """Set where each map's prediction-area plot crosses, and how good its probabilities are."""

    def of_plot(text: Callable[[PredictionArea], str]) -> Callable[[Score], str]:
        return lambda s: text(s.prediction_area) if s.prediction_area else DASH

    columns: Columns = {
        "Map": lambda s: s.name,
        "Deposits at the crossing (%)": of_plot(lambda plot: _percent(plot.intersection.captured)),
        "Area at the crossing (%)": of_plot(lambda plot: _percent(plot.intersection.area)),
        "Normalised density": of_plot(lambda plot: number(plot.normalised_density, 2)),
        "ln(normalised density)": of_plot(lambda plot: number(plot.weight, 2)),
        "Brier skill": lambda s: estimate(s.brier_skill, percent=False, digits=3),
    }
    rows = [s for s in metrics.fair if s.prediction_area is not None or s.brier]
    stressed = _roles(metrics) if len(rows) == len(metrics.fair) else {}
    caption = "Where the prediction-area plot crosses, and calibrated probabilities"
    return by_columns(caption, rows, columns, stressed=stressed).filled()


Pair = tuple[Score, Score | None]


def other_protocols(metrics: Metrics) -> Table:
    """Set scores under further protocols, each beside the fair scores of the same map."""
    beside = "whole map" if metrics.anomalies else "spatial folds"
    columns: dict[str, Callable[[Pair], str]] = {
        "Map": lambda pair: pair[0].name,
        "Protocol": lambda pair: pair[0].protocol,
        "Percentile": lambda pair: _points(pair[0].percentile),
        "AUC": lambda pair: _two(pair[0].auc),
        "AUC’s spread over draws": lambda pair: number(pair[0].extra.get("spread"), 2),
        "Distinct samples": lambda pair: number(pair[0].extra.get("distinct"), 0),
        f"Percentile, {beside}": lambda pair: _points(pair[1].percentile) if pair[1] else DASH,
        f"AUC, {beside}": lambda pair: _two(pair[1].auc) if pair[1] else DASH,
    }
    caption = "Other protocols, 95\u00a0% intervals in brackets"
    return by_columns(caption, metrics.other, columns, texts=2).filled()


def paper_scores(metrics: Metrics) -> Table:
    """Set the published protocol's scores, each beside the leak-free scores of the same map."""

    def further(leaky: Score) -> str:
        return ", ".join(f"{words(k)} {significant(v)}" for k, v in leaky.extra.items()) or DASH

    columns: dict[str, Callable[[tuple[Score, Score]], str]] = {
        "Map": lambda pair: pair[0].name,
        "AUC as published (leaky)": lambda pair: _two(pair[0].auc),
        "AUC, leak-free": lambda pair: _two(pair[1].auc),
        "Percentile, leak-free": lambda pair: _points(pair[1].percentile),
        "Other scores as published (leaky)": lambda pair: further(pair[0]),
    }
    table = by_columns("Published protocol beside leak-free folds", metrics.paper, columns)
    return replace(table, figures=frozenset(range(1, 4)))


def deposits(metrics: Metrics) -> Table:
    """Set each held-out deposit's percentile, best first, beside the recommended map's."""
    model = metrics.fair[0]
    beside = metrics.recommended if metrics.recommended is not model else None
    other = {d.deposit: d.percentile for d in beside.per_deposit} if beside else {}
    ordered = sorted(
        model.per_deposit,
        key=lambda d: downwards(d.percentile),
    )
    columns: dict[str, Callable[[DepositScore], str]] = {
        "Deposit": lambda d: d.title,
        "Fold": lambda d: str(d.fold) if d.fold >= 0 else DASH,
        f"Percentile, {model.name}": lambda d: number(100 * d.percentile, 0),
    }
    if beside:
        columns[f"Percentile, {beside.name}"] = lambda d: number(
            100 * other.get(d.deposit, math.nan), 0
        )
    return by_columns("Held-out deposits, best ranked first", ordered, columns)
