"""What was found in the data: facts, warnings and refusals, each with its place and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding weighs."""

    INFO = "info"
    WARNING = "warning"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class Finding:
    """One thing found: a stable code, where, what, what to do, and the numbers behind it."""

    level: Level
    code: str
    where: str
    what: str
    remedy: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Findings:
    """What has been found so far, in the order of finding.

    >>> f = Findings()
    >>> f.warning("duplicate-places", "samples.csv", "224 samples share a place with another")
    >>> [x.code for x in f]
    ['duplicate-places']
    """

    items: list[Finding] = field(default_factory=list)

    def info(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add a fact worth knowing."""
        self.items.append(Finding(Level.INFO, code, where, what, remedy, data))

    def warning(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add what may mislead."""
        self.items.append(Finding(Level.WARNING, code, where, what, remedy, data))

    def refusal(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add what was refused though the run goes on."""
        self.items.append(Finding(Level.REFUSAL, code, where, what, remedy, data))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, code: str) -> list[Finding]:
        """Every finding with a code."""
        return [f for f in self.items if f.code == code]

    def extend(self, other: Findings) -> None:
        """Add another's findings behind these."""
        self.items.extend(other.items)

    def as_dicts(self) -> list[dict[str, Any]]:
        """The findings as plain data, for ``checks.json``."""
        return [asdict(f) | {"level": f.level.value} for f in self.items]


def listed(items: Sequence[object], most: int = 10) -> str:
    """The first items, and how many there are beyond.

    >>> listed([1, 2, 3], most=2)
    '1, 2 and 1 more'
    """
    shown = ", ".join(str(i) for i in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
