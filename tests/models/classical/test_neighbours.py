import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from orecast.errors import ConfigError, SamplingError
from orecast.models.classical.classifiers import NearestNeighbours, closeness
from orecast.sampling import Windows

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(200, 3)).astype(np.float32)
LABELS = np.arange(200) % 2.0  # as many of either class


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def fitted(table, y, **options):
    X = windows(table)
    return NearestNeighbours(**options).fit(X, np.asarray(y, float), np.full(len(X), -1), seed=0)


@pytest.mark.parametrize(("votes", "weights"), [("distance", "distance"), ("equal", "uniform")])
@pytest.mark.parametrize("neighbours", [1, 5, 200])
def test_equals_scikit_learns_where_classes_are_even(neighbours, votes, weights):
    train = (TABLE * [1, 50, 0.02]).astype(np.float32)
    asked = (RNG.normal(size=(100, 3)) * [1, 50, 0.02]).astype(np.float32)
    mean, spread = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    theirs = KNeighborsClassifier(neighbours, weights=weights).fit((train - mean) / spread, LABELS)
    ours = fitted(train, LABELS, neighbours=neighbours, votes=votes)
    for table in (asked, train):  # a training window is at distance 0 from itself
        expected = theirs.predict_proba((table - mean) / spread)[:, 1]
        np.testing.assert_allclose(ours.predict(windows(table)), expected, atol=1e-9)


def test_a_case_worked_by_hand():
    """Ore at 0, barren at 1, 2 and 3. From 0.5 the nearest two are as far; of one ore to three
    barren its vote counts three times theirs. From 1.5 the nearest are barren, ore the third.
    """
    table, y = [[0], [1], [2], [3]], [1, 0, 0, 0]
    of = {k: fitted(table, y, neighbours=k) for k in (1, 2, 3)}
    assert of[1].predict(windows([[0.2], [0.8]])).tolist() == [1, 0]
    assert of[2].predict(windows([[0.5]]))[0] == pytest.approx(3 / 4)
    third = 1 / 1.5  # at 1.5, beside two barren ones at 0.5
    assert of[3].predict(windows([[1.5]]))[0] == pytest.approx(3 * third / (3 * third + 2 / 0.5))
    equal = fitted(table, y, neighbours=3, votes="equal")
    assert equal.predict(windows([[1.5]]))[0] == pytest.approx(3 / 5)


def test_windows_alike_share_the_vote_at_no_distance():
    detector = fitted([[0], [0], [1], [2]], [1, 0, 0, 1], neighbours=3)
    assert detector.predict(windows([[0]]))[0] == 0.5


def test_by_distance_few_cells_tie():
    asked = windows(RNG.normal(size=(500, 3)))
    equal, distance = (fitted(TABLE, LABELS, votes=v).predict(asked) for v in ("equal", "distance"))
    assert len(np.unique(equal)) == 6
    contested = (equal > 0) & (equal < 1)  # where neighbours agree the share is 0 or 1 by either
    assert len(np.unique(distance[contested])) == contested.sum() > 400


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6))
def test_closeness_is_inverse_distance_up_to_a_factor(distances):
    found = closeness(np.array([distances]))[0]
    assert found.max() == 1
    np.testing.assert_allclose(found * np.array(distances), min(distances))


def test_fewer_windows_than_neighbours_are_refused():
    with pytest.raises(SamplingError, match="4 training windows, fewer than 5 neighbours"):
        fitted(TABLE[:4], LABELS[:4])


@pytest.mark.parametrize(
    ("option", "value"),
    [("neighbours", 0), ("neighbours", 2.0), ("neighbours", True), ("votes", "distanse")],
)
def test_an_impossible_option_is_refused(option, value):
    with pytest.raises(ConfigError, match=rf"model\.options\.{option}"):
        fitted(TABLE, LABELS, **{option: value})
