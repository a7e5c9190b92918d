"""Replace values below detection without changing the ratios of measured values.

Martín-Fernández, J.A., Barceló-Vidal, C. & Pawlowsky-Glahn, V. (2003), Dealing with zeros and
missing values in compositional data sets using nonparametric imputation, Mathematical Geology 35,
253-278.
Palarea-Albaladejo, J. & Martín-Fernández, J.A. (2008), A modified EM alr-algorithm for replacing
rounded zeros in compositional data sets, Computers & Geosciences 34, 902-917; (2013), Values below
detection limit in compositional chemical data, Analytica Chimica Acta 764, 32-43; (2015),
zCompositions, Chemometrics and Intelligent Laboratory Systems 143, 85-96.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Bools, Floats, Ints
from orecast.composition.logratio import nth_sample
from orecast.errors import ConfigError, InputError, nearest

Imputation = Literal["multiplicative", "lognormal", "log-ratio-em"]
FRACTION = 0.65  # of the limit: least change of the covariances (Martín-Fernández et al. 2003)


def impute(
    values: ArrayLike,
    censored: ArrayLike,
    limits: ArrayLike | None = None,
    method: Imputation = "multiplicative",
    names: Sequence[str] | None = None,
    total: float = 1e6,
    fitted_on: Bools | None = None,
) -> Floats:
    """Replace the values below detection; returns ``(n, n_elements)``.

    ``values`` ``(n, n_elements)`` are the detection limit where ``censored`` is true, unless
    ``limits`` ``(n_elements,)`` or ``(n, n_elements)`` gives it. NaN (missing) stays NaN.

    "multiplicative": the replacement r is 0.65 of the limit (Martín-Fernández et al. 2003), and at
    most the median of the column's measured values: a limit above it tells little about the value,
    which must not become an anomaly. "lognormal": r is the geometric mean of the log-normal below
    the limit, with the column's maximum-likelihood mean and spread under censoring
    (Palarea-Albaladejo & Martín-Fernández 2013). They, and the median, are fitted on the rows
    ``fitted_on`` ``(n,)``, by default all, and used for every row; labels are not used. After both,
    the measured values of the row are multiplied by ``1 - sum(r) / total``.

    "log-ratio-em": additive log-ratios are multivariate normal. Their mean and covariance are
    fitted by expectation maximisation on the rows ``fitted_on``. A replacement is the expected
    value below its limit, given the measured values of its row (Palarea-Albaladejo &
    Martín-Fernández 2008). Its ratio to the measured values stays when the row is closed.

    ``total`` is the whole of a row, in the unit of the values: 1e6 for mg/kg. If only traces were
    measured, the unmeasured rest of the rock is scaled with them: the whole stays closed, no ratio
    of two measured parts changes, and the factor is near one. If a row sums to more than the total,
    its sum is the whole.

    Raises InputError with the column: for a value or limit that is not positive and finite, a
    column without a measured value, for "lognormal" fewer than two distinct measured values, and
    for "log-ratio-em" too few rows for a covariance.

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
    rows = np.ones(len(x), dtype=np.bool_) if fitted_on is None else fitted_on
    if method == "multiplicative":
        most = median_measured(x[rows], below[rows])
        replacement = np.where(below, np.fmin(FRACTION * limit, most), 0.0)
    elif method == "lognormal":
        replacement = _lognormal(x, below, limit, labels, rows)
    elif method == "log-ratio-em":
        replacement = _log_ratio_em(x, below, limit, total, rows) if below.any() else 0.0 * x
        kept = np.where(below, replacement, x)
        added = replacement.sum(axis=1)
        whole = np.maximum(total, np.nansum(kept, axis=1) - added)
        return np.where((added > 0)[:, None], kept * (whole / (whole + added))[:, None], x)
    else:
        raise ConfigError(
            f"unknown replacement {method!r}",
            where="composition.censored",
            remedy=nearest(str(method), list(get_args(Imputation))),
        )
    return _replaced(x, below, replacement, total)


def median_measured(x: Floats, below: Bools) -> Floats:
    """Median of each column's measured values, ``(n_elements,)``; NaN where there is none.

    ``x`` and ``below``, which marks those below detection, are ``(n, n_elements)``.

    >>> median_measured(np.array([[1.0], [3.0], [99.0]]), np.array([[False], [False], [True]]))
    array([2.])
    """
    measured = np.where(below, np.nan, x)
    some = ~np.isnan(measured).all(axis=0)
    found = np.full(x.shape[1], np.nan)
    found[some] = np.nanmedian(measured[:, some], axis=0)
    return found


def _replaced(x: Floats, below: Bools, replacement: Floats, total: float) -> Floats:
    """Insert the replacements and close each row to its whole."""
    measured = np.where(below | np.isnan(x), 0.0, x).sum(axis=1)
    whole = np.maximum(total, measured)
    factor = 1.0 - replacement.sum(axis=1) / whole
    if (factor <= 0).any():
        raise InputError(
            "the detection limits sum to more than the whole sample",
            where=nth_sample(int(np.argmax(factor <= 0)), len(x)),
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
                remedy='set composition.censored = "multiplicative", or set composition.parts '
                "without it",
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


_EM_STEP, _EM_STEPS = 1e-5, 500  # of a log-ratio's mean or covariance; at most


def _log_ratio_em(x: Floats, below: Bools, limit: Floats, total: float, fitted_on: Bools) -> Floats:
    """Expected value of each censored part given its row, 0 where not censored.

    The denominator of the log-ratios is the first part that is measured in every row, or else
    the unmeasured rest of the rock. Missing parts are predicted too, without a limit.
    """
    parts = np.arange(x.shape[1])
    complete = np.flatnonzero((~below & ~np.isnan(x)).all(axis=0))
    if len(complete):
        base, parts = x[:, complete[0]], np.delete(parts, complete[0])
    else:
        base = total - np.where(below, FRACTION * limit, np.nan_to_num(x)).sum(axis=1)
    problem = None
    if (base <= 0).any():
        problem = "no part is measured in every sample, and the parts sum to more than the whole"
    elif (n := int(fitted_on.sum())) <= len(parts) + 1:
        problem = f"{n} samples are too few for the log-ratios of {len(parts)} parts"
    if problem:
        raise InputError(
            problem,
            where="composition.censored",
            remedy='set it to "multiplicative", or leave out parts',
        )
    measured = (~below & ~np.isnan(x))[:, parts]
    bound = np.log(np.where(below, limit, np.inf)[:, parts] / base[:, None])
    start = np.log(np.where(below, FRACTION * limit, x)[:, parts] / base[:, None])
    start = np.where(np.isnan(start), np.nanmean(start[fitted_on], axis=0), start)
    patterns = _patterns(measured)
    mean, covariance = start[fitted_on].mean(axis=0), np.cov(start[fitted_on], rowvar=False)
    covariance = np.atleast_2d(covariance)
    for _ in range(_EM_STEPS):
        filled, spread = _expected(start, measured, bound, patterns, mean, covariance, fitted_on)
        seen = filled[fitted_on]
        before = mean, covariance
        mean = seen.mean(axis=0)
        covariance = ((seen - mean).T @ (seen - mean) + spread) / (len(seen) - 1)
        moved = max(np.abs(mean - before[0]).max(), np.abs(covariance - before[1]).max())
        if moved < _EM_STEP:
            break
    filled, _ = _expected(start, measured, bound, patterns, mean, covariance, fitted_on)
    replacement = np.zeros_like(x)
    replacement[:, parts] = np.where(below[:, parts], np.exp(filled) * base[:, None], 0.0)
    return replacement


def _patterns(measured: Bools) -> list[tuple[Ints, Ints, Ints]]:
    """Rows that lack the same parts, with the measured and the lacking parts."""
    kinds, number = np.unique(measured, axis=0, return_inverse=True)
    number = number.reshape(-1)
    return [
        (np.flatnonzero(number == k), np.flatnonzero(kind), np.flatnonzero(~kind))
        for k, kind in enumerate(kinds)
        if not kind.all()
    ]


def _expected(
    y: Floats,
    measured: Bools,
    bound: Floats,
    patterns: list[tuple[Ints, Ints, Ints]],
    mean: Floats,
    covariance: Floats,
    fitted_on: Bools,
) -> tuple[Floats, Floats]:
    """Log-ratios with their expected values where not measured, ``(n, parts)``.

    Also the covariance that they lack, summed over the rows ``fitted_on``, ``(parts, parts)``.
    """
    from scipy.special import log_ndtr

    filled, lacking = y.copy(), np.zeros_like(covariance)
    # An element and its oxide have the same log-ratio: their covariance alone is singular.
    stable = covariance + 1e-9 * np.diag(np.diag(covariance))
    for rows, seen, missing in patterns:
        slope = np.linalg.solve(stable[np.ix_(seen, seen)], covariance[np.ix_(seen, missing)])
        rest = covariance[np.ix_(missing, missing)] - covariance[np.ix_(missing, seen)] @ slope
        expected = mean[missing] + (y[np.ix_(rows, seen)] - mean[seen]) @ slope
        sd = np.sqrt(np.maximum(np.diag(rest), np.finfo(np.float64).tiny))
        limits = bound[np.ix_(rows, missing)]
        z = np.minimum((limits - expected) / sd, 1e6)  # infinite for a part that is only missing
        hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z))
        below = np.minimum(expected - sd * hazard, np.nextafter(limits, -np.inf))
        filled[np.ix_(rows, missing)] = below
        lacking[np.ix_(missing, missing)] += rest * int(fitted_on[rows].sum())
    return filled, lacking


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
                remedy="set composition.parts without it",
            )
        for what, rows, column in (
            ("detection limit", below[:, j], limit[:, j]),
            ("value", measured, x[:, j]),
        ):
            bad = rows & ~((column > 0) & np.isfinite(column))
            if bad.any():
                row = int(np.argmax(bad))
                raise InputError(
                    f"the {what} in {nth_sample(row, len(x))} is {column[row]:g}, not positive and "
                    "finite",
                    where=where,
                    remedy="mark it as censored with its detection limit, or as missing",
                )
