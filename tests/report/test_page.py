import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser

import geopandas as gpd
import pytest

from orecast.errors import RunError
from orecast.metrics import prediction_rate
from orecast.report import drawing, write_report
from orecast.report.page import render
from orecast.report.reading import open_run
from orecast.report.sentences import captions

OLD = {
    *("prospectivity", "out_of_fold", "uncertainty", "classes"),
    *("scores", "success_rate", "deposits", "layers"),
}
PLOTS = {"scores", "success_rate", "deposits", "prediction_area", "reliability"}
NAMES = OLD | PLOTS | {"recommended", "applicability", "probability"}
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Checks that elements are closed in order and collects what the tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.alts, self.ids, self.words = [], [], [], [], []
        self.tables = self.captions = self.scripts = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [v for k, v in attrs.items() if k in ("src", "href", "srcset", "action")]
        if tag == "img":
            self.alts.append(attrs.get("alt"))
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", autouse=True)
def coarse_figures():
    """Figures are drawn with few dots, in a third of the time: tests of the page read its words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "DPI", 50)
        yield


@pytest.fixture(scope="module")
def ordinary(run_folder, tmp_path_factory):
    """Folder of an ordinary run's report, and the page."""
    into = tmp_path_factory.mktemp("report")
    page = write_report(run_folder, into=into)
    return into, page.read_text(encoding="utf-8")


def report_of(made):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # matplotlib warns of missing letters
        return write_report(made.write()).read_text(encoding="utf-8")


def words_of(made):
    """Words of the page, no figure drawn."""
    return Page(render(open_run(made.write()), {})).text


def small(fabricate, **options):
    return fabricate(**{"deposits": 4, "baselines": 2, "layers": 1, **options})


def test_every_figure_is_written_and_nothing_else(ordinary, run_folder):
    into, _ = ordinary
    assert {p.stem for p in (into / "figures").iterdir()} == NAMES
    assert {p.name for p in into.iterdir()} == {"figures", "report.html"}
    assert not (run_folder / "report.html").exists()
    assert not (run_folder / "figures").exists()


def test_the_page_asks_nothing_of_the_network(ordinary):
    _, text = ordinary
    page = Page(text)
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert page.scripts == 0
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert len(text) < 5_000_000


def test_pictures_have_words_and_tables_captions(ordinary):
    page = Page(ordinary[1])
    assert len(page.alts) == len(NAMES)
    assert all(alt and len(alt) > 20 for alt in page.alts)
    assert page.tables == page.captions > 10
    anchors = [link[1:] for link in page.links if link.startswith("#")]
    assert len(anchors) == 7
    assert set(anchors) == set(page.ids)


def test_the_verdict_comes_before_anything_else(ordinary):
    text = Page(ordinary[1]).text
    order = [
        "Pangxidong Au–Ag, 1:50 000 stream sediments",
        "14 March 2026",
        "Ba alone ranks the held-out deposits better than resnet18",
        "Recommended map: layer Ba",
        "Configured model: resnet18",
        "How far to trust it",
        "Leak-free scores of the model and of each baseline",
        "Accuracy, precision, recall; prediction-area",
        "are unknown, not barren",
        "By chance, the best of 39 layers, chosen in the same way, averages 62 %",
        "the curve shows the fit to them",
        "Prediction-area plot, out of fold",
        "cells with a deposit; ",
        "Uncertainty and applicability",
        "of the area contain a further deposit",
        "Map out of fold",
        "Each cell is scored by a model",
        "Spread of the folds’ models",
        "87 % of the map lies in the model’s area of applicability",
        "Probability that a cell holds a deposit",
        "Baselines that were left out",
        "sampling-density : a gridded survey has no samples",
        "Targets on new ground, by rank (12 of 12)",
        "Settings not used",
        "Warnings: please check",
        "Evidence layers (9)",
        "The folds",
        "orecast run run.toml --set output=../again",
    ]
    start = text.index("Ba alone")  # behind the table of contents
    places = [text.index(o, 0 if i < 2 else start) for i, o in enumerate(order)]
    assert places == sorted(places)


def test_what_the_model_declares_stands_before_its_scores(fabricate):
    made = small(fabricate)
    assert "Note on" not in words_of(made)
    made.metrics["caveats"] = ["the network has seen the concentrations of held-out ground"]
    text = words_of(made)
    said = f"Note on {made.metrics['model']}: The network has seen the concentrations of held-out"
    assert text.index(said) < text.index("Leak-free scores of the model")


def test_a_recommended_baseline_is_explained_under_its_map(fabricate):
    made = small(fabricate)
    made.metrics["verdict"]["recommended"] = "best-layer"
    words = captions(open_run(made.write()))["recommended"].text
    assert "by best-layer (the layer that ranks the training deposits best" in words


def test_the_same_run_gives_the_same_page(run_folder, ordinary, tmp_path):
    into, text = ordinary
    again = write_report(run_folder, into=tmp_path / "new" / "folder")
    assert again.read_text(encoding="utf-8") == text
    one = (into / "figures" / "prospectivity.png").read_bytes()
    assert (tmp_path / "new" / "folder" / "figures" / "prospectivity.png").read_bytes() == one


def test_what_is_written_elsewhere_cannot_become_markup(fabricate):
    made = small(fabricate)
    evil = '<script>alert(1)</script>"><img src=x onerror=1> $x$ & Co'
    made.title = made.metrics["verdict"]["sentence"] = evil
    made.names = [evil] * 4
    made.metrics["scores"][1]["name"] = evil
    made.metrics["scores"][0]["per_deposit"][0]["name"] = evil
    made.findings[0]["what"] = made.findings[0]["remedy"] = evil
    made.targets["reasons"] = evil
    made.provenance["inputs"][0]["path"] = evil
    text = report_of(made)
    page = Page(text)
    assert page.scripts == 0
    assert len(page.alts) == len(NAMES)
    assert page.text.count("<script>alert(1)</script>") >= 7


def test_published_scores_are_never_shown_alone(fabricate, new_score):
    made = small(fabricate)
    made.metrics["scores"] += [
        new_score("resnet18", "model", 0.987, half=None, protocol="paper"),
        new_score("gan", "model", 0.993, half=None, protocol="paper"),
    ]
    text = words_of(made)
    beside = text[text.index("As published, beside leak-free folds") :]
    assert "resnet18 0.98 0.70 (0.62–0.78) 71 (63–79)" in beside
    assert "scores of gan are not shown" in text
    assert "99" not in beside[: beside.index("are not shown")]


@pytest.mark.usefixtures("blank_figures")
def test_a_run_with_published_scores_only_shows_none(fabricate):
    made = small(fabricate)
    made.metrics["scores"] = made.metrics["scores"][:1]
    made.metrics["scores"][0]["protocol"] = "paper"
    text = report_of(made)
    figures = {p.stem for p in (made.folder / "figures").iterdir()}
    assert figures == NAMES - PLOTS
    assert "are not shown" in text
    trust = Page(text).text.split("How far to trust it")[2]
    assert "0.71" not in trust.split("Uncertainty and applicability")[0]
    assert "71 (" not in trust.split("Uncertainty and applicability")[0]


def test_other_protocols_are_shown_with_their_sentence(fabricate, new_score):
    made = small(fabricate)
    sentence = {"sentence": "4 folds, each one group of deposits"}
    made.metrics["scores"] += [
        new_score("resnet18", "model", 0.81, protocol="leave-deposit-out") | sentence,
        new_score("resnet18", "model", 0.987, half=None, protocol="paper"),
    ]
    text = words_of(made)
    start = text.index("Each protocol tests something else")
    row = text.index("resnet18 leave-deposit-out 81 (73–89) 0.80 (0.72–0.88) 71 (63–79)", start)
    said = text.index("leave-deposit-out : 4 folds, each one group of deposits.", row)
    assert said < text.index("As published, beside leak-free folds", said)
    assert "81 (73" not in text[:start]


def test_a_run_of_before_is_still_rendered(fabricate):
    made = small(fabricate).grow_old()
    text = report_of(made)
    words = Page(text).text
    assert {p.stem for p in (made.folder / "figures").iterdir()} == OLD
    assert "Configured model: resnet18 (recommended is layer Ba, but this run has no map" in words
    for absent in (
        "Scores at a threshold",
        "picked afterwards averages",
        "area of applicability",
        "Brier",
        "Other pr",
    ):
        assert absent not in words


@pytest.mark.usefixtures("blank_figures")
def test_the_models_map_is_alone_where_it_is_recommended(fabricate):
    made = small(fabricate)
    made.metrics["verdict"]["recommended"] = "resnet18"
    text = report_of(made)
    assert not (made.folder / "figures" / "recommended.png").exists()
    assert "Recommended map: resnet18, the configured model" in Page(text).text
    assert 'class="pair"' not in text


def test_a_map_of_anomalies_names_no_deposit_it_learned_from(fabricate):
    made = fabricate(layers=2).forget_deposits(8)
    text = Page(report_of(made)).text
    figures = {p.stem for p in (made.folder / "figures").iterdir()}
    assert figures == {"prospectivity", "uncertainty", "classes", "scores", "layers"}
    assert "A map of anomalies: no deposit was learned from." in text
    assert "Map of anomalies: isolation-forest" in text
    assert "is the share of the map’s cells that score lower" in text
    assert "If the 8 places of test-only deposits were independent" in text
    assert "negative-draws : Nothing learned from deposits; 8 deposit cells." in text
    for absent in ("held-out", "held out", "out of fold", "success-rate", "the folds", "Folds"):
        assert absent not in text.split("Run it again")[0], absent
    assert "recommended" not in text


def test_a_map_of_anomalies_without_any_deposit_has_no_scores(fabricate):
    made = fabricate(layers=1).forget_deposits(0)
    text = Page(report_of(made)).text
    assert "No deposit was given to score this map by" in text
    assert "Other protocols" not in text
    assert "are unknown, not barren" not in text


def test_scores_of_a_map_of_anomalies_that_cannot_be_had_are_listed(fabricate):
    made = fabricate(layers=1).forget_deposits(3)
    reasons = {"mahalanobis": "layer La: is constant", "negative-draws": "none lies 5 km away"}
    made.metrics["left_out"] = reasons
    text = Page(report_of(made)).text
    assert "Scores that were left out" in text
    assert "mahalanobis : layer La: is constant" in text
    assert "negative-draws : none lies 5 km away" in text


def test_deposits_held_back_where_the_map_has_no_value_are_reported(fabricate):
    made = fabricate(layers=1).forget_deposits(0)
    made.metrics["left_out"] = {"held_back": "no deposit of it lies where the map has a value"}
    text = Page(report_of(made)).text
    assert "No test-only deposit lies where the map has a value. It shows" in text
    assert "held_back : no deposit of it lies where the map has a value" in text
    assert "Name a file of deposits" not in text
    made = small(fabricate)
    made.metrics["left_out"] = {"held_back": "no deposit of it lies where the map has a value"}
    assert "Scores that were left out" in words_of(made)


def test_the_prediction_rate_is_of_the_deposits_held_back(fabricate):
    made = small(fabricate)
    made.metrics["undiscovered"] = {
        "percentile": {"value": 0.66, "low": 0.5, "high": 0.8},
        "fault_distance": None,
        "n": 4,
        "prediction_rate": prediction_rate(
            [[1, 2, 3, 4, 5]], [[0, 4], [0, 4], [0, 3], [0, 1]], classes=5
        ).as_dict(),
    }
    text = Page(report_of(made)).text
    assert (made.folder / "figures" / "prediction_rate.png").is_file()
    held_back = text.index("4 deposits are test-only ([held_back])")
    assert (
        held_back
        < text.index("Prediction-rate curve of the test-only deposits")
        < text.index("by thr")
    )


def test_deposits_held_back_stand_beside_fault_distance(fabricate):
    made = small(fabricate)
    made.metrics["undiscovered"] = {
        "percentile": {"value": 0.66, "low": 0.5, "high": 0.8},
        "fault_distance": {"value": 0.6, "low": None, "high": None},
        "n": 12,
    }
    text = words_of(made)
    assert "mean percentile of 66 (50–80) of the whole area" in text
    assert "fault alone ranks them at 60." in text
    made.metrics["undiscovered"]["fault_distance"] = None
    text = words_of(made)
    assert "66 (50–80)" in text
    assert "fault alone" not in text


def test_figures_that_seem_to_disagree_are_explained(ordinary):
    text = Page(ordinary[1]).text
    scores, targets = (
        text.index("Leak-free scores of the model"),
        text.index("Targets on new ground, by rank"),
    )
    assert (
        scores
        < text.index("What each map is")
        < text.index("Distance to the nearest training")
        < targets
    )
    assert "each deposit within its own held-out region, so the two shares can differ" in text
    assert "the class limits are computed in each fold from its training cells" in text
    assert text.index("A target is a peak of the map with its surroundings") < targets


def test_what_the_map_leaves_out_is_in_the_first_lines(fabricate):
    made = small(fabricate)
    made.metrics["folds"][0]["deposits"] = []
    made.metrics["scores"][0]["per_deposit"] = made.metrics["scores"][0]["per_deposit"][1:]
    made.findings[0] |= {"code": "coverage", "data": {"share": 0.5}}
    text = words_of(made)
    said = "50\u00a0% of the area could be mapped; elsewhere some layer has no value. 3 of 4 known "
    said += "deposits have evidence."
    start = text.index(" ".join(said.split()))
    assert text.index("Ba alone") < start < text.index("How far to trust it", start)


def test_a_reach_of_zero_is_explained(run_folder, ordinary):
    assert "comes from a map, not from samples" not in ordinary[1]
    run = open_run(run_folder)
    run.layers[:] = [replace(run.layers[0], reach=0.0)]
    assert "A reach of 0 means that the layer comes from a map" in render(run, {})


def test_no_undiscovered_no_word_of_them(ordinary):
    assert "test-only" not in Page(ordinary[1]).text


def test_as_little_as_a_run_can_hold(fabricate):
    made = small(fabricate, deposits=1, baselines=1, shape=(12, 30))
    made.folds, made.names, made.findings = 1, [""], []
    made.metrics = made._metrics(1)
    made.metrics["protocol"]["folds"] = 1
    made.metrics["training_fit"] = None
    for entry in made.metrics["scores"]:
        entry["percentile"] = {"value": 0.4, "low": None, "high": None}
    made.targets = gpd.GeoDataFrame(made.targets.iloc[:0], crs=made.targets.crs)
    made.layers = []
    text = Page(report_of(made)).text
    assert "No target lies on new ground" in text
    assert "The checks of the data found nothing" in text
    assert "success-rate curve" not in text
    assert "No. 0" in text
    assert {p.stem for p in (made.folder / "figures").iterdir()} == NAMES - {"layers"}


@pytest.mark.slow
def test_as_much_as_a_run_can_hold(fabricate):
    made = fabricate(shape=(140, 60), deposits=45, baselines=120, layers=45)
    made.title = "天山成矿带 " + "a title that is longer than any line " * 8
    made.names = [f"金山 {i}" for i in range(45)]
    made.metrics = made._metrics(120)
    made.metrics["scores"][7]["percentile"] = {"value": None}
    text = report_of(made)
    assert len(text) < 5_000_000
    words = Page(text).text
    assert "The other 106 baselines" in words
    assert "the range of the 105 baselines" in words
    assert "The first 40 of 45" in words
    assert "金山 44" in words
    assert all(f"layer {e}" in words for e in ("Ag", "MgO", "Zr2"))


def test_constant_maps_are_drawn(fabricate):
    made = small(fabricate)
    made.field = made.field * 0 + 0.5
    assert "Prospectivity" in report_of(made)


def test_a_blank_map_is_drawn(fabricate):
    made = small(fabricate)
    made.field[:] = float("nan")
    made.points = made.points[:0]
    made.names = []
    made.metrics["scores"][0]["per_deposit"] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the fixture's own quantiles
        assert "0 km² mapped" in write_report(made.write()).read_text(encoding="utf-8")


@pytest.mark.usefixtures("blank_figures")
def test_a_folder_that_cannot_be_written_is_named(run_folder, tmp_path):
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot write .*free disk space, or name a folder"):
        write_report(run_folder, into=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["figures"]


def test_a_broken_run_leaves_nothing_behind(fabricate, tmp_path):
    folder = small(fabricate).write()
    (folder / "classes.tif").unlink()
    with pytest.raises(RunError, match=r"classes.tif: is missing"):
        write_report(folder, into=tmp_path / "out")
    assert not (tmp_path / "out").exists()
