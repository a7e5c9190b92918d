"""The proof, from the samples on: what a fold hides moves nothing that is fitted.

Concentrations of the samples in a fold's test region are randomised, the evidence is built anew,
and the held-out deposits are moved; what the fold fits stays bit for bit the same.
"""

from dataclasses import replace

import numpy as np
import pytest

from orecast.config import Training
from orecast.evidence import build_evidence
from orecast.samples import NegativeRule, Sampling, deposit_sampling
from orecast.samples.protocols import Spatial
from orecast.survey import read_survey
from orecast.training import build_model
from orecast.validation import Recipe, cross_predict


class Fixed:
    """One fold, whatever the sampling says."""

    grow_first = False
    words = ""

    def __init__(self, fold):
        self.fold = fold

    def folds(self, sampling, reach):
        yield self.fold


def fitted_states(recipe_of, evidence, sampling, fold, folder):
    models = []

    def remembered():
        models.append(build_model("logistic-regression", {}, Training()))
        return models[-1]

    cross_predict(recipe_of(remembered), evidence, sampling, Fixed(fold), seed=0)
    models[0].save(folder)
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def other_survey(survey, inside):
    values = survey.values.copy()
    rng = np.random.default_rng(5)
    values[inside] *= np.exp(rng.normal(0, 2, values[inside].shape))
    return replace(survey, values=values)


@pytest.mark.parametrize("interpolator", ["idw", "spline"])
@pytest.mark.parametrize("window", [4, 5])
def test_randomised_test_regions_leave_every_fold_the_same(
    configured, interpolator, window, tmp_path
):
    config = configured(f"evidence.interpolator={interpolator}", f"sampling.window={window}")
    survey = read_survey(config)
    evidence = build_evidence(survey, config)
    grid = evidence.grid
    at = grid.cell(np.column_stack([survey.deposits.geometry.x, survey.deposits.geometry.y]))
    places, _ = deposit_sampling(at, window)
    xy = np.column_stack([survey.samples.geometry.x, survey.samples.geometry.y])
    cells = grid.cell(xy)

    def recipe_of(model):
        return Recipe(model, window, negatives=NegativeRule("kmeans", window), target="Au")

    folds = list(Spatial(3, window, grid.shape, 1000.0).folds(places, evidence.reach))
    for k, fold in enumerate(folds):
        inside = grid.inside(cells)
        inside[inside] = fold.region[cells[inside, 0], cells[inside, 1]]
        assert inside.sum() > 50
        other = build_evidence(other_survey(survey, inside), config)
        assert not np.array_equal(other.stack, evidence.stack)
        region = np.argwhere(fold.region)
        moved = places.at.copy()
        drawn = np.random.default_rng(k).integers(0, len(region), len(fold.test))
        moved[fold.test] = region[drawn]
        elsewhere = Sampling(moved, places.y, places.group, places.origin)
        a = fitted_states(recipe_of, evidence, places, fold, tmp_path / f"a{k}")
        b = fitted_states(recipe_of, other, elsewhere, fold, tmp_path / f"b{k}")
        assert a == b


def test_what_is_fitted_on_all_samples_is_said(configured):
    for settings in (
        ("evidence.interpolator=kriging",),
        ("composition.censored=lognormal",),
    ):
        config = configured(*settings)
        survey = read_survey(config)
        build_evidence(survey, config)
        assert survey.findings.of("fitted-on-all")
