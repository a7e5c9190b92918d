import numpy as np
from scipy import stats

from orecast.models.classical.layers import RandomScore
from orecast.sampling import Windows


def scores(seed, shape=(200, 200)):
    cells = np.argwhere(np.ones(shape, dtype=bool))
    X = Windows(np.zeros((1, *shape), np.float32), ("Au",), cells, 1)
    fitted = RandomScore().fit(X.take(slice(0, 2)), np.array([1.0, 0.0]), np.full(2, -1), seed=seed)
    return fitted.predict(X).reshape(shape)


def test_uniform():
    assert stats.kstest(scores(0).ravel(), "uniform").pvalue > 0.01
    assert np.unique(scores(0)).size == 200 * 200


def test_neighbours_and_seeds_are_unrelated():
    field, other = scores(0), scores(1)
    for one, two in (
        (field[1:], field[:-1]),
        (field[:, 1:], field[:, :-1]),
        (field, field.T),
        (field, other),
    ):
        assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.02


def test_mixing_is_splitmix64():
    """First values of the published generator from the state 1234567."""
    from orecast.models.classical.layers import _mixed

    step = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + i * step) % 2**64 for i in range(3)], dtype=np.uint64)
    assert _mixed(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
