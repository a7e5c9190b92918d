"""The proof, from the samples on: what a fold hides moves nothing that is fitted.

Concentrations of the samples in a fold's test region are randomised, what is censored or zero among
them too; the evidence is built anew, refitted inside the fold as a run does, and the held-out
deposits are moved. What the fold fits and chooses stays bit for bit the same.
"""

from dataclasses import replace

import numpy as np
import pytest

from orecast.config import Training
from orecast.evidence import build_evidence, refitted
from orecast.sampling import MapGeometry, NegativeRule, Sampling, deposit_sampling
from orecast.splits.spatial import Spatial
from orecast.survey import read_survey
from orecast.survey.concentrations import lowest_seen
from orecast.training import build_model
from orecast.validation import Recipe, cross_predict

CONFIGURATIONS = {
    "idw": (4, ["evidence.interpolator=idw"]),
    "spline": (5, ["evidence.interpolator=spline"]),
    "kriging": (3, ["evidence.interpolator=kriging"]),
    "lognormal": (4, ["composition.censored=lognormal"]),
    "zeros": (5, []),
    "zeros, lognormal": (4, ["composition.censored=lognormal"]),
}
FITTED_TO_SAMPLES = ("kriging", "lognormal", "zeros", "zeros, lognormal")


class Fixed:
    """One fold, whatever the sampling says."""

    words = ""

    def __init__(self, fold):
        self.fold = fold

    def folds(self, sampling, reach):
        return [self.fold]


def with_zeros(survey, zeros):
    """The survey with zeros where it is told, read as a file with them would be."""
    values = survey.values.copy()
    values = np.where(zeros, lowest_seen(values, zeros), values)
    return replace(survey, values=values, censored=survey.censored | zeros, zeros=zeros)


def other_survey(survey, inside):
    """Other concentrations inside the region, some of them censored, and other zeros."""
    rng = np.random.default_rng(5)
    values, censored = survey.values.copy(), survey.censored.copy()
    values[inside] *= np.exp(rng.normal(0, 2, values[inside].shape))
    censored[inside, :6] = rng.random((inside.sum(), 6)) < 0.1  # trace elements
    other = replace(survey, values=values, censored=censored)
    if survey.zeros is None:
        return other
    zeros = survey.zeros.copy()
    zeros[inside] = rng.random(zeros[inside].shape) < 0.1
    zeros[inside, 3:] = False  # an element without zeros elsewhere would be read otherwise
    return with_zeros(other, zeros)


def told(survey, evidence, config, sampling, fold, window, folder, *, refit=True):
    """All models that the fold fits, inside too, and what it chooses by them."""
    models = []

    def remembered():
        models.append(build_model("logistic-regression", {}, Training()))
        return models[-1]

    out = cross_predict(
        Recipe(remembered, window, negatives=NegativeRule("kmeans", window), target="Au"),
        evidence,
        sampling,
        Fixed(fold),
        seed=0,
        inner=Spatial(MapGeometry(evidence.valid, 1000.0, window), 2),
        refit=(lambda hidden: refitted(evidence, survey, config, hidden)) if refit else None,
        spread=True,
    )
    states = []
    for k, model in enumerate(models):
        model.save(folder / str(k))
        states.append({p.name: p.read_bytes() for p in (folder / str(k)).iterdir()})
    answer = out.folds[0]
    return states, answer.calibration, answer.visible_scores.tobytes(), answer.negatives_rule


def both(name, configured, folder, folds, **options):
    """What a fold tells of the survey, and of the survey that is other where it is hidden."""
    window, settings = CONFIGURATIONS[name]
    config = configured(*settings, f"sampling.window={window}")
    survey = read_survey(config)
    if name.startswith("zeros"):
        zeros = np.random.default_rng(3).random(survey.values.shape) < 0.05
        zeros[:, 3:] = False
        survey = with_zeros(survey, zeros)
    evidence = build_evidence(survey, config)
    grid = evidence.grid
    at = grid.cell(np.column_stack([survey.deposits.geometry.x, survey.deposits.geometry.y]))
    places, _ = deposit_sampling(at, window)
    cells = grid.cell(np.column_stack([survey.samples.geometry.x, survey.samples.geometry.y]))
    cut = Spatial(MapGeometry(evidence.valid, 1000.0, window), 3).folds(places, evidence.reach)
    for k in folds:
        fold = cut[k]
        inside = grid.inside(cells)
        inside[inside] = fold.region[tuple(cells[inside].T)]
        assert inside.sum() > 50
        other = other_survey(survey, inside)
        changed = build_evidence(other, config)
        assert not np.array_equal(changed.stack, evidence.stack)
        region = np.argwhere(fold.region)
        moved = places.at.copy()
        drawn = np.random.default_rng(k).integers(0, len(region), len(fold.test))
        moved[fold.test] = region[drawn]
        elsewhere = Sampling(moved, places.y, places.group, places.origin)
        a = told(survey, evidence, config, places, fold, window, folder / f"a{k}", **options)
        b = told(other, changed, config, elsewhere, fold, window, folder / f"b{k}", **options)
        yield a, b


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_randomised_test_regions_leave_every_fold_the_same(name, configured, tmp_path):
    folds = [0, 1, 2] if name in ("idw", "spline") else [1]
    for a, b in both(name, configured, tmp_path, folds):
        assert a == b


@pytest.mark.parametrize("name", FITTED_TO_SAMPLES)
def test_what_is_fitted_to_samples_must_be_refitted(name, configured, tmp_path):
    """The proof can fail: fitted to all samples at once, the same change moves what is learned."""
    for a, b in both(name, configured, tmp_path, [1], refit=False):
        assert a != b
