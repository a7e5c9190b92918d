from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ConfigError, ModelError
from orecast.models.classical.fractal import ConcentrationArea, fit_concentration_area
from orecast.sampling import Windows

CELLS = np.argwhere(np.ones((40, 50), dtype=bool))
Y, GROUP = np.full(2000, np.nan), np.full(2000, -1)


def power_laws(slopes, breaks, n=4000, top=1e3):
    """Values whose number at or above c falls as c^slope between the breaks, the top one 1 cell.

    The inverse of the curve at the ranks 1 to n.
    """
    log_count = [0.0]
    edges = [*np.log(breaks), np.log(top)]
    for slope, high, low in zip(slopes[:0:-1], edges[:0:-1], edges[-2::-1], strict=True):
        log_count.append(log_count[-1] - slope * (high - low))
    rank = np.log(np.arange(1, n + 1))
    segment = np.minimum(np.searchsorted(log_count, rank, side="right") - 1, len(slopes) - 1)
    high = np.array(edges[::-1])[segment]
    slope = np.array(slopes[::-1])[segment]
    return np.exp(high + (rank - np.array(log_count)[segment]) / slope)


def windows(seed=0, layers=2):
    stack = np.random.default_rng(seed).normal(size=(layers, 40, 50)).astype("f4")
    return Windows(stack, ("Au", "Cu")[:layers], CELLS, 1)


def fitted(X, **options):
    return ConcentrationArea(**options).fit(X, Y[: len(X)], GROUP[: len(X)], seed=0)


def test_one_power_law_by_hand():
    """Areas at or above 1, 2, 4 are 4, 2, 1 cells: slope -1 in logarithms."""
    laws = fit_concentration_area([1, 1, 2, 4])
    assert laws.breaks.size == 0
    assert laws.slopes == pytest.approx([-1])


def test_areas_are_counted():
    """Areas at or above 1, 2, 4 are 16, 4, 1: slope -2."""
    assert fit_concentration_area([4, 1, 2], [1, 12, 3]).slopes == pytest.approx([-2])


@pytest.mark.parametrize("segments", [None, 2])
def test_a_break_between_two_power_laws_is_found(segments):
    values = power_laws([-0.5, -2.0], [40.0])
    laws = fit_concentration_area(
        values[np.random.default_rng(0).permutation(4000)], segments=segments
    )
    assert laws.breaks == pytest.approx([40], rel=1e-6)
    assert laws.slopes == pytest.approx([-0.5, -2.0], rel=1e-6)


def test_three_power_laws_are_told_from_two():
    laws = fit_concentration_area(power_laws([-0.3, -1.0, -2.5], [30, 200], n=20_000, top=3e3))
    assert laws.breaks == pytest.approx([30, 200], rel=1e-6)
    assert laws.slopes == pytest.approx([-0.3, -1.0, -2.5], rel=1e-6)


def test_the_unit_of_concentration_moves_the_breaks_alone():
    values = np.random.default_rng(2).lognormal(size=1000)
    one, other = fit_concentration_area(values), fit_concentration_area(8 * values)
    assert other.breaks == pytest.approx(8 * one.breaks)
    assert other.slopes == pytest.approx(one.slopes)


def test_the_cuts_are_the_best_of_all():
    """Every cut of a short curve in two, tried one by one."""
    values = np.sort(np.random.default_rng(4).lognormal(size=14))
    x, y = np.log(values), np.log(np.arange(14, 0, -1))

    def error(i, j):
        return np.polyfit(x[i:j], y[i:j], 1, full=True)[1][0]

    cut = min(range(3, 12), key=lambda c: error(0, c) + error(c, 14))
    laws = fit_concentration_area(values, segments=2)
    lines = [np.polyfit(x[:cut], y[:cut], 1), np.polyfit(x[cut:], y[cut:], 1)]
    assert laws.slopes == pytest.approx([lines[0][0], lines[1][0]])
    assert values[cut - 1] <= laws.breaks[0] * (1 + 1e-12)
    assert laws.breaks[0] <= values[cut] * (1 + 1e-12)


@pytest.mark.parametrize("values", [[1.0, 0.0], [1.0, -2.0], [1.0, np.nan], [np.inf, 1.0]])
def test_what_has_no_logarithm_is_refused(values):
    with pytest.raises(ModelError, match="positive"):
        fit_concentration_area(values)


def test_a_constant_has_no_law():
    laws = fit_concentration_area(np.full(10, 3.0))
    assert laws.breaks.size == laws.slopes.size == 0


@pytest.mark.parametrize("layers", [1, 2])
def test_classes_and_ranks_are_those_of_the_concentration(layers):
    X = windows(layers=layers)
    detector = fitted(X, segments=3)
    scores = detector.predict(X)
    values = X.centre().astype(float)
    index = np.exp(values - np.median(values, axis=0)).mean(axis=1)
    order = np.argsort(index)
    assert (np.diff(scores[order]) > 0).all()
    number = np.searchsorted(detector.breaks_, np.log(index), side="right")
    assert np.array_equal(np.floor(scores * 3).astype(int), number)
    assert ((scores > 0) & (scores < 1)).all()


def test_a_named_layers_break_is_recovered_by_the_detector():
    values = power_laws([-0.5, -2.0], [40.0], n=2000)
    stack = np.log(values).reshape(1, 40, 50).astype("f4")
    X = Windows(np.concatenate([stack, stack[:, ::-1]]), ("Au", "Cu"), CELLS, 1)
    detector = fitted(X, layer="Au")
    assert detector.breaks_ + detector.background_ == pytest.approx([np.log(40)], abs=1e-4)


def test_scores_rise_beyond_what_was_learned_from():
    X = windows(layers=1)
    detector = fitted(X)
    values = np.linspace(-30, 30, 50, dtype="f4")
    far = replace(X, stack=np.broadcast_to(values, (1, 40, 50)).copy()).take(slice(0, 50))
    assert (np.diff(detector.predict(far)) > 0).all()


def test_a_constant_layer_still_ranks_elsewhere():
    X = windows(layers=1)
    X.stack[:] = 2
    detector = fitted(X)
    assert set(detector.predict(X)) == {0.5}
    X.stack[0, 0, 0] = 3
    assert detector.predict(X)[0] > 0.5


@pytest.mark.parametrize("segments", [1, 5, "two"])
def test_impossible_options_are_refused(segments):
    with pytest.raises(ConfigError, match=r"model\.options\.segments"):
        fitted(windows(), segments=segments)
