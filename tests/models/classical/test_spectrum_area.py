from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ConfigError
from orecast.models.classical import fractal as spectrum_area
from orecast.models.classical.fractal import SpectrumArea, anomaly_filter, power_threshold
from orecast.sampling import Scaling, Windows

SHAPE = (64, 80)
CELLS = np.argwhere(np.ones(SHAPE, dtype=bool))
SPOTS = [(20, 20), (40, 60), (50, 25)]


def survey(seed=0, spots=SPOTS):
    """A broad regional swell of height 10, and on it spots of height 1 and a width of a cell."""
    row, column = np.indices(SHAPE)
    values = 10 * np.exp(-((row - 30) ** 2 + (column - 45) ** 2) / (2 * 20.0**2))
    values += np.random.default_rng(seed).normal(0, 0.02, SHAPE)
    for r, c in spots:
        values += np.exp(-((row - r) ** 2 + (column - c) ** 2) / 2)
    return values


def windows(stack, **kwargs):
    names = ("Au", "Cu", "Zn")[: len(stack)]
    return Windows(np.asarray(stack, dtype="f4"), names, CELLS, 1, **kwargs)


def fitted(X, **options):
    return SpectrumArea(**options).fit(X, np.full(len(X), np.nan), np.full(len(X), -1), seed=0)


def test_without_a_threshold_the_map_comes_back():
    values = survey()
    back = anomaly_filter(values, np.inf, 3.0)
    assert back == pytest.approx(values - 3.0, abs=1e-12)
    assert anomaly_filter(values, 0.0, 3.0) == pytest.approx(np.zeros(SHAPE), abs=1e-12)


def test_anomaly_and_background_make_up_the_map():
    """Filtered above and below the same power, the parts sum to the map less its fill."""
    values, fill = survey(), 2.0
    threshold = power_threshold(values, fill)
    low = anomaly_filter(values, threshold, fill)
    spectrum = spectrum_area._spectrum(values, fill)
    spectrum[np.abs(spectrum) ** 2 / spectrum.size < threshold] = 0
    top, left = SHAPE[0] // 8, SHAPE[1] // 8
    high = np.fft.ifft2(spectrum).real[top : top + SHAPE[0], left : left + SHAPE[1]]
    assert low + high == pytest.approx(values - fill, abs=1e-9)


def test_a_wave_goes_from_the_threshold_on():
    values = survey()
    power = np.abs(spectrum_area._spectrum(values, 2.0)) ** 2
    power /= power.size
    strongest = power.max()
    kept = anomaly_filter(values, strongest, 2.0)
    assert not np.allclose(kept, values - 2.0)
    assert anomaly_filter(values, 1.001 * strongest, 2.0) == pytest.approx(values - 2.0)


def test_the_swell_is_taken_out_and_the_spots_are_left():
    X = windows(survey()[None])
    scores = fitted(X).predict(X).reshape(SHAPE)
    top = {tuple(cell) for cell in np.argwhere(scores >= np.sort(scores.ravel())[-15])}
    for spot in SPOTS:
        assert spot in top
    assert tuple(np.unravel_index(survey().argmax(), SHAPE)) not in top


def test_parts_of_a_map_are_scored_as_the_whole_and_filtered_once(monkeypatch):
    X = windows([survey(0), survey(1)])
    detector = fitted(X)
    calls = []
    original = spectrum_area.anomaly_filter
    monkeypatch.setattr(
        spectrum_area, "anomaly_filter", lambda *a: (calls.append(1), original(*a))[1]
    )
    whole = detector.predict(X)
    parts = [detector.predict(X.take(rows)) for rows in np.array_split(np.arange(len(X)), 7)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(calls) <= 2
    X.stack[0] += survey(2).astype("f4")  # another map in the same place
    assert not np.array_equal(detector.predict(X), whole)


def test_missing_cells_take_the_mean_of_the_visible():
    values = survey().astype("f4")
    values[:5] = np.nan
    scaling = Scaling(np.float32([0]), np.float32([1]))
    X = windows(values[None], scaling=scaling).take(CELLS[:, 0] >= 5)
    detector = fitted(X)
    assert detector.fills_ == pytest.approx([np.nanmean(values.astype(float))])
    filled = values.copy()
    filled[:5] = detector.fills_[0]
    assert detector.predict(X) == pytest.approx(detector.predict(replace(X, stack=filled[None])))


def test_hidden_cells_move_nothing_learned():
    hidden = np.zeros(SHAPE, dtype=bool)
    hidden[30:50, 10:40] = True
    states = []
    for seed in (1, 2):
        stack = np.stack([survey(0), survey(5)])
        stack[:, hidden] = np.random.default_rng(seed).normal(size=(2, hidden.sum()))
        X = windows(stack, hidden=hidden).take(~hidden.ravel())
        detector = fitted(X)
        states.append((detector.fills_, detector.thresholds_, detector.spread_))
    for one, other in zip(*states, strict=True):
        assert one.tobytes() == other.tobytes()
    open_ = fitted(replace(X, hidden=None))
    assert not np.array_equal(open_.thresholds_, detector.thresholds_)


def test_over_elements_the_largest_or_the_mean_of_standardised_anomalies():
    X = windows([survey(0), 5 * survey(1, SPOTS[:1])])
    single = [2 * fitted(X, layer=name).predict(X) - 1 for name in ("Au", "Cu")]
    z = np.array([s / (1 - np.abs(s)) for s in single])
    assert 2 * fitted(X).predict(X) - 1 == pytest.approx(np.max(single, axis=0))
    mean = z.mean(axis=0)
    expected = (1 + mean / (1 + np.abs(mean))) / 2
    assert fitted(X, over="mean").predict(X) == pytest.approx(expected)


def test_a_constant_map_has_no_anomaly():
    X = windows(np.full((1, *SHAPE), 3.0))
    detector = fitted(X)
    assert detector.thresholds_ == [np.inf]
    assert set(detector.predict(X)) == {0.5}


def test_an_occluded_layer_has_no_anomaly():
    X = windows([survey(0)], scaling=Scaling(np.float32([2]), np.float32([1])))
    detector = fitted(X)
    occluded = replace(X, scaling=Scaling(np.float32([2]), np.float32([np.inf])))
    assert np.ptp(detector.predict(X)) > 0.1
    assert set(detector.predict(occluded)) == {0.5}


def test_impossible_options_are_refused():
    X = windows([survey()])
    with pytest.raises(ConfigError, match=r"model\.options\.over"):
        fitted(X, over="sum")
    with pytest.raises(ConfigError, match=r"model\.options\.layer"):
        fitted(X, layer="Ag")
