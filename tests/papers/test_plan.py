"""What a reproduction runs, capped and in full, and the configuration it makes of a survey's."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from orecast.errors import ConfigError
from orecast.papers.experiments import Caps, read_experiment, systems
from orecast.papers.plan import Reproduction, capped_width, fingerprint, guided


@pytest.fixture(scope="module")
def survey(district):
    """A district's run.toml as a table, and its folder; paths in it are never read."""
    return tomllib.loads(district.read_text(encoding="utf-8")), district.parent


def plan(system, kind="full", **given):
    return Reproduction.of(read_experiment(system), kind, **given)


@pytest.mark.parametrize("system", systems())
@pytest.mark.parametrize("kind", ["smoke", "hour", "full"])
def test_every_entry_has_a_configuration(system, kind, survey):
    asked = plan(system, kind, survey="tianshan" if system == "gk-dcn" else None)
    for entry in asked.entries:
        config = asked.config(*survey, entry, seed=3)
        assert config.seed == 3
        assert config.model.name == entry.model
        assert config.validation.inner_folds == 0
        assert config.evidence.layers is None
    assert asked.config(*survey).validation.protocol == "paper"


@pytest.mark.parametrize("system", systems())
def test_in_full_nothing_is_capped(system, survey):
    asked = plan(system, survey="tianshan" if system == "gk-dcn" else None)
    assert asked.capped == []
    recipe = asked.experiment.recipe
    for entry in asked.entries:
        config = asked.config(*survey, entry)
        assert config.training.epochs == entry.over.get("training", recipe["training"])["epochs"]
        assert config.sampling.window == recipe["sampling"]["window"]
        assert config.model.options == dict(entry.options)


def test_a_cell_is_an_entry_a_protocol_and_a_seed():
    asked = plan("ssgsnet", "full", seeds=2)
    assert len(asked.entries) == 5  # the sixth shares SSGSNet's
    assert len(asked.cells) == (5 * 2 + 1) * 2
    assert len({cell.file.lower() for cell in asked.cells}) == len(asked.cells)
    assert asked.cells[0].file == "resnet--paper--0.json"


def test_tables_choose_entries_and_are_alone_shown():
    asked = plan("resgcn", tables=("confusion",))
    assert [entry.name for entry in asked.entries] == ["ResGCN", "Random noise", "SMOTE", "VAE"]
    assert [table.id for table in asked.shown.paper.tables] == ["confusion"]
    with pytest.raises(ConfigError, match=r"no runs for a table 'confusions'.*confusion"):
        plan("resgcn", tables=("confusions",))


def test_caps_shrink_the_course_of_the_rate_and_the_slides(survey):
    asked = plan("ssgsnet", "smoke")
    config = asked.config(*survey, asked.entries[0])
    slide, turns, _ = config.sampling.grow
    assert (config.sampling.window, slide.options) == (16, {"shift": 7, "step": 2})
    # 64 rows of two classes, four turns of each place: 64 / (2 * 4 * 11) is below one copy
    assert (slide.times, turns.times) == (1.0, 4)
    assert config.model.options == {"width": 8}
    mfaf = plan("mfaf", "hour")
    training = mfaf.config(*survey, mfaf.entries[0]).training
    assert (training.epochs, training.step_epochs) == (14, 2)  # 30 of 220 epochs


@pytest.mark.parametrize(
    ("kind", "window", "trim"), [("full", 224, 16), ("hour", 64, 4), ("smoke", 32, 2)]
)
def test_a_trim_shrinks_with_the_window(survey, kind, window, trim):
    asked = plan("resnet50", kind)
    config = asked.config(*survey, asked.entries[0])
    assert (config.sampling.window, config.training.trim) == (window, trim)
    untrimmed = plan("mfaf", kind)
    assert untrimmed.config(*survey, untrimmed.entries[0]).training.trim == 0


def test_slides_to_a_number_are_capped_with_the_negative_places():
    asked = plan("resnet50", "smoke")
    ours = replace(asked.experiment.caps["smoke"], samples=100)
    asked = replace(asked, experiment=replace(asked.experiment, caps={"smoke": ours}))
    assert asked._growth(asked.entries[0])[0]["to"] == round(212 * 100 / 437)
    assert asked.ratio(36, 1.06) == pytest.approx(round(225 * 100 / 437) / 36)
    assert plan("resnet50").ratio(36, 1.06) == pytest.approx(225 / 36)
    assert plan("ssgsnet").ratio(11, 1.0) == 1.0


def test_tiles_and_samples_keep_enough_ore_for_synthesis():
    asked = plan("mfaf", "smoke")
    assert asked.caps.samples == 80
    assert asked.counts(70, 358) == (35, 45)
    assert asked.counts(20, 30) == (20, 30)
    assert plan("mfaf").counts(70, 358) == (70, 358)


def test_widths_are_capped_where_a_network_has_one():
    assert capped_width("resnet18", 16) == 16
    assert capped_width("mobilenetv2", 64) is None  # its own are fewer
    assert capped_width("mfaf", 8) == 8  # its default is its backbone's own
    assert capped_width("googlenet", 8) is None
    assert capped_width("random-forest", 8) is None
    assert capped_width("resnet18", None) is None


def test_a_cap_on_widths_names_the_networks_that_it_leaves_alone():
    words = "width of a network in channels: at most 8"
    assert plan("mfaf", "smoke").capped[-1] == f"{words} (not changed: GoogLeNet)"
    assert plan("mfaf", "smoke", tables=("beta",)).capped[-1] == words
    assert plan("ssgsnet", "smoke").capped[-1] == words
    assert not any("width" in words for words in plan("gk-dcn", "smoke").capped)
    experiment = read_experiment("resnet50")
    wide = replace(experiment, caps={"smoke": Caps(width=24)})
    words = Reproduction.of(wide, "smoke").capped[-1]
    assert words.endswith("at most 24 (not changed: GoogleNet, ShuffleNet)")


def test_what_is_guided_gets_the_weight_of_a_real_survey():
    assert [guided(name) for name in ("gk-dcn", "gk-cnn", "dcn", "cnn", "svm")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    asked = plan("gk-dcn", survey="run.toml")
    table = {"gridded": {"path": "data/rasters/*.tif"}}
    by_name = {entry.model: entry for entry in asked.entries}
    config = asked.config(table, None, by_name["gk-dcn"])
    assert config.model.weight == "geological weight"
    assert config.layers[0].path.as_posix() == "data/geology_weights.tif"
    assert asked.config(table, None, by_name["dcn"]).model.weight is None


def test_the_fingerprint_is_of_what_cells_depend_on():
    asked = plan("gk-dcn", "smoke")
    assert fingerprint(asked, "a") == fingerprint(replace(asked, seeds=9), "a")
    assert fingerprint(asked, "a") != fingerprint(asked, "b")
    assert fingerprint(asked, "a") != fingerprint(replace(asked, kind="hour"), "a")


def test_an_unknown_system_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown system 'ssgnet'.*ssgsnet"):
        plan("ssgnet")
