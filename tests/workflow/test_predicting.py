import json
import re
import shutil
import tomllib
from dataclasses import replace
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from pyproj import CRS
from rio_cogeo import cog_validate

from orecast.config import parse, read
from orecast.errors import InputError, OrecastError
from orecast.grid import Grid
from orecast.mapping import applicability, read_raster
from orecast.metrics import auc
from orecast.sampling import fit_scaling
from orecast.simulation import load_preset, simulate, write_district
from orecast.survey import read_survey
from orecast.survey.rasters import write_geotiff
from orecast.validation.fitted import read_fitted
from orecast.workflow import run_prediction, run_survey
from orecast.workflow.trained import as_trained, read_other, read_trained, trained_layers

pytestmark = pytest.mark.usefixtures("blank_figures")

FILES = {
    "prospectivity.tif",
    "applicability.tif",
    "classes.tif",
    "targets.gpkg",
    "targets.csv",
    "metrics.json",
    "provenance.json",
    "checks.json",
    "run.toml",
}
SMALL = (
    "evidence.cell_size=1000",
    "evidence.radius=1500",
    "sampling.window=3",
    "validation={folds=3, baselines=false, inner_folds=0, repetitions=0}",
)
FOREST = "model={name='random-forest', options={trees=20, leaf=5}}"
GUIDED = (
    "model={name='ensemble', weight='fault_rings', "
    "options={members=['gk-cnn', 'svm'], member_options={gk-cnn={width=8}}}}"
)


def run_of(district, folder, *settings):
    run_survey(read(district, [f"output='{folder.as_posix()}'", *SMALL, *settings]))
    return folder


@pytest.fixture(scope="session")
def trained(district, once):
    """A finished run of the demo district, by a forest; its folder."""
    return once("trained", lambda folder: run_of(district, folder, FOREST))


@pytest.fixture(scope="session")
def other(once):
    """A district of the same kind in another zone; the path of its run.toml."""

    def make(folder):
        preset = load_preset("demo")
        away = replace(preset, extent=replace(preset.extent, crs="EPSG:32650"))
        write_district(simulate(away, 1), folder)

    return once("other", make) / "run.toml"


@pytest.fixture(scope="session")
def predicted(trained, other, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicted") / "other"
    told = []
    found = run_prediction(trained, read(other), folder, progress=lambda *now: told.append(now))
    return found, told


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def map_of(folder, name="prospectivity"):
    return read_raster(folder / f"{name}.tif").values


def test_the_folder_is_whole_and_the_maps_are_on_one_grid(predicted):
    folder = predicted[0].folder
    assert {p.name for p in folder.iterdir()} - {".orecast"} == FILES
    maps = [read_raster(folder / f"{n}.tif") for n in ("prospectivity", "applicability")]
    assert maps[0].grid == maps[1].grid == read_raster(folder / "classes.tif").grid
    assert maps[0].grid.crs.to_epsg() == 32650
    assert maps[0].grid.cell_size == (1000, 1000)
    known = np.isfinite(maps[0].values)
    assert np.array_equal(known, np.isfinite(maps[1].values))
    assert known.mean() > 0.5
    assert cog_validate(folder / "prospectivity.tif")[0]
    last = {what: (done, total) for what, done, total in predicted[1]}
    assert all(done == total for done, total in last.values())


@pytest.mark.parametrize(
    "model",
    [
        FOREST,
        pytest.param("model={name='auto'}", marks=pytest.mark.slow),
        "model={name='svm'}",
        GUIDED,
    ],
)
def test_on_its_own_area_the_map_is_the_runs_bit_for_bit(model, trained, district, tmp_path):
    asked = (district, tmp_path / "run", model, "training.epochs=2")
    run = trained if model == FOREST else run_of(*asked)
    for name, source in {"whole": run / "run.toml", "bare": district}.items():
        found = run_prediction(run, read(source), tmp_path / name)
        for file in ("prospectivity.tif", "applicability.tif"):
            assert np.array_equal(
                read_raster(found.folder / file).values,
                read_raster(run / file).values,
                equal_nan=True,
            )
        assert np.array_equal(map_of(found.folder, "classes"), map_of(run, "classes"), True)
        assert found.metrics["applicability"] == metrics_of(run)["applicability"]


def test_deposits_of_the_training_area_are_not_unseen(trained, district, tmp_path):
    found = run_prediction(trained, read(district), tmp_path / "same")
    n = len(pd.read_csv(district.parent / "deposits.csv"))
    assert found.metrics["scores"] == []
    words = found.metrics["protocol"]["deposits"]
    assert words.startswith("0 places with deposits that the model never saw")
    assert f"left out: {n} in or near the training area" in words


def test_a_target_at_a_deposit_of_the_training_is_no_new_ground(trained, district, tmp_path):
    """The prediction is not given the deposits; the run knows them."""
    config = read(district).model_copy(update={"deposits": None})
    found = run_prediction(trained, config, tmp_path / "same")
    own = pd.read_csv(trained / "targets.csv")
    targets = pd.DataFrame(found.targets)
    assert (targets["ground"] != "new").sum() == (own["ground"] != "new").sum() > 0
    assert set(targets["nearest_deposit"]) == set(own["nearest_deposit"])
    assert len(gpd.read_file(found.folder / "targets.gpkg", layer="deposits")) == len(
        gpd.read_file(trained / "targets.gpkg", layer="deposits")
    )


def test_deposits_of_the_other_area_are_scored_as_never_seen(predicted, other):
    found = predicted[0]
    score, deposits = read_raster(found.folder / "prospectivity.tif"), pd.read_csv(
        other.parent / "deposits.csv"
    )  # fmt: skip
    at = np.unique(score.grid.cell(deposits[["X", "Y"]].to_numpy()), axis=0)
    at = at[np.isfinite(score.values[tuple(at.T)])]
    background = np.isfinite(score.values)
    background[tuple(at.T)] = False
    row, fault = found.metrics["scores"]
    assert (row["name"], row["role"], row["protocol"]) == ("random-forest", "model", "unseen")
    assert fault["name"] == "fault-distance"
    assert len(row["places"]) == len(at) > 10
    expected = auc(score.values[tuple(at.T)], score.values[background])
    assert row["auc"]["value"] == pytest.approx(expected)
    assert row["percentile"]["value"] > 0.5
    assert len(found.metrics["undiscovered"]) == 2
    assert metrics_of(found.folder)["scores"][0]["places"] == row["places"]


@pytest.mark.parametrize(("preset", "seed"), [("demo", 1), ("null", 0)])
def test_every_mapped_deposit_of_another_district_is_scored(trained, tmp_path, preset, seed):
    path = write_district(simulate(preset, seed), tmp_path / "district")
    found = run_prediction(trained, read(path), tmp_path / "predicted")
    for rows, table in (("scores", "deposits"), ("undiscovered", "truth/undiscovered")):
        mapped = read_raster(found.folder / "prospectivity.tif")
        at = mapped.grid.cell(pd.read_csv(path.parent / f"{table}.csv")[["X", "Y"]].to_numpy())
        places = np.unique(at[np.isfinite(mapped.values[tuple(at.T)])], axis=0)
        assert len(found.metrics[rows][0]["places"]) == len(places) > 10
    assert "left out" not in str(found.metrics["protocol"])


def test_classes_begin_at_the_runs_own_scores(predicted, trained):
    folder, metrics = predicted[0].folder, predicted[0].metrics
    thresholds = metrics_of(trained)["classes"]["thresholds"]
    assert metrics["classes"]["thresholds"] == thresholds
    assert all(0 < lowest < 1 for lowest in thresholds)
    assert metrics["classes"]["sentence"].startswith("Classes as in training: A ")
    score, values = map_of(folder), map_of(folder, "classes")
    for number, lowest in zip((1, 2, 3), thresholds, strict=True):
        reached = score >= lowest
        assert ((values >= 1) & (values <= number) == reached)[np.isfinite(score)].all()
    targets = gpd.read_file(folder / "targets.gpkg", layer="targets")
    assert len(targets) == len(pd.read_csv(folder / "targets.csv")) == len(predicted[0].targets)
    assert len(targets) >= 1
    assert targets["applicable_share"].between(0, 1).all()


def test_dissimilarity_is_that_of_cells_from_the_training_places(predicted, trained, other):
    """From the run's own evidence and folds, no saved value among them."""
    run = read_trained(trained)
    config = as_trained(read(other), run)
    evidence = trained_layers(read_survey(config), config, run)
    at = run.saved.rows.at
    scaling = fit_scaling(run.evidence.stack, run.evidence.valid)
    training, cells = (
        (stack.T - scaling.mean) / scaling.spread
        for stack in (run.evidence.stack[:, at[:, 0], at[:, 1]],
                      evidence.stack[:, evidence.valid])
    )  # fmt: skip
    folds = read_raster(trained / "folds.tif").values[tuple(at.T)]
    space = applicability.TrainingSpace.of(training, folds=folds)
    expected = applicability.Applicability(space.dissimilarity(cells), space.threshold)
    folder, found = predicted[0].folder, predicted[0].metrics["applicability"]
    np.testing.assert_allclose(
        map_of(folder, "applicability")[evidence.valid], expected.di, rtol=1e-4, atol=1e-5
    )
    assert found["share_inside"] == pytest.approx(expected.share)
    assert 0 < found["share_inside"] < 1


def test_rescaled_each_layer_has_mean_0_and_variance_1(trained, other, predicted, tmp_path):
    """Then neither a factor nor a constant in a layer of the other area matters to the map."""
    found = run_prediction(trained, read(other), tmp_path / "rescaled", rescale=True)
    run = read_trained(trained)
    config = as_trained(read(other), run)
    evidence = trained_layers(read_survey(config), config, run)
    fitted = run.saved.on(evidence, fit_scaling(evidence.stack, evidence.valid))
    cells = np.argwhere(evidence.valid)
    values = fitted.windows.at_cells(cells).centre().astype(float)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-3)
    assert set(np.round(values.std(axis=0), 3)) <= {0, 1}
    scores = map_of(found.folder)[evidence.valid]
    np.testing.assert_array_equal(scores, fitted.predict(cells).astype(np.float32))
    assert not np.array_equal(scores, map_of(predicted[0].folder)[evidence.valid])
    assert "of this area" in found.metrics["protocol"]["sentence"]


def test_a_moved_run_predicts_without_its_survey(trained, other, predicted, tmp_path, reseal):
    shutil.copytree(trained, tmp_path / "moved")
    table = (tmp_path / "moved" / "run.toml").read_text(encoding="utf-8")
    gone = table.replace("samples.csv", "gone.csv").replace("faults.gpkg", "gone.gpkg")
    (tmp_path / "moved" / "run.toml").write_text(gone, encoding="utf-8")
    reseal(tmp_path / "moved")
    found = run_prediction(tmp_path / "moved", read(other), tmp_path / "again")
    first, second = (f.read_bytes() for f in (
        predicted[0].folder / "prospectivity.tif", found.folder / "prospectivity.tif"))  # fmt: skip
    assert first == second


def test_the_resolved_configuration_holds_what_the_run_filled_in(predicted, trained):
    folder = predicted[0].folder
    table = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    symbols = [e["symbol"] for e in json.loads((trained / "checks.json").read_text())["survey"]
               ["elements"]]  # fmt: skip
    assert table["evidence"]["cell_size"] == 1000
    assert table["evidence"]["radius"] == 1500
    assert table["composition"]["parts"] == symbols
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert any("32650" not in i["path"] for i in provenance["inputs"])
    files = {f["path"]: f["sha256"] for f in provenance["run"]["files"]}
    assert {"model/recipe.json", "model/places.npz", "metrics.json"} <= files.keys()
    codes = {f["code"] for f in json.loads((folder / "checks.json").read_text())["findings"]}
    assert not codes & {"no-deposits"}


LEARNING = ("seed", "screening", "sampling", "validation", "uncertainty", "model", "training")


def test_training_settings_are_the_runs_whatever_a_shared_file_holds(
    predicted, trained, other, tmp_path
):
    """A shared file names another model: a warning says so, and `run.toml` has the run's own."""
    given = [
        "model={name='resnet18', options={width=16}}",
        "sampling.window=5",
        "training.epochs=7",
        "validation.folds=3",
        "seed=9",
    ]
    found = run_prediction(trained, read(other, given), tmp_path / "shared")
    (said,) = (w for w in found.warnings if w.startswith("these settings are not used"))
    for words in ("seed = 0", "sampling.window = 3", "model.name = random-forest"):
        assert words in said
    assert "other model.options" in said
    assert "training.epochs = 30" in said
    assert "validation.folds" not in said  # that is what the run had
    assert not any(w.startswith("these settings are not used") for w in predicted[0].warnings)
    run, written = (
        tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
        for folder in (trained, found.folder)
    )
    assert {n: written[n] for n in LEARNING} == {n: run[n] for n in LEARNING}
    first, second = (f / "prospectivity.tif" for f in (predicted[0].folder, found.folder))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["model.name='svm'"], r"--set model\.name: .*model\.name = random-forest.* leave it out"),
        (
            ["model={name='svm'}", "training.epochs=7"],
            r"--set model\.name, training\.epochs: .*training\.epochs = 30.*them out",
        ),
        (
            ["model={name='random-forest', options={trees=5}}"],
            r"--set model\.options: .*other model\.options",
        ),
        (["sampling.window=5"], r"sampling\.window = 3"),
        (["validation.folds=4"], r"validation\.folds = 3"),
        (["seed=3"], "--set seed: .*seed = 0"),
    ],
)
def test_settings_of_learning_are_refused_before_anything_is_read(
    settings, words, trained, other, tmp_path
):
    gone = [*settings, "samples.path='gone.csv'"]
    with pytest.raises(OrecastError, match=words):
        run_prediction(trained, read(other, gone), tmp_path / "out", settings=gone)
    assert not (tmp_path / "out").exists()


def test_settings_that_are_the_runs_own_are_no_matter(trained, other, tmp_path):
    given = ["model={name='random-forest'}", "sampling.window=3", "title='There'"]
    found = run_prediction(trained, read(other, given), tmp_path / "out", settings=given)
    assert not [w for w in found.warnings if w.startswith("not used")]


@pytest.mark.parametrize("place", ["a-file", "a-file/z/z", "closed/z"])
def test_an_unwritable_place_is_refused_before_anything_is_read(
    place, trained, other, tmp_path, monkeypatch
):
    (tmp_path / "a-file").write_text("mine", encoding="utf-8")
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path.name != "closed")
    config = read(other, ["samples.path='gone.csv'"])
    with pytest.raises(OrecastError, match=r"(a-file: is a file|closed: cannot be written)"):
        run_prediction(trained, config, tmp_path / place)
    assert (tmp_path / "a-file").read_text(encoding="utf-8") == "mine"
    assert not list((tmp_path / "closed").iterdir())


@pytest.mark.parametrize("column", ["Au_ppb", "Tl_ppm"])
def test_an_element_without_information_is_missed_where_the_model_reads_it(
    column, trained, other, tmp_path
):
    samples = pd.read_csv(other.parent / "samples.csv")
    samples[column] = 1.0
    samples.to_csv(tmp_path / "samples.csv", index=False)
    here = [f"samples.path='{(tmp_path / 'samples.csv').as_posix()}'"]
    config = read(other, here)
    if column == "Tl_ppm":  # the model does not read it
        assert run_prediction(trained, config, tmp_path / "out").folder.is_dir()
    else:
        with pytest.raises(OrecastError, match="the survey has no Au"):
            run_prediction(trained, config, tmp_path / "out")


def test_without_deposits_it_is_a_map_alone(trained, other, tmp_path):
    table = other.read_text(encoding="utf-8")
    start, end = table.index("[deposits]"), table.index("[faults]")
    bare = shutil.copytree(other.parent, tmp_path / "there") / "bare.toml"
    bare.write_text(table[:start] + table[end:], encoding="utf-8")
    found = run_prediction(trained, read(bare), tmp_path / "bare")
    assert found.metrics["scores"] == found.metrics["undiscovered"] == []
    assert found.metrics["protocol"]["deposits"] is None
    assert len(gpd.read_file(found.folder / "targets.gpkg", layer="deposits")) == 0


def test_a_layer_of_a_rock_that_is_not_here_is_0_and_new_rocks_are_other(trained, other, tmp_path):
    """The run had three classes and "other"; here one is missing and one has a new name."""
    district = read_trained(trained).config.geology.path
    run = run_of(district.parent / "run.toml", tmp_path / "run", FOREST, "geology.classes=3")
    names = [n for n in read_trained(run).saved.names if n.startswith("geology=")]
    assert len(names) == 4
    rock = names[0].removeprefix("geology=")
    geology = gpd.read_file(other.parent / "geology.gpkg")
    geology["unit"] = geology["unit"].replace(rock, "Newly named")
    geology.to_file(tmp_path / "geology.gpkg")
    settings = [f"geology.path='{(tmp_path / 'geology.gpkg').as_posix()}'"]
    config = as_trained(read(other, settings), read_trained(run))
    survey = read_survey(config)
    evidence = trained_layers(survey, config, read_trained(run))
    layers = np.stack([evidence.layer(n) for n in names])[:, evidence.valid]
    assert (layers[0] == 0).all()
    assert (layers.sum(axis=0) == 1).all()  # each cell in one class, the new one among the others
    (said,) = survey.findings.of("other-rocks")
    assert rock in said.what
    assert "Newly named" in said.what


BAD = {
    "no run": (lambda f: f / "nowhere", [], "not a finished run"),
    "a file": (lambda f: f / "run.toml", [], "not a finished run"),
    "transform": (None, ["composition.transform='ilr'"], r"composition\.transform.*ilr here"),
    "parts": (None, ["composition.parts=['Au', 'Cu']"], r"composition\.parts.*Au, Cu here"),
    "cells": (None, ["evidence.cell_size=2000"], r"evidence\.cell_size.*another distance"),
    "elements": (None, ["samples.ignore=['Au_ppb']"], r"composition\.parts.*has no Au"),
    "rings": (None, ["faults.rings=[500, 1000]"], r"fault_rings.*radii 500, 1000 m here"),
    "layer": (
        None,
        ["faults.distance=false"],
        "no layer fault.*The model reads .*the survey has",
    ),
    "rocks": (None, ["geology.column='rock'"], "none of the model's"),
    "coding": (None, ["geology.coding='code'"], "no layer geology="),
    "file": (None, ["samples.path='gone.csv'"], "gone.csv"),
    "crs": (None, ["samples.crs='EPSG:99999'"], "99999"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_predicted_is_refused_and_nothing_written(name, trained, other, tmp_path):
    run, settings, words = BAD[name]
    with pytest.raises(OrecastError, match=words) as caught:
        run_prediction(run(trained) if run else trained, read(other, settings), tmp_path / "out")
    assert caught.value.where or caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_a_raster_of_one_value_that_the_model_needs_is_not_to_be_ignored(tmp_path):
    grid = Grid(CRS.from_epsg(32645), Affine(1000, 0, 500_000, 0, -1000, 4_500_000), (4, 5))
    for name, values in {"Au": np.ones((4, 5)), "Cu": np.arange(1, 21).reshape(4, 5)}.items():
        write_geotiff(tmp_path / f"{name}.tif", values.astype(np.float32), grid)
    config = parse({"gridded": {"path": "*.tif"}}, where="run.toml", folder=tmp_path)
    with pytest.raises(InputError, match=r"add 'Au' to gridded\.ignore"):
        read_survey(config)
    for needed, words in (
        (["Au"], "the model needs Au.*train a model without it"),
        (["Cu"], "all cells"),
    ):
        trained = SimpleNamespace(saved=SimpleNamespace(reads=needed))
        with pytest.raises(InputError, match=words) as caught:
            read_other(config, trained)
        assert ("gridded.ignore" in str(caught.value)) == (needed == ["Cu"])


@pytest.mark.slow
def test_a_model_guided_by_a_layer_needs_it_there_too(district, other, tmp_path):
    run = run_of(district, tmp_path / "run", GUIDED, "training.epochs=1")
    found = run_prediction(run, read(other), tmp_path / "there")
    assert np.isfinite(map_of(found.folder)).mean() > 0.5
    with pytest.raises(OrecastError, match=r"no layer fault.*reads .*fault_rings; the survey has"):
        run_prediction(run, read(other, ["faults.rings=[]"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_window_larger_than_the_other_area_is_refused(trained, other, tmp_path, reseal):
    run = broken(trained, tmp_path)
    recipe = json.loads((run / "model" / "recipe.json").read_text(encoding="utf-8"))
    (run / "model" / "recipe.json").write_text(json.dumps(recipe | {"size": 99}), encoding="utf-8")
    reseal(run)
    with pytest.raises(OrecastError, match=r"sampling\.window: windows of 99 cells are larger"):
        run_prediction(run, read(other), tmp_path / "out")


def broken(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "broken")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("model/places.npz", None, "places.npz: the file .* is missing"),
        ("model/places.npz", b"no archive", "places.npz: the file .* cannot be read"),
        ("model/places.npz", b"", "places.npz: the file .* cannot be read"),
        ("model/places.npz", b"PK\3\4 cut off", "places.npz: the file .* cannot be read"),
        (
            "model/recipe.json",
            None,
            "fitted recipe cannot be read: it is not there",
        ),
        (
            "model/recipe.json",
            b"{}",
            "fitted recipe cannot be read: it lacks 'mean'",
        ),
        ("model/detector.json", None, "saved model cannot be read"),
        ("metrics.json", b"[1]", "is not a JSON object"),
        ("metrics.json", b"{}", "metrics.json: it lacks 'model'"),
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
def test_a_broken_run_is_refused(file, content, words, sealed, trained, other, tmp_path, reseal):
    run = broken(trained, tmp_path)
    (run / file).unlink()
    if content is not None:
        (run / file).write_bytes(content)
    if sealed:  # as though the run had written it so
        reseal(run)
    elif content is None:
        words = f"not a finished run: 1 file is missing: {file}"
    else:
        words = f"1 file is not as the run wrote them: {file}"
    with pytest.raises(OrecastError, match=words) as caught:
        run_prediction(run, read(other), tmp_path / "out")
    assert "pickle" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_of_any_file_are_named(seed, trained, other, tmp_path):
    run, rng = broken(trained, tmp_path), np.random.default_rng(seed)
    files = json.loads((run / "provenance.json").read_text(encoding="utf-8"))["outputs"]
    file = rng.choice([file for file in files if not file.endswith(".gpkg")])
    content = bytearray((run / file).read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    (run / file).write_bytes(content)
    with pytest.raises(OrecastError, match=re.escape(f"not as the run wrote them: {file}")):
        run_prediction(run, read(other), tmp_path / "out")


def test_a_run_of_another_format_is_refused(trained, other, tmp_path, rewrite):
    run = broken(trained, tmp_path)
    rewrite(run / "provenance.json", lambda said: said.pop("format"))
    with pytest.raises(OrecastError, match=r"format 1, .* reads format 3 alone.*--overwrite"):
        run_prediction(run, read(other), tmp_path / "out")


def test_places_of_another_model_are_refused(trained, other, tmp_path, reseal):
    run = broken(trained, tmp_path)
    with np.load(run / "model" / "places.npz") as stored:
        places = dict(stored)
    narrow = places | {"values": places["values"][:, 1:]}
    np.savez_compressed(run / "model" / "places.npz", **narrow)
    reseal(run)
    with pytest.raises(OrecastError, match=r"`places\.npz` and .* belong to different models"):
        run_prediction(run, read(other), tmp_path / "out")


@pytest.mark.parametrize(
    ("kind", "words"), [("detector", "fitted to the run's own map"), ("weight", "own deposits")]
)
def test_a_layer_that_the_recipe_made_is_not_to_be_had_elsewhere(
    kind, words, trained, other, tmp_path, reseal
):
    run = broken(trained, tmp_path)
    recipe = json.loads((run / "model" / "recipe.json").read_text(encoding="utf-8"))
    recipe["layers"][-1], recipe["kinds"][-1] = "made", kind
    (run / "model" / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
    reseal(run)
    with pytest.raises(OrecastError, match=f"reads made: .*{words}"):
        run_prediction(run, read(other), tmp_path / "out")


@pytest.mark.parametrize(
    "model",
    ["{name='deposit-distance'}", "{name='ensemble', options={members=['svm', 'random']}}"],
)
def test_a_model_of_places_is_refused(model, trained, other, tmp_path, reseal):
    run = broken(trained, tmp_path)
    text = (run / "run.toml").read_text(encoding="utf-8")
    start, end = text.index("[model]"), text.index("[training]")
    (run / "run.toml").write_text(f"model = {model}\n{text[:start]}{text[end:]}", encoding="utf-8")
    reseal(run)
    with pytest.raises(OrecastError, match="by its position"):
        run_prediction(run, read(other), tmp_path / "out")


def test_a_map_of_anomalies_is_no_model_of_another_area(trained, other, tmp_path, reseal):
    run = broken(trained, tmp_path)
    metrics = metrics_of(run) | {"anomalies": True}
    (run / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    reseal(run)
    with pytest.raises(OrecastError, match="used no deposits"):
        run_prediction(run, read(other), tmp_path / "out")


def test_nothing_is_written_over_by_accident(trained, other, predicted, tmp_path):
    config = read(other)
    for place in (trained, trained / "inside"):
        with pytest.raises(OrecastError, match="run's folder"):
            run_prediction(trained, config, place, overwrite=True)
    copy = shutil.copytree(predicted[0].folder, tmp_path / "there")
    with pytest.raises(OrecastError, match="--overwrite to start again"):
        run_prediction(trained, config, copy)
    again = shutil.copytree(trained, tmp_path / "a-run")
    with pytest.raises(OrecastError, match="holds a run"):
        run_prediction(trained, config, again, overwrite=True)
    found = run_prediction(trained, config, copy, overwrite=True)
    assert {p.name for p in found.folder.iterdir()} - {".orecast"} == FILES


def test_a_fitted_recipe_comes_back_as_it_was_saved(trained):
    saved, run = read_fitted(trained / "model"), read_trained(trained)
    assert saved.names == run.evidence.names
    assert len(saved.values) == len(saved.rows) == len(run.folds)
    assert set(saved.rows.y) == {0, 1}
    fitted = saved.on(run.evidence)
    again = fitted.windows.at_cells(saved.rows.at).centre()
    assert np.array_equal(again, saved.values)
    with pytest.raises(OrecastError, match="the model needs the layers"):
        saved.on(replace(run.evidence, data=run.evidence.data[list(saved.names[::-1])]))
