import numpy as np
import pytest

from orecast.errors import SamplingError
from orecast.sampling import MapGeometry, deposit_sampling
from orecast.splits.leave_out import LeaveDepositOut

AT = np.array([[0, 5], [0, 7], [0, 25], [0, 46]])


def test_each_group_is_held_out_with_the_cells_nearest_to_it():
    """Windows of 3 around columns 5 and 7 share column 6; borders run at 16 and between 35, 36."""
    valid = np.ones((1, 60), dtype=bool)
    valid[0, 20] = False
    protocol = LeaveDepositOut(MapGeometry(valid, 1000.0, 3))
    folds = protocol.folds(deposit_sampling(AT, 3)[0], 1000.0)
    assert [f.test.tolist() for f in folds] == [[0, 1], [2], [3]]
    assert [f.train.tolist() for f in folds] == [[2, 3], [0, 1, 3], [0, 1, 2]]
    middle = np.flatnonzero(folds[1].region[0])
    assert middle.min() in (16, 17)
    assert middle.max() == 35
    assert 20 not in middle
    hidden = np.flatnonzero(folds[1].hidden[0])
    # a cell of a window's half, and twice a reach of one cell
    assert (hidden.min(), hidden.max()) == (middle.min() - 3, 35 + 3)
    assert "3 folds" in protocol.words
    assert "at least 2 of 4 places" in protocol.words
    assert "5 km" in protocol.words


def test_one_group_alone_is_refused():
    geometry = MapGeometry(np.ones((1, 60), dtype=bool), 1000.0, 3)
    with pytest.raises(SamplingError, match=r"2 places of ore form 1 group.*use spatial"):
        LeaveDepositOut(geometry).folds(deposit_sampling(AT[:2], 3)[0], 0.0)


def test_a_buffer_over_everything_is_refused():
    geometry = MapGeometry(np.ones((1, 60), dtype=bool), 1000.0, 3)
    with pytest.raises(SamplingError, match=r"43 km .*leaves \d places"):
        LeaveDepositOut(geometry).folds(deposit_sampling(AT, 3)[0], 20_000.0)
