"""What holds for every registered protocol, and how one is built by its name."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from orecast.errors import ConfigError, OrecastError, SamplingError
from orecast.grid import window_rows
from orecast.registry import entries, load
from orecast.sampling import MapGeometry, Sampling, deposit_groups
from orecast.splits import PACKAGE, build_protocol

SHAPE = (60, 90)
NAMES = tuple(entries(PACKAGE))
LEARNING = tuple(n for n in NAMES if n not in ("paper", "negative-draws"))
OPTIONS = {"leave-pair-out": {"pairs": 60}}


def places(rng, n):
    at = np.column_stack([rng.integers(0, SHAPE[0], n), rng.integers(0, SHAPE[1], n)])
    return np.unique(at, axis=0)


def district(seed, size, n=40):
    """Places of ore in an area with holes and ragged edges."""
    rng = np.random.default_rng(seed)
    valid = rng.random(SHAPE) > 0.02
    valid[:, :4] = False
    valid[20:30, 40:50] = False
    at = places(rng, n)
    at = at[valid[at[:, 0], at[:, 1]]]
    return MapGeometry(valid, 1000.0, size), Sampling.of(at, 1.0, deposit_groups(at, size))


def build(name, geometry, n_folds=5, seed=0, **options):
    return build_protocol(
        name, OPTIONS.get(name, {}) | options, geometry, n_folds=n_folds, seed=seed
    )


def cells_of(at, size):
    rows, columns = window_rows(at, size)
    return {(r, c) for i in range(len(at)) for r in rows[i] for c in columns[i]}


def sampled(folds, rng):
    """Some of many folds."""
    some = rng.permutation(len(folds))[:12]
    return [folds[int(k)] for k in some]


def test_the_room_offers_what_the_field_uses():
    assert set(NAMES) == {
        "blocks",
        "leave-deposit-out",
        "leave-pair-out",
        "nearest-neighbour-distance",
        "negative-draws",
        "paper",
        "spatial",
    }


@pytest.mark.parametrize("name", LEARNING)
@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([1, 4, 5, 9]),
    reach=st.sampled_from([0.0, 1500.0, 3000.0]),
)
def test_no_training_window_comes_near_a_test_window(name, seed, size, reach):
    geometry, sampling = district(seed, size)
    try:
        folds = build(name, geometry).folds(sampling, reach)
    except SamplingError:
        reject()
    at = sampling.at
    for fold in sampled(folds, np.random.default_rng(seed)):
        assert fold.hidden.shape == fold.region.shape == SHAPE
        assert len(fold.test) >= 1
        assert len(fold.train) >= 2
        assert not set(fold.train) & set(fold.test)
        tested = np.concatenate([np.argwhere(fold.region), at[fold.test]])
        # shares no cell, and no sample that moved a cell of both: windows and twice the reach apart
        gap = np.abs(at[fold.train][:, None] - tested[None])
        apart = np.hypot(*np.maximum(gap - (size - 1), 0).transpose(2, 0, 1))
        assert apart.min() > 2 * reach / 1000
        # what is tested stands wholly in what is hidden, and no window learned from looks there
        assert fold.hidden[at[fold.test, 0], at[fold.test, 1]].all()
        hidden = {tuple(cell) for cell in np.argwhere(fold.hidden)}
        assert not cells_of(at[fold.train], size) & hidden
        on_grid = {c for c in cells_of(tested, size) if 0 <= c[0] < 60 and 0 <= c[1] < 90}
        assert on_grid <= hidden


@pytest.mark.parametrize("name", NAMES)
def test_every_place_of_ore_is_tested_and_the_cut_is_said(name):
    geometry, sampling = district(3, 3)
    protocol = build(name, geometry)
    if name == "paper":
        sampling = sampling.joined(Sampling.of(sampling.at[:, ::-1] % 60, 0.0))
    folds = protocol.folds(sampling, 1000.0)
    tested = np.concatenate([f.test for f in folds])
    assert set(tested) == set(range(len(sampling)))
    assert protocol.words
    assert not protocol.words.endswith(".")
    assert "nan" not in protocol.words


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"spatial", "paper"}))
def test_regions_lie_on_valid_cells(name):
    geometry, sampling = district(4, 3)
    for fold in sampled(build(name, geometry).folds(sampling, 1000.0), np.random.default_rng(0)):
        assert fold.region.any()
        assert not (fold.region & ~geometry.valid).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_cuts_the_same_folds(name):
    geometry, sampling = district(5, 3)
    sampling = sampling.joined(Sampling.of(sampling.at[:, ::-1] % 60, 0.0))

    many = {"block": 9000} if name == "blocks" else {}  # so many that some hold as many deposits

    def cut(seed):
        protocol = build(name, geometry, seed=seed, **many)
        folds = protocol.folds(sampling, 1000.0)
        return protocol.words, [
            (f.train.tolist(), f.test.tolist(), f.hidden.tobytes(), f.region.tobytes())
            for f in folds
        ]

    assert cut(7) == cut(7)
    drawn = name in ("blocks", "leave-pair-out", "paper")
    assert (cut(7)[1] != cut(8)[1]) == drawn


@pytest.mark.parametrize("name", LEARNING)
def test_barren_rows_are_neither_learned_from_nor_tested(name):
    geometry, sampling = district(6, 3)
    more = sampling.joined(Sampling.of(sampling.at[:5] % 30, 0.0))
    alone, joined = (build(name, geometry).folds(s, 0.0) for s in (sampling, more))
    for a, b in zip(alone, joined, strict=True):
        np.testing.assert_array_equal(a.train, b.train)
        np.testing.assert_array_equal(a.test, b.test)


@pytest.mark.parametrize("name", sorted(set(LEARNING) - {"spatial", "blocks"}))
def test_folds_are_made_when_they_are_asked_for(name):
    geometry, sampling = district(8, 3)
    folds = build(name, geometry).folds(sampling, 0.0)
    assert folds[0] is not folds[0]
    np.testing.assert_array_equal(folds[-1].test, folds[len(folds) - 1].test)
    few = folds[1:6:2]
    assert len(few) == 3
    np.testing.assert_array_equal(few[1].hidden, folds[3].hidden)
    with pytest.raises(IndexError):
        folds[len(folds)]
    assert len(list(folds)) == len(folds)


@pytest.mark.parametrize("name", NAMES)
def test_too_little_to_cut_is_refused_with_a_remedy(name):
    geometry = MapGeometry(np.ones((7, 7), dtype=bool), 1000.0, 7)
    one = Sampling.of(np.array([[3, 3]]), 1.0, np.zeros(1, dtype=np.int64))
    with pytest.raises(OrecastError, match="Remedy"):
        build(name, geometry).folds(one, 0.0)


def test_an_unknown_option_is_refused_with_the_nearest():
    geometry, _ = district(0, 3)
    with pytest.raises(ConfigError, match=r"validation\.options.*blok.*did you mean block"):
        build("blocks", geometry, blok=3)
    with pytest.raises(ConfigError, match=r"leave validation\.options out"):
        build("spatial", geometry, block=3)
    with pytest.raises(ConfigError, match="did you mean blocks"):
        build("block", geometry)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("blocks", "block", 10.0),
        ("blocks", "block", "20 km"),
        ("blocks", "block", float("nan")),
        ("leave-pair-out", "pairs", 0),
        ("leave-pair-out", "background", 2.5),
        ("leave-pair-out", "pairs", True),
        ("nearest-neighbour-distance", "phi", -1),
        ("nearest-neighbour-distance", "least", 1.5),
        ("negative-draws", "draws", 1),
        ("negative-draws", "min_distance", -5),
        ("paper", "definition", "resnet51"),
        ("paper", "tiles", [12, 12]),
    ],
)
def test_an_impossible_value_is_refused_where_it_stands(name, option, value):
    geometry, _ = district(0, 3)
    with pytest.raises(ConfigError) as refused:
        build(name, geometry, **{option: value})
    assert refused.value.where == f"validation.options.{option}"
    assert refused.value.remedy


@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_is_built_alike(name):
    fields = [f.name for f in dataclasses.fields(load(PACKAGE, name, what="protocol")) if f.init]
    assert fields[:3] == ["geometry", "n_folds", "seed"]
    assert " answer" in load(PACKAGE, name, what="protocol").__doc__ or name == "spatial"
