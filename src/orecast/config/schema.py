"""The configuration's tables; each field's docstring is the comment of a written ``run.toml``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)


class Section(BaseModel):
    """A table of the configuration: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def _whole_path(text: Any) -> Any:
    if not isinstance(text, str):
        return text

    def value(match: re.Match[str]) -> str:
        name, fallback = match.group(1), match.group(2)
        found = os.environ.get(name, fallback)
        if found is None:
            raise ValueError(f"environment variable {name} is not set")
        return found

    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, text)


def _at_least_one_cell(size: int) -> int:
    if size < 1:
        raise ValueError("a window has at least one cell")
    return size


FilePath = Annotated[Path, BeforeValidator(_whole_path)]
Window = Annotated[int, AfterValidator(_at_least_one_cell)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Align = Literal["crs", "pixels"]
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


class Columns(Section):
    """Columns of a table that hold positions."""

    x: str | None = None
    """Column of eastings or longitudes; found by its name when left out."""
    y: str | None = None
    """Column of northings or latitudes; found by its name when left out."""
    crs: str | None = None
    """CRS of the positions, such as "EPSG:32645"; needed where the file does not carry one."""
    layer: str | None = None
    """Layer of a GeoPackage, or sheet of a workbook; the first when left out."""


class Samples(Columns):
    """The samples: a table or a vector file of points, one row a sample."""

    path: FilePath
    """CSV, TSV, Excel, Parquet, GeoPackage, Shapefile or GeoJSON."""
    elements: list[str] | None = None
    """Columns to take as elements; recognised from the headers when left out."""
    rename: dict[str, str] = {}
    """Element symbol of a column whose header is not recognised, such as {gold = "Au"}."""
    units: dict[str, str] = {}
    """Unit of a column, by symbol: "ppb", "ppm", "%", "g/t", "mg/kg", "ug/kg"."""
    ignore: list[str] = []
    """Columns that are no elements, whatever their header looks like."""
    missing: list[str | float] = [-9999, -999, "", "NA", "N/A", "NaN", "nan", "null", "*", "-"]
    """Codes of missing values."""
    detection_limits: dict[str, float] = {}
    """Detection limit by symbol, in the column's unit; values at or below it are censored."""
    negatives: Literal["below", "refuse"] = "below"
    """A negative value means "below this limit", as laboratories write it, or is refused."""
    zeros: Literal["below", "refuse"] = "below"
    """A zero means "below the lowest value seen", or is refused with the column's name."""
    duplicates: Literal["average", "keep"] = "average"
    """Samples at one place are averaged (geometric mean) or kept."""
    medium: Literal["stream-sediment", "soil", "rock", "till", "unknown"] = "unknown"
    """What was sampled; a stream sediment speaks for its catchment upstream."""


class Gridded(Section):
    """A survey that comes as rasters of elements, all on one grid."""

    path: FilePath
    """A glob of rasters, one an element, named by the element: "geochemistry/*.tif"."""
    units: dict[str, str] = {}
    """Unit of an element, by symbol; ppm, and % for oxides, when left out."""
    ignore: list[str] = []
    """Rasters that are no elements, by file stem."""
    reach: Positive | None = None
    """How far the interpolation behind the rasters reached, in metres; two cells if left out."""


class Deposits(Columns):
    """The known deposits: a table or vector file of points, or a raster of labels."""

    path: FilePath
    """CSV, TSV, Excel, Parquet, GeoPackage, Shapefile, GeoJSON, or a raster."""
    where: dict[str, str | float | list[str] | list[float]] = {}
    """Keep the rows with these values, such as {commodity = ["Au", "Ag"]}."""
    value: float = 1.0
    """Value that marks a deposit, where the file is a raster."""
    align: Align = "crs"
    """A raster is placed by its CRS and transform, or, where its header is wrong, "pixels"."""


class Barren(Deposits):
    """Places known to be barren, used as negatives."""

    value: float = 0.0
    """Value that marks a barren place, where the file is a raster."""


class Vectors(Section):
    """A vector file."""

    path: FilePath
    """GeoPackage, Shapefile or GeoJSON."""
    layer: str | None = None
    """Layer of a GeoPackage; the first when left out."""
    crs: str | None = None
    """CRS, where the file carries none."""
    where: dict[str, str | float | list[str] | list[float]] = {}
    """Keep the features with these values."""


class Faults(Vectors):
    """Fault lines, and the layers to make of them."""

    distance: bool = True
    """A layer of distance to the nearest fault."""
    rings: list[Positive] = []
    """Outer radii of buffers in metres, such as [500, 1000, …, 3000], coded to one layer."""
    density: Positive | None = None
    """A layer of fault length per area within this radius in metres."""
    intersections: bool = False
    """A layer of distance to the nearest fault intersection."""


class Geology(Vectors):
    """Geological polygons, and the layers to make of them."""

    column: str
    """Column of the rock unit or class."""
    coding: Literal["one-hot", "code"] = "one-hot"
    """A layer a class (the most widespread ones), or one coded layer."""
    classes: Annotated[int, Field(ge=1)] = 12
    """With one-hot, how many of the most widespread classes get a layer; the rest share one."""


class Layer(Section):
    """A supporting raster."""

    path: FilePath
    """GeoTIFF or ASCII grid."""
    name: str | None = None
    """Name of the layer; the file's stem when left out."""
    crs: str | None = None
    """CRS, where the file carries none."""
    align: Align = "crs"
    """Placed by CRS and transform, or, where its header is wrong, "pixels"."""
    categories: bool = False
    """Values are classes: aligned to the nearest cell instead of bilinearly."""
    reach: Positive | None = None
    """How far a datum behind the raster moves a cell, in metres; two of its cells if left out."""


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

    cell_size: Positive | None = None
    """Cell size in metres; proposed from the sampling density when left out."""
    interpolator: str = "idw"
    """"idw", "kriging" or "spline"."""
    neighbours: Annotated[int, Field(ge=1)] = 12
    """Nearest samples used for a cell."""
    power: Positive = 2.0
    """Power of the inverse distance."""
    radius: Positive | None = None
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


class SamplingOptions(Section):
    """What is learned from."""

    window: Window = 9
    """Cells on a window's side."""
    shift: Annotated[int, Field(ge=0)] = 1
    """Deposits' windows are slid by up to this many cells, in training only."""
    negatives: Literal["random", "distance", "kmeans"] = "distance"
    """Barren cells: any, far from deposits, or in low clusters of the target element."""
    ratio: Positive = 1.0
    """Barren windows for each ore window."""
    distance: Positive | None = None
    """Negatives keep this far from deposits, in metres; one window when left out."""
    fault_distance: Positive | None = None
    """Negatives by k-means keep this far from faults, in metres."""
    target: str | None = None
    """The element whose clusters k-means judges; needed by "kmeans"."""
    clusters: Annotated[int, Field(ge=2)] = 5
    """Number of clusters of k-means."""

    @model_validator(mode="after")
    def _kmeans_needs_a_target(self) -> Self:
        if self.negatives == "kmeans" and self.target is None:
            raise ValueError('negatives = "kmeans" needs target, an element such as "Au"')
        return self


class Validation(Section):
    """How the map is tested."""

    protocol: str = "spatial"
    """"spatial" keeps deposits whole and buffers them; another one is tested beside it."""
    options: dict[str, Any] = {}
    """Options of that other protocol, such as {block = 20000}."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Number of folds."""
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

    seeds: Annotated[int, Field(ge=1)] = 1
    """Models of so many seeds, averaged, in each fold and for the final map."""
    dropout: Annotated[int, Field(ge=0)] = 0
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


class Training(Section):
    """How networks are trained."""

    epochs: Annotated[int, Field(ge=1)] = 30
    """Fixed number of epochs; stopping early on one or two deposits is noise."""
    batch: Annotated[int, Field(ge=2)] = 32
    """Windows in a batch."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    """Optimiser."""
    rate: Positive = 1e-3
    """Learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of SGD, first beta of Adam."""
    decay: Annotated[float, Field(ge=0)] = 1e-4
    """Weight decay."""
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    """Course of the learning rate."""
    step_epochs: Annotated[int, Field(ge=1)] = 30
    """With "step", epochs between two drops."""
    step_factor: Positive = 0.5
    """With "step", what the rate is multiplied by."""
    final_rate: Annotated[float, Field(ge=0)] = 0.0
    """With "cosine", the rate at the end."""
    flips: bool = True
    """Flip and turn training windows at random."""
    pretrain: Annotated[int, Field(ge=0)] = 0
    """Epochs before these, without labels, in which a network restores masked windows; 0: none."""
    pretrain_on: Literal["visible", "all"] = "visible"
    """On windows that a fold may see, or all: held-out ground is seen then, and the run says so."""

    @property
    def all_epochs(self) -> int:
        """Epochs with labels and without."""
        return self.pretrain + self.epochs


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


class Config(Section):
    """A run's configuration."""

    title: str = "orecast run"
    """Printed on the report."""
    output: FilePath = Path("run")
    """The run's folder."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Every random choice follows from it."""
    crs: str | None = None
    """Projected CRS to work in; that of the samples when left out (a UTM zone for lon/lat)."""
    area: Vectors | None = None
    """Polygon of the study area."""
    samples: Samples | None = None
    """The samples of a point survey; a run has these or [gridded]."""
    gridded: Gridded | None = None
    """The rasters of a gridded survey; a run has these or [samples]."""
    deposits: Deposits | None = None
    """Known deposits to learn from; without them, the run is a map of anomalies."""
    barren: Barren | None = None
    """Known barren places."""
    held_back: Deposits | None = None
    """Deposits kept aside, such as later discoveries: scored at the end, never learned from."""
    faults: Faults | None = None
    """Fault lines."""
    geology: Geology | None = None
    """Geological polygons."""
    layers: list[Layer] = []
    """Supporting rasters."""
    composition: Composition = Composition()
    """Log-ratios."""
    evidence: EvidenceOptions = EvidenceOptions()
    """Layers."""
    screening: Screening = Screening()
    """Choice of elements."""
    sampling: SamplingOptions = SamplingOptions()
    """Samples."""
    validation: Validation = Validation()
    """Folds."""
    uncertainty: UncertaintyOptions = UncertaintyOptions()
    """Trust."""
    model: ModelOptions = ModelOptions()
    """Model."""
    training: Training = Training()
    """Training of networks."""
    classes: Classes = Classes()
    """Potential classes."""
    targets: Targets = Targets()
    """Targets."""
