"""What is chosen inside a training part: by hand, and on a small map."""

import json

import numpy as np
import pytest

from orecast.config import Training
from orecast.grid import windows_touching
from orecast.samples import Ground
from orecast.samples.protocols.spatial import Spatial
from orecast.training import build_model
from orecast.validation import Calibration, Recipe, inner
from orecast.validation.inner import calibrate_inside

SIZE = 5


class Counted:
    """A model factory that counts what it builds."""

    def __init__(self, name="logistic-regression"):
        self.name = name
        self.built = 0

    def __call__(self):
        self.built += 1
        return build_model(self.name, {}, Training())


def calibrated(evidence, ore, model=None, *, hidden=None, folds=2, labels=True):
    """The calibration of a recipe that was fitted to all the places of ore it may see."""
    model = model or Counted()
    recipe = Recipe(model, SIZE, labels=labels)
    fitted = recipe.fit(evidence, ore, hidden=hidden, seed=0)
    model.built = 0
    protocol = Spatial(Ground(evidence.valid, 1000.0, SIZE), folds)
    return calibrate_inside(recipe, fitted, evidence, ore, protocol, hidden=hidden, seed=0)


def test_the_threshold_weighs_ore_and_background_the_same():
    """F1 by hand: 1, 10 and 1000 cells beneath 0.8, at even weight 0.7 calls all of the ore."""
    scores, y = np.array([0.9, 0.8, 0.7, 0.1]), np.array([1.0, 0.0, 1.0, 0.0])
    found = Calibration.of(scores, y, np.array([1.0, 10.0, 1.0, 1000.0]))
    assert found.threshold == 0.7
    crowded = Calibration.of(scores, y, np.array([1.0, 1000.0, 1.0, 10.0]))
    assert crowded.threshold == 0.7  # 2 / (1 + 1 + 0.99) against 1 / (0.5 + 1)
    four = np.array([0.9, 0.8, 0.8, 0.7, 0.1])
    lost = Calibration.of(four, np.array([1.0, 1, 1, 0, 0]), np.array([1.0, 1, 1, 5, 5]))
    assert lost.threshold == 0.8


def test_probabilities_sum_to_the_deposits_that_were_held_out():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0.6, 0.2, 12), rng.normal(0.4, 0.2, 500)])
    y, weights = np.repeat([1.0, 0.0], [12, 500]), np.repeat([1.0, 7.0], [12, 500])
    found = Calibration.of(scores, y, weights)
    expected = 12 * 13 / 14 + 3500 / 3502  # Platt's targets
    assert (weights * found.platt(scores)).sum() == pytest.approx(expected, abs=1e-6)


def test_a_calibration_survives_json():
    found = Calibration.of(np.array([0.2, 0.9, 0.4]), np.array([0.0, 1.0, 0.0]), np.ones(3))
    assert Calibration.from_dict(json.loads(json.dumps(found.as_dict()))) == found


@pytest.mark.parametrize("name", ["logistic-regression", "mahalanobis"])
def test_each_place_and_each_cell_that_may_be_seen_counts_once(name, evidence, places, monkeypatch):
    told = []
    of = Calibration.of
    monkeypatch.setattr(inner.Calibration, "of", lambda *a: told.append(a) or of(*a))
    monkeypatch.setattr(inner, "_BACKGROUND", 300)
    hidden = np.zeros(evidence.grid.shape, dtype=bool)
    hidden[:, :8] = True
    free = ~windows_touching(hidden, SIZE)
    ore = places.take(free[tuple(places.at.T)])
    labels = name != "mahalanobis"
    found = calibrated(evidence, ore, Counted(name), hidden=hidden, labels=labels)
    (_, y, weights), *more = told
    assert not more
    assert y.sum() == len(ore)
    assert (y == 0).sum() == (600 if labels else 300)  # of either inner fold
    assert weights[y == 0].sum() == pytest.approx((evidence.valid & free).sum())
    assert (weights[y == 1] == 1).all()
    assert found == of(*told[0])


def test_what_was_held_out_within_is_told_apart(evidence, places):
    """Deposits stand at the highest gold: probabilities rise with the score."""
    found = calibrated(evidence, places)
    assert found.platt.slope > 0
    assert 0 < found.threshold < 1


def test_a_part_that_cannot_be_cut_is_not_calibrated(evidence, places):
    assert calibrated(evidence, places.take(np.array([0, 5]))) is None


def test_a_model_without_labels_is_fitted_no_more(evidence, places):
    """It has learned no place by heart, so that its own scores of them are honest."""
    free, told = Counted("mahalanobis"), Counted()
    assert calibrated(evidence, places, free, labels=False) is not None
    assert calibrated(evidence, places, told) is not None
    assert (free.built, told.built) == (0, 2)
    assert calibrated(evidence, places.take(np.array([0, 5])), free, labels=False) is not None
