import datetime
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orecast.config import Config, Section, parse, path_problem, read, read_toml, to_toml
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
        ("deposits.path = 's'", ["neither [samples] nor [gridded]"]),
        ("samples.path='s'\ngridded.path='*'\ndeposits.path='d'", ["both [samples] and [gridded]"]),
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
            [
                "'sampling.shift'",
                "must be at most 0, or a deposit leaves its window of 2 (found 1)",
            ],
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
        *("[[layers]]", "[[sampling.grow]]", "[samples.positions]"),
        *("[targets.within]", "[targets.not_within]"),
    }
    assert "[barren]" not in to_toml(parse(LEAST, where="t"))


def test_all_mistakes_of_a_configuration_are_in_one_message(tmp_path):
    path = write(
        tmp_path,
        "seed = -1\n[model]\nnme = 'x'\n[geology]\npath = 'g.gpkg'\n[classes]\narea = [0.1, 0.2]\n",
    )
    with pytest.raises(ConfigError) as caught:
        read(path, ["training.batch=many", "faults.path=~nosuchuser/f.gpkg"])
    assert str(caught.value).split("\n") == [
        f"{path}: 7 mistakes:",
        "  'seed': must be at least 0 (found -1)",
        "  'faults.path': there is no home folder ~nosuchuser; for a file with this name, write "
        "./~nosuchuser (found '~nosuchuser/f.gpkg')",
        "  'geology.column' is missing; set geology.column",
        "  unknown key 'model.nme'; did you mean name?",
        "  'training.batch': must be a whole number (found 'many')",
        "  'classes.area': takes 3 values (found [0.1, 0.2])",
        "  there is neither [samples] nor [gridded]; a run needs one; "
        "add one, or make a run.toml with `orecast init`",
    ]


def test_one_mistake_is_one_sentence_and_a_misspelt_survey_is_one_mistake():
    with pytest.raises(ConfigError) as caught:
        parse({"sampels": {"path": "s.csv"}}, where="t")
    assert (
        str(caught.value) == "t: unknown key 'sampels'. Remedy: did you mean samples or sampling?"
    )


def test_of_very_many_mistakes_the_first_are_named_and_the_rest_counted():
    with pytest.raises(ConfigError) as caught:
        parse({"samples": {"path": "s.csv", "missing": [{}] * 1000}}, where="t")
    first, *lines = str(caught.value).split("\n  ")
    assert first == "t: 1000 mistakes:"
    assert lines[0] == "'samples.missing.0': must be a text or a number (found {})"
    assert (len(lines), lines[-1]) == (21, "and 980 more")


ODD = [
    *(
        "x",
        "",
        "9" * 5000,
        "\udcff",
        "1.5",
        "true",
        5,
        -1,
        0,
        1.5,
        True,
        float("inf"),
        float("nan"),
    ),
    *(datetime.date(2020, 1, 1), datetime.time(10), datetime.datetime(2020, 1, 1)),
    *([], [[]], ["x"], ["x"] * 3, [1, "a"], [1, 2, 3, 4], [{}], [True], [float("nan")]),
    *({}, {"x": {}}, {"x": [1, "a"]}, {"x": float("nan")}, {"path": 3}, 2**62, -(2**62)),
]


def places(section, path=()):
    """Where an odd value may stand: a function that puts one there, for each key of the schema."""
    for name, field in section.model_fields.items():

        def put(value, path=(*path, name)):
            for key in reversed(path):
                value = [value] if key == 0 else {key: value}
            return value

        yield put
        inner = {s for s in Section.__subclasses__() if f".{s.__name__}" in str(field.annotation)}
        inner |= {s for s in (field.annotation,) if isinstance(s, type) and issubclass(s, Section)}
        for one in inner:
            listed = (0,) if "list[" in str(field.annotation) else ()
            yield from places(one, (*path, name, *listed))


def test_no_sentence_of_pydantics_reaches_the_user():
    seen = set()
    for put in places(Config):
        for value in ODD:
            table = put(value)
            try:
                Config.model_validate(table)
            except ValidationError as error:
                found = error.errors()
            else:
                continue
            with pytest.raises(ConfigError) as caught:
                parse(table, where="t")
            for one in found:
                seen.add(one["type"])
                assert one["msg"] not in str(caught.value)
            assert "cannot be used" not in str(caught.value), found
            assert "nput" not in str(caught.value)
    assert seen >= {"literal_error", "too_long", "finite_number", "string_unicode", "model_type"}


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=9)
ODD_NAMES = st.text(st.sampled_from("\"'\\${}~#=[]. é😀a/"), min_size=1, max_size=9)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=9)
ODD_TEXTS = st.text(st.sampled_from("\"'\\\n\r\t\0\x1b\x7f\x85${}~#=[].é😀 a"), max_size=9)


@settings(max_examples=50, deadline=None)
@given(NAMES | ODD_NAMES, TEXTS | ODD_TEXTS, st.booleans())
def test_paths_and_texts_of_any_letters_are_written_and_read_back(name, text, comments):
    table = {
        "title": text,
        "samples": {"path": "s.csv", "x": text, "units": {text: text}, "ignore": [text]},
        "deposits": {"path": "d.csv", "where": {text: [text]}},
        "model": {"options": {text: {text: [text]}}},
    }
    config = parse(table, where="t")
    samples = config.samples.model_copy(update={"path": Path("/x", name)})
    config = config.model_copy(update={"samples": samples, "output": Path(name)})
    again = parse(tomllib.loads(to_toml(config, comments=comments)), where="t")
    assert again == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model.options = " + "[" * 3000 + "]" * 3000, "brackets are nested more than 32 deep"),
        (
            "model.options = " + "{a=" * 3000 + "1" + "}" * 3000,
            "brackets are nested more than 32 deep",
        ),
        ("model.options = " + "{a=" * 99 + "1" + "}" * 99, "'model.options.a.a"),
        ("model.options." + ".".join("a" * 2000) + " = 1", "more than 32 tables or lists deep"),
        ("[" + ".".join("a" * 500) + "]\nx = 1", "more than 32 tables or lists deep"),
        ("seed = " + "9" * 5000, "integer has thousands of digits"),
        ("model.options.width = -" + "9" * 5000, "integer has thousands of digits"),
        (
            "model.options.width = 0x" + "f" * 5000,
            "'model.options.width': the integer has more than",
        ),
        ("seed = 18446744073709551616", "'seed': the integer has more than 64 bits"),
        ("evidence.cell_size = 1e999", "'evidence.cell_size': must be a finite number (found inf)"),
        ("seed = 2020-01-01", "'seed': must be a whole number (found 2020-01-01)"),
        ("evidence.power = 10:00:00", "'evidence.power': must be a number (found 10:00:00)"),
        ("title = 'a\0b'", "not valid TOML"),
        ("samples.path = 's.csv'\nsamples.path = 's.csv'", "not valid TOML"),
        ("output = ''", "'output': the path is empty"),
        ('output = "a\\u0000b"', r"'output': the path contains '\x00'"),
        ('output = "a\\nb"', r"'output': the path contains '\n'"),
        ('output = "\\u001b[2J"', r"'output': the path contains '\x1b'"),
        ("output = '~nosuchuser/x'", "'output': there is no home folder ~nosuchuser"),
        (
            "layers = [{path = 'a.tif'}, {path = '~nosuchuser'}]",
            "'layers.1.path': there is no home",
        ),
    ],
)
def test_what_breaks_a_reader_ends_in_one_message(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        read(write(tmp_path, f"{text}\n[samples]\npath = 's.csv'\n"))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "setting",
    [
        "model.options=" + "[" * 3000 + "]" * 3000,
        "model.options=" + "[" * 99 + "]" * 99,
        "seed=" + "9" * 5000,
        "model.options.width=0x" + "f" * 5000,
        ".".join("a" * 3000) + "=1",
        "model.options." + ".".join("a" * 99) + "=1",
        f"layers.{'9' * 5000}.path=x",
        "layers.².path=x",
        "layers.-1.path=x",
        "evidence.cell_size=1e999",
        "seed=2020-01-01",
        r'output="a\u0000b"',
        'output="a\\nb"',
        "output=~nosuchuser/x",
    ],
)
def test_a_setting_that_breaks_a_reader_ends_in_one_message(tmp_path, setting):
    path = write(tmp_path, "[samples]\npath = 's.csv'\n[[layers]]\npath = 'x.tif'\n")
    with pytest.raises(ConfigError) as caught:
        read(path, [setting])
    assert len(str(caught.value)) < 600


def test_a_setting_is_one_value(tmp_path):
    path = write(tmp_path, "[samples]\npath = 's.csv'\n")
    assert read(path, ["title='a'\nseed=3"]).title == "'a'\nseed=3"
    assert read(path, ["title='a'\nseed=3"]).seed == 0


def test_names_that_look_like_variables_or_homes_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write(
        tmp_path, "samples.path='./~x/${HOME}'\ndeposits.path='$${HOME}/d'\noutput='~/r'\n"
    )
    config = read(path)
    assert config.samples.path == tmp_path / "~x" / str(tmp_path / "home").lstrip(os.sep)
    assert config.deposits.path == tmp_path / "${HOME}" / "d"
    assert config.output == tmp_path / "home" / "r"


OUTPUTS = [
    "a😀b",
    'quo"te',
    "it's",
    "back\\slash",
    "${HOME}",
    "$${x}",
    "~x",
    "[b]",
    "# a",
    "a b",
    "é",
]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_folder_and_a_model_are_taken_as_they_are(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    text = "output = 'else'\n[samples]\npath = 's.csv'\n[model]\noptions = {width = 3}\n"
    path = write(tmp_path / "there", text)
    config = read(path, ["title=t"], model=name, output=Path(name))
    assert config.output == tmp_path / name
    assert (config.model.name, config.model.options) == (name, {})
    assert read(path, ["model.options.trees=5"], model="x").model.options == {"trees": 5}
    assert read(path).output == tmp_path / "there" / "else"


def test_a_folder_that_no_file_can_have_is_refused(tmp_path):
    path = write(tmp_path, "[samples]\npath = 's.csv'\n")
    for name in ("a\nb", "a\0b", "\udcff"):
        with pytest.raises(ConfigError, match="'output': the path contains"):
            read(path, output=Path(name))
        with pytest.raises(ConfigError, match="the path contains"):
            read_toml(Path(name))
    assert path_problem("a/b ü😀") is None
    inside = tmp_path / "line\nfeed"
    try:
        inside.mkdir()
    except OSError:
        return  # Windows has no such names
    write(inside, "[samples]\npath = 's.csv'\n")
    with pytest.raises(ConfigError, match="contains"):
        read(inside / "run.toml")
