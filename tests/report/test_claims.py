import pytest

from orecast.metrics import Metrics
from orecast.report import sentences as claims


@pytest.fixture
def content(fabricate):
    return fabricate(baselines=2, deposits=5).metrics


def read(content):
    return Metrics.model_validate(content)


def test_what_the_best_layer_picked_afterwards_scores_by_chance(content):
    text = claims.layer_null(read(content)).replace("\u00a0", " ").replace("\u202f", " ")
    assert text == (
        "The best of 39 single layers is Ba (low values indicate ore). It was chosen after the "
        "test results were known. On average, a known deposit has a better value than 76 % of "
        "the cells of the whole map. By chance, the best of 39 layers, chosen "
        "in the same way, averages 62 % and is below 67 % in 95 of 100 cases (1 000 random shifts "
        "of the deposits’ pattern, p = 0.004)."
    )
    content["layer_null"]["p"] = 0.0002
    assert "p\u00a0<\u00a00.001)" in claims.layer_null(read(content))


def test_why_chance_could_not_be_computed(content):
    content["layer_null"] = {"why_not": "the valid area is too small"}
    assert claims.layer_null(read(content)).endswith("be computed: The valid area is too small.")
    content["layer_null"] = None
    assert claims.layer_null(read(content)) == ""


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.873, "87\u00a0% of the map lies"),
        (0.9981, "99.8\u00a0% of the map lies"),
        (1.0, "All of the map lies"),
    ],
)
def test_how_much_of_the_map_is_like_what_was_learned_from(content, share, words):
    content["applicability"]["share_inside"] = share
    text = claims.applicability(read(content))
    assert text.startswith(words)
    assert "dissimilarity of 0.60 or less; the map’s median is 0.31" in text


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.002, 0.03, "they are better than the same probability everywhere"),
        (-0.03, -0.01, "the same probability everywhere is better"),
        (-0.01, 0.03, "are not different from the same probability everywhere"),
        (None, None, "are not different from the same probability everywhere"),
    ],
)
def test_whether_calibrated_probabilities_are_better_than_a_constant(content, low, high, words):
    model = content["scores"][0]
    model["brier_skill"] = {"value": 0.012, "low": low, "high": high}
    text = claims.calibration(read(content))
    assert f"add up to 21.0 cells with a deposit; {sum(model['reliability']['ore'])} cells" in text
    assert words in text
    model["brier_skill"] = None
    assert claims.calibration(read(content)) == ""


def test_the_label_of_the_models_map(content, fabricate):
    assert claims.map_label(read(content), drawn=True) == "Configured model: resnet18"
    text = claims.map_label(read(content), drawn=False)
    assert text.startswith("Configured model: resnet18 (recommended is layer Ba, but this")
    content["verdict"]["recommended"] = "resnet18"
    text = claims.map_label(read(content), drawn=False)
    assert text == "Recommended map: resnet18, the configured model"
    anomalies = read(fabricate().forget_deposits().metrics)
    assert claims.map_label(anomalies, drawn=False) == "Map of anomalies: isolation-forest"
