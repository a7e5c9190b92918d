"""Peaks of a map and their surroundings, by hand and by property."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS
from scipy import ndimage

from orecast.grid import Grid
from orecast.targets import Peaks, Rule

CELL = 100.0


def grid_of(shape):
    return Grid(CRS("EPSG:32645"), Affine(CELL, 0, 430000, 0, -CELL, 4700000), shape)


def rule(**changes):
    whole = {"spacing": CELL, "smallest": 1, "largest": 1000, "fall": 0.5, "prominence": 0.0}
    return Rule(**(whole | changes))


def peaks_of(score, **changes):
    score = np.asarray(score, dtype=float)
    return Peaks(score, grid_of(score.shape), rule(**changes))


TWO = np.array(  # a peak of 1.0 and one of 0.8, with a saddle of 0.5 between them
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.6, 0.6, 0.0, 0.6, 0.6, 0.0],
        [0.0, 0.6, 1.0, 0.5, 0.8, 0.6, 0.0],
        [0.0, 0.6, 0.6, 0.0, 0.6, 0.6, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)


def test_two_peaks_and_the_saddle_between_them():
    peaks = peaks_of(TWO, spacing=0.5 * CELL)
    assert peaks.at.tolist() == [[2, 2], [2, 4]]
    first, second = peaks.drawn()
    assert first.score == 1.0
    # the map's median is 0: a fall of half ends at 0.5 and at 0.4
    assert sorted(map(tuple, first.cells.tolist())) == sorted(
        [(r, c) for r in (1, 2, 3) for c in (1, 2)] + [(2, 3)]
    )
    assert sorted(map(tuple, second.cells.tolist())) == sorted(
        [(r, c) for r in (1, 2, 3) for c in (4, 5)]
    )


def test_a_peak_without_prominence_belongs_to_the_higher_one():
    """The second peak rises 0.3 above the saddle, of a height of 1."""
    assert len(peaks_of(TWO, prominence=0.29).at) == 2
    (whole,) = peaks_of(TWO, prominence=0.31).drawn()
    assert len(whole.cells) == 13


def test_peaks_nearer_than_two_spacings_are_one_target():
    """The peaks lie 200 m apart."""
    assert len(peaks_of(TWO, spacing=100.0).drawn()) == 2
    (only,) = peaks_of(TWO, spacing=101.0).drawn()
    assert only.at == (2, 2)


def test_the_largest_area_takes_the_best_connected_cells():
    (peak, _) = peaks_of(TWO, spacing=0.5 * CELL, largest=3).drawn()
    assert len(peak.cells) == 3
    assert peak.cells[0].tolist() == [2, 2]
    assert (TWO[tuple(peak.cells.T)] >= 0.6).all()


def test_small_targets_are_left_out_and_most_are_counted_after():
    score = TWO.copy()
    score[0, 0] = 0.9  # one cell, the second highest
    score[1, 1] = 0.0
    peaks = peaks_of(score, spacing=0.5 * CELL)
    assert [p.at for p in peaks.drawn(most=2)] == [(2, 2), (0, 0)]
    assert [p.at for p in peaks_of(score, spacing=0.5 * CELL, smallest=2).drawn(most=2)] == [
        (2, 2),
        (2, 4),
    ]


def test_only_peaks_among_those_asked_for():
    peaks = peaks_of(TWO)
    assert [p.at for p in peaks.drawn(np.array([False, True]))] == [(2, 4)]


@pytest.mark.parametrize("score", [np.full((3, 3), np.nan), np.full((3, 4), 0.5)])
def test_maps_without_relief(score):
    peaks = peaks_of(score)
    assert len(peaks.at) == (0 if np.isnan(score).all() else 1)


SMOOTH = arrays(np.float64, (9, 11), elements=st.floats(0, 1, width=16))


@settings(max_examples=60)
@given(SMOOTH, st.floats(0, 0.9), st.integers(1, 30), st.booleans())
def test_targets_are_connected_disjoint_and_hold_their_peak(values, prominence, largest, gaps):
    score = ndimage.gaussian_filter(values, 0.7)
    if gaps:
        score[values < 0.2] = np.nan
    changes = {"spacing": 0.1, "prominence": prominence, "largest": largest}
    peaks = peaks_of(score, **changes)
    seen = np.zeros(score.shape, dtype=int)
    drawn = peaks.drawn()
    assert [p.score for p in drawn] == sorted((p.score for p in drawn), reverse=True)
    for peak in drawn:
        cells = tuple(peak.cells.T)
        mask = np.zeros(score.shape, dtype=bool)
        mask[cells] = True
        seen += mask
        assert mask[peak.at]
        assert len(peak.cells) <= largest
        assert ndimage.label(mask, np.ones((3, 3)))[1] == 1
        assert score[cells].max() == peak.score
        assert np.isfinite(score[cells]).all()
    assert seen.max(initial=0) <= 1


@settings(max_examples=60)
@given(SMOOTH)
def test_without_prominence_peaks_are_the_local_maxima(values):
    score = values + np.linspace(0, 1e-6, values.size).reshape(values.shape)  # no ties
    highest = ndimage.maximum_filter(score, 3, mode="constant", cval=-np.inf)
    maxima = {tuple(at) for at in np.argwhere(score == highest).tolist()}
    assert {tuple(at) for at in peaks_of(score).at.tolist()} == maxima
