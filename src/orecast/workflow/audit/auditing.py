"""The result of an audit: what was checked, what was found, and what it means to a geologist."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from orecast.run import refuse_other_file, write_result

KIND = ({"subject", "audit"}, "audit")  # the keys by which an audit's file is known


class Severity(StrEnum):
    """The result of a check."""

    LEAK = "leak"
    SUSPICIOUS = "suspicious"
    CLEAN = "clean"
    UNKNOWN = "cannot be known"
    DECLARED = "declared"  # used on purpose and declared: not a leak, but the reader must know it


@dataclass(frozen=True)
class Check:
    """One check: a stable code, its figure, what the figure means, and the numbers behind it.

    ``protocol`` names the scores that it applies to; empty if it applies to all.
    """

    code: str
    what: str
    severity: Severity
    figure: str
    meaning: str
    data: dict[str, Any] = field(default_factory=dict)
    protocol: str = ""


@dataclass(frozen=True)
class Audit:
    """What was audited, and its checks, the most important first."""

    subject: str
    checks: list[Check]

    def of(self, code: str, protocol: str | None = None) -> Check:
        """The first check with a code, of one protocol if named. Raises KeyError without one."""
        for check in self.checks:
            if check.code == code and protocol in (None, check.protocol):
                return check
        raise KeyError(code)

    def among(self, severity: Severity) -> list[Check]:
        """The checks with one severity."""
        return [check for check in self.checks if check.severity is severity]

    @property
    def leaks(self) -> bool:
        """Whether a leak was found."""
        return bool(self.among(Severity.LEAK))

    @property
    def protocols(self) -> list[str]:
        """Protocols whose scores were checked, in order; none where windows were audited."""
        return [p for p in dict.fromkeys(check.protocol for check in self.checks) if p]

    @property
    def verdict(self) -> str:
        """The verdict in a few plain sentences, protocol after protocol."""
        names = self.protocols if self.leaks and len(self.protocols) > 1 else [""]
        verdicts = [
            _verdict([c for c in self.checks if not name or c.protocol in ("", name)], name)
            for name in names
        ]
        declared = [check.meaning for check in self.among(Severity.DECLARED)]
        return " ".join([*verdicts, *(f"Declared: {meaning}" for meaning in declared)])

    def as_dict(self) -> dict[str, Any]:
        """As ``audit.json`` holds it."""
        return {
            "subject": self.subject,
            "leak": self.leaks,
            "verdict": self.verdict,
            "audit": [asdict(c) | {"severity": c.severity.value} for c in self.checks],
        }


def write_audit(audit: Audit, path: Path) -> None:
    """Write ``audit.json``; another kind of file is not overwritten.

    Raises RunError where it cannot be written, or where another kind of file exists.
    """
    write_result(path, audit.as_dict(), *KIND)


def refuse_path(path: Path) -> None:
    """Raise RunError where another kind of file exists than an audit."""
    refuse_other_file(path, *KIND)


def _verdict(checks: list[Check], protocol: str) -> str:
    """The checks in a few sentences; of the scores under one protocol if it is named."""
    by_severity = {s: [check for check in checks if check.severity is s] for s in Severity}
    leaks, doubts = by_severity[Severity.LEAK], by_severity[Severity.SUSPICIOUS]
    no_leak = f"Under {protocol} no leak was found" if protocol else "No leak was found"
    if leaks:
        scores = f"The scores under {protocol}" if protocol else "These scores"
        first = f"{scores} cannot be trusted: the training data held parts of the test data."
        return " ".join([first, *(check.meaning for check in leaks[:3])])
    if doubts:
        things = "one thing looks" if len(doubts) == 1 else f"{len(doubts)} things look"
        first = f"{no_leak}, but {things} doubtful."
        return " ".join([first, *(check.meaning for check in doubts[:2])])
    if by_severity[Severity.UNKNOWN]:
        what = "; ".join(f"{c.what[0].lower()}{c.what[1:]}" for c in by_severity[Severity.UNKNOWN])
        return f"{no_leak}. Not every check was possible; missing: {what}."
    if by_severity[Severity.DECLARED]:
        return f"{no_leak}."
    return f"{no_leak}: the training data held no part of the test data."
