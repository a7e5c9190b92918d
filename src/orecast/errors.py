"""The errors of orecast, each with the place and the remedy.

    OrecastError
    ├── ConfigError      the configuration is wrong (unknown key, impossible value)
    ├── InputError       a file is missing, broken or not usable
    │   └── AlignmentError   layers differ in place, projection or shape
    ├── SamplingError    too few deposits, no negatives, or folds are not possible
    ├── ModelError       a model's requirements are not met, or its weights do not fit
    │   └── ThresholdError   a threshold is above all values it is compared with
    ├── CapacityError    there is not enough memory
    └── RunError         a run's folder cannot be written, read or resumed

The command line prints the message and exits with 1; a traceback is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_NAMES = 100


class OrecastError(Exception):
    """What is wrong, where (file, column, row, layer), and what to do.

    >>> print(OrecastError("no such column", where="a.csv, column 'Au'", remedy="set samples.x"))
    a.csv, column 'Au': no such column. Remedy: set samples.x
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        place = f"{where}: " if where else ""
        advice = f". Remedy: {remedy}" if remedy else ""
        super().__init__(f"{place}{what.rstrip('.')}{advice}")

    def as_dict(self) -> dict[str, str | None]:
        """The error as data for a results file."""
        return {"what": self.what, "where": self.where, "remedy": self.remedy}


class ConfigError(OrecastError):
    """The configuration is wrong."""


class InputError(OrecastError):
    """A file is missing, broken or not usable."""


class AlignmentError(InputError):
    """Layers differ in place, projection or shape."""


class SamplingError(OrecastError):
    """Too few deposits, no negatives, or folds are not possible."""


class ModelError(OrecastError):
    """A model's requirements are not met, or its weights do not fit."""


class ThresholdError(ModelError):
    """A threshold is above all values it is compared with; ``largest`` is the largest of them."""

    def __init__(
        self, what: str, *, largest: float, where: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.largest = largest


class CapacityError(OrecastError):
    """There is not enough memory."""


class RunError(OrecastError):
    """A run's folder cannot be written, read or resumed."""


METHOD_ERRORS = (ConfigError, InputError, SamplingError, ModelError)
"""Errors of the data or the settings, which occur again when a run is repeated.

If many methods are computed, such an error is the result of one of them. RunError and
CapacityError are not: after a full disk or too little memory, the run can be resumed.
"""


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy with the nearest known names; if none is near, all (at most 100).

    >>> nearest("resnet81", ["resnet18", "resnet34", "logistic-regression"])
    'did you mean resnet18 or resnet34?'
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    return f"choose one of {', '.join(known[:_MOST_NAMES])}{more}"


def require_among(
    name: str,
    known: Iterable[str],
    what: str,
    where: str | None = None,
    kind: type[OrecastError] = ConfigError,
) -> None:
    """Raise an error of a ``kind`` with the nearest known names if ``name`` is not one of them.

    >>> require_among("idw", ["idw", "kriging"], "unknown interpolator")
    """
    known = list(known)
    if name not in known:
        raise kind(what, where=where, remedy=nearest(name, known))
