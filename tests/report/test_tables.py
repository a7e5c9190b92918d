from dataclasses import replace

import pytest

from orecast.metrics import Interval, Metrics
from orecast.report import tables
from orecast.report.reading import open_run


@pytest.fixture
def content(fabricate):
    return fabricate(baselines=3, deposits=5).metrics


def read(content):
    return Metrics.model_validate(content)


def test_classes_tell_what_was_seen_from_what_was_not(content):
    assert tables.classes(read(content)).rows[2] == ("C", "5.00", "–")
    content["classes"]["captured_training_fit"] = [
        {"class": "A", "area_share": 0.01, "deposits_share": 0.9}
    ]
    table = tables.classes(read(content))
    assert table.head[2:] == (
        "Deposits in the class, cross-validated (%)",
        "Deposits in the class, final map: training deposits (%)",
    )
    assert table.rows[0] == ("A", "1.00", "10", "90")
    assert table.rows[1] == ("B", "4.00", "20", "–")


def test_targets_by_rank_with_places(run_folder):
    table = tables.targets(open_run(run_folder), "new")
    assert table.head[:3] == ("Rank", "Ground", "Class")
    assert table.head[-2:] == ("Longitude", "Latitude")
    assert [row[0] for row in table.rows] == [str(n) for n in range(1, 13)]
    assert table.rows[0][1:4] == ("new", "A", "4.00")
    assert table.rows[0][6:10] == ("96", "0.75", "100", "0.43")
    assert table.rows[0][10:13] == ("Au high (+0.12), As high (+0.05)", "Snip", "1.5")
    assert float(table.rows[0][-1]) == pytest.approx(42.26, abs=0.3)
    assert table.head.index("Reasons: layer, contribution") not in table.figures
    assert not tables.targets(open_run(run_folder), "extension", "known").rows


def test_columns_without_a_figure_are_left_out_and_the_rest_keep_their_kind():
    rows = [("a", "–", "1", "x"), ("b", "–", "–", "–")]
    table = tables.Table(
        "", ("A", "B", "C", "D"), rows, frozenset({1, 2}), {0: "m"}, frozenset({3})
    )
    filled = table.filled()
    assert filled.head == ("A", "C", "D")
    assert filled.rows == [("a", "1", "x"), ("b", "–", "–")]
    assert (filled.figures, filled.codes, filled.stressed) == ({1}, {2}, {0: "m"})


def test_classes_of_anomalies_hold_no_deposits(fabricate):
    table = tables.classes(read(fabricate().forget_deposits().metrics))
    assert table.head == ("Class", "Share of the area (%)")
    assert table.rows == [("A", "1.00")]


def test_what_rounds_to_nought_has_no_sign():
    assert tables.number(-0.004) == "0.00"
    assert tables.number(-0.006) == "−0.01"


def test_twenty_targets_are_listed(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    one = made.targets.iloc[[0] * 30].reset_index(drop=True)
    made.targets = one.assign(rank=range(1, 31))
    table = tables.targets(open_run(made.write()), "new")
    assert len(table.rows) == 20
    assert table.caption == "Targets on new ground, by rank (20 of 30)"


def test_layers_with_their_reach(run_folder):
    table = tables.layers(open_run(run_folder))
    assert len(table.rows) == 9
    assert table.rows[0] == ("Ag", "element", "clr", "2.0", "clr, then inverse distance")


@pytest.mark.parametrize(
    ("metres", "text"), [(0.0, "0"), (250.0, "0.25"), (1200.0, "1.2"), (float("nan"), "–")]
)
def test_a_reach_in_kilometres(run_folder, metres, text):
    run = open_run(run_folder)
    run.layers[:] = [replace(run.layers[0], reach=metres)]
    assert tables.layers(run).rows[0][3] == text


def test_folds_by_hand(content):
    table = tables.folds(read(content))
    assert table.rows[1] == ("1", "1", "4", "1\u202f001", "1\u202f521")


def test_elements_as_they_were_counted():
    survey = {
        "elements": [
            {
                "symbol": "Au",
                "column": "Au_ppb",
                "unit": "ppb",
                "n": 7230,
                "missing": 0,
                "censored": 12,
                "min": 0.00325,
                "median": 1.5,
                "max": 18450.0,
                "share_at_lowest": 0.0312,
            },
            {"symbol": "Te", "column": None, "unit": None},
        ]
    }
    table = tables.elements(survey)
    assert table.rows[0] == (
        *("Au", "Au_ppb", "ppb", "7\u202f230", "0", "12"),
        *("0.00325", "1.5", "18\u202f450", "3.1"),
    )
    assert table.rows[1] == ("Te", *["–"] * 9)
    assert tables.elements({}).rows == []


def test_inputs_with_size_and_hash():
    given = {"inputs": [{"path": "/data/sub/a.csv", "bytes": 2048, "sha256": "ff" * 32}]}
    table = tables.inputs(given, "/data/")
    assert table.rows == [("sub/a.csv", "2.0 kB", "ff" * 32)]
    assert table.caption == "Input files (1) in /data/"
    assert tables.inputs(given, "").rows[0][0] == "/data/sub/a.csv"


def test_other_inputs_are_named_from_the_shared_folder():
    faults = {"layer": "faults", "kind": "faults", "what": "3 lines", "source": ""}
    raster = {"layer": "mag", "kind": "raster", "what": "9 cells", "source": "/data/m.tif"}
    assert tables.other_inputs({"layers": [faults, raster]}, "/data/").rows == [
        ("faults", "faults", "3 lines", "–"),
        ("mag", "raster", "9 cells", "m.tif"),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.71, "71 (62–79)"),
        (float("nan"), "–"),
    ],
)
def test_estimates(value, text):
    made = Interval(value, 0.62, 0.79)
    assert tables.estimate(made, percent=True, digits=0) == text
    assert tables.estimate(None, percent=True, digits=0) == "–"


def test_an_interval_below_nought_reads_without_confusion():
    made = Interval(-0.1, -0.3, -0.05)
    assert tables.estimate(made, percent=False, digits=2) == "−0.10 (−0.30 to −0.05)"
