"""A survey whose names are odd, as far as the terminal shows them."""

import io
import os
import sys

import pytest

from orecast.cli import show
from orecast.cli.show import show_audit, show_prediction, show_summary
from orecast.workflow import Prediction, Summary
from orecast.workflow.audit.auditing import Audit, Check, Severity

ODD = "[/b] [bold]x [link=http://x]y :smile:"
HEADERS = ["Cu [mg/kg]", "Au [/b]", "[bold]x", "[link=http://x]y", "Zn_ppm", "Ag_ppm", "金 ä"]


@pytest.fixture
def survey(tmp_path):
    """A survey of 64 samples; the path of its ``run.toml``."""
    rows = [
        ["X", "Y", *HEADERS],
        *(
            [400_000 + 100 * (k % 8), 2_400_000 + 100 * (k // 8), *range(k + 1, k + 8)]
            for k in range(64)
        ),
    ]
    table = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "[b]amples.csv").write_text(table + "\n", encoding="utf-8")
    deposits = "X,Y\n" + "".join(f"400{k}50,2400{k}50\n" for k in range(1, 6))
    (tmp_path / "deposits.csv").write_text(deposits, encoding="utf-8")
    path = tmp_path / "run.toml"
    places = 'x = "X"\ny = "Y"\ncrs = "EPSG:32649"\n'
    path.write_text(
        f"title = '{ODD}'\n[samples]\npath = '[b]amples.csv'\n{places}"
        f"[deposits]\npath = 'deposits.csv'\n{places}",
        encoding="utf-8",
    )
    return path


def test_check_and_init_show_names_as_they_are(orecast, survey):
    code, said, complained = orecast("check", survey)
    assert (code, complained) == (0, "")
    for name in HEADERS:
        assert name in said
    folder = survey.parent
    code, said, complained = orecast("init", folder / "[b]amples.csv", "-o", folder / "[b].toml")
    assert (code, complained) == (0, "")
    assert "[b]amples.csv: samples" in said
    assert f"Wrote {folder / '[b].toml'}" in said
    for words in (
        ("check", survey, "--set", f"evidence.interpolator={ODD}"),
        ("run", survey, "--model", ODD),
    ):
        code, _, complained = orecast(*words)
        assert code == 1
        assert ODD in complained


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_lacks_letters_of_a_name_shows_their_codes(
    orecast, survey, monkeypatch, encoding
):
    said, complained = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", said)
    monkeypatch.setattr(sys, "stderr", complained)
    assert orecast("check", survey)[0] == 0
    assert orecast("check", survey, "--set", "samples.crs=金")[0] == 1
    assert orecast("run", survey, "--金")[0] == 2
    assert orecast("run", "--help")[0] == 0
    for stream, count in ((said, 1), (complained, 2)):
        stream.flush()
        assert stream.buffer.getvalue().count(rb"\u91d1") >= count


def interval(value):
    return {"value": value, "low": value, "high": value}


SCORE = {
    "name": ODD,
    "role": "model",
    "protocol": "spatial",
    "percentile": interval(0.7),
    "auc": interval(0.7),
    "top_area": {"0.05": interval(0.7), "0.1": interval(0.7)},
}
TARGET = dict.fromkeys(("rank", "class", "area_km2", "score_max", "reasons", "lon", "lat"), "1")
TARGET |= {"reasons": "[/b], Cu [mg/kg]", "ground": "new"}


def test_results_show_names_as_they_are(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(show.console, "width", 400)
    metrics = {
        "model": ODD,
        "verdict": {"sentence": f"{ODD} is best.", "recommended": ODD},
        "scores": [SCORE, SCORE | {"name": f"layer {ODD}", "role": "baseline"}],
        "classes": {"sentence": "Classes.", "captured": []},
        "undiscovered": None,
        "caveats": [ODD],
    }
    show_summary(Summary(tmp_path / "[/b]", metrics, [TARGET], [ODD], 1.0))
    said = capsys.readouterr().out
    for words in (
        f"layer {ODD}",
        f"{ODD} is best",
        f"Note on {ODD}: {ODD}",
        f"by {ODD}, recommended",
    ):
        assert words in said
    assert TARGET["reasons"] in said
    assert str(tmp_path / "[/b]" / "report.html") in said

    metrics |= {
        "applicability": {"share_inside": 0.5},
        "protocol": {"deposits": ODD, "held_back": None},
        "undiscovered": [],
    }
    show_prediction(Prediction(tmp_path / "[/b]", metrics, [TARGET], [ODD]))
    said = capsys.readouterr().out
    assert said.count(ODD) == 6
    assert TARGET["reasons"] in said

    checks = [Check("code", ODD, severity, ODD, ODD, protocol=ODD) for severity in Severity]
    show_audit(Audit(ODD, checks))
    said = capsys.readouterr().out
    assert f"Audit of {ODD}" in said
    assert "cannot be known" in said


def test_init_writes_what_check_reads_whatever_the_names(orecast, survey):
    folder = survey.parent
    table = (folder / "[b]amples.csv").read_text(encoding="utf-8")
    first, *rows = table.splitlines()
    lines = [f'{first},"not\nan\x01 element \x7f\x85"', *(f"{row},a" for row in rows)]
    for name in ("~x.csv", "${HOME}.csv", "$${a}.csv", "it's {b}.csv", "# ä 😀.csv"):
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
        code, _, complained = orecast(
            "init", folder / name, "-o", folder / "new.toml", "--overwrite"
        )
        assert (code, complained) == (0, "")
        code, said, complained = orecast(
            "check", folder / "new.toml", "--set", "samples.crs=EPSG:32649"
        )
        assert (code, complained) == (0, "")
        assert "64 rows" in said


@pytest.mark.skipif(os.name != "posix", reason="names are texts elsewhere")
def test_a_file_whose_name_is_no_text_is_only_noted(orecast, survey):
    folder = survey.parent
    try:
        (folder / "notes\udcff.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    except OSError:
        pytest.skip("a file system whose names are texts")
    code, said, _ = orecast("init", folder, "-o", folder / "new.toml")
    assert code == 0
    assert r"notes\udcff.csv: ignored; it has no position columns" in said
    assert r"notes\udcff.csv: ignored" in (folder / "new.toml").read_text(encoding="utf-8")
