"""Do undiscovered deposits rank above chance, and does nothing on the null preset?

Runs the whole main job on simulated districts and prints, seed by seed, the mean percentile of the
held-out known deposits (spatial folds), of the undiscovered ones on the final map, and of the
undiscovered ones by fault distance alone; then the mean over seeds with its 95 % interval.

    python benchmarks/undiscovered.py --preset demo --seeds 10 --model resnet18
    python benchmarks/undiscovered.py --preset null --seeds 10 --model resnet18
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from orecast.config import read
from orecast.metrics import bootstrap_mean
from orecast.simulation import simulate, write_district
from orecast.workflow import run_survey


def one(preset: str, seed: int, model: str, folder: Path) -> tuple[float, float, float, int]:
    path = write_district(simulate(preset, seed), folder / "district")
    width = ", options={width=16}" if model.startswith("resnet") else ""
    settings = [
        f"output='{(folder / 'run').as_posix()}'",
        f"model={{name='{model}'{width}}}",
        "validation.baselines=false",
        f"seed={seed}",
    ]
    metrics = run_survey(read(path, settings)).metrics
    kept = metrics["undiscovered"]
    return (
        metrics["scores"][0]["percentile"]["value"],
        kept["percentile"]["value"],
        kept["fault_distance"]["value"],
        kept["n"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--model", default="resnet18")
    given = parser.parse_args()
    print(f"{given.preset}, {given.model}: mean percentile, 50 is chance")
    print("seed  held-out known  undiscovered  by fault distance   n")
    rows = []
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            *scores, n = one(given.preset, seed, given.model, Path(folder))
        rows.append(scores)
        shown = "  ".join(f"{100 * s:>14.1f}" for s in scores)
        print(f"{seed:>4}{shown}  {n:>4}", flush=True)
    for name, values in zip(
        ("known", "undiscovered", "fault distance"), np.transpose(rows), strict=True
    ):
        found = bootstrap_mean(values, seed=0)
        print(f"{name}: {100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})")


if __name__ == "__main__":
    main()
