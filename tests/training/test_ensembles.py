from dataclasses import replace

import numpy as np
import pytest

from orecast.config import Training
from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.sampling.windows import Needs
from orecast.training import build_model, load_model
from orecast.training.ensembles import PercentileRank, _strictest, visible_windows
from orecast.training.inner_parts import member_seed

RECIPE = Training(epochs=1, batch=16)
FOREST = {"random-forest": {"trees": 5}}
NETWORK = {"resnet18": {"width": 2, "dropout": 0.5, "passes": 4}}


def ensemble(**options):
    return build_model("ensemble", options, RECIPE)


def forest(district, seed):
    return build_model("random-forest", FOREST["random-forest"], RECIPE).fit(*district, seed=seed)


def test_of_one_member_it_is_that_member_bit_for_bit(district):
    X, *_ = district
    model = ensemble(members=["random-forest"], member_options=FOREST).fit(*district, seed=3)
    alone = forest(district, member_seed(3, 0)).predict(X)
    np.testing.assert_array_equal(model.predict(X), alone)
    np.testing.assert_array_equal(model.draws(X), alone[None])


def test_of_two_it_is_their_mean_and_these_are_its_draws(district):
    X, *_ = district
    names = ["random-forest", "logistic-regression"]
    model = ensemble(members=names, member_options=FOREST).fit(*district, seed=3)
    first = forest(district, member_seed(3, 0)).predict(X)
    second = build_model("logistic-regression", {}, RECIPE).fit(*district, seed=0).predict(X)
    np.testing.assert_array_equal(model.draws(X), [first, second])
    np.testing.assert_array_equal(model.predict(X), (first + second) / 2)


def test_seeds_are_members_of_their_own(district):
    X, *_ = district
    options = {"members": ["random-forest", "random"], "seeds": 3, "member_options": FOREST}
    model = ensemble(**options).fit(*district, seed=1)
    draws = model.draws(X)
    assert draws.shape == (6, 40)
    assert len(np.unique(draws, axis=0)) == 6
    np.testing.assert_array_equal(draws[2], forest(district, member_seed(1, 2)).predict(X))
    np.testing.assert_allclose(model.predict(X), draws.mean(axis=0), rtol=1e-15)


def test_ranks_by_hand():
    """Half of ties count; evenly between reference scores, and on to 0 and 1."""
    rank = PercentileRank.among(np.array([0.5, 0.1, 0.5, 0.9]))
    assert rank.scores.tolist() == [0, 0.1, 0.5, 0.9, 1]
    assert rank.shares.tolist() == [0, 0.125, 0.5, 0.875, 1]
    got = rank(np.array([0.0, 0.05, 0.1, 0.3, 0.5, 0.9, 0.95, 1.0]))
    np.testing.assert_allclose(got, [0, 0.0625, 0.125, 0.3125, 0.5, 0.875, 0.9375, 1])


@pytest.mark.parametrize("reference", [[0.0], [1.0], [0.3], [0.0, 1.0]])
def test_a_reference_of_few_scores_ranks_all_the_same(reference):
    rank = PercentileRank.among(np.array(reference))
    got = rank(np.linspace(0, 1, 11))
    assert (np.diff(got) >= 0).all()
    assert rank(np.array(reference)) == pytest.approx(
        (np.arange(len(reference)) + 0.5) / len(reference)
    )


def test_ranks_are_counted_in_the_visible_map_and_their_mean_is_the_score(district):
    X, *_ = district
    options = {"members": ["random-forest", "logistic-regression"], "member_options": FOREST}
    plain = ensemble(**options).fit(*district, seed=2)
    model = ensemble(**options, combine="rank").fit(*district, seed=2)
    among = plain.draws(X.at_cells(np.argwhere(np.ones((30, 30)))))  # 900 cells: all of the map
    scores = plain.draws(X)
    for reference, score, rank in zip(among, scores, model.draws(X), strict=True):
        below = (reference < score[:, None]).mean(axis=1)
        up_to = (reference <= score[:, None]).mean(axis=1)
        np.testing.assert_allclose(rank, (below + up_to) / 2, atol=1e-12)
    np.testing.assert_allclose(model.predict(X), model.draws(X).mean(axis=0), rtol=1e-15)


def test_no_scale_of_scores_moves_a_rank(district):
    """A member whose scores are squeezed counts as before."""
    X, *_ = district
    model = ensemble(members=["logistic-regression"], combine="rank").fit(*district, seed=0)
    squeezed = ensemble(
        members=["logistic-regression"],
        combine="rank",
        member_options={"logistic-regression": {"strength": 1e4}},
    ).fit(*district, seed=0)
    assert np.ptp(squeezed.fitted_[0].predict(X)) < 0.1 * np.ptp(model.fitted_[0].predict(X))
    assert np.corrcoef(squeezed.predict(X), model.predict(X))[0, 1] > 0.95


def test_what_is_ranked_among_is_visible_and_has_values(district):
    X, *_ = district
    stack = X.stack.copy()
    stack[1, 4, 4] = np.nan
    hidden = np.zeros((30, 30), dtype=bool)
    hidden[:, 10:] = True
    filled = visible_windows(replace(X, stack=stack, hidden=hidden), 2000, 0)
    assert len(filled) == 300 - 1
    assert (filled.at[:, 1] < 10).all()
    whole = visible_windows(replace(X, stack=stack, hidden=hidden, scaling=None), 2000, 0)
    assert np.isfinite(whole.batch()).all()
    assert len(whole) == 26 * 6 - 5 * 5  # 5 x 5 windows inside, less those that hold the gap
    few = visible_windows(X, 7, 3)
    assert len(few) == len(np.unique(few.at, axis=0)) == 7
    assert not np.array_equal(few.at, visible_windows(X, 7, 4).at)
    with pytest.raises(ModelError, match="scores cannot be ranked"):
        visible_windows(replace(X, hidden=np.ones_like(hidden)), 7, 0)


def test_what_needs_no_labels_never_sees_a_deposit(district):
    X, y, group = district
    seen = []
    model = ensemble(members=["random-forest", "random"], member_options=FOREST)
    build = model._built

    def watched(name):
        member = build(name)
        fit = member.fit
        member.fit = lambda X, y, group, seed: (
            seen.append((name, X.at, y)) or fit(X, y, group, seed=seed)
        )
        return member

    model._built = watched
    model.fit(X, y, group, seed=0)
    (_, all_at, labels), (name, at, blind) = seen
    assert name == "random"
    np.testing.assert_array_equal(labels, y)
    np.testing.assert_array_equal(all_at, X.at)
    np.testing.assert_array_equal(at, X.at[y == 0])
    assert np.isnan(blind).all()


def test_of_members_that_need_no_labels_it_needs_none(district):
    X, y, group = district
    model = ensemble(members=["random"], seeds=2)
    assert not model.needs.labels
    scores = model.fit(X, y * np.nan, group, seed=0).predict(X)
    np.testing.assert_array_equal(scores, model.fit(X, y, group, seed=0).predict(X))
    with pytest.raises(SamplingError, match="must be 0 or 1, not nan"):
        ensemble().fit(X, y * np.nan, group, seed=0)


def test_networks_train_resume_report_and_draw(district, tmp_path):
    X, *_ = district
    reports = []
    options = {"members": ["resnet18", "random-forest"], "member_options": NETWORK | FOREST}
    model = build_model(
        "ensemble",
        options,
        RECIPE,
        window=5,
        checkpoints=tmp_path / "checkpoints",
        progress=lambda *p: reports.append(p[:2]),
    ).fit(*district, seed=0)
    assert reports == [(1, 1)]
    assert len(list((tmp_path / "checkpoints" / "resnet18").iterdir())) == 1
    draws = model.draws(X)
    assert draws.shape == (4 + 1, 40)
    np.testing.assert_array_equal(draws[4], model.fitted_[1].predict(X))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.draws(X), draws)


def test_the_strictest_needs():
    needs = {"a": Needs(3, "odd", False, ("fault",)), "b": Needs(5, labels=True)}
    assert _strictest(needs) == Needs(5, "odd", True, ("fault",))
    with pytest.raises(ConfigError, match="a odd, b even"):
        _strictest({"a": Needs(parity="odd"), "b": Needs(parity="even")})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seeds": 0}, r"model\.options\.seeds: must be a whole number from 1 to 1,000"),
        ({"seeds": True}, r"model\.options\.seeds"),
        ({"seeds": 10**9}, r"model\.options\.seeds: .*5 to 10, which is enough"),
        ({"combine": "median"}, r"model\.options\.combine"),
    ],
)
def test_impossible_options(options, words):
    with pytest.raises(ConfigError, match=words):
        ensemble(**options)


def test_a_members_impossible_option_says_whose_it_is():
    with pytest.raises(ConfigError, match=r"^model\.options\.member_options\.random-forest\.trees"):
        ensemble(member_options={"random-forest": {"trees": 0}})


def test_a_members_option_refused_in_fit_says_whose_it_is(district):
    layer = {"single-layer": {"layer": "no such layer"}}
    model = ensemble(members=["single-layer"], member_options=layer)
    with pytest.raises(ConfigError, match=r"^model\.options\.member_options\.single-layer\.layer"):
        model.fit(*district, seed=0)
