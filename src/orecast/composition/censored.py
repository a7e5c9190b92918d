"""Replace values below detection without changing the ratios of measured values.

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

FRACTION = 0.65  # of the limit: least change of the covariances (Martín-Fernández et al. 2003)


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

    ``values`` ``(n, n_elements)`` are the detection limit where ``censored`` is true, unless
    ``limits`` ``(n_elements,)`` or ``(n, n_elements)`` gives it. NaN (missing) stays NaN.

    "multiplicative": the replacement r is 0.65 of the limit (Martín-Fernández et al. 2003); it
    uses no other row. "lognormal": r is the geometric mean of the log-normal below the limit, with
    the column's maximum-likelihood mean and spread under censoring (Palarea-Albaladejo &
    Martín-Fernández 2013). They are fitted on the rows ``fitted_on`` ``(n,)``, by default all, and
    used for every row; labels are not used. The measured values of the row are then multiplied by
    ``1 - sum(r) / total``.

    ``total`` is the whole of a row, in the unit of the values: 1e6 for mg/kg. If only traces were
    measured, the unmeasured rest of the rock is scaled with them: the whole stays closed, no ratio
    of two measured parts changes, and the factor is near one. If a row sums to more than the total,
    its sum is the whole.

    Raises InputError with the column: for a value or limit that is not positive and finite, a
    column without a measured value, and for "lognormal" fewer than two distinct measured values.

    >>> impute([[1000.0, 200.0], [2000.0, 300.0]], [[True, False], [False, False]]).tolist()
    [[650.0, 199.87], [2000.0, 300.0]]
    """
    x = np.array(values, dtype=np.float64)
    below = np.asarray(censored, dtype=np.bool_)
    if x.ndim != 2 or below.shape != x.shape:
        raise InputError(f"values of shape {x.shape} do not match censored of shape {below.shape}")
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
    """Insert the replacements and close each row to its whole."""
    measured = np.where(below | np.isnan(x), 0.0, x).sum(axis=1)
    whole = np.maximum(total, measured)
    factor = 1.0 - replacement.sum(axis=1) / whole
    if (factor <= 0).any():
        raise InputError(
            "the detection limits sum to more than the whole sample",
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
                "fewer than two distinct measured values; the spread cannot be estimated"
                + ("" if fitted_on.all() else " outside the cells that a fold hides"),
                where=f"column {name!r}",
                remedy='set composition.censored = "multiplicative", or leave out the column',
            )
        bound = np.log(limit[below[:, j], j])
        known = np.log(limit[below[:, j] & fitted_on, j])
        mean, spread = censored_normal(np.log(measured), known)
        z = (bound - mean) / spread
        hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z))  # pdf / cdf
        # It is below the limit by definition; the bound corrects rounding far in the tail.
        expected = np.minimum(mean - spread * hazard, np.nextafter(bound, -np.inf))
        replacement[below[:, j], j] = np.exp(expected)
    return replacement


def censored_normal(measured: Floats, bounds: Floats) -> tuple[float, float]:
    """Maximum-likelihood mean and spread of a normal with values below bounds.

    ``measured`` ``(n,)`` are known values; for ``bounds`` ``(m,)`` the value is only known to be
    lower. Olsen, R.J. (1978, Econometrica 46, 1211): the likelihood is concave in 1 / spread and
    mean / spread, so it has one maximum.
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
    """Refuse values that cannot be replaced or kept, with the column's name."""
    for j in range(x.shape[1]):
        where = f"column {names[j]!r}"
        present = ~np.isnan(x[:, j])
        measured = present & ~below[:, j]
        if below[:, j].any() and not measured.any():
            raise InputError(
                f"all {int(below[:, j].sum())} values are below detection",
                where=where,
                remedy="leave out the column",
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
