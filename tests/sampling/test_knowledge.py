import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.sampling.fault_control import FaultControl, fit_fault_control

SIDE = 100.0


def strips(cells_and_deposits):
    """A map whose rows lie at distances 100, 200, 400 … m, with so many cells and deposits each."""
    rows = len(cells_and_deposits)
    columns = max(cells for cells, _ in cells_and_deposits)
    distance = np.full((rows, columns), np.nan)
    deposits = []
    for row, (cells, held) in enumerate(cells_and_deposits):
        distance[row, :cells] = SIDE * 2**row
        deposits += [(row, column) for column in range(held)]
    return distance, np.isfinite(distance), np.array(deposits)


def test_a_planted_power_law_comes_back_exactly():
    """Density 0.8, 0.4, 0.2, 0.1 of the cells at doubling distances: exponent 1."""
    fit = fit_fault_control(*strips([(40, 32), (40, 16), (40, 8), (40, 4)]), SIDE)
    assert fit.exponent == pytest.approx(1, rel=1e-12)
    assert fit.limits == (100, 800)
    assert fit.coefficient == pytest.approx(0.8 / 0.01 * 100 / 1000)  # per km², at a kilometre


@given(st.sampled_from([1, 2, 3]), st.permutations(range(4)))
def test_planted_exponents_come_back_whatever_the_number_of_cells(power, sizes):
    rows = [(2 ** (9 + sizes[k]), 2 ** (9 + sizes[k] - power * k)) for k in range(4)]
    fit = fit_fault_control(*strips(rows), SIDE)
    assert fit.exponent == pytest.approx(power, rel=1e-9)


def test_two_classes_by_hand():
    """4 of 10 cells near, 1 of 20 at 400 m, with the 30 barren ones between them: 1 of 50.

    The second class stands at exp((30 ln 200 + 20 ln 400) / 50) = 100 * 2**1.4 m.
    """
    fit = fit_fault_control(*strips([(10, 4), (30, 0), (20, 1)]), SIDE)
    assert fit.exponent == pytest.approx(np.log2(0.4 / 0.02) / 1.4)


def test_barren_ground_beyond_the_last_deposit_counts():
    near = fit_fault_control(*strips([(10, 4), (10, 1)]), SIDE)
    wide = fit_fault_control(*strips([(10, 4), (10, 1), (90, 0)]), SIDE)
    assert near.exponent == pytest.approx(2)
    assert wide.exponent == pytest.approx(np.log2(0.4 / 0.01) / 1.9)
    assert wide.limits[1] == 400


def test_three_classes_are_weighed_by_their_deposits():
    """Weighted least squares by its normal equations."""
    fit = fit_fault_control(*strips([(20, 9), (20, 8), (20, 1)]), SIDE)
    count = np.array([9.0, 8, 1])
    design = np.column_stack([np.log([100.0, 200, 400]), np.ones(3)])
    left, right = design.T * count @ design, design.T * count @ np.log(count / 20 / SIDE**2)
    assert fit.exponent == pytest.approx(-np.linalg.solve(left, right)[0])


def test_only_valid_cells_count():
    distance, valid, deposits = strips([(40, 32), (40, 16), (40, 8)])
    fit = fit_fault_control(distance, valid, deposits, SIDE)
    hidden = valid.copy()
    hidden[0, 16:] = hidden[1, 20:] = False  # halves the first row's deposits, and some barren
    changed = np.where(hidden, distance, 7e5)
    moved = fit_fault_control(changed, hidden, deposits, SIDE)
    assert moved == fit_fault_control(distance, hidden, deposits, SIDE)
    assert moved != fit


def test_what_lies_nearer_than_the_resolution_lies_at_it():
    distance, valid, deposits = strips([(40, 32), (40, 16)])
    on_faults = np.where(distance == 100, 3.0, distance)
    assert fit_fault_control(on_faults, valid, deposits, SIDE) == fit_fault_control(
        distance, valid, deposits, SIDE
    )


exponents = st.floats(0.01, 5)
distances = st.lists(st.floats(0, 1e7), min_size=2, max_size=20)


@given(exponents, distances)
def test_the_weight_falls_with_distance_within_0_and_1(exponent, where):
    weight = FaultControl(exponent, 1.0, (50.0, 20_000.0))(np.sort(where))
    assert (weight > 0).all()
    assert (weight <= 1).all()
    assert (np.diff(weight) <= 0).all()


def test_the_weight_is_1_on_a_fault_and_missing_where_the_distance_is():
    weight = FaultControl(2.0, 1.0, (100.0, 400.0))(np.array([[0.0, 200], [np.nan, 9e9]]))
    np.testing.assert_allclose(weight, [[1, 0.25], [np.nan, 1 / 16]])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(40, 2), (40, 0)], "deposits .2. to fit.*model.weight"),
        ([(40, 0), (40, 0)], r"deposits \(0\) to fit"),
        ([(40, 9), (40, 0)], "one class of distance.*model.weight"),
        ([(40, 2), (40, 9)], r"power of \+2.2.*model.weight"),
        ([(40, 5), (40, 5)], "does not fall with distance"),
    ],
)
def test_where_no_relation_can_be_fitted_the_message_says_why(rows, words):
    with pytest.raises(SamplingError, match=words):
        fit_fault_control(*strips(rows), SIDE)
