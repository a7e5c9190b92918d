import json
import re
import shutil
import tomllib
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from rio_cogeo import cog_validate

from orecast.config import parse, read
from orecast.errors import (
    CapacityError,
    ConfigError,
    InputError,
    OrecastError,
    RunError,
    ThresholdError,
)
from orecast.mapping import classify, predict_map, read_raster
from orecast.run import content_hash
from orecast.workflow import run_survey
from orecast.workflow.run import final_map, running, validating
from orecast.workflow.run.job import input_files

pytestmark = pytest.mark.usefixtures("blank_figures")

FILES = {
    "run.toml",
    "provenance.json",
    "checks.json",
    "evidence",
    "model",
    "prospectivity.tif",
    "out_of_fold.tif",
    "folds.tif",
    "uncertainty.tif",
    "applicability.tif",
    "probability.tif",
    "conformal.tif",
    "recommended.tif",
    "classes.tif",
    "targets.gpkg",
    "targets.csv",
    "target_samples.csv",
    "metrics.json",
    "figures",
    "report.html",
}


QUICK = "inner_folds=0, baselines=false, repetitions=0"
SMALL = (
    "evidence.cell_size=1000",
    "evidence.radius=1500",
    "sampling.window=3",
    "validation.folds=3",
    "validation.repetitions=0",
    "model={name='random-forest', options={trees=20}}",
)


@pytest.fixture(scope="session")
def finished(district, once):
    """A finished run, its figures drawn; its configuration, and what was told of its progress."""

    def config(folder):
        return read(district, [f"output='{(folder / 'run').as_posix()}'", *SMALL])

    def make(folder):
        folder.mkdir()
        told = []
        run_survey(config(folder), progress=lambda *a: told.append(a))
        (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")

    folder = once("finished", make)
    told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return SimpleNamespace(folder=folder / "run"), config(folder), told


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_the_folder_is_whole(finished):
    summary, _, _ = finished
    assert {p.name for p in summary.folder.iterdir()} - {".orecast"} == FILES
    assert [p.name for p in (summary.folder / ".orecast").iterdir()] == ["journal.json"]


def test_the_maps_are_cogs_on_one_grid_between_0_and_1(finished):
    folder = finished[0].folder
    maps = {}
    for name in ("prospectivity", "out_of_fold", "uncertainty", "probability", "conformal"):
        path = folder / f"{name}.tif"
        valid, errors, _ = cog_validate(path)
        assert valid, errors
        maps[name] = read_raster(path)
    assert maps["prospectivity"].grid == maps["out_of_fold"].grid == maps["uncertainty"].grid
    known = np.isfinite(maps["prospectivity"].values)
    assert known.mean() > 0.5
    assert np.isfinite(maps["uncertainty"].values)[known].all()
    for name in ("prospectivity", "out_of_fold"):
        values = maps[name].values[known]
        assert values.min() >= 0
        assert values.max() <= 1


def test_targets_are_ranked_and_give_reasons(finished):
    folder = finished[0].folder
    targets = gpd.read_file(folder / "targets.gpkg", layer="targets")
    table = pd.read_csv(folder / "targets.csv")
    assert targets["rank"].tolist() == table["rank"].tolist()
    for _, of_ground in targets.groupby("ground"):
        assert of_ground["rank"].tolist() == list(range(1, len(of_ground) + 1))
    assert len(targets) >= 2
    assert set(targets["class"]) <= set("ABC")
    assert targets["reasons"].str.contains(r"(?:high|low|present|absent) \(\+").any()
    assert len(gpd.read_file(folder / "targets.gpkg", layer="deposits"))


def test_metrics_hold_model_and_baselines_deposit_by_deposit(finished):
    metrics = metrics_of(finished[0].folder)
    names = [row["name"] for row in metrics["scores"]]
    assert names[0] == "random-forest"
    baselines = {
        "logistic-regression",
        "best-layer",
        "deposit-distance",
        "fault-distance",
        "random",
    }
    assert baselines <= set(names)
    assert any(n.startswith("layer ") for n in names)
    for row in metrics["scores"]:
        assert row["percentile"]["low"] <= row["percentile"]["value"] <= row["percentile"]["high"]
        assert all(0 <= d["percentile"] <= 1 for d in row["per_deposit"])
    tested = [d["deposit"] for d in metrics["scores"][0]["per_deposit"]]
    assert sorted(d for f in metrics["folds"] for d in f["deposits"]) == sorted(tested)
    assert metrics["undiscovered"]["n"] > 3


def test_probabilities_sum_to_the_known_places_and_rise_with_the_score(finished):
    folder = finished[0].folder
    metrics = metrics_of(folder)
    score, probability = (
        read_raster(folder / f"{name}.tif").values for name in ("prospectivity", "probability")
    )
    known = np.isfinite(score)
    n = len(metrics["scores"][0]["places"])
    assert n > 10
    assert probability[known].sum(dtype=np.float64) == pytest.approx(n, rel=1e-6)
    assert (np.diff(probability[known][np.argsort(score[known])]) >= 0).all()
    assert set(metrics["calibration"]) == {"threshold", "slope"}
    targets = gpd.read_file(folder / "targets.gpkg", layer="targets")
    assert 0 < targets["expected_deposits"].sum() < n


def test_progress_ends_full(finished):
    last = {what: (done, total) for what, done, total in finished[2]}
    assert all(done == total for done, total in last.values())
    assert "Testing random-forest" in last


@pytest.mark.parametrize("baselines", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_feeding_the_resolved_configuration_back_reproduces_the_run(
    finished, alone, tmp_path, baselines
):
    folder = finished[0].folder if baselines else alone
    table = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    again = parse(table | {"output": str(tmp_path / "again")}, where="run.toml")
    run_survey(again)
    for name in ("prospectivity.tif", "out_of_fold.tif", "classes.tif", "targets.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert metrics_of(tmp_path / "again") == metrics_of(folder)


def test_a_run_goes_on_by_its_own_configuration(finished):
    summary, _, _ = finished
    written = {p.name: p.stat().st_mtime_ns for p in summary.folder.iterdir() if p.is_file()}
    again = run_survey(read(summary.folder / "run.toml"), resume=True)
    assert again.folder == summary.folder
    assert written == {
        p.name: p.stat().st_mtime_ns for p in summary.folder.iterdir() if p.is_file()
    }


def test_provenance_names_inputs_with_their_hashes(finished):
    summary, config, _ = finished
    provenance = json.loads((summary.folder / "provenance.json").read_text(encoding="utf-8"))
    names = {p.name for p in input_files(config)}
    assert {"samples.csv", "deposits.csv", "faults.gpkg", "geology.gpkg"} <= names
    assert {i["path"].rpartition("/")[2] for i in provenance["inputs"]} == names
    assert all(len(i["sha256"]) == 64 for i in provenance["inputs"])
    assert provenance["seconds"].keys() >= {"survey", "evidence", "validation", "map"}


class Killed(BaseException):
    pass


@pytest.fixture(scope="session")
def alone(district, once):
    """A finished run without baselines."""

    def make(folder):
        output = f"output='{folder.as_posix()}'"
        run_survey(read(district, [output, *SMALL, "validation.baselines=false"]))

    return once("alone", make)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param(validating, "_test_baselines", marks=pytest.mark.slow),
        (final_map, "predict_map"),
        (final_map, "write_targets"),
        (running, "write_report"),
    ],
)
def test_a_killed_run_goes_on_and_ends_the_same(
    configured, finished, alone, monkeypatch, module, name
):
    with_baselines = module is validating
    config = configured(f"validation.baselines={str(with_baselines).lower()}")

    def killed(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(Killed):
            run_survey(config)
    run_survey(config, resume=True)
    whole = finished[0].folder if with_baselines else alone
    assert {p.name for p in config.output.iterdir()} == {p.name for p in whole.iterdir()}
    for file in ("prospectivity.tif", "out_of_fold.tif", "targets.csv"):
        assert (config.output / file).read_bytes() == (whole / file).read_bytes()
    assert metrics_of(config.output)["scores"] == metrics_of(whole)["scores"]


def contents(folder):
    """The hash of each file of a run, but of those that hold times or figures."""
    timed = {"report.html", "provenance.json"}
    files = [path for path in folder.rglob("*") if path.is_file() and ".orecast" not in path.parts]
    found = {path.relative_to(folder).as_posix(): path for path in files}
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    return provenance["outputs"], {
        name: None if name in timed or "figures" in path.parts else content_hash(path)
        for name, path in found.items()
    }


@pytest.mark.parametrize(
    "name",
    [
        *("metrics.json", "targets.gpkg", "report.html"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in sorted(FILES - {"metrics.json", "targets.gpkg", "report.html"})
            if name != "recommended.tif"  # written with baselines alone
        ),
    ],
)
def test_a_file_that_was_deleted_is_computed_again_with_all_that_depends_on_it(
    configured, alone, tmp_path, name
):
    config = configured("validation.baselines=false")
    shutil.copytree(alone, tmp_path / "run")
    place = tmp_path / "run" / name
    expected, metrics = contents(alone), metrics_of(alone)
    for path in [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file()):
        path.unlink()
        summary = run_survey(config, resume=True)
        assert contents(config.output) == expected, path
        assert summary.metrics.keys() == metrics.keys()
        assert [p.name for p in (config.output / ".orecast").iterdir()] == ["journal.json"]


@pytest.mark.parametrize(
    ("name", "how"),
    [("targets.gpkg", "cut"), ("targets.gpkg", "altered"), ("run.toml", "cut")],
)
def test_damage_of_a_finished_run_is_named(configured, alone, tmp_path, name, how):
    config = configured("validation.baselines=false")
    shutil.copytree(alone, tmp_path / "run")
    whole = (config.output / name).read_bytes()
    middle = whole.index(b" (+0.") if how == "altered" else len(whole) // 2  # in a reason
    rest = b"" if how == "cut" else b"\0\xff\0\xff\0\xff\0\xff" + whole[middle + 8 :]
    (config.output / name).write_bytes(whole[:middle] + rest)
    with pytest.raises(RunError, match=f"1 file is not as the run wrote them: {name}.*delete"):
        run_survey(config, resume=True)


@pytest.mark.slow
def test_what_was_found_is_said_once_however_often_a_run_is_resumed(configured, monkeypatch):
    config = configured(f"validation={{folds=200, {QUICK}}}")

    def killed(*_, **__):
        raise Killed

    def said():
        checks = json.loads((config.output / "checks.json").read_text(encoding="utf-8"))
        return [finding["code"] for finding in checks["findings"]].count("fewer-folds")

    with monkeypatch.context() as patch:
        patch.setattr(final_map, "predict_map", killed)
        with pytest.raises(Killed):
            run_survey(config)
    run_survey(config, resume=True)
    assert said() == 1
    (config.output / "folds.tif").unlink()
    run_survey(config, resume=True)
    assert said() == 1


def test_a_run_is_not_begun_over_another_by_accident(finished, configured):
    with pytest.raises(RunError, match="--overwrite"):
        run_survey(finished[1])
    config = configured("seed=1")
    config = config.model_copy(update={"output": finished[1].output})
    with pytest.raises(RunError, match="not those of this run"):
        run_survey(config, resume=True)


def test_refused_data_leave_no_folder(configured, tmp_path):
    with pytest.raises(InputError):
        run_survey(configured("samples.x='nowhere'"))
    assert not (tmp_path / "run").exists()


def test_the_paper_protocol_is_beside_the_leak_free_one(configured):
    summary = run_survey(configured("validation.protocol=paper", "validation.baselines=false"))
    rows = summary.metrics["scores"]
    assert [row["protocol"] for row in rows] == ["spatial", "paper"]
    assert rows[1]["auc"]["value"] > rows[0]["auc"]["value"] + 0.1
    page = (summary.folder / "report.html").read_text(encoding="utf-8")
    assert "paper" in page


def test_a_network_runs_the_whole_way(configured):
    summary = run_survey(
        configured(
            "model={name='resnet18', options={width=8}}",
            "training.epochs=2",
            "targets.tiles=[4, 5]",
            "validation.folds=2",
            "validation.baselines=false",
            "sampling.window=5",
        )
    )
    assert summary.metrics["scores"][0]["name"] == "resnet18"
    assert (summary.folder / "model" / "network.safetensors").is_file()
    assert len(pd.read_csv(summary.folder / "tiles.csv")) == 20


def test_classes_by_histogram_without_a_peak_are_refused_with_a_reason(configured, monkeypatch):
    def flat(*args, **kwargs):
        score = predict_map(*args, **kwargs)
        known = np.isfinite(score)
        score[known] = np.linspace(0, 1, known.sum())
        return score

    monkeypatch.setattr(final_map, "predict_map", flat)
    summary = run_survey(configured("classes.rule=histogram", "validation.baselines=false"))
    checks = json.loads((summary.folder / "checks.json").read_text(encoding="utf-8"))
    refusals = [f for f in checks["findings"] if f["level"] == "refusal"]
    assert [f["code"] for f in refusals] == ["classes-by-histogram"]
    assert "no clear interior peak" in refusals[0]["what"]
    assert summary.metrics["classes"]["rule"] == "area"
    captured = summary.metrics["classes"]["captured"]  # out of fold, by the histogram
    assert all(np.isnan(c["deposits_share"]) for c in captured)


@pytest.mark.parametrize(
    "settings",
    [
        ("sampling.target=Xx",),
        ("screening={method='svm-auc', keep=['Xx']}",),
        ("screening={method='svm-auc', threshold=50}",),
        ("screening.method='pca'", "model={name='mahalanobis'}"),
        ("model={name='random-forest'}", "uncertainty.dropout=3"),
        ("model={name='resnet18'}", "uncertainty.dropout=3"),
        ("sampling.grow=[{method='smoat', balance=true}]",),
        ("sampling.grow=[{method='smote'}]",),
        ("sampling.grow=[{method='slide', options={shift=2}}]",),
        ("sampling.grow=[{method='smote', times=2}]", "model={name='stack'}"),
        ("model={name='random-forest', options={trees=0}}",),
        ("model={name='single-layer', options={layer='Xx'}}",),
        ("validation={protocol='paper', folds=255}",),
        ("targets.tiles=[500, 500]",),
        ("sampling.distance=1e8",),
        ("sampling.window=999",),
        ("evidence.radius=1e6",),
        ("evidence.layers=['Xx']",),
        ("evidence.cell_size=1e7",),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_written(configured, settings):
    config = configured(*settings)
    with pytest.raises(OrecastError) as caught:
        run_survey(config)
    assert caught.value.where or caught.value.remedy
    assert not config.output.exists()


def test_scores_of_more_models_than_memory_holds_are_refused(configured, monkeypatch):
    config = configured("uncertainty.seeds=1000", "model={name='cnn', options={passes=10000}}")
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 1e9)
    with pytest.raises(CapacityError, match="10,000,000 scores of each of") as caught:
        run_survey(config)
    assert caught.value.where == "model.options.passes"
    assert int(caught.value.remedy.split()[3]) < 200
    assert not config.output.exists()


ELEMENTS = "evidence.layers=['Au', 'Ag', 'As', 'Sb']"
NET = "model={name='resnet18', options={width=8}}"
UNUSABLE = {
    "window and grid": ((NET, "sampling.window=25"), r"sampling\.window: .*larger than the grid"),
    "parity": (("model={name='gk-cnn'}", "sampling.window=4"), "odd number of cells"),
    "no edge": ((ELEMENTS, "model={name='resgcn', options={alpha=0.99}}"), r"alpha: no two"),
    "one element": (
        ("evidence.layers=['Au']", "model={name='resgcn'}"),
        "a graph needs at least two",
    ),
    "faults of a cell": (
        ("model={name='resgcn'}", "sampling.window=1"),
        "resgcn reads only elements.*fault_distance",
    ),
    "patch": (
        ("model={name='vit', options={patch=2}}",),
        r"model\.options\.patch: patches of 2 cells do not divide a window of 3",
    ),
    "patch of a member": (
        (
            "model={name='ensemble', options={members=['svm', 'vit'], "
            "member_options={vit={patch=2}}}}",
        ),
        r"model\.options\.member_options\.vit\.patch: patches of 2",
    ),
    "memory": (("sampling.grow=[{method='copy', n=1000000000000}]",), r"sampling\.grow\.0: 2e\+12"),
    "faults": (("model={name='resgcn'}",), "resgcn reads only elements.*fault_distance"),
    "member": (
        ("model={name='ensemble', options={members=['gin', 'svm']}}",),
        "reads only elements",
    ),
    "weight": (("model={name='gk-cnn', weight='fault_ring'}",), "did you mean fault_rings"),
    "epochs in vain": (
        ("model={name='svm'}", "training={pretrain=2}"),
        r"training\.pretrain: svm is not a network",
    ),
    "trim in vain": (
        ("model={name='svm'}", "training={trim=2}"),
        r"training\.trim: svm is not a network",
    ),
    "weight in vain": (("model={name='svm', weight='Au'}",), "svm uses no weight layer"),
    "weight of auto": (("model={name='auto', weight='Au'}",), r"model\.weight: .*no weight layer"),
    "weight alone": (
        ("evidence.layers=['Au']", "model={name='gk-cnn', weight='Au'}"),
        "at least one layer besides the weight",
    ),
    "neighbours": (
        (NET, "sampling.grow=[{method='smote', n=9, options={neighbours=99}}]"),
        "smote",
    ),
    "few for a gan": ((NET, "sampling={window=3, shift=0, grow=[{method='gan', n=9}]}"), "gan"),
    "share": ((NET, "sampling.grow=[{method='gan', share=0.5}]"), "single windows"),
    "slide behind": (
        (NET, "sampling.grow=[{method='gan', n=9}, {method='slide'}]"),
        "put slide before",
    ),
    "positions": (
        (NET, "sampling.grow=[{method='slide', n=9999}]"),
        "fewer than the 9999 ",
    ),
    "below": ((NET, "sampling.grow=[{method='noise', to=3}]"), r"sampling\.grow\.0\.to: there are"),
    "no labels": (
        ("model={name='contrast'}", "sampling.grow=[{method='noise', n=3}]"),
        "contrast uses no labels",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_a_model_cannot_use_is_refused_before_training(
    case, configured, district, tmp_path, monkeypatch
):
    """Nothing is trained, and nothing written: the message names place and remedy."""
    settings, words = UNUSABLE[case]
    deposits = district.parent / "deposits.csv"
    if case == "few for a gan":
        lines = deposits.read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / "few.csv").write_text("".join(lines[:10]), encoding="utf-8")
        settings += (f"deposits.path='{(tmp_path / 'few.csv').as_posix()}'",)

    def train(*args, **kwargs):
        raise AssertionError("trained")

    monkeypatch.setattr("orecast.training.network.train", train)
    monkeypatch.setattr("orecast.training.generators.generator.Generator._train", train)
    config = configured(*settings)
    with pytest.raises(OrecastError, match=words) as caught:
        run_survey(config)
    assert caught.value.where
    assert caught.value.remedy
    assert not config.output.exists()


@pytest.mark.slow
def test_windows_that_reach_beyond_the_evidence_are_counted_and_the_rule_is_reported(finished):
    checks = json.loads((finished[0].folder / "checks.json").read_text(encoding="utf-8"))
    (said,) = [f for f in checks["findings"] if f["code"] == "windows-with-gaps"]
    assert "counts as its layer's mean" in said["what"]


def test_a_run_declares_what_its_model_has_seen_that_a_fold_would_hide(configured):
    settings = (
        "model={name='cnn'}",
        f"validation={{folds=2, {QUICK}}}",
    )
    summary = run_survey(
        configured(*settings, "training={epochs=1, pretrain=1, pretrain_on='all'}")
    )
    (said,) = summary.metrics["caveats"]
    assert "pretrained on windows of the whole map" in said


def test_scores_of_detectors_are_layers_and_may_be_reasons(configured):
    channels = "model={name='random-forest', options={trees=10}, channels=['mahalanobis']}"
    summary = run_survey(configured(channels, "validation.baselines=false"))
    recipe = json.loads((summary.folder / "model" / "recipe.json").read_text(encoding="utf-8"))
    assert recipe["layers"][-1] == "mahalanobis score"
    named = {part.split(" (")[0] for t in summary.targets for part in t["reasons"].split(", ")}
    layers = {re.sub(" (?:high|low|present|absent)$", "", name) for name in named}
    assert layers <= set(recipe["layers"])


def test_the_threshold_that_a_refusal_names_does_for_all_folds_and_the_final_map(
    configured, monkeypatch
):
    def settings(alpha):
        return ELEMENTS, f"model={{name='resgcn', options={{alpha={alpha}}}}}"

    monkeypatch.setattr("orecast.training.network.train", lambda *_, **__: None)
    with pytest.raises(ThresholdError) as caught:
        run_survey(configured(*settings(0.99)))
    named = float(caught.value.remedy.split()[3])
    assert named <= caught.value.largest < named + 0.01
    quick = f"validation={{folds=3, {QUICK}}}"
    assert run_survey(configured(*settings(named), quick)).folder.is_dir()


def test_what_does_nothing_or_the_reverse_is_reported(configured):
    summary = run_survey(
        configured(
            "model={name='gk-cnn', weight='fault_distance'}",
            "training.epochs=1",
            f"validation={{folds=3, {QUICK}}}",
            "sampling={window=3, shift=0, grow=[{method='noise', balance=true}, "
            "{method='copy', balance=true}]}",
        )
    )
    said = " ".join(summary.warnings)
    assert re.search(r"this step adds no ore windows: there are already \d+", said)
    assert "'fault_distance' is lower at the known deposits" in said
    assert "a weight must be high near ore" in said


@pytest.mark.slow
def test_fewer_folds_than_asked_for_are_reported(configured):
    summary = run_survey(configured(f"validation={{folds=200, {QUICK}}}"))
    (said,) = [words for words in summary.warnings if "folds" in words]
    assert "folds; 200 were asked for" in said


def test_one_bar_counts_the_epochs_of_all_members(configured):
    options = "{members=['cnn', 'contrast'], seeds=2}"
    told = []
    model = f"model={{name='ensemble', options={options}}}"
    settings = (
        model,
        "training.epochs=2",
        f"validation={{folds=2, {QUICK}}}",
    )
    run_survey(configured(*settings), progress=lambda *now: told.append(now))
    parts = [(done, total) for what, done, total in told if what == "Testing ensemble"]
    assert {total % 4 for _, total in parts} == {0}
    assert parts == sorted(parts)


def test_a_fold_whose_histogram_has_no_peak_draws_classes_by_area(configured, monkeypatch):
    asked = []

    def peakless(score, options, deposits=()):
        asked.append(len(score))
        if options.rule == "histogram" and len(score) == 1:
            raise ConfigError("no interior peak")
        return classify(score, options, deposits)

    monkeypatch.setattr(validating, "classify", peakless)
    settings = ("classes.rule=histogram", "validation.baselines=false")
    summary = run_survey(configured(*settings))
    assert 1 in asked
    assert summary.metrics["held_out_classes"]["rule"] == "area"
    assert summary.metrics["classes"]["rule"] == "area"


def test_a_full_disk_in_a_fold_ends_in_a_message(configured, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orecast.validation.crossing.np.savez", full)
    with pytest.raises(RunError, match="No space left"):
        run_survey(configured())


def test_the_parts_of_a_shapefile_and_the_rasters_of_a_folder_are_inputs(district, tmp_path):
    faults = gpd.read_file(district.parent / "faults.gpkg")
    faults.to_file(tmp_path / "faults.shp")
    for name in ("Au", "Cu"):
        (tmp_path / "grids").mkdir(exist_ok=True)
        (tmp_path / "grids" / f"{name}.tif").write_bytes(b"")
    table = {
        "gridded": {"path": str(tmp_path / "grids")},
        "deposits": {"path": str(district.parent / "deposits.csv")},
        "faults": {"path": str(tmp_path / "faults.shp")},
    }
    names = {p.name for p in input_files(parse(table, where="t"))}
    assert {"Au.tif", "Cu.tif", "deposits.csv", "faults.shp", "faults.dbf", "faults.prj"} <= names
