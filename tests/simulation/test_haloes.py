import numpy as np
import pandas as pd
import pytest

from orecast.grid import Grid
from orecast.simulation.geochemistry import (
    SUITES,
    ZONES,
    barren_anomalies,
    enrichment,
    shuffled_strengths,
)
from orecast.simulation.geology import Fault, traces
from orecast.simulation.preset import Preset, load_preset

CENTRE = (8125.0, 6125.0)


@pytest.fixture(scope="module")
def preset() -> Preset:
    return load_preset("demo")


def _ore(strike: float = 90.0, strength: float = 2.0) -> pd.DataFrame:
    return pd.DataFrame(
        {"X": [CENTRE[0]], "Y": [CENTRE[1]], "strike": [strike], "strength": [strength]}
    )


def _halo(preset: Preset, grid: Grid, ore: pd.DataFrame) -> dict[str, np.ndarray]:
    added = enrichment(preset, grid, ore, [tuple(ZONES)] * len(ore))
    return dict(zip(preset.symbols, added, strict=True))


def _at(grid: Grid, dx: float, dy: float) -> tuple[int, int]:
    row, column = grid.cell([[CENTRE[0] + dx, CENTRE[1] + dy]])[0]
    return int(row), int(column)


def test_the_peak_is_the_strength_in_the_elements_own_spread(preset: Preset, grid: Grid) -> None:
    halo = _halo(preset, grid, _ore())
    gold = preset.elements["Au"]
    assert halo["Au"][_at(grid, 0, 0)] == pytest.approx(np.exp(2 * gold.spread) - 1)
    assert not halo["Ni"].any()  # no part of any zone


@pytest.mark.parametrize("strike", [0.0, 45.0, 90.0, 150.0])
def test_haloes_stretch_along_the_strike(preset: Preset, grid: Grid, strike: float) -> None:
    zinc = _halo(preset, grid, _ore(strike))["Zn"]
    xx, yy = np.meshgrid(grid.x - CENTRE[0], grid.y - CENTRE[1])
    weight = zinc / zinc.sum()
    moments = np.cov(np.vstack([xx.ravel(), yy.ravel()]), aweights=weight.ravel())
    values, vectors = np.linalg.eigh(moments)
    bearing = np.degrees(np.arctan2(vectors[0, 1], vectors[1, 1])) % 180
    assert min(abs(bearing - strike), 180 - abs(bearing - strike)) < 3
    expected = preset.haloes.length / preset.haloes.width
    assert np.sqrt(values[1] / values[0]) == pytest.approx(expected, rel=0.1)


def test_zones_follow_each_other_outwards(preset: Preset, grid: Grid) -> None:
    halo = _halo(preset, grid, _ore())
    steps = [_at(grid, d, 0) for d in (0, 500, 1000, 1500, 2000, 2500)]
    proximal, distal, front = (
        np.array([halo[s][at] / halo[s][steps[0]] for at in steps]) for s in ("Au", "Zn", "As")
    )
    for inner, outer in ((proximal, distal), (distal, front)):
        assert (np.diff(inner / outer) < 0).all()
    assert front[4] > 0.3 > distal[4] > proximal[4]


def test_haloes_add(preset: Preset, grid: Grid) -> None:
    one, two = _ore(), _ore(strike=20, strength=1.0)
    both = pd.concat([one, two], ignore_index=True)
    np.testing.assert_allclose(
        _halo(preset, grid, both)["Pb"],
        _halo(preset, grid, one)["Pb"] + _halo(preset, grid, two)["Pb"],
    )


def test_no_strength_no_halo(preset: Preset, grid: Grid) -> None:
    assert not enrichment(preset, grid, _ore(strength=0.0), [tuple(ZONES)]).any()


def test_strengths_vary_alike_for_every_seed_and_rise_with_size() -> None:
    size = np.random.default_rng(9).permutation(np.linspace(-2, 2, 41))
    for seed in (0, 1):
        strengths = shuffled_strengths(2.0, 0.4, size, np.random.default_rng(seed))
        assert np.median(strengths) == pytest.approx(2.0, rel=0.12)
        assert np.log(strengths).std() == pytest.approx(0.4, rel=0.3)
        assert np.corrcoef(strengths, size)[0, 1] > 0.4
    assert not shuffled_strengths(0.0, 0.4, size, np.random.default_rng(0)).any()


def test_barren_anomalies_look_like_ore_and_know_nothing_of_it(preset: Preset, grid: Grid) -> None:
    fault = traces((Fault(np.array([[0.0, 6000], [16_000, 6000]]), 2, False),), 50)
    barren = barren_anomalies(preset, grid, fault, np.random.default_rng(0))
    assert len(barren) == preset.background.barren_anomalies
    assert set(barren["suite"]) == set(SUITES)
    assert (abs(barren["Y"] - 6000) < 1).sum() >= len(barren) // 2
    assert (barren["strike"] == 90).all()
    added = enrichment(preset, grid, barren, [SUITES[s] for s in barren["suite"]])
    gold, zinc = (added[preset.symbols.index(s)] for s in ("Au", "Zn"))
    assert gold.max() > 0.5
    assert ((zinc > 0.3) & (gold < 0.01)).any()  # some show the outer zones alone


def test_barren_anomalies_without_faults_lie_anywhere(preset: Preset, grid: Grid) -> None:
    barren = barren_anomalies(preset, grid, traces((), 50), np.random.default_rng(0))
    assert grid.contains(barren[["X", "Y"]]).all()
