"""What do random deposits score? On true spatial folds nothing, on randomly split windows all.

    python benchmarks/random_deposits.py --seeds 20                the Eskay survey of examples/
    python benchmarks/random_deposits.py --seeds 5 --models resnet18

As many places as the survey has deposits are put on its real evidence where nothing tells of them:
"uniform", each on a cell drawn at random, and "shifted", the deposits' own pattern moved by one
random step, wrapped at the edges, which keeps how they cluster. Each model then learns from them
as from deposits. Printed is the mean percentile of held-out places over the seeds, where 0.5 is
right and more is a leak; how many seeds' own 95 % intervals hold 0.5; and beside it the AUC and the
accuracy that the same random places earn when slid windows are split at random.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from orecast.arrays import Ints
from orecast.config import Config, ModelOptions, read
from orecast.errors import SamplingError
from orecast.evidence import Evidence, build_evidence
from orecast.metrics import auc, bootstrap_mean, confusion
from orecast.sampling import MapGeometry, Sampling, deposit_sampling
from orecast.splits import build_protocol
from orecast.survey import read_survey
from orecast.validation import Recipe, cross_predict
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.run.job import geometry_of
from orecast.workflow.scoring import held_out_row

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "eskay" / "run.toml"
MODELS = {
    "random": {},
    "deposit-distance": {},
    "best-layer": {},
    "logistic-regression": {},
    "random-forest": {},
    "gradient-boosting": {},
    "resnet18": {"width": 8},
}
CHEAP = [name for name in MODELS if name != "resnet18"]
EPOCHS = 10  # of a network
PAPER_SEEDS = 3  # whose windows are split at random too
MOST_OFF = 1 / 3  # of a shifted pattern, that may fall where there is no evidence


def uniform(cells: Ints, evidence: Evidence, rng: np.random.Generator) -> Ints:
    """As many valid cells at random."""
    return rng.choice(np.argwhere(evidence.valid), len(cells), replace=False)


def shifted(cells: Ints, evidence: Evidence, rng: np.random.Generator) -> Ints:
    """The pattern moved by a random step, less what falls where there is no evidence."""
    shape = evidence.grid.shape
    while True:
        moved = (cells + rng.integers(0, shape)) % shape
        kept = evidence.valid[tuple(moved.T)]
        if kept.mean() >= 1 - MOST_OFF:
            return moved[kept]


PATTERNS = {"uniform": uniform, "shifted": shifted}


def recipe_of(name: str, config: Config, evidence: Evidence) -> Recipe:
    model = ModelOptions(name=name, options=MODELS[name])
    training = config.training.model_copy(update={"epochs": EPOCHS})
    return model_recipe(
        config.model_copy(update={"model": model, "training": training}), evidence, None
    )


def spatial_row(
    name: str,
    recipe: Recipe,
    evidence: Evidence,
    sampling: Sampling,
    ground: MapGeometry,
    seed: int,
) -> dict[str, float]:
    """Mean percentile of held-out places with its interval, under spatial folds."""
    protocol = build_protocol("spatial", {}, ground, n_folds=5, seed=seed)
    answer = cross_predict(recipe, evidence, sampling, protocol, seed=seed)
    n = len(sampling)
    places = Places(sampling, np.arange(n), np.arange(n), ("",) * n, np.zeros((n, 2)))
    return held_out_row(name, "model", "spatial", answer, places, seed=seed).percentile.as_dict()


def paper_scores(
    recipe: Recipe, evidence: Evidence, sampling: Sampling, ground: MapGeometry, seed: int
) -> tuple[float, float]:
    """AUC and accuracy of randomly split windows."""
    protocol = build_protocol("paper", {}, ground, n_folds=5, seed=seed)
    answer = cross_predict(recipe, evidence, sampling, protocol, seed=seed)
    y, scores = answer.sampling.y[answer.rows], answer.scores
    return auc(scores[y == 1], scores[y == 0]), confusion(y, scores).accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=CHEAP)
    given = parser.parse_args()
    os.environ.setdefault("ORECAST_DATA", str(ROOT.parent / "shared" / "data"))
    config = read(EXAMPLE)
    survey = read_survey(config)
    evidence = build_evidence(survey, config)
    size = config.sampling.window
    cells = place_deposits(survey.deposits, evidence, size, survey.findings).sampling.at
    ground = geometry_of(survey, evidence, size)
    print(f"{len(cells)} places, {given.seeds} seeds; 0.5 is right")
    print(f"{'model':22s}{'pattern':10s}{'spatial folds':26s}{'0.5 inside':14s}random split")
    for name in given.models:
        recipe = recipe_of(name, config, evidence)
        for pattern, draw in PATTERNS.items():
            spatial, paper = [], []
            for seed in range(given.seeds):
                at = draw(cells, evidence, np.random.default_rng([seed, 21]))
                sampling, _ = deposit_sampling(at, size)
                try:
                    row = spatial_row(name, recipe, evidence, sampling, ground, seed)
                except SamplingError as error:
                    print(f"  seed {seed} left out: {error.what}")
                    continue
                spatial.append(row)
                if recipe.labels and seed < PAPER_SEEDS:
                    paper.append(paper_scores(recipe, evidence, sampling, ground, seed))
            mean = bootstrap_mean([r["value"] for r in spatial], seed=0)
            inside = sum(r["low"] <= 0.5 <= r["high"] for r in spatial)
            claimed = "AUC {:.3f}, accuracy {:.3f}".format(*np.mean(paper, axis=0)) if paper else ""
            print(
                f"{name:22s}{pattern:10s}{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})"
                f"{'':5s}{inside:3d} of {len(spatial):3d}     {claimed}",
                flush=True,
            )


if __name__ == "__main__":
    main()
