"""The run's configuration: typed, validated, TOML in and out.

Every field has a docstring; ``orecast init`` writes it as a comment into ``run.toml``. A path may
contain ``${VARIABLE}`` or ``${VARIABLE:-fallback}`` and is relative to the file that contains it.
In a path, ``$${`` means ``${`` and ``./~`` means ``~``.
"""

from orecast.config.schema import (
    ClassOptions,
    Columns,
    Composition,
    Config,
    Deposits,
    EvidenceOptions,
    Faults,
    Geology,
    Gridded,
    Grow,
    Layer,
    ModelOptions,
    Samples,
    ScreeningOptions,
    Section,
    Targets,
    Training,
    Vectors,
    most_shift,
    path_problem,
    path_text,
)
from orecast.config.toml import inline, parse, read, read_toml, read_value, to_toml

__all__ = [
    "ClassOptions",
    "Columns",
    "Composition",
    "Config",
    "Deposits",
    "EvidenceOptions",
    "Faults",
    "Geology",
    "Gridded",
    "Grow",
    "Layer",
    "ModelOptions",
    "Samples",
    "ScreeningOptions",
    "Section",
    "Targets",
    "Training",
    "Vectors",
    "inline",
    "most_shift",
    "parse",
    "path_problem",
    "path_text",
    "read",
    "read_toml",
    "read_value",
    "to_toml",
]
