"""Audit training and test windows that are saved in files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Ints
from orecast.errors import InputError
from orecast.metrics.leakage import (
    SplitClaims,
    canonical,
    cells_apart,
    marking,
    near_copies,
    number_pixels,
    one_cell,
    scaled_together,
    sharing_groups,
    split_claims,
)
from orecast.survey.tables import require_file
from orecast.workflow.audit.auditing import Audit, Check, Severity

Real = NDArray[np.floating]


def read_window_pair(train_path: Path, test_path: Path) -> tuple[Real, Real]:
    """Read training and test windows of one kind, each ``(n, size, size, channels)``.

    Windows with channels first are turned. If the two parts have different precision, the lower
    one is used for both. Raises InputError for other arrays, and for windows that differ in shape.
    """
    train, test = _read_windows(train_path), _read_windows(test_path)
    if train.shape[1:] != test.shape[1:]:
        raise InputError(
            f"its windows are {_sides(test)}, those of {train_path} are {_sides(train)}",
            where=str(test_path),
            remedy="give windows of one size and the same channels in the same order",
        )
    coarser = min(train.dtype, test.dtype)
    return train.astype(coarser, copy=False), test.astype(coarser, copy=False)


def read_labels(path: Path, n: int) -> Ints:
    """Read labels of 1 and 0 of ``n`` windows, ``(n,)``, or one-hot labels, negative first.

    Raises InputError for another number of labels, or other values.
    """
    found = _read_array(path)
    where = str(path)
    if found.shape == (n, 2) and (found.sum(axis=1) == 1).all():  # one-hot: negative, ore
        found = found[:, 1]
    if found.shape not in {(n,), (n, 1)}:
        raise InputError(
            f"labels of shape {found.shape} for {n} windows",
            where=where,
            remedy="give one label for each window, in the order of the windows",
        )
    if not np.isin(found, (0, 1)).all():
        raise InputError(
            "labels are not 1 (ore) and 0 (negative)", where=where, remedy="code them as 1 and 0"
        )
    return found.reshape(-1).astype(np.int64)


def _read_array(path: Path) -> NDArray[Any]:
    require_file(path)
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        what = "holds Python objects" if "Object arrays" in str(error) else "is not a .npy file"
        remedy = "save a plain array of numbers with numpy.save"
        raise InputError(what, where=str(path), remedy=remedy) from None
    if not isinstance(found, np.ndarray):
        found.close()
        raise InputError("holds several arrays", where=str(path), remedy="save one as .npy")
    if found.dtype.kind not in "fiub":
        remedy = "save a plain array of numbers with numpy.save"
        raise InputError(f"holds no numbers ({found.dtype})", where=str(path), remedy=remedy)
    return found


def _read_windows(path: Path) -> Real:
    found = _read_array(path)
    where = str(path)
    remedy = "save windows as (n, size, size, channels)"
    if found.ndim != 4 or not found.size:
        raise InputError(f"has shape {found.shape}", where=where, remedy=remedy)
    _, first, middle, last = found.shape
    if first != middle and middle == last:  # channels first, as torch has them
        found = found.transpose(0, 2, 3, 1)
    elif first != middle:
        raise InputError(f"its windows are not square: {found.shape}", where=where, remedy=remedy)
    if found.dtype.kind != "f" or found.dtype.itemsize not in (4, 8):
        found = found.astype(np.float64)
    gaps = ~np.isfinite(found)
    if gaps.any():
        n = int(gaps.any(axis=(1, 2, 3)).sum())
        raise InputError(
            f"{n} of {len(found)} windows hold missing or infinite values",
            where=where,
            remedy="leave those windows out, or fill the values as you did for the model",
        )
    return found


def _sides(windows: Real) -> str:
    _, height, width, channels = windows.shape
    return f"{height} x {width} cells with {channels} channels"


MUCH_LOWER = 0.1  # a fair split whose AUC is lower by this much than a random one's is a finding
ALMOST_PERFECT = 0.95  # AUC that a single cell rarely reaches
MOSTLY = 0.5  # share of tested cells that must mark a place before "none shared" is a result
NO_PLACE = "Too many cells repeat inside the windows: equal cells do not show an equal place."
BLURRED = (
    "No cells are equal, but some windows are near-copies. Noise, or a separate scaling of each "
    "part, hides which cells they share."
)


def audit_windows(windows: tuple[Path, Path], labels: tuple[Path, Path] | None = None) -> Audit:
    """Audit training and test windows, ``.npy`` files of ``(n, size, size, channels)``.

    ``labels`` are files of 1 and 0, ``(n,)``, or one-hot ``(n, 2)``. Windows with channels first
    are turned. Raises InputError for files that cannot be used.
    """
    train, test = read_window_pair(*windows)
    known = None
    if labels is not None:
        known = read_labels(labels[0], len(train)), read_labels(labels[1], len(test))
        _require_both(known[0], labels[0])
    pair = _Pair(train, test, known)
    return Audit(f"{windows[0]} and {windows[1]}", _checks(pair))


def _require_both(labels: Ints, path: Path) -> None:
    """Raise InputError if the training labels are all of one class."""
    if len(np.unique(labels)) < 2:
        raise InputError(
            f"the training labels are all {labels[0]}",
            where=str(path),
            remedy="give labels of ore (1) and negative (0) windows, in the order of the windows",
        )


@dataclass(frozen=True)
class _Pair:
    """Windows ``(n, size, size, channels)`` and labels of both parts, and what they show."""

    train: Real
    test: Real
    labels: tuple[Ints, Ints] | None

    @cached_property
    def numbers(self) -> tuple[Ints, Ints]:
        """Number of each pixel, ``(n, size, size)``."""
        train, test = number_pixels(self.train, self.test)
        return train, test

    @cached_property
    def marks(self) -> tuple[Bools, Bools]:
        """Which pixels mark a place."""
        both = marking(np.concatenate(self.numbers))
        return both[: len(self.train)], both[len(self.train) :]

    @cached_property
    def marked(self) -> float:
        """Share of the tested cells that mark a place."""
        return float(self.marks[1].mean())

    @property
    def why_unplaced(self) -> str:
        """Why equal cells do not show an equal place; empty where they do."""
        if self.marked < MOSTLY:
            return NO_PLACE
        return BLURRED if self.near_across else ""

    @property
    def placed(self) -> Severity:
        """The result if no two windows share a place: clean, or unknown if it cannot be seen."""
        return Severity.UNKNOWN if self.why_unplaced else Severity.CLEAN

    @property
    def near_across(self) -> int:
        """Test windows that are near-copies of a training window."""
        n = len(self.train)
        return int(((self.near[n:] >= 0) & (self.near[n:] < n)).sum())

    @cached_property
    def near(self) -> Ints:
        """The window that each window of both parts is a near-copy of, -1 for none."""
        both = np.concatenate([self.train, self.test])
        sharing = sharing_groups(np.concatenate(self.numbers), np.concatenate(self.marks))
        return near_copies(both, sharing)

    @cached_property
    def group(self) -> Ints:
        """Group of each window of both parts; a group is one place, by pixels or near-copies."""
        links = np.column_stack([np.arange(len(self.near)), self.near])[self.near >= 0]
        return sharing_groups(
            np.concatenate(self.numbers), np.concatenate(self.marks), links.astype(np.int64)
        )

    @cached_property
    def crossing(self) -> bool:
        """Whether a test window shows the same place as a training window."""
        n = len(self.train)
        return bool(np.isin(self.group[n:], self.group[:n]).any())

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values at each window's own cell, ``(n, channels)``."""
        middle = self.train.shape[1] // 2
        train, test = (w[:, middle, middle].astype(np.float64) for w in (self.train, self.test))
        return train, test


def _checks(pair: _Pair) -> list[Check]:
    return [
        _seen_cells(pair),
        _positives_apart(pair),
        _claims(pair),
        _sharing_windows(pair),
        _equal_windows(pair),
        _near_across(pair),
        _one_cell(pair),
        _scaling(pair),
        *(_copies_inside(pair, part) for part in (0, 1)),
        Check(
            "shared-samples",
            "Samples shared through interpolation",
            Severity.UNKNOWN,
            "–",
            "Windows do not show how far the samples of a cell were. Keep test windows one window "
            "width and twice the search radius away from training windows.",
        ),
    ]


def _seen_cells(pair: _Pair) -> Check:
    (train, test), (_, marks) = pair.numbers, pair.marks
    seen = np.isin(test, train)
    share = float(seen.mean())
    leaks = bool((seen & marks).any())
    meaning = f"{_percent(share)} of the tested cells are also in training windows."
    if leaks:
        severity = Severity.LEAK
    elif pair.near_across and pair.marked >= MOSTLY:
        severity, meaning = Severity.UNKNOWN, BLURRED
    elif pair.placed is Severity.UNKNOWN:
        severity = Severity.UNKNOWN
        meaning = (
            f"{_percent(1 - pair.marked)} of the cells repeat inside the windows (padding, classes "
            "or a coarser raster): equal cells do not show an equal place."
        )
    else:
        severity = Severity.CLEAN
        meaning = "No tested cell is in a training window."
        if seen.any():
            meaning += " Equal cells are padding: they repeat inside single windows."
    figure = f"{_percent(share)} of {seen.size}"
    data = {"share": share, "cells": seen.size, "marking_share": pair.marked}
    return Check("seen-cells", "Tested cells seen in training", severity, figure, meaning, data)


def _sharing_windows(pair: _Pair) -> Check:
    (train, test), (train_marks, marks) = pair.numbers, pair.marks
    shares = (np.isin(test, train[train_marks]) & marks).any(axis=(1, 2))
    n = int(shares.sum())
    severity = Severity.LEAK if n else pair.placed
    meaning = f"{n} of {len(test)} test windows overlap a training window on the map."
    if severity is Severity.UNKNOWN:
        meaning = pair.why_unplaced
    data = {"sharing": n, "windows": len(test)}
    what = "Test windows that share a cell with training"
    return Check("sharing-windows", what, severity, f"{n} of {len(test)}", meaning, data)


def _equal_windows(pair: _Pair) -> Check:
    train, test = pair.numbers
    n = int(np.isin(canonical(test), canonical(train)).sum())
    severity = Severity.LEAK if n else Severity.CLEAN
    meaning = f"{n} of {len(test)} test windows are training windows, possibly flipped or turned."
    if not n:
        meaning = "No test window is a training window, even flipped or turned."
    what = "Test windows equal to a training window, up to flips and turns"
    data = {"equal": n, "windows": len(test)}
    return Check("equal-windows", what, severity, f"{n} of {len(test)}", meaning, data)


def _positives_apart(pair: _Pair) -> Check:
    code, what = "positives-apart", "Tested deposits beside a training deposit"
    if pair.labels is None:
        return _without_labels(code, what)
    ore, ore_test = (y == 1 for y in pair.labels)
    if not ore_test.any():
        return Check(code, what, Severity.UNKNOWN, "–", "No tested window is labelled as ore.")
    (train, test), (train_marks, marks) = pair.numbers, pair.marks
    apart = cells_apart(train[ore], test[ore_test], train_marks[ore], marks[ore_test])
    overlapping, near = int(np.isfinite(apart).sum()), int((apart <= 1).sum())
    nearest = float(apart.min(initial=np.inf))
    data = {"within_one_cell": near, "overlapping": overlapping, "positives": len(apart)}
    by_one = {"cells": apart.tolist()}  # infinite where nothing overlaps
    if not overlapping:
        meaning = "No tested deposit's window overlaps that of a training deposit."
        if pair.placed is Severity.UNKNOWN:
            meaning = pair.why_unplaced
        return Check(code, what, pair.placed, f"0 of {len(apart)}", meaning, data | by_one)
    meaning = (
        f"{near} of {len(apart)} tested deposits lie within one cell of a training deposit "
        f"(nearest: {nearest:.0f}). {overlapping} have a window that overlaps a training deposit's."
    )
    return Check(code, what, Severity.LEAK, f"{near} of {len(apart)}", meaning, data | by_one)


def _near_across(pair: _Pair) -> Check:
    across = pair.near_across
    severity = Severity.LEAK if across else Severity.CLEAN
    meaning = f"{across} of {len(pair.test)} test windows are near-copies of a training window. "
    meaning += "Added noise or a separate scaling of each part makes such copies."
    if not across:
        meaning = "No test window is a near-copy of a training window."
    data = {"near_copies": across, "windows": len(pair.test)}
    what = "Test windows that are near-copies of a training window"
    return Check("near-copies", what, severity, f"{across} of {len(pair.test)}", meaning, data)


def _one_cell(pair: _Pair) -> Check:
    code, what = "one-cell", "Logistic regression on the centre cell alone"
    if pair.labels is None:
        return _without_labels(code, what)
    train, test = pair.centres()
    found = one_cell(train, pair.labels[0], test, pair.labels[1])
    figure, data = f"accuracy {found.accuracy:.3f}", {"accuracy": found.accuracy, "auc": found.auc}
    if np.isnan(found.auc):
        meaning = "The test labels are all of one class: there is nothing to rank."
        return Check(code, what, Severity.UNKNOWN, figure, meaning, data)
    figure += f", AUC {found.auc:.3f}"
    if found.auc >= ALMOST_PERFECT:
        meaning = (
            f"The centre cell alone has AUC {found.auc:.2f} here. A high score of a larger model "
            "on these windows does not show that it is better."
        )
        return Check(code, what, Severity.SUSPICIOUS, figure, meaning, data)
    meaning = "A larger model must score above this on these windows."
    return Check(code, what, Severity.CLEAN, figure, meaning, data)


def _claims(pair: _Pair) -> Check:
    code, what = "random-split", "AUC of a random split beside one that keeps places whole"
    if pair.labels is None:
        return _without_labels(code, what)
    labels, group = np.concatenate(pair.labels), pair.group
    groups = len(np.unique(group))
    if groups == len(group) and pair.placed is Severity.UNKNOWN:
        return Check(code, what, Severity.UNKNOWN, "–", NO_PLACE, {"groups": groups})
    if groups == len(group):
        meaning = "No two windows share a place: a random split is fair here."
        return Check(code, what, Severity.CLEAN, "the same", meaning, {"groups": groups})
    found = split_claims(np.concatenate(pair.centres()), labels, group)
    if not found.folds:
        meaning = "All windows of one class are of one place: no fair split is possible."
        return Check(code, what, Severity.UNKNOWN, "–", meaning, {"groups": groups})
    return _judged_claims(code, what, found, groups, pair)


def _judged_claims(code: str, what: str, found: SplitClaims, groups: int, pair: _Pair) -> Check:
    random, grouped = float(found.random.mean()), float(found.grouped.mean())
    figure = f"AUC {random:.2f} beside {grouped:.2f}"
    low, high = found.grouped.min(), found.grouped.max()
    meaning = (
        f"The same simple model has AUC {random:.2f} on a random split and {grouped:.2f} "
        f"({low:.2f} to {high:.2f}) when the {groups} places of the {len(pair.group)} windows are "
        "kept whole."
    )
    severity = Severity.CLEAN
    if random - grouped >= MUCH_LOWER:
        severity = Severity.LEAK if pair.crossing else Severity.SUSPICIOUS
    data = {"random": random, "grouped": grouped, "groups": groups, "folds": found.folds}
    data |= {"random_by_repeat": found.random.tolist(), "by_repeat": found.grouped.tolist()}
    return Check(code, what, severity, figure, meaning, data)


def _scaling(pair: _Pair) -> Check:
    code, what = "scaling", "Scaling fitted to training and test together"
    found = scaled_together(pair.train, pair.test)
    if found is None:
        meaning = "No sign of it. A scaling fitted to the whole map would leave no sign."
        return Check(code, what, Severity.UNKNOWN, "no trace", meaning)
    how = "mean 0 and spread 1" if found == "standardised" else "a range of 0 to 1"
    meaning = (
        f"Every channel has {how} over both parts together, but not over training alone: the "
        "scaling used the test windows."
    )
    return Check(code, what, Severity.LEAK, found, meaning, {"how": found})


def _copies_inside(pair: _Pair, part: int) -> Check:
    name = ("training", "test")[part]
    code, what = f"copies-in-{name}", f"Copies inside the {name} part"
    first, last = (0, len(pair.train)) if part == 0 else (len(pair.train), len(pair.group))
    n = last - first
    equal = n - len(np.unique(canonical(pair.numbers[part])))
    inside = pair.near[first:last]
    near = int(((inside >= first) & (inside < last)).sum())
    places = len(np.unique(pair.group[first:last]))
    data = {"windows": n, "places": places, "equal": equal, "near_copies": near}
    figure = f"{n} windows, {places} places"
    if places == n and not equal:
        return Check(
            code, what, Severity.CLEAN, figure, "Every window is of a different place.", data
        )
    parts = [f"{n} {name} windows are of {places} places"]
    parts += [f"{equal} repeat another, possibly flipped or turned"] if equal else []
    parts += [f"{near} are near-copies"] if near else []
    meaning = "; ".join(parts) + ". Scores are less certain than the number of windows suggests."
    severity = Severity.SUSPICIOUS
    if part == 0 and not equal and not near:  # sliding windows in training alone is sound
        severity, meaning = Severity.CLEAN, f"{parts[0]}: slid copies, harmless in training."
    return Check(code, what, severity, figure, meaning, data)


def _without_labels(code: str, what: str) -> Check:
    return Check(code, what, Severity.UNKNOWN, "–", "Needs --labels.")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
