"""Cells of a small experiment: a method's refusal is a result, a full disk is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orecast.errors import InputError, ModelError, RunError
from orecast.papers import cells, maps
from orecast.papers.cells import compute, read_reproduced, train_whole
from orecast.papers.experiments import read_experiment
from orecast.papers.plan import ReproducedCell, Reproduction
from orecast.papers.study import Study, prepare_study
from orecast.run import Run
from orecast.validation import prediction_path

CELL = ReproducedCell("one-layer", "spatial", 0)


@pytest.fixture(scope="module")
def prepared(district, tmp_path_factory):
    """A plan whose survey and evidence are written, its folder and its key."""
    experiment = read_experiment("ssgsnet")
    recipe = {k: dict(v) for k, v in experiment.recipe.items()}
    recipe["evidence"].pop("layers", None)
    caps = replace(experiment.caps["smoke"], cell_size=500.0, epochs=1, folds=2, window=9)
    experiment = replace(
        experiment, recipe=recipe, models=experiment.models[:1], caps={"smoke": caps}
    )
    plan = Reproduction.of(experiment, "smoke", survey=str(district))
    folder = tmp_path_factory.mktemp("prepared")
    prepare_study(plan, folder)
    (folder / "cells").mkdir()
    return plan, folder, "key"


@pytest.fixture
def small(prepared, monkeypatch):
    """The same, no cell of it computed, and nothing of it read."""
    plan, folder, key = prepared
    monkeypatch.setattr(cells, "_studies", {})
    for path in [*(folder / "cells").iterdir(), *folder.rglob("fold-*.npz")]:
        path.unlink()
    assert CELL in plan.cells
    return plan, folder, key


def test_a_full_disk_is_no_result_of_a_cell(small, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(RunError, match="No space left"):
            compute(*small, CELL)
    assert read_reproduced(small[1], CELL) is None
    compute(*small, CELL)
    assert "error" not in read_reproduced(small[1], CELL)


def test_a_killed_cell_records_the_same_training(small):
    """That of the first fold, which the process that goes on does not train."""
    plan, folder, key = small
    caps = replace(plan.caps, width=4)
    models = tuple(e for e in read_experiment("ssgsnet").models if e.stem == "resnet")
    experiment = replace(plan.experiment, models=models, caps={"smoke": caps})
    small = replace(plan, experiment=experiment), folder, key
    cell = ReproducedCell("resnet", "spatial", 0)
    compute(*small, cell)
    undisturbed = read_reproduced(folder, cell)
    (folder / "cells" / cell.file).unlink()
    scratch = Run(folder, key).scratch(Path(cell.file).stem)
    for path in scratch.iterdir():  # as before the second fold was trained
        if path not in (prediction_path(scratch, 0), scratch / "history.json"):
            path.unlink()
    compute(*small, cell)
    assert len(undisturbed["history"]) == 1
    assert read_reproduced(folder, cell)["history"] == undisturbed["history"]


def test_a_refusal_is_a_result_of_a_cell(small, monkeypatch):
    def refuse(*_, **__):
        raise ModelError("is constant", where="layer La", remedy="leave it out")

    monkeypatch.setattr(cells, "cross_predict", refuse)
    compute(*small, CELL)
    error = {"what": "is constant", "where": "layer La", "remedy": "leave it out"}
    assert read_reproduced(small[1], CELL)["error"] == error


def test_a_survey_that_cannot_be_read_is_no_result_of_a_cell(small, monkeypatch):
    def gone(*_):
        raise InputError("no such file", where="samples.csv")

    monkeypatch.setattr("orecast.papers.study.read_survey", gone)
    for work in (lambda: compute(*small, CELL), lambda: train_whole(*small, CELL.entry)):
        with pytest.raises(InputError, match="no such file"):
            work()
    assert read_reproduced(small[1], CELL) is None


@pytest.mark.parametrize("kind", [RunError, OSError])
def test_a_full_disk_ends_the_training_for_the_maps(small, monkeypatch, kind):
    def full(*_):
        raise kind("cannot write a checkpoint")

    monkeypatch.setattr(Study, "fitted", full)
    with pytest.raises(kind, match="checkpoint"):
        train_whole(*small, CELL.entry)


def test_a_refusal_of_the_training_is_left_to_the_maps(small, monkeypatch):
    asked = []

    def refuse(_, entry):
        asked.append(entry.stem)
        raise ModelError("is constant")

    monkeypatch.setattr(Study, "fitted", refuse)
    train_whole(*small, CELL.entry)
    assert asked == [CELL.entry]


@pytest.mark.parametrize(
    ("module", "name", "draw"),
    [
        (maps, "_mapped", lambda study, folder: maps.make_maps(study, folder)),
        (maps, "_weigh_layers", lambda study, folder: maps.explain(study, folder)),
        (maps, "_draw_guided", lambda study, folder: maps.explain(study, folder)),
        (cells, "_grown", lambda study, _: cells.examine_generators(study)),
        (cells, "_weights", lambda study, _: cells.count_weights(study.plan, ["Au"])),
    ],
)
def test_at_the_end_too_a_full_disk_is_no_refusal(small, monkeypatch, tmp_path, module, name, draw):
    raised = []

    def fails(*_):
        raise raised[-1]

    plan, folder, key = small
    entry = replace(plan.entries[0], grow=({"method": "vae", "n": 1},))
    experiment = replace(plan.experiment, models=(entry,))
    study = Study(replace(plan, experiment=experiment), Run(folder, key))
    monkeypatch.setattr(Study, "fitted", lambda *_: None)
    monkeypatch.setattr(maps, "_weighed", lambda _: entry)
    monkeypatch.setattr(maps, "_guided", lambda _: entry)
    for other in ("_weigh_layers", "_draw_guided"):
        monkeypatch.setattr(maps, other, lambda *_: None)
    monkeypatch.setattr(module, name, fails)
    raised.append(ModelError("is constant"))
    draw(study, tmp_path)
    raised.append(RunError("cannot write (No space left on device)"))
    with pytest.raises(RunError, match="No space left"):
        draw(study, tmp_path)
