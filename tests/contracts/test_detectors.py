"""What holds for every registered detector."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ModelError, RunError, SamplingError
from orecast.metrics import auc
from orecast.models.classical import Detector
from orecast.registry import entries, load
from orecast.sampling import Scaling, Windows

PACKAGE = "orecast.models.classical"
NAMES = tuple(entries(PACKAGE))
OPTIONS = {"single-layer": {"layer": "fault_distance"}, "random-forest": {"trees": 20}}
LABEL_BLIND = {name for name, entry in entries(PACKAGE).items() if not entry.load().needs.labels}
POSITION_ONLY = {"random", "deposit-distance"}
LOCAL = {"singularity", "spectrum-area"}  # the ore of these tests lies on a broad rise
RARE = {"isolation-forest", "mahalanobis", "one-class-svm", "pca-reconstruction"}  # not half of all
LEARNABLE = set(NAMES) - {"random"} - LOCAL - RARE


def build(name, **options):
    return load(PACKAGE, name, what="model")(**(OPTIONS.get(name, {}) | options))


def district(layers=4, shape=(40, 50), size=3, seed=0):
    """A district whose ore lies near a fault in one corner, where the layers are high as well."""
    rng = np.random.default_rng(seed)
    row, column = np.indices(shape)
    distance = np.hypot(row - 8, column - 8)
    stack = rng.normal(size=(layers, *shape)).astype(np.float32)
    stack[0] = distance * 500 + rng.uniform(0, 100, shape)
    stack[1:] += 3 * np.exp(-distance / 8)
    ore = rng.permutation(np.argwhere(distance < 7))[:40]
    barren = rng.permutation(np.argwhere(distance > 16))[:40]
    at = np.concatenate([ore, barren])
    y = np.repeat([1.0, 0.0], 40)
    order = rng.permutation(80)
    windows = Windows(
        stack,
        ("fault_distance", *(f"E{i}" for i in range(1, layers))),
        at[order],
        size,
        kinds=("fault", *["element"] * (layers - 1)),
        cell_size=500.0,
    )
    values = stack.reshape(layers, -1)
    scaling = Scaling(values.mean(axis=1), values.std(axis=1))
    return replace(windows, scaling=scaling), y[order]


def district_for(name, *args, size=3, **kwargs):
    """A district with windows of the size asked for, or the next that the model takes."""
    needs = load(PACKAGE, name, what="model").needs
    size = max(size, needs.smallest_window)
    wrong = needs.parity != "any" and (size % 2 == 1) != (needs.parity == "odd")
    return district(*args, size=size + wrong, **kwargs)


def fitted(name, X, y, seed=0, **options):
    return build(name, **options).fit(X, y, np.full(len(y), -1), seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_says_in_a_line_what_it_is(name):
    entry = entries(PACKAGE)[name]
    assert entry.summary.endswith(".")
    assert issubclass(entry.load(), Detector)


def test_the_seven_of_the_main_job_are_registered():
    assert set(NAMES) >= {
        "random-forest",
        "logistic-regression",
        "single-layer",
        "best-layer",
        "deposit-distance",
        "fault-distance",
        "random",
    }


@pytest.mark.parametrize("layers", [1, 40])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_finite_and_between_zero_and_one(name, layers, size):
    X, y = district_for(name, layers, size=size)
    scores = fitted(name, X, y).predict(X)
    assert scores.shape == (80,)
    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.unique(scores).size > 1


@pytest.mark.parametrize("name", NAMES)
def test_no_windows_no_scores(name):
    X, y = district_for(name)
    assert fitted(name, X, y).predict(X.take(slice(0, 0))).shape == (0,)


@pytest.mark.parametrize("seed", [0, 7, 2**40])
@pytest.mark.parametrize("name", NAMES)
def test_a_seed_repeats_bit_for_bit(name, seed):
    X, y = district_for(name)
    first, second = (fitted(name, X, y, seed).predict(X) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["random-forest", "random"])
def test_seed_zero_is_a_seed_like_others(name):
    X, y = district_for(name)
    assert not np.array_equal(fitted(name, X, y, 0).predict(X), fitted(name, X, y, 1).predict(X))


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_it_predicts_bit_for_bit_the_same(name, tmp_path):
    X, y = district_for(name, seed=3)
    detector = fitted(name, X, y, seed=5)
    detector.save(tmp_path / "model")
    again = type(detector).load(tmp_path / "model")
    assert np.array_equal(again.predict(X), detector.predict(X))
    assert {p.suffix for p in (tmp_path / "model").iterdir()} <= {".json", ".npz"}
    again.save(tmp_path / "copy")
    for file in ("detector.json",):
        assert (tmp_path / "copy" / file).read_bytes() == (tmp_path / "model" / file).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_saved_model_is_a_pickle(name, tmp_path):
    X, y = district_for(name)
    fitted(name, X, y).save(tmp_path)
    with np.load(tmp_path / "detector.npz", allow_pickle=False) as arrays:
        assert all(arrays[key].dtype != object for key in arrays)


@pytest.mark.parametrize("name", NAMES)
def test_a_pickled_array_is_not_read(name, tmp_path):
    X, y = district_for(name)
    detector = fitted(name, X, y)
    detector.save(tmp_path)
    np.savez(tmp_path / "detector.npz", deposits_=np.array([{}], dtype=object))
    with pytest.raises(RunError, match="pickled objects are never loaded"):
        type(detector).load(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_saved_by_another_is_refused(name, tmp_path):
    X, y = district_for(name)
    fitted(name, X, y).save(tmp_path)
    other = "random" if name != "random" else "best-layer"
    with pytest.raises(ModelError, match="contains a"):
        load(PACKAGE, other, what="model").load(tmp_path)


def test_a_saved_option_that_is_impossible_is_refused(tmp_path):
    detector = fitted("random-forest", *district_for("random-forest"))
    detector.save(tmp_path)
    state = json.loads((tmp_path / "detector.json").read_text())
    state["options"]["trees"] = -1
    (tmp_path / "detector.json").write_text(json.dumps(state))
    with pytest.raises(RunError, match=r"cannot be read: model\.options\.trees: must be a whole"):
        type(detector).load(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_folder_is_refused(name, tmp_path):
    with pytest.raises(RunError, match="cannot be read: it is not there"):
        load(PACKAGE, name, what="model").load(tmp_path)


@pytest.mark.parametrize("name", sorted(set(NAMES) - POSITION_ONLY))
def test_missing_values_are_refused_with_the_layers_name(name):
    X, y = district_for(name)
    raw = replace(X, scaling=None, stack=X.stack.copy())
    detector = fitted(name, raw, y)
    gap = X.at[0]
    raw.stack[:, gap[0], gap[1]] = np.nan
    for act in (lambda: fitted(name, raw, y), lambda: detector.predict(raw)):
        with pytest.raises(ModelError, match=r"layer fault_distance|layer E\d"):
            act()


@pytest.mark.parametrize("name", sorted(POSITION_ONLY))
def test_what_reads_no_layer_scores_cells_without_values(name):
    X, y = district_for(name)
    empty = replace(X, scaling=None, stack=np.full_like(X.stack, np.nan))
    assert np.array_equal(fitted(name, empty, y).predict(empty), fitted(name, X, y).predict(X))


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("name", sorted(set(NAMES) - LABEL_BLIND))
def test_one_class_is_refused(name, label):
    X, y = district_for(name)
    with pytest.raises(SamplingError, match=r"there are no (positive|negative) training windows"):
        fitted(name, X, np.full_like(y, label))


@pytest.mark.parametrize("name", sorted(set(NAMES) - LABEL_BLIND))
def test_unlabelled_places_are_refused(name):
    X, y = district_for(name)
    y[3] = np.nan
    with pytest.raises(SamplingError, match="labels must be 0 or 1, not nan"):
        fitted(name, X, y)


@pytest.mark.parametrize("name", sorted(LABEL_BLIND))
def test_what_needs_no_labels_says_so_and_does_not_look(name):
    X, y = district_for(name)
    assert not load(PACKAGE, name, what="model").needs.labels
    blind = fitted(name, X, np.full_like(y, np.nan)).predict(X)
    assert np.array_equal(blind, fitted(name, X, y).predict(X))


@pytest.mark.parametrize("name", NAMES)
def test_labels_of_another_length_are_refused(name):
    X, y = district_for(name)
    with pytest.raises(SamplingError, match="80 windows need 80 labels, not labels of shape"):
        fitted(name, X, y[:-1])


@pytest.mark.parametrize("name", NAMES)
def test_other_layers_than_learned_are_refused(name):
    X, y = district_for(name)
    detector = fitted(name, X, y)
    with pytest.raises(ModelError, match="same layers in the same order"):
        detector.predict(replace(X, names=X.names[::-1]))


@pytest.mark.parametrize("name", NAMES)
def test_before_fit_it_neither_predicts_nor_saves(name, tmp_path):
    X, _ = district_for(name)
    with pytest.raises(ModelError, match="not been fitted"):
        build(name).predict(X)
    with pytest.raises(ModelError, match="not been fitted"):
        build(name).save(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(LEARNABLE))
def test_ore_it_has_not_seen_scores_higher(name):
    X, y = district_for(name)
    train, test = np.arange(40), np.arange(40, 80)
    scores = fitted(name, X.take(train), y[train]).predict(X.take(test))
    assert auc(scores[y[test] == 1], scores[y[test] == 0]) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_each_cell_is_scored_alone(name):
    """The order and the parts in which a map is predicted move no bit of it."""
    X, y = district_for(name)
    detector = fitted(name, X, y)
    whole = detector.predict(X)
    order = np.random.default_rng(1).permutation(80)
    assert np.array_equal(detector.predict(X.take(order)), whole[order])
    alone = [detector.predict(X.take(slice(i, i + 1)))[0] for i in range(5)]
    assert np.array_equal(alone, whole[:5])


@pytest.mark.parametrize("name", NAMES)
def test_prediction_never_holds_more_than_a_bounded_batch(name, monkeypatch):
    X, y = district_for(name, layers=4, size=9)
    detector = fitted(name, X, y)
    whole = detector.predict(X)
    limit = 4 * 81 * 10
    monkeypatch.setattr("orecast.models.classical._base._VALUES_AT_ONCE", limit)
    sizes = []
    original = Windows.batch

    def recorded(self, *args):
        values = original(self, *args)
        sizes.append(values.size)
        return values

    monkeypatch.setattr(Windows, "batch", recorded)
    cells = np.argwhere(np.ones((40, 50), dtype=bool))
    scores = detector.predict(X.at_cells(cells))
    assert scores.shape == (2000,)
    assert max(sizes, default=0) <= limit
    assert np.array_equal(detector.predict(X), whole)


@pytest.mark.parametrize("name", NAMES)
def test_hidden_cells_are_not_read_by_fit(name, tmp_path):
    X, y = district_for(name, size=1)
    hidden = np.zeros(X.stack.shape[1:], dtype=bool)
    hidden[20:, :] = True
    visible = ~hidden[X.at[:, 0], X.at[:, 1]]
    states = []
    for seed in (1, 2):
        stack = X.stack.copy()
        stack[:, hidden] = np.random.default_rng(seed).normal(size=(len(stack), hidden.sum()))
        seen = replace(X, stack=stack, hidden=hidden).take(visible)
        detector = fitted(name, seen, y[visible])
        detector.save(tmp_path / str(seed))
        with np.load(tmp_path / str(seed) / "detector.npz", allow_pickle=False) as arrays:
            states.append({key: arrays[key].tobytes() for key in arrays})
    assert states[0] == states[1]
    first, second = ((tmp_path / s / "detector.json").read_text() for s in ("1", "2"))
    assert first == second


@pytest.mark.parametrize("name", NAMES)
def test_options_are_stored_as_given_and_have_defaults(name):
    cls = load(PACKAGE, name, what="model")
    for option, parameter in inspect.signature(cls).parameters.items():
        assert parameter.default is not inspect.Parameter.empty
        assert getattr(cls(), option) == parameter.default


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(Exception, match="did you mean random-forest"):
        load(PACKAGE, "random-forrest", what="model")
