"""Classes A, B and C of a map, and the deposits that each class contains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast import config
from orecast.errors import ConfigError
from orecast.mapping.rasters import CLASS_NODATA

NAMES = ("A", "B", "C")
Thresholds = tuple[float, float, float]

_BINS = 50
_FALL = 0.25  # a peak must fall by this share of its height on both sides
_TALL = 0.05  # a peak must reach this share of the tallest peak's height


@dataclass(frozen=True)
class ClassMap:
    """A map of classes, with its rule, its thresholds, and the deposits in each class.

    ``values`` ``(rows, columns)`` uint8: 1 A, 2 B, 3 C, 0 none, 255 nodata. A cell is in the best
    class whose threshold its score reaches. A class with an infinite threshold has no cells.
    ``captured`` has one row for each class: its share of the mapped area, and of the deposits on
    the map, without those of better classes.
    """

    rule: str
    values: NDArray[np.uint8]
    thresholds: Thresholds
    sentence: str
    captured: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return the form for ``metrics.json``."""
        return {
            "rule": self.rule,
            "sentence": self.sentence,
            "thresholds": list(self.thresholds),
            "captured": self.captured,
        }


def classify(
    score: NDArray[np.floating], options: config.ClassOptions, deposits: ArrayLike = ()
) -> ClassMap:
    """Draw classes A, B and C.

    ``score`` ``(rows, columns)``, 0..1, NaN outside the map. ``deposits`` ``(n, 2)`` are rows and
    columns of the known deposits. They are only counted; they do not change a threshold. Deposits
    outside the map or on NaN are not counted. Rules: "area" takes the best cells up to each share
    of the mapped area; cells of equal score are all taken, or none if they exceed the share.
    "probability" takes fixed scores. "histogram" divides the range from the histogram's peak to its
    maximum into three equal steps (Earth Science 51(3), 2026, without its tuning by hand). Raises
    ConfigError if the map has no cells, or its histogram has no interior peak.
    """
    cells = score[~np.isnan(score)]
    if not cells.size:
        raise ConfigError(
            "no cell of the map has a score, so there are no classes",
            remedy="check that the evidence layers cover the area",
        )
    thresholds, how = _thresholds(cells, options)
    values = _values(score, thresholds)
    captured = _captured(values, deposits)
    return ClassMap(
        options.rule, values, thresholds, _sentence(how, thresholds, captured), captured
    )


def classify_held_out(
    score: NDArray[np.floating],
    fold: NDArray[np.integer],
    seen: Sequence[NDArray[np.floating]],
    options: config.ClassOptions,
    deposits: ArrayLike = (),
) -> ClassMap:
    """Draw the classes of an out-of-fold map, with thresholds from each fold's visible cells.

    ``score`` and ``fold`` ``(rows, columns)``; ``seen`` has each fold's scores of its visible cells
    ``(n_seen,)``. So in the held-out regions a class can cover another share of the area than the
    requested one. ``thresholds`` are the means over folds. Raises ConfigError as ``classify``.
    """
    values = np.full(score.shape, CLASS_NODATA, dtype=np.uint8)
    found = []
    for k, scores in enumerate(seen):
        thresholds, how = _thresholds(scores, options)
        mine = fold == k
        values[mine] = _values(score, thresholds)[mine]
        found.append(thresholds)
    a, b, c = (float(v) for v in np.mean(found, axis=0))
    captured = _captured(values, deposits)
    how = f"{how}, computed in each fold from its training cells"
    return ClassMap(options.rule, values, (a, b, c), _sentence(how, (a, b, c), captured), captured)


def _thresholds(
    scores: NDArray[np.floating], options: config.ClassOptions
) -> tuple[Thresholds, str]:
    """Thresholds of A, B and C from the scores of cells ``(n,)``, and the rule in words."""
    cells = np.sort(scores).astype(np.float64)
    if options.rule == "area":
        a, b, c = (f"{100 * share:.3g} %" for share in options.area)
        words = f"share of the mapped area, at most {a} in A, {b} in A and B, {c} in all"
        return _by_area(cells, options.area), words
    if options.rule == "probability":
        return options.probability, "fixed scores"
    thresholds = _by_histogram(cells)
    return thresholds, (
        f"the histogram, from its peak at {thresholds[2]:.3g} to its maximum "
        f"{cells[-1]:.3g} in three equal steps"
    )


def _by_area(cells: NDArray[np.float64], shares: Thresholds) -> Thresholds:
    """Lowest score of each class from ascending ``cells``; infinite if a tie exceeds the share."""

    def lowest(share: float) -> float:
        count = math.floor(round(share * cells.size, 6))
        if count >= cells.size:
            return float(cells[0])
        best_left_out = cells[cells.size - count - 1]
        higher = int(np.searchsorted(cells, best_left_out, side="right"))
        return float(cells[higher]) if higher < cells.size else math.inf

    a, b, c = (lowest(share) for share in shares)
    return a, b, c


def _by_histogram(cells: NDArray[np.float64]) -> Thresholds:
    """Peak to maximum in equal steps; scores below the peak are background.

    The peak is a maximum of the smoothed histogram, not at its ends. If several are clear, the one
    at the highest score is taken: a lower one, of barren rock, is background too.
    """
    low, high = float(cells[0]), float(cells[-1])
    counts, edges = np.histogram(cells, bins=_BINS, range=(low, high) if low < high else (0, 1))
    peaks = _clear_peaks(counts)
    if low == high or not peaks.size:
        raise ConfigError(
            f"the histogram of the scores, {low:.3g} to {high:.3g}, has no clear interior peak: "
            f"{100 * np.max(counts) / cells.size:.0f} % of the cells lie between "
            f"{edges[counts.argmax()]:.3g} and {edges[counts.argmax() + 1]:.3g}",
            where='classes.rule = "histogram"',
            remedy='set classes.rule to "area" or "probability"',
        )
    peak = float(edges[peaks[-1]] + edges[peaks[-1] + 1]) / 2
    step = (high - peak) / 3
    return peak + 2 * step, peak + step, peak


def _clear_peaks(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bins of the interior peaks that are tall enough and fall on both sides."""
    from scipy.signal import find_peaks

    smooth = np.convolve(np.pad(counts, 2, mode="edge"), np.array([1, 2, 3, 2, 1]) / 9, "valid")
    peaks, found = find_peaks(smooth, prominence=0)
    peaks = peaks[found["prominences"] >= _FALL * smooth[peaks]]
    tall: NDArray[np.int64] = peaks[smooth[peaks] >= _TALL * np.max(smooth[peaks], initial=0)]
    return tall


def _values(score: NDArray[np.floating], thresholds: Thresholds) -> NDArray[np.uint8]:
    values = np.zeros(score.shape, dtype=np.uint8)
    for number, threshold in zip((3, 2, 1), reversed(thresholds), strict=True):
        values[score >= threshold] = number
    values[np.isnan(score)] = CLASS_NODATA
    return values


def _captured(values: NDArray[np.uint8], deposits: ArrayLike) -> list[dict[str, Any]]:
    """Share of the area and of the deposits in each class; NaN without deposits."""
    row, column = np.asarray(deposits, dtype=np.int64).reshape(-1, 2).T
    inside = (row >= 0) & (row < values.shape[0]) & (column >= 0) & (column < values.shape[1])
    at_deposits = values[row[inside], column[inside]]
    known = int(np.sum(at_deposits != CLASS_NODATA))
    mapped = int(np.sum(values != CLASS_NODATA))
    table: list[dict[str, Any]] = []
    for number, name in enumerate(NAMES, start=1):
        held = int(np.sum(at_deposits == number))
        table.append(
            {
                "class": name,
                "area_share": int(np.sum(values == number)) / mapped,
                "deposits_share": held / known if known else math.nan,
                "deposits": held,
                "of": known,
            }
        )
    return table


def _limit(score: float) -> str:
    """Three digits, or more if a score below 1 would be printed as 1.

    >>> _limit(0.98765), _limit(0.99997), _limit(1.0)
    ('0.988', '0.99997', '1')
    """
    digits = next(d for d in range(3, 18) if score >= 1 or float(f"{score:.{d}g}") < 1)
    return f"{score:.{digits}g}"


def _sentence(how: str, thresholds: Thresholds, captured: list[dict[str, Any]]) -> str:
    parts = []
    for threshold, row in zip(thresholds, captured, strict=True):
        if row["area_share"] == 0:
            parts.append(f"{row['class']} has no cells")
            continue
        part = (
            f"{row['class']} from a score of {_limit(threshold)} covers "
            f"{100 * row['area_share']:.2g} %"
        )
        if row["of"]:
            part += f" and holds {row['deposits']} of {row['of']} deposits"
        parts.append(part)
    return f"Classes by {how}: {'; '.join(parts)}."
