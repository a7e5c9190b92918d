"""Small dense systems inside compiled kernels."""

from __future__ import annotations

from orecast.kernels import compiled

MOST_EQUATIONS = 300
"""A system of so many takes some 0.03 s, and every layer has one at every cell."""

_SINGULAR = 1e-13  # pivot over the largest entry, below which a system has no one solution


@compiled()
def solve(a, b, n) -> bool:  # type: ignore[no-untyped-def]
    """Solve the leading ``n`` rows of ``a x = b`` in place, leaving ``x`` in ``b``.

    Gaussian elimination with partial pivoting (Golub & Van Loan 2013, alg. 3.4.1). ``a`` is
    destroyed. Returns False where the system is singular; ``b`` then holds nothing of use.
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
