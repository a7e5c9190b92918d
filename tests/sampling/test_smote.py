import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from scipy.stats import kstest
from sklearn.neighbors import NearestNeighbors

from orecast.errors import ConfigError, SamplingError
from orecast.sampling import Windows
from orecast.sampling.augmentation import Between, Smote, nearest_windows

RNG = np.random.default_rng(2)


def windows(n=60, size=3, layers=4):
    stack = RNG.normal(size=(layers, 50, 50)).astype(np.float32)
    cells = RNG.permutation(50 * 50)[:n]
    at = 5 + np.column_stack(np.divmod(cells, 50)) % 40
    names = tuple(f"E{i}" for i in range(layers))
    return Windows(stack, names, np.unique(at, axis=0), size)


@pytest.mark.parametrize("size", [1, 3])
def test_rows_equal_those_of_imbalanced_learn_drawn_alike(size):
    """The oracle draws pairs and shares; ours makes the same rows of them, bit for bit."""
    X = windows(size=size)
    n, made = len(X), 100
    flat = X.batch().reshape(n, -1)
    others = RNG.normal(size=(n + made, flat.shape[1])).astype(np.float32)
    y = np.repeat([1, 0], [n, n + made])
    values, labels = SMOTE(random_state=4).fit_resample(np.concatenate([flat, others]), y)
    expected = values[len(y) :]
    assert (labels[len(y) :] == 1).all()

    smote = Smote().fit(X, seed=0)
    drawn = np.random.RandomState(4)
    pairs = smote.pairs(drawn.randint(0, n * 5, size=made))
    part = Between(X, pairs, drawn.uniform(size=made))
    ours = part.batch(np.arange(made), X).reshape(made, -1)
    np.testing.assert_array_equal(ours, expected)


def test_pairs_are_drawn_alike_and_places_between_them_evenly():
    X = windows(size=1)
    part = Smote().fit(X, seed=0).grow(20_000, seed=0)
    drawn = np.bincount(part.origin[:, 0], minlength=len(X)) / 20_000
    np.testing.assert_allclose(drawn, 1 / len(X), atol=5 * (1 / len(X) / 20_000) ** 0.5)
    assert kstest(part.share, "uniform").pvalue > 0.01
    near = nearest_windows(X, 5)
    assert all(j in near[i] for i, j in part.origin[:200])


@pytest.mark.parametrize(("n", "size", "layers"), [(60, 3, 4), (1200, 1, 2), (40, 9, 40)])
def test_neighbours_are_those_of_scikit_learn(n, size, layers):
    X = windows(n, size, layers)
    flat = X.batch().reshape(len(X), -1).astype(np.float64)
    expected = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(flat)
    np.testing.assert_array_equal(
        nearest_windows(X, 5), expected.kneighbors(flat, return_distance=False)[:, 1:]
    )


def test_neighbours_do_not_depend_on_blocks(monkeypatch):
    X = windows()
    whole = nearest_windows(X, 3)
    for name, values in (("HELD", 900), ("AT_ONCE", 300)):
        monkeypatch.setattr(f"orecast.sampling.augmentation._VALUES_{name}", values)
    np.testing.assert_array_equal(nearest_windows(X, 3), whole)


def test_a_window_is_never_its_own_neighbour():
    stack = np.ones((1, 5, 5), np.float32)
    X = Windows(stack, ("Au",), np.argwhere(stack[0] > 0)[:7], 1)
    assert (nearest_windows(X, 6) != np.arange(7)[:, None]).all()


def test_fewer_windows_than_neighbours_are_refused_with_what_to_do():
    with pytest.raises(SamplingError, match="set its option neighbours to 3 or less"):
        Smote().fit(windows(4), seed=0)
    assert len(Smote(3).fit(windows(4), seed=0).grow(2, seed=0).origin) == 2
    with pytest.raises(ConfigError, match="neighbours"):
        Smote(0)


def test_a_missing_value_is_refused_with_its_layer():
    X = windows()
    X.stack[2, X.at[5, 0], X.at[5, 1]] = np.nan
    with pytest.raises(SamplingError, match="layer E2"):
        Smote().fit(X, seed=0)
