import numpy as np
import pytest

from orecast.config import Training
from orecast.samples import NegativeRule
from orecast.samples.protocols import Paper, Spatial
from orecast.training import build_model
from orecast.validation import Recipe, cross_predict

SIZE = 5


def recipe(name="logistic-regression", **options):
    return Recipe(lambda: build_model(name, options, Training()), SIZE)


def spatial(evidence, n=4):
    return Spatial(n, SIZE, evidence.grid.shape, 1000.0)


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
    assert again.words == whole.words


def test_the_paper_protocol_grows_first_and_flatters(evidence, places):
    protocol = Paper(4, SIZE, evidence.grid.shape, 1000.0)
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
    assert "known" in fitted.words


def test_negatives_keep_their_distance_in_cells(evidence, places):
    rule = NegativeRule("distance", 7)
    fitted = Recipe(recipe().model, SIZE, negatives=rule).fit(evidence, places, hidden=None, seed=3)
    barren = fitted.rows.at[fitted.rows.y == 0]
    assert np.hypot(*(barren[:, None] - places.at[None]).transpose(2, 0, 1)).min() >= 7
