"""The run's configuration: typed, validated, TOML in and out.

Every field is documented where it stands; the same words are the comments of the ``run.toml``
that ``orecast init`` writes. Paths may hold ``${VARIABLE}`` or ``${VARIABLE:-fallback}`` and are
taken relative to the file they stand in; ``$${`` is a ``${`` of a name, and ``./~`` a ``~``.
"""

from orecast.config.inputs import (
    Barren,
    Columns,
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
from orecast.config.schema import Config
from orecast.config.section import Section, path_fault, path_text
from orecast.config.toml import parse, read, read_toml, read_value, to_toml

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
    "path_fault",
    "path_text",
    "read",
    "read_toml",
    "read_value",
    "to_toml",
]
