"""What a reproduction runs: an experiment, in full or capped, on a survey; and its cells."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from orecast import registry
from orecast.config import Config, parse
from orecast.errors import ConfigError, nearest
from orecast.models import NETWORKS
from orecast.papers.experiments import ONE_LAYER, Caps, Experiment, PaperEntry
from orecast.simulation import presets

KINDS = ("smoke", "hour", "full")
PROTOCOLS = ("paper", "spatial")

_FEWEST_ORE = 35  # places left where tiles or samples are capped: synthesis needs neighbours
_WEIGHT = "geological weight"

Table = dict[str, Any]


@dataclass(frozen=True)
class ReproducedCell:
    """One thing to compute: an entry of the experiment under a protocol with a seed."""

    entry: str  # its stem
    protocol: str
    seed: int

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.entry}--{self.protocol}--{self.seed}.json"


@dataclass(frozen=True)
class Reproduction:
    """What is asked for: an experiment, its size, and the survey.

    ``kind`` is "smoke", "hour" or "full". ``survey`` is a simulated preset's name or the path of a
    run's file. Only the entries of ``tables`` are run; all entries if no table is named.
    """

    experiment: Experiment
    kind: str
    survey: str
    seeds: int
    tables: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        kind: str,
        *,
        survey: str | None = None,
        seeds: int | None = None,
        tables: tuple[str, ...] = (),
    ) -> Reproduction:
        """Fill in the defaults; raises ConfigError for an unknown table."""
        known = [t.id for t in experiment.paper.tables if experiment.entries_in(t.id)]
        for table in tables:
            if table not in known:
                raise ConfigError(
                    f"{experiment.system} has no runs for a table {table!r}",
                    where="--tables",
                    remedy=nearest(table, known),
                )
        caps = experiment.caps.get(kind, Caps())
        count = seeds or caps.seeds or experiment.seeds
        survey = experiment.survey if survey is None else survey
        return cls(experiment, kind, survey, count, tables)

    @property
    def caps(self) -> Caps:
        """The limits of the run; none for a full run."""
        return self.experiment.caps.get(self.kind, Caps())

    @property
    def simulated(self) -> bool:
        """Whether the survey is a preset."""
        return self.survey in presets()

    @property
    def entries(self) -> tuple[PaperEntry, ...]:
        """The entries that are run."""
        shown = self.experiment.models
        if self.tables:
            shown = tuple(e for e in shown if set(e.tables) & set(self.tables))
        wanted = {self.experiment.source(entry).stem for entry in shown}
        return tuple(entry for entry in self.experiment.runs if entry.stem in wanted)

    @property
    def shown(self) -> Experiment:
        """The experiment with only the requested tables of the paper."""
        if not self.tables:
            return self.experiment
        paper = self.experiment.paper
        kept = tuple(table for table in paper.tables if table.id in self.tables)
        return replace(self.experiment, paper=replace(paper, tables=kept))

    @cached_property
    def cells(self) -> tuple[ReproducedCell, ...]:
        """Everything to compute, seed by seed, each entry under both protocols.

        The single layer is computed under the leak-free protocol only.
        """
        return tuple(
            ReproducedCell(entry.stem, protocol, seed)
            for seed in range(self.seeds)
            for entry in (*self.entries, ONE_LAYER)
            for protocol in (PROTOCOLS if entry is not ONE_LAYER else PROTOCOLS[1:])
        )

    def entry(self, stem: str) -> PaperEntry:
        """Return the entry of a cell."""
        return next(e for e in (*self.entries, ONE_LAYER) if e.stem == stem)

    def layers(self, entry: PaperEntry | None = None) -> tuple[str, ...] | None:
        """Layers that an entry learns from; None, for all, if no layer is named."""
        over = {} if entry is None else entry.over.get("evidence", {})
        named = over.get("layers", self.experiment.recipe.get("evidence", {}).get("layers"))
        return None if named is None else tuple(named)

    def config(
        self, survey: Table, folder: Path, entry: PaperEntry | None = None, seed: int = 0
    ) -> Config:
        """The survey's configuration with the keys of the recipe, and of an entry's own tables.

        All layers are built, and ``layers`` chooses among them, so that entries share evidence.
        ``folder`` is that of the survey's file. Raises ConfigError.
        """
        table = _laid_over(survey, self.experiment.recipe)
        over = {} if entry is None else {k: v for k, v in entry.over.items() if k != "evidence"}
        table = _laid_over(table, over)
        table.get("evidence", {}).pop("layers", None)
        table["seed"] = seed
        table["validation"] |= {"inner_folds": 0, "baselines": False}
        table["model"] = {"name": "single-layer"}
        if entry is not None:
            table["model"] = {"name": entry.model, "options": self.options(entry)}
            table["sampling"]["grow"] = self._growth(entry)
        weight, named = self.experiment.weight, survey.get("model", {}).get("weight")
        if weight is not None and "gridded" in survey:
            rasters = Path(survey["gridded"]["path"])  # beside the folder of the others
            path = rasters.parent.parent / weight.path
            layer = {"path": path.as_posix(), "align": weight.align, "name": _WEIGHT}
            table["layers"], named = [*table.get("layers", []), layer], _WEIGHT
        if named is not None and entry is not None and guided(entry.model):
            table["model"]["weight"] = named
        self._cap(table)
        return parse(table, where=f"{self.experiment.system} on {self.survey}", folder=folder)

    @property
    def capped(self) -> list[str]:
        """What was capped, in words."""
        recipe, caps = self.experiment.recipe, self.caps
        before = {
            "seeds": self.experiment.seeds,
            "epochs": recipe["training"]["epochs"],
            "folds": recipe["validation"].get("folds", Config().validation.folds),
            "window": recipe["sampling"]["window"],
            "cell_size": recipe.get("evidence", {}).get("cell_size"),
        }
        words = {"cell_size": "side of a cell in metres", "window": "side of a window in cells"}
        now = {name: getattr(caps, name) for name in before} | {"seeds": self.seeds}
        capped = [
            f"{words.get(name, name)}: {value:g} in place of {before[name]:g}"
            for name, value in now.items()
            if value is not None and before[name] is not None and value != before[name]
        ]
        if caps.samples is not None:
            capped.append(f"training rows: at most {caps.samples}")
        if caps.width is not None:
            whole = [
                e.key
                for e in self.entries
                if is_network(e.model) and not capped_width(e.model, caps.width)
            ]
            named = f" (not changed: {', '.join(whole)})" if whole else ""
            capped.append(f"width of a network in channels: at most {caps.width}{named}")
        return capped

    @property
    def window(self) -> int:
        """Cells of a window's side."""
        return int(self.caps.window or self.experiment.recipe["sampling"]["window"])

    def options(self, entry: PaperEntry) -> Table:
        """Options of an entry's model, its width capped."""
        width = capped_width(entry.model, self.caps.width)
        return dict(entry.options) | ({} if width is None else {"width": width})

    @property
    def shrink(self) -> float:
        """Side of a window relative to the published one."""
        return self.window / float(self.experiment.recipe["sampling"]["window"])

    def counts(self, ore: int, negative: int) -> tuple[int, int]:
        """Number of places of each class, before growth, under the cap on rows."""
        if self.caps.samples is None or self.caps.samples >= ore + negative:
            return ore, negative
        kept = max(round(ore * self.caps.samples / (ore + negative)), min(ore, _FEWEST_ORE))
        return kept, max(self.caps.samples - kept, 1)

    def ratio(self, ore: int, configured: float) -> float:
        """Negatives for each of ``ore`` places, if the paper slid only windows of ore.

        Otherwise the configured ratio.
        """
        slid = [s for s in self.experiment.grow if s["method"] == "slide" and "label" in s]
        if not slid:
            return configured
        negative = self.experiment.places.barren
        if self.caps.samples is not None:
            negative = round(negative * self.caps.samples / (slid[0]["to"] + negative))
        return max(negative, 1) / ore

    def _growth(self, entry: PaperEntry) -> list[Table]:
        """Steps of augmentation; slides shrink with the window and keep the cap on rows.

        Their rows and all later steps together stay near that cap.
        """
        places, most = self.experiment.places, self.caps.samples
        grown = self.experiment.grow if entry.grow is None else entry.grow
        steps = [dict(step) for step in grown]
        others = [step.get("times", 1) for step in steps if step["method"] != "slide"]
        for step in steps:
            if step["method"] != "slide":
                continue
            step["options"] = {
                name: max(1, int(value * self.shrink)) if name in ("shift", "step") else value
                for name, value in step["options"].items()
            }
            if places.kind != "deposits" or most is None:
                continue
            if "to" in step:
                share = most / (step["to"] + places.barren)
                step["to"] = max(1, round(step["to"] * share))
            else:
                step["times"] = max(1.0, most / (2 * math.prod(others, start=1.0) * places.ore))
        return steps

    def _cap(self, table: Table) -> None:
        caps = self.caps
        training = table["training"]
        if caps.epochs is not None and caps.epochs < training["epochs"]:
            share = caps.epochs / training["epochs"]
            training["epochs"] = caps.epochs
            if "step_epochs" in training:  # the shape of the learning rate schedule is kept
                training["step_epochs"] = max(1, round(training["step_epochs"] * share))
        if caps.folds is not None:
            table["validation"]["folds"] = caps.folds
        if caps.window is not None:
            table["sampling"]["window"] = caps.window
            if training.get("trim"):
                training["trim"] = max(1, int(training["trim"] * self.shrink))
        if caps.cell_size is not None:
            table.setdefault("evidence", {})["cell_size"] = caps.cell_size


def is_network(model: str) -> bool:
    """Whether a model is a network, which has weights."""
    return model in registry.entries(NETWORKS)


def guided(model: str) -> bool:
    """Whether a model needs a layer that weighs knowledge."""
    return is_network(model) and registry.entries(NETWORKS)[model].load().needs.weight


def capped_width(model: str, cap: int | None) -> int | None:
    """Width of a network under a cap; None if it has no width or the cap does not change it."""
    if cap is None or not is_network(model):
        return None
    factory = registry.entries(NETWORKS)[model].load()
    known = inspect.signature(factory).parameters.get("width")
    if known is None or (known.default is not None and known.default <= cap):
        return None
    return cap


def fingerprint(plan: Reproduction, survey: str) -> str:
    """Hash of all that a reproduction's cells depend on, including the word ``survey``."""
    experiment = plan.experiment
    parts = [survey, plan.kind, repr(experiment.recipe), repr(experiment.grow), repr(plan.caps)]
    parts += [repr((e.name, e.model, e.options, e.grow, e.over)) for e in experiment.runs]
    parts.append(repr(experiment.places))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    """A table with the keys of another replacing its own; neither is changed."""
    table = deepcopy(dict(below))
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(table.get(key), dict)
        table[key] = _laid_over(table[key], value) if both else deepcopy(value)
    return table
