"""The run's configuration: typed, validated, TOML in and out.

Every field has a docstring; ``orecast init`` writes it as a comment into ``run.toml``. A path may
contain ``${VARIABLE}`` or ``${VARIABLE:-fallback}`` and is relative to the file that contains it.
In a path, ``$${`` means ``${`` and ``./~`` means ``~``.
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
from orecast.config.section import Section, path_problem, path_text
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
    "path_problem",
    "path_text",
    "read",
    "read_toml",
    "read_value",
    "to_toml",
]
