import pytest

from orecast.metrics import Metrics
from orecast.report import tables as score_tables


@pytest.fixture
def content(fabricate):
    return fabricate(baselines=3, deposits=5).metrics


def read(content):
    return Metrics.model_validate(content)


def test_the_table_of_scores_by_hand(content):
    model = content["scores"][0]
    model["percentile"] = {"value": 0.712, "low": 0.624, "high": 0.786}
    model["auc"] = {"value": 0.7, "low": None, "high": None}
    model["average_precision"] = {"value": 0.00389, "low": 0.00226, "high": 0.01094}
    model["top_area"] = {"0.01": {"value": 0.1, "low": 0.0, "high": 0.25}, "0.1": {"value": None}}
    table = score_tables.scores(read(content))
    own = ("resnet18", "71 (62–79)", "0.70", "0.39 (0.23–1.09)", "10 (0–25)", "–", "–", "–", "–")
    assert table.rows[0] == own
    assert table.rows[1][0] == "layer Ba"
    assert table.rows[1][-2:] == ("−5 (−12 to 2)", "0.12")
    assert table.head[-2:] == ("Model minus this map (points)", "p (paired test)")
    assert table.stressed == {0: "model", 1: "recommended"}
    assert len(table.rows) == 4
    assert table.figures == set(range(1, 9))


def test_an_old_runs_table_has_no_empty_columns(fabricate):
    table = score_tables.scores(read(fabricate(deposits=5).grow_old().metrics))
    assert table.head[1:3] == ("Percentile", "AUC within fold")
    assert len(table.head) == 6


def test_anomalies_are_scored_on_the_whole_map_and_none_is_recommended(fabricate):
    table = score_tables.scores(read(fabricate().forget_deposits().metrics))
    assert table.head == ("Map", "Percentile")
    assert [row[0] for row in table.rows] == ["isolation-forest", "mahalanobis"]
    assert table.stressed == {0: "model"}
    assert "no map has seen" in table.caption


def test_calls_by_hand(content):
    content["scores"][0]["threshold_scores"] |= {
        "balanced_accuracy": {"value": 0.578, "low": 0.517, "high": 0.647},
        "mcc": {"value": -0.1, "low": -0.31, "high": 0.02},
        "kappa": {"value": None},
    }
    table = score_tables.at_threshold(read(content))
    assert table.head[0:3] == ("Map", "Accuracy, balanced (%)", "Precision (%)")
    cells = dict(zip(table.head, table.rows[0], strict=True))
    assert cells["Accuracy, balanced (%)"] == "58 (52–65)"
    assert cells["F1"] == "0.60 (0.52–0.68)"
    assert cells["MCC"] == "−0.10 (−0.31 to 0.02)"
    assert cells["Kappa"] == "–"
    assert table.stressed == {0: "model", 1: "recommended"}


def test_maps_that_called_nothing_are_left_out_and_no_other_is_stressed(content):
    content["scores"][0]["threshold_scores"] = {}
    table = score_tables.at_threshold(read(content))
    assert "resnet18" not in [row[0] for row in table.rows]
    assert table.stressed == {}


def test_crossings_by_hand(content):
    content["scores"][0] |= {
        "prediction_area": {
            "intersection": {"captured": 0.6748, "area": 0.3252, "threshold": 0.6748},
            "normalised_density": 2.0749,
            "weight": 0.7299,
        },
        "brier_skill": {"value": -0.0025, "low": -0.0078, "high": 0.0052},
    }
    rows = score_tables.crossings(read(content)).rows
    assert rows[0] == (
        *("resnet18", "67", "33", "2.07", "0.73"),
        "−0.003 (−0.008 to 0.005)",
    )


def test_other_protocols_stand_beside_the_spatial_folds(content, new_score):
    entry = new_score("resnet18", "model", 0.81, protocol="leave-deposit-out")
    drawn = {
        "name": "resnet18",
        "role": "model",
        "protocol": "negative-draws",
        "auc": {"value": 0.9, "low": 0.8, "high": 0.95},
        "extra": {"spread": 0.0312, "distinct": 4},
    }
    lonely = new_score("gan", "model", 0.6, half=None, protocol="blocks")
    content["scores"] += [entry, drawn, lonely]
    table = score_tables.other_protocols(read(content))
    beside = ("71 (63–79)", "0.70 (0.62–0.78)")
    assert table.rows == [
        ("resnet18", "leave-deposit-out", "81 (73–89)", "0.80 (0.72–0.88)", "–", "–", *beside),
        ("resnet18", "negative-draws", "–", "0.90 (0.80–0.95)", "0.03", "4", *beside),
        ("gan", "blocks", "60", "0.59", "–", "–", "–", "–"),
    ]
    assert table.head[-2:] == ("Percentile, spatial folds", "AUC, spatial folds")


def test_detectors_draws_stand_beside_the_whole_map(fabricate):
    content = fabricate().forget_deposits().metrics
    percentile = content["scores"][0]["percentile"]
    table = score_tables.other_protocols(read(content))
    assert table.head[2:] == (
        *("AUC", "AUC’s spread over draws", "Distinct samples", "Percentile, whole map"),
    )
    assert table.rows[0][:5] == (
        *("isolation-forest", "negative-draws", "0.66 (0.50–0.80)", "0.05", "7"),
    )
    assert table.rows[0][5].startswith(f"{100 * percentile['value']:.0f} (")


def test_parts_keep_what_is_stressed(content):
    table = score_tables.scores(read(content))
    assert table.part(1).stressed == {0: "recommended"}
    assert table.part(2).stressed == {}
    assert [*table.part(0, 2).rows, *table.part(2).rows] == table.rows


def test_published_scores_stand_beside_leak_free_ones_or_not_at_all(content, new_score):
    content["scores"][0]["auc"] = {"value": 0.7, "low": 0.6, "high": 0.8}
    content["scores"] += [
        new_score("resnet18", "model", 0.98, half=None, protocol="paper")
        | {"extra": {"accuracy": 0.9812, "macro_f1": None, "tp": 98}},
        new_score("gan", "model", 0.99, protocol="paper"),
    ]
    table = score_tables.paper_scores(read(content))
    assert table.rows == [
        (
            "resnet18",
            "0.97",
            "0.70 (0.60–0.80)",
            "71 (63–79)",
            "accuracy 0.981, macro f1 –, tp 98",
        )
    ]
    assert not any("0.9" in cell for row in score_tables.scores(read(content)).rows for cell in row)


def test_deposits_by_hand(content):
    content["scores"] = content["scores"][:2]
    for entry, values in zip(content["scores"], [(0.2, 0.9, None), (0.5, None, 0.4)], strict=True):
        entry["per_deposit"] = [
            {"deposit": i, "name": n, "fold": f, "percentile": p}
            for i, (n, f, p) in enumerate(zip(["", " 金山", ""], [0, 1, -1], values, strict=True))
        ]
    table = score_tables.deposits(read(content))
    assert table.head == ("Deposit", "Fold", "Percentile, resnet18", "Percentile, layer Ba")
    assert table.rows == [
        ("金山", "1", "90", "–"),
        ("No. 0", "0", "20", "50"),
        ("No. 2", "–", "–", "40"),
    ]
