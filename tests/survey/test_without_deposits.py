"""A survey in which no deposit is known."""

import pytest

from orecast.errors import AlignmentError
from orecast.survey import Level, checks, describe


@pytest.fixture
def unexplored(district):
    del district.table["deposits"]
    return district


def held_back(district):
    district.table["held_back"] = {"path": "deposits.csv", "crs": "EPSG:32645"}
    return district


def test_it_is_read_and_the_run_is_reported(unexplored):
    survey = unexplored.read()

    assert survey.deposits is None
    assert len(survey.samples) == 40
    (found,) = survey.findings.of("no-deposits")
    assert found.level == Level.WARNING
    assert found.what == (
        "no deposits are given: the run maps anomalies with a model that needs no deposits; "
        "nothing tests the map"
    )
    assert "[held_back]" in found.remedy
    assert not survey.findings.of("few-deposits")


def test_deposits_held_back_test_it(unexplored):
    survey = held_back(unexplored).read()

    assert survey.deposits is None
    assert survey.held_back["name"].tolist() == ["Alpha", "Beta", "Gamma", "Delta"]
    (found,) = survey.findings.of("no-deposits")
    assert found.what.endswith("needs no deposits; the deposits of [held_back] test the map")
    assert found.remedy == ""


def test_one_held_back_deposit_is_enough(unexplored):
    unexplored.deposits = unexplored.deposits[:1]

    assert len(held_back(unexplored).read().held_back) == 1


def test_held_back_deposits_elsewhere_are_refused_as_any(unexplored):
    unexplored.deposits["X"] += 50_000

    with pytest.raises(AlignmentError, match=r"held_back\.crs"):
        held_back(unexplored).read()


def test_a_gridded_survey_needs_none_either(unexplored):
    unexplored.gridded()

    survey = unexplored.read()

    assert survey.deposits is None
    assert survey.findings.of("no-deposits")


def test_barren_places_are_read_and_reported_as_unused(unexplored):
    unexplored.table["barren"] = {"path": "deposits.csv", "crs": "EPSG:32645"}

    survey = unexplored.read()

    assert len(survey.barren) == 4
    (found,) = survey.findings.of("barren-unused")
    assert found.where.endswith("deposits.csv")
    assert found.remedy == "add [deposits], or remove [barren]"


def test_with_deposits_none_of_this_is_said(district):
    district.table["barren"] = {"path": "deposits.csv", "crs": "EPSG:32645"}

    findings = held_back(district).read().findings

    assert not findings.of("no-deposits")
    assert not findings.of("barren-unused")


def test_the_counts_and_the_tables_hold_no_deposit(unexplored):
    survey = unexplored.read()

    counts = checks(survey)["survey"]
    assert counts["deposits"] == {"n": 0, "outside": 0, "half_width": None}
    assert counts["held_back"] is None
    overview = dict(describe(survey)[0].rows)
    assert overview["deposits"] == "none: the run maps anomalies"
    assert "test-only deposits" not in overview


def test_held_back_deposits_are_counted(unexplored):
    survey = held_back(unexplored).read()

    assert checks(survey)["survey"]["held_back"] == 4
    assert dict(describe(survey)[0].rows)["test-only deposits"] == "4; used only to test the map"
