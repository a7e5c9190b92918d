import numpy as np
import pytest

from orecast.models.classical.layers import DepositDistance
from orecast.sampling import Windows

STACK = np.full((1, 9, 12), np.nan, dtype=np.float32)
AT = np.array([[0, 0], [8, 11], [4, 5]])
Y = np.array([1.0, 1.0, 0.0])


def test_by_hand():
    X = Windows(STACK, ("Au",), AT, 3, cell_size=250.0)
    detector = DepositDistance().fit(X, Y, np.full(3, -1), seed=0)
    # from (4, 5) to (0, 0) are sqrt 41 cells, to (8, 11) sqrt 52
    scale = 250 * np.sqrt(41)
    assert detector.scale_ == pytest.approx(scale)
    scores = detector.predict(X.at_cells(np.array([[0, 0], [0, 3], [8, 8], [4, 5]])))
    np.testing.assert_allclose(scores, [1, *[1 / (1 + 750 / scale)] * 2, 0.5])


def test_scores_fall_with_distance_over_the_whole_grid():
    X = Windows(STACK, ("Au",), AT, 3, cell_size=250.0)
    cells = np.argwhere(np.ones((9, 12), dtype=bool))
    scores = DepositDistance().fit(X, Y, np.full(3, -1), seed=0).predict(X.at_cells(cells))
    metres = 250 * np.min(np.linalg.norm(cells[:, None] - AT[:2], axis=2), axis=1)
    order = np.argsort(metres, kind="stable")
    assert (np.diff(scores[order])[np.diff(metres[order]) > 1e-9] < 0).all()


def test_deposits_it_was_not_given_do_not_count():
    X = Windows(STACK, ("Au",), AT, 1)
    part = np.array([0, 2])
    detector = DepositDistance().fit(X.take(part), Y[part], np.full(2, -1), seed=0)
    assert detector.predict(X)[1] < detector.predict(X)[2] == 0.5


def test_barren_places_on_deposits_leave_a_scale():
    X = Windows(STACK, ("Au",), np.array([[2, 2], [2, 2]]), 1, cell_size=100.0)
    detector = DepositDistance().fit(X, np.array([1.0, 0.0]), np.full(2, -1), seed=0)
    assert detector.predict(X.at_cells(np.array([[2, 3]]))) == pytest.approx([0.5])
