"""What ``metrics.json`` says, typed: scores with intervals, curves, folds, classes, verdict.

A figure that could not be computed is null in the file and NaN here. Keys that the report does
not show are passed over, so that the file may say more than the page.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _null_is_nan(value: Any) -> Any:
    return math.nan if value is None else value


def _estimate(value: Any) -> Any:
    return {"value": value} if value is None or isinstance(value, int | float) else value


Number = Annotated[float, BeforeValidator(_null_is_nan)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Sentence = Annotated[str, AfterValidator(lambda text: _ended(text))]


def _ended(text: str) -> str:
    """One line of whole sentences, no line of which begins with a per cent sign."""
    text = " ".join(text.split()).replace(" %", "\u00a0%")
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

    ``places`` holds a percentile a place; deposits that share a cell are one place.
    """

    name: str
    role: str
    protocol: str
    percentile: Estimated = UNKNOWN
    auc: Estimated = UNKNOWN
    top_area: dict[float, Estimated] = {}
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

    ``captured`` counts by the same rule on the out-of-fold map, ``captured_training_fit`` on the
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


class Metrics(_Part):
    """The whole of ``metrics.json``."""

    model: str
    protocol: Protocol
    folds: list[FoldCount] = []
    scores: list[Score]
    training_fit: Curve | None = None
    classes: Classes = Classes()
    verdict: Verdict
    undiscovered: Undiscovered | None = None

    @property
    def spatial(self) -> list[Score]:
        """Scores under leak-free folds: the model, then baselines from best to worst."""
        rows = [s for s in self.scores if s.protocol != "paper"]
        return sorted(rows, key=lambda s: (not s.is_model, _downwards(s.percentile.value)))

    @property
    def tested(self) -> set[int]:
        """Numbers of the deposits that some fold held out."""
        scored = {d.deposit for s in self.spatial if s.is_model for d in s.per_deposit}
        return scored.union(*(f.deposits for f in self.folds))

    @property
    def paper(self) -> list[tuple[Score, Score]]:
        """Scores under the published protocol, each with the leak-free score of that name.

        One that has no leak-free score beside it is left out: it must never be shown alone.
        """
        beside = {s.name: s for s in self.spatial}
        leaky = [s for s in self.scores if s.protocol == "paper"]
        return [(s, beside[s.name]) for s in leaky if s.name in beside]

    @property
    def withheld(self) -> list[str]:
        """Names of the published protocol's scores that have no leak-free score beside them."""
        shown = {s.name for s, _ in self.paper}
        return [s.name for s in self.scores if s.protocol == "paper" and s.name not in shown]

    @property
    def recommended(self) -> Score | None:
        """The leak-free score of the recommended map, where there is one of that name."""
        return next((s for s in self.spatial if s.name == self.verdict.recommended), None)


def _downwards(value: float) -> float:
    """Sort key from high to low, NaN last."""
    return math.inf if math.isnan(value) else -value
