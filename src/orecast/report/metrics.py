"""What ``metrics.json`` says, typed: scores with intervals, curves, folds, classes, verdict.

A figure that could not be computed is null in the file and NaN here. Keys that the report does
not show are passed over, so that the file may say more than the page.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from orecast.report.html import typeset


def _null_is_nan(value: Any) -> Any:
    return math.nan if value is None else value


def _estimate(value: Any) -> Any:
    return {"value": value} if value is None or isinstance(value, int | float) else value


Number = Annotated[float, BeforeValidator(_null_is_nan)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Sentence = Annotated[str, AfterValidator(lambda text: _ended(text))]


def _ended(text: str) -> str:
    """One line of whole sentences with true minus signs; no line begins with a per cent sign."""
    text = typeset(" ".join(text.split()))
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?。" else ".")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Estimate(_Part):
    """A figure with its interval; NaN where it is not known."""

    value: Number
    low: Number = math.nan
    high: Number = math.nan

    @property
    def known(self) -> bool:
        """Whether there is a figure at all."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether both ends of the interval are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)


UNKNOWN = Estimate(value=math.nan)
Estimated = Annotated[Estimate, BeforeValidator(_estimate)]


class Curve(_Part):
    """A success-rate curve: share of deposits captured within a share of the area."""

    area: list[Number] = []
    captured: list[Number] = []


class PredictionRate(Curve):
    """A curve of deposits the map never saw, by classes of equal area, the best class first.

    ``density`` is a class's share of the deposits over its share of the area; 1 is chance.
    """

    density: list[Number] = []


class Intersection(_Part):
    """Where the lines of a prediction-area plot cross."""

    captured: Number
    area: Number
    threshold: Number


class PredictionArea(_Part):
    """Captured share and share of area by threshold; baselines have the crossing alone."""

    intersection: Intersection
    normalised_density: Number
    weight: Number
    threshold: list[Number] = []
    captured: list[Number] = []
    area: list[Number] = []


class Reliability(_Part):
    """Chances told and shares observed, bin by bin, with Wilson's interval of the latter.

    ``count`` are the cells of a bin, ``ore`` those of them with a known deposit.
    """

    predicted: list[Number]
    observed: list[Number]
    low: list[Number]
    high: list[Number]
    count: list[int]
    ore: list[int] = []


class Paired(Estimate):
    """The model's percentile minus a baseline's over the same places, and its test."""

    p: Number = math.nan
    groups: int = 0


class DepositScore(_Part):
    """Percentile of one held-out deposit among the cells of its region."""

    deposit: int
    name: Text = ""
    fold: int
    percentile: Number
    x: Number = math.nan
    y: Number = math.nan

    @property
    def title(self) -> str:
        """Its name, or its number where it has none."""
        return self.name.strip() or f"No. {self.deposit}"


class Score(_Part):
    """All scores of the model or of one baseline under one protocol.

    ``places`` holds a percentile a place; deposits that share a cell are one place. ``called``
    are scores of ore called or not, at a threshold chosen inside training.
    """

    name: str
    role: str
    protocol: str
    sentence: Sentence = ""
    percentile: Estimated = UNKNOWN
    auc: Estimated = UNKNOWN
    average_precision: Estimated = UNKNOWN
    top_area: dict[float, Estimated] = {}
    called: dict[str, Estimated] = {}
    prediction_area: PredictionArea | None = None
    brier: Estimated = UNKNOWN
    brier_skill: Estimated = UNKNOWN
    reliability: Reliability | None = None
    expected_deposits: Number = math.nan
    paired: Paired | None = None
    per_deposit: list[DepositScore] = []
    success_rate: Curve | None = None
    places: list[Number] = []
    extra: dict[str, Any] = {}

    @property
    def is_model(self) -> bool:
        """Whether this is the configured model rather than a baseline."""
        return self.role == "model"


class Protocol(_Part):
    """How the folds were cut."""

    name: str
    folds: int
    sentence: Sentence
    hidden_buffer_m: Number = math.nan


class FoldCount(_Part):
    """What one fold held out and what it learned from."""

    fold: int
    deposits: list[int] = []
    training_deposits: Number = math.nan
    hidden_cells: Number = math.nan
    region_cells: Number = math.nan


class Captured(_Part):
    """Share of the area and of the deposits that one class holds."""

    name: str = Field(alias="class")
    area_share: Number
    deposits_share: Number


class Classes(_Part):
    """Potential classes and the rule that made them.

    ``captured`` counts by the same rule out of fold, ``captured_training_fit`` on the
    final map, which has seen its deposits.
    """

    rule: str = ""
    sentence: Sentence = ""
    captured: list[Captured] = []
    captured_training_fit: list[Captured] = []


class Verdict(_Part):
    """Which map to use, and why, in one sentence."""

    recommended: str
    sentence: Sentence

    @property
    def parts(self) -> tuple[str, str]:
        """The first sentence, and what may follow it."""
        first, _, rest = re.sub(r"\.\s+(?=[A-Z])", ".\n", self.sentence, count=1).partition("\n")
        return first, rest


class Undiscovered(_Part):
    """Deposits held back from the run: the map's percentile beside fault distance's alone."""

    percentile: Estimated
    fault_distance: Estimated = UNKNOWN
    n: int
    prediction_rate: PredictionRate | None = None


class LayerNull(_Part):
    """The best layer picked afterwards, and what the best one scores on deposits shifted."""

    layer: Text = ""
    sign: int = 1
    value: Number = math.nan
    mean: Number = math.nan
    high: Number = math.nan
    p: Number = math.nan
    draws: int = 0
    layers: int = 0
    why_not: Sentence = ""


class Conformal(_Part):
    """Best share of the area that holds a further deposit with a stated confidence."""

    area: Number
    confidence: Number
    enough: bool
    sentence: Sentence


class Applicability(_Part):
    """Dissimilarity from the training places up to which the model is where it was tested."""

    threshold: Number
    share_inside: Number
    median_dissimilarity: Number = math.nan


class GrownRows(_Part):
    """What a generator made of a class's rows, and how like them it is."""

    method: Text
    label: int
    rows: int
    sentence: Sentence


class Added(_Part):
    """Windows that a step of growth added to a class."""

    method: Text
    label: int
    rows: int


class LearnedFrom(_Part):
    """Windows that the final model learned from, and how the barren ones were chosen."""

    ore: int
    barren: int
    rule: Text = ""
    added: list[Added] = []


class Metrics(_Part):
    """The whole of ``metrics.json``.

    ``anomalies`` says that no deposit was learned from: the map shows what stands out, and its
    scores, if any, are of deposits kept back. ``declares`` is what the model says must be said
    with its scores, such as that it has seen held-out ground.
    """

    model: str
    anomalies: bool = False
    protocol: Protocol
    folds: list[FoldCount] = []
    scores: list[Score]
    training_fit: Curve | None = None
    classes: Classes = Classes()
    verdict: Verdict
    declares: list[Sentence] = []
    undiscovered: Undiscovered | None = None
    left_out: dict[str, Text] = {}
    layer_null: LayerNull | None = None
    held_out_classes: Classes | None = None
    conformal: Conformal | None = None
    calibration: dict[str, Any] | None = None
    applicability: Applicability | None = None
    learned_from: LearnedFrom | None = None
    grown: list[GrownRows] = []

    @property
    def left_out_words(self) -> str:
        """What was left out, as a heading."""
        if self.anomalies or "held_back" in self.left_out:
            return "Scores that were left out"
        return "Baselines that were left out"

    @property
    def fair(self) -> list[Score]:
        """Scores the run stands by: the model, then baselines from best to worst.

        They are those under leak-free spatial folds, or, of a map of anomalies, those of deposits
        that no map saw.
        """
        rows = [s for s in self.scores if s.protocol == ("unseen" if self.anomalies else "spatial")]
        return sorted(rows, key=lambda s: (not s.is_model, _downwards(s.percentile.value)))

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


def _downwards(value: float) -> float:
    """Sort key from high to low, NaN last."""
    return math.inf if math.isnan(value) else -value
