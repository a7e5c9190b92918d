"""The stages joined, a function a stage; imported when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.workflow.checking import check, write_checks
    from orecast.workflow.proposing import propose_run
    from orecast.workflow.running import Summary, run_survey

__all__ = [
    "Summary",
    "check",
    "propose_run",
    "run_survey",
    "write_checks",
]

__getattr__ = exports(
    __name__,
    {
        "Summary": "running",
        "check": "checking",
        "write_checks": "checking",
        "propose_run": "proposing",
        "run_survey": "running",
    },
)
