"""The two files of each system as typed objects."""

from __future__ import annotations

import math
import tomllib
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

import orecast.papers.experiments
from orecast.errors import ConfigError
from orecast.papers.experiments import Caps, PaperEntry, read_experiment, systems

FOLDER = Path(orecast.papers.experiments.__file__).parent
each_system = pytest.mark.parametrize("system", systems())


def test_systems_are_the_five() -> None:
    assert systems() == ("gk-dcn", "mfaf", "resgcn", "resnet50", "ssgsnet")


def test_an_unknown_system_is_offered_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean resnet50"):
        read_experiment("resnet-50")


@each_system
def test_nothing_of_the_files_is_lost(system: str) -> None:
    result = tomllib.loads((FOLDER / system / "experiment.toml").read_text(encoding="utf-8"))
    read = read_experiment(system)
    assert [e.name for e in read.models] == [m["name"] for m in result["model"]]
    for entry, model in zip(read.models, result["model"], strict=True):
        own = {k: v for k, v in model.items() if k not in entry.over}
        assert own == {k: list(v) if isinstance(v := getattr(entry, k), tuple) else v for k in own}
        assert entry.over == {k: v for k, v in model.items() if k not in own}
    assert read.recipe == result["recipe"]
    assert list(read.grow) == result["grow"]
    assert [asdict(c) for c in read.choices] == result["choice"]
    for cap in ("smoke", "hour"):
        given = {k: v for k, v in asdict(read.caps[cap]).items() if v is not None}
        assert given == result[cap]


@each_system
def test_the_paper_is_read_as_printed(system: str) -> None:
    result = tomllib.loads((FOLDER / system / "paper.toml").read_text(encoding="utf-8"))
    paper = read_experiment(system).paper
    assert (paper.title, paper.year, paper.doi) == (result["title"], result["year"], result["doi"])
    for table, printed in zip(paper.tables, result["table"], strict=True):
        assert [r.name for r in table.rows] == [r["name"] for r in printed["row"]]
        for row, raw in zip(table.rows, printed["row"], strict=True):
            assert [math.nan if v is None else v for v in row.values] == pytest.approx(
                raw["values"], nan_ok=True
            )
            assert len(row.values) == len(table.columns)
    assert [f.id for f in paper.figures] == [f["id"] for f in result["figure"]]


@each_system
def test_keys_and_stems_are_unique(system: str) -> None:
    models = read_experiment(system).models
    assert len({e.key for e in models}) == len({e.stem.lower() for e in models}) == len(models)
    assert all(e.stem and not set(e.stem) & set('/\\:*?"<>| ') for e in models)


@each_system
def test_a_shared_run_is_that_of_its_source(system: str) -> None:
    read = read_experiment(system)
    for entry in read.models:
        source = read.source(entry)
        assert source in read.runs
        assert source.model == entry.model
        assert (source == entry) == (entry.same_as is None)
        steps = (e.grow if e.grow is not None else read.grow for e in (entry, source))
        assert len({repr(list(s)) for s in steps}) == 1


@each_system
def test_figures_against_a_table_name_one(system: str) -> None:
    paper = read_experiment(system).paper
    tables = {t.id for t in paper.tables}
    assert {f.against for f in paper.figures} - {None} <= tables


def test_what_only_some_systems_have() -> None:
    gk, ssgs, resnet = (read_experiment(s) for s in ("gk-dcn", "ssgsnet", "resnet50"))
    assert gk.windows
    assert gk.windows.train == ("train_data.npy", "train_labels.npy")
    assert gk.weight
    assert gk.weight.align == "pixels"
    assert gk.paper.figures == ()
    assert (ssgs.windows, ssgs.weight, ssgs.second_area) == (None, None, None)
    assert ssgs.places.unknown == 7490
    assert resnet.places.tested_tiles == (12, 12)
    assert resnet.second_area
    assert resnet.second_area.seed == 1
    assert resnet.paper.map["new"][0] == 9
    assert gk.caps["hour"] == Caps(seeds=3)


def test_layers_without_faults_belong_to_the_last_model_alone() -> None:
    *others, last = read_experiment("ssgsnet").models
    assert last.name == "SSGSNet, geochemistry"
    assert "fault_rings" not in last.over["evidence"]["layers"]
    assert len(last.over["evidence"]["layers"]) == 14
    assert all(not e.over for e in others)


def test_rows_of_two_networks_are_distinguished_by_their_column() -> None:
    rows = read_experiment("resgcn").entries_in("alpha")
    assert len(rows) == 14
    assert rows[0].key == "0.2 (ResGCN)"
    assert rows[0].stem == "0.2-resgcn"


def test_an_entry_stays_as_it_is() -> None:
    with pytest.raises(FrozenInstanceError):
        PaperEntry("a", "b", ()).name = "c"  # type: ignore[misc]
