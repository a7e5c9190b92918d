"""What the generators of an experiment make, held against what they learned from."""

from __future__ import annotations

from typing import Any

from orecast.errors import REFUSALS
from orecast.experiments import Entry
from orecast.samples.growing import grow
from orecast.validation import GENERATED, examined
from orecast.workflow.reproduction.bench import Bench


def examine_generators(bench: Bench) -> list[dict[str, Any]]:
    """Grow all that is known once by each plan that draws rows, and look at what it made.

    A row a step: the entry that it was first run for, and ``validation.grown.examined``.
    """
    found: list[dict[str, Any]] = []
    done: list[Any] = []
    for entry in bench.plan.entries:
        plan = entry.grow or bench.plan.experiment.grow
        if plan in done or not any(step["method"] in GENERATED for step in plan):
            continue
        done.append(plan)
        try:
            found += [{"run": entry.name, **told} for told in _grown(bench, entry)]
        except REFUSALS as error:
            found.append({"run": entry.name, "sentence": f"Refused: {error.what}."})
    return found


def _grown(bench: Bench, entry: Entry) -> list[dict[str, Any]]:
    recipe, seed = bench.recipe(entry, 0), 0
    if bench.rows is not None:
        evidence, rows = bench.rows.evidence, bench.rows.sampling
    else:
        evidence = bench.evidence
        rows, _ = recipe.grown(evidence, bench.places.sampling, evidence.valid, seed)
    windows = recipe.windows(evidence, rows, visible=evidence.valid, hidden=None, seed=seed)
    return examined(grow(windows, rows.y, rows.group, recipe.plan, seed=seed))
