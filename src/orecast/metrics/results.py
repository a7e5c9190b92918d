"""Results of a run as ``metrics.json`` holds them: intervals, curves, rows of scores, the verdict.

The stages of a run fill these classes and write them; the report, the audit and ``predict`` read
the file by the same classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
)

from orecast.arrays import Floats, Ints


def _array(value: Any, kind: type) -> Any:
    try:
        return np.array(value, dtype=kind)  # None becomes NaN
    except TypeError as error:
        raise ValueError(str(error)) from None


_LIST = PlainSerializer(lambda array: array.tolist())
Array = Annotated[Floats, PlainValidator(lambda value: _array(value, np.float64)), _LIST]
Counts = Annotated[Ints, PlainValidator(lambda value: _array(value, np.int64)), _LIST]
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Figures:
    """Base of results whose parts are all known."""

    def as_dict(self) -> dict[str, Any]:
        """Numbers and lists by name, as ``metrics.json`` holds them."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }


class Part(BaseModel):
    """Base of results of which some parts may not be given."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    def as_dict(self) -> dict[str, Any]:
        """What was given, as ``metrics.json`` holds it."""
        return self.model_dump(by_alias=True, exclude_unset=True)


@dataclass(frozen=True)
class Interval(Figures):
    """A score with the ends of its interval; ends are NaN where the data are too few."""

    value: Number
    low: Number = math.nan
    high: Number = math.nan

    @property
    def known(self) -> bool:
        """Whether there is a score at all."""
        return math.isfinite(self.value)

    @property
    def has_ends(self) -> bool:
        """Whether both ends of the interval are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)


UNKNOWN = Interval(math.nan)


@dataclass(frozen=True)
class PairedTest(Interval):
    """Mean difference, its interval, the p-value of no difference, and the numbers compared.

    ``n`` is the number of deposits, ``groups`` that of their independent groups. Ends and p are NaN
    with fewer than three groups. The two-sided p is never below ``2 / 2**groups``: with five groups
    the smallest possible p is 0.06.
    """

    p: Number = math.nan
    n: int = 0
    groups: int = 0


@dataclass(frozen=True)
class Curve(Figures):
    """Captured share of deposits at shares of area, both rising from 0 to 1, ``(n_points,)``."""

    area: Array
    captured: Array

    def thinned(self, most: int = 200) -> Curve:
        """Return at most ``most`` of the points, including both ends."""
        if most < 2:
            raise ValueError(f"a curve needs at least 2 points, not {most}")
        if self.area.size <= most:
            return self
        kept = np.linspace(0, self.area.size - 1, most).round().astype(np.int64)
        return Curve(self.area[kept], self.captured[kept])


@dataclass(frozen=True)
class PredictionRate(Curve):
    """Deposits in classes of equal area, the best class first; each array ``(classes,)``.

    ``area`` and ``captured`` are cumulative shares, including the class. ``share`` is the class's
    own share of the deposits; ``density`` is that share divided by the class's share of area: 1 is
    chance. Where it does not fall from class to class, the map's order is noise.
    """

    share: Array
    density: Array


@dataclass(frozen=True)
class Intersection(Figures):
    """Crossing of a prediction-area plot's lines: captured share, share of area, threshold."""

    captured: Number
    area: Number
    threshold: Number

    @property
    def normalised_density(self) -> float:
        """``Nd``: captured share over share of area; 1 is chance."""
        return self.captured / self.area if self.area else math.inf

    @property
    def weight(self) -> float:
        """``ln Nd``: above 0 the map is better than chance, below 0 worse."""
        density = self.normalised_density
        return math.log(density) if density > 0 else -math.inf


class PredictionArea(Part):
    """Share of deposits and of area at or above each threshold, and where the two lines cross.

    The arrays are ``(101,)``, thresholds rising evenly; baselines have the crossing alone. The axis
    of captured points up and that of area points down, so the lines cross where
    ``captured = 1 - area``. The density and its logarithm are those at the crossing.
    """

    threshold: Array = np.empty(0)
    captured: Array = np.empty(0)
    area: Array = np.empty(0)
    intersection: Intersection
    normalised_density: Number
    weight: Number

    @classmethod
    def at(cls, cross: Intersection, **lines: Floats) -> PredictionArea:
        """Return the plot with this crossing, and with its lines if they are given."""
        density, weight = cross.normalised_density, cross.weight
        return cls(intersection=cross, normalised_density=density, weight=weight, **lines)


@dataclass(frozen=True)
class Reliability(Figures):
    """Predicted probability and observed share in each bin; NaN and count 0 in an empty bin.

    ``edges`` ``(k + 1,)``; a bin includes its upper edge. The others ``(k,)``: weighted mean
    ``predicted``, weighted share ``observed`` with Wilson's interval ``low`` to ``high``, ``count``
    of places, ``ore`` of them positive, and the ``share`` of the total weight.
    """

    edges: Array
    predicted: Array
    observed: Array
    low: Array
    high: Array
    count: Counts
    ore: Counts
    share: Array


@dataclass(frozen=True)
class ConformalArea(Figures):
    """Best share of the area that contains a further deposit with at least the confidence.

    It is based on ``groups`` independent groups of deposits. Where they are too few for the
    confidence, ``enough`` is false and ``area`` is 1: the whole map. ``sentence`` is the statement
    in words.
    """

    area: Number
    confidence: Number
    groups: int
    enough: bool
    sentence: str


class LayerNull(Part):
    """The best single layer, and the score of the best layer for randomly shifted deposits.

    ``sign`` is 1 where high values of the layer are ore and -1 where low values are; ``value`` its
    mean percentile of the deposits. ``mean`` and ``high`` are the mean and the 95 % quantile of the
    best value of all ``layers`` over ``draws`` shifts; the best layer and sign are chosen for each
    shift. ``p`` is the share of shifts, including the observed position, that reach ``value``. If
    nothing can be computed, only ``why_not`` is given.
    """

    layer: str = ""
    sign: int = 1
    value: Number = math.nan
    mean: Number = math.nan
    high: Number = math.nan
    p: Number = math.nan
    draws: int = 0
    layers: int = 0
    why_not: str = ""


class FoldScore(Part):
    """Scores of one fold; null where the protocol has none."""

    fold: int
    auc: float | None
    percentile: float | None
    deposits: int | None
    threshold: float | None = None


class DepositScore(Part):
    """Percentile of one held-out deposit among the cells of its region."""

    deposit: int
    name: str = ""
    x: Number = math.nan
    y: Number = math.nan
    fold: int
    percentile: Number

    @property
    def title(self) -> str:
        """Its name, or its number where it has none."""
        return self.name.strip() or f"No. {self.deposit}"


class Score(Part):
    """All scores of the model or of one baseline under one protocol.

    ``sentence`` says how the protocol made its folds. ``places`` has a percentile for each place;
    deposits that share a cell are one place. ``threshold_scores`` has accuracy, precision, recall
    and others at a threshold chosen inside training. ``paired`` is a baseline's: the model's
    percentile minus its own. ``extra`` and ``as_published`` are scores of single protocols.
    """

    name: str
    role: str
    protocol: str
    sentence: str = ""
    as_published: dict[str, Any] = {}
    percentile: Interval = UNKNOWN
    auc: Interval = UNKNOWN
    average_precision: Interval = UNKNOWN
    top_area: dict[str, Interval] = {}
    threshold_scores: dict[str, Interval] = {}
    prediction_area: PredictionArea | None = None
    brier: Interval | None = None
    brier_skill: Interval | None = None
    reliability: Reliability | None = None
    expected_deposits: float | None = None
    per_fold: list[FoldScore] = []
    per_deposit: list[DepositScore] = []
    success_rate: Curve | None = None
    places: list[Number] = []
    extra: dict[str, Any] = {}
    paired: PairedTest | None = None

    @property
    def is_model(self) -> bool:
        """Whether this is the configured model rather than a baseline."""
        return self.role == "model"

    @property
    def is_layer(self) -> bool:
        """Whether it is a single layer's, which is one of many."""
        return not self.is_model and self.name.startswith("layer ")


class Protocol(Part):
    """How the folds were made."""

    name: str
    folds: int
    sentence: str
    hidden_buffer_m: float | None = None


class DepositCount(Part):
    """Deposits given, and those that lie where the evidence has a value."""

    given: int
    with_evidence: int


class FoldCount(Part):
    """What one fold held out and what it learned from."""

    fold: int
    deposits: list[int] = []
    training_deposits: int | None = None
    hidden_cells: int | None = None
    region_cells: int | None = None


class Captured(Part):
    """Share of the area and of the deposits that one class holds; ``deposits`` are counted."""

    name: str = Field(alias="class")
    area_share: Number
    deposits_share: Number
    deposits: int = 0
    of: int = 0


class ClassCounts(Part):
    """Potential classes, the rule that made them, and what each class holds.

    ``captured`` counts by the same rule out of fold, ``captured_training_fit`` on the final map,
    which has seen its deposits. A threshold is null where a class has no cells.
    """

    rule: str = ""
    sentence: str = ""
    thresholds: list[float | None] = []
    captured: list[Captured] = []
    captured_training_fit: list[Captured] = []


class Verdict(Part):
    """Which map to use, and why, in words."""

    recommended: str
    sentence: str


class Undiscovered(Part):
    """Test-only deposits: the map's percentile beside that of distance to faults alone."""

    n: int
    percentile: Interval
    fault_distance: Interval | None = None
    prediction_rate: PredictionRate | None = None


class Applicable(Part):
    """Largest dissimilarity from the training places at which the scores apply."""

    threshold: Number
    share_inside: Number
    median_dissimilarity: Number = math.nan


class AddedRows(Part):
    """Windows that a step of augmentation added to a class."""

    method: str
    label: int
    rows: int


class GrownRows(AddedRows, extra="allow"):
    """Rows that a generator made for a class, and how similar they are to the real ones."""

    sentence: str


class LearnedFrom(Part):
    """Windows that the final model learned from, and how the negative ones were chosen."""

    ore: int
    barren: int
    rule: str = ""
    added: list[AddedRows] = []


class Chosen(Part):
    """What ``auto`` chose: in each fold, and for the final map."""

    folds: list[str] = []
    final: str = ""


class TargetRule(Part):
    """How targets are drawn: the samples' spacing, how far an extension lies, the largest area."""

    spacing_m: Number
    near_m: Number
    largest_km2: Number


class TargetScore(Part):
    """Targets of one map, drawn with deposits hidden, as a mean over repetitions.

    Of ``n`` asked for, ``drawn`` were drawn, of ``area_km2`` together. ``hits`` of them lie near a
    hidden deposit; they found ``groups`` of deposits. ``difference`` is the model's hits minus
    these.
    """

    name: str
    n: int
    drawn: Number
    hits: Interval
    groups: Number
    area_km2: Number
    difference: Interval | None = None


class TargetBand(Part):
    """Ranks ``first`` to ``last``: the targets drawn there, and the share of them that hit."""

    first: int
    last: int
    targets: int
    hit_share: Number = math.nan


class TargetTest(Part):
    """Test of the targets: deposits were hidden, targets drawn, and hits counted.

    ``random`` has the mean hits of random targets for each number, on the same ground.
    """

    hit_m: Number
    repetitions: int
    groups: int
    scores: list[TargetScore]
    random: dict[int, Number]
    bands: list[TargetBand]
    sentence: str

    def of(self, name: str, n: int) -> TargetScore | None:
        """The score of a map with ``n`` targets."""
        return next((s for s in self.scores if s.name == name and s.n == n), None)

    def hit_share(self, rank: int) -> float:
        """Share of held-out targets of this rank's band that hit; NaN where it is not known."""
        own = (band.hit_share for band in self.bands if band.first <= rank <= band.last)
        return next(own, math.nan)


class Metrics(Part):
    """The whole of ``metrics.json``.

    ``anomalies``: no model learned from a deposit. The map shows anomalies, and its scores, if any,
    are of test-only deposits. ``caveats`` are sentences that go with the model's scores, such as
    that it has seen held-out cells.
    """

    model: str
    anomalies: bool = False
    protocol: Protocol
    deposits: DepositCount | None = None
    folds: list[FoldCount] = []
    scores: list[Score]
    left_out: dict[str, str] = {}
    layer_null: LayerNull | None = None
    conformal: ConformalArea | None = None
    calibration: dict[str, Any] | None = None
    held_out_classes: ClassCounts | None = None
    verdict: Verdict
    caveats: list[str] = []
    training_fit: Curve | None = None
    classes: ClassCounts = ClassCounts()
    applicability: Applicable | None = None
    undiscovered: Undiscovered | None = None
    learned_from: LearnedFrom | None = None
    grown: list[GrownRows] = []
    chosen: Chosen | None = None
    target_rule: TargetRule | None = None
    target_test: TargetTest | None = None

    @property
    def fair(self) -> list[Score]:
        """Leak-free scores: the model, then baselines from best to worst.

        They are those under spatial folds or, of a map of anomalies, those of deposits that no map
        has seen.
        """
        rows = [s for s in self.scores if s.protocol == ("unseen" if self.anomalies else "spatial")]
        return sorted(rows, key=lambda s: (not s.is_model, downwards(s.percentile.value)))

    @property
    def own(self) -> Score | None:
        """The model's own leak-free scores, where it has any."""
        return next((s for s in self.fair if s.is_model), None)

    @property
    def other(self) -> list[tuple[Score, Score | None]]:
        """Scores under further protocols but the published, each with the fair one of that name."""
        beside = {s.name: s for s in self.fair}
        rows = [s for s in self.scores if s.protocol not in ("spatial", "unseen", "paper")]
        return [(s, beside.get(s.name)) for s in rows]

    @property
    def tested(self) -> set[int]:
        """Numbers of the deposits that some fold held out."""
        scored = {d.deposit for s in self.fair if s.is_model for d in s.per_deposit}
        return scored.union(*(f.deposits for f in self.folds))

    @property
    def paper(self) -> list[tuple[Score, Score]]:
        """Scores under the published protocol, each with the fair score of that name.

        One that has no fair score beside it is left out: it must never be shown alone.
        """
        beside = {s.name: s for s in self.fair}
        leaky = [s for s in self.scores if s.protocol == "paper"]
        return [(s, beside[s.name]) for s in leaky if s.name in beside]

    @property
    def withheld(self) -> list[str]:
        """Names of the published protocol's scores that have no fair score beside them."""
        shown = {s.name for s, _ in self.paper}
        return [s.name for s in self.scores if s.protocol == "paper" and s.name not in shown]

    @property
    def recommended(self) -> Score | None:
        """The fair score of the recommended map, where there is one of that name."""
        return next((s for s in self.fair if self.recommends(s)), None)

    def recommends(self, score: Score) -> bool:
        """Whether it is the recommended map; where no deposit was learned from none is."""
        return not self.anomalies and score.name == self.verdict.recommended


def downwards(value: float) -> float:
    """Sort key from high to low, NaN last."""
    return math.inf if math.isnan(value) else -value
