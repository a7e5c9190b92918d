from dataclasses import replace

import numpy as np
import pytest

from orecast.config import Training
from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.metrics import bootstrap_mean, percentiles, share_interval
from orecast.sampling import MapGeometry, NegativeRule, deposit_sampling
from orecast.splits import build_protocol
from orecast.splits.paper import Paper
from orecast.splits.spatial import Spatial
from orecast.training import build_model
from orecast.training.generators import build_step
from orecast.validation import Recipe, cross_predict

SIZE = 5


def recipe(name="logistic-regression", **options):
    return Recipe(lambda: build_model(name, options, Training()), SIZE)


def spatial(evidence, n=4):
    return Spatial(MapGeometry(evidence.valid, 1000.0, SIZE), n)


def test_each_cell_with_evidence_is_spoken_for_once(evidence, places):
    answer = cross_predict(recipe(), evidence, places, spatial(evidence), seed=0, spread=True)
    np.testing.assert_array_equal(np.isfinite(answer.map), evidence.valid)
    np.testing.assert_array_equal(answer.fold >= 0, evidence.valid)
    assert sorted(answer.rows) == list(range(len(places)))
    at = places.at[answer.rows]
    np.testing.assert_allclose(answer.map[at[:, 0], at[:, 1]], answer.scores, rtol=1e-6)
    assert (answer.spread[evidence.valid] > 0).any()


def test_a_learnable_signal_is_learned_and_a_random_map_is_not(evidence, places):
    def mean_rank(name, **options):
        answer = cross_predict(recipe(name, **options), evidence, places, spatial(evidence), seed=0)
        ranks = []
        for k in range(4):
            mine = answer.row_fold == k
            region = answer.map[answer.fold == k]
            ranks += [(region < s).mean() for s in answer.scores[mine]]
        return np.mean(ranks)

    assert mean_rank("single-layer", layer="Au", sign="fold") > 0.85
    assert mean_rank("best-layer") > 0.85
    assert mean_rank("logistic-regression") > 0.85
    assert mean_rank("random") == pytest.approx(0.5, abs=0.25)


def test_a_stopped_validation_goes_on_where_it_stopped(evidence, places, tmp_path):
    whole = cross_predict(recipe(), evidence, places, spatial(evidence), seed=0, store=tmp_path)
    (tmp_path / "fold-3.npz").unlink()
    fitted = []

    def counted():
        fitted.append(1)
        return build_model("logistic-regression", {}, Training())

    again = cross_predict(
        Recipe(counted, SIZE), evidence, places, spatial(evidence), seed=0, store=tmp_path
    )
    assert len(fitted) == 1
    np.testing.assert_array_equal(whole.map, again.map)
    assert again.negatives_rule == whole.negatives_rule


def test_the_paper_protocol_grows_first_and_flatters(evidence, places):
    protocol = Paper(MapGeometry(evidence.valid, 1000.0, SIZE), 4)
    forest = recipe("random-forest", trees=30)
    answer = cross_predict(forest, evidence, places, protocol, seed=0)
    y = answer.sampling.y[answer.rows]
    assert len(answer.rows) == len(answer.sampling) > 9 * len(places)
    assert np.isnan(answer.map).all()
    assert ((answer.scores > 0.5) == (y == 1)).mean() > 0.9


def test_the_final_fit_hides_nothing_and_slides(evidence, places):
    fitted = recipe().fit(evidence, places, hidden=None, seed=0)
    ore = fitted.rows.y == 1
    assert ore.sum() > 6 * len(places)
    assert (fitted.rows.y == 0).sum() == ore.sum()
    assert set(fitted.rows.origin[ore]) == set(range(len(places)))


def test_known_barren_places_take_the_place_of_chosen_ones(evidence, places):
    barren = np.array([[20, 20], [40, 50]])
    known = Recipe(recipe().model, SIZE, barren=barren, shift=0)
    fitted = known.fit(evidence, places, hidden=None, seed=0)
    assert fitted.rows.at[fitted.rows.y == 0].tolist() == barren.tolist()
    assert "known" in fitted.negatives_rule


def test_no_visible_barren_places_is_an_error_with_a_remedy(evidence, places):
    barren, hidden = places.at[:1], np.zeros_like(evidence.valid)
    hidden[tuple(barren.T)] = True
    known = Recipe(recipe().model, SIZE, barren=barren)
    with pytest.raises(
        SamplingError,
        match=r"\[barren\]: .*no known barren places left.*delete \[barren\]",
    ):
        known.check_fit(evidence, places, hidden=hidden, seed=0)


def test_negatives_keep_their_distance_in_cells(evidence, places):
    rule = NegativeRule("distance", 7)
    fitted = Recipe(recipe().model, SIZE, negatives=rule).fit(evidence, places, hidden=None, seed=3)
    barren = fitted.rows.at[fitted.rows.y == 0]
    assert np.hypot(*(barren[:, None] - places.at[None]).transpose(2, 0, 1)).min() >= 7


def leave_pair_out(evidence, pairs):
    ground = MapGeometry(evidence.valid, 1000.0, SIZE)
    return build_protocol("leave-pair-out", {"pairs": pairs}, ground, n_folds=5, seed=0)


def test_regions_may_overlap_and_a_place_be_tested_often(evidence, places):
    protocol = leave_pair_out(evidence, 30)
    answer = cross_predict(recipe(), evidence, places, protocol, seed=0)
    assert len(answer.folds) == 30
    assert set(answer.rows) == set(range(len(places)))
    assert sorted(np.bincount(answer.rows)) == [2] * 12 + [3] * 2
    assert all(len(a.cells) == len(a.cell_scores) == 1 for a in answer.folds)
    np.testing.assert_array_equal(answer.row_fold, np.arange(30))
    assert np.iinfo(answer.fold.dtype).max > 182**2  # all pairs of 182 places


def test_each_tested_row_knows_its_fold(evidence, places):
    answer = cross_predict(recipe(), evidence, places, spatial(evidence, 3), seed=0)
    sizes = [len(a.test) for a in answer.folds]
    assert len(set(sizes)) > 1  # unequal, or nothing is shown
    for k, a in enumerate(answer.folds):
        np.testing.assert_array_equal(answer.rows[answer.row_fold == k], a.test)
        np.testing.assert_array_equal(answer.scores[answer.row_fold == k], a.scores)


def test_a_resumed_validation_gives_the_same(evidence, places, tmp_path):
    ensemble = recipe("ensemble", members=["logistic-regression", "best-layer"])

    def run(**options):
        inner = spatial(evidence, 2)
        chosen = {"seed": 0, "inner": inner, "spread": True, "store": tmp_path} | options
        return cross_predict(ensemble, evidence, places, spatial(evidence), **chosen)

    first = run()
    (tmp_path / "fold-1.npz").unlink()
    again = run()
    afresh = run(store=None)
    for other in (again, afresh):
        np.testing.assert_array_equal(first.map, other.map)
        np.testing.assert_array_equal(first.spread, other.spread)
        np.testing.assert_array_equal(first.scores, other.scores)
        for a, b in zip(first.folds, other.folds, strict=True):
            assert a.calibration == b.calibration is not None
            assert (a.negatives_rule, a.hidden_cells, a.visible_cells) == (
                b.negatives_rule,
                b.hidden_cells,
                b.visible_cells,
            )
            np.testing.assert_array_equal(a.visible_scores, b.visible_scores)
            np.testing.assert_array_equal(a.cells, b.cells)


def test_the_spread_is_that_of_all_members_of_all_folds(evidence, places):
    members = {"members": ["logistic-regression", "best-layer", "random-forest"]}
    small = {"member_options": {"random-forest": {"trees": 5}}}
    ensemble = recipe("ensemble", **members, **small)
    answer = cross_predict(ensemble, evidence, places, spatial(evidence, 3), seed=0, spread=True)
    everywhere = np.argwhere(evidence.valid)
    draws = []
    for fold in spatial(evidence, 3).folds(places, evidence.reach):
        fitted = ensemble.fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
        draws += [
            m.predict(replace(fitted.windows.at_cells(everywhere), hidden=None))
            for m in fitted.model.fitted_
        ]
    assert len(draws) == 9
    expected = np.std(draws, axis=0, ddof=1)
    np.testing.assert_allclose(answer.spread[evidence.valid], expected, rtol=1e-4, atol=1e-6)
    assert np.isnan(answer.spread[~evidence.valid]).all()


@pytest.mark.parametrize("spread", [False, True])
def test_a_tested_place_ties_with_its_own_cell(spread, evidence, places):
    """To the last bit, not as float32; and where a network is thinned to draw its spread."""
    thinned = {"width": 8, "dropout": 0.5, "passes": 3}
    for name, options, off in (("random-forest", {"trees": 30}, 0), ("resnet18", thinned, 1e-6)):
        training = Training(epochs=1)
        model = Recipe(lambda n=name, o=options, t=training: build_model(n, o, t), SIZE)
        answer = cross_predict(model, evidence, places, spatial(evidence, 2), seed=0, spread=spread)
        for a in answer.folds:
            own = {tuple(c): s for c, s in zip(a.cells.tolist(), a.cell_scores, strict=True)}
            at = [own[tuple(c)] for c in places.at[a.test].tolist()]
            np.testing.assert_allclose(at, a.scores, rtol=0, atol=off)


def test_evidence_is_refitted_once_a_fold(evidence, places):
    asked = []

    def refit(hidden):
        asked.append(hidden)
        values = evidence.layer("Au") + len(asked)
        return Evidence(evidence.grid, evidence.data.assign(Au=evidence.data.Au.copy(data=values)))

    answer = cross_predict(
        recipe("single-layer", layer="Au"),
        evidence,
        places,
        spatial(evidence),
        seed=0,
        refit=refit,
        inner=spatial(evidence, 2),
    )
    folds = spatial(evidence).folds(places, evidence.reach)
    assert len(asked) == len(answer.folds) == 4
    for hidden, fold in zip(asked, folds, strict=True):
        np.testing.assert_array_equal(hidden, fold.hidden)
    plain = cross_predict(
        recipe("single-layer", layer="Au"), evidence, places, spatial(evidence), seed=0
    )
    np.testing.assert_allclose(answer.scores, plain.scores, atol=1e-5)  # a shift is scaled away
    assert not np.array_equal(answer.scores, plain.scores)


def test_nothing_is_chosen_inside_where_nothing_was_asked_for(evidence, places):
    answer = cross_predict(recipe(), evidence, places, spatial(evidence), seed=0)
    assert all(a.calibration is None for a in answer.folds)
    assert all(a.visible_scores.size == 0 for a in answer.folds)
    assert answer.spread is None


def test_layers_that_are_named_are_read_alone_and_negatives_chosen_by_all(evidence, places):
    rule = NegativeRule("kmeans", 5, 4)
    alone = replace(recipe(), layers=("Cu",), negatives=rule, target="Au")
    fitted = alone.fit(evidence, places, hidden=None, seed=0)
    assert fitted.names == ("Cu",)
    every = replace(alone, layers=None).fit(evidence, places, hidden=None, seed=0)
    np.testing.assert_array_equal(fitted.rows.at, every.rows.at)


def test_a_model_without_labels_learns_from_cells_that_it_may_see(evidence, places):
    unlabelled = Recipe(lambda: build_model("mahalanobis", {}, Training()), SIZE, labels=False)
    fold = spatial(evidence).folds(places, evidence.reach)[0]
    fitted = unlabelled.fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
    assert np.isnan(fitted.rows.y).all()
    free = evidence.valid & ~windows_touching(fold.hidden, SIZE)
    assert len(fitted.rows) == free.sum()
    assert free[tuple(fitted.rows.at.T)].all()


def test_a_random_map_is_worth_nothing_and_its_interval_says_so(evidence):
    """100 random maps of 14 random deposits: 0.5 on average, in 95 % of the intervals."""
    noise = recipe("random")
    noise = replace(noise, labels=False)
    cells = np.argwhere(evidence.valid)
    found = []
    for seed in range(100):
        drawn = np.random.default_rng([seed, 1]).choice(len(cells), 14, replace=False)
        ore, _ = deposit_sampling(cells[drawn], SIZE)
        answer = cross_predict(noise, evidence, ore, spatial(evidence), seed=seed)
        ranks = np.concatenate([percentiles(a.scores, a.cell_scores) for a in answer.folds])
        groups = ore.group[answer.rows]
        found.append(bootstrap_mean(ranks, seed=seed, groups=groups))
    mean = bootstrap_mean([f.value for f in found], seed=0)
    assert mean.low < 0.5 < mean.high
    assert mean.high - mean.low < 0.04
    held = share_interval(sum(f.low <= 0.5 <= f.high for f in found), len(found))
    assert held.low < 0.95 < held.high


def test_chosen_negatives_can_be_slid(evidence, places):
    """Both classes grow alike: no position of a chosen place is lost."""
    slides = build_step("slide", {"shift": 2}), build_step("slide", {"shift": 1}, label=0)
    for plan, margin, apart in ((slides, 3, 5), (slides[:1], 2, 4), ((), 0, 0)):
        found = replace(recipe(), shift=0, ratio=3.0, plan=plan, negatives=NegativeRule("random"))
        rows, _ = found.labelled_rows(evidence, places, evidence.valid, 0)
        r, c = rows.at[rows.y == 0].T
        assert len(r) == 3 * len(places)
        nearest = np.minimum.reduce([r - 2, 47 - r, c, 59 - c]).min()  # two rows have no values
        assert nearest >= margin
        assert nearest < margin + 2  # up to there
        steps = np.abs(rows.at[rows.y == 0][:, None] - places.at[None]).max(axis=2)
        assert steps.min() > apart
    drawn = build_step("slide", {"shift": 2}, to=99)
    same = [
        replace(found, plan=steps).labelled_rows(evidence, places, evidence.valid, 0)[0].at
        for steps in ((drawn,), ())
    ]
    np.testing.assert_array_equal(*same)
