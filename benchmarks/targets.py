"""How many of the first ten targets lie near undiscovered deposits, on simulated districts.

For each seed a district is simulated and `auto` run. The first ten targets on new ground of each
map are compared with the undiscovered deposits, which no map has seen: a hit is one within the
median spacing of the samples of the target's peak. Maps: those fitted to all known deposits,
the out-of-fold map of `auto`, and the mean of the ranks of both. Random targets are drawn on the
same ground. Prints hits by district, and the mean over districts with its 95 % interval; then the
mean percentile of the undiscovered deposits on each map, and what `auto` chose.

    python benchmarks/targets.py --seeds 6 --first 101
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from orecast.config import read
from orecast.evidence import Evidence
from orecast.mapping import predict_map, read_raster
from orecast.metrics import bootstrap_mean, percentiles
from orecast.simulation import simulate, write_district
from orecast.targets import KnownDeposits, Peaks, nearest_metres, new_ground
from orecast.workflow import run_survey
from orecast.workflow.recipes import candidates
from orecast.workflow.run.target_test import read_job
from orecast.workflow.targets import TargetDrawing

N = 10
DRAWS = 1000


def ranked(score: np.ndarray) -> np.ndarray:
    """A map as ranks of its cells, 0 to 1."""
    known = np.isfinite(score)
    found = np.full(score.shape, np.nan)
    found[known] = percentiles(score[known], score[known])
    return found


def out_of_fold_ranks(folder: Path) -> np.ndarray:
    """Ranks of the out-of-fold map, within each fold's region."""
    score = read_raster(folder / "out_of_fold.tif").values
    fold = read_raster(folder / "folds.tif").values
    found = np.full(score.shape, np.nan)
    for k in np.unique(fold[np.isfinite(fold)]):
        region = (fold == k) & np.isfinite(score)
        found[region] = percentiles(score[region], score[region])
    return found


def one(preset: str, seed: int, folder: Path) -> tuple[dict[str, float], dict[str, float], str]:
    """Hits of the first ten targets of each map on one district, percentiles, and the choice."""
    path = write_district(simulate(preset, seed), folder / "district")
    settings = [
        f"output='{(folder / 'run').as_posix()}'",
        "validation.baselines=false",
        "validation.repetitions=0",
        f"seed={seed}",
    ]
    config = read(path, settings)
    chosen = run_survey(config).metrics["chosen"]["final"]
    job = read_job(folder / "run", "benchmark")
    evidence: Evidence = job.evidence
    hidden = job.survey.held_back.get_coordinates().to_numpy()
    drawing = TargetDrawing.of(job.survey, evidence, job.config)
    deposits = KnownDeposits.of(job.survey.deposits, evidence.grid)
    new = new_ground(evidence.grid, drawing.allowed, deposits, drawing.near)

    def hits(score: np.ndarray) -> float:
        peaks = Peaks(score, evidence.grid, drawing.rule)
        drawn = peaks.drawn(new[tuple(peaks.at.T)], N)
        xy = evidence.grid.xy(np.array([peak.at for peak in drawn]).reshape(-1, 2))
        return float((nearest_metres(xy, hidden) <= drawing.rule.spacing).sum())

    maps = {"auto": read_raster(folder / "run" / "prospectivity.tif").values}
    baselines, _ = job.baselines(every=True)
    for name, recipe in candidates(job.config, evidence, baselines).items():
        fitted = recipe.fit(evidence, job.places.sampling, hidden=None, seed=seed)
        maps[name] = predict_map(fitted, evidence)
    held_out = out_of_fold_ranks(folder / "run")
    at = tuple(evidence.grid.cell(hidden).T)
    percentile = {name: float(np.nanmean(ranked(score)[at])) for name, score in maps.items()}
    found = {name: hits(ranked(score)) for name, score in maps.items()}
    found["auto, out of fold"] = hits(held_out)
    found["auto, mean of both"] = hits((ranked(maps["auto"]) + held_out) / 2)
    rng = np.random.default_rng(seed)
    xy = evidence.grid.xy(np.argwhere(new))
    drawn = nearest_metres(xy[rng.integers(len(xy), size=N * DRAWS)], hidden)
    found["random"] = float((drawn <= drawing.rule.spacing).sum() / DRAWS)
    return found, percentile, chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first", type=int, default=101)
    given = parser.parse_args()
    rows, ranks, choices = [], [], []
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            found, percentile, chosen = one(given.preset, seed, Path(folder))
        rows.append(found)
        ranks.append(percentile)
        choices.append(chosen)
        print(seed, chosen, {name: round(value, 2) for name, value in found.items()}, flush=True)
    print(f"chosen: {dict(Counter(choices))}")
    print(f"{'map':<22} hits of the first {N} targets, mean of {len(rows)} districts; percentile")
    for name in rows[0]:
        mean = bootstrap_mean([row[name] for row in rows], seed=0)
        shown = f"{name:<22} {mean.value:.2f} ({mean.low:.2f} to {mean.high:.2f})"
        if name in ranks[0]:
            known = bootstrap_mean([100 * row[name] for row in ranks], seed=0)
            shown += f"   {known.value:.1f} ({known.low:.1f} to {known.high:.1f})"
        print(shown)


if __name__ == "__main__":
    main()
