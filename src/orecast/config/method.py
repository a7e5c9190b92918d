"""The tables of the method; a field's docstring is its comment in ``run.toml``."""

# ruff: noqa: RUF012
# Pydantic copies a mutable default for each instance.

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from orecast.config.section import Length, Positive, Section


def _at_least_one_cell(size: int) -> int:
    if size < 1:
        raise ValueError("a window has at least one cell")
    return size


def most_shift(window: int) -> int:
    """How many cells a window may be slid each way, so that its own cell stays in it.

    >>> [most_shift(window) for window in (1, 2, 3, 9)]
    [0, 0, 1, 4]
    """
    return (window - 1) // 2


Window = Annotated[int, AfterValidator(_at_least_one_cell)]
Channel = Literal[  # detectors that need no labels and read a cell's own values alone
    "mahalanobis",
    "isolation-forest",
    "one-class-svm",
    "pca-reconstruction",
    "concentration-area",
    "cumulative-index",
    "contrast",
    "mean-2sd",
]


class Composition(Section):
    """Log-ratios, taken on the samples before interpolation."""

    transform: Literal["clr", "ilr", "alr", "log", "none"] = "clr"
    """Centred, isometric or additive log-ratio, the plain logarithm, or concentrations."""
    parts: list[str] | None = None
    """The fixed list of elements that form the composition; all of them when left out."""
    denominator: str | None = None
    """The element that the additive log-ratio divides by."""
    censored: Literal["multiplicative", "lognormal"] = "multiplicative"
    """Values below detection: 0.65 of the limit, or the log-normal mean below it."""

    @model_validator(mode="after")
    def _alr_needs_a_denominator(self) -> Self:
        if self.transform == "alr" and self.denominator is None:
            raise ValueError('transform = "alr" needs denominator, an element such as "Al2O3"')
        return self


class EvidenceOptions(Section):
    """From samples to layers on one grid."""

    cell_size: Length | None = None
    """Cell size in metres; proposed from the sampling density when left out."""
    interpolator: str = "idw"
    """"idw", "kriging" or "spline"."""
    neighbours: Annotated[int, Field(ge=1)] = 12
    """Nearest samples used for a cell."""
    power: Positive = 2.0
    """Power of the inverse distance."""
    radius: Length | None = None
    """Search radius in metres: the layers' reach; proposed from the spacing when left out."""
    layers: list[str] | None = None
    """Layers to learn from; all of them when left out."""


class Screening(Section):
    """Which elements to keep, refitted in every fold."""

    method: Literal["none", "svm-auc", "correlation", "pca"] = "none"
    """By the AUC of a support-vector machine (Z above the threshold), correlation, or PCA."""
    threshold: Positive | None = None
    """Z_AUC above 2.58, |r| above 0.2, or |loading| above 0.3 when left out."""
    keep: list[str] = []
    """Elements kept whatever the screening says."""


class Grow(Section):
    """A step of growth: training windows made of others; one amount is named, but for slide."""

    method: str
    """copy, turns, noise, slide, smote, vae or gan; slide without an amount takes all positions."""
    options: dict[str, Any] = {}
    """Options of that method."""
    label: Literal[0, 1] | None = None
    """The class to grow, 1 ore or 0 barren; both when left out."""
    balance: bool = False
    """Grow the smaller class until both are even."""
    times: Positive | None = None
    """Grow a class to so many times its windows."""
    n: Annotated[int, Field(ge=0)] | None = None
    """Grow a class by so many windows."""
    to: Annotated[int, Field(ge=0)] | None = None
    """Grow a class to so many windows in all."""
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Change this share of a class's windows in place."""


class SamplingOptions(Section):
    """What is learned from."""

    window: Window = 9
    """Cells on a window's side."""
    shift: Annotated[int, Field(ge=0)] | None = None
    """Deposits' windows are slid by up to so many cells in training; 1 if it fits, by "auto" 0."""
    negatives: Literal["random", "distance", "kmeans"] = "distance"
    """Barren cells: any, far from deposits, or in low clusters of the target element."""
    ratio: Positive | None = None
    """Barren windows for each ore window; 1, by "auto" 5."""
    distance: Length | None = None
    """Negatives keep this far from deposits, in metres; one window when left out."""
    fault_distance: Length | None = None
    """Negatives by k-means keep this far from faults, in metres."""
    target: str | None = None
    """The element whose clusters k-means judges; needed by "kmeans"."""
    clusters: Annotated[int, Field(ge=2)] = 5
    """Number of clusters of k-means."""
    barren_clusters: Annotated[int, Field(ge=1)] | None = None
    """So many of the lowest are barren; three fifths of them when left out."""
    grow: list[Grow] = []
    """Steps by which training windows are grown, one after the other."""

    @property
    def growth(self) -> tuple[int, float]:
        """``shift`` and ``ratio``, or what a model that is named has where they are left out."""
        shift = min(1, most_shift(self.window)) if self.shift is None else self.shift
        return shift, 1.0 if self.ratio is None else self.ratio

    @field_validator("shift")
    @classmethod
    def _deposits_stay_in_their_windows(cls, shift: int | None, info: ValidationInfo) -> int | None:
        window = info.data.get("window")
        if shift is not None and window is not None and shift > most_shift(window):
            raise ValueError(
                f"at most {most_shift(window)} keeps a deposit in its window of {window}"
            )
        return shift

    @model_validator(mode="after")
    def _kmeans_needs_a_target(self) -> Self:
        if self.negatives == "kmeans" and self.target is None:
            raise ValueError('negatives = "kmeans" needs target, an element such as "Au"')
        if self.barren_clusters is not None and self.barren_clusters >= self.clusters:
            raise ValueError(
                f"barren_clusters must be less than clusters ({self.clusters}): the highest hold "
                "what is sought"
            )
        return self


class Validation(Section):
    """How the map is tested."""

    protocol: str = "spatial"
    """"spatial" keeps deposits whole and buffers them; another one is tested beside it."""
    options: dict[str, Any] = {}
    """Options of that protocol, such as {block = 20000}; without deposits of "negative-draws"."""
    folds: Annotated[int, Field(ge=2, le=255)] = 5  # numbered from 0 in a map of bytes
    """Number of folds; fewer where the deposits cannot be cut into so many."""
    inner_folds: Annotated[int, Field(ge=0)] = 2
    """Folds inside each training part, by which threshold and calibration are chosen; 0: none."""
    baselines: bool = True
    """Score single layers, distances and the classical methods beside the model."""

    @model_validator(mode="after")
    def _one_inner_fold_is_none(self) -> Self:
        if self.inner_folds == 1:
            raise ValueError("inner_folds is 0, or at least 2")
        return self


class UncertaintyOptions(Section):
    """How far the map can be trusted, cell by cell."""

    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Models of so many seeds, averaged, in each fold and for the final map."""
    dropout: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Passes with dropout left on (Monte-Carlo dropout), for networks that have it; 0: none."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Of the share of the map that holds a further deposit (conformal)."""


class ModelOptions(Section):
    """The model."""

    name: str = "auto"
    """A registered name, which ``orecast models`` lists; "auto" is what was measured to do best."""
    options: dict[str, Any] = {}
    """Options of that model."""
    channels: list[Channel] = []
    """Detectors whose scores, fitted without labels in the fold, are layers for it too."""
    weight: str | None = None
    """Layer that guides models by knowledge; the influence of faults, fitted, when left out."""


class Training(Section):
    """How networks are trained."""

    epochs: Annotated[int, Field(ge=1)] = 30
    """Fixed number of epochs; stopping early on one or two deposits is noise."""
    batch: Annotated[int, Field(ge=2)] = 32
    """Windows in a batch."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    """Optimiser."""
    rate: Annotated[Positive, Field(le=1e30)] = 1e-3
    """Learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of SGD, first beta of Adam."""
    decay: Annotated[float, Field(ge=0)] = 1e-4
    """Weight decay."""
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    """Course of the learning rate."""
    step_epochs: Annotated[int, Field(ge=1)] = 30
    """With "step", epochs between two drops."""
    step_factor: Annotated[Positive, Field(le=1)] = 0.5
    """With "step", what the rate is multiplied by."""
    final_rate: Annotated[float, Field(ge=0, le=1e30)] = 0.0
    """With "cosine", the rate at the end."""
    flips: bool | Literal["alone"] = True
    """Flip and turn training windows at random; "alone": flips, and no quarter turns."""
    trim: Annotated[int, Field(ge=0)] = 0
    """Training windows are read up to so many cells beside their places, anew in each epoch."""
    pretrain: Annotated[int, Field(ge=0)] = 0
    """Epochs before these, without labels, in which a network restores masked windows; 0: none."""
    pretrain_on: Literal["visible", "all"] = "visible"
    """On windows that a fold may see, or all: held-out ground is seen then, and the run says so."""

    @property
    def all_epochs(self) -> int:
        """Epochs with labels and without."""
        return self.pretrain + self.epochs

    @field_validator("flips", mode="wrap")
    @classmethod
    def _flips_in_one_sentence(cls, flips: Any, known: ValidatorFunctionWrapHandler) -> Any:
        try:
            return known(flips)
        except ValidationError:
            raise ValueError('must be true, false or "alone"') from None


class Classes(Section):
    """Potential classes A, B, C."""

    rule: Literal["area", "histogram", "probability"] = "area"
    """By share of area, by the papers' histogram rule, or by fixed probabilities."""
    area: tuple[float, float, float] = (0.01, 0.05, 0.10)
    """Share of the mapped area within A, within A and B, within A, B and C."""
    probability: tuple[float, float, float] = (0.95, 0.90, 0.85)
    """Lowest score of A, B and C."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 < self.area[0] < self.area[1] < self.area[2] <= 1:
            raise ValueError("area takes three rising shares between 0 and 1")
        if not 1 >= self.probability[0] > self.probability[1] > self.probability[2] >= 0:
            raise ValueError("probability takes three falling scores between 1 and 0")
        return self


class Targets(Section):
    """From classes to ranked polygons."""

    smallest: Annotated[int, Field(ge=1)] = 4
    """Cells that a target has at least."""
    most: Annotated[int, Field(ge=1)] = 50
    """Targets kept at the most."""
    tiles: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """Also sum the map up by numbered tiles, down and across, such as [12, 12]: tiles.gpkg."""
