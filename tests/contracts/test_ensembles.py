"""What holds for every registered model that is made of other models."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

from orecast.config import Training
from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.registry import entries
from orecast.sampling import Scaling, Windows
from orecast.training import build_model, load_model, model_names

NAMES = tuple(entries("orecast.training"))
LIGHT = {
    "members": ["random-forest", "logistic-regression"],
    "member_options": {"random-forest": {"trees": 10}},
}
KINDS = [(name, {}) for name in NAMES] + [("ensemble", {"seeds": 2, "combine": "rank"})]
each_kind = pytest.mark.parametrize(("name", "options"), KINDS)


def district(layers=3, size=3, seed=0):
    """Six deposits of four cells each, far apart, where the first layer is high."""
    rng = np.random.default_rng(seed)
    centres = np.array([[8, 8], [8, 30], [8, 52], [40, 8], [40, 30], [40, 52]])
    row, column = np.indices((50, 60))
    distance = np.hypot(row[..., None] - centres[:, 0], column[..., None] - centres[:, 1])
    stack = rng.normal(size=(layers, 50, 60)).astype(np.float32)
    stack[0] += 4 * np.exp(-distance.min(axis=-1) / 4)
    ore = (centres[:, None] + [[0, 0], [0, 1], [1, 0], [1, 1]]).reshape(-1, 2)
    barren = rng.permutation(np.argwhere(distance.min(axis=-1) > 9))[:40]
    at, y = np.concatenate([ore, barren]), np.repeat([1.0, 0.0], [24, 40])
    group = np.concatenate([np.repeat(np.arange(6), 4), np.full(40, -1)])
    order = rng.permutation(64)
    names = tuple(f"E{number}" for number in range(layers))
    scaling = Scaling(stack.mean(axis=(1, 2)), stack.std(axis=(1, 2)))
    X = Windows(stack, names, at[order], size, None, scaling, ("element",) * layers, 500.0)
    return X, y[order], group[order]


def built(name, options):
    return build_model(name, LIGHT | options, Training())


def fitted(name, options, X, y, group, seed=0):
    return built(name, options).fit(X, y, group, seed=seed)


def test_both_are_registered_and_listed():
    assert set(NAMES) >= {"ensemble", "stack"}
    assert all(model_names()[name].endswith(".") for name in NAMES)


@each_kind
def test_scores_are_finite_between_zero_and_one_and_tell_unseen_ore(name, options):
    X, y, group = district()
    train, test = group != 5, (group == 5) | (y == 0)
    model = fitted(name, options, X.take(train), y[train], group[train])
    scores = model.predict(X.take(test))
    assert scores.shape == (44,)
    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()
    ore = y[test] == 1
    assert (scores[ore][:, None] > scores[~ore]).mean() > 0.9
    assert model.predict(X.take(slice(0, 0))).shape == (0,)


@each_kind
def test_a_seed_repeats_bit_for_bit_and_another_does_not(name, options):
    X, y, group = district()
    first, again, other = (fitted(name, options, X, y, group, s).predict(X) for s in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@each_kind
def test_saved_and_loaded_it_predicts_bit_for_bit_the_same(name, options, tmp_path):
    X, y, group = district()
    model = fitted(name, options, X, y, group, seed=5)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert type(again) is type(model)
    assert np.array_equal(again.predict(X), model.predict(X))
    files = [p for p in (tmp_path / "model").rglob("*") if p.is_file()]
    assert {p.suffix for p in files} <= {".json", ".npz"}
    again.save(tmp_path / "copy")
    text = [(tmp_path / f / "ensemble.json").read_bytes() for f in ("model", "copy")]
    assert text[0] == text[1]


@each_kind
def test_each_cell_is_scored_alone(name, options):
    X, y, group = district()
    model = fitted(name, options, X, y, group)
    cells = X.at_cells(np.argwhere(np.ones((50, 60))))
    whole = model.predict(cells)
    order = np.random.default_rng(1).permutation(3000)
    assert np.array_equal(model.predict(cells.take(order)), whole[order])
    alone = [model.predict(cells.take(slice(i, i + 1)))[0] for i in range(5)]
    assert np.array_equal(alone, whole[:5])


@each_kind
def test_hidden_cells_are_not_read_by_fit(name, options):
    X, y, group = district(size=1)
    hidden = np.zeros((50, 60), dtype=bool)
    hidden[:, 40:] = True
    visible = ~hidden[X.at[:, 0], X.at[:, 1]]
    scores = []
    for seed in (1, 2):
        stack = X.stack.copy()
        stack[:, hidden] = np.random.default_rng(seed).normal(size=(3, hidden.sum())) * 20
        seen = replace(X, stack=stack, hidden=hidden).take(visible)
        model = fitted(name, options, seen, y[visible], group[visible])
        scores.append(model.predict(X))
    assert np.array_equal(*scores)


@each_kind
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_is_refused(name, options, label):
    X, y, group = district()
    with pytest.raises(SamplingError, match=r"there are no .* training windows"):
        fitted(name, options, X, np.full_like(y, label), group)


@each_kind
def test_before_fit_it_neither_predicts_nor_saves(name, options, tmp_path):
    X, *_ = district()
    for act in (lambda m: m.predict(X), lambda m: m.save(tmp_path)):
        with pytest.raises(ModelError, match="not been fitted"):
            act(built(name, options))
    assert not list(tmp_path.iterdir())


@each_kind
def test_other_layers_than_learned_are_refused(name, options):
    X, y, group = district()
    model = fitted(name, options, X, y, group)
    with pytest.raises(ModelError, match="same layers in the same order"):
        model.predict(replace(X, names=X.names[::-1]))


@pytest.mark.parametrize("name", NAMES)
def test_options_are_stored_as_given_and_have_defaults(name):
    model = build_model(name, {}, Training())
    for option in inspect.signature(type(model)).parameters.values():
        if option.kind is not option.KEYWORD_ONLY:
            assert getattr(model, option.name) == option.default


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"members": []}, r"model\.options\.members: must be a list of model names"),
        ({"members": "random-forest"}, r"model\.options\.members: must be a list of model names"),
        ({"members": ["random-forest"] * 2}, "lists a model twice"),
        ({"members": ["random-forrest"]}, r"options\.members: unknown.*did you mean random-forest"),
        ({"members": ["stack"]}, "has members itself"),
        ({"members": ["ensemble", "random-forest"]}, "has members itself"),
        ({"member_options": {"best-layer": {}}}, "best-layer is not a member"),
        ({"member_options": {"random-forest": 3}}, r"member_options\.random-forest: must be"),
        ({"member_options": 3}, "must be a table of tables"),
        (
            {"member_options": {"random-forest": {"treees": 3}}},
            r"member_options\.random-forest: .*did you mean trees",
        ),
        (
            {"members": ["resnet18"], "member_options": {"resnet18": {"width": 0}}},
            r"model\.options\.member_options\.resnet18\.width",
        ),
        ({"training": Training()}, "has no option 'training'"),
    ],
)
def test_impossible_members_are_refused_when_it_is_built(name, options, words):
    with pytest.raises(ConfigError, match=words):
        build_model(name, options, Training())


@pytest.mark.parametrize("name", NAMES)
def test_it_needs_what_the_most_demanding_member_needs(name):
    model = build_model(name, {"members": ["random-forest", "fault-distance"]}, Training())
    assert model.needs.layers == ("fault",)
    assert model.needs.labels
    with pytest.raises(ModelError, match=f"{name} needs windows of at least 3"):
        build_model(name, {"members": ["random-forest", "resnet18"]}, Training(), window=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["ensemble.json", "ensemble.npz"])
def test_broken_files_are_refused(name, file, tmp_path):
    fitted(name, {}, *district()).save(tmp_path)
    (tmp_path / file).write_bytes(b"{}")
    with pytest.raises(ModelError):
        load_model(tmp_path)
