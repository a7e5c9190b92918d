import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from scipy.stats import median_abs_deviation

from orecast.evidence import Evidence
from orecast.explanation import anomalous_elements
from orecast.grid import Grid


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
    np.testing.assert_allclose(found.z, expected)
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
    np.testing.assert_allclose(found.z[0], [1 / one, 0], atol=1e-12)
    assert np.isnan(found.z[1]).all()
    assert found.top(1) == []


def test_a_layer_without_spread_is_never_named():
    evidence = evidence_of({"Au": [[0, 0, 0, 0, 9]], "As": [[1, 2, 3, 4, 5]]})
    found = anomalous_elements(evidence, [np.array([[0, 4]])], evidence.valid)
    assert np.isnan(found.z[0, 0])
    assert found.top(0) == ["As"]


def test_no_areas_and_no_valid_cells():
    evidence = evidence_of({"Au": AU, "As": AS})
    assert anomalous_elements(evidence, [], evidence.valid).z.shape == (0, 2)
    nothing = np.zeros((2, 3), dtype=bool)
    assert anomalous_elements(evidence, [CELL], nothing).top(0) == []


@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
def test_unit_and_origin_of_a_layer_do_not_matter(seed, scale, shift):
    values = np.random.default_rng(seed).lognormal(0, 1, (6, 7))
    evidence = evidence_of({"Au": values, "scaled": scale * values + shift})
    areas = [np.argwhere(values > 2)] if (values > 2).any() else [CELL]
    z = anomalous_elements(evidence, areas, evidence.valid).z[0]
    by_scipy = (values[tuple(areas[0].T)].mean() - np.median(values)) / median_abs_deviation(
        values, axis=None, scale="normal"
    )
    assert z == pytest.approx([by_scipy, by_scipy], rel=1e-4)
