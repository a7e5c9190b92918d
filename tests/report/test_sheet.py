import numpy as np

from orecast.report.sheet import colour_limits, scale_length


def test_scale_lengths_are_round_and_at_most_a_quarter():
    for width in np.geomspace(0.01, 5000, 200):
        length = scale_length(width)
        assert 0.1 * width <= length <= 0.2500001 * width
        assert f"{length:.3e}"[0] in "125"


def test_limits_of_a_scale_stand_apart():
    assert colour_limits(np.arange(101, dtype=np.float32)) == (2.0, 98.0)
    assert colour_limits(np.full(9, 3, dtype=np.float32)) == (2.5, 3.5)
    assert colour_limits(np.array([0] * 200 + [1], dtype=np.float32)) == (0.0, 1.0)
    assert colour_limits(np.full(4, np.nan, dtype=np.float32)) == (0.0, 1.0)
    low, high = colour_limits(np.array([np.nan, 1, 2], dtype=np.float32))
    assert 1 <= low < high <= 2
