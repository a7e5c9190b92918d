"""The proof: randomising what a fold hides leaves every fitted state bit for bit the same.

Every registered model is held to it, every way to screen, every rule for negatives and every
protocol; and what is chosen inside a fold, a threshold, probabilities and class limits, with them.
"""

import inspect
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, maximum_filter

from orecast.config import ScreeningOptions, Training
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.registry import entries
from orecast.sampling import MapGeometry, NegativeRule, deposit_sampling
from orecast.sampling.augmentation import grow
from orecast.splits import PACKAGE, build_protocol
from orecast.splits.cutting import cut
from orecast.splits.spatial import Spatial
from orecast.training import build_model
from orecast.training.generators import augmenter_names, build_step
from orecast.training.reading import Trims
from orecast.validation import Recipe, cross_predict

SIZE = 5
TRAINING = Training(epochs=1, batch=16)
DETECTORS, NETWORKS, COMMITTEES = (
    sorted(entries(package))
    for package in ("orecast.models.classical", "orecast.models.networks", "orecast.training")
)
MODELS = [*DETECTORS, *NETWORKS, *COMMITTEES]
CHEAP = [*DETECTORS, *COMMITTEES, "resnet18"]
MIXED = ["spectrum-area", "random-forest", "logistic-regression"]
TINY = {"width": 8, "alpha": 0.05, "dilations": [1, 2]}
SMALL = {
    "single-layer": {"layer": "Au"},
    "random-forest": {"trees": 10, "features": "window", "jobs": 1},
    "gradient-boosting": {"trees": 5},
    "isolation-forest": {"trees": 10},
    "ensemble": {
        "members": MIXED,
        "seeds": 2,
        "combine": "rank",
        "member_options": {"random-forest": {"trees": 5, "jobs": 1}},
    },
    "stack": {"members": MIXED, "member_options": {"random-forest": {"trees": 5, "jobs": 1}}},
}
SCREENINGS = {
    "svm-auc": ScreeningOptions(method="svm-auc", threshold=0.1, keep=["Cu"]),
    "correlation": ScreeningOptions(method="correlation", threshold=0.05, keep=["Cu"]),
    "pca": ScreeningOptions(method="pca"),
    "none": ScreeningOptions(method="none"),
}
RULES = {
    "random": NegativeRule("random"),
    "distance": NegativeRule("distance", 6),
    "kmeans": NegativeRule("kmeans", 6, 4, fault_distance=2),
}


class Fixed:
    """One fold, whatever the sampling says."""

    words = ""

    def __init__(self, fold):
        self.fold = fold

    def folds(self, sampling, reach):
        return [self.fold]


def options(name):
    """A small form of a model."""
    if name in NETWORKS:
        known = inspect.signature(entries("orecast.models.networks")[name].load()).parameters
        return {option: value for option, value in TINY.items() if option in known}
    return SMALL.get(name, {})


def recipe(name="logistic-regression", **given):
    """A model in a window that it takes, with labels if it needs them."""
    needs = build_model(name, options(name), TRAINING).needs
    size = max(SIZE, needs.smallest_window)
    if needs.parity != "any" and (size % 2 == 1) != (needs.parity == "odd"):
        size += 1
    model = given.pop("model", lambda: build_model(name, options(name), TRAINING))
    settings = {"labels": needs.labels, "target": "Au", "faults": "fault distance"}
    settings |= {"guided": needs.weight, "layers": ("Au", "Cu") if needs.elements_only else None}
    settings |= given
    return Recipe(model, size, **settings)


def ground(evidence, size=SIZE):
    return MapGeometry(evidence.valid, 1000.0, size)


def western(evidence, places, size):
    """The fold that tests the western quarter of the map."""
    region = np.zeros(evidence.grid.shape, dtype=bool)
    region[:, :15] = True
    test = np.flatnonzero(region[tuple(places.at.T)])
    return cut(ground(evidence, size), evidence.reach, places, test, region)


def randomised(evidence, hidden):
    """The same evidence with other values, and other nodata, wherever ``hidden``."""
    rng = np.random.default_rng(99)
    other = Evidence.empty(evidence.grid)
    for name in evidence.names:
        values = evidence.layer(name).copy()
        noise = rng.normal(5, 10, hidden.sum()).astype(np.float32)
        noise[rng.random(noise.size) < 0.1] = np.nan
        values[hidden] = noise
        attributes = evidence.data[name].attrs
        other = other.adding(
            name, values, kind=attributes["kind"], origin="test", reach=attributes["reach"]
        )
    return other


def moved(places, fold):
    """The places with the tested ones elsewhere in the region."""
    at = places.at.copy()
    region = np.argwhere(fold.region)
    drawn = np.random.default_rng(7).integers(0, len(region), len(fold.test))
    at[fold.test] = region[drawn]
    return replace(places, at=at)


def written(model, folder):
    model.save(folder)
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def state(fitted, folder):
    rows = fitted.rows
    return written(fitted, folder), rows.at.tobytes(), rows.y.tobytes(), fitted.names


def fitted_both(recipe, evidence, places, fold, folder):
    """States fitted to the evidence as it is, and randomised where the fold must not look."""
    rows = places.take(fold.train)
    return [
        state(recipe.fit(e, rows, hidden=fold.hidden, seed=0), folder / side)
        for side, e in (("a", evidence), ("b", randomised(evidence, fold.hidden)))
    ]


def test_every_way_to_screen_and_every_rule_for_negatives_is_proved():
    assert set(SCREENINGS) == set(get_args(ScreeningOptions.model_fields["method"].annotation))
    assert set(RULES) == set(get_args(get_type_hints(NegativeRule)["method"]))


@pytest.mark.parametrize("name", MODELS)
def test_no_model_has_seen_what_is_hidden(name, evidence, places, tmp_path):
    found = recipe(name)
    places, _ = deposit_sampling(places.at, found.size)
    fold = western(evidence, places, found.size)
    a, b = fitted_both(found, evidence, places, fold, tmp_path)
    assert a == b


@pytest.mark.parametrize("method", sorted(augmenter_names()))
def test_growing_sees_nothing_that_is_hidden(method, evidence, places, tmp_path):
    options = {"vae": {"epochs": 3}, "gan": {"epochs": 3}, "slide": {"shift": 2}}.get(method, {})
    plan = (build_step(method, options, label=0, times=2),)
    found = recipe("logistic-regression", plan=plan, ratio=5.0)
    fold = western(evidence, places, found.size)
    a, b = fitted_both(found, evidence, places, fold, tmp_path)
    plain, _ = fitted_both(replace(found, plan=()), evidence, places, fold, tmp_path / "plain")
    assert a == b
    assert a[0] != plain[0] or method == "copy"  # a class twice weighs as much, once balanced


def test_slid_windows_see_nothing_that_is_hidden(evidence, places, tmp_path):
    """All positions of both classes, then turned: none was read behind the fold's edge."""
    plan = (build_step("slide", {"shift": 2}), build_step("turns", times=2))
    fold = western(evidence, places, SIZE)
    touching = windows_touching(fold.hidden, SIZE)
    barren = np.argwhere(evidence.valid & ~touching)[::9]  # known, and some right beside the edge
    found = recipe("random-forest", plan=plan, shift=0, barren=barren)
    a, b = fitted_both(found, evidence, places, fold, tmp_path)
    assert a == b
    fitted = found.fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
    slid = grow(fitted.windows, fitted.rows.y, fitted.rows.group, plan, seed=0).X
    assert not touching[tuple(slid.at.T)].any()
    near = maximum_filter(touching, 3)[tuple(slid.at.T)]
    assert near.any()  # right up to the edge
    bare = replace(fitted.windows, hidden=None)
    unhidden = grow(bare, fitted.rows.y, fitted.rows.group, plan, seed=0).X
    assert touching[tuple(unhidden.at.T)].any()  # or nothing is shown


@pytest.mark.slow
def test_windows_moved_by_a_trim_see_nothing_that_is_hidden(evidence, places, tmp_path):
    """Slid ones, their copies and turned ones among them: none is read behind the fold's edge."""
    plan = (build_step("slide", {"shift": 2}, times=2), build_step("turns", times=1.5))
    fold = western(evidence, places, SIZE)
    touching = windows_touching(fold.hidden, SIZE)
    barren = np.argwhere(evidence.valid & ~touching)[::9]  # known, and some right beside the edge

    def trimmed(by):
        training = Training(epochs=2, batch=16, trim=by, flips="alone")
        model = partial(build_model, "resnet18", {"width": 2}, training)
        return recipe("resnet18", model=model, plan=plan, shift=0, barren=barren)

    found = trimmed(2)
    a, b = fitted_both(found, evidence, places, fold, tmp_path)
    assert a == b
    still, _ = fitted_both(trimmed(0), evidence, places, fold, tmp_path / "still")
    assert a[0][Path("network.safetensors")] != still[0][Path("network.safetensors")]
    fitted = found.fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
    grown = grow(fitted.windows, fitted.rows.y, fitted.rows.group, plan, seed=0).X

    def read(X):
        rng, rows = np.random.default_rng(0), np.arange(len(X))
        return np.concatenate([Trims(X, 2).drawn(rows, rng).at for _ in range(5)])

    assert not touching[tuple(read(grown).T)].any()
    assert maximum_filter(touching, 3)[tuple(read(grown).T)].any()  # right up to the edge
    assert touching[tuple(read(replace(grown, hidden=None)).T)].any()  # or nothing is shown


@pytest.mark.slow
def test_pretraining_sees_nothing_hidden_unless_it_says_so(evidence, places, tmp_path):
    for on, declared in (("visible", False), ("all", True)):
        training = TRAINING.model_copy(update={"pretrain": 1, "pretrain_on": on})
        found = recipe("resnet18", model=partial(build_model, "resnet18", {"width": 2}, training))
        own, _ = deposit_sampling(places.at, found.size)
        fold = western(evidence, own, found.size)
        a, b = fitted_both(found, evidence, own, fold, tmp_path / on)
        assert (a != b) == declared
        assert bool(found.model().properties.caveats) == declared


@pytest.mark.parametrize("method", SCREENINGS)
def test_no_screening_has_seen_what_is_hidden(method, evidence, places, tmp_path):
    fold = western(evidence, places, SIZE)
    screened = recipe(screening=SCREENINGS[method])
    a, b = fitted_both(screened, evidence, places, fold, tmp_path)
    assert a == b


@pytest.mark.parametrize("method", RULES)
def test_no_rule_for_negatives_has_seen_what_is_hidden(method, evidence, places, tmp_path):
    fold = western(evidence, places, SIZE)
    a, b = fitted_both(recipe(negatives=RULES[method]), evidence, places, fold, tmp_path)
    assert a == b


def test_known_barren_places_are_hidden_too(evidence, places, tmp_path):
    fold = western(evidence, places, SIZE)
    barren = np.array([[20, 10], [10, 30], [24, 40], [40, 50]])
    a, b = fitted_both(recipe(barren=barren), evidence, places, fold, tmp_path)
    assert a == b


@pytest.mark.parametrize("name", CHEAP)
def test_nothing_chosen_inside_a_fold_has_seen_what_is_hidden(name, evidence, places, tmp_path):
    """Threshold, calibration, scores for class limits, and every model fitted on the way."""
    fold = western(evidence, places, SIZE)
    inner = Spatial(ground(evidence), 4 if name == "stack" else 2)  # a stack cuts once more

    def chosen(evidence, places, folder):
        built = []

        def model():
            built.append(build_model(name, options(name), TRAINING))
            return built[-1]

        out = cross_predict(
            recipe(name, model=model),
            evidence,
            places,
            Fixed(fold),
            seed=0,
            inner=inner,
            spread=True,
        )
        answer = out.folds[0]
        assert answer.calibration is not None
        states = [written(m, folder / str(k)) for k, m in enumerate(built)]
        return answer.calibration, answer.visible_scores.tobytes(), answer.negatives_rule, states

    a = chosen(evidence, places, tmp_path / "a")
    b = chosen(randomised(evidence, fold.hidden), moved(places, fold), tmp_path / "b")
    assert a == b


@pytest.mark.parametrize("name", ["random-forest", "spectrum-area"])
def test_scores_of_visible_cells_would_leak_hidden_data(name, evidence, places):
    """Why limits come from cells whose windows touch nothing hidden, in a map that hides it."""
    fold = western(evidence, places, SIZE)
    fitted = recipe(name).fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
    other = randomised(evidence, fold.hidden)
    changed = replace(fitted, windows=replace(fitted.windows, stack=other.stack[:3]))
    if name == "random-forest":
        changed = replace(fitted, windows=replace(fitted.windows, stack=other.stack))
    cells = np.argwhere(evidence.valid & ~fold.hidden)
    assert not np.array_equal(fitted.predict(cells), changed.predict(cells))
    same = fitted.predict(cells, hidden=fold.hidden), changed.predict(cells, hidden=fold.hidden)
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize("name", sorted(set(entries(PACKAGE)) - {"paper", "negative-draws"}))
def test_no_protocol_shows_a_fold_what_moves_its_test(name, evidence, places, tmp_path):
    """What a sample of a tested window, or a sample beside it, moves is nowhere in the fit.

    The papers' own protocols leak by their nature, and under negative-draws nothing is cut.
    """
    screened = recipe(screening=SCREENINGS["svm-auc"])
    protocol = build_protocol(name, {}, ground(evidence), n_folds=3, seed=0)
    fold = protocol.folds(places, evidence.reach)[1]
    tested = fold.region.copy()
    tested[tuple(places.at[fold.test].T)] = True
    windows = maximum_filter(tested, SIZE)  # 5 is odd: a window is even on all sides
    beside = distance_transform_edt(~windows) * 1000 <= 2 * evidence.reach
    rows = places.take(fold.train)
    a = screened.fit(evidence, rows, hidden=fold.hidden, seed=0)
    b = screened.fit(randomised(evidence, beside), rows, hidden=fold.hidden, seed=0)
    assert state(a, tmp_path / "a") == state(b, tmp_path / "b")


def label_free():
    return [n for n in MODELS if not build_model(n, options(n), TRAINING).needs.labels]


@pytest.mark.parametrize("name", label_free())
def test_a_model_without_labels_does_not_use_the_deposits(name, evidence, places, tmp_path):
    fold = western(evidence, places, SIZE)
    elsewhere = np.argwhere(evidence.valid & ~fold.hidden)[::97]
    others, _ = deposit_sampling(elsewhere, SIZE)
    unlabelled = recipe(name)
    a = unlabelled.fit(evidence, places.take(fold.train), hidden=fold.hidden, seed=0)
    b = unlabelled.fit(evidence, others, hidden=fold.hidden, seed=0)
    assert state(a, tmp_path / "a") == state(b, tmp_path / "b")
    assert np.isnan(a.rows.y).all()


@pytest.mark.parametrize("name", ["logistic-regression", "spectrum-area", "resnet18", "stack"])
def test_the_proof_can_fail(name, evidence, places, tmp_path):
    """Without hiding, the same change does move what is fitted."""
    fold = western(evidence, places, SIZE)
    rows = places.take(fold.train)
    a = recipe(name).fit(evidence, rows, hidden=None, seed=0)
    b = recipe(name).fit(randomised(evidence, fold.hidden), rows, hidden=None, seed=0)
    assert state(a, tmp_path / "a") != state(b, tmp_path / "b")
