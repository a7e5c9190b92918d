from .audit.auditing import Audit, refuse_path, write_audit
from .audit.runs import audit_run
from .audit.windows import audit_windows
from .checking import check, propose_run, write_checks
from .choosing import AUTO, SUMMARY, describe_auto
from .compare.comparing import Compared, run_comparison
from .compare.plan import Plan, parse_choices
from .predicting import Prediction, run_prediction
from .run.running import Summary, run_survey

__all__ = [
    "AUTO",
    "SUMMARY",
    "Audit",
    "Compared",
    "Plan",
    "Prediction",
    "Summary",
    "audit_run",
    "audit_windows",
    "check",
    "describe_auto",
    "parse_choices",
    "propose_run",
    "refuse_path",
    "run_comparison",
    "run_prediction",
    "run_survey",
    "write_audit",
    "write_checks",
]
