"""Samples at the same place: their precision and their average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orecast.arrays import Bools, Floats, Ints

# In a group with detected values, a censored value counts as this share of its limit
# (Martín-Fernández, Barceló-Vidal & Pawlowsky-Glahn 2003, Mathematical Geology 35, 253-278).
CENSORED_SHARE = 0.65
_FEWEST_PAIRS = 5


@dataclass(frozen=True)
class SharedPlaces:
    """Which samples share a place. ``number`` numbers the places in the order of the file."""

    number: Ints  # (n,), 0 .. n_places - 1
    first: Ints  # (n_places,), the first sample of each

    @property
    def shared(self) -> int:
        """How many samples are at the place of an earlier sample."""
        return len(self.number) - len(self.first)


def places(xy: Floats, tolerance: float = 0.01) -> SharedPlaces:
    """Number the places of positions ``(n, 2)`` in metres; ``tolerance`` joins near ones.

    >>> places(np.array([[0.0, 0], [5, 5], [0, 0]])).number.tolist()
    [0, 1, 0]
    """
    rounded = np.round(xy / tolerance).astype(np.int64)
    _, first, inverse = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return SharedPlaces(rank[inverse.ravel()], first[order].astype(np.int64))


def average(
    values: Floats, censored: Bools, zeros: Bools, at: SharedPlaces
) -> tuple[Floats, Bools, Bools]:
    """Geometric mean of the samples at each place, ``(n_places, n_elements)`` each.

    Returns the means, which of them are censored, and which are ``zeros``.

    If all members of a group are censored, the mean is censored at the geometric mean of their
    limits. Among detected members a censored one counts as 0.65 of its limit; a mean below the
    highest limit used this way is censored at that limit. Missing members are ignored.

    The limit of a zero without a known limit is the lowest value of the whole survey. It is
    learned, and a fold could not remove it from a mean. Therefore a zero beside other members is
    read as below the lowest of them: 0.65 of that value among detected members, one more limit
    among censored ones. If all members are such zeros, the mean is one too.

    >>> v, c = np.array([[4.0], [9.0], [2.0]]), np.array([[False], [False], [True]])
    >>> at = places(np.array([[0.0, 0], [0, 0], [7, 7]]))
    >>> average(v, c, np.zeros_like(c), at)[0].ravel().tolist()
    [6.0, 2.0]
    """
    if at.shared == 0:
        return values.copy(), censored.copy(), zeros.copy()
    values, censored, only_zeros = replace_zeros(values, censored, zeros, at)
    present = ~np.isnan(values)
    members = _sums(present, at)
    detected = _sums(present & ~censored, at)
    all_censored = (members > 0) & (detected == 0)
    share = np.where(censored & ~all_censored[at.number], CENSORED_SHARE, 1.0)
    logs = np.where(present, np.log(np.where(present, values, 1.0) * share), 0.0)
    with np.errstate(invalid="ignore"):
        means = np.exp(_sums(logs, at) / np.where(members > 0, members, np.nan))
    limits = np.full(means.shape, -np.inf)
    np.maximum.at(limits, at.number, np.where(censored & present, values, -np.inf))
    under = ~all_censored & (means < limits)
    means[under] = limits[under]
    alone = np.bincount(at.number, minlength=len(at.first)) == 1
    means[alone] = values[at.first[alone]]  # single samples keep their exact value
    return means, all_censored | under, only_zeros


def replace_zeros(
    values: Floats, censored: Bools, zeros: Bools, at: SharedPlaces
) -> tuple[Floats, Bools, Bools]:
    """Values and censored, with zeros replaced beside others; and the places with only zeros.

    A zero is read as below the lowest of the others at its place: see ``average``.
    """
    others = ~zeros & ~np.isnan(values)
    lowest = np.full((len(at.first), values.shape[1]), np.inf)
    np.minimum.at(lowest, at.number, np.where(others, values, np.inf))
    some = np.isfinite(lowest)
    detected = _sums(others & ~censored, at) > 0
    beside = zeros & some[at.number]
    counted = beside & detected[at.number]
    share = np.where(counted, CENSORED_SHARE, 1.0)
    values = np.where(beside, lowest[at.number] * share, values)
    only_zeros = ~some & (_sums(zeros, at) > 0)
    return values, censored & ~counted, only_zeros


def precision(values: Floats, censored: Bools, at: SharedPlaces) -> dict[int, tuple[int, float]]:
    """Robust coefficient of variation of each element from the places with several samples.

    The first two detected samples a, b of each place form a pair. Half of the pairs differ by
    less than 0.954 standard deviations (Thompson & Howarth 1973, Analyst 98, 153-160), so the
    coefficient is the median of |a - b| / ((a + b) / 2), divided by 0.954. Field duplicates give
    the precision of sampling and analysis together.

    Returns {element's column: (pairs, coefficient)} for elements with at least 5 pairs. The
    coefficient is 0 where more than half of the pairs are equal: the rounding is then coarser than
    the precision, or the same record is there twice.
    """
    found = {}
    shared = np.bincount(at.number)[at.number] > 1
    for column in range(values.shape[1]):
        usable = np.flatnonzero(shared & ~censored[:, column] & ~np.isnan(values[:, column]))
        usable = usable[np.argsort(at.number[usable], kind="stable")]
        number = at.number[usable]
        same = number[1:] == number[:-1]
        firsts = np.flatnonzero(same & ~np.r_[False, same[:-1]])  # the first two of each place
        a, b = values[usable[firsts], column], values[usable[firsts + 1], column]
        if len(a) >= _FEWEST_PAIRS:
            found[column] = (len(a), float(np.median(np.abs(a - b) / ((a + b) / 2)) / 0.954))
    return found


def _sums(values: Floats | Bools, at: SharedPlaces) -> Floats:
    total = np.zeros((len(at.first), values.shape[1]))
    np.add.at(total, at.number, values)
    return total
