"""Linear triangulation and thin-plate splines."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from orecast.arrays import Floats
from orecast.evidence.interpolate.base import Interpolator, Part
from orecast.evidence.interpolate.neighbours import buffer_length, first_guess, nearest_places
from orecast.kernels import compiled

REGISTERED = {
    "spline": "ThinPlateSpline",
}

MOST_EQUATIONS = 300
"""A system of this size takes about 0.03 s; there is one per layer and cell."""
_SINGULAR = 1e-13  # pivot over the largest entry; below it a system has no unique solution


@compiled()
def solve(a, b, n) -> bool:  # type: ignore[no-untyped-def]
    """Solve the leading ``n`` rows of ``a x = b`` in place, leaving ``x`` in ``b``.

    Gaussian elimination with partial pivoting (Golub & Van Loan 2013, alg. 3.4.1). ``a`` is
    overwritten. Returns False if the system is singular; ``b`` is then not usable.
    """
    largest = 0.0
    for i in range(n):
        for j in range(n):
            largest = max(largest, abs(a[i, j]))
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[p, k]):
                p = i
        if abs(a[p, k]) <= _SINGULAR * largest:
            return False
        if p != k:
            for j in range(k, n):
                a[k, j], a[p, j] = a[p, j], a[k, j]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            if factor != 0.0:
                for j in range(k + 1, n):
                    a[i, j] -= factor * a[k, j]
                b[i] -= factor * b[k]
    for i in range(n - 1, -1, -1):
        rest = b[i]
        for j in range(i + 1, n):
            rest -= a[i, j] * b[j]
        b[i] = rest / a[i, i]
    return True


_CHUNK = 256  # targets per thread at a time


class ThinPlateSpline(Interpolator):
    """Surface of least bending through the nearest samples; exact at samples and on planes.

    Duchon (1977, Lect. Notes Math. 571, 85-100): kernel ``d² log d`` and a plane through the
    neighbours. A plane needs three places that are not on one line; with fewer in the radius a
    target is NaN. Between and beyond samples a spline can exceed their highest value.

    >>> xy = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 20.0], [40.0, 50.0]])
    >>> plane = xy[:, :1] + 2 * xy[:, 1:]
    >>> spline = ThinPlateSpline(neighbours=4, radius=100).fit(xy, plane)
    >>> spline.predict(np.array([[10.0, 10.0], [300.0, 0.0]])).round(6).tolist()
    [[30.0], [nan]]
    """

    fewest = 3
    most = MOST_EQUATIONS

    def describe(self) -> str:
        """The method as text."""
        return f"thin-plate spline, {super().describe()}"

    def _predict(self, part: Part, targets: Floats) -> Floats:
        out = np.empty((len(targets), len(part.layers)))
        _bend(part.buckets, part.values, targets, part.count, self.radius_squared, out)
        return out


@compiled(parallel=True)
def _bend(  # type: ignore[no-untyped-def]
    buckets, values, targets, count, radius_squared, out
) -> None:
    m, layers = out.shape
    for chunk in prange((m + _CHUNK - 1) // _CHUNK):
        length = buffer_length(count)
        found, squared = np.empty(length, dtype=np.int64), np.empty(length)
        matrix, weights = np.empty((count + 3, count + 3)), np.empty(count + 3)
        guess = first_guess(buckets, count)
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, m)):
            x, y = targets[i, 0], targets[i, 1]
            n = nearest_places(buckets, x, y, count, radius_squared, guess, found, squared)
            solved = n >= 3 and _weights(buckets, x, y, found, n, squared, matrix, weights)
            out[i] = 0.0 if solved else np.nan
            for p in range(n if solved else 0):
                for layer in range(layers):
                    out[i, layer] += weights[p] * values[found[p], layer]


@compiled()
def _kernel(squared) -> float:  # type: ignore[no-untyped-def]
    return 0.5 * squared * math.log(squared) if squared > 0.0 else 0.0


@compiled()
def _weights(  # type: ignore[no-untyped-def]
    buckets, x, y, found, n, squared, matrix, weights
) -> bool:
    """Weights of the neighbours at a target; False if they lie on one line.

    Positions are measured from the target in units of the farthest distance. This does not change
    the spline (the plane absorbs the change of the kernel) and keeps the system well conditioned.
    """
    scale = 1.0 / math.sqrt(squared[:n].max())
    for p in range(n):
        px, py = (buckets.x[found[p]] - x) * scale, (buckets.y[found[p]] - y) * scale
        matrix[p, p] = 0.0
        for q in range(p):
            dx = px - (buckets.x[found[q]] - x) * scale
            dy = py - (buckets.y[found[q]] - y) * scale
            matrix[p, q] = _kernel(dx * dx + dy * dy)
            matrix[q, p] = matrix[p, q]
        matrix[p, n], matrix[p, n + 1], matrix[p, n + 2] = 1.0, px, py
        matrix[n, p], matrix[n + 1, p], matrix[n + 2, p] = 1.0, px, py
        weights[p] = _kernel(px * px + py * py)
    matrix[n : n + 3, n : n + 3] = 0.0
    weights[n], weights[n + 1], weights[n + 2] = 1.0, 0.0, 0.0
    return solve(matrix, weights, n + 3)  # type: ignore[no-any-return]
