"""A small experiment run whole: cells, resuming, tables and pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ConfigError, RunError
from orecast.papers import reproducing
from orecast.papers.cells import read_reproduced
from orecast.papers.experiments import read_experiment
from orecast.papers.plan import ReproducedCell
from orecast.training import trainer

SMALL = {"cell_size": 500.0, "epochs": 1, "folds": 2, "samples": 60, "seeds": 1}


def small(system, *models):
    """The experiment with few entries and caps that a test can wait for."""
    experiment = read_experiment(system)
    kept = tuple(e for e in experiment.models if e.model in models or e.name in models)
    caps = replace(experiment.caps["smoke"], **SMALL)
    return replace(experiment, models=kept, caps={"smoke": caps})


@pytest.fixture
def run(monkeypatch, district, tmp_path):
    """Run an experiment on the small district."""

    def make(experiment, output=None, **given):
        monkeypatch.setattr(reproducing, "read_experiment", lambda _: experiment)
        return reproducing.reproduce(
            experiment.system,
            output or tmp_path / "out",
            kind="smoke",
            survey=str(district),
            jobs=1,
            command="orecast reproduce",
            **given,
        )

    return make


def deposits_only(system, *models):
    """An experiment that asks for no element, so that any district will do."""
    experiment = small(system, *models)
    recipe = {k: dict(v) for k, v in experiment.recipe.items()}
    recipe["evidence"].pop("layers", None)
    recipe["sampling"] = {"window": 32, "shift": 0, "negatives": "random", "ratio": 1.0}
    return replace(
        experiment, recipe=recipe, caps={"smoke": replace(experiment.caps["smoke"], window=9)}
    )


@pytest.mark.slow
def test_a_small_experiment_is_run_whole(run, tmp_path):
    done = run(deposits_only("ssgsnet", "DualBranchNet", "SSGSNet"))
    assert done.sound
    assert done.computed == 5
    cells = {(c["run"], c["protocol"]): c for c in done.content["cells"]}
    published = cells["SSGSNet", "paper"]
    counts = published["counts"]
    tested = sum(counts.values())
    right = counts["tp"] + counts["tn"]
    assert published["scores"]["accuracy"] == pytest.approx(right / tested)
    assert sum(published["rows"].values()) + tested == 2 * 4 * len_places(done)
    held_out = cells["SSGSNet", "spatial"]
    assert 0 <= held_out["percentile"]["value"] <= 100
    assert held_out["counts"] is None
    assert [epoch["epoch"] for epoch in held_out["history"]] == [1]
    assert 0 <= held_out["history"][0]["accuracy"] <= 1
    assert [result["run"] for result in done.content["weights"]] == ["DualBranchNet", "SSGSNet"]
    assert "Network weights, used / in the published network" in (
        tmp_path / "out" / "reproduction.md"
    ).read_text("utf-8")
    for name in ("reproduction.md", "reproduction.json", "figures/roc.png", "shapley.npz"):
        assert (tmp_path / "out" / name).is_file()
    assert np.load(tmp_path / "out" / "maps" / "ssgsnet.npz")["score"].size > 1
    assert not (tmp_path / "out" / ".orecast" / "scratch").exists()


def len_places(done):
    """Ungrown places: known deposits of the demo district, each in a cell of its own."""
    return int(done.content["survey"]["deposits"])


@pytest.mark.slow
def test_a_finished_one_is_not_computed_again_and_a_lost_cell_is(run, tmp_path):
    experiment = deposits_only("ssgsnet", "DualBranchNet")
    run(experiment)
    with pytest.raises(RunError, match="already holds a"):
        run(experiment)
    assert run(experiment, resume=True).computed == 0
    lost = ReproducedCell("dualbranchnet", "spatial", 0)
    before = read_reproduced(tmp_path / "out", lost)
    (tmp_path / "out" / "cells" / lost.file).unlink()
    assert run(experiment, resume=True).computed == 1
    again = read_reproduced(tmp_path / "out", lost)
    assert {**before, "seconds": 0} == {**again, "seconds": 0}


@pytest.mark.slow
def test_networks_of_maps_are_trained_by_the_worker_pool_and_once(run, monkeypatch):
    experiment = deposits_only("ssgsnet", "SSGSNet")
    trained = []
    monkeypatch.setattr(trainer, "rate_at", lambda epoch, recipe: trained.append(epoch))

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(reproducing, "explain", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(experiment)
    done = run(experiment, resume=True)
    assert (done.sound, done.computed, trained) == (True, 0, [])


@pytest.mark.slow
def test_samples_as_graphs(run, tmp_path):
    experiment = small("resgcn", "K-means", "0.2")
    over = {k: dict(v) for k, v in experiment.recipe.items()}
    for table, key in (("evidence", "layers"), ("composition", "parts")):
        over[table][key] = ["Au", "Ag", "As", "Cu", "Pb", "Zn"]
    places = replace(experiment.places, ore=40, barren=200)
    grow = ({"method": "smote", "balance": True},)
    done = run(replace(experiment, recipe=over, places=places, grow=grow))
    errors = [cell for cell in done.content["cells"] if "error" in cell]
    assert errors == []
    by_run = {(c["run"], c["protocol"]): c for c in done.content["cells"]}
    kmeans = by_run["K-means", "paper"]
    assert len(kmeans["by_fold"]) == 10
    assert sum(kmeans["counts"].values()) == 2 * 35  # 25 negative, augmented to the 35 of ore


@pytest.mark.slow
def test_what_the_data_refuse_is_a_blank_with_its_reason(run):
    experiment = deposits_only("ssgsnet", "SSGSNet")
    refused = replace(experiment.models[0], options={"heads": 3})
    done = run(replace(experiment, models=(refused,)))
    assert not done.sound
    *refusals, layer = done.content["cells"]
    assert all("heads" in json.dumps(cell["error"]) for cell in refusals)
    assert layer["percentile"]["value"] == pytest.approx(done.content["one_layer"]["value"] / 100)


def test_a_survey_that_is_neither_file_nor_preset_is_refused(monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match="neither a file nor a simulated preset"):
        reproducing.reproduce("gk-dcn", tmp_path / "out", survey="nowhere.toml")
    assert not (tmp_path / "out").exists()
