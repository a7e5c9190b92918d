"""Probabilities of a final map: from ranks within regions, never from scores of several models."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orecast.metrics import Metrics
from orecast.sampling import Sampling
from orecast.validation import FoldPrediction, OutOfFold
from orecast.workflow.run.final_map import _probability
from orecast.workflow.run.validating import _final_calibration

SHAPE = (30, 60)
BENDS = {
    "plain": lambda s: s,
    "low": lambda s: s / 8,
    "high": lambda s: 1 - (1 - s) / 8,
    "square": np.square,
    "root": np.sqrt,
}


def held_out(seed, skill=1.0, n=12):
    """Three regions side by side, each scored by a model of its own; the deposit cells."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.unravel_index(rng.choice(SHAPE[0] * SHAPE[1], n, replace=False), SHAPE), 1)
    level = rng.normal(size=SHAPE)
    level[tuple(places.T)] += skill
    order = level.ravel().argsort().argsort().reshape(SHAPE)  # steps that no bend lets vanish
    score = ((order + 0.5) / order.size).astype(np.float32)
    fold = np.broadcast_to(np.arange(SHAPE[1]) // 20, SHAPE).astype(np.int16)
    answers = []
    for k in range(3):
        cells = np.argwhere(fold == k)
        test = np.flatnonzero(fold[tuple(places.T)] == k)
        answers.append(
            FoldPrediction(
                train=np.setdiff1d(np.arange(n), test),
                test=test,
                scores=score[tuple(places[test].T)],
                cells=cells,
                cell_scores=score[tuple(cells.T)],
                visible_scores=np.empty(0),
                hidden_cells=len(cells),
                visible_cells=score.size - len(cells),
                region_cells=len(cells),
                negatives_rule="",
                n_training=(2, 2),
            )
        )
    return OutOfFold(score, fold, Sampling.of(places, 1.0), answers, "")


def bent(oof, bends):
    """The same, the scores of each fold bent in its own way, their order kept."""
    score, answers = oof.map.copy(), []
    for k, (answer, bend) in enumerate(zip(oof.folds, bends, strict=True)):
        score[oof.fold == k] = bend(score[oof.fold == k])
        answers.append(
            replace(answer, scores=bend(answer.scores), cell_scores=bend(answer.cell_scores))
        )
    return replace(oof, map=score, folds=answers)


def job_of(oof):
    return SimpleNamespace(
        config=SimpleNamespace(validation=SimpleNamespace(inner_folds=2)),
        places=SimpleNamespace(sampling=oof.sampling),
        evidence=SimpleNamespace(valid=np.isfinite(oof.map)),
        seed=0,
        metrics=Metrics.model_construct(),
    )


def probability_of(oof, final):
    job = job_of(oof)
    job.metrics.calibration = _final_calibration(job, oof)
    return _probability(job, final)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.lists(st.sampled_from(sorted(BENDS)), min_size=4, max_size=4))
def test_only_the_order_within_a_region_and_within_the_final_map_matters(seed, names):
    *folds, last = (BENDS[name] for name in names)
    oof = held_out(seed)
    final = held_out(seed + 100).map
    expected = probability_of(oof, final)
    found = probability_of(bent(oof, folds), last(final))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.floats(-3, 3), st.integers(1, 200))
def test_probabilities_sum_to_the_known_places_and_never_fall(seed, skill, n):
    oof = held_out(seed, skill, n)
    final = np.random.default_rng([seed, 1]).random(SHAPE, dtype=np.float32)
    final[:4] = np.nan
    oof.map[:4] = np.nan  # no evidence there
    probability = probability_of(oof, final)
    known = np.isfinite(final)
    assert probability.dtype == np.float32
    assert (np.isfinite(probability) == known).all()
    assert probability[known].sum(dtype=np.float64) == pytest.approx(n, rel=1e-6)
    assert 0 <= probability[known].min() <= probability[known].max() <= 1
    assert (np.diff(probability[known][np.argsort(final[known])]) >= 0).all()


def test_a_map_that_ranks_its_deposits_low_or_alike_is_flat():
    oof = held_out(0, skill=-1.0)
    for flat in (oof, replace(oof, folds=[level(a) for a in oof.folds])):
        probability = probability_of(flat, held_out(1).map)
        np.testing.assert_allclose(probability, 12 / oof.map.size, rtol=1e-6)


def level(answer):
    return replace(
        answer,
        scores=np.full_like(answer.scores, 0.5),
        cell_scores=np.full_like(answer.cell_scores, 0.5),
    )


def test_a_random_map_is_nearly_flat():
    """The best cell of a random map has, over 40 of them, less than twice the mean chance."""
    best = []
    for seed in range(40):
        probability = probability_of(held_out(seed, skill=0.0, n=30), held_out(seed + 100).map)
        best.append(np.quantile(probability, 0.99) / probability.mean())
    assert np.min(best) > 1 - 1e-6
    assert np.median(best) < 1.3
    assert np.mean(best) < 2


def test_nothing_is_calibrated_where_nothing_is_chosen_inside():
    oof = held_out(0)
    job = job_of(oof)
    job.config.validation.inner_folds = 0
    assert _final_calibration(job, oof) is None
