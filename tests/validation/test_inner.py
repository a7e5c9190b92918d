"""What is chosen inside a training part: by hand, and on a small map."""

import itertools
import json

import numpy as np
import pytest
from scipy import special

from orecast.config import Training
from orecast.grid import windows_touching
from orecast.metrics import percentiles
from orecast.sampling import MapGeometry
from orecast.splits.spatial import Spatial
from orecast.training import build_model
from orecast.validation import Calibration, Recipe, cross_predict, inner
from orecast.validation.inner import calibrate_inside

SIZE = 5
RANKS = (np.arange(1000) + 0.5) / 1000  # of a region's cells, no two alike


class Counted:
    """A model factory that counts what it builds."""

    def __init__(self, name="logistic-regression"):
        self.name = name
        self.built = 0

    def __call__(self):
        self.built += 1
        return build_model(self.name, {}, Training())


class Stretched:
    """A model factory; each model in turn bends its scores in the next way."""

    def __init__(self, *ways):
        self.ways = itertools.cycle(ways)

    def __call__(self):
        model, bent = build_model("logistic-regression", {}, Training()), next(self.ways)
        plain = model.predict
        model.predict = lambda X: bent(plain(X))
        return model


def calibrated(evidence, ore, model=None, *, hidden=None, folds=2, labels=True):
    """The calibration of a recipe that was fitted to all the deposit cells it may see."""
    model = model or Counted()
    recipe = Recipe(model, SIZE, labels=labels)
    fitted = recipe.fit(evidence, ore, hidden=hidden, seed=0)
    model.built = 0
    protocol = Spatial(MapGeometry(evidence.valid, 1000.0, SIZE), folds)
    return calibrate_inside(recipe, fitted, evidence, ore, protocol, hidden=hidden, seed=0)


def test_a_calibration_by_hand():
    """Normal scores 1, 2 and 0 of three places and two more at 0."""
    found = Calibration.of(special.ndtr([1.0, 2.0, 0.0]))
    assert found.curve.slope == pytest.approx(3 / 5)
    assert (
        found.threshold == 0.5
    )  # F1 = 2 / (1 + 0.5 + 1) = 0.80; 0.73 from 0.84 on, 0.49 from 0.98
    p = found.curve(RANKS, 10)
    assert p.sum() == pytest.approx(10, rel=1e-9)
    assert np.diff(special.logit(p)) == pytest.approx(0.6 * np.diff(special.ndtri(RANKS)))


@pytest.mark.parametrize("ranks", [[0.5, 0.5, 0.5], [0.1, 0.6, 0.4], [0.01]])
def test_no_better_than_chance_is_the_same_probability_everywhere(ranks):
    p = Calibration.of(np.array(ranks)).curve(RANKS, 20)
    np.testing.assert_allclose(p, 0.02, rtol=1e-9)


def test_a_calibration_survives_json():
    found = Calibration.of(np.array([0.2, 0.9, 0.7]))
    assert found.curve.slope > 0
    assert Calibration.from_dict(json.loads(json.dumps(found.as_dict()))) == found


@pytest.mark.parametrize("name", ["logistic-regression", "mahalanobis"])
def test_each_place_that_may_be_seen_counts_once(name, evidence, places, monkeypatch):
    learned = []
    of = Calibration.of
    monkeypatch.setattr(inner.Calibration, "of", lambda *a: learned.append(a) or of(*a))
    hidden = np.zeros(evidence.grid.shape, dtype=bool)
    hidden[:, :8] = True
    free = ~windows_touching(hidden, SIZE)
    ore = places.take(free[tuple(places.at.T)])
    found = calibrated(evidence, ore, Counted(name), hidden=hidden, labels=name != "mahalanobis")
    ((ranks,),) = learned
    assert len(ranks) == len(ore)
    assert found == of(ranks)


@pytest.mark.parametrize("drawn", [2000, 300])
def test_places_are_ranked_among_the_cells_of_their_inner_fold(
    drawn, evidence, places, monkeypatch
):
    """To the last digit where all cells are scored, and nearly so where some are drawn."""
    monkeypatch.setattr(inner, "_BACKGROUND", drawn)
    found = calibrated(evidence, places)
    recipe = Recipe(Counted(), SIZE)
    ranks = []
    for fold in Spatial(MapGeometry(evidence.valid, 1000.0, SIZE), 2).folds(places, evidence.reach):
        fitted = recipe.fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
        region = fitted.predict(np.argwhere(fold.region & evidence.valid))
        assert 300 < len(region) < 2000
        ranks.append(percentiles(fitted.predict(places.at[fold.test]), region))
    expected = Calibration.of(np.concatenate(ranks))
    off = 0 if drawn == 2000 else 0.1
    assert found.curve.slope == pytest.approx(expected.curve.slope, abs=off or 1e-12)
    assert found.threshold == pytest.approx(expected.threshold, abs=off or 1e-12)


def test_each_models_scale_is_its_own_affair(evidence, places):
    """Scores stretched anew by every model, inner ones too, their order kept: all stays the same.

    Pooled scores would not.
    """

    def predicted(*ways):
        recipe = Recipe(Stretched(*ways), SIZE)
        protocol = Spatial(MapGeometry(evidence.valid, 1000.0, SIZE), 3)
        within = Spatial(MapGeometry(evidence.valid, 1000.0, SIZE), 2)
        return cross_predict(recipe, evidence, places, protocol, seed=0, inner=within)

    plain, stretched = predicted(lambda s: s), predicted(np.sqrt, np.square, lambda s: s / 8)
    assert not np.allclose(plain.map, stretched.map, equal_nan=True)
    for a, b in zip(plain.folds, stretched.folds, strict=True):
        assert a.calibration == b.calibration
        np.testing.assert_array_equal(a.ranks, b.ranks)
    np.testing.assert_array_equal(plain.ranks, stretched.ranks)
    np.testing.assert_array_equal(plain.probabilities, stretched.probabilities)


def test_probabilities_rise_within_a_region_and_sum_to_its_share_of_the_places(evidence, places):
    ground = MapGeometry(evidence.valid, 1000.0, SIZE)
    recipe, within = Recipe(Counted(), SIZE), Spatial(ground, 2)
    answer = cross_predict(recipe, evidence, places, Spatial(ground, 3), seed=0, inner=within)
    probabilities = answer.probabilities
    assert (np.isfinite(probabilities) == evidence.valid).all()
    assert np.nansum(probabilities) == pytest.approx(len(places), rel=1e-9)
    for a in answer.folds:
        mine = probabilities[tuple(a.cells.T)]
        order = np.argsort(a.cell_scores)
        assert (np.diff(mine[order]) >= 0).all()
        assert mine[order[-1]] > 2 * mine[order[0]]
        share = len(a.cells) / evidence.valid.sum()
        assert mine.sum() == pytest.approx(len(places) * share, rel=1e-9)
    some = cross_predict(
        recipe, evidence, places, Spatial(ground, 3), seed=0, inner=within, cells=200
    )
    assert all(a.calibration is not None for a in some.folds)
    assert some.probabilities is None


def test_inner_held_out_places_are_separated(evidence, places):
    """Deposits stand at the highest gold: probabilities rise with the score."""
    found = calibrated(evidence, places)
    assert found.curve.slope > 0
    assert 0 < found.threshold < 1


def test_a_part_that_cannot_be_cut_is_not_calibrated(evidence, places):
    assert calibrated(evidence, places.take(np.array([0, 5]))) is None


def test_a_model_without_labels_is_fitted_no_more(evidence, places):
    """It did not learn from the deposits, so its own scores of them are fair."""
    free, labelled = Counted("mahalanobis"), Counted()
    assert calibrated(evidence, places, free, labels=False) is not None
    assert calibrated(evidence, places, labelled) is not None
    assert (free.built, labelled.built) == (0, 2)
    assert calibrated(evidence, places.take(np.array([0, 5])), free, labels=False) is not None
