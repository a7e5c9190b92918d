"""What can go wrong, each with the place and the remedy.

    OrecastError
    ├── ConfigError      the configuration is at fault (unknown key, impossible value)
    ├── InputError       a file is missing, broken, or holds what cannot be used
    │   └── AlignmentError   layers do not share a place, a projection or a shape
    ├── SamplingError    too few deposits, no negatives, no folds that can be cut
    ├── ModelError       a model's declared needs are not met, or its weights do not fit
    │   └── ThresholdError   a threshold is above all that it is held against
    ├── CapacityError    more memory is asked for than there is
    └── RunError         a run's folder cannot be written, read or resumed

The command line prints the message and exits with 1; a traceback is a defect.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_NAMES = 100


class OrecastError(Exception):
    """Says what is wrong, where (file, column, row, layer), and what to do.

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
        """As a file of results holds it."""
        return {"what": self.what, "where": self.where, "remedy": self.remedy}


class ConfigError(OrecastError):
    """The configuration is at fault."""


class InputError(OrecastError):
    """A file is missing, broken, or holds what cannot be used."""


class AlignmentError(InputError):
    """Layers do not share a place, a projection or a shape."""


class SamplingError(OrecastError):
    """Too few deposits, no negatives, or no folds that can be cut."""


class ModelError(OrecastError):
    """A model's declared needs are not met, or its weights do not fit."""


class ThresholdError(ModelError):
    """A threshold is above all that it is held against, of which ``largest`` is the largest."""

    def __init__(
        self, what: str, *, largest: float, where: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.largest = largest


class CapacityError(OrecastError):
    """More memory is asked for than there is."""


class RunError(OrecastError):
    """A run's folder cannot be written, read or resumed."""


REFUSALS = (ConfigError, InputError, SamplingError, ModelError)
"""What the data or the settings do not allow of, and will not when it is tried again.

Where many methods are computed this is the result of one of them. A RunError and a
CapacityError are not: what a full disk or a small machine has stopped is computed when the run is
resumed.
"""


def nearest(name: str, known: Iterable[str]) -> str:
    """Offer the nearest known names, or all of them, 100 at most, when none is near.

    >>> nearest("resnet81", ["resnet18", "resnet34", "logistic-regression"])
    'did you mean resnet18 or resnet34?'
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    return f"choose one of {', '.join(known[:_MOST_NAMES])}{more}"
