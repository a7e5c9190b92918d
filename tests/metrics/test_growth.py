import numpy as np
import pytest
from scipy.stats import ks_2samp

from orecast.metrics.growth import examine, ks_distance

COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
LAYERS = ("Au", "As", "Cu")


def rows(n, seed=0, covariance=COVARIANCE):
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal(np.zeros(len(covariance)), covariance, n)


def test_independent_draws_of_the_same_law_pass():
    flagged = []
    for seed in range(40):
        report = examine(rows(300, 2 * seed), rows(600, 2 * seed + 1), LAYERS)
        flagged.append((bool(report.beyond), report.pairs_beyond > 0, report.copying))
    assert (np.sum(flagged, axis=0) <= 2).all()  # at a level of 0.01 each


@pytest.mark.parametrize("n", [10, 30, 1000])
def test_chance_is_what_independent_draws_show(n):
    reports = [examine(rows(n, 2 * s), rows(400, 2 * s + 1)) for s in range(60 if n < 99 else 8)]
    assert np.mean([r.copies for r in reports]) == pytest.approx(reports[0].chance, rel=0.4)
    assert np.mean([r.copying for r in reports]) <= 0.1


def test_copies_are_found():
    real = rows(300)
    exact = examine(real, real[np.random.default_rng(0).integers(0, 300, 500)], LAYERS)
    assert exact.copies == 1
    assert exact.copying
    assert exact.beyond == ()
    assert "the method copies" in exact.sentence
    nearly = examine(real, real + np.random.default_rng(0).normal(0, 1e-3, real.shape))
    assert nearly.copying
    third = np.concatenate([real[:100], rows(200, 9)])
    assert examine(real, third).copies == pytest.approx(1 / 3, abs=0.05)


def test_a_wrong_marginal_is_named():
    made = rows(400, 1)
    made[:, 2] *= 2
    report = examine(rows(300), made, LAYERS)
    assert report.beyond == ("Cu",)
    assert report.ks.argmax() == 2
    assert "1 of 3 layers" in report.sentence
    assert "Cu differs most" in report.sentence


def test_a_lost_correlation_is_named():
    real = rows(300)
    made = rows(400, 1, np.eye(3))
    report = examine(real, made, LAYERS)
    assert report.pair == ("Au", "As")
    assert report.pairs_beyond == 1
    expected = np.corrcoef(real.T)[0, 1] - np.corrcoef(made.T)[0, 1]
    assert report.correlation == pytest.approx(abs(expected))
    assert report.beyond == ()


def test_few_rows_show_no_difference_and_the_sentence_gives_the_limit():
    """Different distributions, but too few rows to detect it."""
    rng = np.random.default_rng(3)
    real, made = rows(45, covariance=np.eye(3)), rng.normal(0.3, 1, size=(20, 3))
    report = examine(real, made, LAYERS)
    assert (report.beyond, report.pairs_beyond) == ((), 0)
    marginals, correlations = report.sentence.split(". ")[:2]
    limit = np.sqrt(-np.log(0.01 / 3 / 2) / 2 * (1 / 45 + 1 / 20))
    assert marginals.startswith(
        "0 layers differ significantly in distribution from the real rows (20 generated and 45 "
        f"real rows; a distance above {limit:.2f} would be detected): "
    )
    assert report.ks_limit == pytest.approx(limit)
    assert correlations.startswith(
        "0 correlations differ significantly from those of the real rows "
        "(20 generated and 45 real rows): "
    )
    assert "these are too few to detect any difference" in examine(real[:4], made[:4]).sentence


def test_ks_distance_is_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=70).round(1), rng.normal(0.3, 1, size=50).round(1)  # with ties
    assert ks_distance(x, y) == pytest.approx(ks_2samp(x, y).statistic, abs=1e-12)


def test_hand_worked_copies():
    """Real rows 0, 1, 3, 7: distances to the nearest other 1, 1, 2, 4, the 1st percentile is 1."""
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    report = examine(real, np.array([[0.5], [2.0], [5.0], [6.5]]))
    assert report.copies == 0.5  # 0.5 and 6.5 lie half a step off; 2 a whole one
    assert report.chance == pytest.approx(2.03 / 5)


def test_constant_layers_have_no_correlation():
    real, made = rows(50), rows(50, 1)
    real[:, 1:] = 0
    made[:, 1:] = 0
    report = examine(real, made, LAYERS)
    assert report.pair is None
    assert "no pair" in report.sentence
    assert report.as_dict()["correlation_difference"] is None
    assert examine(real, made).ks[1] == 0


def test_what_cannot_be_held_against_each_other_is_refused():
    with pytest.raises(ValueError, match="2 columns and generated ones 3"):
        examine(rows(9)[:, :2], rows(9))
    with pytest.raises(ValueError, match="n of 4 or more"):
        examine(rows(3), rows(9))
    with pytest.raises(ValueError, match="missing"):
        examine(rows(9), np.full((9, 3), np.nan))
    with pytest.raises(ValueError, match="2 layer names"):
        examine(rows(9), rows(9), ("Au", "As"))
