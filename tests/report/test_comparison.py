"""The page and the tables of a comparison, from a small JSON written by hand."""

import copy
import csv
import io
import json
import re

import pytest

from orecast.errors import RunError
from orecast.report.comparison import (
    claim_colours,
    claimed,
    claims,
    percentiles,
    survey_tables,
    write_comparison,
)
from orecast.report.drawing import FAINT, MODEL, RECOMMENDED


def row(name, value, *, role="model", protocol="spatial", failed=(), **more):
    """A map's row; one without a percentile knows nothing but ``more``."""
    known = {
        "auc": value,
        "top_area": {"0.01": 0.0, "0.05": 0.25, "0.1": 0.5},
        "average_precision": 0.00123,
        "brier_skill": None,
        "seeds_sd": 0.018,
        "paired": {},
        "extra": {},
    }
    if value is not None:
        known["percentile"] = {"value": value, "low": value - 0.1, "high": value + 0.1}
    fields = {"name": name, "role": role, "protocol": protocol, "sentence": "five folds"}
    fields |= {"seeds": [0, 1], "seconds": 2.5, "failed": list(failed)}
    return fields | (known if value is not None else {}) | more


def leaky(name, auc):
    extra = {"accuracy": 0.9, "f1": 0.9, "mcc": 0.8}
    return row(name, None, protocol="paper", auc=auc, seeds_sd=0.0, extra=extra)


@pytest.fixture
def content():
    test = {"value": -0.07, "low": -0.24, "high": 0.11, "p": 0.46, "n": 9, "groups": 8}
    layers = [row(f"layer {n}", 0.9 - k / 10, role="baseline") for k, n in enumerate("ABCDE")]
    why = {"seed": 1, "what": "no window | is left", "where": None, "remedy": None}
    survey = {
        "name": "tianshan",
        "title": "Southern Tianshan",
        "reference": "forest",
        "deposits": 10,
        "groups": [0, 0, 1, 2],
        "separate": 3,
        "layers": 38,
        "cells": 33813,
        "left_out": {"fault-distance": "there is no layer of distance to faults"},
        "sentences": ["3 separate deposit cells cannot settle it.", "Forest has 75 %."],
        "scores": [
            row("forest", 0.75),
            row("logistic:strength=2", 0.68, paired={"forest": test}),
            row("best-layer", 0.6, role="baseline"),
            row("broken", None, failed=[why, why | {"seed": 2}]),
            *layers,
            row("forest", 0.7, protocol="blocks"),
            leaky("forest", 0.99),
            leaky("logistic:strength=2", 0.97),
        ],
    }
    return {
        "command": "orecast compare run.toml --models 'forest,logistic:strength=2'",
        "versions": {"orecast": "0.1.0", "numpy": "2.4.6"},
        "seeds": 2,
        "protocols": ["spatial", "paper", "blocks"],
        "surveys": [survey],
        "cells": [{"seconds": 100.0}, {"seconds": 1.0}],
    }


def written(folder, content):
    (folder / "comparison.json").write_text(json.dumps(content), encoding="utf-8")
    return write_comparison(folder).read_text(encoding="utf-8")


def test_the_page_stands_alone_and_the_same_twice(tmp_path, content):
    page = written(tmp_path, content)
    assert not re.search(r"https?:|url\(|@import|<script|<link rel=.stylesheet", page)
    assert {p.name for p in tmp_path.iterdir()} == {
        *("comparison.json", "comparison.csv", "comparison.md", "comparison.html", "figures")
    }
    figures = {p.name for p in (tmp_path / "figures").iterdir()}
    assert figures == {"tianshan-percentiles.png", "tianshan-protocols.png"}
    alts = re.findall(r'alt="([^"]*)"', page)
    assert len(alts) == 2
    assert all("the table below" in alt for alt in alts)
    anchors = set(re.findall(r'href="#([^"]+)"', page))
    assert anchors == {"content", "tianshan", "made"}
    assert all(f'id="{anchor}"' in page for anchor in anchors)
    assert written(tmp_path, content) == page


def test_the_page_says_what_matters_in_order(tmp_path, content):
    page = re.sub(r"<[^>]+>|\s+", " ", written(tmp_path, content))
    page = re.sub(r"\s+", " ", page)
    order = [
        "3 separate deposit cells cannot settle it.",
        "10 deposits at 4 places (3 separate), 38 layers on 33 813 cells. Five folds.",
        "Held-out places under spatial folds",
        "fault-distance",
        "Single layers, chosen after seeing the test results",
        "The other 2 layers",
        "AUC of the same model under each protocol",
        "Under blocks",
        "Under paper",
        "which leaks",
        "What could not be computed",
        "orecast compare run.toml",
        "2, 1 min 41 s in all",
        "orecast 0.1.0, numpy 2.4.6",
    ]
    places = [page.find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)


def test_the_tables_hold_the_figures(content):
    tables = survey_tables(content["surveys"][0], content["protocols"])
    spatial = tables["spatial"]
    assert [r[0] for r in spatial.rows[:3]] == ["forest", "logistic:strength=2", "best-layer"]
    assert spatial.rows[3][0] == "broken (failed, seed 1, 2)"
    assert spatial.stressed == {0: "reference"}
    second = dict(zip(spatial.head, spatial.rows[1], strict=True))
    assert second["Percentile"] == "68 (58–78)"
    assert second["± between seeds"] == "1.8"
    assert second["Difference: this map minus forest (points)"] == "−7 (−24 to 11), p\u00a00.46"
    assert second["Deposits in the top 5\u00a0% of area (%)"] == "25"
    assert second["Average precision"] == "0.0012"
    assert second["Brier skill (%)"] == "–"
    assert [r[0] for r in tables["layers"].rows] == [f"layer {n}" for n in "ABCDE"]
    assert tables["claims"].head == (
        *("Model", "AUC, spatial", "AUC, blocks", "AUC, paper", "paper − spatial"),
    )
    assert tables["claims"].rows == [
        ("forest", "0.75", "0.70", "0.99", "0.24"),
        ("logistic:strength=2", "0.68", "–", "0.97", "0.29"),
    ]
    assert tables["failed"].rows == [("spatial", "1, 2", "no window | is left", "broken")]


def test_what_failed_is_told_once_a_reason_and_layers_are_counted(tmp_path, content):
    """As where no folds can be cut: every map fails, and the page still says what it knows."""
    survey = content["surveys"][0]
    why = {"seed": 0, "what": "no folds", "where": None, "remedy": None}
    for k, score in enumerate(survey["scores"]):
        if score["protocol"] == "spatial":
            fields = {n: score[n] for n in ("role", "protocol", "sentence", "seeds", "seconds")}
            survey["scores"][k] = {"name": score["name"], **fields, "failed": [why]}
    tables = survey_tables(survey, content["protocols"])
    assert tables["spatial"] is None
    maps = "forest, logistic:strength=2, best-layer, broken, 5 single layers"
    assert tables["failed"].rows == [("spatial", "0", "no folds", maps)]
    page = written(tmp_path, content)
    assert "Held-out places under spatial folds" not in page
    assert page.count("no folds") == 1
    assert "no folds" in (tmp_path / "comparison.md").read_text(encoding="utf-8")


def test_what_a_model_declares_stands_before_its_scores(tmp_path, content):
    said = "the network has seen the concentrations of held-out ground"
    content["surveys"][0]["scores"][1]["caveats"] = [said]
    page = re.sub(r"<[^>]+>|\s+", " ", written(tmp_path, content))
    declared = f"Note on logistic:strength=2:  {said} "
    assert page.count("Note on") == page.count(declared) == 1
    assert page.index(declared) < page.index("Held-out places under spatial folds")
    markdown = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert f"Note on logistic:strength=2: {said}." in markdown


def test_maps_are_explained_once_each_without_their_options(tmp_path, content):
    content["surveys"][0]["scores"][1]["name"] = "logistic-regression:strength=2"
    meanings = dict(survey_tables(content["surveys"][0], content["protocols"])["meanings"])
    assert set(meanings) == {"logistic-regression", "best-layer", "layer X"}
    assert "What each map is" in written(tmp_path, content)


def test_the_papers_figures_never_stand_alone(content):
    """Whatever else was compared, the table of claims begins with ``spatial``."""
    survey = content["surveys"][0]
    heads = survey_tables(survey, content["protocols"])["claims"].head
    assert heads[1] == "AUC, spatial"
    assert set(claimed(survey["scores"])) == {"forest", "logistic:strength=2"}
    survey["scores"] = [r for r in survey["scores"] if r["protocol"] == "spatial"]
    assert survey_tables(survey, ["spatial"])["claims"] is None


def test_the_csv_holds_every_row_and_the_markdown_every_table(tmp_path, content):
    written(tmp_path, content)
    text = (tmp_path / "comparison.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["map"] for r in rows] == [r["name"] for r in content["surveys"][0]["scores"]]
    assert float(rows[1]["against_reference_p"]) == 0.46
    assert float(rows[1]["percentile_low"]) == pytest.approx(0.58)
    assert rows[3]["failed"] == "no window | is left"
    assert rows[3]["auc"] == ""
    markdown = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert "| forest | 75 (65–85) | 1.8 |" in markdown
    assert r"no window \| is left" in markdown
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
    heads = [k for k, line in enumerate(tables) if set(line) <= set("|-: ")]
    for start, stop in zip(heads, [*heads[1:], len(tables) + 1], strict=True):
        assert len(set(cells[start - 1 : stop - 1])) == 1
    assert "layer D" not in markdown
    assert content["command"] in markdown


def test_a_broken_file_is_named(tmp_path, content):
    with pytest.raises(RunError, match="not a comparison, or damaged"):
        write_comparison(tmp_path)
    del content["surveys"][0]["scores"][0]["failed"]
    with pytest.raises(RunError, match=r"comparison\.json"):
        written(tmp_path, content)


def test_names_are_no_markup(tmp_path, content):
    content["surveys"][0]["title"] = "<b>Bold</b> & co"
    page = written(tmp_path, content)
    assert "<b>Bold" not in page
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; co" in page


def test_dots_are_at_the_figures(content):
    rows = [r for r in content["surveys"][0]["scores"] if r.get("percentile")][:3]
    drawn = percentiles(rows, "forest").axes[0]
    dots = {(round(d.get_xdata()[0]), d.get_ydata()[0]): d.get_color() for d in drawn.lines}
    assert (dots[75, 0], dots[68, 1], dots[60, 2]) == (RECOMMENDED, MODEL, FAINT)
    auc = {"a": {"spatial": 0.6, "paper": 0.99}, "b": {"spatial": 0.55}}
    axes = claims(auc, ["spatial", "paper"]).axes[0]
    spatial, paper = (c.get_offsets().tolist() for c in axes.collections)
    assert spatial == [[0.6, 0], [0.55, 1]]
    assert paper == [[0.99, 0]]


def test_each_protocol_has_a_colour_and_the_papers_that_of_a_warning():
    found = claim_colours(["spatial", "blocks", "paper:definition=gk-dcn", "leave-pair-out"])
    assert found["spatial"] == MODEL
    assert found["paper:definition=gk-dcn"] == RECOMMENDED
    assert len(set(found.values())) == 4


def test_one_model_under_one_protocol_is_a_page_too(tmp_path, content):
    alone = copy.deepcopy(content)
    alone["protocols"] = ["spatial"]
    alone["surveys"][0]["scores"] = [row("forest", 0.7)]
    page = written(tmp_path, alone)
    assert "AUC under each protocol" not in page
    assert "Single layers" not in page
    assert page.count("<img") == 1
