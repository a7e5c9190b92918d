"""An audit: what was looked for, what was found, and what it means to a geologist."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from orecast.errors import RunError
from orecast.run import write_json


class Severity(StrEnum):
    """What a check came to."""

    LEAK = "leak"
    SUSPICIOUS = "suspicious"
    CLEAN = "clean"
    UNKNOWN = "cannot be known"


@dataclass(frozen=True)
class Check:
    """One thing looked for: a stable code, its figure, what that means, the numbers behind it."""

    code: str
    what: str
    severity: Severity
    figure: str
    meaning: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """What was audited, and its checks in the order in which they matter."""

    subject: str
    checks: list[Check]

    def of(self, code: str) -> Check:
        """The check with a code; KeyError where there is none."""
        return {check.code: check for check in self.checks}[code]

    def among(self, severity: Severity) -> list[Check]:
        """The checks that came to one severity."""
        return [check for check in self.checks if check.severity is severity]

    @property
    def leaks(self) -> bool:
        """Whether a leak was found."""
        return bool(self.among(Severity.LEAK))

    @property
    def verdict(self) -> str:
        """The verdict in plain words, a few sentences."""
        leaks, doubts = self.among(Severity.LEAK), self.among(Severity.SUSPICIOUS)
        if leaks:
            first = "These scores cannot be trusted: what was tested had been learned from."
            return " ".join([first, *(check.meaning for check in leaks[:3])])
        if doubts:
            first = f"No leak was found, but {_things(len(doubts))}."
            return " ".join([first, *(check.meaning for check in doubts[:2])])
        return "No leak was found: nothing that was tested had been learned from."

    def as_dict(self) -> dict[str, Any]:
        """As ``audit.json`` holds it."""
        return {
            "subject": self.subject,
            "leak": self.leaks,
            "verdict": self.verdict,
            "audit": [asdict(c) | {"severity": c.severity.value} for c in self.checks],
        }


def write_audit(audit: Audit, path: Path) -> None:
    """Write ``audit.json``; a file that is something else is left alone.

    Raises RunError where it cannot be written, or where something else stands.
    """
    if path.exists() and not _is_audit(path):
        raise RunError("another file stands there", where=str(path), remedy="name another")
    try:
        write_json(path, audit.as_dict())
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror})", where=str(path), remedy="name a writable place"
        ) from None


def _is_audit(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).keys() >= {"subject", "audit"})
    except (OSError, ValueError, AttributeError):
        return False


def _things(n: int) -> str:
    return "one thing looks doubtful" if n == 1 else f"{n} things look doubtful"
