from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import skew

from orecast.grid import Grid
from orecast.simulation.fields import gaussian_fields
from orecast.simulation.geochemistry import WHOLE, background, closed
from orecast.simulation.geology import unit_codes
from orecast.simulation.preset import Preset, load_preset


@pytest.fixture(scope="module")
def preset() -> Preset:
    return load_preset("demo")


@pytest.fixture(scope="module")
def codes(preset: Preset, grid: Grid) -> np.ndarray:
    rng = np.random.default_rng(0)
    return unit_codes(grid, preset.units, 40, gaussian_fields(grid, 2000, 1, rng)[0], rng)


@pytest.fixture(scope="module")
def ground(preset: Preset, grid: Grid, codes: np.ndarray) -> dict[str, np.ndarray]:
    values = background(preset, grid, codes, np.random.default_rng(1))
    return dict(zip(preset.symbols, values, strict=True))


def test_medians_and_spreads_are_the_presets(preset: Preset, ground: dict[str, np.ndarray]) -> None:
    for symbol, analyte in preset.elements.items():
        assert np.median(ground[symbol]) == pytest.approx(analyte.median * analyte.to_ppm)
        assert np.log(ground[symbol]).std() == pytest.approx(analyte.spread)


def test_concentrations_are_log_normal(preset: Preset, grid: Grid, codes: np.ndarray) -> None:
    values = np.concatenate(
        [background(preset, grid, codes, np.random.default_rng(s)) for s in range(4)], axis=1
    ).reshape(len(preset.elements), -1)
    assert (abs(skew(np.log(values), axis=1)) < 0.8).all()
    assert (skew(values, axis=1) > abs(skew(np.log(values), axis=1))).mean() > 0.9


def test_rocks_differ_as_rocks_do(preset: Preset, grid: Grid, codes: np.ndarray) -> None:
    number = {unit.rock: n for n, unit in enumerate(preset.units)}
    nickel, arsenic = [], []
    for seed in range(8):
        values = background(preset, grid, codes, np.random.default_rng(seed))
        logs = dict(zip(preset.symbols, np.log(values), strict=True))
        in_rock = {r: codes == n for r, n in number.items()}
        nickel.append(
            logs["Ni"][in_rock["andesite"]].mean() - logs["Ni"][in_rock["granite"]].mean()
        )
        shale = logs["As"][in_rock["black-shale"]].mean()
        arsenic.append(shale - logs["As"][in_rock["sandstone"]].mean())
    assert np.mean(nickel) > 0.3
    assert np.mean(arsenic) > 0.3


def test_without_lithology_rocks_are_alike(preset: Preset, grid: Grid, codes: np.ndarray) -> None:
    plain = replace(preset, background=replace(preset.background, lithology=0.0))
    number = [unit.rock for unit in preset.units].index("granite")
    gap = []
    for seed in range(10):
        logs = np.log(background(plain, grid, codes, np.random.default_rng(seed)))
        gap.append(logs[:, codes == number].mean(axis=1) - logs[:, codes != number].mean(axis=1))
    assert abs(np.mean(gap)) < 0.06


def test_elements_of_an_association_rise_together(
    preset: Preset, grid: Grid, codes: np.ndarray
) -> None:
    plain = replace(preset, background=replace(preset.background, lithology=0.0))
    alike, apart = [], []
    for seed in range(6):
        logs = np.log(background(plain, grid, codes, np.random.default_rng(seed)))
        r = np.corrcoef(logs.reshape(len(logs), -1))
        at = plain.symbols.index
        alike.append([r[at("As"), at("Sb")], r[at("Ni"), at("Fe2O3")]])
        apart.append([r[at("As"), at("Ni")], r[at("W"), at("Hg")]])
    assert np.mean(alike) > 0.4
    assert abs(np.mean(apart)) < 0.25


def test_the_ground_is_spatially_correlated(ground: dict[str, np.ndarray]) -> None:
    for symbol, values in ground.items():
        z = np.log(values) - np.log(values).mean()
        near = (z[:, 1:] * z[:, :-1]).mean() / z.var()  # Moran's I of horizontal neighbours
        far = (z[:, 24:] * z[:, :-24]).mean() / z.var()
        assert near > 0.6, symbol
        assert far < near - 0.2, symbol


def test_closure_leaves_a_rest_and_dilutes(preset: Preset, ground: dict[str, np.ndarray]) -> None:
    amounts = np.stack(list(ground.values()))
    concentrations = closed(amounts, preset)
    assert (concentrations.sum(axis=0) < WHOLE).all()
    assert (concentrations > 0).all()
    ratio = concentrations[0] / concentrations[1]
    np.testing.assert_allclose(ratio, amounts[0] / amounts[1])  # closure keeps ratios
    iron = preset.symbols.index("Fe2O3")
    more = amounts.copy()
    more[iron] *= 4
    assert (closed(more, preset)[0] < concentrations[0]).all()
    assert (closed(amounts * 1e4, preset).sum(axis=0) <= WHOLE * (1 + 1e-9)).all()


def test_oxides_never_exceed_the_whole(grid: Grid) -> None:
    preset = load_preset("tianshan")
    codes = np.zeros(grid.shape, dtype=np.int16)
    values = closed(background(preset, grid, codes, np.random.default_rng(2)), preset)
    assert values.sum(axis=0).max() < WHOLE


def test_coherence_moves_an_elements_own_variation_to_its_associations(
    preset: Preset, grid: Grid, codes: np.ndarray
) -> None:
    def strengths(coherence: float) -> np.ndarray:
        changed = replace(preset, background=replace(preset.background, coherence=coherence))
        values = background(changed, grid, codes, np.random.default_rng(1))
        logs = np.log(values).reshape(len(values), -1)
        loaded = [n for n, a in enumerate(preset.elements.values()) if a.loadings.any()]
        found = np.corrcoef(logs[loaded])
        return np.abs(found[np.triu_indices(len(found), 1)])

    none, most = strengths(0.0), strengths(0.95)
    assert most.mean() > none.mean() + 0.1
    assert most.max() > 0.9
