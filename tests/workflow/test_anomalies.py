"""Maps of anomalies scored on deposits that were kept back, on small surveys made here."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orecast.config import parse
from orecast.errors import ConfigError, ModelError, RunError
from orecast.run import Run
from orecast.survey import read_survey
from orecast.workflow import run_survey
from orecast.workflow.run import anomalies
from orecast.workflow.run.job import no_progress
from orecast.workflow.run.running import prepare

SPAN = 3000.0  # m, less than the 5 km that negatives keep from deposits


def values_of(n, tied):
    """Concentrations of four elements; ``tied`` ones mostly at one value, as below detection."""
    values = np.random.default_rng(0).lognormal(3, 0.4, (n, 4))
    values[: n * 9 // 10, [k < tied for k in range(4)]] = 0.5
    return pd.DataFrame(values, columns=["Cu_ppm", "Pb_ppm", "Zn_ppm", "As_ppm"])


@pytest.fixture
def asked(tmp_path):
    """The configuration of a survey in a small area, with deposits held back at ``places``."""

    def make(places=((500, 700), (1500, 1900), (2500, 500)), tied=0, **tables):
        x, y = (axis.ravel() for axis in np.meshgrid(*2 * (np.arange(0, SPAN + 1, 250.0),)))
        samples = pd.DataFrame({"x": 5e5 + x, "y": 7e6 + y}).join(values_of(len(x), tied))
        samples.to_csv(tmp_path / "samples.csv", index=False)
        held = pd.DataFrame(np.add(places, [5e5, 7e6]), columns=["x", "y"])
        held.to_csv(tmp_path / "held.csv", index=False)
        crs = "EPSG:32755"
        table = {
            "output": str(tmp_path / "run"),
            "samples": {"path": str(tmp_path / "samples.csv"), "x": "x", "y": "y", "crs": crs},
            "held_back": {"path": str(tmp_path / "held.csv"), "x": "x", "y": "y", "crs": crs},
            "evidence": {"cell_size": 150, "radius": 500},
            "sampling": {"window": 5},
            "model": {"name": "isolation-forest"},
        }
        return parse(table | tables, where="run.toml")

    return make


def prepared(config, seen=None):
    told = (lambda *said: seen.append(said)) if seen is not None else no_progress
    return prepare(config, Run(config.output, "key"), read_survey(config), told)


def scored(job):
    """Rows and what is left out, of a map that rises with the column."""
    columns = np.broadcast_to(np.arange(job.evidence.grid.shape[1]), job.evidence.grid.shape)
    score = np.where(job.evidence.valid, columns, np.nan).astype(np.float32)
    return anomalies._scored(job, score)


def test_in_a_small_area_the_map_is_scored_but_not_against_distant_samples(asked):
    rows, left_out = scored(prepared(asked()))
    assert {row.protocol for row in rows} == {"unseen"}
    assert {row.name for row in rows} >= {"isolation-forest", "mahalanobis", "random"}
    assert list(left_out) == ["negative-draws"]
    assert "lies 5 km or more from each of 3 deposit cells" in left_out["negative-draws"]
    assert left_out["negative-draws"].startswith("validation.options.min_distance: ")
    json.dumps([row.as_dict() for row in rows])  # no map is left among the scores


@pytest.mark.parametrize("protocol", ["spatial", "negative-draws"])
def test_the_remedy_works(asked, protocol):
    validation = {"protocol": protocol, "options": {"min_distance": 400, "draws": 7}}
    rows, left_out = scored(prepared(asked(validation=validation)))
    assert left_out == {}
    drawn = [row for row in rows if row.protocol == "negative-draws"]
    assert len(drawn) == len(rows) / 2
    assert len(drawn[0].extra["auc"]) == 7
    assert "at least 0.4 km" in drawn[0].sentence


@pytest.mark.parametrize(
    ("options", "message"),
    [({"block": 9}, "negative-draws has no option"), ({"min_distance": -1}, "min_distance")],
)
def test_other_options_are_refused_before_anything_is_computed(asked, options, message):
    with pytest.raises(ConfigError, match=message):
        prepared(asked(validation={"options": options}))


def test_a_detector_that_cannot_be_computed_is_left_out_with_its_reason(asked):
    seen = []
    rows, left_out = scored(prepared(asked(tied=3), seen))
    assert {row.name for row in rows} >= {"isolation-forest", "singularity", "random"}
    assert "mahalanobis" not in {row.name for row in rows}
    assert "depend linearly on each other" in left_out["mahalanobis"]
    assert {done == total for what, done, total in seen if what == "Scoring detectors"} == {
        False,
        True,
    }


def test_finished_detectors_are_not_computed_again(asked, monkeypatch):
    job = prepared(asked())
    whole = scored(job)
    job.run.finish()
    drawn = []

    def killed(fitted, evidence, **more):
        if len(drawn) == 3:
            raise KeyboardInterrupt
        drawn.append(fitted)
        return anomalies_predict_map(fitted, evidence, **more)

    anomalies_predict_map = anomalies.predict_map
    with monkeypatch.context() as patch:
        patch.setattr(anomalies, "predict_map", killed)
        with pytest.raises(KeyboardInterrupt):
            scored(job)
    kept = sorted(job.run.folder.rglob("map.npz"))
    assert len(kept) == 3
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:-50])
    count = []
    monkeypatch.setattr(
        anomalies,
        "predict_map",
        lambda *given, **more: count.append(1) or anomalies_predict_map(*given, **more),
    )
    rows, left_out = scored(job)
    assert [row.as_dict() for row in rows] == [row.as_dict() for row in whole[0]]
    assert left_out == whole[1]
    assert len(count) == len({row.name for row in whole[0]}) - 2  # the model, and one kept


def test_a_full_disk_is_no_refusal(asked, monkeypatch):
    job = prepared(asked())

    def full(*_, **__):
        raise RunError("cannot write (No space left on device)")

    monkeypatch.setattr(anomalies, "predict_map", full)
    with pytest.raises(RunError, match="No space"):
        scored(job)


def test_deposits_where_the_map_has_no_value_are_reported(asked):
    job = prepared(asked())
    points = job.survey.held_back.translate(9000)
    job.survey = replace(job.survey, held_back=job.survey.held_back.set_geometry(points))
    assert scored(job) == (
        [],
        {"held_back": "none of these deposits lies where the map has a value"},
    )
    score = np.full(job.evidence.grid.shape, np.nan, dtype=np.float32)
    sentence = anomalies._metrics(job, score).verdict.sentence
    assert "no test-only deposit lies where the map has a value" in sentence


@pytest.mark.parametrize("places", [[(500, 700)], [(500, 700), (510, 710)]], ids=["one", "near"])
def test_one_place_is_scored_too(asked, places):
    rows, _ = scored(prepared(asked(places)))
    assert {len(row.places) for row in rows} == {1}


def test_without_baselines_the_model_is_scored_alone(asked):
    rows, left_out = scored(prepared(asked(validation={"baselines": False})))
    assert [row.name for row in rows] == ["isolation-forest"]
    assert list(left_out) == ["negative-draws"]


@pytest.mark.slow
def test_a_small_area_with_tied_elements_is_mapped_to_the_end(asked):
    summary = run_survey(asked(tied=3))
    reasons = summary.metrics["left_out"]
    assert {"mahalanobis", "negative-draws"} <= set(reasons)
    assert (summary.folder / "targets.gpkg").is_file()
    page = (summary.folder / "report.html").read_text(encoding="utf-8")
    assert "Scores that were left out" in page
    assert all(reason.split(":")[-1].strip() in page for reason in reasons.values())


def test_a_finished_run_says_the_same_when_it_is_resumed(asked):
    config = asked(tied=3)
    first = run_survey(config)
    assert first.metrics["anomalies"]
    again = run_survey(config, resume=True)
    assert again.metrics.keys() == first.metrics.keys()
    assert again.targets == first.targets


def test_a_model_that_refuses_still_ends_the_run(asked):
    with pytest.raises(ModelError, match="depend linearly on each other"):
        run_survey(asked(tied=3, model={"name": "mahalanobis"}))
