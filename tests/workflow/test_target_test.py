"""Targets are drawn with deposits hidden, and scored; the choice of ``auto`` is part of it."""

import shutil
from functools import partial

import numpy as np
import pytest
from scipy import ndimage

from orecast.config import read
from orecast.errors import SamplingError
from orecast.metrics.results import Metrics
from orecast.run import read_sealed
from orecast.workflow import run_survey
from orecast.workflow.run import target_test
from orecast.workflow.run.target_test import compute, read_job
from orecast.workflow.workers import work_off

SMALL = (
    "evidence.cell_size=1000",
    "evidence.radius=1500",
    "validation={folds=3, baselines=false, repetitions=2}",
    "sampling.window=3",
)


@pytest.fixture(scope="module")
def run_of_auto(district, once):
    """A finished run of auto with its targets tested."""

    def make(folder):
        run_survey(read(district, [f"output='{folder.as_posix()}'", *SMALL]))

    return once("auto-targets", make)


@pytest.fixture(scope="module")
def metrics(run_of_auto):
    text = (run_of_auto / "metrics.json").read_text(encoding="utf-8")
    return Metrics.model_validate_json(text)


def test_each_map_that_could_be_chosen_is_scored_for_each_number(metrics):
    test = metrics.target_test
    names = {score.name for score in test.scores}
    assert {"auto", "ensemble", "random-forest", "best-layer", "mahalanobis"} <= names
    assert test.repetitions == 2
    for score in test.scores:
        assert 0 <= score.hits.value <= score.drawn <= score.n
        assert score.groups <= test.groups
    assert test.of("auto", 10).difference is None
    assert test.of("ensemble", 10).difference is not None
    assert 0 < test.random[5] < test.random[10] < test.random[20] < 5
    assert " targets were drawn with these deposits hidden: " in test.sentence


def test_the_choice_of_each_fold_and_of_the_map_is_kept(metrics):
    assert metrics.model == "auto"
    assert metrics.verdict.recommended == "auto"
    assert len(metrics.chosen.folds) == 3
    names = {score.name for score in metrics.target_test.scores}
    assert {*metrics.chosen.folds, metrics.chosen.final} <= names


def test_bands_of_rank_fall_and_reach_the_table(run_of_auto, metrics):
    import pandas as pd

    shares = [band.hit_share for band in metrics.target_test.bands]
    known = [share for share in shares if np.isfinite(share)]
    assert known == sorted(known, reverse=True)
    table = pd.read_csv(run_of_auto / "targets.csv")
    assert table.loc[table["ground"] != "new", "hit_share"].isna().all()
    new = table[table["ground"] == "new"]
    for share, rank in zip(new["hit_share"], new["rank"], strict=True):
        assert share == pytest.approx(metrics.target_test.hit_share(rank), abs=1e-4, nan_ok=True)


def test_the_samples_behind_the_targets_are_written(run_of_auto):
    import pandas as pd

    samples = pd.read_csv(run_of_auto / "target_samples.csv")
    targets = pd.read_csv(run_of_auto / "targets.csv").set_index(["ground", "rank"])
    assert len(samples)
    for row in samples.itertuples():
        target = targets.loc[(row.ground, row.rank)]
        metres = np.hypot(row.x - target.x, row.y - target.y)
        assert row.distance_km == pytest.approx(metres / 1000, abs=0.002)
        assert row.element in target.reasons


def test_a_worker_computes_the_same_as_this_process(run_of_auto, tmp_path):
    """A fold is the same in any process: nothing but its numbers goes in."""
    folder = tmp_path / "run"
    shutil.copytree(run_of_auto, folder)
    job = read_job(folder, "test")
    scratch = job.run.scratch("targets")
    task = partial(target_test.compute_one, folder, "test", 1, 2, 2)
    work_off([task], scratch, jobs=1, what="", progress=lambda *_: None)
    assert read_sealed(scratch / "1-2.json") == compute(job, 1, 2, 2)


def test_folds_of_a_repetition_are_turned(run_of_auto):
    job = read_job(run_of_auto, "test")
    first, second = (target_test._folds(job, r, 2) for r in (0, 1))
    tested = [sorted(map(tuple, (fold.test.tolist() for fold in f))) for f in (first, second)]
    assert sorted(sum(tested[0], ())) == sorted(sum(tested[1], ()))
    assert tested[0] != tested[1]


@pytest.fixture(scope="module")
def first_fold(run_of_auto):
    """The job, its first fold, how targets are drawn, and the ground on which they are."""
    job = read_job(run_of_auto, "test")
    folds = target_test._folds(job, 0, 2)
    fold = folds[0]
    drawing = target_test.TargetDrawing.of(job.survey, job.evidence, job.config)
    ore = job.places.sampling.take(fold.train)
    fitted = target_test._fitted(job, fold, job.evidence, ore)
    ground = target_test._ground(job, folds, 0, drawing, fitted["auto"])
    return job, fold, drawing, ground


def test_no_target_is_drawn_near_a_deposit_that_the_fold_knows(first_fold):
    job, fold, drawing, ground = first_fold
    known = job.places.xy[~np.isin(job.places.row, fold.test)]
    xy = job.evidence.grid.xy(ground.region[ground.eligible])
    nearest = np.hypot(*(xy[:, None] - known[None]).transpose(2, 0, 1)).min(axis=1)
    assert nearest.min() > drawing.near
    assert len(ground.hidden) == np.isin(job.places.row, fold.test).sum()


@pytest.mark.slow
def test_a_random_map_hits_at_randoms_rate(first_fold):
    """Over many random maps the targets hit as often as targets at random places do."""
    job, _, drawing, ground = first_fold
    spacing = drawing.rule.spacing
    grid, may = job.evidence.grid, np.zeros(job.evidence.grid.shape, dtype=bool)
    may[tuple(ground.region[ground.eligible].T)] = True
    hits = drawn = 0
    for seed in range(100):
        score = np.full(grid.shape, np.nan)
        cells = tuple(ground.region.T)
        score[cells] = np.random.default_rng(seed).random(len(ground.region))
        rough = np.where(np.isfinite(score), score, 0)
        score[cells] = ndimage.gaussian_filter(rough, 1.5)[cells]
        peaks = target_test.Peaks(score, grid, drawing.rule)
        found = peaks.drawn(may[tuple(peaks.at.T)], 10)
        xy = grid.xy(np.array([peak.at for peak in found]).reshape(-1, 2))
        near = [bool(one) for one in target_test._hits(xy, ground, spacing)]
        hits, drawn = hits + sum(near), drawn + len(near)
    expected = target_test._random(job, ground, spacing, [0, 0])[10] / 10
    assert drawn > 300
    assert hits / drawn == pytest.approx(expected, abs=4 * np.sqrt(expected / drawn))


def test_where_a_fold_cannot_be_fitted_the_run_goes_on_and_says_so(district, tmp_path, monkeypatch):
    def refused(*_):
        raise SamplingError("no cell is left for negatives")

    monkeypatch.setattr(target_test, "compute", refused)
    settings = [f"output='{(tmp_path / 'run').as_posix()}'", *SMALL]
    model = "model={name='logistic-regression'}"
    summary = run_survey(read(district, [*settings, model]))
    assert summary.metrics["left_out"] == {"targets": "no cell is left for negatives"}
    assert "target_test" not in summary.metrics
    assert summary.targets
