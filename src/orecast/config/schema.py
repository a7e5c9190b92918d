"""The whole configuration: the survey's tables, the method's, and the run's own keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from orecast.config.inputs import (
    Barren,
    Deposits,
    Faults,
    Geology,
    Gridded,
    Layer,
    Samples,
    Vectors,
)
from orecast.config.method import (
    Classes,
    Composition,
    EvidenceOptions,
    ModelOptions,
    SamplingOptions,
    Screening,
    Targets,
    Training,
    UncertaintyOptions,
    Validation,
)
from orecast.config.section import FilePath, Section


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
    layers: list[Layer] = []  # noqa: RUF012  pydantic copies it
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
