import numpy as np
import pytest

from orecast.grid import Grid
from orecast.simulation.fields import gaussian_fields, standardised, uniform


def test_fields_have_the_variance_and_covariance_of_the_model(grid: Grid) -> None:
    fields = gaussian_fields(grid, 1500, 200, np.random.default_rng(0))
    assert fields.shape == (200, *grid.shape)
    assert fields.mean() == pytest.approx(0, abs=0.05)
    assert fields.var() == pytest.approx(1, abs=0.05)
    for lag in (2, 6, 12):  # exponential covariance: exp(-h / length)
        expected = np.exp(-lag * 250 / 1500)
        along = (fields[:, :, lag:] * fields[:, :, :-lag]).mean()
        down = (fields[:, lag:] * fields[:, :-lag]).mean()
        assert along == pytest.approx(expected, abs=0.05)
        assert down == pytest.approx(expected, abs=0.05)


def test_fields_are_independent_of_each_other(grid: Grid) -> None:
    fields = gaussian_fields(grid, 500, 40, np.random.default_rng(1)).reshape(40, -1)
    correlation = np.corrcoef(fields) - np.eye(40)
    assert abs(correlation.mean()) < 0.01
    assert abs(correlation).max() < 0.25


def test_a_field_does_not_wrap_round_the_grid(grid: Grid) -> None:
    fields = gaussian_fields(grid, 1500, 300, np.random.default_rng(2))
    assert (fields[:, :, 0] * fields[:, :, -1]).mean() == pytest.approx(0, abs=0.06)


def test_smoother_fields_differ_less_between_neighbours(grid: Grid) -> None:
    rough, smooth = (
        gaussian_fields(grid, 1500, 20, np.random.default_rng(3), smoothness=nu)
        for nu in (0.5, 2.0)
    )
    assert np.diff(smooth).std() < 0.6 * np.diff(rough).std()


def test_one_seed_one_field(grid: Grid) -> None:
    first, again, other = (
        gaussian_fields(grid, 900, 1, np.random.default_rng(s)) for s in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_standardised_and_uniform() -> None:
    field = np.array([[1.0, 2.0], [3.0, 6.0]])
    z = standardised(field)
    assert z.mean() == pytest.approx(0)
    assert z.std() == pytest.approx(1)
    assert np.array_equal(standardised(np.full((2, 2), 7.0)), np.zeros((2, 2)))
    share = uniform(field)
    assert ((share > 0) & (share < 1)).all()
    assert np.array_equal(np.argsort(share.ravel()), np.argsort(field.ravel()))
    assert uniform(np.array([[-1.0, 0.0, 1.0]]))[0, 1] == pytest.approx(0.5)
