import tomllib
from pathlib import Path

import pytest

from orecast.config import Config, parse, read, to_toml
from orecast.errors import ConfigError

LEAST = {"samples": {"path": "s.csv"}, "deposits": {"path": "d.csv"}}
FULL = LEAST | {
    "title": "Grube Ähre",
    "faults": {"path": "f.gpkg", "rings": [500, 1000]},
    "geology": {"path": "g.gpkg", "column": "unit"},
    "layers": [{"path": "a.tif"}, {"path": "b.tif", "align": "pixels"}],
    "sampling": {"window": 5, "negatives": "kmeans", "target": "Au"},
    "model": {"name": "random-forest", "options": {"trees": 20}},
}


@pytest.mark.parametrize("table", [LEAST, FULL])
@pytest.mark.parametrize("comments", [False, True])
def test_written_and_read_back_it_is_the_same(table, comments):
    config = parse(table, where="t")
    text = to_toml(config, comments=comments)
    again = parse(tomllib.loads(text), where="t")
    assert again == config
    assert to_toml(again, comments=comments) == text


def test_every_field_is_documented_where_it_stands():
    def undocumented(section, prefix=""):
        for name, field in section.model_fields.items():
            if not field.description:
                yield prefix + name

    from orecast import config

    sections = [getattr(config, n) for n in config.__all__ if n[0].isupper()]
    assert [list(undocumented(s, s.__name__ + ".")) for s in sections] == [[]] * len(sections)


def write(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GEODATA", str(tmp_path / "elsewhere"))
    path = write(
        tmp_path,
        'samples.path = "data/s.csv"\ndeposits.path = "${GEODATA}/d.csv"\n'
        'faults.path = "${NOT_SET_ANYWHERE:-lines}/f.gpkg"\n',
    )
    config = read(path)
    assert config.samples.path == tmp_path / "data/s.csv"
    assert config.deposits.path == tmp_path / "elsewhere/d.csv"
    assert config.faults.path == tmp_path / "lines/f.gpkg"


def test_overrides(tmp_path):
    path = write(tmp_path, 'samples.path = "s.csv"\ndeposits.path = "d.csv"\n')
    config = read(path, ["model.name=resnet34", "sampling.window=5", "faults.path='f.gpkg'"])
    assert config.model.name == "resnet34"
    assert config.sampling.window == 5
    assert config.faults.path == tmp_path / "f.gpkg"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deposits.path = 's'", ["either [samples] or [gridded]"]),
        ("samples.path='s'\ngridded.path='*'\ndeposits.path='d'", ["not both"]),
        ("sampels.path='s'\ndeposits.path='d'", ["unknown key 'sampels'", "did you mean samples"]),
        (
            "samples.path='s'\ndeposits.path='d'\n[sampling]\nwindw=3",
            ["unknown key 'sampling.windw'", "did you mean window"],
        ),
        (
            "samples.path='s'\ndeposits.path='d'\n[[layers]]\npath='x'\nallign='pixels'",
            ["unknown key 'layers.0.allign'", "did you mean align"],
        ),
        (
            "samples.path='s'\ndeposits.path='d'\nsampling.window=0",
            ["'sampling.window'", "found 0"],
        ),
        ("samples.path='s'\ndeposits.path='d'\nseed=-1", ["'seed'", "found -1"]),
        (
            "samples.path='s'\ndeposits.path='d'\ncomposition.transform='clrr'",
            ["'composition.transform'", "'clr', 'ilr'", "found 'clrr'"],
        ),
        (
            "samples.path='s'\ndeposits.path='d'\nclasses.area=[0.1, 0.05, 0.2]",
            ["'classes'", "three rising shares"],
        ),
        (
            "samples.path='s'\ndeposits.path='d'\nclasses.probability=[0.1, 0.5, 0.2]",
            ["'classes'", "three falling scores"],
        ),
        ("samples.path='${NOWHERE_SET}/s'\ndeposits.path='d'", ["NOWHERE_SET is not set"]),
        ("samples.path = x\n", ["not valid TOML", "line 1", "in quotes"]),
        ("samples='s.csv'\ndeposits.path='d'", ["'samples'", "must be a table"]),
        ("samples.path=3\ndeposits.path='d'", ["'samples.path'", "path of a file"]),
        (
            "samples.path='s'\ndeposits.path='d'\nsampling.negatives='kmeans'",
            ["'sampling'", "needs target"],
        ),
        (
            "samples.path='s'\ndeposits.path='d'\ncomposition.transform='alr'",
            ["'composition'", "needs denominator"],
        ),
        (
            "samples.path='s'\ndeposits.path='d'\nsampling={window=2, shift=1}",
            ["'sampling.shift'", "at most 0 keeps a deposit in its window of 2 (found 1)"],
        ),
        (
            "samples.path='s'\ndeposits.path='d'\ntraining.flips='along'",
            ["'training.flips': must be true, false or \"alone\" (found 'along')"],
        ),
        ("samples.path='s'\ndeposits.path='d'\ntraining.trim=-1", ["'training.trim'"]),
        ("samples.path='s'\ndeposits.path='d'\nevidence.radius=inf", ["'evidence.radius'"]),
        ("samples.path='s'\ndeposits.path='d'\nseed=5000000000", ["'seed'"]),
    ],
)
def test_bad_configurations_name_key_and_remedy(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        read(write(tmp_path, text))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "flips"),
    [("true", True), ("false", False), ("no", False), ('"alone"', "alone"), ("alone", "alone")],
)
def test_flips_are_true_false_or_alone(tmp_path, text, flips):
    path = write(tmp_path, 'samples.path = "s.csv"\ndeposits.path = "d.csv"\n')
    config = read(path, [f"training.flips={text}"])
    assert (type(config.training.flips), config.training.flips) == (type(flips), flips)
    assert read(write(tmp_path, to_toml(config, comments=True))) == config


def test_an_override_reaches_into_arrays_of_tables(tmp_path):
    text = "samples.path='s'\ndeposits.path='d'\n[[layers]]\npath='x.tif'\n"
    config = read(write(tmp_path, text), ["layers.0.crs=EPSG:32645"])
    assert config.layers[0].crs == "EPSG:32645"
    with pytest.raises(ConfigError, match="no table '1'"):
        read(write(tmp_path, text), ["layers.1.crs=EPSG:32645"])


def test_a_missing_file_names_the_command_that_writes_one(tmp_path):
    with pytest.raises(ConfigError, match="orecast init"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize("override", ["seed", "=3", "title.x=1"])
def test_bad_overrides(tmp_path, override):
    path = write(tmp_path, 'title = "a"\nsamples.path = "s.csv"\ndeposits.path = "d.csv"\n')
    with pytest.raises(ConfigError):
        read(path, [override])


def test_a_configuration_cannot_be_changed():
    config = parse(LEAST, where="t", folder=Path("/x"))
    assert isinstance(config, Config)
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3


@pytest.mark.parametrize("comments", [False, True])
def test_steps_of_growth_are_written_and_read_back(comments):
    steps = [
        {"method": "slide", "options": {"shift": 14, "step": 4}},
        {"method": "slide", "label": 1, "to": 212},
        {"method": "noise", "share": 0.5},
    ]
    config = parse(LEAST | {"sampling": {"grow": steps}}, where="t")
    slide, more, noise = config.sampling.grow
    assert (slide.options, slide.to, slide.balance) == ({"shift": 14, "step": 4}, None, False)
    assert (more.label, more.to, noise.share) == (1, 212, 0.5)
    assert parse(tomllib.loads(to_toml(config, comments=comments)), where="t") == config
    with pytest.raises(ConfigError, match=r"sampling\.grow.*to"):
        parse(LEAST | {"sampling": {"grow": [{"method": "slide", "to": -1}]}}, where="t")


def test_a_table_that_is_absent_is_named_with_its_keys():
    written = to_toml(parse(LEAST, where="t"), comments=True).splitlines()
    keys = "method, options, label, balance, times, n, to, share"
    assert f"# [[sampling.grow]]  # {keys}" in written
    named = {line.split()[1] for line in written if line.startswith("# [")}
    assert named == {
        *("[area]", "[gridded]", "[barren]", "[held_back]", "[faults]", "[geology]"),
        *("[[layers]]", "[[sampling.grow]]"),
    }
    assert "[barren]" not in to_toml(parse(LEAST, where="t"))
