"""The whole configuration: keys of the run, tables of the survey and of the method."""

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
    """Title of the report."""
    output: FilePath = Path("run")
    """The run's folder."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of all random numbers."""
    crs: str | None = None
    """Projected CRS of the run; the samples' CRS when left out (a UTM zone for lon/lat)."""
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
    layers: list[Layer] = []  # noqa: RUF012  pydantic copies it
    """Supporting rasters."""
    composition: Composition = Composition()
    """Log-ratios."""
    evidence: EvidenceOptions = EvidenceOptions()
    """Layers of evidence."""
    screening: Screening = Screening()
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
    classes: Classes = Classes()
    """Potential classes."""
    targets: Targets = Targets()
    """Targets."""
