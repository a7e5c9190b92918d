import numpy as np
import pytest
from scipy.spatial.distance import cdist

from orecast.config import Training
from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.sampling.windows import Scaling, Windows
from orecast.training import Network, build_model, load_model
from orecast.training.inner_parts import (
    check_search,
    resolve_searched,
    search_epochs,
    to_choose,
    trials,
)

RECIPE = Training(epochs=10, batch=32, rate=3e-3)
ADAPTIVE = {"alpha": "adaptive", "width": 8}


class Caller:
    """Says ore where the first layer is above its cut; knows what it was given."""

    def __init__(self, cut, impossible, fits):
        self.fits = fits
        self.cut = cut
        self.impossible = impossible

    def fit(self, X, y, group, *, seed):
        if self.cut in self.impossible:
            raise ModelError(f"no {self.cut}")
        self.fits.append((self.cut, X.at, group, seed, self))
        return self

    def predict(self, X):
        self.asked = X.at
        return (X.centre()[:, 0] > self.cut).astype(float)


@pytest.fixture
def deposits():
    """Six deposits of four cells; the first layer is 1 on ore, and -1 or 0.5 on barren ground."""
    rng = np.random.default_rng(5)
    centres = np.stack(np.meshgrid([10, 30], [10, 40, 70]), -1).reshape(-1, 2)
    ore = (centres[:, None] + np.argwhere(np.ones((2, 2)))).reshape(-1, 2)
    barren = np.array([(r, c) for r in range(0, 40, 5) for c in range(20, 100, 30)])
    layers = rng.normal(size=(4, 40, 100)).astype("f4")
    layers[0] = np.where(rng.random((40, 100)) < 0.5, -1, 0.5)
    layers[0, ore[:, 0], ore[:, 1]] = 1
    layers[1] = layers[0] + 0.8 * layers[1]  # |r| of some 0.7
    layers[2] = layers[0] + 2 * layers[2]  # |r| of some 0.4
    scaling = Scaling(np.zeros(4, "f4"), np.ones(4, "f4"))
    names, kinds = ("Au", "As", "Sb", "Hg"), ("element",) * 4
    X = Windows(layers, names, np.concatenate([ore, barren]), 3, None, scaling, kinds)
    y = np.repeat([1.0, 0.0], [len(ore), len(barren)])
    return X, y, np.concatenate([np.repeat(np.arange(6), 4), np.full(len(barren), -1)])


def chosen(deposits, cuts, impossible=(), check=lambda candidate: None, seed=0):
    """What is chosen, and what was fitted for it."""
    fits = []
    found = resolve_searched(
        {"cut": cuts}, lambda c: Caller(c["cut"], impossible, fits), check, *deposits, seed=seed
    )
    return found["cut"], fits


def test_the_most_accurate_is_chosen_and_of_equals_the_first(deposits):
    assert chosen(deposits, (-2.0, 0.0, 0.7, 0.8))[0] == 0.7
    assert chosen(deposits, (0.8, 0.7, 0.0))[0] == 0.8


def test_nothing_to_choose_costs_nothing(deposits):
    assert resolve_searched({}, None, None, *deposits, seed=0) == {}


def test_no_candidate_is_judged_on_what_it_shares_a_cell_or_a_deposit_with(deposits):
    _, fits = chosen(deposits, (0.0, 0.7))
    X, _, group = deposits
    assert len(fits) == 2 * 3
    deposit = {tuple(at): number for at, number in zip(X.at, group, strict=True)}
    for _, own, groups, _, model in fits:
        assert cdist(own, model.asked, "chebyshev").min() >= X.size
        held = {deposit[tuple(at)] for at in model.asked} - {-1}
        assert not held & set(groups)
    for cut in (0.0, 0.7):
        asked = np.concatenate([fit[-1].asked for fit in fits if fit[0] == cut])
        np.testing.assert_array_equal(np.unique(asked, axis=0), np.unique(X.at, axis=0))
        assert len(asked) == len(X)


def test_candidates_share_their_seeds_and_parts_do_not(deposits):
    _, fits = chosen(deposits, (0.0, 0.7))
    first, second = ([fit[3] for fit in fits if fit[0] == cut] for cut in (0.0, 0.7))
    assert first == second
    assert len(set(first)) == 3
    _, other = chosen(deposits, (0.0,), seed=1)
    assert not {fit[3] for fit in other} & set(first)


def test_what_cannot_be_fitted_is_out(deposits):
    assert chosen(deposits, (0.0, 0.7), impossible=(0.7,))[0] == 0.0

    def check(candidate):
        if candidate["cut"] == 0.7:
            raise ModelError("not on the whole")

    assert chosen(deposits, (0.0, 0.7), check=check)[0] == 0.0
    with pytest.raises(ModelError, match=r"^no 0\.3$"):
        chosen(deposits, (0.3, 0.7), impossible=(0.3, 0.7))


def test_combinations_are_counted():
    searched = {"a": (1, 2), "b": (1, 2, 3)}
    assert trials(searched) == 3 * 6


def test_one_group_or_class_is_refused_with_its_option(deposits):
    X, y, group = deposits
    with pytest.raises(
        SamplingError, match=r"model\.options, cut: .*the 24 positive windows are 1"
    ):
        chosen((X, y, np.where(y == 1, 0, -1)), (0.0,))
    near = (y == 1) | (X.at[:, 1] < 30) & (X.at[:, 0] < 20)
    with pytest.raises(SamplingError, match="all negative training windows share cells"):
        chosen((X.take(near), y[near], group[near]), (0.0,))


def test_a_graphs_threshold_is_chosen_saved_and_loaded(deposits, tmp_path):
    model = build_model("resgcn", ADAPTIVE, RECIPE).fit(*deposits, seed=0)
    candidates = to_choose(model.factory, ADAPTIVE)["alpha"]
    assert candidates == (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    assert model.chosen_["alpha"] in candidates
    assert model.net_.alpha == model.chosen_["alpha"]
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert (loaded.options, loaded.chosen_) == (ADAPTIVE, model.chosen_)
    assert loaded.net_.alpha == model.net_.alpha
    np.testing.assert_array_equal(loaded.predict(deposits[0]), model.predict(deposits[0]))


def test_the_chosen_threshold_gives_what_naming_it_gives(deposits):
    X = deposits[0]
    model = build_model("resgcn", ADAPTIVE, RECIPE).fit(*deposits, seed=3)
    named = build_model("resgcn", {"width": 8} | model.chosen_, RECIPE).fit(*deposits, seed=3)
    assert named.chosen_ == {}
    np.testing.assert_array_equal(named.predict(X), model.predict(X))


@pytest.mark.parametrize(("asked", "each"), [({}, 2), ({"search_epochs": 1}, 1)])
def test_trials_take_a_fifth_of_the_epochs_or_what_is_asked_and_report_progress(
    deposits, asked, each
):
    reports = []
    model = build_model(
        "resgcn", ADAPTIVE | asked, RECIPE, progress=lambda done, of, _: reports.append((done, of))
    )
    model.fit(*deposits, seed=0)
    assert model.properties.epochs == 10 + 7 * 3 * each
    assert len(reports) <= model.properties.epochs  # a threshold without edges is not tried
    trial = [(done, each) for done in range(1, each + 1)]
    n = (len(reports) - 10) // each
    assert n in range(3, 22, 3)
    assert reports == trial * n + [(done, model.properties.epochs) for done in range(1, 11)]


def test_no_threshold_of_all_leaves_an_edge(deposits):
    X = deposits[0]
    X.stack[:] = np.random.default_rng(0).normal(size=X.stack.shape)
    many = X.at_cells(np.argwhere(np.ones((40, 100)))[::7])
    y = (many.at[:, 1] // 10 % 2).astype(float)
    with pytest.raises(ModelError, match=r"\|r\| of 0\.2 or more.*set it to 0\.\d+ or less"):
        build_model("resgcn", ADAPTIVE, RECIPE).fit(many.of_size(1), y, np.full(len(y), -1), seed=0)


@pytest.mark.parametrize("value", [0, 1.5, True, "3"])
def test_no_number_of_epochs(value):
    options = ADAPTIVE | {"search_epochs": value}
    with pytest.raises(ConfigError, match=r"model\.options\.search_epochs: must be a whole number"):
        build_model("resgcn", options, RECIPE)


def test_epochs_of_no_search_are_refused():
    with pytest.raises(ConfigError, match=r"search_epochs: has no effect"):
        build_model("resgcn", {"search_epochs": 3}, RECIPE)
    with pytest.raises(ConfigError, match=r"search_epochs: has no effect"):
        build_model("resnet18", {"search_epochs": 3}, RECIPE)
    assert search_epochs({}, 3, {}) == 1


def test_a_search_goes_on_where_it_was_killed(deposits, tmp_path):
    class Killed(Exception):
        pass

    def fitted(**how):
        recipe = Training(epochs=2, batch=32)
        return Network("resgcn", ADAPTIVE, recipe, **how).fit(*deposits, seed=0)

    def progress(*_):
        done.append(1)
        if len(done) == 8:
            raise Killed

    done, fresh = [], []
    with pytest.raises(Killed):
        fitted(checkpoints=tmp_path, progress=progress)
    again = fitted(checkpoints=tmp_path, progress=progress)
    whole = fitted(progress=lambda *_: fresh.append(1))
    assert again.chosen_ == whole.chosen_
    np.testing.assert_array_equal(again.predict(deposits[0]), whole.predict(deposits[0]))
    assert len(done) == len(fresh)


def test_a_check_of_the_fit_asks_each_candidate_until_one_is_possible(deposits):
    asked = []

    def check(candidate):
        asked.append(candidate["cut"])
        if candidate["cut"] < 3:
            raise ModelError(f"no {candidate['cut']}")

    check_search({"cut": (1, 2, 3, 4)}, check, *deposits)
    assert asked == [1, 2, 3]
    with pytest.raises(ModelError, match="no 1"):
        check_search({"cut": (1, 2)}, check, *deposits)


def test_a_check_of_the_fit_needs_groups_to_choose_by(deposits):
    X, y, _ = deposits
    with pytest.raises(SamplingError, match="are 1 group"):
        check_search({"cut": (3,)}, lambda candidate: None, X, y, np.where(y == 1, 0, -1))
    check_search({}, lambda candidate: None, X, y, np.where(y == 1, 0, -1))


def test_a_network_checks_its_search_and_trains_nothing(deposits):
    X, y, group = deposits
    network = Network("resgcn", ADAPTIVE, RECIPE)
    network.check_fit(X, y, group, seed=0)
    assert not hasattr(network, "net_")
    with pytest.raises(SamplingError, match="are 1 group"):
        network.check_fit(X, y, np.where(y == 1, 0, -1), seed=0)
