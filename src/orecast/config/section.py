"""What all tables of the configuration share: strictness, paths, positive figures."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


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


FilePath = Annotated[Path, BeforeValidator(_whole_path)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
