import pytest

from orecast.training.generators import build_step
from orecast.workflow.reproduction.bench import _a_place


def test_a_fold_slides_each_place_as_often_as_the_whole_does():
    whole = build_step("slide", {"shift": 4}, label=1, to=212)
    found = _a_place(whole, 36)
    assert (found.to, found.label) == (None, 1)
    assert found.times * 36 == pytest.approx(212)
    assert _a_place(whole, 500).times == 1  # no place is left out


def test_other_growth_stays_as_it_is():
    for step in (build_step("smote", to=50, label=1), build_step("slide", {"shift": 4}, times=3)):
        assert _a_place(step, 36) is step
