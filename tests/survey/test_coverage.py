"""Which elements leave the map half of its area."""

import numpy as np
import pytest

from orecast.survey.coverage import keep_covering


def groups(*shares, n=1000):
    """Elements whose values lie in the rows from a share to another, ``(n, e)``."""
    rows = np.arange(n) / n
    return np.column_stack([(rows >= low) & (rows < high) for low, high in shares])


def test_elements_of_one_method_stay_together():
    """Two methods cover different samples: the one with more elements is kept, not the fullest."""
    has = groups(*[(0, 0.62)] * 20, (0.2, 1), (0.2, 1), (0, 0.3))
    assert keep_covering(has, 3).tolist() == [True] * 20 + [False] * 3


@pytest.mark.parametrize("sparse", [0.0, 0.1, 0.3, 0.49])
def test_one_sparse_element_does_not_cost_the_map(sparse):
    has = groups((0, 1), (0, 0.9), (0, 1), (0, sparse))
    assert keep_covering(has, 3).tolist() == [True, True, True, False]


def test_nothing_is_left_out_where_half_of_the_places_stay():
    assert keep_covering(groups((0, 1), (0, 0.6), (0.05, 1)), 3).all()


def test_the_fewest_stay_even_where_they_share_no_place():
    assert keep_covering(groups((0, 0.4), (0.4, 0.7), (0.7, 1)), 3).sum() == 3
