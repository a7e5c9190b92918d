"""The tables of ``run.toml``; a field's docstring is its comment in the file."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)


class Section(BaseModel):
    """A table of the configuration: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def path_problem(text: str) -> str | None:
    """What is wrong with a path, as text; None if nothing is.

    Libraries cut a path at a control character or ignore the character. Bytes that are not text
    cannot be written into ``run.toml``.

    >>> path_problem("data/a.csv"), path_problem("a\\nb")
    (None, "contains '\\\\n', a character that is not allowed in a path")
    """
    if not text:
        return "is empty"
    kinds = {unicodedata.category(letter): letter for letter in text}
    if "Cs" in kinds:  # a byte of the command line that is not text
        return f"contains {kinds['Cs']!r}, which is not {sys.getfilesystemencoding()} text"
    if "Cc" not in kinds:
        return None
    return f"contains {kinds['Cc']!r}, a character that is not allowed in a path"


def _path(given: Any, info: ValidationInfo) -> Any:
    """The path of a text, with variables and ``~`` replaced; relative to the context's folder."""
    if not isinstance(given, str | Path):
        return given
    whole = str(given) if isinstance(given, Path) else _VARIABLE.sub(_value, given)
    if fault := path_problem(whole):
        raise ValueError(f"the path {fault}")
    path = Path(whole)
    if isinstance(given, str) and whole.startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError:
            user = path.parts[0]
            raise ValueError(
                f"there is no home folder {user}; for a file with this name, write ./{user}"
            ) from None
    return Path(os.path.normpath(info.context / path)) if info.context else path


def path_text(path: Path) -> str:
    """A path in the form of ``run.toml``; reading it gives the same path.

    >>> path_text(Path("~a/${b}"))
    './~a/$${b}'
    """
    text = path.as_posix().replace("${", "$${")
    return f"./{text}" if text.startswith("~") else text


_VARIABLE = re.compile(r"\$\$\{|\$\{(\w+)(?::-([^}]*))?\}")


def _value(match: re.Match[str]) -> str:
    name, fallback = match.groups()
    if name is None:
        return "${"
    found: str | None = os.environ.get(name, fallback)
    if found is None:
        raise ValueError(f"environment variable {name} is not set")
    return found


FilePath = Annotated[Path, BeforeValidator(_path)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Length = Annotated[Positive, Field(le=1e8)]  # metres; no two places on Earth lie as far apart

Align = Literal["crs", "pixels"]
Channel = Literal[  # detectors without labels that use only the cell's own values
    "mahalanobis",
    "isolation-forest",
    "one-class-svm",
    "pca-reconstruction",
    "concentration-area",
    "cumulative-index",
    "contrast",
    "mean-2sd",
]
_MISSING = (-9999, -999)


def most_shift(window: int) -> int:
    """How many cells a window can be shifted in each direction and still contain its cell.

    >>> [most_shift(window) for window in (1, 2, 3, 9)]
    [0, 0, 1, 4]
    """
    return (window - 1) // 2


class Columns(Section):
    """Position columns of a table."""

    x: str | None = None
    """Column of eastings or longitudes; found by its name when left out."""
    y: str | None = None
    """Column of northings or latitudes; the same as x for a column of points in WKT."""
    zone: str | None = None
    """Column of the zone (50, "50J") or CRS of each row; found by its name; "" for none."""
    crs: str | None = None
    """Coordinate reference system of the positions, such as "EPSG:32645", if the file has none."""
    layer: str | None = None
    """Layer of a GeoPackage, or sheet of a workbook; the first when left out."""


class Positions(Section):
    """The file with the positions of samples whose own table has none."""

    path: FilePath
    """A table or a vector file of points, with the ids of the samples."""
    layer: str | None = None
    """Layer of a GeoPackage, or sheet of a workbook; the first when left out."""
    id: str | None = None
    """Column with the ids in the table of samples; found when left out."""


class Samples(Columns):
    """The samples: a table or a vector file of points, one row per sample."""

    path: FilePath
    """CSV, TSV, Excel, OpenDocument, Parquet, GeoPackage, Shapefile, GeoJSON or geodatabase."""
    elements: list[str] | None = None
    """Columns that are elements; recognised from the headers when left out."""
    rename: dict[str, str] = {}
    """Element symbol of a column whose header is not recognised, such as {gold = "Au"}."""
    units: dict[str, str] = {}
    """Unit of a column, by symbol: "ppb", "ppm", "%", "g/t", "mg/kg", "ug/kg"."""
    ignore: list[str] = []
    """Columns to ignore, even if their header looks like an element."""
    where: dict[str, str | float | list[str] | list[float]] = {}
    """Use only the rows with these values, such as {SampleType = "SOIL"}."""
    long: dict[Literal["analyte", "value", "unit", "below", "id"], str] = {}
    """Columns of a table with one row for each analyte of a sample."""
    intervals: Literal["refuse", "composite", "keep"] = "refuse"
    """Rows that are intervals of drill holes: refused, one mean a hole, or read as samples."""
    over_range: dict[str, str] = {}
    """Column whose values replace those above the upper limit of another, by that column, such as
    {Cu_ppm = "Cu-OG62 (%)"}; found by its values when left out."""
    decimal: Literal[".", ","] | None = None
    """Decimal mark of numbers that are text; found by their form when left out."""
    missing: list[str | int | float] = list(_MISSING)
    """Codes and words that mean "no result", beside empty cells and usual words: NA, LNR, --."""
    missing_in: dict[str, list[str | int | float]] = {}
    """Codes and words that mean "no result" in one column, such as {Au_ppb = [-1]}."""
    not_detected: list[str] = []
    """Words that mean "below detection", beside the usual BDL, <LOD, "not detected"."""
    detection_limits: dict[str, float | list[float]] = {}
    """Detection limit by symbol, in the column's unit; values at or below it are censored. Of
    several limits, such as {Au = [0.5, 2.5]}, only the values that equal one are censored."""
    qualifiers: dict[str, str] = {}
    """Column with the marks (<, >, L, N, U) of a column of values, such as {Au_ppb = "Au_Q"};
    found by its name and its marks when left out."""
    negatives: Literal["below", "refuse"] = "below"
    """A negative value means "below this limit", as some laboratories write, or is refused."""
    zeros: Literal["below", "refuse"] = "below"
    """A zero means "below the lowest value seen", or is refused with the column's name."""
    duplicates: Literal["average", "keep"] = "average"
    """Samples at one place are averaged (geometric mean) or kept."""
    most_per_place: Annotated[int, Field(ge=1)] | None = None
    """Leave out the samples of a place with more samples than this: its position is not exact."""
    medium: Literal["stream-sediment", "soil", "rock", "till", "unknown"] = "unknown"
    """What was sampled; a stream sediment represents its upstream catchment."""
    positions: Positions | None = None
    """Another file with the positions, if the table of samples has only their ids."""


class Gridded(Section):
    """A survey of rasters, one per element, all on one grid."""

    path: FilePath
    """Pattern of the rasters, one per element, named by the element: "geochemistry/*.tif"."""
    units: dict[str, str] = {}
    """Unit of an element, by symbol; ppm, and % for oxides, when left out."""
    ignore: list[str] = []
    """Rasters to ignore, by file name without suffix."""
    nodata: list[float] | None = None
    """Values without data that the files do not declare, such as [-9999]; found when left out."""
    reach: Length | None = None
    """Search radius in metres with which the rasters were interpolated; two cells when left out."""


class Deposits(Columns):
    """The known deposits: a table or vector file of points, or a raster of labels."""

    path: FilePath
    """CSV, TSV, Excel, OpenDocument, Parquet, GeoPackage, Shapefile, GeoJSON, or a raster."""
    where: dict[str, str | float | list[str] | list[float]] = {}
    """Keep the rows with these values, such as {commodity = ["Au", "Ag"]}."""
    value: float = 1.0
    """Value that marks a deposit, if the file is a raster."""
    align: Align = "crs"
    """Place a raster by the position in its header or, if that is wrong, by "pixels"."""


class Barren(Deposits):
    """Places known to be barren, used as negatives."""

    value: float = 0.0
    """Value that marks a barren place, if the file is a raster."""


class Vectors(Section):
    """A vector file."""

    path: FilePath
    """GeoPackage, Shapefile, GeoJSON or geodatabase (.gdb)."""
    layer: str | None = None
    """Layer of a GeoPackage; the first when left out."""
    crs: str | None = None
    """CRS, if the file has none."""
    where: dict[str, str | float | list[str] | list[float]] = {}
    """Keep the features with these values."""


class Faults(Vectors):
    """Fault lines, and the layers to make from them."""

    distance: bool = True
    """Make a layer of the distance to the nearest fault."""
    rings: list[Length] = []
    """Outer distances of rings around faults in metres, such as [500, 1000], coded in one layer."""
    density: Length | None = None
    """Make a layer of fault length per area, within this distance in metres."""
    intersections: bool = False
    """Make a layer of the distance to the nearest fault intersection."""


class Geology(Vectors):
    """Geological polygons, and the layers to make from them."""

    column: str
    """Column of the rock unit or class."""
    coding: Literal["one-hot", "code"] = "one-hot"
    """One layer for each of the largest classes, or one coded layer."""
    classes: Annotated[int, Field(ge=1)] = 12
    """With one-hot, how many of the largest classes get a layer; the others share one."""


class Layer(Section):
    """A supporting raster."""

    path: FilePath
    """GeoTIFF or ASCII grid."""
    name: str | None = None
    """Name of the layer; the file name without suffix when left out."""
    crs: str | None = None
    """CRS, if the file has none."""
    band: Annotated[int, Field(ge=1)] | None = None
    """Number of the band to read, from 1, if the file has several."""
    nodata: list[float] | None = None
    """Values without data that the file does not declare, such as [-9999]; found when left out."""
    align: Align = "crs"
    """Place it by the position in its header or, if that is wrong, by "pixels"."""
    categories: bool = False
    """The values are classes: take the nearest cell, do not interpolate."""
    reach: Length | None = None
    """How far a value of the raster influences a cell, in metres; two cells when left out."""


class Composition(Section):
    """Log-ratios of the samples, computed before interpolation."""

    transform: Literal["clr", "ilr", "alr", "log", "none"] = "clr"
    """Centred, isometric or additive log-ratio, logarithm, or plain concentrations."""
    parts: list[str] | None = None
    """Elements of the composition; all when left out."""
    denominator: str | None = None
    """The divisor element of the additive log-ratio."""
    censored: Literal["multiplicative", "lognormal", "log-ratio-em"] = "multiplicative"
    """Values below detection become 0.65 of the limit, the log-normal mean below it, or the mean
    that the sample's other elements let expect."""

    @model_validator(mode="after")
    def _alr_needs_a_denominator(self) -> Self:
        if self.transform == "alr" and self.denominator is None:
            raise ValueError('transform = "alr" needs denominator, an element such as "Al2O3"')
        return self


class EvidenceOptions(Section):
    """Layers on one grid from the samples."""

    cell_size: Length | None = None
    """Cell size in metres; proposed from the sampling density when left out."""
    interpolator: str = "idw"
    """"idw", "kriging" or "spline"."""
    neighbours: Annotated[int, Field(ge=1)] = 12
    """Nearest samples used for a cell."""
    power: Positive = 2.0
    """Power of the inverse distance."""
    radius: Length | None = None
    """Search radius of the interpolator in metres; proposed when left out."""
    layers: list[str] | None = None
    """Layers to use; all when left out."""


class ScreeningOptions(Section):
    """Selection of elements, fitted anew in each fold."""

    method: Literal["none", "svm-auc", "correlation", "pca"] = "none"
    """Select by the AUC of a support-vector machine (its Z), by correlation, or by PCA."""
    threshold: Positive | None = None
    """Lower limit; when left out 2.58 for Z_AUC, 0.2 for |r|, 0.3 for |loading|."""
    keep: list[str] = []
    """Elements that are always kept."""


class Grow(Section):
    """A step that makes more training windows; it needs one amount, except slide."""

    method: str
    """copy, turns, noise, slide (shifted copies), smote, vae or gan; slide needs no amount."""
    options: dict[str, Any] = {}
    """Options of that method."""
    label: Literal[0, 1] | None = None
    """The class to grow, 1 ore or 0 negative; both when left out."""
    balance: bool = False
    """Grow the smaller class to the size of the other."""
    times: Positive | None = None
    """Grow a class to this multiple of its windows."""
    n: Annotated[int, Field(ge=0)] | None = None
    """Grow a class by this number of windows."""
    to: Annotated[int, Field(ge=0)] | None = None
    """Grow a class to this total number of windows."""
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Change this share of a class's windows in place."""


WINDOW = 9
"""The default side of a window in cells; only this one is made smaller where folds need it."""


class SamplingOptions(Section):
    """Training samples."""

    window: Annotated[int, Field(ge=1)] = WINDOW
    """Side of a window, in cells; if folds need it, less than 9 for models of single cells."""
    shift: Annotated[int, Field(ge=0)] | None = None
    """Copy deposits' windows, shifted by up to so many cells; when left out 1, "auto": 0."""
    negatives: Literal["random", "distance", "kmeans"] = "distance"
    """Negative cells: any, far from deposits, or in low clusters of the target element."""
    ratio: Positive | None = None
    """Negative windows per ore window; when left out 1, "auto": 5."""
    distance: Length | None = None
    """Least distance of negatives from deposits, in metres; one window when left out."""
    fault_distance: Length | None = None
    """Least distance of k-means negatives from faults, in metres."""
    target: str | None = None
    """The element that k-means clusters; needed by "kmeans"."""
    clusters: Annotated[int, Field(ge=2)] = 5
    """Number of clusters of k-means."""
    barren_clusters: Annotated[int, Field(ge=1)] | None = None
    """How many of the lowest clusters are negative; three fifths when left out."""
    grow: list[Grow] = []
    """Steps that make more training windows, one after the other."""

    @property
    def growth(self) -> tuple[int, float]:
        """``shift`` and ``ratio``, with the defaults of a named model."""
        shift = min(1, most_shift(self.window)) if self.shift is None else self.shift
        return shift, 1.0 if self.ratio is None else self.ratio

    @field_validator("shift")
    @classmethod
    def _deposits_stay_in_their_windows(cls, shift: int | None, info: ValidationInfo) -> int | None:
        window = info.data.get("window")
        if shift is not None and window is not None and shift > most_shift(window):
            raise ValueError(
                f"must be at most {most_shift(window)}, or a deposit leaves its window of {window}"
            )
        return shift

    @model_validator(mode="after")
    def _kmeans_needs_a_target(self) -> Self:
        if self.negatives == "kmeans" and self.target is None:
            raise ValueError('negatives = "kmeans" needs target, an element such as "Au"')
        if self.barren_clusters is not None and self.barren_clusters >= self.clusters:
            raise ValueError(
                f"barren_clusters must be less than clusters ({self.clusters}): the highest "
                "clusters are not negative"
            )
        return self


class Validation(Section):
    """Validation of the map."""

    protocol: str = "spatial"
    """"spatial" keeps deposits whole, with a buffer; another one is an additional test."""
    options: dict[str, Any] = {}
    """Options of the protocol, such as {block = 20000}; without deposits, of "negative-draws"."""
    folds: Annotated[int, Field(ge=2, le=255)] = 5  # numbered from 0 in a map of bytes
    """Number of folds."""
    inner_folds: Annotated[int, Field(ge=0)] = 2
    """Folds in each training part, to choose threshold and calibration; 0: none."""
    repetitions: Annotated[int, Field(ge=0, le=20)] = 5
    """Times the folds are cut anew to test targets (networks: once); 0: targets are not tested."""
    baselines: bool = True
    """Also score single layers, distances and classical methods."""

    @model_validator(mode="after")
    def _one_inner_fold_is_none(self) -> Self:
        if self.inner_folds == 1:
            raise ValueError("inner_folds must be 0, or at least 2")
        return self


class UncertaintyOptions(Section):
    """Uncertainty of the map, cell by cell."""

    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of seeds; their models are averaged, in each fold and for the final map."""
    dropout: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Passes with dropout (Monte-Carlo dropout), for networks that have it; 0: none."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Confidence of the share of the map that contains a further deposit (conformal)."""


class ModelOptions(Section):
    """The model."""

    name: str = "auto"
    """A name from ``orecast models``; "auto" chooses the model that was best in tests."""
    options: dict[str, Any] = {}
    """Options of the model."""
    channels: list[Channel] = []
    """Detectors, fitted without labels in the fold, whose scores are additional layers."""
    weight: str | None = None
    """Layer for knowledge-guided models; the fitted influence of faults when left out."""


class Training(Section):
    """Training of networks."""

    epochs: Annotated[int, Field(ge=1)] = 30
    """Fixed number of epochs; with few deposits, early stopping is unreliable."""
    batch: Annotated[int, Field(ge=2)] = 32
    """Windows per batch."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    """Optimiser."""
    rate: Annotated[Positive, Field(le=1e30)] = 1e-3
    """Learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of SGD, first beta of Adam."""
    decay: Annotated[float, Field(ge=0)] = 1e-4
    """Weight decay."""
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    """How the learning rate changes."""
    step_epochs: Annotated[int, Field(ge=1)] = 30
    """With "step", epochs between two drops."""
    step_factor: Annotated[Positive, Field(le=1)] = 0.5
    """With "step", the factor of the rate at each drop."""
    final_rate: Annotated[float, Field(ge=0, le=1e30)] = 0.0
    """With "cosine", the rate at the end."""
    flips: bool | Literal["alone"] = True
    """Flip and turn training windows at random; "alone": only flips, no quarter turns."""
    trim: Annotated[int, Field(ge=0)] = 0
    """Shift each training window by up to so many cells, at random in each epoch; adds none."""
    pretrain: Annotated[int, Field(ge=0)] = 0
    """Epochs without labels before training: the network restores masked windows; 0: none."""
    pretrain_on: Literal["visible", "all"] = "visible"
    """Pretrain on the fold's windows, or on all (also held-out areas; the run reports it)."""

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


class ClassOptions(Section):
    """Potential classes A, B, C."""

    rule: Literal["area", "histogram", "probability"] = "area"
    """By share of area, by the papers' histogram rule, or, "probability", by fixed scores."""
    area: tuple[float, float, float] = (0.01, 0.05, 0.10)
    """Shares of the mapped area in A, in A and B, and in A, B and C."""
    probability: tuple[float, float, float] = (0.95, 0.90, 0.85)
    """With "probability", the lowest score of A, B and C: the model's score, not calibrated."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 < self.area[0] < self.area[1] < self.area[2] <= 1:
            raise ValueError("area must have three rising shares between 0 and 1")
        if not 1 >= self.probability[0] > self.probability[1] > self.probability[2] >= 0:
            raise ValueError("probability must have three falling scores between 1 and 0")
        return self


class Targets(Section):
    """Ranked targets around the peaks of the map."""

    near: Positive | None = None
    """Within so many km of a deposit a target is an extension; when left out three spacings."""
    smallest: Annotated[int, Field(ge=1)] = 4
    """Fewest cells of a target."""
    largest: Positive | None = None
    """Largest area of a target in km²; four times the area of a sample when left out."""
    fall: Annotated[float, Field(gt=0, le=1)] = 0.25
    """A target ends where the score has fallen by this share from its peak to the median."""
    prominence: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """A peak rises by this share of the map's height above the saddle to a higher peak."""
    most: Annotated[int, Field(ge=1)] = 50
    """Most targets of each ground: new, extension, known."""
    within: Vectors | None = None
    """Polygons within which targets are drawn, such as a licence."""
    not_within: Vectors | None = None
    """Polygons within which no target is drawn, such as a nature reserve."""
    extrapolated: bool = False
    """Also draw targets where a gridded survey's rasters are extrapolated beyond their samples."""
    tiles: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """Also write tiles.gpkg, the map by numbered tiles (down, across), such as [12, 12]."""


class Config(Section):
    """A run's configuration."""

    title: str = "orecast run"
    """Title of the report."""
    output: Annotated[FilePath, Field(validate_default=True)] = Path("run")
    """The run's folder."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of all random numbers."""
    crs: str | None = None
    """Projected CRS of the run; the samples' CRS when left out (a UTM zone for lon/lat)."""
    commodity: str | None = None
    """Element symbol of what the deposits hold, such as "Au"; its layer is one of auto's maps."""
    area: Vectors | None = None
    """Polygon of the study area."""
    samples: Samples | None = None
    """The samples of a point survey; a run has either these or [gridded]."""
    gridded: Gridded | None = None
    """The rasters of a gridded survey; a run has either these or [samples]."""
    deposits: Deposits | None = None
    """Known deposits for training; without them, the run maps anomalies."""
    barren: Barren | None = None
    """Known barren places."""
    held_back: Deposits | None = None
    """Deposits only for a final test, such as later discoveries; never used in training."""
    faults: Faults | None = None
    """Fault lines."""
    geology: Geology | None = None
    """Geological polygons."""
    layers: list[Layer] = []
    """Supporting rasters."""
    composition: Composition = Composition()
    """Log-ratios."""
    evidence: EvidenceOptions = EvidenceOptions()
    """Layers of evidence."""
    screening: ScreeningOptions = ScreeningOptions()
    """Selection of elements."""
    sampling: SamplingOptions = SamplingOptions()
    """Training samples."""
    validation: Validation = Validation()
    """Validation."""
    uncertainty: UncertaintyOptions = UncertaintyOptions()
    """Uncertainty."""
    model: ModelOptions = ModelOptions()
    """Model."""
    training: Training = Training()
    """Training of networks."""
    classes: ClassOptions = ClassOptions()
    """Potential classes."""
    targets: Targets = Targets()
    """Targets."""
