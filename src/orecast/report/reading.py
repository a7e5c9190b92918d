"""A finished run as the report reads it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from orecast.config import Config, read
from orecast.errors import RunError
from orecast.grid import Bounds, crs_name
from orecast.report.html import typeset
from orecast.run import why_broken

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


def _null_is_nan(value: Any) -> Any:
    return math.nan if value is None else value


def _estimate(value: Any) -> Any:
    return {"value": value} if value is None or isinstance(value, int | float) else value


Number = Annotated[float, BeforeValidator(_null_is_nan)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Sentence = Annotated[str, AfterValidator(lambda text: _ended(text))]


def _ended(text: str) -> str:
    """Return the text as one line of whole sentences, typeset."""
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
    """Predicted probabilities and observed shares by bin, with Wilson's interval of the shares.

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

    ``places`` has a percentile for each place; deposits that share a cell are one place.
    ``threshold_scores`` has accuracy, precision, recall and others at a threshold chosen inside
    training.
    """

    name: str
    role: str
    protocol: str
    sentence: Sentence = ""
    percentile: Estimated = UNKNOWN
    auc: Estimated = UNKNOWN
    average_precision: Estimated = UNKNOWN
    top_area: dict[float, Estimated] = {}
    threshold_scores: dict[str, Estimated] = {}
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
    """How the folds were made."""

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
    """The best layer picked afterwards, and the best layer's score for shifted deposits."""

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
    """Best share of the area that contains a further deposit with this confidence."""

    area: Number
    confidence: Number
    enough: bool
    sentence: Sentence


class Applicability(_Part):
    """Largest dissimilarity from the training places at which the scores apply."""

    threshold: Number
    share_inside: Number
    median_dissimilarity: Number = math.nan


class GrownRows(_Part):
    """Rows that a generator made for a class, and how similar they are to the real ones."""

    method: Text
    label: int
    rows: int
    sentence: Sentence


class Added(_Part):
    """Windows that a step of augmentation added to a class."""

    method: Text
    label: int
    rows: int


class LearnedFrom(_Part):
    """Windows that the final model learned from, and how the negative ones were chosen."""

    ore: int
    barren: int
    rule: Text = ""
    added: list[Added] = []


class Metrics(_Part):
    """The whole of ``metrics.json``.

    ``anomalies``: no model learned from a deposit. The map shows anomalies, and its scores, if any,
    are of deposits held back. ``caveats`` are sentences that go with the model's scores, such as
    that it has seen held-out cells.
    """

    model: str
    anomalies: bool = False
    protocol: Protocol
    folds: list[FoldCount] = []
    scores: list[Score]
    training_fit: Curve | None = None
    classes: Classes = Classes()
    verdict: Verdict
    caveats: list[Sentence] = []
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
        """Leak-free scores: the model, then baselines from best to worst.

        They are those under spatial folds or, of a map of anomalies, those of deposits that no map
        has seen.
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


_NEEDED = (
    "run.toml",
    "provenance.json",
    "checks.json",
    "metrics.json",
    "prospectivity.tif",
    "uncertainty.tif",
    "classes.tif",
    "targets.gpkg",
    "targets.csv",
)
_REMEDY = "finish the run first: orecast run run.toml --resume"
_MOST_PIXELS = 900  # on the longer side of a map, which 200 dpi print 4.5 inches long


@dataclass(frozen=True)
class Raster:
    """One band, no finer than a page can show; nodata is NaN."""

    values: NDArray[np.float32]  # (rows, columns), decimated
    bounds: Bounds
    crs: str
    tags: dict[str, str]

    @property
    def extent_km(self) -> tuple[float, float, float, float]:
        """West, east, south, north in kilometres, as matplotlib's ``extent``."""
        west, south, east, north = (edge / 1000 for edge in self.bounds)
        return west, east, south, north


@dataclass(frozen=True)
class LayerFile:
    """An evidence layer's file and its tags."""

    path: Path
    name: str
    kind: str
    unit: str
    origin: str
    reach: float  # metres; NaN if the file has none


@dataclass(frozen=True)
class RunReading:
    """What a run's folder holds; rasters and tables are read on first use."""

    folder: Path
    newer: Path  # files of the stage being written, read in place of the folder's own
    config: Config
    metrics: Metrics
    checks: dict[str, Any]
    provenance: dict[str, Any]

    @classmethod
    def of(cls, folder: Path, newer: Path | None = None) -> RunReading:
        """Open a run's folder; a file that is in ``newer`` is read from there.

        Raises RunError naming the file that is missing or broken.
        """
        newer = newer or folder
        paths = {name: _path_of(name, folder, newer) for name in _NEEDED}
        metrics = read_metrics(paths["metrics.json"])
        for name in _maps_of(metrics):
            _path_of(name, folder, newer)
        return cls(
            folder,
            newer,
            read(paths["run.toml"]),
            metrics,
            _read_object(paths["checks.json"]),
            _read_object(paths["provenance.json"]),
        )

    def path(self, name: str) -> Path:
        """Return a file's path; raises RunError if it is missing."""
        return _path_of(name, self.folder, self.newer)

    def has(self, name: str) -> bool:
        """Whether a file exists that only some runs write."""
        return any((place / name).is_file() for place in (self.newer, self.folder))

    @property
    def has_recommended(self) -> bool:
        """Whether a baseline is recommended instead of the model and its map was drawn."""
        other = self.metrics.verdict.recommended != self.metrics.model
        return other and self.has("recommended.tif")

    def raster(self, name: str, most: int = _MOST_PIXELS) -> Raster:
        """Read ``<name>.tif`` with at most ``most`` pixels on its longer side."""
        return read_raster(self.path(f"{name}.tif"), most)

    @cached_property
    def targets(self) -> gpd.GeoDataFrame:
        """Targets in order of rank, ``(n_targets,)`` polygons; possibly none."""
        targets = _read_layer(self.path("targets.gpkg"), "targets", ["rank", "class"])
        return targets.sort_values("rank", ignore_index=True)

    @cached_property
    def deposits(self) -> gpd.GeoDataFrame:
        """Known deposits, ``(n_deposits,)`` points."""
        return _read_layer(self.path("targets.gpkg"), "deposits", [])

    @cached_property
    def left_out(self) -> NDArray[np.bool_]:
        """Which deposits no fold held out, ``(n_deposits,)``: the evidence has no value there.

        None of them where the run does not say which it held out.
        """
        tested = self.metrics.tested
        return ~np.isin(np.arange(len(self.deposits)), [*tested]) & bool(tested)

    @cached_property
    def target_table(self) -> pd.DataFrame:
        """Targets in order of rank as a table, with lon/lat."""
        import pandas as pd

        path = self.path("targets.csv")
        try:
            # "NA" is not a missing value here: Na, the element, may be a target's first.
            table = pd.read_csv(path, keep_default_na=False, na_values=[""])
        except pd.errors.EmptyDataError:
            return pd.DataFrame()
        except (OSError, ValueError) as error:
            raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None
        return table.sort_values("rank", ignore_index=True) if "rank" in table else table

    @cached_property
    def layers(self) -> list[LayerFile]:
        """Evidence layers by kind and name; elements first."""
        order = {"element": 0, "fault": 1, "lithology": 2, "raster": 3}
        found = [_layer_file(path) for path in sorted((self.folder / "evidence").glob("*.tif"))]
        return sorted(found, key=lambda layer: (order.get(layer.kind, 4), layer.name))

    @cached_property
    def mapped_cells(self) -> tuple[int, float]:
        """How many cells have a prospectivity, and their area in square kilometres."""
        return _count_mapped(self.path("prospectivity.tif"))


def _maps_of(metrics: Metrics) -> list[str]:
    """Files of the maps that a run with these metrics has written."""
    written = {
        "out_of_fold.tif": not metrics.anomalies,
        "applicability.tif": metrics.applicability is not None,
        "probability.tif": metrics.calibration is not None,
    }
    return [name for name, exists in written.items() if exists]


def _path_of(name: str, folder: Path, newer: Path) -> Path:
    for place in (newer, folder):
        if (place / name).is_file():
            return place / name
    raise RunError("is missing", where=str(folder / name), remedy=_REMEDY)


def read_metrics(path: Path) -> Metrics:
    """Read ``metrics.json``; raises RunError naming the entry that is at fault."""
    content = _read_object(path)
    try:
        return Metrics.model_validate(content)
    except ValidationError as error:
        raise RunError(why_broken(error), where=str(path), remedy=_REMEDY) from None


def read_raster(path: Path, most: int = _MOST_PIXELS) -> Raster:
    """Read a raster's first band decimated, from its overviews where it has them.

    Averages where the values are measured, the nearest where they are classes (whole numbers).
    """
    import rasterio
    from rasterio.enums import Resampling

    try:
        with rasterio.open(path) as source:
            step = max(1.0, max(source.shape) / most)
            shape = tuple(max(1, round(n / step)) for n in source.shape)
            is_class = np.dtype(source.dtypes[0]).kind in "iu"
            how = Resampling.nearest if is_class else Resampling.average
            band = source.read(1, out_shape=shape, masked=True, resampling=how)
            values = np.ma.filled(band.astype(np.float32), np.nan)
            crs = crs_name(source.crs) if source.crs else "no CRS"
            return Raster(values, Bounds(*source.bounds), crs, source.tags() | source.tags(1))
    except rasterio.errors.RasterioError as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None
    if not isinstance(content, dict):
        raise RunError("is not a JSON object", where=str(path), remedy=_REMEDY)
    return content


def _read_layer(path: Path, layer: str, columns: list[str]) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pyogrio

    try:
        frame = gpd.read_file(path, layer=layer)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise RunError(
            f"cannot be read ({error})", where=f"{path}, layer {layer}", remedy=_REMEDY
        ) from None
    for column in columns:
        if column not in frame:
            raise RunError("is missing", where=f"{path}, layer {layer}, column {column}")
    return frame


def _layer_file(path: Path) -> LayerFile:
    import rasterio

    try:
        with rasterio.open(path) as source:
            tags = {k.lower(): v for k, v in (source.tags() | source.tags(1)).items()}
            name = tags.get("name") or source.descriptions[0] or path.stem
    except rasterio.errors.RasterioError as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None
    try:
        reach = float(tags.get("reach", "nan"))
    except ValueError:
        raise RunError(f"reach {tags['reach']!r} is not a number", where=str(path)) from None
    return LayerFile(
        path, name, tags.get("kind", ""), tags.get("unit", ""), tags.get("origin", ""), reach
    )


def _count_mapped(path: Path) -> tuple[int, float]:
    import rasterio

    cells = 0
    try:
        with rasterio.open(path) as source:
            for _, window in source.block_windows(1):
                cells += int(np.count_nonzero(np.isfinite(source.read(1, window=window))))
            cell_area = abs(source.transform.a * source.transform.e)
    except rasterio.errors.RasterioError as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None
    return cells, cells * cell_area / 1e6
