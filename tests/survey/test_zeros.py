"""Zeros without a known detection limit, from the file to the survey."""

import numpy as np
import pytest

from orecast.survey.concentrations import lowest_seen


def test_the_lowest_is_that_of_the_rows_looked_at():
    values = np.array([[0.1, 5.0], [4.0, np.nan], [3.0, 7.0], [1.0, 0.5]])
    zeros = np.array([[1, 0], [0, 0], [0, 0], [0, 1]], dtype=bool)
    assert lowest_seen(values, zeros).tolist() == [1, 5]
    assert lowest_seen(values, zeros, np.array([1, 1, 1, 0], bool)).tolist() == [3, 5]
    assert lowest_seen(values, zeros, np.array([0, 1, 0, 1], bool)).tolist() == [1, np.inf]
    assert lowest_seen(values[:, :0], zeros[:, :0]).tolist() == []


def test_a_survey_marks_its_zeros(district):
    district.samples.loc[[3, 8], "Au_ppb"] = 0
    district.samples.loc[5, "Cu (ppm)"] = 0
    district.table["samples"]["detection_limits"] = {"Cu": 1.0}

    survey = district.read()

    gold, copper = survey.symbols.index("Au"), survey.symbols.index("Cu")
    assert np.flatnonzero(survey.zeros[:, gold]).tolist() == [3, 8]
    assert not survey.zeros[:, copper].any()  # its limit is known
    assert survey.censored[[3, 8, 5], [gold, gold, copper]].all()


def test_a_survey_without_zeros_marks_none(district):
    assert district.read().zeros is None
    district.gridded()
    assert district.read().zeros is None


@pytest.mark.parametrize("treatment", ["average", "keep"])
def test_zeros_stand_at_the_lowest_value_of_the_survey_as_it_is(district, treatment):
    """A fold must find the very limit again that was read, or all that it hides would move it."""
    at_one_place = district.samples.index[:4]
    district.samples.loc[at_one_place, ["X", "Y"]] = district.samples.loc[0, ["X", "Y"]].to_numpy()
    district.samples.loc[:3, "Au_ppb"] = [1e-3, 2e-3, 4e-3, 8e-3]
    district.samples.loc[[7, 11], "Au_ppb"] = 0
    district.table["samples"]["duplicates"] = treatment

    survey = district.read()

    gold = survey.symbols.index("Au")
    zeros = survey.zeros[:, gold]
    assert zeros.sum() == 2
    lowest = lowest_seen(survey.values, survey.zeros)[gold]
    assert (survey.values[zeros, gold] == lowest).all()
    assert lowest == pytest.approx(1e-3 if treatment == "keep" else 64e-12 ** (1 / 4))
