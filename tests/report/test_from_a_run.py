"""The report reads what the stages before it write."""

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from pyproj import CRS
from shapely.geometry import Point

from orecast import config
from orecast.evidence import Evidence, write_evidence
from orecast.grid import Grid
from orecast.mapping import classify, write_raster
from orecast.report import maps, tables, write_report
from orecast.report.reading import open_run
from orecast.targets import KnownDeposits, Rule, delineate, write_targets


@pytest.fixture
def folder(fabricate):
    made = fabricate(deposits=4, baselines=1, layers=1)
    folder = made.write()
    grid = Grid(CRS("EPSG:32645"), Affine(500, 0, 412_000, 0, -500, 4_705_000), made.shape)
    for path in [*folder.glob("*.tif"), *folder.glob("targets.*"), *folder.glob("evidence/*")]:
        path.unlink()
    score = made.field.astype(np.float32)
    names = ("prospectivity", "out_of_fold", "uncertainty", "recommended", "applicability")
    for name in (*names, "probability"):
        write_raster(folder / f"{name}.tif", score, grid, description=name)
    halves = np.where(np.isnan(score), 255, np.arange(made.shape[1]) >= made.shape[1] // 2)
    write_raster(folder / "folds.tif", halves, grid, description="Fold", dtype="uint8")
    classes = classify(score, config.ClassOptions(), grid.cell(made.points))
    write_raster(folder / "classes.tif", classes.values, grid, description="A B C", dtype="uint8")
    deposits = gpd.GeoDataFrame(
        {"Name": made.names}, geometry=[Point(p) for p in made.points], crs=grid.crs
    )
    targets = delineate(
        score,
        grid,
        Rule(spacing=500, smallest=3, largest=40, fall=0.25, prominence=0.05),
        thresholds=classes.thresholds,
        deposits=KnownDeposits.of(deposits, grid),
        near=1500,
        most=50,
    )
    write_targets(targets, deposits, folder)
    evidence = Evidence.empty(grid).adding(
        "Au/Ag", made.field, kind="element", origin="clr, then IDW", reach=2500.0, unit="clr"
    )
    write_evidence(
        evidence.adding("fault-distance", made.field, kind="fault", origin="exact", reach=500.0),
        folder / "evidence",
    )
    return folder


def test_maps_targets_and_layers_are_read_as_they_were_written(folder):
    run = open_run(folder)
    assert set(np.unique(run.raster("classes").values[10:])) == {0, 1, 2, 3}
    assert np.isnan(run.raster("classes").values[:10, :21]).all()
    assert len(run.deposits) == 4
    new = tables.targets(run, "new")
    near = tables.targets(run, "extension", "known")
    assert len(new.rows) + len(near.rows) == len(run.targets) > 0
    assert len(new.head) == 10  # no further columns, and none that nothing stands in
    assert tables.layers(run).rows == [
        ("Au/Ag", "element", "clr", "2.5", "clr, then IDW"),
        ("fault-distance", "fault", "–", "0.50", "exact"),
    ]
    labels = [t.get_text() for t in maps.prospectivity(run).legends[0].texts]
    assert labels[0] == "target, class A"


def test_folds_are_read_as_they_were_written(folder):
    edges = maps.fold_edges(open_run(folder).raster("folds"))
    assert len(edges) == 60  # one a row: the blank corner lies in the western half
    assert set(edges[:, :, 0].ravel()) == {433.0}


def test_targets_without_deposits_are_read_as_they_were_written(fabricate):
    made = fabricate(layers=1).forget_deposits()
    folder = made.write()
    write_targets(made.targets, None, folder)
    run = open_run(folder)
    assert len(run.deposits) == 0
    assert "Map of anomalies: isolation-forest" in write_report(folder).read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_report_is_written_of_it(folder):
    text = write_report(folder).read_text(encoding="utf-8")
    assert "Au/Ag" in text
