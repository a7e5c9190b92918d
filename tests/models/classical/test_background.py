from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ConfigError, ModelError
from orecast.models.classical.concentrations import (
    Contrast,
    CumulativeIndex,
    MeanTwoSD,
    background,
    total_index,
)
from orecast.sampling import Scaling, Windows

CELLS = np.argwhere(np.ones((12, 15), dtype=bool))
Y, GROUP = np.full(180, np.nan), np.full(180, -1)


def windows(seed=0, size=1):
    stack = np.random.default_rng(seed).normal(size=(3, 12, 15)).astype("f4")
    return Windows(stack, ("Au", "Cu", "slope"), CELLS, size, kinds=("element",) * 2 + ("raster",))


def ranks(values):
    return np.argsort(np.argsort(values))


def fitted(detector, X):
    return detector.fit(X, Y[: len(X)], GROUP[: len(X)], seed=0)


def test_mean_and_deviation_by_hand():
    """1, 2, 3, 4, 100: mean 22, variance (21² + 20² + 19² + 18² + 78²)/5; median 3, MAD 1."""
    values = np.array([[1.0], [2], [3], [4], [100]])
    mean, spread = background(values)
    assert (mean[0], spread[0]) == pytest.approx((22, np.sqrt(1522)))
    median, mad = background(values, robust=True)
    assert (median[0], mad[0]) == pytest.approx((3, 1.4826))


def test_a_layer_without_spread_has_a_spread_of_one():
    values = np.full((5, 1), 7.0)
    assert background(values)[1] == background(values, robust=True)[1] == 1


@pytest.mark.parametrize("robust", [False, True])
def test_the_classical_threshold_scores_five_sixths(robust):
    X = windows()
    detector = fitted(MeanTwoSD("Cu", robust), X)
    middle, spread = background(X.centre()[:, [1]], robust=robust)
    threshold = middle + 2 * spread
    above = detector.predict(X) > 5 / 6
    assert above.any()
    assert np.array_equal(above, X.stack[1].ravel() > threshold)


def test_the_element_that_stands_out_most_is_scored_and_rasters_are_not_read():
    X = windows()
    detector = fitted(MeanTwoSD(), X)
    single = [fitted(MeanTwoSD(name), X).predict(X) for name in ("Au", "Cu")]
    assert detector.predict(X) == pytest.approx(np.max(single, axis=0))


def test_scores_keep_ranks():
    X = windows()
    for detector in (MeanTwoSD("Au"), Contrast("Au"), CumulativeIndex(["Au"])):
        assert np.array_equal(ranks(fitted(detector, X).predict(X)), ranks(X.stack[0].ravel()))


def test_contrast_is_the_ratio_to_the_median():
    """Twice and half the median score (1 ± ln 2 / (1 + ln 2)) / 2."""
    X = windows()
    detector = fitted(Contrast("Au"), X)
    X.stack[0, 0, :3] = np.median(X.stack[0]) + np.log([0.5, 1.0, 2.0])
    step = np.log(2) / (1 + np.log(2))
    assert detector.predict(X)[:3] == pytest.approx([(1 - step) / 2, 0.5, (1 + step) / 2])


def test_contrast_does_not_depend_on_the_scaling():
    X = windows()
    scaled = replace(X, scaling=Scaling(np.ones(3, "f4"), np.full(3, 5, "f4")))
    assert np.array_equal(
        fitted(Contrast(), scaled).predict(scaled), fitted(Contrast(), X).predict(X)
    )


def test_local_background_is_the_windows_median():
    X = windows(size=3)
    scores = fitted(Contrast("Au", "local"), X).predict(X)
    z = X.stack[0, 5, 5] - np.median(X.stack[0, 4:7, 4:7])
    assert scores[5 * 15 + 5] == pytest.approx((1 + z / (1 + abs(z))) / 2)
    z = X.stack[0, 0, 0] - np.median(X.stack[0, :2, :2])  # at the edge, of four cells
    assert scores[0] == pytest.approx((1 + z / (1 + abs(z))) / 2)


def test_local_background_needs_a_window():
    with pytest.raises(ModelError, match="at least 3 cells"):
        fitted(Contrast(background="local"), windows())


def test_total_index_by_hand():
    """Contrasts of 2, 3 and 0.5: 5.5 less 2."""
    assert total_index(np.log([[2, 3, 0.5], [1, 1, 1]])) == pytest.approx([3.5, 1])


def test_cumulative_index_ranks_by_its_sum():
    X = windows()
    values = X.centre()[:, :2].astype(float)
    contrasts = np.exp(values - np.median(values, axis=0)).sum(axis=1)
    assert np.array_equal(ranks(fitted(CumulativeIndex(), X).predict(X)), ranks(contrasts))
    z = ((values - values.mean(axis=0)) / values.std(axis=0)).sum(axis=1)
    summed = fitted(CumulativeIndex(["Cu", "Au"], of="standardised"), X).predict(X)
    assert np.array_equal(ranks(summed), ranks(z))


def test_an_occluded_layer_is_its_mean():
    X = windows()
    scaling = Scaling(np.float32([0.1, 0.2, 0]), np.float32([1, 1, 1]))
    detector = fitted(CumulativeIndex(), replace(X, scaling=scaling))
    hidden = replace(scaling, spread=np.float32([np.inf, 1, 1]))
    flat = X.stack.copy()
    flat[0] = 0.1
    assert np.array_equal(
        detector.predict(replace(X, scaling=hidden)),
        detector.predict(replace(X, stack=flat, scaling=scaling)),
    )


def test_concentrations_that_are_no_logarithms_are_refused():
    X = windows()
    X.stack[0] = 5300
    with pytest.raises(ModelError, match=r"layer Au: 5300 is not a logarithm"):
        fitted(Contrast(), X)


@pytest.mark.parametrize(
    ("detector", "option"),
    [
        (MeanTwoSD("Aux"), "layer"),
        (MeanTwoSD(robust="yes"), "robust"),
        (Contrast(background="regional"), "background"),
        (CumulativeIndex(of="ranks"), "of"),
        (CumulativeIndex("Au"), "elements"),
        (CumulativeIndex(["Au", "Aux"]), "elements"),
        (CumulativeIndex([]), "elements"),
    ],
)
def test_impossible_options_are_refused(detector, option):
    with pytest.raises(ConfigError, match=rf"model\.options\.{option}"):
        fitted(detector, windows())


def test_hidden_cells_move_nothing_learned():
    X = windows(size=3)
    hidden = np.zeros((12, 15), dtype=bool)
    hidden[6:] = True
    rows = X.at[:, 0] < 5
    for make in (MeanTwoSD, Contrast, CumulativeIndex):
        learned = []
        for seed in (1, 2):
            stack = X.stack.copy()
            stack[:, hidden] = np.random.default_rng(seed).normal(size=(3, hidden.sum()))
            seen = replace(X, stack=stack, hidden=hidden).take(rows)
            found = vars(fitted(make(), seen))
            learned.append({k: np.asarray(v).tobytes() for k, v in found.items() if k[-1] == "_"})
        assert learned[0] == learned[1]
        assert len(learned[0]) > 1
