"""The stages joined, a function a stage.

Imported when asked for: reading a survey needs nothing of what a network needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orecast.workflow.checking import check
    from orecast.workflow.proposing import propose_run
    from orecast.workflow.running import Summary, run_survey

__all__ = ["Summary", "check", "propose_run", "run_survey"]

_HOMES = {
    "Summary": "running",
    "check": "checking",
    "propose_run": "proposing",
    "run_survey": "running",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
