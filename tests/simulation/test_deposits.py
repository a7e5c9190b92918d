from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orecast.errors import ConfigError
from orecast.grid import Grid
from orecast.simulation.deposits import discovered, draw_deposits, potential, rule_in_words
from orecast.simulation.geology import Fault
from orecast.simulation.preset import Discovery, Preset, load_preset


@pytest.fixture(scope="module")
def preset() -> Preset:
    return load_preset("demo")


def _line(y: float, order: int = 2, fertile: bool = True) -> Fault:
    return Fault(np.array([[0.0, y], [16_000, y]]), order, fertile)


def _potential(preset: Preset, grid: Grid, *faults: Fault, **weights: float) -> np.ndarray:
    off = {"hidden": 0.0, "contact": 0.0, "elsewhere": 0.0}
    plain = replace(preset, system=replace(preset.system, **(off | weights)))
    far = np.full(grid.shape, np.inf)
    return potential(plain, grid, faults, far, np.zeros(grid.shape))


def test_potential_falls_with_distance_as_the_rule_says(preset: Preset, grid: Grid) -> None:
    values = _potential(preset, grid, _line(6125))
    assert values.sum() == pytest.approx(1)
    row = grid.cell([[0, 6125]])[0, 0]
    assert np.allclose(values[row], values[row].max())
    kind = preset.secondary
    for cells in (1, 4, 10):
        expected = kind.weight * (np.exp(-cells * 250 / kind.reach) - 1)
        assert np.log(values[row + cells, 5] / values[row, 5]) == pytest.approx(expected, abs=0.02)


def test_a_barren_fault_draws_nothing(preset: Preset, grid: Grid) -> None:
    assert np.ptp(_potential(preset, grid, _line(6125, fertile=False))) == pytest.approx(0)


def test_intersections_draw_beyond_their_faults(preset: Preset, grid: Grid) -> None:
    crossing = Fault(np.array([[8125.0, 0], [8125, 12_000]]), 2, True)
    values = _potential(preset, grid, _line(6125), crossing)
    row, column = grid.cell([[8125, 6125]])[0]
    without = _potential(preset, grid, _line(6125), crossing, intersection=0.0)
    gain = np.log(values / without)
    assert gain[row, column] - gain[0, 0] == pytest.approx(preset.system.intersection, abs=0.02)


def test_ore_elsewhere_leaves_no_cell_empty(preset: Preset, grid: Grid) -> None:
    values = _potential(preset, grid, _line(6125), elsewhere=0.3)
    assert values.min() >= 0.3 / values.size


def test_the_rule_is_told(preset: Preset) -> None:
    words = rule_in_words(preset)
    assert "exp(-d/700 m) to fertile secondary faults" in words
    assert "intersections" in words
    assert rule_in_words(load_preset("null")) == "deposits lie anywhere with equal probability"


def test_deposits_keep_their_separation_and_cell(preset: Preset, grid: Grid) -> None:
    even = np.full(grid.shape, 1 / (grid.shape[0] * grid.shape[1]))
    table = draw_deposits(preset, grid, even, np.random.default_rng(0))
    assert len(table) == preset.system.deposits
    assert np.array_equal(grid.cell(table[["X", "Y"]]), table[["row", "column"]])
    centres = grid.xy(table[["row", "column"]])
    apart = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    assert apart[~np.eye(len(apart), dtype=bool)].min() >= preset.system.separation
    assert table["size"].std() == pytest.approx(1, abs=0.1)


def test_deposits_follow_the_probability(preset: Preset, grid: Grid) -> None:
    weight = np.ones(grid.shape)
    weight[:, 32:] = 3
    plain = replace(preset, system=replace(preset.system, separation=0))
    east = [
        (draw_deposits(plain, grid, weight / weight.sum(), np.random.default_rng(s))["column"] > 31)
        for s in range(40)
    ]
    assert np.mean(east) == pytest.approx(0.75, abs=0.05)


def test_deposits_that_do_not_fit_are_refused(preset: Preset, grid: Grid) -> None:
    crowded = replace(preset, system=replace(preset.system, separation=6000))
    even = np.full(grid.shape, 1 / (grid.shape[0] * grid.shape[1]))
    with pytest.raises(ConfigError, match=r"only \d+ of 40 deposits fit at 6000 m apart.*lower"):
        draw_deposits(crowded, grid, even, np.random.default_rng(0))


def test_a_twin_lies_in_the_next_cell_and_is_known(preset: Preset, grid: Grid) -> None:
    twins = replace(preset, system=replace(preset.system, twins=2))
    weight = np.zeros(grid.shape)
    weight[:, [0, 30, -1]] = 1  # twins at the grid's edge stay within
    table = draw_deposits(
        replace(twins, system=replace(twins.system, separation=250)),
        grid,
        weight / weight.sum(),
        np.random.default_rng(1),
    )
    pairs = table[table["twin"] >= 0]
    assert len(pairs) == 2
    for _, one in pairs.iterrows():
        other = table.loc[one["twin"]]
        assert one["row"] == other["row"]
        assert abs(one["column"] - other["column"]) == 1
    assert table["column"].between(0, grid.shape[1] - 1).all()
    lone = table.assign(exposure=0.5, access=0.5)
    lone.loc[pairs.index, "exposure"] = 0.0
    for seed in range(5):
        known = discovered(lone, twins.system, Discovery(), np.random.default_rng(seed))
        assert known.sum() == twins.system.known
        assert known[pairs.index].all()
        assert known[pairs["twin"]].all()


@pytest.mark.parametrize("property_", ["exposure", "access", "size"])
def test_what_is_found_is_what_is_easy_to_find(preset: Preset, property_: str) -> None:
    rng = np.random.default_rng(0)
    gap, fair = [], []
    for _ in range(60):
        table = pd.DataFrame(rng.uniform(size=(40, 3)), columns=["exposure", "access", "size"])
        table["twin"] = -1
        bias = {"exposure": 0.0, "access": 0.0, "size": 0.0} | {property_: 3.0}
        for kept, discovery in ((gap, Discovery(**bias)), (fair, Discovery(0, 0, 0))):
            known = discovered(table, preset.system, discovery, rng)
            assert known.sum() == preset.system.known
            value = table[property_].to_numpy()
            kept.append(value[known].mean() - value[~known].mean())
    assert np.mean(gap) > 0.2
    assert abs(np.mean(fair)) < 0.05
