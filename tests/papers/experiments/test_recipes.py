"""What is run beside the papers: recipes that parse, models that exist, numbers that add up."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any

import pytest

import orecast.papers.experiments
from orecast.config import Config, most_shift
from orecast.registry import entries
from orecast.simulation import load_preset, presets
from orecast.training.generators import build_step

FOLDER = Path(orecast.papers.experiments.__file__).parent
SYSTEMS = ("gk-dcn", "ssgsnet", "mfaf", "resgcn", "resnet50")
CAPS = {"seeds", "epochs", "folds", "samples", "width", "window", "cell_size"}


def read(system: str, name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / system / name).read_text(encoding="utf-8"))


PAPER = {system: read(system, "paper.toml") for system in SYSTEMS}
EXPERIMENT = {system: read(system, "experiment.toml") for system in SYSTEMS}
TABLES = {(s, t["id"]): t for s in SYSTEMS for t in PAPER[s]["table"]}
each_system = pytest.mark.parametrize("system", SYSTEMS)


@each_system
def test_a_recipe_is_configuration(system: str) -> None:
    recipe = {k: dict(v) for k, v in EXPERIMENT[system]["recipe"].items()}
    if "faults" in recipe:
        recipe["faults"]["path"] = "faults.gpkg"
    if "geology" in recipe:
        recipe["geology"] |= {"path": "geology.gpkg", "column": "unit"}
    config = Config.model_validate(recipe)
    assert config.validation.options["definition"] == system
    for model in EXPERIMENT[system]["model"]:
        for table in ("training", "evidence"):
            Config.model_validate({table: recipe.get(table, {}) | model.get(table, {})})


@each_system
def test_a_survey_has_the_layers_that_are_asked_for(system: str) -> None:
    survey = EXPERIMENT[system]["survey"]
    if survey.endswith(".toml"):
        assert (FOLDER.parents[3] / survey).is_file()
        return
    assert survey in presets()
    symbols = set(load_preset(survey).symbols)
    layers = EXPERIMENT[system]["recipe"]["evidence"].get("layers", [])
    assert set(layers) - {"fault_rings", "fault_distance", "geology"} <= symbols
    assert set(EXPERIMENT[system]["recipe"]["composition"].get("parts", [])) <= symbols


@each_system
def test_models_are_in_the_papers_tables(system: str) -> None:
    models = EXPERIMENT[system]["model"]
    for model in models:
        assert model["tables"]
        for table in model["tables"]:
            known = TABLES[system, table]
            if known["kind"] in ("scores", "confusion") and "Not in the paper" not in model.get(
                "note", ""
            ):
                assert model["name"] in [r["name"] for r in known["row"]]
            if "column" in model:
                assert model["column"] in [c["name"] for c in known["columns"]]
        if "same_as" in model:
            (shared,) = [m for m in models if m["name"] == model["same_as"]]
            assert shared["model"] == model["model"]
    for table in PAPER[system]["table"]:
        if table["kind"] in ("scores", "confusion"):
            run = {m["name"] for m in models if table["id"] in m["tables"]}
            assert {r["name"] for r in table["row"]} <= run


def test_gk_dcn_recipe() -> None:
    training = EXPERIMENT["gk-dcn"]["recipe"]["training"]
    assert (training["optimiser"], training["rate"]) == ("adam", 1e-4)
    assert (training["batch"], training["epochs"]) == (64, 80)
    assert EXPERIMENT["gk-dcn"]["recipe"]["sampling"]["window"] == 9
    assert [m["model"] for m in EXPERIMENT["gk-dcn"]["model"]] == ["cnn", "gk-cnn", "dcn", "gk-dcn"]
    alone, touching = 8, 2  # deposits; slid by one cell, the pair shares six of its 18 windows
    assert EXPERIMENT["gk-dcn"]["places"]["ore"] == alone + touching
    assert alone * 9 + 12 == (136 + 32) / 2


def test_ssgsnet_recipe() -> None:
    run = EXPERIMENT["ssgsnet"]
    training = run["recipe"]["training"]
    assert (training["optimiser"], training["schedule"]) == ("adam", "cosine")
    assert (training["rate"], training["final_rate"]) == (1e-5, 1e-6)
    assert (training["batch"], training["epochs"], training["momentum"]) == (32, 50, 0.9)
    assert len(run["recipe"]["evidence"]["layers"]) == 15
    assert run["recipe"]["faults"]["rings"] == [500, 1000, 1500, 2000, 2500, 3000]
    slide, turns, noise = run["grow"]
    shift, step = slide["options"]["shift"], slide["options"]["step"]
    shifts = len(range(-shift, shift + 1, step)) ** 2
    assert (shifts, turns["times"], noise["share"]) == (64, 4, 0.5)
    assert run["places"]["ore"] * shifts * turns["times"] == 2816


def test_mfaf_recipe() -> None:
    run = EXPERIMENT["mfaf"]
    training = run["recipe"]["training"]
    assert (training["optimiser"], training["momentum"], training["decay"]) == ("sgd", 0.2, 1e-4)
    assert (training["rate"], training["step_factor"], training["step_epochs"]) == (0.02, 0.6, 30)
    assert (training["batch"], training["epochs"]) == (32, 220)
    smote, noise = run["grow"]
    assert run["places"]["ore"] == 56 + 14
    assert run["places"]["barren"] == 286 + 72
    assert run["places"]["ore"] * smote["times"] == 224 + 56
    assert run["places"]["barren"] + noise["n"] == 300 + 74
    across = (1560 - 128) // run["places"]["step"] + 1
    assert across**2 == 441 >= 428
    extent = load_preset("jinshan").extent
    assert round(extent.width / run["recipe"]["evidence"]["cell_size"]) == 1560
    betas = {
        m["options"].get("distillation")
        for m in run["model"]
        if "beta" in m["tables"][:1] and m["model"] == "mfaf"
    }
    assert betas == {0.0, 0.1, 0.4, 0.6, 0.7, 0.8}
    widest = [
        max(m["options"].get("dilations", [24])) for m in run["model"] if m["model"] == "mfaf"
    ]
    for cap in ("smoke", "hour"):
        assert run[cap]["window"] >= 2 * max(widest) + 1


def test_resgcn_recipe() -> None:
    run = EXPERIMENT["resgcn"]
    training = run["recipe"]["training"]
    assert (training["optimiser"], training["rate"]) == ("adam", 1e-3)
    assert run["recipe"]["composition"]["transform"] == "clr"
    assert run["recipe"]["validation"]["folds"] == 10
    assert len(run["recipe"]["composition"]["parts"]) == 16
    assert run["places"]["ore"] + run["places"]["barren"] == 7236
    alphas = [m["options"]["alpha"] for m in run["model"] if m["tables"] == ["alpha"]]
    assert sorted(set(alphas)) == [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    grown = [m["grow"][0]["method"] for m in run["model"] if m["tables"] == ["confusion"]]
    assert grown == ["noise", "smote", "vae", "gan"]


def test_resnet50_recipe() -> None:
    run = EXPERIMENT["resnet50"]
    training = run["recipe"]["training"]
    assert (training["optimiser"], training["momentum"], training["decay"]) == ("sgd", 0.1, 1e-4)
    assert (training["rate"], training["step_factor"], training["step_epochs"]) == (0.01, 0.5, 30)
    assert (training["batch"], training["epochs"]) == (32, 120)
    assert run["recipe"]["validation"]["options"]["tiles"] == [12, 12]
    extent, cell = load_preset("pangxidong").extent, run["recipe"]["evidence"]["cell_size"]
    assert extent.width * extent.height / cell**2 == pytest.approx(3072**2, rel=0.001)
    window, trim = run["recipe"]["sampling"]["window"], training["trim"]
    assert (window, window + 2 * trim, training["flips"]) == (224, 256, "alone")
    slide = run["grow"][0]
    assert slide["options"]["shift"] == most_shift(window) < most_shift(window + 2 * trim)
    assert slide["to"] == run["places"]["ore"] == 212
    assert run["recipe"]["sampling"]["ratio"] * 212 == pytest.approx(225, abs=0.01)


@each_system
def test_growth_is_known(system: str) -> None:
    run = EXPERIMENT[system]
    for step in [*run["grow"], *(s for m in run["model"] for s in m.get("grow", []))]:
        if step["method"] != "slide":
            build_step(**step)
    window = run["recipe"]["sampling"]["window"]
    assert run["recipe"]["sampling"]["shift"] == 0  # slides are set once, in [[grow]]
    for step in run["grow"]:
        for size in {window, *(run[cap].get("window", window) for cap in ("smoke", "hour"))}:
            shift = step.get("options", {}).get("shift", 0) * size // window
            assert shift <= (size - 1) // 2  # the deposit stays inside


@each_system
def test_caps_and_choices(system: str) -> None:
    run = EXPERIMENT[system]
    for cap in ("smoke", "hour"):
        assert set(run[cap]) <= CAPS
    assert run["smoke"]["seeds"] == 1
    assert run["smoke"]["epochs"] <= run["hour"].get("epochs", run["recipe"]["training"]["epochs"])
    assert run["protocols"][0] == "spatial"
    assert all(c.keys() == {"what", "taken", "why"} and all(c.values()) for c in run["choice"])
    assert len({c["what"] for c in run["choice"]}) == len(run["choice"])


@each_system
def test_models_take_their_options(system: str) -> None:
    registered = {**entries("orecast.models.networks"), **entries("orecast.models.classical")}
    for model in EXPERIMENT[system]["model"]:
        factory = registered[model["model"]].load()
        assert set(model.get("options", {})) <= set(inspect.signature(factory).parameters)
