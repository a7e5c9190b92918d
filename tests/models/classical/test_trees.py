"""Trees taken apart score as scikit-learn's own do, bit for bit, and are checked when read."""

import json
import shutil
import sys

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.ensemble import (
    IsolationForest as SklearnIsolationForest,
)

from orecast.errors import ModelError, RunError
from orecast.models.classical._base import _parts
from orecast.models.classical.anomaly import IsolationForest, search_length
from orecast.models.classical.trees import GradientBoosting, RandomForest
from orecast.sampling import Windows

KINDS = (RandomForest, GradientBoosting, IsolationForest)


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def fitted(kind, table, y, seed=0, **options):
    X = windows(table)
    return kind(**options).fit(X, np.asarray(y, dtype=float), np.full(len(X), -1), seed=seed)


def forest_of_scikit_learn(table, y, rows, trees=300, leaf=1):
    state = int(np.random.SeedSequence(0).generate_state(1)[0])
    forest = RandomForestClassifier(
        trees, min_samples_leaf=leaf, class_weight="balanced", random_state=state
    ).fit(table, y)
    total = sum(tree.predict_proba(rows)[:, 1] for tree in forest.estimators_)
    return np.clip(total / trees, 0, 1)


def boosting_of_scikit_learn(table, y, rows, trees=100, rate=0.1, leaves=15, leaf=5):
    machine = HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=rate,
        max_leaf_nodes=leaves,
        min_samples_leaf=leaf,
        class_weight="balanced",
        early_stopping=False,
    )
    return machine.fit(table, y).predict_proba(rows)[:, 1]


def isolation_of_scikit_learn(table, y, rows, trees=200, sample=256):
    state = int(np.random.SeedSequence([0, 1]).generate_state(1)[0])
    forest = SklearnIsolationForest(
        n_estimators=trees, max_samples=min(sample, len(table)), random_state=state
    ).fit(table)
    return -forest.score_samples(rows)


def tables():
    """Tables by name: independent values, ties, constant columns, long tails, tiny values."""
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(150, 5))
    constant = plain.copy()
    constant[:, [0, 3]] = 7.5
    return {
        "normal": plain,
        "ties": plain.round(0),
        "constant columns": constant,
        "long tails": np.exp(4 * plain),
        "far from zero": 1e5 + plain,
        "tiny": 1e-42 * plain,
        "one column": plain[:, :1],
        "many columns": rng.normal(size=(60, 90)),
    }


@pytest.mark.parametrize(
    ("kind", "theirs", "options"),
    [
        (RandomForest, forest_of_scikit_learn, {"trees": 20}),
        (RandomForest, forest_of_scikit_learn, {"trees": 7, "leaf": 4}),
        (RandomForest, forest_of_scikit_learn, {"trees": 1}),
        (RandomForest, forest_of_scikit_learn, {"trees": 3, "leaf": 10_000}),
        (GradientBoosting, boosting_of_scikit_learn, {"trees": 20}),
        (GradientBoosting, boosting_of_scikit_learn, {"trees": 15, "leaves": 60, "leaf": 1}),
        (GradientBoosting, boosting_of_scikit_learn, {"trees": 1, "rate": 0.7, "leaves": 2}),
        (GradientBoosting, boosting_of_scikit_learn, {"trees": 3, "leaf": 10_000}),
        (IsolationForest, isolation_of_scikit_learn, {"trees": 20}),
        (IsolationForest, isolation_of_scikit_learn, {"trees": 30, "sample": 16}),
        (IsolationForest, isolation_of_scikit_learn, {"trees": 1, "sample": 2}),
        (IsolationForest, isolation_of_scikit_learn, {"trees": 3, "sample": 1}),
    ],
)
@pytest.mark.parametrize("name", tables())
def test_scores_are_scikit_learns_bit_for_bit(name, kind, theirs, options):
    table = tables()[name].astype(np.float32)
    rng = np.random.default_rng(1)
    y = (table[:, 0] + rng.normal(size=len(table)) * table[:, 0].std() > table[:, 0].mean()) * 1.0
    y[:2] = 0, 1
    elsewhere = table[rng.integers(0, len(table), 700)] * rng.normal(1, 0.5, (700, 1))
    rows = np.concatenate([table, elsewhere.astype(np.float32)])  # three parts of rows and a rest
    np.testing.assert_array_equal(
        fitted(kind, table, y, **options).predict(windows(rows)), theirs(table, y, rows, **options)
    )


def test_a_tree_as_deep_as_it_has_rows_scores_as_scikit_learns():
    """Each cut sets one window apart: labels alternate along a column that grows twofold."""
    table = (2.0 ** np.arange(-120, 120)[:, None]).astype(np.float32)
    y = np.arange(len(table)) % 2
    ours = fitted(RandomForest, table, y, trees=3).predict(windows(table))
    np.testing.assert_array_equal(ours, forest_of_scikit_learn(table, y, table, trees=3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 255, 256, 257])
def test_any_number_of_rows_is_scored(kind, n):
    table = np.random.default_rng(0).normal(size=(300, 3))
    detector = fitted(kind, table, np.arange(300) % 2, trees=5)
    whole = detector.predict(windows(table))
    np.testing.assert_array_equal(detector.predict(windows(table).take(slice(0, n))), whole[:n])
    assert [len(part) for part in _parts(windows(table[:n]))] == [n] * (n > 0)


def test_search_lengths_are_the_papers():
    """Of n = 3: 2 H(2) - 4 / 3, with H(i) taken as ln i + 0.5772."""
    expected = [0, 0, 1, 2 * (np.log(2) + 0.5772156649) - 4 / 3]
    np.testing.assert_allclose(search_length([0, 1, 2, 3]), expected, atol=1e-9)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A fitted model of each kind, the windows, and the folder where it is saved."""
    table = np.random.default_rng(0).normal(size=(80, 4))
    made = {}
    for kind in KINDS:
        detector = fitted(kind, table, np.arange(80) % 2, trees=4)
        folder = tmp_path_factory.mktemp(kind.__name__)
        detector.save(folder)
        made[kind] = detector, windows(table), folder
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_reading_and_scoring_need_no_scikit_learn(kind, saved, monkeypatch):
    detector, X, folder = saved[kind]
    expected = detector.predict(X)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises
    np.testing.assert_array_equal(kind.load(folder).predict(X), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_of_the_training_table_is_saved(kind, saved):
    _, X, folder = saved[kind]
    with np.load(folder / "detector.npz") as arrays:
        held = {name: arrays[name] for name in arrays}
    assert not any(len(X) in array.shape for array in held.values())
    assert set(held) == {"nodes_", "column_", "threshold_", "value_"}


def altered(name, change):
    def apply(arrays, learned):
        arrays[name] = change(arrays[name].copy())

    return apply


def at(place, value):
    def change(array):
        array[place] = value
        return array

    return change


def without(name):
    return lambda arrays, learned: (arrays.pop(name, None), learned.pop(name, None))


def learned(name, value):
    return lambda arrays, learned: learned.update({name: value})


BROKEN = {
    "no nodes": (without("nodes_"), "it lacks 'nodes_'"),
    "no columns": (without("column_"), "it lacks 'column_'"),
    "no thresholds": (without("threshold_"), "it lacks 'threshold_'"),
    "no values": (without("value_"), "it lacks 'value_'"),
    "no width": (without("columns_"), "it lacks 'columns_'"),
    "a width that is a word": (learned("columns_", "four"), "not built"),
    "a width of none": (learned("columns_", None), "not built"),
    "a narrower width": (learned("columns_", 1), "not those of trees"),
    "a column beyond": (altered("column_", at(0, 4)), "not those of trees"),
    "a column far beyond": (altered("column_", at(-1, 2**32 - 1)), "not those of trees"),
    "signed columns": (altered("column_", lambda a: a.astype("i4")), "not those of trees"),
    "texts": (altered("column_", lambda a: a.astype(str)), "not those of trees"),
    "a table of columns": (altered("column_", lambda a: a[:, None]), "not those of trees"),
    "a number": (altered("column_", lambda a: a[0]), "not those of trees"),
    "a threshold of NaN": (altered("threshold_", at(0, np.nan)), "not those of trees"),
    "a threshold below all": (altered("threshold_", at(0, -np.inf)), "not those of trees"),
    "thresholds in float64": (altered("threshold_", lambda a: a.astype(float)), "not those of"),
    "foreign bytes": (altered("threshold_", lambda a: a.astype(">f4")), "not those of trees"),
    "one threshold less": (altered("threshold_", lambda a: a[:-1]), "not those of trees"),
    "one value more": (altered("value_", lambda a: np.append(a, 0.0)), "not those of trees"),
    "a value of NaN": (altered("value_", at(-1, np.nan)), "not those of trees"),
    "an endless value": (altered("value_", at(-1, np.inf)), "not those of trees"),
    "no tree": (altered("nodes_", lambda a: a[:0]), "not those of trees"),
    "nothing at all": (
        lambda arrays, learned: arrays.update({k: v[:0] for k, v in arrays.items()}),
        "not those of trees",
    ),
    "a tree of no node": (altered("nodes_", lambda a: np.append(a, a[-1] * 0)), "not those of"),
    "nodes moved to another tree": (
        altered("nodes_", lambda a: np.append(a[:-2], [a[-2] - 2, a[-1] + 2]).astype("u4")),
        "not whole",
    ),
    "a leaf too few": (altered("threshold_", at(-1, 0.5)), "not whole"),
    "a leaf too many": (altered("threshold_", lambda a: at(a.argmin(), np.inf)(a)), "not whole"),
    "children before their parents": (
        altered(
            "threshold_", lambda a: np.concatenate([a[:-3], [np.inf, np.inf, 0.5]], dtype="f4")
        ),
        "not whole",
    ),
    "nodes in the text": (
        lambda arrays, learned: learned.update(nodes_=arrays.pop("nodes_").tolist()),
        "not those of trees",
    ),
}


def copied(folder, there, change):
    with np.load(folder / "detector.npz") as stored:
        arrays = dict(stored)
    state = json.loads((folder / "detector.json").read_text())
    change(arrays, state["learned"])
    there.mkdir(exist_ok=True)
    np.savez(there / "detector.npz", **arrays)
    (there / "detector.json").write_text(json.dumps(state))
    return there


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BROKEN)
def test_arrays_that_are_no_trees_are_refused(name, kind, saved, tmp_path):
    change, words = BROKEN[name]
    there = copied(saved[kind][2], tmp_path / "model", change)
    with pytest.raises(RunError, match=f"cannot be read: .*{words}.*fits the model again"):
        kind.load(there)


@pytest.mark.parametrize("sample", ["two", 0, -3, 2.5, None, 10**400])
def test_an_isolation_forest_grown_on_no_number_of_windows_is_refused(sample, saved, tmp_path):
    there = copied(saved[IsolationForest][2], tmp_path / "model", learned("sample_", sample))
    with pytest.raises(RunError, match="cannot be read"):
        IsolationForest.load(there)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_the_older_form_is_refused_in_one_sentence(kind, saved, tmp_path):
    def older(arrays, learned):
        arrays.clear()
        arrays.update(table_=np.zeros((80, 4), np.float32), labels_=np.zeros(80))
        learned.pop("columns_")
        learned["seed_"] = 0

    there = copied(saved[kind][2], tmp_path / "model", older)
    with pytest.raises(RunError, match=r"it lacks 'nodes_'\. Remedy: run the stage that fits"):
        kind.load(there)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_ends_in_the_error_or_in_scores(kind, saved, tmp_path):
    _, X, folder = saved[kind]
    rng = np.random.default_rng(0)
    whole = (folder / "detector.npz").read_bytes()
    shutil.copy(folder / "detector.json", tmp_path)
    for place in rng.integers(0, len(whole), 60):
        data = bytearray(whole)
        data[place] ^= 1 << rng.integers(8)
        (tmp_path / "detector.npz").write_bytes(data)
        try:
            scores = kind.load(tmp_path).predict(X)
        except RunError:
            continue
        assert scores.shape == (80,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_another_width_is_refused(kind, saved):
    detector, X, _ = saved[kind]
    narrow = windows(X.centre()[:, :3])
    with pytest.raises(ModelError, match="was fitted on 4 columns, not on 3"):
        detector._score(narrow)
