import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, stats

from orecast.errors import SamplingError
from orecast.metrics import toroidal_null
from orecast.metrics.nulls import _mean_percentiles, _shifted

DATA = Path(os.environ.get("ORECAST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def layers(seed=0, n=6, shape=(40, 50), texture=3.0):
    rng = np.random.default_rng(seed)
    made = [ndimage.gaussian_filter(rng.normal(size=shape), texture, mode="wrap") for _ in range(n)]
    return np.array(made, dtype=np.float32)


def null_of(stack, valid, places, **options):
    """The null of layers that are named by their number."""
    return toroidal_null(stack, [*map(str, range(len(stack)))], valid, places, **options)


def cells(seed=0, n=9, shape=(40, 50)):
    return np.random.default_rng([seed, 9]).integers(0, shape, (n, 2))


def test_the_best_layer_and_its_sign_by_hand():
    stack = np.stack([np.arange(12.0).reshape(3, 4) % 5, -np.arange(12.0).reshape(3, 4)])
    found = null_of(stack, np.ones((3, 4), bool), [[2, 3], [2, 2]], seed=0, draws=50)
    assert (found.layer, found.sign) == ("1", -1)
    assert found.value == pytest.approx(11 / 12)  # the two best of twelve cells
    assert (found.draws, found.layers) == (50, 2)


def test_mean_percentiles_are_those_of_mean_ranks():
    layer, valid = layers(n=1)[0].round(1), np.random.default_rng(1).random((40, 50)) < 0.8
    at = np.random.default_rng(2).integers(0, (40, 50), (7, 5, 2))
    ranks = np.full(layer.shape, np.nan)
    ranks[valid] = (stats.rankdata(layer[valid]) - 0.5) / valid.sum()
    expected = np.nanmean(ranks[at[..., 0], at[..., 1]], axis=1)
    assert _mean_percentiles(layer, valid, at) == pytest.approx(expected)


def test_deposits_move_together_and_round_the_edges():
    places, valid = cells(), np.ones((40, 50), bool)
    at = _shifted(places, valid, 200, np.random.default_rng(0))
    assert (at[0] == places).all()
    moved = (at - places) % valid.shape
    assert (moved == moved[:, :1]).all()
    assert (moved[1:, 0].min(axis=0) < 3).all()
    assert (moved[1:, 0].max(axis=0) > [36, 46]).all()


def test_two_thirds_of_the_deposits_stay_on_valid_cells():
    valid = np.zeros((40, 50), bool)
    valid[5:30, 5:40] = True
    places = cells() // 3 + 8
    at = _shifted(places, valid, 300, np.random.default_rng(0))
    inside = valid[at[..., 0], at[..., 1]].mean(axis=1)
    assert inside.min() >= 2 / 3
    assert inside.min() < 1


def test_a_layer_that_knows_the_deposits_is_found():
    stack, places = layers(), cells()
    stack[4] *= 0.05
    stack[4][tuple(places.T)] -= 1
    found = null_of(stack, np.ones((40, 50), bool), places, seed=0, draws=500)
    assert (found.layer, found.sign) == ("4", -1)
    assert found.value > found.high > found.mean > 0.5
    assert found.p == pytest.approx(1 / 501)


def test_choosing_among_more_layers_scores_more_by_chance():
    valid, places = np.ones((40, 50), bool), cells()
    few, many = (null_of(layers(n=n), valid, places, seed=0) for n in (1, 20))
    assert 0.5 < few.mean < many.mean < many.high


def test_p_is_even_where_nothing_is_to_be_found():
    # deposits put anywhere on layers that wrap: small p are as rare as they say
    valid = np.ones((40, 50), bool)
    p = [null_of(layers(k), valid, cells(k), seed=k, draws=99).p for k in range(150)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_deposits_off_the_valid_cells_are_left_out():
    stack, valid = layers(), np.ones((40, 50), bool)
    valid[:5] = False
    stack[:, ~valid] = np.nan
    places = np.vstack([cells() // 2 + 10, [[2, 2], [-1, 3], [40, 0]]])
    found = null_of(stack, valid, places, seed=1, draws=100)
    assert found == null_of(stack, valid, places[:9], seed=1, draws=100)


def test_seeds_repeat_and_differ():
    stack, valid = layers(), np.ones((40, 50), bool)
    first, again, other = (null_of(stack, valid, cells(), seed=s, draws=100) for s in (0, 0, 1))
    assert first == again
    assert first.mean != other.mean


def test_what_is_refused():
    stack, valid = layers(), np.zeros((40, 50), bool)
    with pytest.raises(SamplingError, match="no deposit lies on a valid cell"):
        null_of(stack, valid, cells(), seed=0)
    valid[[0, 1, 3], [0, 5, 9]] = True  # three cells: only to stay where they are will do
    with pytest.raises(SamplingError, match="only"):
        null_of(stack, valid, np.argwhere(valid), seed=0, draws=1000)
    stack[2, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN at valid cells"):
        null_of(stack, np.ones((40, 50), bool), cells(), seed=0, draws=10)


@pytest.mark.skipif(
    not (DATA / "tianshan").is_dir(),
    reason="the public surveys are not here: set ORECAST_DATA (examples/README.md)",
)
def test_the_best_of_tianshans_39_layers_is_no_better_than_chance():
    import rasterio

    def read(path):
        with rasterio.open(path) as file:
            return file.read(1)

    stack = np.stack([read(f) for f in sorted((DATA / "tianshan/Geochemical_data").glob("*.tif"))])
    deposits = np.argwhere(read(DATA / "tianshan/label/Au_deposits0.tif") == 1)
    found = null_of(stack, np.isfinite(stack).all(axis=0), deposits, seed=0)
    assert len(stack) == 39
    assert found.mean == pytest.approx(0.72, abs=0.02)
    assert found.value < found.high
    assert found.p > 0.2
