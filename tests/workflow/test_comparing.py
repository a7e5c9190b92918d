"""Two models, two protocols, two seeds on a small district; what is summed up, by hand."""

import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from orecast.config import read
from orecast.errors import CapacityError, ConfigError, ModelError, RunError
from orecast.metrics import bootstrap_mean, paired_difference
from orecast.workflow.compare import cells as comparison_cells
from orecast.workflow.compare.cells import CELLS, compute, read_cell
from orecast.workflow.compare.comparing import Compared, named, run_comparison
from orecast.workflow.compare.plan import Cell, Choice, Plan, parse_choices
from orecast.workflow.compare.summary import summarise
from orecast.workflow.run.running import run_survey

SMALL = (
    "evidence.cell_size=1000",
    "evidence.radius=1500",
    "sampling.window=3",
    "validation.folds=3",
)
MODELS = "random-forest:trees=10,logistic-regression"


def plan_of(district, models=MODELS, **changes):
    asked = {"protocols": parse_choices("paper", "--protocols"), "seeds": 2, "baselines": False}
    models = parse_choices(models, "--models")
    return Plan((district,), models, settings=SMALL, **(asked | changes))


def untimed(content):
    """All that a comparison says but how long it took."""
    if isinstance(content, dict):
        return {k: untimed(v) for k, v in content.items() if k != "seconds"}
    return [untimed(v) for v in content] if isinstance(content, list) else content


@pytest.fixture(scope="session")
def compared(district, once):
    """The whole comparison, by two processes."""

    def make(folder):
        found = run_comparison(plan_of(district), folder / "comparison", jobs=2)
        told = {"computed": found.computed, "sound": found.sound}
        (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")

    folder = once("compared", make)
    content, told = (
        json.loads((folder / name).read_text(encoding="utf-8"))
        for name in ("comparison/comparison.json", "told.json")
    )
    return Compared(folder / "comparison", content, **told)


def test_every_cell_is_computed_and_spatial_comes_first(compared):
    cells = compared.content["cells"]
    assert compared.sound
    assert compared.computed == len(cells) == 8
    assert [c["protocol"] for c in cells] == ["spatial"] * 4 + ["paper"] * 4
    assert all("row" in c for c in cells)
    assert all(c["caveats"] == [] for c in cells)
    assert [c["seed"] for c in cells] == [0, 1] * 4
    assert {p.name for p in compared.folder.iterdir()} == {
        *("cells", "figures", compared.content["surveys"][0]["name"]),
        *("comparison.json", "comparison.csv", "comparison.md", "comparison.html", ".orecast"),
    }


@pytest.mark.usefixtures("blank_figures")
def test_a_cell_has_the_scores_of_a_run_of_that_model(compared, district, tmp_path):
    run = f"output='{(tmp_path / 'run').as_posix()}'"
    settings = [run, *SMALL, "model={name='logistic-regression'}", "validation.baselines=false"]
    (row,) = run_survey(read(district, settings)).metrics["scores"]
    cells = compared.content["cells"]
    (cell,) = (
        c
        for c in cells
        if (c["model"], c["protocol"], c["seed"]) == ("logistic-regression", "spatial", 0)
    )
    assert cell["row"]["places"] == pytest.approx(row["places"], abs=1e-3)
    for score in ("percentile", "auc", "average_precision", "brier_skill"):
        assert cell["row"][score] == pytest.approx(row[score], abs=2e-3)


def test_a_window_larger_than_the_grid_is_refused_before_any_cell(district, tmp_path):
    plan = Plan(
        (district,), (Choice("logistic-regression"),), settings=(*SMALL, "sampling.window=99")
    )
    with pytest.raises(ConfigError, match="larger than the grid"):
        run_comparison(plan, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_resumed_comparison_computes_only_what_is_missing(compared, district, tmp_path):
    folder = shutil.copytree(compared.folder, tmp_path / "comparison")
    before = {p: p.stat().st_mtime_ns for p in (folder / "cells").iterdir()}
    pages = {n: (folder / f"comparison.{n}").read_bytes() for n in ("html", "md", "csv")}
    again = run_comparison(plan_of(district), folder, resume=True)
    assert again.computed == 0
    assert {p: p.stat().st_mtime_ns for p in (folder / "cells").iterdir()} == before
    assert again.content == compared.content
    for name, page in pages.items():
        assert (folder / f"comparison.{name}").read_bytes() == page


def test_a_comparison_is_not_replaced_or_mixed_unasked(compared, district, tmp_path):
    with pytest.raises(RunError, match="--resume"):
        run_comparison(plan_of(district), compared.folder)
    other = Plan((district,), (Choice("logistic-regression"),), settings=SMALL[:3])
    with pytest.raises(RunError, match="--overwrite"):
        run_comparison(other, compared.folder, resume=True)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="no run"):
        run_comparison(plan_of(district), tmp_path, overwrite=True)


@pytest.mark.slow
def test_a_killed_half_leaves_whole_cells_and_one_process_ends_as_two(compared, district, tmp_path):
    folder = tmp_path / "comparison"
    words = ["compare", district, "--models", MODELS, "--protocols", "paper", "--seeds", "2"]
    words += [w for setting in SMALL for w in ("--set", setting)]
    words += ["--no-baselines", "--jobs", "1", "--output", folder]
    begun = subprocess.Popen(
        [sys.executable, "-m", "orecast", *map(str, words)], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not list(folder.glob("cells/*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    begun.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    begun.wait()
    time.sleep(0.5)  # for the worker to see that it is alone
    left = list((folder / "cells").glob("*.json"))
    assert 0 < len(left) < 8
    assert all("row" in json.loads(path.read_text(encoding="utf-8")) for path in left)
    (folder / "cells" / "half.json.part").write_text("{")
    done = run_comparison(plan_of(district), folder, jobs=1, resume=True)
    assert done.computed == 8 - len(left)
    assert not list((folder / "cells").glob("*.part"))
    assert untimed(done.content) == untimed(compared.content)


@pytest.mark.usefixtures("in_this_process")
def test_a_failed_cell_is_a_result_with_its_reason(compared, district, tmp_path):
    folder = tmp_path / "comparison"
    shutil.copytree(compared.folder, folder)
    plan = plan_of(district, f"{MODELS},knn:neighbours=1000")
    found = run_comparison(plan, folder, jobs=1, resume=True)
    assert found.computed == 4
    assert not found.sound
    cell = found.content["cells"][4]
    assert "fewer than 1000 neighbours" in cell["error"]["what"]
    for name in ("html", "md", "csv"):
        page = (folder / f"comparison.{name}").read_text(encoding="utf-8")
        assert "fewer than 1000 neighbours" in page
    assert run_comparison(plan, folder, resume=True).computed == 0  # a refusal stands as well


def test_a_layer_that_no_survey_has_is_refused_first(district, tmp_path):
    plan = plan_of(district, f"{MODELS},single-layer:layer=Unobtainium")
    with pytest.raises(ConfigError, match="Unobtainium, option layer: no layer"):
        run_comparison(plan, tmp_path / "comparison", jobs=1)
    assert not (tmp_path / "comparison").exists()


@pytest.mark.parametrize("kind", [RunError, CapacityError, OSError, MemoryError])
def test_what_the_machine_refuses_is_no_result_of_a_cell(
    compared, district, tmp_path, monkeypatch, kind
):
    folder = tmp_path / "comparison"
    shutil.copytree(compared.folder, folder)
    survey = compared.content["surveys"][0]["name"]
    cell = plan_of(district).cells(survey, read(district), [])[0]
    before = read_cell(folder, cell)
    (folder / CELLS / cell.file).unlink()

    def full(*_, **__):
        raise kind("cannot write (No space left on device)")

    with monkeypatch.context() as patch:
        patch.setattr(comparison_cells, "cross_predict", full)
        with pytest.raises(kind, match="No space left"):
            compute(folder, "key", cell)
    assert read_cell(folder, cell) is None
    compute(folder, "key", cell)
    assert untimed(read_cell(folder, cell)) == untimed(before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": "random-forrest"}, "did you mean random-forest"),
        ({"models": "autto"}, "did you mean auto"),
        ({"models": "random-forest:tree=20"}, "did you mean trees"),
        (
            {"models": "singularity"},
            r"^sampling\.window, for model singularity: .*at least 5.* set",
        ),
        ({"protocols": "leave-deposit-in"}, "did you mean leave-deposit-out"),
        ({"protocols": "paper:definition=gk-dnc"}, "did you mean gk-dcn"),
        (
            {"protocols": "spatial:folds=3"},
            "^protocol spatial:folds=3: spatial has no option 'folds'.* leave its options out$",
        ),
        ({"protocols": "blocks:block=-1"}, "^protocol blocks:block=-1, option block: "),
        ({"reference": "random-forrest"}, "did you mean random-forest"),
        ({"seeds": 0}, "1 or more"),
    ],
)
def test_names_and_options_are_judged_before_anything_is_read(
    tmp_path, district, monkeypatch, changes, message
):
    monkeypatch.setattr("orecast.workflow.compare.comparing.read_survey", None)
    models = changes.pop("models", "random-forest")
    if "protocols" in changes:
        changes["protocols"] = parse_choices(changes["protocols"], "--protocols")
    plan = plan_of(district, models, **changes)
    with pytest.raises((ConfigError, ModelError), match=message):
        run_comparison(plan, tmp_path / "comparison")
    assert not (tmp_path / "comparison").exists()


def test_options_are_toml_or_bare_words_behind_a_colon():
    text = 'a, b:x=1,y=[1,2],z="p,q",deep=true ,c:name=gk-dcn,a'
    assert parse_choices(text, "--models") == (
        Choice("a"),
        Choice("b", {"x": 1, "y": [1, 2], "z": "p,q", "deep": True}),
        Choice("c", {"name": "gk-dcn"}),
    )
    for broken in ("x=1", "a,x=1", "a:x", "a:x=", "a:x=1,x=2", "", " , "):
        with pytest.raises(ConfigError, match="Remedy"):
            parse_choices(broken, "--models")
    for value in ("9" * 5000, "0x" + "f" * 5000, "[" * 3000 + "]" * 3000, "[" * 99 + "]" * 99):
        with pytest.raises(ConfigError, match=r"^--models: "):
            parse_choices(f"random-forest:trees={value}", "--models")
    (dated,) = parse_choices("random-forest:trees=2020-01-01", "--models")
    assert dated.label == 'random-forest:trees="2020-01-01"'


def test_the_command_line_makes_the_same_plan(district):
    plan = plan_of(district, 'ensemble:members=["random-forest"],seeds=2', reference="ensemble")
    words = shlex.split(plan.command())
    given = list(itertools.pairwise(words))
    assert parse_choices(dict(given)["--models"], "--models") == plan.models
    assert dict(given)["--protocols"] == "spatial,paper"
    assert [word for key, word in given if key == "--set"] == list(SMALL)


def test_cells_have_files_of_their_own_on_every_file_system():
    names = ["layer Co", "layer CO", "layer Au/Al", "layer Au Al", "layer Au:Al"]
    files = [Cell("s", Choice(n), Choice("spatial"), 0, "baseline").file for n in names]
    assert len({f.lower() for f in files}) == len(names)
    assert not any(set(f) & set('/\\:*?"<>| ') for f in files)


def test_surveys_are_named_by_their_files_or_folders(tmp_path):
    paths = (tmp_path / "a" / "run.toml", tmp_path / "b.toml", tmp_path / "cells" / "run.toml")
    assert list(named(paths)) == ["a", "b", "cells-survey"]


def test_a_run_that_is_named_twice_is_refused(district, tmp_path, monkeypatch):
    monkeypatch.setattr("orecast.workflow.compare.comparing.read_survey", None)
    again = district.parent / "." / ".." / district.parent.name / "run.toml"
    with pytest.raises(ConfigError, match=r"run\.toml: the run is named twice"):
        run_comparison(Plan((district, again), settings=SMALL), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def bare(district, tmp_path):
    """The same district without its faults and rocks; the path of its run.toml."""
    table = district.read_text(encoding="utf-8")
    start, end = table.index("[faults]"), table.index("[model]")
    folder = shutil.copytree(district.parent, tmp_path / "district")
    (folder / "bare.toml").write_text(table[:start] + table[end:], encoding="utf-8")
    return folder / "bare.toml"


def test_what_no_survey_can_give_a_model_is_refused_before_any_cell(
    district, bare, tmp_path, monkeypatch
):
    monkeypatch.setattr("orecast.workflow.compare.comparing.work_off", None)
    for run, model, words in (
        (
            district,
            "resgcn",
            "layers, for model resgcn: .*reads only elements; these layers are not: f",
        ),
        (bare, "gk-dcn", r"model\.weight, for model gk-dcn: .*needs faults.* add \[faults\]"),
        (bare, "fault-distance", "for model fault-distance: .*needs layers of the kind fault"),
        (bare, "ensemble:members=['svm','gk-dcn']", "model.weight, for model ensemble"),
    ):
        with pytest.raises((ConfigError, ModelError), match=words):
            run_comparison(plan_of(run, f"logistic-regression,{model}"), tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("in_this_process")
def test_what_one_survey_cannot_give_is_warned_of_first_and_is_a_result(district, bare, tmp_path):
    plan = replace(
        plan_of(district, "fault-distance", protocols=(), seeds=1), runs=(district, bare)
    )
    warned, begun = [], []
    found = run_comparison(
        plan,
        tmp_path / "out",
        jobs=1,
        progress=lambda what, done, total: begun.append(what),
        warn=lambda words: warned.append((words, "Comparing" in begun)),
    )
    ((words, late),) = warned
    assert words.startswith("fault-distance will have no scores on bare: ")
    assert not late
    assert ["row" in cell for cell in found.content["cells"]] == [True, False]
    again = replace(plan, models=parse_choices("fault-distance,gk-dcn:width=4", "--models"))
    kept = run_comparison(again, tmp_path / "out", jobs=1, resume=True, warn=warned.append)
    assert [words[:6] for words in warned[1:]] == ["gk-dcn"]
    assert kept.computed == 2


def test_a_refused_model_changes_nothing_of_a_resumed_comparison(compared, district, tmp_path):
    folder = tmp_path / "comparison"
    shutil.copytree(compared.folder, folder)
    with pytest.raises(ModelError, match="for model resgcn"):
        run_comparison(plan_of(district, f"{MODELS},resgcn"), folder, resume=True)
    assert run_comparison(plan_of(district), folder, resume=True).computed == 0


def test_models_default_to_the_runs_own_and_what_learns_from_deposits(district):
    config = read(district, list(SMALL))
    plan = Plan((district,))
    labels = [model.label for model in plan.models_of(config)]
    assert labels[0] == config.model.name == plan.reference_of(config)
    assert {"random-forest", "logistic-regression", "weights-of-evidence"} <= set(labels)
    assert not {"mahalanobis", "best-layer", "deposit-distance"} & set(labels)
    cells = plan.cells("s", config, ["best-layer", "random-forest", "random", "layer Au"])
    baselines = [(c.model.label, c.seed) for c in cells if c.role == "baseline"]
    s = config.seed
    assert baselines == [(n, s + k) for n in ("best-layer", "random") for k in range(3)] + [
        ("layer Au", s)
    ]


def test_what_learns_from_deposits_has_no_place_under_negative_draws(district):
    config = read(district, list(SMALL))
    protocols = parse_choices("negative-draws", "--protocols")
    plan = Plan((district,), parse_choices("random-forest,mahalanobis", ""), protocols, seeds=1)
    pairs = [(c.model.name, c.protocol.name) for c in plan.cells("s", config, [])]
    assert ("mahalanobis", "negative-draws") in pairs
    assert ("random-forest", "negative-draws") not in pairs


GROUPS = [0, 0, 1, 2, 3]


def cell(model, places, *, seed=0, role="model", protocol="spatial", seconds=1.0):
    row = {
        "auc": {"value": float(np.mean(places))},
        "places": list(places),
        "top_area": {"0.05": {"value": float(np.mean(np.array(places) >= 0.95))}},
        "average_precision": {"value": 0.01 * (1 + seed)},
        "brier_skill": None,
        "extra": {},
    }
    told = {"survey": "s", "model": model, "role": role, "protocol": protocol, "seed": seed}
    return told | {"seconds": seconds, "sentence": "five folds", "row": row}


def facts():
    return {"groups": GROUPS, "layer_null": None}


def test_each_place_is_averaged_over_seeds_before_intervals_and_tests():
    a0, a1 = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([0.7, 0.8, 0.9, 0.6, 0.9])
    b = np.array([0.5, 0.5, 0.6, 0.2, 0.7])
    cells = [
        cell("b", b),
        cell("a", a0, seconds=1.0),
        cell("a", a1, seed=1, seconds=3.0),
        cell("best-layer", b / 2, role="baseline"),
    ]
    found = summarise(facts(), cells, reference="b", seed=7)
    first, second, third = found["scores"]
    assert [r["name"] for r in found["scores"]] == ["a", "b", "best-layer"]
    mean = (a0 + a1) / 2
    assert first["places"] == pytest.approx(mean)
    assert first["percentile"] == bootstrap_mean(mean, seed=7, groups=GROUPS).as_dict()
    assert first["seeds_sd"] == pytest.approx(abs(a0.mean() - a1.mean()) / np.sqrt(2))
    assert first["average_precision"] == pytest.approx(0.015)
    assert first["seconds"] == 2.0
    assert first["paired"]["b"] == paired_difference(mean, b, seed=7, groups=GROUPS).as_dict()
    assert set(first["paired"]) == {"b", "best-layer"}
    assert set(second["paired"]) == {"best-layer"}
    assert set(third["paired"]) == {"b"}
    assert np.isnan(second["seeds_sd"])


def test_an_unknown_auc_does_not_hide_the_gap_of_another_model():
    cells = [
        cell(name, np.linspace(0.5, 0.7, 5), protocol=p)
        for name in "ab"
        for p in ("paper", "spatial")
    ]
    for c, auc in zip(cells, (np.nan, 0.6, 0.9, 0.6), strict=True):
        c["row"]["auc"]["value"] = auc
    sentences = summarise(facts(), cells, reference="a", seed=0)["sentences"]
    (gap,) = (s for s in sentences if "AUC" in s)
    assert gap.startswith("B has AUC 0.90 under the published protocol")


def test_few_places_leaky_scores_and_lucky_layers_are_reported():
    leaky = cell("a", [0.5], protocol="paper")
    leaky["row"] = {"auc": {"value": 0.99}, "extra": {"accuracy": 0.97}}
    cells = [
        cell("a", [0.5, 0.5, 0.6, 0.7, 0.6]),
        cell("layer Au", [0.9, 0.8, 0.9, 0.8, 0.9], role="baseline"),
        cell("random", [1, 1, 1, 1, 1], role="baseline"),
        leaky,
    ]
    null = {"layer": "Au", "layers": 9, "value": 0.8, "mean": 0.7, "p": 0.2}
    sentences = summarise(facts() | {"layer_null": null}, cells, reference="a", seed=0)["sentences"]
    assert sentences[0].startswith("4 separate places are too few to rank")
    assert "a held-out deposit scores on average higher than 58 %" in sentences[1]
    assert sentences[2] == (
        "A has AUC 0.99 under the published protocol (paper) and 0.58 on held-out areas."
    )
    assert "the best of 9 layers has 70 % by chance" in sentences[3]


def test_a_map_that_failed_is_last_with_its_reason():
    broken = {k: v for k, v in cell("a", [0.5] * 5).items() if k not in ("row", "sentence")}
    broken["error"] = {"what": "no such layer", "where": None, "remedy": None}
    half = broken | {"model": "b", "seed": 1}
    found = summarise(facts(), [broken, cell("b", [0.5] * 5), half], reference="a", seed=0)
    first, last = found["scores"]
    assert (first["name"], first["seeds"], first["failed"][0]["seed"]) == ("b", [0], 1)
    assert (last["name"], last["seeds"]) == ("a", [])
    assert "percentile" not in last
    assert last["failed"][0]["what"] == "no such layer"


def test_what_a_model_declares_goes_with_its_scores():
    extra = {"caveats": ["it has seen held-out areas"]}
    cells = [cell("a", [0.6] * 5, seed=k) | extra for k in (0, 1)]
    cells.append(cell("b", [0.4] * 5))
    first, second = summarise(facts(), cells, reference="a", seed=0)["scores"]
    assert first["caveats"] == extra["caveats"]
    assert second["caveats"] == []


def test_where_nothing_could_be_held_out_that_is_reported_first():
    broken = {k: v for k, v in cell("a", [0.5] * 5).items() if k not in ("row", "sentence")}
    broken["error"] = {"what": "no folds can be cut", "where": None, "remedy": None}
    (sentence,) = summarise(facts(), [broken], reference="a", seed=0)["sentences"]
    assert sentence == "No map could be scored on held-out areas; the reasons are listed below."
