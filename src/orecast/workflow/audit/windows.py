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
    array = _read_array(path)
    where = str(path)
    if array.shape == (n, 2) and (array.sum(axis=1) == 1).all():  # one-hot: negative, ore
        array = array[:, 1]
    if array.shape not in {(n,), (n, 1)}:
        raise InputError(
            f"labels of shape {array.shape} for {n} windows",
            where=where,
            remedy="give one label for each window, in the order of the windows",
        )
    if not np.isin(array, (0, 1)).all():
        raise InputError(
            "labels are not 1 (ore) and 0 (negative)", where=where, remedy="code them as 1 and 0"
        )
    return array.reshape(-1).astype(np.int64)


def _read_array(path: Path) -> NDArray[Any]:
    require_file(path)
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        what = "holds Python objects" if "Object arrays" in str(error) else "is not a .npy file"
        remedy = "save a plain array of numbers with numpy.save"
        raise InputError(what, where=str(path), remedy=remedy) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError("holds several arrays", where=str(path), remedy="save one as .npy")
    if array.dtype.kind not in "fiub":
        remedy = "save a plain array of numbers with numpy.save"
        raise InputError(f"holds no numbers ({array.dtype})", where=str(path), remedy=remedy)
    return array


def _read_windows(path: Path) -> Real:
    array = _read_array(path)
    where = str(path)
    remedy = "save windows as (n, size, size, channels)"
    if array.ndim != 4 or not array.size:
        raise InputError(f"has shape {array.shape}", where=where, remedy=remedy)
    _, first, middle, last = array.shape
    if first != middle and middle == last:  # channels first, as torch has them
        array = array.transpose(0, 2, 3, 1)
    elif first != middle:
        raise InputError(f"its windows are not square: {array.shape}", where=where, remedy=remedy)
    if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        array = array.astype(np.float64)
    gaps = ~np.isfinite(array)
    if gaps.any():
        n = int(gaps.any(axis=(1, 2, 3)).sum())
        raise InputError(
            f"{n} of {len(array)} windows hold missing or infinite values",
            where=where,
            remedy="leave those windows out, or fill the values as you did for the model",
        )
    return array


def _sides(windows: Real) -> str:
    _, height, width, channels = windows.shape
    return f"{height} x {width} cells with {channels} channels"


_WHAT = {
    "seen-cells": "Tested cells seen in training",
    "positives-apart": "Tested deposits beside a training deposit",
    "random-split": "AUC of a random split beside one that keeps places whole",
    "sharing-windows": "Test windows that share a cell with training",
    "equal-windows": "Test windows equal to a training window, up to flips and turns",
    "near-copies": "Test windows that are near-copies of a training window",
    "one-cell": "Logistic regression on the centre cell alone",
    "scaling": "Scaling fitted to training and test together",
    "copies-in-training": "Copies inside the training part",
    "copies-in-test": "Copies inside the test part",
    "shared-samples": "Samples shared through interpolation",
}
MUCH_LOWER = 0.1  # a fair split whose AUC is lower by this much than a random one's is a finding
ALMOST_PERFECT = 0.95  # AUC that a single cell rarely reaches
MOSTLY = 0.5  # share of tested cells that must mark a place before "none shared" is a result
NO_PLACE = "Too many cells repeat inside the windows: equal cells do not show an equal place."
NO_LABELS = "Needs --labels."
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
        if len(np.unique(known[0])) < 2:
            raise InputError(
                f"the training labels are all {known[0][0]}",
                where=str(labels[0]),
                remedy="give labels of ore (1) and negative (0) windows, in the order of the "
                "windows",
            )
    pair = _Pair(train, test, known)
    checks = [
        _seen_cells(pair),
        _positives_apart(pair),
        _claims(pair),
        _sharing_windows(pair),
        _equal_windows(pair),
        _near_across(pair),
        _one_cell(pair),
        _scaling(pair),
    ]
    checks += [_copies_inside(pair, part) for part in (0, 1)]
    meaning = (
        "Windows do not show how far the samples of a cell were. Keep test windows one window "
        "width and twice the search radius away from training windows."
    )
    checks.append(_check("shared-samples", Severity.UNKNOWN, "–", meaning))
    return Audit(f"{windows[0]} and {windows[1]}", checks)


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


def _check(
    code: str, severity: Severity, figure: str, meaning: str, data: dict[str, Any] | None = None
) -> Check:
    return Check(code, _WHAT[code], severity, figure, meaning, data or {})


def _seen_cells(pair: _Pair) -> Check:
    (train, test), (_, marks) = pair.numbers, pair.marks
    seen = np.isin(test, train)
    share = float(seen.mean())
    severity, meaning = pair.placed, "No tested cell is in a training window."
    if (seen & marks).any():
        severity = Severity.LEAK
        meaning = f"{_percent(share)} of the tested cells are also in training windows."
    elif pair.near_across and pair.marked >= MOSTLY:
        severity, meaning = Severity.UNKNOWN, BLURRED
    elif severity is Severity.UNKNOWN:
        meaning = (
            f"{_percent(1 - pair.marked)} of the cells repeat inside the windows (padding, classes "
            "or a coarser raster): equal cells do not show an equal place."
        )
    elif seen.any():
        meaning += " Equal cells are padding: they repeat inside single windows."
    figure = f"{_percent(share)} of {seen.size}"
    data = {"share": share, "cells": seen.size, "marking_share": pair.marked}
    return _check("seen-cells", severity, figure, meaning, data)


def _sharing_windows(pair: _Pair) -> Check:
    (train, test), (train_marks, marks) = pair.numbers, pair.marks
    shares = (np.isin(test, train[train_marks]) & marks).any(axis=(1, 2))
    n = int(shares.sum())
    severity = Severity.LEAK if n else pair.placed
    figure = f"{n} of {len(test)}"
    meaning = f"{figure} test windows overlap a training window on the map."
    if severity is Severity.UNKNOWN:
        meaning = pair.why_unplaced
    data = {"sharing": n, "windows": len(test)}
    return _check("sharing-windows", severity, figure, meaning, data)


def _equal_windows(pair: _Pair) -> Check:
    train, test = pair.numbers
    n = int(np.isin(canonical(test), canonical(train)).sum())
    severity, figure = Severity.LEAK if n else Severity.CLEAN, f"{n} of {len(test)}"
    meaning = f"{figure} test windows are training windows, possibly flipped or turned."
    if not n:
        meaning = "No test window is a training window, even flipped or turned."
    return _check("equal-windows", severity, figure, meaning, {"equal": n, "windows": len(test)})


def _positives_apart(pair: _Pair) -> Check:
    code = "positives-apart"
    if pair.labels is None:
        return _check(code, Severity.UNKNOWN, "–", NO_LABELS)
    ore, ore_test = (y == 1 for y in pair.labels)
    if not ore_test.any():
        return _check(code, Severity.UNKNOWN, "–", "No tested window is labelled as ore.")
    (train, test), (train_marks, marks) = pair.numbers, pair.marks
    apart = cells_apart(train[ore], test[ore_test], train_marks[ore], marks[ore_test])
    overlapping, near = int(np.isfinite(apart).sum()), int((apart <= 1).sum())
    data = {"within_one_cell": near, "overlapping": overlapping, "positives": len(apart)}
    data |= {"cells": apart.tolist()}  # infinite where nothing overlaps
    figure = f"{near} of {len(apart)}"
    if overlapping:
        meaning = (
            f"{figure} tested deposits lie within one cell of a training deposit (nearest: "
            f"{float(apart.min()):.0f}). {overlapping} have a window that overlaps a training "
            "deposit's."
        )
        return _check(code, Severity.LEAK, figure, meaning, data)
    meaning = "No tested deposit's window overlaps that of a training deposit."
    if pair.placed is Severity.UNKNOWN:
        meaning = pair.why_unplaced
    return _check(code, pair.placed, figure, meaning, data)


def _near_across(pair: _Pair) -> Check:
    n, windows = pair.near_across, len(pair.test)
    severity, figure = Severity.LEAK if n else Severity.CLEAN, f"{n} of {windows}"
    meaning = f"{figure} test windows are near-copies of a training window. "
    meaning += "Added noise or a separate scaling of each part makes such copies."
    if not n:
        meaning = "No test window is a near-copy of a training window."
    return _check("near-copies", severity, figure, meaning, {"near_copies": n, "windows": windows})


def _one_cell(pair: _Pair) -> Check:
    if pair.labels is None:
        return _check("one-cell", Severity.UNKNOWN, "–", NO_LABELS)
    train, test = pair.centres()
    scores = one_cell(train, pair.labels[0], test, pair.labels[1])
    figure = f"accuracy {scores.accuracy:.3f}"
    if np.isnan(scores.auc):
        severity = Severity.UNKNOWN
        meaning = "The test labels are all of one class: there is nothing to rank."
    else:
        figure += f", AUC {scores.auc:.3f}"
        severity = Severity.CLEAN
        meaning = "A larger model must score above this on these windows."
    if scores.auc >= ALMOST_PERFECT:
        severity = Severity.SUSPICIOUS
        meaning = (
            f"The centre cell alone has AUC {scores.auc:.2f} here. A high score of a larger model "
            "on these windows does not show that it is better."
        )
    data = {"accuracy": scores.accuracy, "auc": scores.auc}
    return _check("one-cell", severity, figure, meaning, data)


def _claims(pair: _Pair) -> Check:
    code, unknown = "random-split", Severity.UNKNOWN
    if pair.labels is None:
        return _check(code, unknown, "–", NO_LABELS)
    labels, group = np.concatenate(pair.labels), pair.group
    groups = len(np.unique(group))
    if groups == len(group) and pair.placed is unknown:
        return _check(code, unknown, "–", NO_PLACE, {"groups": groups})
    if groups == len(group):
        meaning = "No two windows share a place: a random split is fair here."
        return _check(code, Severity.CLEAN, "the same", meaning, {"groups": groups})
    claims = split_claims(np.concatenate(pair.centres()), labels, group)
    if not claims.folds:
        meaning = "All windows of one class are of one place: no fair split is possible."
        return _check(code, unknown, "–", meaning, {"groups": groups})
    random, grouped = float(claims.random.mean()), float(claims.grouped.mean())
    figure = f"AUC {random:.2f} beside {grouped:.2f}"
    low, high = claims.grouped.min(), claims.grouped.max()
    meaning = (
        f"The same simple model has AUC {random:.2f} on a random split and {grouped:.2f} "
        f"({low:.2f} to {high:.2f}) when the {groups} places of the {len(group)} windows are "
        "kept whole."
    )
    severity = Severity.CLEAN
    if random - grouped >= MUCH_LOWER:
        severity = Severity.LEAK if pair.crossing else Severity.SUSPICIOUS
    data = {"random": random, "grouped": grouped, "groups": groups, "folds": claims.folds}
    data |= {"random_by_repeat": claims.random.tolist(), "by_repeat": claims.grouped.tolist()}
    return _check(code, severity, figure, meaning, data)


def _scaling(pair: _Pair) -> Check:
    how = scaled_together(pair.train, pair.test)
    if how is None:
        meaning = "No sign of it. A scaling fitted to the whole map would leave no sign."
        return _check("scaling", Severity.UNKNOWN, "no trace", meaning)
    words = "mean 0 and spread 1" if how == "standardised" else "a range of 0 to 1"
    meaning = (
        f"Every channel has {words} over both parts together, but not over training alone: the "
        "scaling used the test windows."
    )
    return _check("scaling", Severity.LEAK, how, meaning, {"how": how})


def _copies_inside(pair: _Pair, part: int) -> Check:
    name = ("training", "test")[part]
    first, last = (0, len(pair.train)) if part == 0 else (len(pair.train), len(pair.group))
    n = last - first
    equal = n - len(np.unique(canonical(pair.numbers[part])))
    inside = pair.near[first:last]
    near = int(((inside >= first) & (inside < last)).sum())
    places = len(np.unique(pair.group[first:last]))
    parts = [f"{n} {name} windows are of {places} places"]
    parts += [f"{equal} repeat another, possibly flipped or turned"] if equal else []
    parts += [f"{near} are near-copies"] if near else []
    severity = Severity.SUSPICIOUS
    meaning = "; ".join(parts) + ". Scores are less certain than the number of windows suggests."
    data = {"windows": n, "places": places, "equal": equal, "near_copies": near}
    if places == n and not equal:
        severity, meaning = Severity.CLEAN, "Every window is of a different place."
    elif part == 0 and not equal and not near:  # sliding windows in training alone is sound
        severity, meaning = Severity.CLEAN, f"{parts[0]}: slid copies, harmless in training."
    return _check(f"copies-in-{name}", severity, f"{n} windows, {places} places", meaning, data)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
