import numpy as np
import pytest

from orecast.errors import CapacityError


def test_values_are_the_cells_row_by_row(district):
    district.gridded()
    values = np.arange(1.0, 401.0).reshape(20, 20)
    district.raster("Zn.tif", values=values)

    survey = district.read()

    zinc = survey.symbols.index("Zn")
    np.testing.assert_array_equal(survey.values[:, zinc], np.arange(1.0, 401.0))
    assert survey.gridded.shape == (20, 20)
    assert survey.samples is None
    assert not survey.censored.any()


def test_units_come_from_the_configuration_the_stem_or_the_default(district):
    district.gridded(("Au", "Cu_ppb", "SiO2"))
    district.table["gridded"]["units"] = {"Au": "ppb"}

    survey = district.read()

    assert {e.symbol: e.unit for e in survey.elements} == {"Au": "ppb", "Cu": "ppb", "SiO2": "%"}
    assert survey.findings.of("assumed-units")[0].data["units"] == {"SiO2": "%"}


def test_rasters_that_are_no_elements_are_listed_and_left_out(district):
    district.gridded()
    district.raster("xx.tif"), district.raster("height.tif")

    survey = district.read()

    assert survey.symbols == ("Au", "Cu", "SiO2")
    assert survey.findings.of("unrecognised-rasters")[0].data["files"] == ["height.tif", "xx.tif"]


def test_missing_cells_stay_missing(district):
    district.gridded()
    values = np.arange(1.0, 401.0).reshape(20, 20)
    values[2, 3] = -9999
    district.raster("Zn.tif", values=values, nodata=-9999)

    survey = district.read()

    assert np.isnan(survey.values[2 * 20 + 3, survey.symbols.index("Zn")])


def test_zeros_and_specks_of_interpolation_are_below_the_lowest_value_that_means_something(
    district,
):
    """A block of zeros whose rim has faded to 1e-25 must not become a limit of 1e-25."""
    district.gridded()
    values = np.linspace(5, 50, 400).reshape(20, 20)
    values[12:18, 2:8] = 0
    values[11, 2:8] = 2e-25
    district.raster("Cd.tif", values=values)

    survey = district.read()

    cadmium = survey.symbols.index("Cd")
    (finding,) = survey.findings.of("zeros")
    assert finding.data == {"n": 42, "limit": 5.0, "largest_block": 42}
    assert "nothing was measured there" in finding.what
    assert survey.censored[:, cadmium].sum() == 42
    assert survey.values[:, cadmium].min() == 5
    np.testing.assert_array_equal(survey.zeros, survey.censored)


def test_scattered_zeros_are_not_said_to_be_unmeasured_ground(district):
    district.gridded()
    values = np.linspace(5, 50, 400).reshape(20, 20)
    values[::5, ::5] = 0
    district.raster("Cd.tif", values=values)

    (finding,) = district.read().findings.of("zeros")

    assert "16 cells of Cd" in finding.what
    assert "adjoin" not in finding.what


def test_all_rasters_together_are_held_against_memory(district, monkeypatch):
    district.gridded()
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 20_000.0)
    with pytest.raises(CapacityError, match="for 3 rasters of 20 x 20 cells") as caught:
        district.read()
    assert caught.value.where.endswith("*.tif")
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 30_000.0)
    assert district.read().gridded.shape == (20, 20)
