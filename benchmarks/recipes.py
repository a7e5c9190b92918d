"""Which recipe ranks deposits it has not seen highest, with as few of them as there are?

Tests candidate recipes under ``spatial`` on simulated districts of several seeds and, where its
data are there, on the Eskay Creek survey; prints each one's mean percentile with its interval and
the paired difference to the reference. Tianshan is left out: it is kept for the recipe that is
chosen. Finished pairs of district and recipe are kept in the folder, so that a stopped benchmark
goes on.

    python benchmarks/recipes.py results/recipes --seeds 10 --only forest,logistic
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from orecast.config import read
from orecast.mapping import predict_map
from orecast.metrics import bootstrap_mean, paired_difference
from orecast.run import Run
from orecast.simulation import simulate, write_district
from orecast.survey import read_survey
from orecast.validation import cross_predict
from orecast.workflow.choosing import resolve_auto
from orecast.workflow.places import place_deposits
from orecast.workflow.run.job import Job, Provenance
from orecast.workflow.run.running import prepare
from orecast.workflow.scoring import held_out_row, ranked

ROOT = Path(__file__).parent.parent
FOREST = 'model.name="random-forest"'
RESNET = "model={name='resnet18', options={width=16}}"
LEAF = "model={name='random-forest', options={leaf=5}}"


def mean_of(combine: str, *members: str, strength: float = 1.0) -> str:
    """An ensemble's setting; forest, logistic regression and weights of evidence by default."""
    members = members or ("random-forest", "logistic-regression", "weights-of-evidence")
    options = {
        "random-forest": "{leaf=5}",
        "logistic-regression": f"{{strength={strength}}}",
    }
    given = ", ".join(f"{name}={options[name]}" for name in members if name in options)
    return (
        f"model={{name='ensemble', options={{members={list(members)}, combine='{combine}', "
        f"member_options={{{given}}}}}}}"
    )


def logistic(strength: float) -> str:
    return f"model={{name='logistic-regression', options={{strength={strength}}}}}"


CANDIDATES: dict[str, list[str]] = {
    "auto": ["model={name='auto'}"],
    "forest": [FOREST],
    "forest, 5 barren": [FOREST, "sampling.ratio=5"],
    "forest, 20 barren": [FOREST, "sampling.ratio=20"],
    "forest, leaf 5": ["model={name='random-forest', options={leaf=5}}"],
    "forest, window": ["model={name='random-forest', options={features='window'}}"],
    "forest, no slides": [FOREST, "sampling.shift=0"],
    "forest, no slides, 20": [FOREST, "sampling.shift=0", "sampling.ratio=20"],
    "forest, shift 2": [FOREST, "sampling.shift=2"],
    "forest, random barren": [FOREST, "sampling.negatives='random'", "sampling.ratio=5"],
    "forest, channels": [
        "model={name='random-forest', channels=['mahalanobis', 'isolation-forest', 'contrast', "
        "'cumulative-index']}"
    ],
    "logistic": ["model.name='logistic-regression'"],
    "logistic, 20 barren": ["model.name='logistic-regression'", "sampling.ratio=20"],
    "logistic, strength 100": [logistic(100.0)],
    "logistic, strength 10": [logistic(10.0)],
    "boosting": ["model.name='gradient-boosting'"],
    "evidence weights": ["model.name='weights-of-evidence'"],
    "best layer": ["model.name='best-layer'"],
    "distance": ["model.name='deposit-distance'"],
    "leaf 5, no slides": [LEAF, "sampling.shift=0"],
    "leaf 10, no slides": [
        "model={name='random-forest', options={leaf=10}}",
        "sampling.shift=0",
    ],
    "leaf 5, channels": [
        f"{LEAF[:-1]}, channels=['mahalanobis', 'isolation-forest', 'contrast']}}"
    ],
    "logistic, no slides": ["model.name='logistic-regression'", "sampling.shift=0"],
    "logistic, strength 100, no slides": [logistic(100.0), "sampling.shift=0"],
    "weights, no slides": ["model.name='weights-of-evidence'", "sampling.shift=0"],
    "three": [mean_of("rank")],
    "three, no slides": [mean_of("rank"), "sampling.shift=0"],
    "three, no slides, mean": [mean_of("mean"), "sampling.shift=0"],
    "three, no slides, 5 barren": [mean_of("rank"), "sampling.shift=0", "sampling.ratio=5"],
    "forest and weights": [mean_of("rank", "random-forest", "weights-of-evidence")],
    "forest and weights, no slides": [
        mean_of("rank", "random-forest", "weights-of-evidence"),
        "sampling.shift=0",
    ],
    "stack": [
        "model={name='stack', options={members=['random-forest', 'logistic-regression', "
        "'weights-of-evidence'], member_options={random-forest={leaf=5}}}}"
    ],
    "stack, no slides": [
        "model={name='stack', options={members=['random-forest', "
        "'logistic-regression', 'weights-of-evidence'], member_options={random-forest={leaf=5}}}}",
        "sampling.shift=0",
    ],
    "logistic, strength 30, no slides": [logistic(30.0), "sampling.shift=0"],
    "logistic, strength 1000, no slides": [logistic(1000.0), "sampling.shift=0"],
    "logistic, strength 100, no slides, 5 barren": [
        logistic(100.0),
        "sampling.shift=0",
        "sampling.ratio=5",
    ],
    "three, 100, no slides": [mean_of("rank", strength=100.0), "sampling.shift=0"],
    "three, 100, no slides, 5 barren": [
        mean_of("rank", strength=100.0),
        "sampling.shift=0",
        "sampling.ratio=5",
    ],
    "forest and logistic, 100, no slides": [
        mean_of("rank", "random-forest", "logistic-regression", strength=100.0),
        "sampling.shift=0",
    ],
    **{
        name: [f"model.name='{name}'"]
        for name in (
            *("mahalanobis", "isolation-forest", "one-class-svm", "pca-reconstruction"),
            *("concentration-area", "cumulative-index", "contrast", "mean-2sd"),
        )
    },
    "anomalies": [mean_of("rank", "mahalanobis", "isolation-forest", "cumulative-index")],
    "resnet": [RESNET],
    "resnet, window 5": [RESNET, "sampling.window=5"],
    "resnet, window 15": [RESNET, "sampling.window=15"],
    "resnet, no slides, 5 barren": [RESNET, "sampling.shift=0", "sampling.ratio=5"],
    "resnet of 3 seeds": [RESNET, "uncertainty.seeds=3"],
    "resnet, pretrained": [RESNET, "training.pretrain=3"],
    "resnet, pretrained on all": [RESNET, "training.pretrain=3", "training.pretrain_on='all'"],
    "three and resnet, no slides, 5 barren": [
        "model={name='ensemble', options={members=['random-forest', 'logistic-regression', "
        "'weights-of-evidence', 'resnet18'], combine='rank', member_options={"
        "random-forest={leaf=5}, logistic-regression={strength=100.0}, resnet18={width=16}}}}",
        "sampling.shift=0",
        "sampling.ratio=5",
    ],
    "forest and resnet": [
        "model={name='ensemble', options={members=['random-forest', 'resnet18'], combine='rank', "
        "member_options={resnet18={width=16}}}}"
    ],
}


def prepared(toml: Path, folder: Path, settings: list[str]) -> Job:
    """A district's survey, evidence and places, ready for any recipe."""
    config = read(toml, [*settings, f"output='{folder.as_posix()}'"])
    survey = read_survey(config)
    run = Run.begin(folder, Provenance.of(config).key, overwrite=True, resume=False)
    return prepare(config, run, survey)


def tested(job: Job, toml: Path, settings: list[str]) -> dict[str, Any]:
    """Held-out percentiles of one recipe, and of undiscovered deposits where they are known."""
    config = resolve_auto(read(toml, [*settings, f"output='{job.config.output.as_posix()}'"]))
    deposits, window = job.survey.deposits, config.sampling.window
    places = place_deposits(deposits, job.evidence, window, job.survey.findings)
    job = Job(config, job.run, job.survey, job.evidence, places)
    started = time.perf_counter()
    recipe = job.recipe("testing")
    answer = cross_predict(
        recipe,
        job.evidence,
        places.sampling,
        job.protocol("spatial"),
        seed=job.seed,
        refit=job.refit_kept,
    )
    row = held_out_row("", "model", "spatial", answer, places, seed=job.seed)
    seconds = time.perf_counter() - started
    kept, undiscovered = job.survey.held_back, None
    if kept is not None:
        fitted = recipe.fit(job.evidence, places.sampling, hidden=None, seed=job.seed)
        cells = job.evidence.grid.cell(np.column_stack([kept.geometry.x, kept.geometry.y]))
        cells = cells[job.evidence.grid.inside(cells)]
        found = ranked(predict_map(fitted, job.evidence), cells)
        undiscovered = float(np.nanmean(found))
    return {
        "places": row.places,
        "groups": places.sampling.group.tolist(),
        "top5": row.top_area["0.05"].value,
        "undiscovered": undiscovered,
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--only", help="names of recipes, separated by semicolons")
    parser.add_argument("--no-eskay", action="store_true")
    parser.add_argument("--reference", default="forest")
    given = parser.parse_args()
    asked = given.only.split(";") if given.only else list(CANDIDATES)
    surveys = {
        f"{given.preset}-{seed}": seed for seed in range(given.first, given.first + given.seeds)
    }
    results: dict[str, dict[str, Any]] = {}
    for name, seed in [*surveys.items(), *([] if given.no_eskay else [("eskay", 0)])]:
        results[name] = district(name, seed, given, asked)
    show(results, asked, given.reference)


def district(name: str, seed: int, given: Any, asked: list[str]) -> dict[str, Any]:
    """Every chosen recipe on one district, from the folder where it was tested before."""
    given.folder.mkdir(parents=True, exist_ok=True)
    path = given.folder / f"{name}.json"
    done = json.loads(path.read_text()) if path.is_file() else {}
    missing = [c for c in asked if c not in done]
    if not missing:
        return done
    if name == "eskay":
        toml = ROOT / "examples/eskay/run.toml"
    else:
        place = given.folder / f"district-{name}"
        toml = place / "run.toml"
        if not toml.is_file():
            write_district(simulate(given.preset, seed), place)
    base = ["model={name='random-forest'}", f"seed={seed}", "validation.baselines=false"]
    job = prepared(toml, given.folder / f"run-{name}", base)
    for candidate in missing:
        done[candidate] = tested(job, toml, [*base, *CANDIDATES[candidate]])
        path.write_text(json.dumps(done))
        found = done[candidate]
        print(
            f"{name:>10}  {candidate:<26} {100 * np.nanmean(found['places']):5.1f}  "
            f"{found['seconds']:6.1f} s",
            flush=True,
        )
    return done


def show(results: dict[str, dict[str, Any]], asked: list[str], reference: str) -> None:
    """Means over districts, each a witness; on Eskay over groups of deposits."""
    simulated = [r for name, r in results.items() if name != "eskay"]
    print(f"\n{'recipe':<26}{'held out':>22}{'against ' + reference:>30}{'undiscovered':>24}   s")
    for c in asked:
        held = [np.nanmean(r[c]["places"]) for r in simulated]
        base = [np.nanmean(r[reference]["places"]) for r in simulated]
        later = [r[c]["undiscovered"] for r in simulated]
        gap = paired_difference(held, base, seed=0)
        seconds = np.mean([r[c]["seconds"] for r in simulated])
        print(f"{c:<26}{shown(held):>22}{difference(gap):>30}{shown(later):>24} {seconds:5.1f}")
    if "eskay" in results:
        print("\nEskay")
        r = results["eskay"]
        for c in asked:
            at = bootstrap_mean(r[c]["places"], seed=0, groups=r[c]["groups"])
            gap = paired_difference(
                r[c]["places"], r[reference]["places"], seed=0, groups=r[c]["groups"]
            )
            text = f"{100 * at.value:.1f} ({100 * at.low:.1f} to {100 * at.high:.1f})"
            print(f"{c:<26}{text:>22}{difference(gap):>30}{r[c]['seconds']:>24.1f} s")


def shown(values: list[float]) -> str:
    found = bootstrap_mean(values, seed=0)
    return f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def difference(gap: Any) -> str:
    return f"{100 * gap.value:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f}) p {gap.p:.3f}"


if __name__ == "__main__":
    main()
