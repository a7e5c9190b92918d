"""What a fold's answer holds: labels of the model's own, some cells for all, what was learned."""

from dataclasses import replace

import numpy as np
import pytest

from orecast.config import Training
from orecast.errors import RunError
from orecast.metrics import percentiles
from orecast.sampling import MapGeometry
from orecast.splits.spatial import Spatial
from orecast.training import build_model
from orecast.training.generators import build_step
from orecast.validation import Recipe, cross_predict

SIZE = 5


def recipe():
    return Recipe(lambda: build_model("logistic-regression", {}, Training()), SIZE)


def spatial(evidence, n=4):
    return Spatial(MapGeometry(evidence.valid, 1000.0, SIZE), n)


class Voting:
    """Scores by Au, calls by the second layer."""

    def fit(self, X, y, group, *, seed):
        return self

    def predict(self, X):
        return 1 / (1 + np.exp(-X.centre()[:, 0].astype(np.float64)))

    def labels(self, X):
        return X.centre()[:, 1] > 0


def test_a_model_says_what_it_calls_itself(evidence, places):
    for model, own in ((Voting, True), (recipe().model, False)):
        found = Recipe(model, SIZE)
        answer = cross_predict(found, evidence, places, spatial(evidence), seed=0, own_labels=True)
        ore = {tuple(c) for c in places.at.tolist()}
        for k, fold in enumerate(spatial(evidence).folds(places, evidence.reach)):
            a = answer.folds[k]
            fitted = found.fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
            free = np.array([tuple(c) not in ore for c in a.cells.tolist()])
            if own:
                cu = evidence.layer("Cu")
                above = cu > np.nanmean(cu[evidence.valid & ~fold.hidden])
                called, background = (above[tuple(at.T)] for at in (places.at[a.test], a.cells))
            else:
                called, background = a.scores >= 0.5, a.cell_scores >= 0.5
            np.testing.assert_array_equal(a.positive, called)
            np.testing.assert_array_equal(fitted.labels(places.at[a.test]), called)
            assert free.sum() < 2000
            assert a.false_positive_rate == pytest.approx(background[free].mean())
        np.testing.assert_array_equal(
            answer.positive, np.concatenate([a.positive for a in answer.folds])
        )


def test_false_positives_of_a_large_region_are_counted_on_two_thousand_cells(evidence, places):
    asked = []

    class Counting(Voting):
        def labels(self, X):
            asked.append(X.at)
            return super().labels(X)

    cross_predict(
        Recipe(Counting, SIZE), evidence, places, spatial(evidence, 2), seed=0, own_labels=True
    )
    sizes = [len(at) for at in asked[1::2]]
    regions = [f.region & evidence.valid for f in spatial(evidence, 2).folds(places, 1500.0)]
    assert sizes == [min(2000, r.sum() - r[tuple(places.at.T)].sum()) for r in regions]
    assert all(len(np.unique(at, axis=0)) == len(at) for at in asked)


def test_no_labels_are_stored_unless_requested(evidence, places):
    answer = cross_predict(recipe(), evidence, places, spatial(evidence), seed=0)
    assert answer.positive is None
    assert all(a.positive is None and a.false_positive_rate is None for a in answer.folds)


def test_a_large_region_is_ranked_on_a_draw_of_its_cells(evidence, places):
    def run(seed=0, cells=200, **options):
        return cross_predict(
            recipe(), evidence, places, spatial(evidence), seed=seed, cells=cells, **options
        )

    some, whole = run(), run(cells=None)
    assert [len(a.cells) for a in some.folds] == [200] * 4
    assert np.isfinite(some.map).sum() == (some.fold >= 0).sum() == 800
    known = np.isfinite(some.map)
    np.testing.assert_allclose(some.map[known], whole.map[known], rtol=1e-6)
    np.testing.assert_array_equal(some.fold[known], whole.fold[known])
    np.testing.assert_array_equal(some.scores, whole.scores)
    assert all(a.drawn and a.region_cells == len(b.cells) for a, b in _pairs(some, whole))
    assert not any(a.drawn for a in whole.folds)
    assert some.protocol_words.endswith("ranked among at most 200 random cells of its region")
    np.testing.assert_array_equal(run().map, some.map)
    assert not np.array_equal(np.isfinite(run(seed=1).map), known)
    assert run(cells=10**6).protocol_words == whole.protocol_words
    ranks = [[percentiles(a.scores, a.cell_scores) for a in o.folds] for o in (some, whole)]
    for a, b in zip(*ranks, strict=True):
        np.testing.assert_allclose(a, b, atol=0.12)  # 0.035 three times
    with pytest.raises(ValueError, match="needs the whole map"):
        run(spread=True)


def _pairs(a, b):
    return list(zip(a.folds, b.folds, strict=True))


def test_a_fold_is_the_same_after_writing_and_reading(evidence, places, tmp_path):
    def run():
        return cross_predict(
            *(Recipe(Voting, SIZE), evidence, places, spatial(evidence)),
            seed=0,
            own_labels=True,
            cells=50,
            store=tmp_path,
        )

    first, again = run(), run()
    assert len(list(tmp_path.iterdir())) == 4
    for a, b in _pairs(first, again):
        np.testing.assert_array_equal(a.positive, b.positive)
        assert (a.false_positive_rate, a.n_training, a.region_cells, a.drawn) == (
            b.false_positive_rate,
            b.n_training,
            b.region_cells,
            True,
        )
    assert first.protocol_words == again.protocol_words


def test_a_fold_counts_what_it_learned_from(evidence, places):
    plan = (build_step("turns", {"flips": False}, label=1, times=4),)
    grown = replace(recipe(), shift=0, ratio=2.0, plan=plan)
    answer = cross_predict(grown, evidence, places, spatial(evidence), seed=0)
    for a in answer.folds:
        assert a.n_training == (4 * len(a.train), 2 * len(a.train))
    untold = Recipe(lambda: build_model("mahalanobis", {}, Training()), SIZE, labels=False)
    answer = cross_predict(untold, evidence, places, spatial(evidence), seed=0)
    assert {a.n_training for a in answer.folds} == {(0, 0)}


@pytest.fixture
def kept(evidence, places, tmp_path):
    """A store of folds that were finished, and what resumes from it."""

    def resumed():
        return cross_predict(
            recipe(), evidence, places, spatial(evidence), seed=0, spread=True, store=tmp_path
        )

    resumed()
    return tmp_path / "fold-1.npz", resumed


def damaged(content, how):
    """Cut the content of a file short, empty it, or flip bits in it."""
    if how in ("empty", "cut"):
        return content[: 0 if how == "empty" else len(content) // 2]
    flipped = bytearray(content)
    for at in np.random.default_rng(int(how)).integers(0, len(content), 40):
        flipped[at] ^= 0xFF
    return bytes(flipped)


@pytest.mark.parametrize("how", ["empty", "cut", *"0123456789"])
def test_a_damaged_fold_is_named_and_computed_again(kept, how):
    path, resumed = kept
    before = path.read_bytes()
    path.write_bytes(damaged(before, how))
    with pytest.raises(RunError, match=r"fold-1\.npz: the file is damaged\. Remedy: delete it"):
        resumed()
    path.unlink()
    resumed()
    assert path.read_bytes() == before
