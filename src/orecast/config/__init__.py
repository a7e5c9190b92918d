"""The run's configuration: typed, validated, TOML in and out.

Every field is documented where it stands; the same words are the comments of the ``run.toml``
that ``orecast init`` writes. Paths may hold ``${VARIABLE}`` or ``${VARIABLE:-fallback}`` and are
taken relative to the file they stand in.
"""

from orecast.config.schema import (
    Barren,
    Classes,
    Columns,
    Composition,
    Config,
    Deposits,
    EvidenceOptions,
    Faults,
    Geology,
    Gridded,
    Layer,
    ModelOptions,
    Samples,
    SamplingOptions,
    Screening,
    Section,
    Targets,
    Training,
    UncertaintyOptions,
    Validation,
    Vectors,
)
from orecast.config.toml import parse, read, to_toml

__all__ = [
    "Barren",
    "Classes",
    "Columns",
    "Composition",
    "Config",
    "Deposits",
    "EvidenceOptions",
    "Faults",
    "Geology",
    "Gridded",
    "Layer",
    "ModelOptions",
    "Samples",
    "SamplingOptions",
    "Screening",
    "Section",
    "Targets",
    "Training",
    "UncertaintyOptions",
    "Validation",
    "Vectors",
    "parse",
    "read",
    "to_toml",
]
