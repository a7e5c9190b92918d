"""Paths as a user may write them: taken as they are, or refused."""

from pathlib import Path

import pytest

from orecast.errors import RunError
from orecast.workflow import write_checks

ODD = ["a😀b", 'quo"te', "it's", "back\\slash", "${HOME}", "$${x}", "~x", "[b]", "# a", "a b", "é"]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The configurations and folders that the work of commands is asked for, none of it done."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "run.toml"
    file.write_text("[samples]\npath = 's.csv'\n", encoding="utf-8")
    found = []

    def work(*words, **_):
        found.extend(words)
        raise RunError("no work is done here")

    for name in (
        *("workflow.run_survey", "workflow.run_comparison", "workflow.run_prediction"),
        *("workflow.propose_run", "papers.reproduce"),
    ):
        monkeypatch.setattr(f"orecast.{name}", work)
    monkeypatch.setattr("orecast.simulation.simulate", lambda *_: None)
    monkeypatch.setattr(
        "orecast.simulation.write_district", lambda _, folder: found.append(folder) or file
    )
    return found


@pytest.mark.parametrize("name", ODD)
def test_an_output_is_the_folder_that_was_named(orecast, asked, tmp_path, name):
    assert orecast("run", "there/run.toml", "--output", name)[0] == 1
    assert asked.pop().output == tmp_path / name
    assert orecast("demo", "--output", name)[0] == 1
    district, config = asked.pop(0), asked.pop()
    assert (district, config.output) == (
        Path(name, "district"),
        (tmp_path / name / "run").resolve(),
    )
    for words in (
        ("compare", "there/run.toml"),
        ("reproduce", "mfaf"),
        ("predict", "r", "there/run.toml"),
    ):
        assert orecast(*words, "--output", name)[0] == 1
        assert Path(name) in asked
        asked.clear()
    assert orecast("simulate", "--output", name)[0] == 0
    assert asked.pop() == Path(name)


@pytest.mark.parametrize("name", ["a😀b", 'quo"te', "it's", "back\\slash", "x'}\nseed = 5", ""])
def test_a_model_is_the_name_that_was_given(orecast, asked, name):
    assert orecast("run", "there/run.toml", "--model", name)[0] == 1
    (config,) = asked
    assert (config.model.name, config.seed) == (name, 0)


COMMANDS = [
    *(("run", "WORD"), ("run", "there/run.toml", "-o", "WORD")),
    *(("check", "WORD"), ("check", "there/run.toml", "--write", "WORD")),
    *(("init", "WORD"), ("init", "samples.csv", "-o", "WORD")),
    *(("compare", "WORD"), ("compare", "there/run.toml", "-o", "WORD")),
    *(("predict", "WORD", "there/run.toml"), ("predict", "r", "WORD")),
    ("predict", "r", "there/run.toml", "-o", "WORD"),
    *(("audit", "WORD"), ("audit", "r", "--write", "WORD"), ("audit", "--windows", "a", "WORD")),
    ("audit", "--windows", "a", "b", "--labels", "a", "WORD"),
    *(
        ("reproduce", "mfaf", "-o", "WORD"),
        ("simulate", "-o", "WORD"),
        ("demo", "--output", "WORD"),
    ),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", "is empty"),
        ("a\0b", r"contains '\x00'"),
        ("a\nb", r"contains '\n'"),
        ("\x1b[2J", r"contains '\x1b'"),
        ("\udcff", r"contains '\udcff'"),
    ],
)
def test_a_path_that_no_file_can_have_is_wrong_usage(orecast, asked, words, word, message):
    code, said, complained = orecast(*(word if w == "WORD" else w for w in words))
    assert (code, said, asked) == (2, "", [])
    assert message in " ".join(complained.replace("│", " ").split())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_link_to_itself_is_wrong_usage(orecast, asked, words):
    Path("loop").symlink_to("loop")
    code, said, complained = orecast(*("loop" if w == "WORD" else w for w in words))
    assert (code, said, asked) == (2, "", [])
    assert "leads back to itself" in " ".join(complained.replace("│", " ").split())


@pytest.mark.parametrize("survey", ["", "a\0b", "a\nb", "~nosuchuser/run.toml", "\udcff"])
def test_a_survey_that_does_not_exist_ends_in_one_message(orecast, tmp_path, monkeypatch, survey):
    monkeypatch.chdir(tmp_path)
    code, said, complained = orecast("reproduce", "mfaf", "--survey", survey)
    assert (code, said) == (1, "")
    assert complained.startswith("Error ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers = 3", "'layers'"),
        ("model = 'x'", "'model'"),
        ("evidence = 'x'\nsampling = 4", "3 mistakes"),
        ("gridded.pth = 3", "did you mean path?"),
        ("deposits.path = 3", "'deposits.path'"),
    ],
)
@pytest.mark.parametrize("system", ["mfaf", "gk-dcn"])
def test_a_survey_that_is_no_configuration_ends_in_one_message(
    orecast, tmp_path, monkeypatch, system, text, message
):
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(f"{text}\n", encoding="utf-8")
    code, said, complained = orecast("reproduce", system, "--survey", "my.toml")
    assert (code, said) == (1, "")
    assert complained.startswith("Error ")
    assert message in complained
    assert [p.name for p in tmp_path.iterdir()] == ["my.toml"]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a system without such devices")
def test_a_device_without_end_is_not_read(orecast, asked):
    device = Path("/dev/zero")
    for words in (("check", device), ("predict", "r", device), ("audit", "r", "--write", device)):
        assert orecast(*words)[0] == 1
    with pytest.raises(RunError, match="another file"):
        write_checks({}, device)


def test_an_output_that_is_a_file_is_refused(orecast, tmp_path, monkeypatch):
    monkeypatch.setattr("orecast.simulation.simulate", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text("[samples]\npath = 's.csv'\n", encoding="utf-8")
    Path("file").write_text("mine", encoding="utf-8")
    for words in (
        ("simulate", "-o", "file"),
        ("demo", "--output", "file"),
        ("simulate", "-o", "."),
    ):
        code, _, complained = orecast(*words)
        assert code == 1
        assert complained.startswith("Error ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "run.toml"]
    assert Path("file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("seed", ["-1", "4294967296", "9" * 30, "1.5", "x", ""])
def test_a_seed_out_of_range_is_wrong_usage(orecast, asked, seed):
    for command in ("demo", "simulate"):
        assert orecast(command, "--seed", seed)[0] == 2
        assert asked == []
