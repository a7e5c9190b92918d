import pytest

from orecast.errors import ConfigError
from orecast.papers.experiments import read_experiment
from orecast.papers.plan import Reproduction
from orecast.papers.study import _a_place, _require, prepare_study
from orecast.training.generators import build_step


def test_a_fold_slides_each_place_as_often_as_the_whole_does():
    whole = build_step("slide", {"shift": 4}, label=1, to=212)
    found = _a_place(whole, 36)
    assert (found.to, found.label) == (None, 1)
    assert found.times * 36 == pytest.approx(212)
    assert _a_place(whole, 500).times == 1  # no place is left out


def test_other_growth_stays_as_it_is():
    for step in (build_step("smote", to=50, label=1), build_step("slide", {"shift": 4}, times=3)):
        assert _a_place(step, 36) is step


@pytest.mark.parametrize(
    ("system", "lacking", "known"),
    [
        ("gk-dcn", "Al2O3, B, Be", "tianshan"),
        ("resgcn", "B, Sn, Bi, F", "pangxidong"),
        ("ssgsnet", "Bi, Sn, Co, Li", "east-kunlun"),
        ("mfaf", "Sn", "jinshan"),
        ("resnet50", "Sn", "pangxidong"),
    ],
)
def test_a_survey_that_lacks_elements_is_refused_with_those_that_have_them(
    system, lacking, known, tmp_path
):
    plan = Reproduction.of(read_experiment(system), "smoke", survey="demo")
    with pytest.raises(ConfigError, match=f"the survey has no .*{lacking}") as caught:
        prepare_study(plan, tmp_path)
    assert caught.value.where == "--survey demo"
    assert known in caught.value.remedy


def test_a_survey_that_lacks_another_layer_is_refused():
    plan = Reproduction.of(read_experiment("ssgsnet"), "smoke", survey="east-kunlun")
    with pytest.raises(ConfigError, match="the survey has no fault_rings"):
        _require(plan, ["Au", "fault_rings"], ["Au"])
