from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ConfigError, ModelError
from orecast.models.classical.fractal import Singularity, singularity_index
from orecast.sampling import Scaling, Windows

K = 9


def cone(alpha, k=K):
    """A window whose mean over every centred square of side e is exactly e^(alpha - 2).

    The sum over a square is e^alpha; a ring holds the difference of two sums.
    """
    row, column = np.indices((k, k)) - k // 2
    ring = np.maximum(abs(row), abs(column))
    side = 2 * ring + 1.0
    inner = np.maximum(side - 2, 0.0)
    total = side**alpha - np.where(inner > 0, inner**alpha, 0.0)
    return total / (side**2 - inner**2)


def windows(stack, at, size=K, **kwargs):
    names = tuple(f"E{i}" for i in range(len(stack)))
    return Windows(np.asarray(stack, dtype="f4"), names, np.asarray(at), size, **kwargs)


def fitted(X, **options):
    return Singularity(**options).fit(X, np.full(len(X), np.nan), np.full(len(X), -1), seed=0)


@pytest.mark.parametrize("alpha", [0.7, 1.5, 2.0, 2.6])
def test_an_exact_power_law_gives_its_exponent(alpha):
    assert singularity_index(cone(alpha)) == pytest.approx(alpha, abs=1e-9)
    assert singularity_index(1e5 * cone(alpha)) == pytest.approx(alpha, abs=1e-9)


def test_a_constant_has_no_singularity():
    assert singularity_index(np.full((2, 3, 7, 7), 0.3)) == pytest.approx(np.full((2, 3), 2.0))


def test_slope_is_that_of_least_squares():
    values = np.random.default_rng(0).lognormal(size=(7, 7))
    means = [values[m : 7 - m, m : 7 - m].mean() for m in (3, 2, 1, 0)]
    slope = np.polyfit(np.log([1, 3, 5, 7]), np.log(means), 1)[0]
    assert singularity_index(values) == pytest.approx(2 + slope)


def test_missing_cells_are_left_out_of_means_and_empty_squares_of_the_fit():
    values = np.random.default_rng(1).lognormal(size=(7, 7))
    values[3, 3] = values[0, 0] = np.nan
    means = [np.nanmean(values[m : 7 - m, m : 7 - m]) for m in (2, 1, 0)]
    slope = np.polyfit(np.log([3, 5, 7]), np.log(means), 1)[0]
    assert singularity_index(values) == pytest.approx(2 + slope)
    assert singularity_index(np.full((7, 7), np.nan)) == 2


def test_score_rises_with_enrichment_through_the_detector():
    """Stack of logarithms, one cone a map, scored at its tip."""
    alphas = [2.6, 2.0, 1.5, 0.7]
    stack = np.log(np.hstack([cone(a) for a in alphas]))[None]
    X = windows(stack, [[4, 4 + K * i] for i in range(4)])
    z = 2 - np.array(alphas)
    assert fitted(X).predict(X) == pytest.approx((1 + z / (1 + np.abs(z))) / 2, abs=1e-6)


def test_over_elements_the_largest_or_the_mean():
    stack = np.log([cone(1.5), cone(2.5), cone(1.9)])
    X = windows(stack, [[4, 4]])
    rising = lambda z: (1 + z / (1 + abs(z))) / 2  # noqa: E731
    assert fitted(X).predict(X) == pytest.approx(rising(0.5), abs=1e-6)
    assert fitted(X, over="mean").predict(X) == pytest.approx(rising(0.1 / 3), abs=1e-6)
    assert fitted(X, layer="E1").predict(X) == pytest.approx(rising(-0.5), abs=1e-6)


def test_missing_neighbours_are_left_out_and_a_missing_own_cell_is_refused_unscaled():
    stack = np.log(cone(1.2))[None].astype("f4")
    X = windows(stack, [[4, 4]])
    whole = fitted(X).predict(X)
    stack[0, 0, 0] = np.nan
    scaled = replace(X, stack=stack, scaling=Scaling(np.float32([50]), np.float32([1])))
    values = np.exp(stack[0].astype(float))
    z = 2 - singularity_index(values)
    assert fitted(scaled).predict(scaled) == pytest.approx((1 + z / (1 + z)) / 2)
    assert fitted(scaled).predict(scaled) != whole
    stack[0, 4, 4] = np.nan
    with pytest.raises(ModelError, match="layer E0"):
        fitted(replace(X, stack=stack))


def test_windows_hold_what_lies_within_the_grid_alone():
    X = windows(np.zeros((1, 20, 20)), [[0, 0], [19, 10]])
    assert fitted(X).predict(X) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("size", [3, 4, 8])
def test_windows_too_small_or_even_are_refused(size):
    with pytest.raises(ModelError, match=f"not {size}"):
        fitted(windows(np.zeros((1, 20, 20)), [[9, 9]], size))


def test_impossible_options_are_refused():
    X = windows(np.zeros((1, 20, 20)), [[9, 9]])
    with pytest.raises(ConfigError, match=r"model\.options\.over"):
        fitted(X, over="median")
    with pytest.raises(ConfigError, match=r"model\.options\.layer"):
        fitted(X, layer="Au")
