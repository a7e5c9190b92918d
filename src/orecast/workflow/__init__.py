"""The stages joined, a function a stage; imported when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.workflow.auditing import Audit, write_audit
    from orecast.workflow.auditing_runs import audit_run
    from orecast.workflow.auditing_windows import audit_windows
    from orecast.workflow.checking import check, write_checks
    from orecast.workflow.choosing import AUTO, SUMMARY, stands_for
    from orecast.workflow.comparing import Compared, compare
    from orecast.workflow.comparison_plan import Plan, parse_choices
    from orecast.workflow.predicting import Prediction, predict
    from orecast.workflow.proposing import propose_run
    from orecast.workflow.reproduction.reproducing import Reproduced, reproduce
    from orecast.workflow.running import Summary, run_survey

__all__ = [
    "AUTO",
    "SUMMARY",
    "Audit",
    "Compared",
    "Plan",
    "Prediction",
    "Reproduced",
    "Summary",
    "audit_run",
    "audit_windows",
    "check",
    "compare",
    "parse_choices",
    "predict",
    "propose_run",
    "reproduce",
    "run_survey",
    "stands_for",
    "write_audit",
    "write_checks",
]

__getattr__ = exports(
    __name__,
    {
        "AUTO": "choosing",
        "SUMMARY": "choosing",
        "Audit": "auditing",
        "Compared": "comparing",
        "Plan": "comparison_plan",
        "Prediction": "predicting",
        "Reproduced": "reproduction.reproducing",
        "Summary": "running",
        "audit_run": "auditing_runs",
        "audit_windows": "auditing_windows",
        "check": "checking",
        "compare": "comparing",
        "parse_choices": "comparison_plan",
        "predict": "predicting",
        "propose_run": "proposing",
        "reproduce": "reproduction.reproducing",
        "run_survey": "running",
        "stands_for": "choosing",
        "write_audit": "auditing",
        "write_checks": "checking",
    },
)
