import pytest

from orecast.metrics import Metrics
from orecast.report import sentences as facts
from orecast.report.reading import open_run
from orecast.training import model_names


@pytest.fixture(scope="module")
def run(run_folder):
    return open_run(run_folder)


def test_the_area_is_what_is_mapped_and_where(run):
    # (60 x 84 - 10 x 21) cells of 0.25 km2; the sheet spans 42 x 30 km in UTM zone 45 N
    said = facts.area_sentence(run)
    assert said.startswith("1\u202f208 km² mapped (4\u202f830 cells) within 42 × 30 km, EPSG:32645")
    assert said.endswith("centred on 42.36° N, 86.19° E")


def test_findings_are_grouped_refusals_first():
    checks = {
        "findings": [
            {"level": "info", "where": "a", "what": "b"},
            {"level": "warning", "where": "c", "what": "d", "remedy": "e"},
            {"level": "refusal", "where": "f", "what": "g", "remedy": ""},
            {"level": "warning", "where": "h", "what": "i", "remedy": ""},
        ]
    }
    found = facts.findings(checks)
    assert [heading.split(":")[0] for heading, _ in found] == [
        *("Settings not used", "Warnings", "For information")
    ]
    assert [f["where"] for f in found[1][1]] == ["c", "h"]
    assert found[1][1][0] == {"where": "c", "what": "d", "remedy": "e"}
    assert facts.findings({"findings": []}) == []


def test_counts_leave_out_what_there_is_none_of():
    checks = {
        "survey": {
            "kind": "gridded",
            "samples": 33813,
            "duplicates": 0,
            "elements": [{}] * 39,
            "deposits": {"n": 34, "outside": 2, "half_width": 0.097},
            "barren": None,
        }
    }
    assert facts.counts(checks) == [
        ("Cells", "33\u202f813"),
        ("Elements", "39"),
        ("Deposits", "34"),
        ("Deposits outside the area", "2"),
    ]


def test_chance_is_of_the_places_that_were_scored(fabricate):
    # 1.96 / sqrt(12 x 12) = 0.163 of places; 14 deposits would give 0.151, the survey's figure
    content = fabricate(deposits=14, baselines=2).metrics
    content["scores"][0]["places"] = [0.5] * 12 + [None]
    said = facts.chance(Metrics.model_validate(content))
    assert "If the 12 places of held-out deposits (deposits in one cell are one place)" in said
    assert "within 50\u00a0±\u00a016 in 95\u00a0% of cases" in said
    assert "Neighbours are not independent" in said
    content["scores"][0]["places"] = [0.5] * 14
    said = facts.chance(Metrics.model_validate(content))
    assert "If the 14 places of held-out deposits were independent" in said
    assert "50\u00a0±\u00a015" in said


def test_chance_says_nothing_where_no_place_was_scored(fabricate):
    content = fabricate(baselines=2).metrics
    assert facts.chance(Metrics.model_validate(content)) == ""
    content["scores"] = []
    assert facts.chance(Metrics.model_validate(content)) == ""


def coverage(share):
    return {"level": "info", "code": "coverage", "where": "", "what": "", "data": {"share": share}}


def test_what_the_map_leaves_out_is_said(fabricate):
    made = fabricate(deposits=5, baselines=1, layers=1)
    made.findings = [coverage(0.634)]
    for key in ("scores", "folds"):
        for entry in made.metrics[key]:
            name = "per_deposit" if key == "scores" else "deposits"
            kept = [d for d in entry[name] if (d["deposit"] if key == "scores" else d) != 2]
            entry[name] = kept
    assert facts.gaps(open_run(made.write())) == [
        "63\u00a0% of the area could be mapped; elsewhere some layer has no value.",
        "4 of 5 known deposits have evidence.",
        "The other one lies where some layer has no value; it was used neither for training nor "
        "for testing.",
    ]


def test_deposits_that_are_only_named_are_counted(fabricate):
    made = fabricate(deposits=5, baselines=1, layers=1)
    made.metrics["scores"], made.metrics["folds"] = [], []
    lost = {"deposits": ["Deposit A", "Deposit C"]}
    made.findings = [{"level": "warning", "code": "deposits-without-evidence", "data": lost}]
    assert facts.gaps(open_run(made.write())) == [
        "3 of 5 known deposits have evidence.",
        "The other 2 lie where some layer has no value; they were used neither for training nor "
        "for testing.",
    ]


def test_a_map_that_leaves_out_little_is_not_remarked(fabricate):
    made = fabricate(deposits=5, baselines=1, layers=1)
    made.findings = [coverage(0.8), {"level": "info", "code": "coverage", "data": None}]
    assert facts.gaps(open_run(made.write())) == ["5 of 5 known deposits have evidence."]


def test_every_map_is_explained_once():
    names = ["resnet18:width=16", "layer Au", "fault-distance", "layer fault_distance", "my own"]
    said = dict(facts.meanings(names))
    assert list(said) == ["resnet18", "layer X", "fault-distance"]
    assert said["resnet18"] == "Residual network of 18 layers (He et al. 2016)"
    assert "short distances score high" in said["fault-distance"]
    assert "each fold learns" in said["layer X"]


def test_every_model_and_baseline_is_explained():
    names = [*model_names(), "sampling-density"]
    assert [name for name, words in facts.meanings(names) if words] == names


def test_how_it_was_made(run):
    said = dict(facts.made(run))
    assert said["Seed"] == "0"
    assert said["Hidden buffer"] == "13.0 km"
    assert said["Begun"] == "14 March 2026, 09:26 UTC"
    assert said["Duration before this page"] == "1 min 44 s"
    assert said["By stage"] == "evidence 3.2 s, validation 1 min 41 s"
    assert said["Peak memory"] == "2.1 GiB"
    assert said["Versions"] == "orecast 0.1.0, Python 3.11.9, numpy 2.2.1, torch 2.11.0"


def test_what_was_not_recorded_is_left_out(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    made.provenance = {"started": "yesterday", "peak_memory_mib": None, "inputs": []}
    made.metrics["protocol"]["hidden_buffer_m"] = None
    said = dict(facts.made(open_run(made.write())))
    assert set(said) == {"Model", "Seed", "Folds", "Begun"}
    assert said["Begun"] == "yesterday"


def test_the_windows_learned_from_and_what_augmentation_added(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    added = [("slide", 1, 72), ("gan", 0, 0), ("noise", 0, 40)]
    made.metrics["learned_from"] = {
        "ore": 3,
        "barren": 15,
        "rule": "barren cells drawn at random",
        "added": [{"method": m, "label": label, "rows": n} for m, label, n in added],
    }
    assert dict(facts.made(open_run(made.write())))["Learned from"] == (
        "3 windows of ore and 15 negative (barren cells drawn at random); augmentation added 72 "
        "ore by slide, 40 negative by noise"
    )


@pytest.mark.parametrize(
    ("paths", "shared"),
    [
        ([], ""),
        (["a.csv"], ""),
        (["/a.csv", "/b/c.csv"], ""),
        (["/d/a.csv"], "/d/"),
        (["/d/e/a.csv", "/d/f/e/b.csv", "/d/e/c.csv"], "/d/"),
        (["C:/x/a.csv", "D:/x/b.csv"], ""),
        (["C:/x/a.csv", "C:/x/y/b.csv"], "C:/x/"),
    ],
)
def test_the_folder_that_inputs_share(paths, shared):
    assert facts.home({"inputs": [{"path": path} for path in paths]}) == shared


def test_the_shared_folder_is_left_off_findings():
    checks = {"findings": [{"level": "info", "where": "/d/a.csv, column 'x'", "what": "of /d/b"}]}
    shown = {"where": "a.csv, column 'x'", "what": "of b", "remedy": ""}
    assert facts.findings(checks, "/d/")[0][1] == [shown]
    assert facts.findings(checks)[0][1][0]["where"] == "/d/a.csv, column 'x'"
