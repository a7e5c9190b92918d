from pathlib import Path

from orecast.cli.show import show_prediction
from orecast.workflow import Prediction


def interval(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def prediction(**changes):
    row = {
        "name": "random-forest",
        "percentile": interval(0.81),
        "auc": interval(0.824),
        "top_area": {"0.05": interval(0.25), "0.1": interval(0.375)},
    }
    metrics = {
        "model": "random-forest",
        "applicability": {"share_inside": 0.634},
        "protocol": {"deposits": "8 places with deposits", "held_back": None},
        "scores": [row],
        "undiscovered": [],
        "classes": {"sentence": "As in training: classes."},
        "caveats": ["what it has seen"],
    }
    columns = ("rank", "class", "area_km2", "score_max", "reasons", "lon", "lat")
    target = dict.fromkeys(columns, "7") | {"reasons": "Au, As", "ground": "new"}
    return Prediction(Path("north"), metrics | changes, [target], ["the run recommends [another]"])


def test_what_is_shown(capsys):
    show_prediction(prediction())
    said = capsys.readouterr().out
    assert "63.4 % of the area lies in the model's area of applicability" in said
    assert "Deposits: 8 places with deposits." in said
    assert "Test-only deposits" not in said
    (scored,) = (line for line in said.splitlines() if line.startswith("random-forest  "))
    assert scored.split() == ["random-forest", "81", "71", "to", "91", "0.82", "25", "38"]
    assert "the run recommends [another]" in said
    assert "Note on random-forest: what it has seen" in said
    assert "Au, As" in said
    assert str(Path("north", "prospectivity.tif")) in said


def test_without_deposits_or_targets_there_are_no_such_tables(capsys):
    show_prediction(Prediction(Path("n"), prediction(scores=[], protocol={
        "deposits": None, "held_back": None}).metrics, [], []))  # fmt: skip
    said = capsys.readouterr().out
    assert "Percentile" not in said
    assert "First targets" not in said


def test_bad_input_ends_in_one_message_and_writes_nothing(orecast, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text("[samples]\npath = 'samples.csv'\n", encoding="utf-8")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[samples]\npath = 'samples.csv'\npth = 1\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    for words, message in (
        ((tmp_path / "nowhere", other), "not a finished run"),
        ((tmp_path, other), "not a finished run"),
        ((other, other), "not a finished run"),
        ((tmp_path, tmp_path / "gone.toml"), "no such file"),
        ((tmp_path, wrong), "unknown key"),
        ((tmp_path, other, "--set", "sead=1"), "unknown key"),
        ((tmp_path, other, "--output", tmp_path / "inside"), "the run's folder"),
    ):
        output = () if "--output" in words else ("--output", tmp_path.parent / "prediction")
        code, said, complained = orecast("predict", *words, *output)
        assert (code, said) == (1, "")
        assert message in complained
        assert complained.strip().startswith("Error ")
        assert len(complained.split("\n")) <= 3
    assert sorted(tmp_path.iterdir()) == before
    assert not (tmp_path.parent / "prediction").exists()


def test_settings_are_handed_on_as_such(orecast, tmp_path, monkeypatch):
    asked = {}

    def predict(run, config, output, **given):
        asked.update(given)
        return prediction_

    prediction_ = prediction()
    monkeypatch.setattr("orecast.workflow.run_prediction", predict)
    other = tmp_path / "other.toml"
    other.write_text("[samples]\npath = 'samples.csv'\n", encoding="utf-8")
    assert orecast("predict", tmp_path, other, "--set", "model.name=svm")[0] == 0
    assert list(asked["settings"]) == ["model.name=svm"]


def test_wrong_usage_is_2_and_help_shows_an_example(orecast):
    assert orecast("predict", "run")[0] == 2
    code, said, _ = orecast("predict", "--help")
    assert code == 0
    assert "Example: orecast predict" in said


def test_help_names_the_tables_that_are_taken_over(orecast):
    code, said, _ = orecast("predict", "--help")
    assert code == 0
    assert "composition, evidence, faults and geology" in " ".join(said.split())
