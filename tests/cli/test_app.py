import json
import os
import subprocess
import sys

import pytest

from orecast.errors import OrecastError


def process(*words):
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "orecast", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        check=False,
    )


def test_help_names_the_commands_and_shows_examples(orecast):
    answer = process("--help")
    assert answer.returncode == 0
    for command in ("demo", "init", "check", "run", "simulate", "models", "audit", "compare"):
        assert command in answer.stdout
        assert "Example: orecast" in orecast(command, "--help").stdout


@pytest.mark.parametrize("words", [("--help",), ("check", "--help"), ("models",)])
def test_nothing_heavy_is_imported_before_it_is_used(words):
    code = (
        "import sys\n"
        "from orecast.cli import main\n"
        f"sys.argv = ['orecast', *{list(words)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'lightning_fabric', 'sklearn', 'geopandas', 'matplotlib', 'numba'}\n"
        "heavy |= {'scipy'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip().endswith("HEAVY []")


def test_checking_needs_no_torch(district):
    grown = "sampling.grow=[{method='slide'}, {method='gan', balance=true}]"
    code = (
        "import sys\n"
        "from orecast.cli import main\n"
        f"sys.argv = ['orecast', 'check', {str(district)!r}, '--set', {grown!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'lightning_fabric', 'sklearn', 'numba'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "deposits" in out.stdout
    assert out.stdout.strip().endswith("HEAVY []")


def test_check_shows_the_elements_and_findings_and_changes_nothing(orecast, district):
    district.with_name("checks.json").unlink(missing_ok=True)
    before = {p: p.stat().st_mtime_ns for p in district.parent.rglob("*")}
    answer = orecast("check", district)
    assert answer.returncode == 0
    found = district.with_name("checks.json")
    assert json.loads(found.read_text(encoding="utf-8"))["survey"]
    found.unlink()
    assert "Au" in answer.stdout
    assert "stream sediment" in answer.stdout
    after = {p: p.stat().st_mtime_ns for p in district.parent.rglob("*")}
    assert after == before


def test_nothing_of_the_users_is_overwritten(orecast, district, tmp_path):
    mine = tmp_path / "samples.csv"
    mine.write_text("mine")
    for words in (
        ("check", district, "--write", mine),
        ("simulate", "demo", "-o", tmp_path),
        ("init", district.parent / "samples.csv", "-o", mine, "--overwrite"),
    ):
        answer = orecast(*words)
        assert answer.returncode == 1
        assert "Remedy" in answer.stderr
        assert mine.read_text() == "mine"


def test_init_writes_what_check_and_run_read(orecast, district, tmp_path):
    folder = district.parent
    files = [folder / n for n in ("samples.csv", "deposits.csv", "faults.gpkg", "geology.gpkg")]
    answer = orecast("init", *files, "-o", tmp_path / "run.toml")
    assert answer.returncode == 0, answer.stderr
    text = (tmp_path / "run.toml").read_text(encoding="utf-8")
    assert text.count("#") > 50
    again = orecast("init", *files, "-o", tmp_path / "run.toml")
    assert again.returncode == 1
    assert "--overwrite" in again.stderr
    settings = [] if "EPSG" in text else ["--set", "samples.crs=EPSG:32649"]
    assert orecast("check", tmp_path / "run.toml", *settings).returncode == 0


def test_check_and_init_need_no_deposits(orecast, without_deposits, tmp_path):
    answer = orecast("check", without_deposits, "--write", tmp_path / "checks.json")
    assert answer.returncode == 0, answer.stderr
    first = answer.stdout.partition("\n")[0]
    assert first.startswith("warning")
    assert "no deposits are given: the run maps anomalies" in first
    assert "none: the run maps anomalies" in answer.stdout
    found = json.loads((tmp_path / "checks.json").read_text(encoding="utf-8"))["survey"]
    assert (found["deposits"]["n"], found["held_back"]) == (0, 24)

    folder, run = without_deposits.parent, tmp_path / "run.toml"
    files = [folder / n for n in ("samples.csv", "faults.gpkg", "geology.gpkg")]
    answer = orecast("init", *files, "-o", run)
    assert answer.returncode == 0, answer.stderr
    assert "no file has deposits" in answer.stdout
    text = run.read_text(encoding="utf-8")
    assert "# no file has deposits" in text
    assert "[deposits]\n" not in text
    assert orecast("check", run).returncode == 0


@pytest.mark.slow
def test_a_whole_run_ends_in_a_summary(district, tmp_path):
    answer = process(
        "run",
        district,
        "--model",
        "logistic-regression",
        "--output",
        tmp_path / "run",
        "--set",
        "evidence.cell_size=1000",
        "--set",
        "evidence.radius=1500",
        "--set",
        "sampling.window=3",
        "--set",
        "validation.folds=3",
        "--set",
        "evidence.layers=['Au', 'As', 'Sb', 'fault_distance']",
    )
    assert answer.returncode == 0, answer.stderr
    assert "report.html" in answer.stdout
    assert "percentile" in answer.stdout
    assert "Held-out deposits in each class, by the same rule: A " in answer.stdout
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.usefixtures("blank_figures")
def test_the_remedies_of_a_run_s_damaged_configuration_work(
    orecast, district, tmp_path, monkeypatch
):
    def stopped(job):
        raise OrecastError("stopped")

    small = [
        "evidence={cell_size=1000, radius=1500}",
        "sampling.window=3",
        "validation={folds=2, baselines=false, inner_folds=0, repetitions=0}",
    ]
    settings = [word for setting in small for word in ("--set", setting)]
    line = ("run", district, "--model", "logistic-regression", *settings, "-o", tmp_path / "run")
    own = tmp_path / "run" / "run.toml"
    with monkeypatch.context() as patch:
        patch.setattr("orecast.workflow.run.running.validate", stopped)
        assert "stopped" in orecast(*line).stderr
    own.write_text(own.read_text(encoding="utf-8")[:-3], encoding="utf-8")
    said = orecast(*line, "--resume").stderr
    assert "1 file is not as the run wrote them: run.toml. Remedy: delete them and type" in said
    own.write_text("title = ", encoding="utf-8")
    said = orecast("run", own, "--resume").stderr
    assert f"{own}: is not as the run wrote it. Remedy: delete it and type the line that" in said
    own.unlink()
    assert orecast(*line, "--resume").returncode == 0
    assert orecast("run", own, "--resume").returncode == 0
    own.write_text("title = ", encoding="utf-8")
    assert orecast(*line, "--overwrite").returncode == 0


def test_a_listed_model_or_preset_is_offered(orecast):
    models = orecast("models").stdout
    for name in ("resnet18", "resnet34", "resnet50", "random-forest", "deposit-distance"):
        assert name in models
    assert "pangxidong" in orecast("simulate", "--list").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "nowhere.toml"), "orecast init"),
        (("check", "nowhere.toml"), "no such file"),
        (("run", "DISTRICT", "--model", "resnet81"), "did you mean resnet18"),
        (("run", "DISTRICT", "--set", "sampling.windw=3"), "did you mean window"),
        (("run", "DISTRICT", "--set", "samples.crs=EPSG:1"), "EPSG:1"),
        (("run", "DISTRICT", "--set", "model={name='resnet18', options={widht=3}}"), "width"),
        (("run", "DISTRICT", "--set", "validation.protocol=spatail"), "did you mean spatial"),
        (("run", "DISTRICT", "--set", "evidence.interpolator=kringing"), "did you mean kriging"),
        (("run", "DISTRICT", "--set", "sampling.target=Xx"), "Xx"),
        (("check", "DISTRICT", "--set", "sampling.grow=[{method='slid'}]"), "did you mean slide"),
        (("check", "DISTRICT", "--set", "sampling.grow=[{method='gan'}]"), "sampling.grow.0"),
        (("simulate", "pangxidon"), "did you mean pangxidong"),
        (("init", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_bad_input_ends_in_one_message_without_a_traceback(
    orecast, district, tmp_path, monkeypatch, words, message
):
    words = [district if w == "DISTRICT" else w for w in words]
    if words[0] == "run":
        words += ["--set", f"output={tmp_path.as_posix()}/run", "--set", "evidence.cell_size=1000"]
    monkeypatch.chdir(tmp_path)
    answer = orecast(*words)
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stderr.count("Error") == 1
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_is_2(orecast):
    assert orecast("runn").returncode == 2
    assert orecast("run", "run.toml", "--resume", "--overwrite").returncode == 2
    assert orecast("simulate", "--seed", "x").returncode == 2
