import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.grid import Grid
from orecast.simulation.laboratory import (
    Analyte,
    analysed,
    as_written,
    header,
    sample_sites,
    survey_table,
)
from orecast.simulation.preset import load_preset


@pytest.mark.parametrize("count", [12, 97, 400])
def test_samples_are_spread_evenly(grid: Grid, count: int) -> None:
    sites = sample_sites(grid, count, np.ones(grid.shape), np.random.default_rng(0))
    assert len(np.unique(sites, axis=0)) == count
    assert grid.contains(sites).all()
    west = (sites[:, 0] < 8000).mean()
    assert west == pytest.approx(0.5, abs=0.1)


def test_samplers_seek_streams_and_shun_rivers(grid: Grid) -> None:
    catchment = np.ones(grid.shape)
    catchment[:, ::4] = 30  # streams
    catchment[:, 2::4] = 1e6  # rivers
    sites = sample_sites(grid, 100, catchment, np.random.default_rng(1))
    at = grid.cell(sites)
    kinds = at[:, 1] % 4
    assert (kinds == 0).mean() > 0.6
    assert (kinds == 2).mean() < 0.02


def test_error_grows_with_concentration_as_thompson_and_howarth_found() -> None:
    analyte = Analyte("ppb", 1.0, 0.5, limit=0.3, precision=0.1)
    rng = np.random.default_rng(0)
    for ppb in (0.0, 1.0, 100.0):
        readings = analysed(np.full((20_000, 1), ppb * 1e-3), [analyte], rng)
        assert readings.mean() == pytest.approx(ppb, abs=0.01 + 0.002 * ppb)
        assert readings.std() == pytest.approx(0.1 + 0.1 * ppb, rel=0.03)


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (0.29, 0.3, "<0.3"),
        (-0.1, 0.3, "<0.3"),
        (0.3, 0.3, "0.30"),
        (1.2345, 0.3, "1.23"),
        (12.345, 0.3, "12.3"),
        (123.45, 0.3, "123"),
        (98765.0, 0.3, "98800"),
        (3.2, 20, "<20"),
        (23.4, 20, "23"),
        (0.04987, 0.02, "0.050"),
        (65.432, 0.1, "65.4"),
        (5.0, 5, "5.0"),
    ],
)
def test_values_are_written_as_laboratories_write_them(
    value: float, limit: float, text: str
) -> None:
    assert as_written(value, limit) == text


@given(st.floats(1e-3, 1e6), st.sampled_from([0.005, 0.02, 0.3, 1.0, 20.0]))
def test_what_is_written_reads_back_to_three_digits(value: float, limit: float) -> None:
    text = as_written(value, limit)
    if text.startswith("<"):
        assert value < limit
        assert float(text[1:]) == limit
    else:
        assert float(text) == pytest.approx(value, rel=0.006, abs=limit / 10)


def test_the_table_holds_what_was_asked_for() -> None:
    from pyproj import CRS

    from orecast.grid import Bounds

    preset = load_preset("demo")
    grid = Grid.covering(Bounds(0, 0, 30_000, 24_000), 250, CRS("EPSG:32649"))
    medians = np.array([a.median * a.to_ppm for a in preset.elements.values()])
    sediment = np.broadcast_to(medians[:, None, None], (len(medians), *grid.shape))
    table = survey_table(preset, grid, sediment, np.ones(grid.shape), np.random.default_rng(0))
    assert len(table) == preset.sampling.samples
    assert table["sample"].is_unique
    assert [*table.columns[:4]] == ["sample", "X", "Y", "Au_ppb"]
    assert header("Fe2O3", preset.elements["Fe2O3"]) == "Fe2O3_%"
    zinc = table["Zn_ppm"].astype(float)
    analyte = preset.elements["Zn"]
    assert zinc.median() == pytest.approx(analyte.median, rel=0.02)
    expected = np.hypot(preset.sampling.scatter, analyte.precision + analyte.limit / 3 / 70)
    assert np.log(zinc).std() == pytest.approx(expected, rel=0.1)
    twice = table[table["sample"].str.endswith("D")]
    assert len(twice) == preset.sampling.duplicates
    first = table.set_index("sample").loc[twice["sample"].str.removesuffix("D")]
    assert np.array_equal(twice[["X", "Y"]], first[["X", "Y"]])
    difference = np.log(twice["Zn_ppm"].astype(float).to_numpy() / first["Zn_ppm"].astype(float))
    assert difference.std() == pytest.approx(np.sqrt(2) * expected, rel=0.35)
    assert len(table.drop_duplicates(["X", "Y"])) == len(table) - len(twice)
