import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from orecast.errors import SamplingError
from orecast.metrics import reliability, share_interval


def sample(seed=0, n=400):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n)
    return (rng.random(n) < p**1.3).astype(float), p, rng.uniform(0.5, 3, n)


@pytest.mark.parametrize(("by", "strategy"), [("width", "uniform"), ("quantile", "quantile")])
def test_the_table_is_scikit_learns(by, strategy):
    y, p, _ = sample()
    table = reliability(y, p, bins=8, by=by)
    observed, predicted = calibration_curve(y, p, n_bins=8, strategy=strategy)
    held = table.count > 0
    assert table.observed[held] == pytest.approx(observed)
    assert table.predicted[held] == pytest.approx(predicted)
    assert table.count.sum() == 400
    assert table.ore.sum() == y.sum()


def test_wilsons_interval_in_each_bin():
    y, p, _ = sample()
    table = reliability(y, p, bins=5)
    for k, n, low, high in zip(table.ore, table.count, table.low, table.high, strict=True):
        interval = share_interval(int(k), int(n))
        assert (low, high) == pytest.approx((interval.low, interval.high))


def test_a_bin_without_places_is_nan():
    table = reliability([1, 0, 1], [0.9, 0.1, 0.95], bins=4, by="width")
    assert table.count.tolist() == [1, 0, 0, 2]
    assert np.isnan(table.observed).tolist() == [False, True, True, False]
    assert np.isnan(table.high).tolist() == [False, True, True, False]


def test_one_probability_is_one_bin():
    table = reliability([1, 0, 0, 0], np.full(4, 0.25))
    assert table.count.tolist() == [4]
    assert table.share.tolist() == [1]


def test_weighted_background_gives_the_table_of_all_cells():
    # a bin of 3 deposits and 20 background cells, each standing for 50
    y, p = np.repeat([1.0, 0.0], [3, 20]), np.full(23, 0.003)
    w = np.where(y == 1, 1.0, 50.0)
    table = reliability(y, p, w, bins=1)
    assert table.observed == pytest.approx([3 / 1003])
    assert table.predicted == pytest.approx([0.003])
    ends = share_interval(3, 23)
    for moved, end in [(table.low[0], ends.low), (table.high[0], ends.high)]:
        assert moved / (1 - moved) == pytest.approx(end / (1 - end) / 50)
    assert table.count.tolist() == [23]


def test_the_weighted_share_is_the_weighted_mean():
    y, p, w = sample()
    table = reliability(y, p, w, bins=4)
    member = np.searchsorted(table.edges[1:-1], p)
    for k in range(4):
        mean = np.average(y[member == k], weights=w[member == k])
        assert table.observed[k] == pytest.approx(mean)
        assert table.low[k] < mean < table.high[k]


def test_a_bin_without_ore_still_has_a_width_of_the_right_size():
    y = np.repeat([0.0, 0.0, 1.0], [30, 10, 10])
    p = np.repeat([0.01, 0.9, 0.9], [30, 10, 10])
    table = reliability(y, p, np.where(y == 1, 1.0, 100.0), bins=2, by="width")
    assert (table.observed[0], table.low[0]) == (0, 0)
    assert 0 < table.high[0] < 0.002  # of 3000 cells, where 30 unweighted ones would say 0.11


def test_wilson_moved_by_the_odds_covers_the_share_of_all_cells():
    rng = np.random.default_rng(0)
    cells, ore, kept = 20_000, 30, 500
    covered = 0
    for _ in range(400):
        found = rng.binomial(cells, ore / cells)
        y = np.repeat([1.0, 0.0], [found, kept])
        w = np.where(y == 1, 1.0, (cells - found) / kept)
        table = reliability(y, np.full(y.size, 0.5), w, bins=1)
        covered += bool(table.low[0] <= ore / cells <= table.high[0])
    assert 0.9 < covered / 400 < 0.985


def test_what_is_refused():
    with pytest.raises(SamplingError, match="0 of 2 places are ore"):
        reliability([0, 0, np.nan], [0.5, 0.2, 0.1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability([0, 1], [0.5, 1.2])
    with pytest.raises(ValueError, match="above 0"):
        reliability([0, 1], [0.5, 0.2], [0, 1])
    with pytest.raises(ValueError, match="2 labels, 1 values and 2 weights"):
        reliability([0, 1], [0.5])


def test_places_that_lack_anything_are_left_out():
    y, p = [1, 0, 0, np.nan], [0.7, 0.2, np.nan, 0.5]
    known = reliability([1, 0], [0.7, 0.2]).as_dict()
    for name, values in reliability(y, p, [1, 1, 1, 1]).as_dict().items():
        assert values == pytest.approx(known[name], nan_ok=True), name
    with pytest.raises(ValueError, match="0 bins"):
        reliability([1, 0], [0.7, 0.2], bins=0)
