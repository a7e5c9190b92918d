"""Baselines of a run on a small district: refused, interrupted, resumed."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest

from orecast.errors import ModelError
from orecast.metrics import Metrics
from orecast.metrics.results import Verdict
from orecast.run import Run
from orecast.survey import read_survey
from orecast.workflow.run import final_map
from orecast.workflow.run.job import Job
from orecast.workflow.run.running import prepare
from orecast.workflow.run.validating import _test_baselines

KEPT = ("deposit-distance", "mahalanobis", "random")


@pytest.fixture
def job(configured, monkeypatch):
    """A run that is prepared, with three baselines."""
    config = configured("model={name='random-forest', options={trees=5}}")
    every = Job.baselines

    def some(self):
        found, left_out = every(self)
        return {name: found[name] for name in KEPT}, left_out

    monkeypatch.setattr(Job, "baselines", some)
    return prepare(config, Run(config.output, "key"), read_survey(config))


def patched(monkeypatch, name, model):
    """Let a baseline be computed by another model."""
    others = Job.baselines

    def changed(self):
        found, left_out = others(self)
        recipe = replace(found[name].recipe, model=lambda: model(found[name].recipe.model()))
        return found | {name: replace(found[name], recipe=recipe)}, left_out

    monkeypatch.setattr(Job, "baselines", changed)


class Refusing:
    """A model that cannot be fitted."""

    def __init__(self, model):
        self.needs = model.needs

    def fit(self, X, y, group, *, seed):
        raise ModelError("follow from one another", where="layer La", remedy="leave it out")


class Stopped(BaseException):
    pass


class Killed(Refusing):
    """A model during whose fit the run is killed."""

    def fit(self, X, y, group, *, seed):
        raise Stopped


def contents(rows):
    return [row.as_dict() for row in rows]


def test_a_baseline_that_cannot_be_computed_is_left_out_with_its_reason(job, monkeypatch):
    whole, left_out = _test_baselines(job)
    assert [row.name for row in whole] == [*KEPT]
    patched(monkeypatch, "mahalanobis", Refusing)
    job.run.finish()
    rows, without = _test_baselines(job)
    assert contents(rows) == contents([whole[0], whole[2]])
    assert without == left_out | {"mahalanobis": "layer La: follow from one another"}


def test_finished_baselines_are_not_computed_again(job, monkeypatch):
    whole, _ = _test_baselines(job)
    job.run.finish()
    with monkeypatch.context() as patch:
        patched(patch, "mahalanobis", Killed)
        with pytest.raises(Stopped):
            _test_baselines(job)
    patched(monkeypatch, "deposit-distance", Refusing)  # it is not fitted any more
    again, _ = _test_baselines(job)
    assert contents(again) == contents(whole)


def test_a_recommended_map_that_cannot_be_computed_is_replaced_by_the_models(job, monkeypatch):
    sentence = "Random ranks best; its map is the recommended one. The rest stands."
    found = Verdict(recommended="random", sentence=sentence)
    job.metrics = Metrics.model_construct(verdict=found)
    drawn = final_map._recommended(job)
    assert np.isfinite(drawn).any()
    patched(monkeypatch, "random", Refusing)
    assert final_map._recommended(job) is None
    assert job.metrics.verdict.as_dict() == {
        "recommended": "random-forest",
        "sentence": "Random ranks best; its map cannot be computed (layer La: follow from one "
        "another), and random-forest's is recommended. The rest stands.",
    }


@pytest.mark.parametrize("place", ["beyond the map", "without evidence"])
def test_deposits_held_back_off_the_map_are_reported_and_not_scored(job, place):
    grid = job.evidence.grid
    at = np.argwhere(job.evidence.valid)
    on, away = grid.xy(at[[len(at) // 2]]), grid.xy(at[:2])
    if place == "beyond the map":
        away += [[-1e6, 0], [0, 1e6]]
    else:
        data = job.evidence.data.copy(deep=True)
        data[job.evidence.names[0]].values[tuple(at[:2].T)] = np.nan
        job.evidence = replace(job.evidence, data=data)
    score = np.where(job.evidence.valid, np.random.default_rng(0).random(grid.shape), np.nan)

    def held_back(xy):
        points = gpd.GeoSeries.from_xy(*xy.T, crs=job.survey.crs)
        job.survey = replace(job.survey, held_back=gpd.GeoDataFrame(geometry=points))
        job.metrics = Metrics.model_construct(left_out={})
        return final_map._held_back(job, score.astype(np.float32))

    assert held_back(away) is None
    assert job.metrics.left_out == {
        "held_back": "none of these deposits lies where the map has a value"
    }
    found = held_back(np.vstack([away, on]))
    assert found.n == 1
    assert 0 <= found.percentile.value <= 1
    assert job.metrics.left_out == {}
