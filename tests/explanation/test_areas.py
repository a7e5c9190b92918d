import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from scipy.stats import median_abs_deviation

from orecast.evidence import Evidence
from orecast.explanation import anomalous_elements, occlusion
from orecast.grid import Grid
from orecast.sampling import Sampling, Scaling, Windows
from orecast.validation import Fitted


def evidence_of(layers, kinds=None):
    shape = np.shape(next(iter(layers.values())))
    evidence = Evidence.empty(
        Grid(CRS("EPSG:32645"), Affine(100, 0, 500_000, 0, -100, 4_000_000), shape)
    )
    for name, values in layers.items():
        kind = (kinds or {}).get(name, "element")
        evidence = evidence.adding(
            name, np.asarray(values, dtype=np.float32), kind=kind, origin="", reach=0
        )
    return evidence


AU = [[1, 2, 3], [4, 5, 100]]  # median 3.5, deviations 2.5 1.5 .5 .5 1.5 96.5: MAD 1.5
AS = [[6, 6, 8], [8, 10, 7]]  # median 7.5, deviations 1.5 1.5 .5 .5 2.5 .5: MAD 1
CELL = np.array([[1, 2]])


def test_z_by_hand():
    evidence = evidence_of({"Au": AU, "As": AS})
    areas = [CELL, np.array([[1, 0], [1, 1]])]
    found = anomalous_elements(evidence, areas, evidence.valid)
    assert found.layers == ("Au", "As")
    one = 1.482602218505602
    expected = [[96.5 / 1.5 / one, -0.5 / one], [1 / 1.5 / one, 1.5 / one]]
    np.testing.assert_allclose(found.values, expected)
    assert found.top(0) == ["Au"]  # As lies below the map there
    assert found.top(1) == ["As", "Au"]
    assert found.top(1, n=1) == ["As"]


def test_only_elements_are_named():
    evidence = evidence_of({"Au": AU, "fault_distance": AU}, {"fault_distance": "fault"})
    assert anomalous_elements(evidence, [CELL], evidence.valid).layers == ("Au",)


def test_cells_that_are_not_valid_count_nowhere():
    evidence = evidence_of({"Au": [[1, 2, 3, 1e6]], "As": [[4, 1, 2, np.nan]]})
    assert evidence.valid.tolist() == [[True, True, True, False]]
    areas = [np.array([[0, 2], [0, 3]]), np.array([[0, 3]])]
    found = anomalous_elements(evidence, areas, evidence.valid)
    one = 1.482602218505602
    np.testing.assert_allclose(found.values[0], [1 / one, 0], atol=1e-12)
    assert np.isnan(found.values[1]).all()
    assert found.top(1) == []


def test_a_layer_without_spread_is_never_named():
    evidence = evidence_of({"Au": [[0, 0, 0, 0, 9]], "As": [[1, 2, 3, 4, 5]]})
    found = anomalous_elements(evidence, [np.array([[0, 4]])], evidence.valid)
    assert np.isnan(found.values[0, 0])
    assert found.top(0) == ["As"]


def test_no_areas_and_no_valid_cells():
    evidence = evidence_of({"Au": AU, "As": AS})
    assert anomalous_elements(evidence, [], evidence.valid).values.shape == (0, 2)
    nothing = np.zeros((2, 3), dtype=bool)
    assert anomalous_elements(evidence, [CELL], nothing).top(0) == []


@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
def test_unit_and_origin_of_a_layer_do_not_matter(seed, scale, shift):
    values = np.random.default_rng(seed).lognormal(0, 1, (6, 7))
    evidence = evidence_of({"Au": values, "scaled": scale * values + shift})
    areas = [np.argwhere(values > 2)] if (values > 2).any() else [CELL]
    z = anomalous_elements(evidence, areas, evidence.valid).values[0]
    by_scipy = (values[tuple(areas[0].T)].mean() - np.median(values)) / median_abs_deviation(
        values, axis=None, scale="normal"
    )
    assert z == pytest.approx([by_scipy, by_scipy], rel=1e-4)


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
        np.testing.assert_allclose(found.values[k], [2 * z[0], -z[1], 0], atol=1e-5)


def test_only_layers_that_raise_the_score_are_named():
    found = occlusion(fitted(), [np.array([[0, 0]])])
    raising = [n for n, d in zip("abc", found.values[0], strict=True) if d > 0]
    assert sorted(found.top(0, 3)) == sorted(raising)
    assert found.top(0, 3, among=["c"]) == []


def test_occlusion_leaves_the_model_as_it_was():
    f = fitted()
    before = f.windows.scaling.spread.copy()
    occlusion(f, [np.array([[0, 0]])])
    np.testing.assert_array_equal(f.windows.scaling.spread, before)
    assert occlusion(f, []).values.shape == (0, 3)
