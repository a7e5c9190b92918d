import numpy as np
import pytest

from orecast.errors import ConfigError, SamplingError
from orecast.sampling import Sampling, Windows, shifted_copies
from orecast.sampling.augmentation import (
    Copying,
    GaussianNoise,
    Slide,
    Smote,
    Step,
    Turning,
    grow,
)

STACK = np.random.default_rng(0).normal(size=(2, 60, 60)).astype(np.float32)


def labelled(ore, negative, size=4):
    rng = np.random.default_rng(1)
    at = rng.integers(5, 55, size=(ore + negative, 2))
    y = np.repeat([1.0, 0.0], [ore, negative])
    return Windows(STACK, ("Au", "Cu"), at, size), y, np.where(y == 1, np.arange(len(y)), -1)


def counts(*plan, ore=11, negative=30):
    y = grow(*labelled(ore, negative), plan, seed=0).y
    return int((y == 1).sum()), int((y == 0).sum())


def test_amounts():
    assert counts(Step(Copying, balance=True)) == (30, 30)
    assert counts(Step(Copying, balance=True), ore=30, negative=11) == (30, 30)
    assert counts(Step(Copying, times=3)) == (33, 90)
    assert counts(Step(Copying, times=1.5, label=1)) == (17, 30)
    assert counts(Step(Copying, n=7, label=0)) == (11, 37)
    assert counts(Step(Copying, to=40)) == (40, 40)
    assert counts(Step(Copying, to=30, label=0)) == (11, 30)
    assert counts(Step(GaussianNoise, share=0.5)) == (11, 30)
    assert counts(Step(Copying, times=2, label=1), Step(Turning, balance=True)) == (30, 30)
    assert counts() == (11, 30)


def test_every_window_serves_as_often_give_or_take_one():
    more = grow(*labelled(11, 30), [Step(Copying, n=25, label=1)], seed=0)
    served = np.bincount(more.origin[41:, 0], minlength=11)
    assert set(served[:11].tolist()) == {2, 3}


def test_a_check_of_the_fit_makes_as_many_rows_and_learns_nothing(monkeypatch):
    plan = [Step(Slide, label=1), Step(Smote, balance=True), Step(GaussianNoise, times=1.5)]
    whole = grow(*labelled(11, 200), plan, seed=0)

    def fit(*args, **kwargs):
        raise AssertionError("learned")

    monkeypatch.setattr(Smote, "fit", fit)
    found = grow(*labelled(11, 200), plan, seed=0, train=False)
    np.testing.assert_array_equal(found.y, whole.y)
    np.testing.assert_array_equal(found.X.at[found.y == 0], whole.X.at[whole.y == 0])


def test_a_check_of_the_fit_meets_what_growing_would():
    with pytest.raises(SamplingError, match="neighbours to 3 or less"):
        grow(*labelled(4, 30), [Step(Smote, n=3)], seed=0, train=False)
    with pytest.raises(SamplingError, match="put slide before"):
        grow(*labelled(9, 30), [Step(Smote, n=3), Step(Slide)], seed=0, train=False)
    with pytest.raises(ConfigError, match="single windows"):
        grow(*labelled(9, 30), [Step(Smote, share=0.5)], seed=0, train=False)


def test_noise_on_half_changes_half_the_rows_in_place():
    X, y, group = labelled(10, 20)
    more = grow(X, y, group, [Step(GaussianNoise, share=0.5, label=1)], seed=0)
    changed = (more.X.batch() != X.batch()).any(axis=(1, 2, 3))
    assert changed[:10].sum() == 5
    assert not changed[10:].any()
    assert np.abs(more.X.batch() - X.batch()).max() < 1
    np.testing.assert_array_equal(more.origin[:, 0], np.arange(30))


def test_slid_four_ways_and_half_of_it_noisy():
    """The recipe of Xiang et al. (2026), with 9 shifts: places x shifts x 4, noise on half."""
    ore = shifted_copies(
        Sampling.of(np.array([[20, 20], [40, 40]]), 1.0), 1, size=8, shape=(60, 60)
    )
    X = Windows(STACK, ("Au", "Cu"), ore.at, 8)
    plan = [
        Step(lambda: Turning(flips=False), times=4, label=1),
        Step(GaussianNoise, share=0.5, label=1),
    ]
    more = grow(X, ore.y, ore.origin, plan, seed=0)
    assert len(more.X) == 2 * 9 * 4
    assert set(np.bincount(more.origin[:, 0])) == {4}
    turns = grow(X, ore.y, ore.origin, plan[:1], seed=0)
    assert len(np.unique(turns.X.batch().reshape(72, -1), axis=0)) == 72  # each way once
    changed = (more.X.batch() != turns.X.batch()).any(axis=(1, 2, 3))
    assert changed.sum() == 36
    assert ore.origin[more.origin[:, 0]].tolist() == more.group.tolist()


def test_rows_without_a_label_are_left():
    X, y, group = labelled(4, 4)
    y[-1] = np.nan
    more = grow(X, y, group, [Step(Copying, times=2)], seed=0)
    assert len(more.X) == 8 + 7
    assert np.isnan(more.y).sum() == 1


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ({}, "exactly one of balance, times, n, to and share, not none"),
        ({"n": 3, "balance": True}, "not n and balance"),
        ({"times": 0.5}, "times: must be a number of at least 1"),
        ({"times": float("nan")}, "times"),
        ({"n": -1}, "n: must be a whole number"),
        ({"n": 2.5}, "n: must be a whole number"),
        ({"to": -1}, "to: must be a whole number"),
        ({"to": True}, "to: must be a whole number"),
        ({"to": 3, "n": 3}, "not n and to"),
        ({"share": 1.5}, "share: must be a share"),
        ({"n": 3, "label": 2}, "label: must be 1"),
        ({"balance": 1}, "balance: must be true or false"),
        ({"balance": True, "label": 1}, "leave label out"),
    ],
)
def test_impossible_amounts_are_refused(amount, words):
    with pytest.raises(ConfigError, match=words):
        Step(Copying, **amount)


@pytest.mark.parametrize(
    "amount",
    [{"n": 10**12}, {"to": 10**7 + 1}, {"times": 1e300}, {"times": 1.7e308}, {"n": 10**400}],
)
def test_more_windows_than_memory_holds_are_refused(amount):
    first, second = Step(Copying, times=2), Step(Copying, label=1, **amount)
    with pytest.raises(SamplingError, match=r"grow\.1: .* would result; .* 10 million"):
        grow(*labelled(11, 30), [first, second], seed=0)


def test_room_is_for_all_windows_together():
    y = labelled(11, 30)[1]
    assert Step(Copying, label=1, to=10**7 - 30).amounts(y) == {1.0: 10**7 - 41}
    with pytest.raises(SamplingError, match=r"1e\+07 windows would result"):
        Step(Copying, label=1, to=10**7 - 29).amounts(y)


def test_an_error_names_the_step_in_place_and_remedy():
    plan = [Step(Turning, times=2), Step(Slide, n=9999)]
    with pytest.raises(SamplingError) as caught:
        grow(*labelled(11, 30), [plan[1]], seed=0)
    assert caught.value.where == "sampling.grow.0"
    assert caught.value.remedy.startswith("raise sampling.grow.0.options.shift")
    with pytest.raises(SamplingError, match=r"sampling\.grow\.1: windows that are turned"):
        grow(*labelled(11, 30), plan, seed=0)


def test_a_copy_in_place_of_its_own_window_is_refused():
    with pytest.raises(ConfigError, match=r"grow\.0\.share: .* changes nothing"):
        grow(*labelled(11, 30), [Step(Copying, share=0.5)], seed=0)


def test_a_step_that_adds_no_row_is_recorded():
    steps = [
        Step(GaussianNoise, balance=True),
        Step(GaussianNoise, balance=True),
        Step(GaussianNoise, label=0, times=1),
    ]
    more = grow(*labelled(11, 30), steps, seed=0)
    assert [(m.label, m.n) for m in more.made] == [(1.0, 19), (1.0, 0), (0.0, 0)]


def test_only_single_windows_can_be_changed_in_place():
    with pytest.raises(ConfigError, match="choose turns or noise"):
        grow(*labelled(11, 30), [Step(Smote, share=0.5)], seed=0)


def test_a_class_that_has_more_already_cannot_be_augmented_to_fewer():
    with pytest.raises(
        SamplingError, match=r"grow\.0\.to: there are 30 negative windows already.* 29 "
    ):
        grow(*labelled(11, 30), [Step(Copying, to=29)], seed=0)


def test_a_class_that_is_missing_cannot_be_augmented():
    with pytest.raises(SamplingError, match="no negative window to augment"):
        grow(*labelled(11, 0), [Step(Copying, times=2)], seed=0)
