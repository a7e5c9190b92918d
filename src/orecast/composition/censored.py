"""Values below detection, replaced so that the ratios of what was measured stay as they are.

Martín-Fernández, J.A., Barceló-Vidal, C. & Pawlowsky-Glahn, V. (2003), Dealing with zeros and
missing values in compositional data sets using nonparametric imputation, Mathematical Geology 35,
253-278.
Palarea-Albaladejo, J. & Martín-Fernández, J.A. (2013), Values below detection limit in
compositional chemical data, Analytica Chimica Acta 764, 32-43.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Bools, Floats
from orecast.errors import ConfigError, InputError, nearest

FRACTION = 0.65  # of the limit: least distortion of the covariances (Martín-Fernández et al. 2003)


def impute(
    values: ArrayLike,
    censored: ArrayLike,
    limits: ArrayLike | None = None,
    method: Literal["multiplicative", "lognormal"] = "multiplicative",
    names: Sequence[str] | None = None,
    total: float = 1e6,
    fitted_on: Bools | None = None,
) -> Floats:
    """Replace the values below detection; returns ``(n, n_elements)``.

    ``values`` ``(n, n_elements)`` hold the detection limit where ``censored`` is true, unless
    ``limits`` ``(n_elements,)`` or ``(n, n_elements)`` gives it. NaN, a missing value, stays NaN.

    A replacement r is 0.65 of the limit ("multiplicative", Martín-Fernández et al. 2003), which
    needs no other row, or the geometric mean of the log-normal below the limit, whose mean and
    spread are the column's maximum-likelihood estimates under censoring ("lognormal",
    Palarea-Albaladejo & Martín-Fernández 2013). Those are learned from the rows ``fitted_on``
    ``(n,)``, from all where they are left out, and hold for every row; no label has a part in them.
    The measured values of the row are then multiplied by ``1 - sum(r) / total``.

    ``total`` is the whole that the row belongs to, in the unit of the values: 1e6 for mg/kg. Where
    only traces were measured, what was not (the residual part of the rock) stands between their sum
    and the total and is scaled with them, so that the whole still closes and no ratio of two
    measured parts changes. The factor is then next to one, as it should be: a trace below its limit
    says nearly nothing about the mass of the others. A row that sums to more than the total (an
    over-closed analysis) is its own whole.

    Raises InputError naming the column: a value or limit that is not positive and finite, no
    measured value to stand for the censored ones, and for "lognormal" fewer than two distinct ones
    to learn from.

    >>> impute([[1000.0, 200.0], [2000.0, 300.0]], [[True, False], [False, False]]).tolist()
    [[650.0, 199.87], [2000.0, 300.0]]
    """
    x = np.array(values, dtype=np.float64)
    below = np.asarray(censored, dtype=np.bool_)
    if x.ndim != 2 or below.shape != x.shape:
        raise InputError(f"values of shape {x.shape} do not go with censored of {below.shape}")
    below = below & ~np.isnan(x)
    limit = x if limits is None else np.broadcast_to(np.asarray(limits, dtype=np.float64), x.shape)
    labels = list(names) if names is not None else [str(i) for i in range(x.shape[1])]
    _check(x, below, limit, labels)
    if method == "multiplicative":
        replacement = np.where(below, FRACTION * limit, 0.0)
    elif method == "lognormal":
        rows = np.ones(len(x), dtype=np.bool_) if fitted_on is None else fitted_on
        replacement = _lognormal(x, below, limit, labels, rows)
    else:
        raise ConfigError(
            f"unknown replacement {method!r}",
            where="composition.censored",
            remedy=nearest(str(method), ["multiplicative", "lognormal"]),
        )
    return _replaced(x, below, replacement, total)


def _replaced(x: Floats, below: Bools, replacement: Floats, total: float) -> Floats:
    """Put the replacements in and close the row's whole again."""
    measured = np.where(below | np.isnan(x), 0.0, x).sum(axis=1)
    whole = np.maximum(total, measured)
    factor = 1.0 - replacement.sum(axis=1) / whole
    if (factor <= 0).any():
        raise InputError(
            "the limits of detection add up to more than the whole sample",
            where=f"row {np.argmax(factor <= 0)}",
            remedy="check the units of the limits",
        )
    return np.where(below, replacement, x * factor[:, None])


def _lognormal(
    x: Floats, below: Bools, limit: Floats, names: Sequence[str], fitted_on: Bools
) -> Floats:
    """Geometric mean of each column's log-normal below each limit, 0 where not censored."""
    from scipy.special import log_ndtr

    replacement = np.zeros_like(x)
    for j, name in enumerate(names):
        if not below[:, j].any():
            continue
        measured = x[~below[:, j] & ~np.isnan(x[:, j]) & fitted_on, j]
        if len(np.unique(measured)) < 2:
            raise InputError(
                "fewer than two distinct measured values, from which no spread can be estimated"
                + ("" if fitted_on.all() else ", outside the cells that a fold hides"),
                where=f"column {name!r}",
                remedy='set composition.censored = "multiplicative", or leave the column out',
            )
        bound = np.log(limit[below[:, j], j])
        known = np.log(limit[below[:, j] & fitted_on, j])
        mean, spread = censored_normal(np.log(measured), known)
        z = (bound - mean) / spread
        hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z))  # pdf / cdf
        # Below the limit by definition; the bound guards against rounding far down the tail.
        expected = np.minimum(mean - spread * hazard, np.nextafter(bound, -np.inf))
        replacement[below[:, j], j] = np.exp(expected)
    return replacement


def censored_normal(measured: Floats, bounds: Floats) -> tuple[float, float]:
    """Maximum-likelihood mean and spread of a normal, some of whose values lie below bounds.

    ``measured`` ``(n,)`` are seen, of ``bounds`` ``(m,)`` it is known only that the value is lower.
    Olsen, R.J. (1978, Econometrica 46, 1211): the likelihood is concave in 1 / spread and
    mean / spread, so that its maximum is the only one.
    """
    from scipy.optimize import minimize
    from scipy.special import log_ndtr

    known = np.concatenate([measured, bounds])
    n, centre, scale = len(known), known.mean(), known.std()
    seen, lower = (measured - centre) / scale, (bounds - centre) / scale

    def loss(parameters: Floats) -> tuple[float, Floats]:
        log_h, d = parameters  # h = 1 / spread, d = mean / spread
        h = np.exp(log_h)
        e, z = h * seen - d, h * lower - d
        hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z))
        value = 0.5 * (e**2).sum() - len(seen) * log_h - log_ndtr(z).sum()
        by_h = (e * seen).sum() - len(seen) / h - (hazard * lower).sum()
        return float(value) / n, np.array([by_h * h, -e.sum() + hazard.sum()]) / n

    found = minimize(loss, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-8})
    h, d = np.exp(found.x[0]), found.x[1]
    return float(centre + scale * d / h), float(scale / h)


def _check(x: Floats, below: Bools, limit: Floats, names: Sequence[str]) -> None:
    """Refuse, with the column's name, what cannot be replaced or kept."""
    for j in range(x.shape[1]):
        where = f"column {names[j]!r}"
        present = ~np.isnan(x[:, j])
        measured = present & ~below[:, j]
        if below[:, j].any() and not measured.any():
            raise InputError(
                f"no value was measured, all {int(below[:, j].sum())} lie below detection",
                where=where,
                remedy="leave the column out",
            )
        for what, rows, column in (
            ("detection limit", below[:, j], limit[:, j]),
            ("value", measured, x[:, j]),
        ):
            bad = rows & ~((column > 0) & np.isfinite(column))
            if bad.any():
                row = int(np.argmax(bad))
                raise InputError(
                    f"the {what} in row {row} is {column[row]:g}, not positive and finite",
                    where=where,
                    remedy="mark it as censored with its detection limit, or as missing",
                )
