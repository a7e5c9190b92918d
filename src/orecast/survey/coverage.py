"""What it costs to keep an element: the area and the deposits where it has no value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from orecast.arrays import Bools, Floats
from orecast.survey.data import Element, Findings

LEAST_SHARE = 0.5
"""Share of the area in which an element needs values for ``orecast init`` to keep it."""

_PLACES = 2000  # that are compared
_CELLS = 2500  # places at which the coverage is looked up
_NEIGHBOURS, _SHARE = 4, 0.95  # the reach holds this many neighbours of this share of samples
_ALL = 0.98  # an element with this share of the values covers what all samples cover


def coverage(xy: Floats, present: Bools, reach: float | None = None) -> Bools:
    """At which places of the sampled area each element has a value near, ``(n_places, e)``.

    ``xy`` ``(n, 2)`` are the positions of the samples, ``present`` ``(n, e)`` which elements have a
    value there. Near is within ``reach``, by default the distance within which 95 % of the
    samples have four others. The sampled area is what lies near any sample; its places are spread
    evenly.

    >>> x, y = np.meshgrid(np.arange(20.0), np.arange(20.0))
    >>> xy = np.column_stack([x.ravel(), y.ravel()])
    >>> present = np.column_stack([xy[:, 0] >= 0, xy[:, 0] < 5])
    >>> coverage(xy, present).mean(axis=0).round(1).tolist()
    [1.0, 0.3]
    """
    reach = reach if reach is not None else _reach(xy)
    low, high = xy.min(axis=0), xy.max(axis=0)
    side = np.sqrt(max(np.prod(high - low), 1e-12) / _CELLS)
    numbers = np.clip((high - low) / side, 2, _CELLS).astype(int)
    steps = [np.linspace(*ends) for ends in zip(low, high, numbers, strict=True)]
    places = np.stack(np.meshgrid(*steps), axis=-1).reshape(-1, 2)
    places = places[is_near(xy, places, reach)]
    return covered(xy, present, places, reach) if len(places) else present


def keep_covering(has: Bools, fewest: int) -> Bools:
    """Which elements to keep so that all have a value at half of the places, ``(e,)``.

    ``has`` ``(n_places, e)`` marks where each has one. From each element in turn, others are added
    as long as half of the places are left, the one that leaves most first; the largest set is
    kept. So elements of one method stay together. ``fewest`` always stay.

    >>> has = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 1]], dtype=bool)
    >>> keep_covering(has, 2).tolist()
    [True, True, False, True]
    """
    if has.all(axis=1).mean() >= LEAST_SHARE:
        return np.ones(has.shape[1], dtype=bool)
    kinds, kind_of = np.unique(has[:: len(has) // _PLACES + 1], axis=1, return_inverse=True)
    kind_of = kind_of.reshape(-1)
    numbers = np.bincount(kind_of)
    best = np.zeros(has.shape[1], dtype=bool)
    score = (-1, -1.0)
    for first in range(kinds.shape[1]):
        keep, joint = np.zeros(kinds.shape[1], dtype=bool), kinds[:, first].copy()
        keep[first] = True
        while not keep.all():
            left = (kinds & joint[:, None]).mean(axis=0)
            following = int(np.argmax(np.where(keep, -1.0, left)))
            if left[following] < LEAST_SHARE and numbers[keep].sum() >= fewest:
                break
            keep[following] = True
            joint &= kinds[:, following]
        n = int(numbers[keep].sum()) if joint.mean() >= LEAST_SHARE else 0
        if (n, float(joint.mean())) > score:
            best, score = keep[kind_of], (n, float(joint.mean()))
    return best


def covered(xy: Floats, present: Bools, places: Floats, reach: float) -> Bools:
    """At which places each element has a sample with a value within reach, ``(n_places, e)``."""
    found = np.zeros((len(places), present.shape[1]), dtype=bool)
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    which = which.reshape(-1)
    near_any = is_near(xy, places, reach)
    for k, has in enumerate(patterns.T):
        full = has.mean() >= _ALL
        at = near_any if full else is_near(xy[has], places, reach)
        found[:, which == k] = at[:, None]
    return found


def is_near(xy: Floats, places: Floats, reach: float) -> Bools:
    """Which places have a sample within reach, ``(n_places,)``."""
    if not len(xy) or not len(places):
        return np.zeros(len(places), dtype=bool)
    near: Bools = cKDTree(xy).query(places, distance_upper_bound=reach * (1 + 1e-9))[0] < np.inf
    return near


def _reach(xy: Floats) -> float:
    places = np.unique(xy, axis=0)
    order = min(_NEIGHBOURS, len(places) - 1)
    if order < 1:
        return 1.0
    return float(np.quantile(cKDTree(places).query(places, k=[order + 1])[0][:, 0], _SHARE))


def report_costs(
    elements: Sequence[Element],
    values: Floats,
    xy: Floats,
    deposits: Floats | None,
    reach: float | None,
    where: str,
    findings: Findings,
) -> None:
    """Report the elements without values in a part of the area, or at deposits.

    ``values`` ``(n, e)`` are NaN where missing, ``xy`` ``(n, 2)`` and ``deposits`` ``(d, 2)`` are
    positions in metres. ``reach`` is the search radius, if it is known.
    """
    present = ~np.isnan(values)
    if len(np.unique(xy, axis=0)) < 2 or present.mean(axis=0).min() >= _ALL:
        return
    reach = reach if reach is not None else _reach(xy)
    has = coverage(xy, present, reach)
    shares = has.mean(axis=0)
    lost = np.zeros(len(elements), dtype=int)
    n = 0
    if deposits is not None:
        with_samples = deposits[is_near(xy, deposits, reach)]
        n = len(with_samples)
        lost = (~covered(xy, present, with_samples, reach)).sum(axis=0)
    costly = [k for k in np.argsort(shares) if shares[k] < 0.99 or lost[k]]
    if not costly:
        return
    of_deposits = f" and at {{lost}} of {n} deposits" if n else ""
    said = [
        f"{elements[k].column} in {100 * (1 - shares[k]):.0f} % of the area"
        + of_deposits.format(lost=lost[k])
        for k in costly
    ]
    data = {
        elements[k].symbol: {"area": float(1 - shares[k]), "deposits": int(lost[k])} for k in costly
    }
    worst = [elements[k].column for k in costly if shares[k] < LEAST_SHARE or 2 * lost[k] > n > 0]
    what = (
        "the map has a value only where each element has one, "
        f"{100 * has.all(axis=1).mean():.0f} % of the area. Elements without a value: "
        + "; ".join(said)
    )
    if worst:
        remedy = f"add {', '.join(map(repr, worst))} to samples.ignore, unless you need them"
        findings.warning("element-costs", where, what, remedy, costs=data)
    else:
        remedy = "add an element with large gaps to samples.ignore"
        findings.info("element-costs", where, what, remedy, costs=data)
