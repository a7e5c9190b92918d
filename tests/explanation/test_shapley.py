import time
from dataclasses import fields, replace
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.explanation import Shapley, shapley_values
from orecast.explanation.shapley import _raw, _written
from orecast.models.classical.trees import RandomForest
from orecast.sampling.windows import Windows


def make(n=6, layers=4, size=4, seed=0, side=20):
    rng = np.random.default_rng(seed)
    stack = rng.normal(size=(layers, side, side)).astype(np.float32)
    at = rng.integers(0, side, (n, 2))
    return Windows(stack, tuple("abcdefgh"[:layers]), at, size)


def of_means(function):
    """A model of each layer's mean over the window, NaN left out."""

    def predict(X):
        return function(np.nanmean(X.batch().astype(np.float64), axis=(2, 3)))

    return predict


def by_enumeration(function, x, background):
    """The definition: every coalition, weighed by how many orders it begins."""
    n, layers = x.shape
    values = np.zeros((n, layers))

    def worth(coalition):
        return np.mean(
            [
                function(np.where(np.isin(np.arange(layers), coalition), x, other))
                for other in background
            ],
            axis=0,
        )

    for i in range(layers):
        others = [j for j in range(layers) if j != i]
        for size in range(layers):
            weight = factorial(size) * factorial(layers - size - 1) / factorial(layers)
            for coalition in combinations(others, size):
                values[:, i] += weight * (worth((*coalition, i)) - worth(coalition))
    return values


def tangled(z):
    """All layers act together, in no order alike."""
    return 1 / (1 + np.exp(-(3 * z[:, 0] * z[:, 1] * z[:, 2] + z[:, 3] ** 2 * z[:, 0] - z[:, 1])))


def means(X):
    return np.nanmean(X.batch().astype(np.float64), axis=(2, 3))


@pytest.mark.parametrize("size", [1, 4, 5])
def test_all_orders_give_the_enumeration_of_all_coalitions(size):
    X, background = make(size=size), make(size=size).at_cells([[3, 4], [9, 9], [0, 19]])
    found = shapley_values(of_means(tangled), X, background, permutations=24, seed=0)
    exact = by_enumeration(tangled, means(X), means(background))
    np.testing.assert_allclose(found.values, exact, atol=1e-12)
    assert found.base == pytest.approx(tangled(means(background)).mean())
    np.testing.assert_allclose(found.features, means(X), atol=1e-6)
    assert found.names == tuple("abcd")


def test_drawn_orders_come_near_the_enumeration():
    X, background = make(layers=5), make(layers=5).at_cells([[3, 4], [9, 9]])

    def function(z):
        return tangled(z) * np.cos(3 * z[:, 4])

    exact = by_enumeration(function, means(X), means(background))
    predict = of_means(function)
    few, many = (
        shapley_values(predict, X, background, permutations=p, seed=1).values for p in (4, 100)
    )
    assert np.abs(many - exact).max() < 0.02
    assert np.abs(many - exact).mean() < np.abs(few - exact).mean() / 2


def test_an_order_and_its_reverse_share_what_two_layers_do_exactly():
    """So it is for any sum of functions of one or two layers (Mitchell et al. 2022)."""
    X, background = make(), make().at_cells([[3, 4], [9, 9], [1, 1]])

    def pairs(z):
        return z[:, 0] * z[:, 1] + np.sin(z[:, 2] * z[:, 3]) + np.exp(z[:, 0] - z[:, 3]) + z[:, 2]

    found = shapley_values(of_means(pairs), X, background, permutations=2, seed=0)
    exact = by_enumeration(pairs, means(X), means(background))
    np.testing.assert_allclose(found.values, exact, atol=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([2, 4]))
@settings(max_examples=20, deadline=None)
def test_a_linear_model_in_closed_form(seed, layers, permutations):
    X = make(layers=layers, seed=seed)
    background = X.at_cells([[2, 2], [7, 5], [11, 3]])
    w = np.random.default_rng(seed + 1).normal(size=layers)
    found = shapley_values(
        of_means(lambda z: z @ w + 0.3), X, background, permutations=permutations, seed=seed
    )
    np.testing.assert_allclose(
        found.values, w * (means(X) - means(background).mean(axis=0)), atol=1e-12
    )


@given(st.integers(0, 10_000), st.integers(1, 8))
@settings(max_examples=20, deadline=None)
def test_values_sum_to_the_score_less_the_base(seed, drawn):
    X = make(seed=seed)
    background = X.at_cells(np.random.default_rng(seed).integers(0, 20, (6, 2)))
    predict = of_means(tangled)
    found = shapley_values(predict, X, background, drawn=drawn, seed=seed)
    np.testing.assert_allclose(found.values.sum(axis=1), predict(X) - found.base, atol=1e-12)


def test_a_layer_that_the_model_does_not_read_is_worth_nothing():
    X = make()
    found = shapley_values(
        of_means(lambda z: tangled(z * [1, 1, 0, 1])), X, X.at_cells([[3, 4], [9, 9]]), seed=0
    )
    np.testing.assert_array_equal(found.values[:, 2], 0)
    assert (found.values[:, [0, 1, 3]] != 0).any(axis=0).all()


def test_layers_that_act_alike_and_are_alike_are_worth_the_same():
    X = make()
    X = replace(X, stack=X.stack[[0, 1, 0, 3]])
    found = shapley_values(
        of_means(lambda z: np.tanh(z[:, 0] * z[:, 1] * z[:, 2] + z[:, 3] * (z[:, 0] + z[:, 2]))),
        X,
        X.at_cells([[3, 4], [9, 9]]),
        permutations=24,
        seed=0,
    )
    np.testing.assert_allclose(found.values[:, 0], found.values[:, 2], atol=1e-12)
    assert np.abs(found.values[:, 0]).max() > 1e-3


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_windows_written_out_read_as_they_did(size, windows):
    """With scaling, hidden cells and edges; whole, in their middle, and at their own cell."""
    X = windows(9, 3, size)
    hidden = np.zeros((30, 30), dtype=bool)
    hidden[:, 11:] = True
    X = replace(X, at=np.vstack([X.at[:6], [[0, 0], [29, 10], [15, 11]]]), hidden=hidden)
    written = _written(_raw(X), X)
    np.testing.assert_array_equal(written.batch(), X.batch())
    np.testing.assert_array_equal(written.centre(), X.centre())
    small = max(1, size - 1)
    np.testing.assert_array_equal(written.of_size(small).batch(), X.of_size(small).batch())


def test_only_what_is_drawn_hangs_on_the_seed_and_chunks_do_not_matter(monkeypatch):
    X = make(n=7)
    background = X.at_cells(np.random.default_rng(0).integers(0, 20, (30, 2)))
    predict = of_means(tangled)
    first = shapley_values(predict, X, background, drawn=3, seed=0)
    other = shapley_values(predict, X, background, drawn=3, seed=1)
    assert first.base != other.base
    monkeypatch.setattr("orecast.explanation.shapley._WRITTEN", 1)
    again = shapley_values(predict, X, background, drawn=3, seed=0)
    np.testing.assert_allclose(again.values, first.values, atol=1e-12)


def test_a_model_that_reads_more_than_windows_is_refused():
    X = make()
    with pytest.raises(ModelError, match="reads more of the map"):
        shapley_values(lambda X: X.at[:, 0] / 20.0, X, X, seed=0)
    with pytest.raises(ModelError, match="reads more of the map"):
        shapley_values(lambda X: X.centre()[:, 0] - X.stack.mean(), X, X, seed=0)


def test_what_cannot_be_explained_is_an_error():
    X = make()
    predict = of_means(tangled)
    with pytest.raises(SamplingError, match="no window"):
        shapley_values(predict, X, X.take(slice(0, 0)), seed=0)
    with pytest.raises(ModelError, match="another size"):
        shapley_values(predict, X, X.of_size(3), seed=0)
    with pytest.raises(ConfigError, match="even"):
        shapley_values(predict, X, X, permutations=3, seed=0)
    with pytest.raises(ConfigError, match="at least 1"):
        shapley_values(predict, X, X, drawn=0, seed=0)


def test_a_guided_network_owes_nothing_to_its_weight(untrained, windows):
    X = windows(12, 4, 9, weight=True)
    network = untrained("gk-dcn", X, width=4)
    found = shapley_values(network.predict, X, X.at_cells([[5, 5], [20, 9]]), seed=0)
    np.testing.assert_allclose(
        found.values.sum(axis=1), network.predict(X) - found.base, atol=1e-12
    )
    np.testing.assert_allclose(found.values[:, 3], 0, atol=1e-6)
    assert np.abs(found.values[:, :3]).mean() > 1e-5


def test_a_forest_that_learned_one_layer_is_explained_by_it():
    """Fifteen layers, a hundred windows of 16 x 16, in seconds."""
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(15, 60, 60)).astype(np.float32)
    stack[3] = np.linspace(-2, 2, 60)[None]
    X = Windows(stack, tuple(f"L{k}" for k in range(15)), rng.integers(8, 52, (100, 2)), 16)
    y = (X.centre()[:, 3] > 0).astype(float)
    forest = RandomForest(trees=50).fit(X, y, np.full(100, -1), seed=0)
    began = time.process_time()
    found = shapley_values(forest.predict, X, X.at_cells(rng.integers(8, 52, (50, 2))), seed=0)
    assert time.process_time() - began < 60
    assert found.ranked()[0] == 3
    strength = np.abs(found.values).mean(axis=0)
    assert strength[3] > 5 * np.delete(strength, 3).max()
    assert np.corrcoef(found.features[:, 3], found.values[:, 3])[0, 1] > 0.8
    np.testing.assert_allclose(found.values.sum(axis=1), forest.predict(X) - found.base, atol=1e-9)


@pytest.fixture
def many():
    """Twenty-two layers of falling weight, of which the last stands first."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 22)).astype(np.float32)
    features /= np.abs(features).mean(axis=0)
    weights = np.append(np.linspace(0.5, 0, 21), 1.0)
    names = (*(f"layer_{k}" for k in range(20)), "$As$", "_fault")
    return Shapley(names, features * weights, features, 0.25)


def test_it_is_kept(many, tmp_path):
    many.save(tmp_path / "shapley.npz")
    again = Shapley.load(tmp_path / "shapley.npz")
    for field in fields(Shapley):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(many, field.name))
    assert again.names == many.names
    assert isinstance(again.base, float)
    with np.load(tmp_path / "shapley.npz", allow_pickle=False) as stored:
        assert set(stored) == {"names", "values", "features", "base"}


def test_it_is_drawn_with_the_strongest_on_top(many, tmp_path):
    many.swarm().savefig(tmp_path / "swarm.png")
    many.means().savefig(tmp_path / "means.png")
    for name in ("swarm.png", "means.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    swarm, bars = many.swarm().axes[0], many.means().axes[0]
    for axes in (swarm, bars):
        named = [label.get_text() for label in axes.get_yticklabels()]
        assert named == ["_fault", *(f"layer_{k}" for k in range(19))]
        assert axes.yaxis_inverted()
    strength = np.abs(many.values).mean(axis=0)
    widths = [bar.get_width() for bar in bars.patches]
    np.testing.assert_allclose(widths, np.sort(strength)[::-1][:20])


def test_points_of_the_swarm_stand_at_their_values_in_their_rows(many):
    axes = many.swarm().axes[0]
    for row, layer in enumerate(many.ranked()[:20]):
        points = np.asarray(axes.collections[row].get_offsets())
        np.testing.assert_allclose(points[:, 0], many.values[:, layer])
        assert np.abs(points[:, 1] - row).max() < 0.5
        colour = np.asarray(axes.collections[row].get_array())
        order = np.argsort(many.features[:, layer])
        assert (np.diff(colour[order]) >= 0).all()
        assert (colour[order[0]], colour[order[-1]]) == (0, 1)
