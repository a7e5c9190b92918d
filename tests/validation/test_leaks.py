"""The proof: randomising what a fold hides leaves every fitted state bit for bit the same."""

import numpy as np
import pytest

from orecast.config import Screening, Training
from orecast.evidence import Evidence
from orecast.samples import NegativeRule
from orecast.samples.protocols import Spatial
from orecast.training import build_model
from orecast.validation import Recipe

SIZE = 5
TRAINING = Training(epochs=2, batch=16)
RECIPES = {
    "forest": Recipe(lambda: build_model("random-forest", {"trees": 20}, TRAINING), SIZE),
    "logistic, screened by SVM": Recipe(
        lambda: build_model("logistic-regression", {}, TRAINING),
        SIZE,
        screening=Screening(method="svm-auc", threshold=0.1, keep=["Cu"]),
    ),
    "screened by PCA": Recipe(
        lambda: build_model("logistic-regression", {}, TRAINING),
        SIZE,
        screening=Screening(method="pca"),
    ),
    "screened by correlation": Recipe(
        lambda: build_model("logistic-regression", {}, TRAINING),
        SIZE,
        screening=Screening(method="correlation", threshold=0.05, keep=["Cu"]),
    ),
    "k-means negatives": Recipe(
        lambda: build_model("random-forest", {"trees": 20}, TRAINING),
        SIZE,
        negatives=NegativeRule("kmeans", 6, 4, fault_distance=2),
        target="Au",
        faults="fault distance",
    ),
    "random negatives": Recipe(
        lambda: build_model("best-layer", {}, TRAINING), SIZE, negatives=NegativeRule("random")
    ),
    "distance to deposits": Recipe(lambda: build_model("deposit-distance", {}, TRAINING), SIZE),
    "network": Recipe(lambda: build_model("resnet18", {"width": 8}, TRAINING), SIZE),
}


def randomised(evidence, hidden):
    """The same evidence with other values, and other nodata, wherever ``hidden``."""
    rng = np.random.default_rng(99)
    other = Evidence.empty(evidence.grid)
    for name in evidence.names:
        values = evidence.layer(name).copy()
        noise = rng.normal(50, 20, hidden.sum()).astype(np.float32)
        noise[rng.random(noise.size) < 0.1] = np.nan
        values[hidden] = noise
        attributes = evidence.data[name].attrs
        other = other.adding(
            name, values, kind=attributes["kind"], origin="test", reach=attributes["reach"]
        )
    return other


def state(fitted, folder):
    fitted.save(folder)
    files = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return files, fitted.rows.at.tolist(), fitted.rows.y.tolist(), fitted.names


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_fitted_has_seen_what_is_hidden(name, evidence, places, tmp_path):
    recipe = RECIPES[name]
    folds = list(Spatial(3, SIZE, evidence.grid.shape, 1000.0).folds(places, evidence.reach))
    fold = folds[0]
    rows = places.take(fold.train)
    a = recipe.fit(evidence, rows, hidden=fold.hidden, seed=0)
    b = recipe.fit(randomised(evidence, fold.hidden), rows, hidden=fold.hidden, seed=0)
    assert state(a, tmp_path / "a") == state(b, tmp_path / "b")


def test_the_proof_can_fail(evidence, places, tmp_path):
    """Without hiding, the same change does move what is fitted."""
    recipe = RECIPES["logistic, screened by SVM"]
    fold = next(iter(Spatial(3, SIZE, evidence.grid.shape, 1000.0).folds(places, evidence.reach)))
    rows = places.take(fold.train)
    a = recipe.fit(evidence, rows, hidden=None, seed=0)
    b = recipe.fit(randomised(evidence, fold.hidden), rows, hidden=None, seed=0)
    assert state(a, tmp_path / "a") != state(b, tmp_path / "b")
