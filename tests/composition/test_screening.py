import numpy as np
import pytest
from scipy import stats

from orecast.composition import screen, svm_auc, z_auc
from orecast.errors import ConfigError, ModelError, SamplingError

NAMES = ("Au", "Cu", "Zn", "Mn")

# Gao et al. (2022, Appl. Sci. 12, 11433), Table 1; the same 16 stand in Sustainability 2023.
PUBLISHED = {
    "Au": (0.6024, 2.8395), "B": (0.5901, 2.4839), "Sn": (0.6065, 2.9595), "Cu": (0.6311, 3.6977),
    "Ag": (0.6762, 5.1563), "Ba": (0.6147, 3.2020), "Mn": (0.5573, 1.5617), "Pb": (0.5778, 2.1341),
    "Zn": (0.5450, 1.2232), "As": (0.5655, 1.7893), "Sb": (0.5942, 2.6017), "Bi": (0.5901, 2.4839),
    "Hg": (0.6393, 3.9516), "Mo": (0.5983, 2.7203), "W": (0.5778, 2.1341), "F": (0.5696, 1.9037),
}  # fmt: skip


def places(n=80, seed=0):
    """Au is high at ore, Cu goes with Au, Zn is low at ore, Mn is noise."""
    rng = np.random.default_rng(seed)
    y = np.repeat([1.0, 0.0], n // 2)
    au = rng.normal(size=n) + 2 * y
    X = np.column_stack(
        [au, au + 0.3 * rng.normal(size=n), rng.normal(size=n) - 2 * y, rng.normal(size=n)]
    )
    return X, y


@pytest.mark.parametrize("element", PUBLISHED)
def test_hanley_and_mcneil_give_the_published_z(element):
    auc, z = PUBLISHED[element]
    assert z_auc(auc, 122, 122) == pytest.approx(z, abs=3e-3)


def test_the_published_eight_pass_the_published_threshold():
    kept = {e for e, (auc, _) in PUBLISHED.items() if z_auc(auc, 122, 122) > 2.58}
    assert kept == {"Ag", "Au", "Sn", "Cu", "Ba", "Sb", "Hg", "Mo"}


def test_z_by_hand():
    # A 0.75, 4 ore and 5 barren: Q1 0.6, Q2 9/14;
    # variance (0.1875 + 3 * 0.0375 + 4 * (9/14 - 0.5625)) / 20
    expected = 0.25 / np.sqrt((0.1875 + 3 * 0.0375 + 4 * (9 / 14 - 0.5625)) / 20)
    assert z_auc(0.75, 4, 5) == pytest.approx(expected, rel=1e-12)


def test_z_is_odd_about_chance_for_even_classes_and_infinite_at_the_ends():
    np.testing.assert_allclose(z_auc(0.3, 50, 50), -z_auc(0.7, 50, 50), rtol=1e-12)
    assert z_auc([0.0, 0.5, 1.0], 9, 9).tolist() == [-np.inf, 0.0, np.inf]


def test_svm_auc_knows_ore_from_noise():
    X, y = places()
    assert svm_auc(X[:, 0], y) > 0.8
    assert svm_auc(X[:, 2], y) > 0.8  # depletion is a sign as well
    assert svm_auc(np.ones(80), y) == 0.5


def test_svm_auc_finds_ore_on_both_flanks():
    rng = np.random.default_rng(0)
    y = np.repeat([1.0, 0.0], 60)
    x = np.where(y == 1, rng.choice([-3, 3], 120), 0) + rng.normal(size=120)
    assert svm_auc(x, y) > 0.85


@pytest.mark.parametrize("definition", ["decision", "labels"])
def test_noise_is_not_flattered(definition):
    """Within its training set the kernel would reach 0.6 and more; on average chance is right."""
    rng = np.random.default_rng(0)
    y = np.repeat([1.0, 0.0], 30)
    aucs = [svm_auc(rng.normal(size=60), y, definition) for _ in range(25)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.06)


def test_auc_of_labels_is_the_balanced_accuracy():
    """Hard labels of 40 + 20 places: a mean of two shares with those denominators."""
    X, y = places(60)
    y = np.where(np.arange(60) < 40, 1.0, 0.0)
    doubled = svm_auc(X[:, 0], y, "labels") * 2
    shares = np.add.outer(np.arange(41) / 40, np.arange(21) / 20)
    assert np.abs(shares - doubled).min() < 1e-12
    assert svm_auc(X[:, 0], y, "labels") != svm_auc(X[:, 0], y, "decision")


def test_svm_screening_keeps_what_tells_ore():
    X, y = places()
    found = screen("svm-auc", X, y, NAMES)
    assert found.kept.tolist() == [True, True, True, False]
    assert found.threshold == 2.58
    np.testing.assert_allclose(found.statistic, z_auc(found.measures["auc"], 40, 40))
    assert found.table()[0]["element"] == "Au"
    assert found.table()[0]["kept"] is True


def test_correlation_is_point_biserial():
    X, y = places()
    found = screen("correlation", X, y, NAMES)
    for j in range(4):
        assert found.measures["r"][j] == pytest.approx(stats.pointbiserialr(y, X[:, j])[0])
    assert found.measures["r"][2] < -0.5  # kept though negative
    assert found.kept.tolist() == [True, True, True, False]


def test_loadings_are_correlations_with_the_component_that_tells_ore():
    X, y = places(400)
    found = screen("pca", X, y, NAMES)
    assert found.kept.tolist() == [True, True, True, False]
    loading = found.measures["loading"]
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    _, vectors = np.linalg.eigh(np.corrcoef(X.T))
    expected = [np.corrcoef(column, standard @ vectors[:, -1])[0, 1] for column in standard.T]
    np.testing.assert_allclose(np.abs(loading), np.abs(expected), atol=1e-12)
    assert loading[0] > 0 > loading[2]  # signed towards ore


def test_the_component_that_tells_ore_need_not_be_the_first():
    rng = np.random.default_rng(0)
    y = np.repeat([1.0, 0.0], 100)
    rock, ore = rng.normal(size=200) * 3, 4 * y + rng.normal(size=200)
    noise = 0.2 * rng.normal(size=(200, 5))
    X = np.column_stack([rock, rock, rock, ore, ore]) + noise
    found = screen("pca", X, y, ("Fe", "Ti", "V", "Au", "As"))
    assert _kept(found) == ("Au", "As")


@pytest.mark.parametrize("method", ["svm-auc", "correlation", "pca"])
def test_thresholds_and_keeping_by_name(method):
    X, y = places()
    assert _kept(screen(method, X, y, NAMES, threshold=1e9)) == ()
    kept = screen(method, X, y, NAMES, threshold=1e9, keep=["Mn"])
    assert _kept(kept) == ("Mn",)


@pytest.mark.parametrize("method", ["svm-auc", "correlation", "pca"])
def test_unlabelled_places_and_missing_values_are_left_out(method):
    X, y = places()
    more = np.vstack([X, np.full((5, 4), 99.0)])
    labels = np.concatenate([y, np.full(5, np.nan)])
    np.testing.assert_array_equal(
        screen(method, more, labels, NAMES).statistic, screen(method, X, y, NAMES).statistic
    )
    holes = X.copy()
    holes[:3, 0] = np.nan
    expected = screen(method, X[3:], y[3:], NAMES).statistic
    found = screen(method, holes, y, NAMES).statistic
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)


@pytest.mark.parametrize("method", ["svm-auc", "correlation", "pca"])
def test_an_element_that_cannot_be_judged_is_dropped_and_others_are_not(method):
    X, y = places()
    X[:, 3] = np.nan
    X[:, 2] = 5.0
    found = screen(method, X, y, NAMES)
    assert found.kept.tolist() == [True, True, False, False]
    assert np.isnan(found.statistic[3])


@pytest.mark.parametrize("method", ["svm-auc", "correlation", "pca"])
def test_one_element_and_no_memory_of_other_calls(method):
    X, y = places()
    first = screen(method, X[:, :1], y, ["Au"])
    screen(method, X[::-1], y, NAMES)
    assert np.array_equal(first.statistic, screen(method, X[:, :1], y, ["Au"]).statistic)
    assert first.kept.tolist() == [True]


def test_a_seed_moves_the_folds_and_repeats():
    X, y = places()
    zs = [screen("svm-auc", X, y, NAMES, seed=s).statistic[3] for s in (0, 0, 1)]
    assert zs[0] == zs[1] != zs[2]


def test_none_keeps_all():
    X, y = places()
    assert _kept(screen("none", X, y, NAMES)) == NAMES


@pytest.mark.parametrize("method", ["svm-auc", "correlation", "pca"])
@pytest.mark.parametrize("ore", [0, 1, 79, 80])
def test_one_place_of_a_class_is_too_few(method, ore):
    X, _ = places()
    y = (np.arange(80) < ore).astype(float)
    with pytest.raises(SamplingError, match="too few"):
        screen(method, X, y, NAMES)


def test_what_cannot_be_screened_is_refused():
    X, y = places()
    with pytest.raises(ConfigError, match="did you mean svm-auc"):
        screen("svm_auc", X, y, NAMES)
    with pytest.raises(ConfigError, match=r"screening\.keep"):
        screen("pca", X, y, NAMES, keep=["Xx"])
    with pytest.raises(SamplingError, match="labels must be 1"):
        screen("pca", X, y * 2, NAMES)
    with pytest.raises(ModelError, match="do not match"):
        screen("pca", X, y[:-1], NAMES)
    with pytest.raises(ConfigError, match="did you mean labels"):
        svm_auc(X[:, 0], y, "label")
    X[4, 1] = np.inf
    with pytest.raises(ModelError, match="layer Cu: the layer has infinite"):
        screen("pca", X, y, NAMES)


def _kept(found):
    return tuple(name for name, kept in zip(found.names, found.kept, strict=True) if kept)
