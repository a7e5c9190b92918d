import numpy as np

from orecast.explanation import occlusion
from orecast.sampling import Sampling, Scaling, Windows
from orecast.validation import Fitted


class Weighted:
    """A score that is known: 2 a - b at the window's cell."""

    def predict(self, X):
        return X.centre() @ np.array([2.0, -1.0, 0.0])


def fitted():
    stack = np.random.default_rng(0).normal(5, 1, (3, 8, 8)).astype(np.float32)
    at = np.zeros((0, 2), dtype=np.int64)
    scaling = Scaling(np.full(3, 5, np.float32), np.full(3, 2, np.float32))
    return Fitted(
        Weighted(),
        Windows(stack, ("a", "b", "c"), at, 1, scaling=scaling),
        Sampling.of(at, 0.0),
        "",
    )


def test_the_drop_of_a_linear_score_is_its_weight_times_its_value():
    f = fitted()
    areas = [np.array([[0, 0], [1, 1]]), np.array([[7, 7]])]
    found = occlusion(f, areas)
    for k, cells in enumerate(areas):
        z = (f.windows.stack[:, cells[:, 0], cells[:, 1]].mean(axis=1) - 5) / 2
        np.testing.assert_allclose(found.drop[k], [2 * z[0], -z[1], 0], atol=1e-5)


def test_only_layers_that_raise_the_score_are_named():
    found = occlusion(fitted(), [np.array([[0, 0]])])
    raising = [n for n, d in zip("abc", found.drop[0], strict=True) if d > 0]
    assert sorted(found.top(0, 3)) == sorted(raising)
    assert found.top(0, 3, among=["c"]) == []


def test_occlusion_leaves_the_model_as_it_was():
    f = fitted()
    before = f.windows.scaling.spread.copy()
    occlusion(f, [np.array([[0, 0]])])
    np.testing.assert_array_equal(f.windows.scaling.spread, before)
    assert occlusion(f, []).drop.shape == (0, 3)
