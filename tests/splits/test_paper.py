import numpy as np
import pytest

from orecast.errors import ConfigError, SamplingError
from orecast.metrics import Confusion
from orecast.sampling import MapGeometry, Sampling, shifted_copies
from orecast.splits.paper import DEFINITIONS, GivenSplit, Paper

SHAPE = (60, 90)
GEOMETRY = MapGeometry(np.ones(SHAPE, dtype=bool), 1000.0, 9)


def grown(n=10, shift=1, seed=0):
    """Places of ore and of negatives with their slid copies."""
    rng = np.random.default_rng(seed)
    at = np.column_stack([rng.permutation(50)[:n] + 5, rng.permutation(80)[:n] + 5])
    ore = shifted_copies(Sampling.of(at, 1.0), shift, size=9, shape=SHAPE)
    negatives = shifted_copies(Sampling.of(at[:, ::-1] % 60, 0.0), shift, size=9, shape=SHAPE)
    return ore.joined(negatives)


def test_grown_splits_part_the_copies_of_one_deposit():
    rows = grown(2)
    protocol = Paper(GEOMETRY, 4)
    folds = protocol.folds(rows, 5000.0)
    assert all(set(rows.origin[f.test]) & set(rows.origin[f.train]) for f in folds)
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(rows)))
    assert not any(f.hidden.any() or f.region.any() for f in folds)
    assert protocol.words.startswith("4 random folds of windows augmented before")
    with pytest.raises(SamplingError, match="set fewer"):
        Paper(GEOMETRY, 40).folds(rows, 0.0)


def test_gk_dcn_learns_from_136_windows_and_verifies_on_32():
    rows = grown(12, 1)
    rows = rows.take(np.concatenate([np.flatnonzero(rows.y == v)[:84] for v in (1, 0)]))
    (fold,) = Paper(GEOMETRY, definition="gk-dcn").folds(rows, 0.0)
    assert (len(fold.train), len(fold.test)) == (136, 32)
    assert rows.y[fold.test].sum() == 16
    assert set(rows.origin[fold.test]) & set(rows.origin[fold.train])


def test_ssgsnet_tests_a_fifth_of_its_grown_windows():
    rows = grown(10, 2)
    (fold,) = Paper(GEOMETRY, definition="ssgsnet").folds(rows, 0.0)
    for label in (0, 1):
        n = (rows.y == label).sum()
        assert (rows.y[fold.test] == label).sum() == round(0.2 * n)
    assert len(fold.train) + len(fold.test) == len(rows)
    assert set(rows.origin[fold.test]) & set(rows.origin[fold.train])


def test_mfaf_keeps_the_copies_of_a_place_together_and_grows_both_parts():
    rows = grown(10)
    protocol = Paper(GEOMETRY, definition="mfaf")
    (fold,) = protocol.folds(rows, 0.0)
    learned, tested = set(rows.origin[fold.train]), set(rows.origin[fold.test])
    assert not learned & tested
    assert len(tested) == 4  # two places of each label
    assert all((rows.origin[fold.test] == origin).sum() > 1 for origin in tested)  # grown too
    assert "split of places" in protocol.words


def test_resgcn_has_ten_folds_whatever_is_asked():
    rows = grown(10)
    protocol = Paper(GEOMETRY, 3, definition="resgcn")
    folds = protocol.folds(rows, 0.0)
    assert len(folds) == 10
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(rows)))
    assert protocol.words.startswith("ten random folds")


def test_resnet50_tests_numbered_tiles_behind_the_windows_it_slid():
    valid = np.ones(SHAPE, dtype=bool)
    valid[:5, :8] = False  # the middle of the first tile of 5 x 7.5 cells
    protocol = Paper(MapGeometry(valid, 1000.0, 5), definition="resnet50")
    slid = grown(8)
    rows = protocol.rows(slid)
    assert len(rows) == len(slid) + 143
    (fold,) = protocol.folds(rows, 0.0)
    np.testing.assert_array_equal(fold.train, np.arange(len(slid)))
    places = {tuple(slid.at[slid.y == 1][i]) for i in range(8)}
    # 60 x 90 cells in 12 x 12 tiles: 5 rows each, and 7 or 8 columns
    ore = {(r // 5, c * 12 // 90) for r, c in places}
    assert rows.y[fold.test].sum() == len(ore)
    inside = rows.at[fold.test][rows.y[fold.test] == 1]
    assert {(r // 5, c * 12 // 90) for r, c in inside.tolist()} == ore
    assert len(Paper(GEOMETRY, definition="resnet50", tiles=[3, 4]).rows(slid)) == len(slid) + 12


def test_resnet50_refuses_rows_without_tiles():
    with pytest.raises(SamplingError, match="no tile"):
        Paper(GEOMETRY, definition="resnet50").folds(grown(8), 0.0)
    with pytest.raises(ConfigError, match='definition = "resnet50"'):
        Paper(GEOMETRY, definition="resnet50", tiles=[12])


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_share_of_tested_windows_that_overlap_is_measured(definition):
    protocol = Paper(GEOMETRY, definition=definition)
    rows = protocol.rows(grown(6, seed=3))
    folds = protocol.folds(rows, 0.0)
    shared = [
        (np.abs(rows.at[f.train] - rows.at[i]).max(axis=1) < 9).any() for f in folds for i in f.test
    ]
    assert 0 < np.mean(shared) <= 1
    assert f"{100 * np.mean(shared):.0f} % of the tested windows share cells" in protocol.words


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_reported_scores_are_standard_ones(definition):
    known = set(Confusion(1, 1, 1, 1).scores()) | {"auc"}
    assert set(Paper(GEOMETRY, definition=definition).scores.values()) <= known


def test_published_scores_follow_from_published_counts_by_their_own_names():
    """The 144 tiles of Gao et al. (2022); the GAN row of ResGCN's confusion matrices."""
    tiles = Confusion(tn=108, fp=7, fn=13, tp=16).scores()
    names = Paper(GEOMETRY, definition="resnet50").scores
    assert {k: round(tiles[v], 4) for k, v in names.items() if k != "Recall"} == {
        "Accuracy": 0.8611,
        "AUC": 0.7454,
        "F1": 0.7653,
    }
    counts = Confusion(tn=6690, fp=10, fn=700, tp=5800).scores()
    names = Paper(GEOMETRY, definition="resgcn").scores
    published = {"Accuracy": 0.9534, "Sensitivity": 0.8933, "Specificity": 0.999, "F1": 0.9443}
    for name, value in published.items():  # means over folds against one matrix
        assert counts[names[name]] == pytest.approx(value, abs=0.015)


def test_when_windows_are_augmented_and_which_threshold_applies():
    found = {name: (d.grow, d.threshold) for name, d in DEFINITIONS.items()}
    assert found == {
        "grown-split": ("first", "own"),
        "gk-dcn": ("first", "f1"),
        "ssgsnet": ("first", "own"),
        "mfaf": ("each part", "own"),
        "resgcn": ("first", "own"),
        "resnet50": ("training", "own"),
    }


def test_what_a_generator_made_overlaps_nothing():
    rows = grown(10)
    made = rows.take(np.arange(40))
    made.origin[:] = -1
    both = Sampling(
        *(
            np.concatenate([getattr(part, name) for part in (rows, made)])
            for name in ("at", "y", "group", "origin")
        )
    )
    protocol = Paper(GEOMETRY)
    folds = protocol.folds(both, 0.0)
    lies = both.origin >= 0
    shared = [
        (np.abs(both.at[f.train][lies[f.train]] - both.at[i]).max(axis=1) < 9).any() and lies[i]
        for f in folds
        for i in f.test
    ]
    assert np.mean(shared) < 1
    words = f"{100 * np.mean(shared):.0f} % of the tested windows share cells"
    assert words in protocol.words
    share = 100 * 40 / len(both)
    assert protocol.words.endswith(
        f"{share:.0f} % were made by a generator fitted to training and test rows"
    )


def test_a_given_split_is_that_of_its_authors():
    rows = grown(2)
    train, test = np.arange(30), np.arange(30, len(rows))
    split = GivenSplit(train, test, GEOMETRY, "gk-dcn")
    (fold,) = split.folds(rows, 0.0)
    np.testing.assert_array_equal(fold.train, train)
    np.testing.assert_array_equal(fold.test, test)
    assert not fold.hidden.any()
    assert fold.region.shape == SHAPE
    assert (split.defined.grow, split.defined.threshold) == ("none", "f1")
    assert split.defined.scores == DEFINITIONS["gk-dcn"].scores
    for given in (train[:-1], np.append(train, 30)):
        with pytest.raises(SamplingError, match="exactly once"):
            GivenSplit(given, test, GEOMETRY, "gk-dcn").folds(rows, 0.0)
    with pytest.raises(ConfigError, match="gk-dcn"):
        GivenSplit(train, test, GEOMETRY, "gk-dnc")
