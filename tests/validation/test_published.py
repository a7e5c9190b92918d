"""The papers' own tests: what they grow, when they cut, and what they call ore."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from orecast.config import ScreeningOptions, Training
from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.grid import Grid
from orecast.metrics import f1_optimal_threshold
from orecast.sampling import MapGeometry, Sampling
from orecast.sampling.augmentation import Copying, Step
from orecast.splits.paper import GivenSplit, Paper
from orecast.training import build_model
from orecast.training.generators import build_step
from orecast.validation import Recipe, cross_predict, published_predict
from orecast.validation.published import divided

SHAPE = (300, 320)
QUARTERS = build_step("turns", {"flips": False}, times=4)
MFAF = (
    build_step("smote", {"neighbours": 5}, label=1, times=4),
    build_step("noise", {"variance": 0.01}, label=0, n=16),
)


class Remembering:
    """Scores by the first layer's own cell; remembers the windows that it was given."""

    def __init__(self, **options):
        self.options = options
        self.learned, self.asked = [], []

    def build(self):
        return self

    def fit(self, X, y, group, *, seed):
        self.learned.append((X, y, group))
        return self

    def predict(self, X):
        self.asked.append(X)
        return 1 / (1 + np.exp(-X.centre()[:, 0].astype(np.float64)))


class Voting(Remembering):
    """Calls by the second layer, whatever it scores."""

    def labels(self, X):
        return X.centre()[:, 1] > 0


@pytest.fixture(scope="module")
def wide():
    """Two layers of noise over a wide grid."""
    grid = Grid(CRS("EPSG:32645"), Affine(1000, 0, 500_000, 0, -1000, 4_600_000), SHAPE)
    found = Evidence.empty(grid)
    for seed, name in enumerate(("Au", "Cu")):
        values = np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)
        found = found.adding(name, values, kind="element", origin="test", reach=0.0)
    return found


def rows_of(ore, barren, step=18):
    """Places far apart: the ore ones first."""
    at = np.argwhere(np.ones((SHAPE[0] // step, SHAPE[1] // step))) * step + step // 2
    at = np.random.default_rng(0).permutation(at)[: ore + barren]
    return Sampling.of(at, np.repeat([1.0, 0.0], [ore, barren]), np.arange(ore + barren))


def published(model, wide, rows, definition, plan=(), size=9, **options):
    recipe = Recipe(model.build, size, shift=0, plan=tuple(plan))
    recipe = replace(recipe, **{k: options.pop(k) for k in ("labels", "screening") if k in options})
    protocol = Paper(MapGeometry(wide.valid, 1000.0, size), definition=definition)
    rows = protocol.rows(rows)
    settings = {"seed": 0, "negatives_rule": "given"} | options
    return published_predict(recipe, wide, rows, protocol, **settings)


def both(y):
    return int((y == 1).sum()), int((y == 0).sum())


def sides(oof, k=0):
    """Labels learned from and tested in a fold."""
    answer = oof.folds[k]
    return both(oof.sampling.y[answer.train]), both(oof.sampling.y[answer.test])


@pytest.mark.parametrize(("trim", "all_share"), [(0, False), (9, False), (10, True)])
def test_a_trim_counts_in_what_both_sides_share(wide, trim, all_share):
    """Places 18 cells apart on every side, whose windows have 9 cells."""
    rows = rows_of(30, 70)
    protocol = Paper(MapGeometry(wide.valid, 1000.0, 9, trim=trim), definition="ssgsnet")
    protocol.folds(protocol.rows(rows), 0.0)
    share = int(protocol.words.split(" %")[0].rsplit(" ", 1)[1])
    assert share > 80 if all_share else share == 0


def test_ssgsnet_splits_what_it_grew_80_to_20(wide):
    """11 + 11 places, 64 shifts, four turns, noise on half: 2,816 + 2,816."""
    plan = [
        build_step("slide", {"shift": 14, "step": 4}),
        QUARTERS,
        build_step("noise", {"variance": 0.01}, share=0.5),
    ]
    oof = published(Remembering(), wide, rows_of(11, 11, 30), "ssgsnet", plan, size=32)
    assert both(oof.sampling.y) == (2816, 2816)
    assert sides(oof) == ((2253, 2253), (563, 563))
    answer = oof.folds[0]
    assert answer.n_training == (2253, 2253)
    assert sorted([*answer.train, *answer.test]) == list(range(5632))


def test_copies_of_one_place_stand_on_both_sides_where_windows_are_grown_first(wide):
    model = Remembering()
    plan = [build_step("slide", {"shift": 1}), QUARTERS]
    oof = published(model, wide, rows_of(6, 6), "ssgsnet", plan)
    train, test = (oof.sampling.take(side) for side in (oof.folds[0].train, oof.folds[0].test))
    assert set(test.origin) <= set(train.origin) == set(range(12))
    (learned, _, group), tested = model.learned[0], model.asked[0]
    np.testing.assert_array_equal(learned.at, train.at)
    np.testing.assert_array_equal(group, train.group)
    # the very same cell, turned otherwise: a sum over the window is learned by heart
    sums = {round(float(v), 3) for v in learned.batch().sum(axis=(1, 2, 3))}
    same = [round(float(v), 3) in sums for v in tested.batch().sum(axis=(1, 2, 3))]
    assert np.mean(same) > 0.9
    assert "100 % of the tested windows share cells" in oof.protocol_words


def test_mfaf_grows_either_part_from_its_own_places(wide):
    """342 + 86 tiles, 70 of them ore, to 524 = 224 + 300 and 130 = 56 + 74."""
    step = 14
    model = Remembering()
    rows = rows_of(70, 358, step)
    assert len(rows) == 428
    oof = published(model, wide, rows, "mfaf", MFAF, size=3)
    assert sides(oof) == ((224, 300), (56, 74))
    answer = oof.folds[0]
    assert answer.n_training == (224, 300)
    np.testing.assert_array_equal(answer.train, np.arange(524))
    np.testing.assert_array_equal(answer.test, np.arange(524, 654))
    train, test = (oof.sampling.take(side) for side in (answer.train, answer.test))
    assert len(np.unique(train.origin)) == 342
    assert len(np.unique(test.origin)) == 86
    assert not set(train.origin) & set(test.origin)
    tested = model.asked[0]
    ends = tested.origin[tested.origin[:, 1] >= 0]  # two tested ore tiles behind each of SMOTE's
    assert len(ends) == 42
    assert set(test.y[ends.ravel()]) == {1.0}
    assert ends.max() < 86


@pytest.mark.parametrize(("definition", "kept"), [("mfaf", True), ("ssgsnet", False)])
def test_elements_are_screened_where_the_paper_screened(definition, kept, wide):
    """A layer equal to the training labels and opposite to the test labels."""
    rows = rows_of(40, 60)
    protocol = Paper(MapGeometry(wide.valid, 1000.0, 3), definition=definition)
    (fold,) = protocol.folds(rows, 0.0)
    values = np.random.default_rng(9).normal(size=SHAPE).astype(np.float32) / 100
    values[tuple(rows.at.T)] += rows.y
    values[tuple(rows.at[fold.test].T)] = 1 - rows.y[fold.test]
    leaky = wide.adding("leaky", values, kind="element", origin="test", reach=0.0)
    screening = ScreeningOptions(method="correlation", threshold=0.8, keep=["Au"])
    model = Remembering()
    published(model, leaky, rows, definition, size=3, screening=screening)
    assert ("leaky" in model.learned[0][0].names) == kept


def test_resgcn_is_balanced_first_and_cut_in_ten(wide):
    plan = [build_step("noise", balance=True)]
    oof = published(Remembering(), wide, rows_of(20, 90), "resgcn", plan, size=1)
    assert both(oof.sampling.y) == (90, 90)
    assert len(oof.folds) == 10
    assert [sides(oof, k) for k in range(10)] == [((81, 81), (9, 9))] * 10
    assert sorted(oof.rows) == list(range(180))
    seen = [set(oof.sampling.origin[a.test]) & set(oof.sampling.origin[a.train]) for a in oof.folds]
    assert all(seen)


def test_what_a_generator_made_lies_nowhere(wide):
    plan = [build_step("vae", {"epochs": 1, "width": 8}, label=1, n=20)]
    oof = published(Remembering(), wide, rows_of(20, 40), "grown-split", plan, size=1)
    made = oof.sampling.origin == -1
    assert made.sum() == 20
    assert (oof.sampling.group[made] == -1).all()
    assert "0 % of the tested windows share cells" in oof.protocol_words
    assert "25 % were made by a generator fitted to training and test rows" in oof.protocol_words


def test_resnet50_leaves_the_tiles_that_it_tests_as_they_are(wide):
    model = Remembering()
    plan = [build_step("slide", {"shift": 4}, label=1, to=212), build_step("noise", share=1.0)]
    rows = rows_of(10, 225, 16)
    oof = published(model, wide, rows, "resnet50", plan)
    assert sides(oof)[0] == (212, 225)
    assert sum(sides(oof)[1]) == 144
    answer = oof.folds[0]
    tiles = oof.sampling.take(answer.test)
    protocol = Paper(MapGeometry(wide.valid, 1000.0, 9), definition="resnet50")
    expected = protocol.rows(rows).take(np.arange(235, 235 + 144))
    np.testing.assert_array_equal(tiles.at, expected.at)
    np.testing.assert_array_equal(tiles.y, expected.y)
    scaled = model.asked[0].batch()[:, 0]
    r, c = tiles.at[5]
    au = wide.layer("Au")
    own = (au[r - 4 : r + 5, c - 4 : c + 5] - au.mean()) / au.std()
    np.testing.assert_allclose(scaled[5], own, atol=1e-5)


def test_gk_dcn_calls_from_the_best_f1_on_what_it_learned_from(wide):
    model = Voting()
    oof = published(model, wide, rows_of(84, 84, 20), "gk-dcn")
    assert sides(oof) == ((68, 68), (16, 16))
    answer = oof.folds[0]
    (X, y, _) = model.learned[0]
    threshold = f1_optimal_threshold(y, model.predict(X))
    np.testing.assert_array_equal(answer.positive, answer.scores >= threshold)
    assert not np.array_equal(answer.positive, answer.scores >= 0.5)


def test_elsewhere_a_model_calls_by_its_own_labels(wide):
    rows = rows_of(30, 30)
    for model in (Voting(), Remembering()):
        answer = published(model, wide, rows, "ssgsnet").folds[0]
        by_vote = wide.layer("Cu")[tuple(rows.at[answer.test].T)] > wide.layer("Cu").mean()
        by_score = answer.scores >= 0.5
        assert not np.array_equal(by_vote, by_score)
        own = by_vote if isinstance(model, Voting) else by_score
        np.testing.assert_array_equal(answer.positive, own)
        assert answer.false_positive_rate is None


def test_a_model_without_labels_learns_what_no_step_made_and_is_tested_on_all(wide):
    model = Remembering()
    plan = [build_step("noise", balance=True)]
    oof = published(model, wide, rows_of(20, 90), "resgcn", plan, size=1, labels=False)
    assert [sides(oof, k)[1] for k in range(10)] == [(9, 9)] * 10
    for (X, y, group), answer in zip(model.learned, oof.folds, strict=True):
        real = answer.train[answer.train < 110]
        assert len(real) < len(answer.train)
        np.testing.assert_array_equal(X.at, oof.sampling.at[real])
        np.testing.assert_array_equal(group, oof.sampling.group[real])
        assert np.isnan(y).all()
        assert answer.n_training == (0, 0)
    assert set(oof.sampling.y) == {0.0, 1.0}


def test_the_authors_own_split_is_taken_as_it_is(wide):
    rows = rows_of(84, 84, 20)
    order = np.random.default_rng(3).permutation(168)
    train, test = np.sort(order[:136]), np.sort(order[136:])
    ground = MapGeometry(wide.valid, 1000.0, 9)
    split = GivenSplit(train, test, ground, "gk-dcn")
    model = Remembering()
    plan = (build_step("slide", {"shift": 1}),)
    recipe = Recipe(model.build, 9, plan=plan)
    oof = published_predict(recipe, wide, rows, split, seed=0, negatives_rule="")
    answer = oof.folds[0]
    np.testing.assert_array_equal(answer.train, train)
    np.testing.assert_array_equal(answer.test, test)
    np.testing.assert_array_equal(oof.sampling.at, rows.at)  # nothing is grown
    assert answer.n_training == both(rows.y[train])
    assert oof.protocol_words == "the authors' own windows, 136 for training and 32 for testing"
    threshold = f1_optimal_threshold(rows.y[train], model.predict(model.learned[0][0]))
    np.testing.assert_array_equal(answer.positive, answer.scores >= threshold)
    twice = GivenSplit(train, np.append(test, train[0]), ground, "gk-dcn")
    with pytest.raises(SamplingError, match="136 training rows and 33 test rows do not contain"):
        published_predict(recipe, wide, rows, twice, seed=0, negatives_rule="")


@pytest.mark.parametrize("definition", ["ssgsnet", "mfaf", "resnet50", "gk-dcn", "resgcn"])
def test_a_stopped_test_goes_on_where_it_stopped(definition, wide, tmp_path):
    def run(model, **options):
        plan = [build_step("smote", {"neighbours": 2}, label=1, times=2)]
        return published(model, wide, rows_of(20, 30), definition, plan, size=3, **options)

    calls = []
    settings = {"store": tmp_path, "progress": lambda *call: calls.append(call)}
    first = run(Voting(), **settings)
    n = len(first.folds)
    assert calls == [("fold", k, n) for k in range(n + 1)]
    (tmp_path / f"fold-{n - 1}.npz").unlink()
    model = Voting()
    again = run(model, **settings)
    assert len(model.learned) == 1
    for a, b in zip(first.folds, again.folds, strict=True):
        for name in ("train", "test", "scores", "positive", "cells", "cell_scores"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert (a.n_training, a.negatives_rule, a.false_positive_rate) == (
            b.n_training,
            b.negatives_rule,
            b.false_positive_rate,
        )
        assert b.positive.dtype == bool
    np.testing.assert_array_equal(first.sampling.at, again.sampling.at)
    assert np.isnan(again.map).all()
    assert again.map.shape == SHAPE


def test_cross_predict_hands_over(evidence, places):
    protocol = Paper(MapGeometry(evidence.valid, 1000.0, 5), definition="ssgsnet")
    recipe = Recipe(
        lambda: build_model("logistic-regression", {}, Training()), 5, shift=0, plan=(QUARTERS,)
    )
    oof = cross_predict(recipe, evidence, places, protocol, seed=0)
    assert both(oof.sampling.y) == (56, 56)
    assert sides(oof) == ((45, 45), (11, 11))
    assert "barren cells" in oof.negatives_rule
    np.testing.assert_array_equal(oof.positive, oof.scores >= 0.5)


def counts(plan, y):
    """Positive and negative rows at a plan's end."""
    found = dict.fromkeys((1.0, 0.0), 0) | {label: int((y == label).sum()) for label in (1.0, 0.0)}
    for step in plan:
        now = np.repeat([1.0, 0.0], [found[1.0], found[0.0]])
        for label, n in step.amounts(now).items():
            found[label] += n
    return found[1.0], found[0.0]


def test_numbers_of_both_parts_are_divided_by_the_tested_share():
    train, test = np.repeat([1.0, 0.0], [56, 286]), np.repeat([1.0, 0.0], [14, 72])
    parts = divided(MFAF, train, test, 0.2)
    assert [counts(p, y) for p, y in zip(parts, (train, test), strict=True)] == [
        (224, 300),
        (56, 74),
    ]
    plan = [Step(Copying, to=400), Step(Copying, times=2, label=1)]
    parts = divided(plan, train, test, 0.2)
    assert [counts(p, y) for p, y in zip(parts, (train, test), strict=True)] == [
        (640, 320),
        (160, 80),
    ]
    plan = [Step(Copying, times=2, label=1), Step(Copying, to=200, label=1)]
    parts = divided(plan, train, test, 0.2)
    assert [counts(p, y) for p, y in zip(parts, (train, test), strict=True)] == [
        (160, 286),
        (40, 72),
    ]
    with pytest.raises(SamplingError, match="there are 70 ore windows already"):
        divided([Step(Copying, to=69)], train, test, 0.2)
    unchanged = divided([Step(Copying, n=0)], train, test, 0.2)
    assert [counts(p, y) for p, y in zip(unchanged, (train, test), strict=True)] == [
        (56, 286),
        (14, 72),
    ]
