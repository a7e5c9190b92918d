import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, box

from orecast.composition import clr, impute
from orecast.config import EvidenceOptions
from orecast.errors import AlignmentError, CapacityError, ConfigError, InputError
from orecast.evidence import build_evidence, propose_grid
from orecast.evidence.building import area_mask
from orecast.evidence.interpolate.idw import InverseDistance
from orecast.evidence.spacing import propose_cell_size, propose_radius
from orecast.grid import Bounds, Grid
from orecast.survey.data import Element, Raster

IDW = {"cell_size": 200.0, "radius": 900.0}


def frame(*shapes):
    return gpd.GeoDataFrame(geometry=list(shapes), crs="EPSG:32645")


def test_grid_over_the_samples_by_the_configured_cell(scattered, survey_of):
    grid = propose_grid(survey_of(scattered), EvidenceOptions(cell_size=250.0))
    assert grid.cell_size == (250, 250)
    assert grid.contains(scattered).all()
    west, south, east, north = grid.bounds
    assert (west % 250, north % 250) == (0, 0)
    x, y = scattered.T
    for gap in (x.min() - west, east - x.max(), y.min() - south, north - y.max()):
        assert 125 <= gap < 125 + 250


def test_grid_by_the_spacing(scattered, survey_of):
    survey = survey_of(scattered)
    grid = propose_grid(survey, EvidenceOptions())
    assert grid.cell_size[0] == propose_cell_size(scattered)
    (found,) = survey.findings.of("cell-size-proposed")
    assert found.data["cell_size"] == grid.cell_size[0]


def test_grid_over_the_study_area(scattered, survey_of):
    area = frame(box(499_000, 4_000_000, 502_000, 4_002_000))
    grid = propose_grid(survey_of(scattered, area=area), EvidenceOptions(cell_size=100.0))
    assert grid.bounds == Bounds(499_000, 4_000_000, 502_000, 4_002_000)


def test_grid_of_a_gridded_survey_is_its_own(survey_of):
    own = Grid.covering(Bounds(0, 0, 700, 400), 100, survey_of(np.zeros((1, 2))).crs)
    assert propose_grid(survey_of(gridded=own), EvidenceOptions(cell_size=33.0)) is own


def test_unsuitable_grids_are_refused(scattered, survey_of):
    with pytest.raises(CapacityError, match=r"evidence\.cell_size"):
        propose_grid(survey_of(scattered), EvidenceOptions(cell_size=0.01))
    away = frame(box(0, 0, 10, 10))
    with pytest.raises(AlignmentError, match="all samples lie outside the study area"):
        propose_grid(survey_of(scattered, area=away), EvidenceOptions(cell_size=100.0))


@pytest.mark.parametrize("size", [2.0, 0.01, 1e-30, 1e-300, 1e-320])
@pytest.mark.parametrize("area", [None, frame(box(499_000, 4_000_000, 505_000, 4_004_000))])
def test_more_cells_than_memory_holds_are_refused_with_a_size_that_fits(
    size, area, scattered, survey_of, monkeypatch
):
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 20e6)
    survey = survey_of(scattered, area=area)
    with pytest.raises(CapacityError, match="of memory are needed for a grid of") as caught:
        propose_grid(survey, EvidenceOptions(cell_size=size), layers=3)
    assert caught.value.where == "evidence.cell_size"
    proposed = float(re.fullmatch(r"set it to (\S+) or more", caught.value.remedy)[1])
    grid = propose_grid(survey, EvidenceOptions(cell_size=proposed), layers=3)
    assert 50_000 < np.prod(grid.shape) < 150_000


@pytest.mark.parametrize("size", [1e8, 5000.0])
@pytest.mark.parametrize("area", [None, frame(box(499_000, 4_000_000, 505_000, 4_004_000))])
def test_cells_larger_than_the_survey_are_refused_with_a_size_that_fits(
    size, area, scattered, survey_of
):
    survey = survey_of(scattered, area=area)
    with pytest.raises(ConfigError, match="has fewer than two") as caught:
        propose_grid(survey, EvidenceOptions(cell_size=size))
    proposed = float(re.fullmatch(r"set it to (\S+) or less", caught.value.remedy)[1])
    assert min(propose_grid(survey, EvidenceOptions(cell_size=proposed)).shape) >= 2


def test_samples_on_one_line_need_a_study_area(scattered, survey_of):
    line = scattered * [1, 0] + [0, 4_000_000]
    with pytest.raises(ConfigError, match="on one line") as caught:
        propose_grid(survey_of(line), EvidenceOptions(cell_size=100.0))
    assert "[area]" in caught.value.remedy
    area = frame(box(500_000, 3_999_000, 504_000, 4_001_000))
    assert propose_grid(survey_of(line, area=area), EvidenceOptions(cell_size=100.0))


@pytest.mark.parametrize("away", [(1e9, 0), (0, 5e8), (-4e10, 4e10)])
def test_a_stray_sample_is_named_where_its_grid_is_too_large(away, scattered, survey_of):
    xy = np.concatenate([scattered, scattered[:1] + away])
    with pytest.raises(CapacityError, match="of memory are needed for a grid of") as caught:
        propose_grid(survey_of(xy), EvidenceOptions(cell_size=1.0))
    x, y = xy[-1]
    assert f"remove the sample at {x:.0f}, {y:.0f}, far from the others" in caught.value.remedy
    propose_grid(survey_of(scattered), EvidenceOptions(cell_size=1.0))


def test_every_layer_counts_for_the_memory_of_a_grid(scattered, survey_of, config_of, monkeypatch):
    faults = frame(LineString([(500_000, 4_000_000), (504_000, 4_003_000)]))
    geology = frame(*(box(500_000 + k, 4_000_000, 500_001 + k, 4_003_000) for k in range(40)))
    survey = survey_of(scattered, faults=faults, geology=geology.assign(unit=range(40)))
    tables = {
        "evidence": {"cell_size": 10.0},
        "faults": {"path": "f", "rings": [500], "density": 400, "intersections": True},
        "geology": {"path": "g", "column": "unit", "classes": 10**9},
    }
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 40e6)
    with pytest.raises(CapacityError, match="with 48 layers"):  # 3, 4, and 41 of geology
        build_evidence(survey, config_of(**tables))
    few = tables | {"evidence": {"cell_size": 10.0, "layers": ["Au"]}}
    with pytest.raises(CapacityError, match="with 46 layers"):
        build_evidence(survey, config_of(**few))


def test_log_ratios_are_taken_on_the_samples_and_then_interpolated(scattered, survey_of, config_of):
    rng = np.random.default_rng(0)
    values = rng.lognormal(2.0, 1.0, (120, 3))
    censored = values < np.array([0.0, 2.0, 0.0])
    values[censored] = 2.0
    elements = (
        Element("Au", "Au_ppb", "ppb", 1e-3),
        Element("Cu", "Cu", "ppm", 1.0),
        Element("Fe", "Fe_%", "%", 1e4),
    )
    survey = survey_of(scattered, ("Au", "Cu", "Fe"), values, censored=censored, elements=elements)
    evidence = build_evidence(survey, config_of(evidence=IDW))
    ppm = impute(values * [1e-3, 1.0, 1e4], censored, names=("Au", "Cu", "Fe"))
    expected = InverseDistance(12, 900.0).fit(scattered, clr(ppm)).predict(evidence.grid.centres())
    assert evidence.names == ("Au", "Cu", "Fe")
    np.testing.assert_allclose(
        evidence.stack.reshape(3, -1), expected.T, rtol=1e-5, atol=1e-5, equal_nan=True
    )
    assert evidence.reach == 900
    attributes = evidence.data["Au"].attrs
    assert (attributes["kind"], attributes["unit"]) == ("element", "log-ratio")
    assert "centred log-ratio of the samples, then inverse distance" in attributes["origin"]


@pytest.mark.parametrize("name", ["idw", "kriging", "spline"])
def test_nothing_beyond_the_reach(name, survey_of, config_of):
    rng = np.random.default_rng(1)
    xy = np.concatenate([rng.uniform(0, 1000, (60, 2)), rng.uniform(0, 1000, (60, 2)) + 5000])
    config = config_of(evidence={"cell_size": 100.0, "radius": 300.0, "interpolator": name})
    survey = survey_of(xy)
    evidence = build_evidence(survey, config)
    distance = np.hypot(*(evidence.grid.centres()[:, None] - xy[None]).transpose(2, 0, 1)).min(1)
    beyond = (distance > 300).reshape(evidence.grid.shape)
    assert np.isnan(evidence.layer("Au")[beyond]).all()
    if name != "spline":
        assert np.isfinite(evidence.layer("Au")[~beyond]).all()
    share = survey.findings.of("coverage")[0].data["share"]
    assert share == pytest.approx(evidence.valid.mean())


def test_blocks_of_rows_do_not_show(scattered, survey_of, config_of, monkeypatch):
    from orecast.evidence import elements

    config = config_of(evidence=IDW)
    whole = build_evidence(survey_of(scattered), config).stack
    monkeypatch.setattr(elements, "_BLOCK", 50)
    np.testing.assert_array_equal(build_evidence(survey_of(scattered), config).stack, whole)


def test_radius_by_the_spacing(scattered, survey_of, config_of):
    survey = survey_of(scattered)
    evidence = build_evidence(survey, config_of(evidence={"cell_size": 200.0}))
    assert evidence.reach == propose_radius(scattered, 12)
    assert survey.findings.of("radius-proposed")[0].data["radius"] == evidence.reach


def test_a_gridded_survey_is_opened_cell_by_cell(survey_of, config_of):
    crs = survey_of(np.zeros((1, 2))).crs
    grid = Grid.covering(Bounds(0, 0, 500, 300), 100, crs)
    values = np.random.default_rng(0).lognormal(1.0, 0.5, (15, 3))
    values[4] = np.nan
    survey = survey_of(gridded=grid, values=values)
    evidence = build_evidence(survey, config_of(gridded={"path": "*.tif"}))
    np.testing.assert_allclose(
        evidence.stack.reshape(3, -1).T, clr(values), rtol=1e-6, equal_nan=True
    )
    assert evidence.reach == 200
    asked = config_of(gridded={"path": "*.tif", "reach": 750.0})
    assert build_evidence(survey, asked).reach == 750


def test_other_transforms_name_their_layers(scattered, survey_of, config_of):
    def names(**composition):
        return build_evidence(
            survey_of(scattered), config_of(composition=composition, evidence=IDW)
        ).names

    assert names(transform="alr", denominator="As") == ("Au/As", "Cu/As")
    assert names(transform="ilr") == ("ilr1", "ilr2")
    assert names(parts=["As", "Au"]) == ("As", "Au")


def test_an_element_outside_the_composition_cannot_refuse_the_survey(
    scattered, survey_of, config_of
):
    values = np.random.default_rng(0).lognormal(size=(120, 3))
    values[:, 2] = -5.0
    survey = survey_of(scattered, values=values)
    with pytest.raises(InputError, match="As"):
        build_evidence(survey, config_of(evidence=IDW))
    config = config_of(composition={"parts": ["Au", "Cu"]}, evidence=IDW)
    assert build_evidence(survey, config).names == ("Au", "Cu")


def test_missing_values_are_interpolated_around_and_said(scattered, survey_of, config_of):
    values = np.random.default_rng(0).lognormal(size=(120, 3))
    values[:30, 0] = np.nan
    survey = survey_of(scattered, values=values)
    evidence = build_evidence(survey, config_of(evidence=IDW))
    expected = InverseDistance(12, 900.0).fit(scattered[30:], clr(values)[30:, :1])
    np.testing.assert_allclose(
        evidence.layer("Au").ravel(),
        expected.predict(evidence.grid.centres())[:, 0],
        rtol=1e-5,
        atol=1e-5,
        equal_nan=True,
    )
    assert survey.findings.of("incomplete-compositions")[0].data["rows"] == 30


def test_an_element_that_is_missing_everywhere_is_refused(scattered, survey_of, config_of):
    values = np.random.default_rng(0).lognormal(size=(120, 3))
    values[:, 1] = np.nan
    with pytest.raises(InputError, match="layer Cu"):
        build_evidence(survey_of(scattered, values=values), config_of(evidence=IDW))


def test_outside_the_study_area_every_layer_is_nodata(scattered, survey_of, config_of):
    hole = box(501_050, 4_001_050, 501_450, 4_001_450)
    area = frame(box(500_550, 4_000_550, 502_550, 4_002_050).difference(hole))
    faults = frame(LineString([(500_000, 4_001_000), (504_000, 4_002_000)]))
    survey = survey_of(scattered, area=area, faults=faults)
    evidence = build_evidence(survey, config_of(evidence=IDW, faults={"path": "f.gpkg"}))
    centres = gpd.points_from_xy(*evidence.grid.centres().T)
    inside = centres.within(area.geometry[0]).reshape(evidence.grid.shape)
    assert 0 < inside.sum() < inside.size
    for name in evidence.names:
        assert np.isnan(evidence.layer(name)[~inside]).all()
    assert np.isfinite(evidence.layer("fault_distance")[inside]).all()
    share = survey.findings.of("coverage")[0].data["share"]
    assert share == pytest.approx(evidence.valid.sum() / inside.sum())


def test_an_area_smaller_than_a_cell_is_refused(survey_of):
    grid = Grid.covering(Bounds(0, 0, 500, 300), 100, survey_of(np.zeros((1, 2))).crs)
    with pytest.raises(AlignmentError, match="study area"):
        area_mask(frame(box(1, 1, 2, 2)), grid)
    assert area_mask(None, grid).all()


@pytest.fixture
def full(scattered, survey_of):
    """A survey with everything; its raster covers the western half."""
    crs = survey_of(np.zeros((1, 2))).crs
    grid = Grid.covering(Bounds(499_000, 3_999_000, 502_000, 4_004_000), 150, crs)
    geology = frame(
        box(499_000, 3_999_000, 505_000, 4_002_000), box(499_000, 4_002_000, 505_000, 4_004_000)
    )
    return survey_of(
        scattered,
        faults=frame(
            LineString([(500_000, 4_000_000), (504_000, 4_003_000)]),
            LineString([(500_000, 4_003_000), (504_000, 4_000_000)]),
        ),
        geology=geology.assign(unit=["schist", "granite"]),
        rasters=(Raster("mag", grid, np.ones(grid.shape, dtype=np.float32), "mag.tif"),),
    )


TABLES = {
    "evidence": IDW,
    "faults": {"path": "f", "rings": [500, 1000], "density": 800.0, "intersections": True},
    "geology": {"path": "g", "column": "unit"},
    "layers": [{"path": "mag.tif"}],
}


def test_every_kind_of_layer_in_order(full, config_of):
    evidence = build_evidence(full, config_of(**TABLES))
    assert evidence.names == (
        *("Au", "Cu", "As"),
        *("fault_distance", "fault_rings", "fault_density", "fault_intersection_distance"),
        *("geology=schist", "geology=granite", "mag"),
    )
    assert evidence.stack.dtype == np.float32
    assert all(len(evidence.data[n].attrs["origin"]) > 5 for n in evidence.names)
    assert evidence.reach == 900
    assert full.findings.of("coverage")[0].data["layers"]["fault_distance"] == 1


def test_a_layer_with_large_gaps_is_reported(full, config_of):
    build_evidence(full, config_of(**TABLES))
    (found,) = full.findings.of("layer-covers-little")
    assert found.where == "layer mag"
    assert found.data["cells"] > 0


def test_layers_of_one_coverage_are_reported_together(full, config_of):
    from dataclasses import replace

    survey = replace(full, geology=full.geology.clip(box(0, 0, 502_000, 1e7)), rasters=())
    build_evidence(survey, config_of(**{**TABLES, "layers": []}))
    (found,) = survey.findings.of("layer-covers-little")
    assert found.where == "layer geology=schist, geology=granite"
    eastern_half = r"geology=schist, geology=granite: missing in [45]\d % of the area"
    assert re.match(eastern_half, found.what)


def test_layers_are_chosen_by_name_and_order(full, config_of):
    def build(*names):
        return build_evidence(full, config_of(**{**TABLES, "evidence": {**IDW, "layers": names}}))

    assert build("mag", "As", "fault_rings").names == ("mag", "As", "fault_rings")
    assert build("fault_distance").names == ("fault_distance",)
    whole = build_evidence(full, config_of(**TABLES))
    np.testing.assert_array_equal(build("As").layer("As"), whole.layer("As"))
    with pytest.raises(ConfigError, match="fault_ring"):
        build("fault_ringz")


def test_layers_without_a_common_cell_are_refused(full, config_of):
    from dataclasses import replace

    crs = full.crs
    grid = Grid.covering(Bounds(499_000, 4_003_050, 505_000, 4_003_200), 50, crs)
    strip = Raster("strip", grid, np.ones(grid.shape, dtype=np.float32), "strip.tif")
    survey = replace(full, rasters=(full.rasters[0], strip))
    config = config_of(
        evidence={**IDW, "radius": 60.0}, layers=[{"path": "mag.tif"}, {"path": "strip.tif"}]
    )
    with pytest.raises(AlignmentError, match="strip"):
        build_evidence(survey, config)


def test_a_name_taken_twice_is_refused(full, config_of):
    from dataclasses import replace

    survey = replace(full, rasters=(replace(full.rasters[0], name="Au"),))
    with pytest.raises(ConfigError, match="layer Au"):
        build_evidence(survey, config_of(evidence=IDW))


def test_an_unknown_interpolator_is_refused(scattered, survey_of, config_of):
    config = config_of(evidence={**IDW, "interpolator": "krigging"})
    with pytest.raises(ConfigError, match="did you mean kriging"):
        build_evidence(survey_of(scattered), config)


def test_repeats_bit_for_bit(full, config_of):
    first, second = (build_evidence(full, config_of(**TABLES)).stack for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_eskay(data, survey_of, config_of):
    """4,205 stream sediments: the proposals are sane, and the map covers what was sampled."""
    table = pd.read_csv(data / "eskay" / "samples.csv")
    xy = table[["x", "y"]].to_numpy()
    survey = survey_of(xy, ("AS", "BA"), table[["AS", "BA"]].to_numpy(dtype=float))
    evidence = build_evidence(survey, config_of(composition={"transform": "log"}))
    assert evidence.grid.cell_size == (500, 500)
    assert 3000 < evidence.reach < 8000
    rows, columns = evidence.grid.cell(xy).T
    assert np.isfinite(evidence.layer("AS")[rows, columns]).all()
    assert 0.5 < evidence.valid.mean() < 0.9
    at_samples = np.corrcoef(evidence.layer("AS")[rows, columns], np.log(table["AS"]))[0, 1]
    assert at_samples > 0.85
