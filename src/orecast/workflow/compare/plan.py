"""What a comparison computes, and which models its surveys allow."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from orecast import registry
from orecast.config import Config, ModelOptions, read_value
from orecast.errors import (
    CapacityError,
    ConfigError,
    ModelError,
    OrecastError,
    SamplingError,
    nearest,
)
from orecast.models import NETWORKS
from orecast.report.comparison import BEST_LAYER
from orecast.sampling import MapGeometry
from orecast.splits import PACKAGE as PROTOCOLS
from orecast.splits import build_protocol
from orecast.training import build_model, model_properties
from orecast.workflow.choosing import require_known_model, resolve_auto, usual
from orecast.workflow.recipes import METHODS, WITHOUT_GEOCHEMISTRY, model_recipe, with_uncertainty
from orecast.workflow.run.job import Job
from orecast.workflow.scoring import SAMPLING_DENSITY

_OF_CHOICE = re.compile(r"(?:model|validation)\.(?:name|protocol|options(?:\.(\w+))?)")
_LEAVE_OUT = re.compile(r"leave (model|validation)\.options out")


@dataclass(frozen=True)
class Choice:
    """A model or a protocol: its name and its options.

    >>> Choice("resnet18", {"width": 16, "dropout": 0.2}).label
    'resnet18:width=16,dropout=0.2'
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The text on the command line."""
        return self.name + ":" * bool(self.options) + ",".join(map(_written, self.options.items()))


SPATIAL = Choice("spatial")


def parse_choices(text: str, where: str) -> tuple[Choice, ...]:
    """Read names between commas; options follow a colon, in TOML or as plain words.

    Raises ConfigError at ``where`` if nothing is named, for an option without a name or given
    twice, and for a value that cannot be read.

    >>> [c.label for c in parse_choices("random-forest, resnet18:width=16,dropout=0.2", "--models")]
    ['random-forest', 'resnet18:width=16,dropout=0.2']
    """
    found: list[Choice] = []
    for piece in _pieces(text):
        name, colon, option = piece.partition(":")
        if "=" in name:  # a further option of the name before it
            if not found or not found[-1].options:
                raise ConfigError(
                    f"no name stands before the option {piece!r}",
                    where=where,
                    remedy="write options after a colon, such as resnet18:width=16,dropout=0.2",
                )
            option = piece
        else:
            found.append(Choice(name.strip()))
            if not colon:
                continue
        key, sign, value = (part.strip() for part in option.partition("="))
        if not (key and sign and value):
            raise ConfigError(
                f"the option {piece!r} has no name or no value",
                where=where,
                remedy="write key=value after the colon",
            )
        if key in found[-1].options:
            raise ConfigError(
                f"option {key!r} of {found[-1].name} is given twice",
                where=where,
                remedy="give it once",
            )
        found[-1].options[key] = read_value(value, where)
    if not found:
        raise ConfigError("is empty", where=where, remedy="give a name, or leave it out")
    return tuple({choice.label: choice for choice in found}.values())


@dataclass(frozen=True)
class Cell:
    """One thing to compute: a model under a protocol with a seed, on a survey."""

    survey: str
    model: Choice
    protocol: Choice
    seed: int
    role: str  # "model" or "baseline"

    @property
    def file(self) -> str:
        """Name of its file, unique on every file system."""
        words = "--".join([self.survey, self.model.label, self.protocol.label, str(self.seed)])
        mark = hashlib.sha256(f"{words} {self.role}".encode()).hexdigest()[:8]
        return f"{re.sub(r'[^a-zA-Z0-9.+=-]+', '_', words)[:120]}--{mark}.json"


@dataclass(frozen=True)
class Plan:
    """What is asked for: runs, models (if none is named, the run's own and the supervised
    detectors), protocols beside ``spatial``, number of seeds, and the reference model.
    """

    runs: tuple[Path, ...]
    models: tuple[Choice, ...] = ()
    protocols: tuple[Choice, ...] = ()
    seeds: int = 3
    settings: tuple[str, ...] = ()
    reference: str | None = None
    baselines: bool = True

    @property
    def all_protocols(self) -> tuple[Choice, ...]:
        """``spatial``, then the named protocols."""
        return (SPATIAL, *(p for p in self.protocols if p.label != SPATIAL.label))

    def models_of(self, config: Config) -> tuple[Choice, ...]:
        """The models compared on a run."""
        own = Choice(config.model.name)
        found = self.models or (own, *(Choice(name) for name in supervised(config)))
        return tuple({choice.label: choice for choice in found}.values())

    def reference_of(self, config: Config) -> str:
        """Label of the reference model: the named one, or the run's, or the first."""
        if self.reference is not None:
            return self.reference
        labels = [choice.label for choice in self.models_of(config)]
        return config.model.name if config.model.name in labels else labels[0]

    def cells(self, survey: str, config: Config, baselines: Sequence[str]) -> list[Cell]:
        """Every cell of a survey, ``spatial`` before other protocols and models before baselines.

        A single layer is computed with the first seed only: a seed changes just its negatives,
        which decide only its sign.
        """
        seeds = [config.seed + k for k in range(self.seeds)]
        models = self.models_of(config)
        found = [
            Cell(survey, model, protocol, seed, "model")
            for protocol in self.all_protocols
            for model in models
            if protocol.name != "negative-draws" or not learns(config, model)
            for seed in seeds
        ]
        labels = {model.label for model in models}
        return found + [
            Cell(survey, Choice(name), SPATIAL, seed, "baseline")
            for name in baselines
            if self.baselines and name not in labels
            for seed in seeds[: 1 if name.startswith("layer ") else None]
        ]

    def check(self, config: Config) -> None:
        """Check names, options and the reference before anything is read.

        Raises ConfigError with the nearest names, ModelError if the window does not suit a model.
        """
        if self.seeds < 1:
            raise ConfigError(
                f"the number of seeds is {self.seeds}; it must be 1 or more",
                where="--seeds",
                remedy="set it to 1 or more",
            )
        window = config.sampling.window
        anywhere = MapGeometry(np.ones((1, 1), dtype=bool), 1e-9, window, None)
        for protocol in self.all_protocols:
            with naming(f"protocol {protocol.label}"):
                registry.entry(PROTOCOLS, protocol.name, what="protocol")
                build_protocol(protocol.name, protocol.options, anywhere, n_folds=2, seed=0)
        for model in self.models_of(config):
            with naming(f"model {model.label}"):
                require_known_model(model.name)
                asked = with_uncertainty(configured(config, Cell("", model, SPATIAL, 0, "model")))
                build_model(asked.name, asked.options, config.training, window=window)
        known = {model.label for model in self.models_of(config)}
        if self.baselines:
            known |= {*METHODS, *WITHOUT_GEOCHEMISTRY, SAMPLING_DENSITY}
        if self.reference_of(config) not in known:
            raise ConfigError(
                f"{self.reference!r} is not among the compared models",
                where="--reference",
                remedy=nearest(str(self.reference), known),
            )

    def command(self) -> str:
        """The command line of this comparison, without ``--jobs``, which changes no result."""
        words = [*map(str, self.runs)]
        if self.models:
            words += ["--models", ",".join(choice.label for choice in self.models)]
        words += ["--protocols", ",".join(choice.label for choice in self.all_protocols)]
        words += ["--seeds", str(self.seeds)]
        for setting in self.settings:
            words += ["--set", setting]
        if self.reference is not None:
            words += ["--reference", self.reference]
        if not self.baselines:
            words += ["--no-baselines"]
        return shlex.join(["orecast", "compare", *words])


def configured(config: Config, cell: Cell) -> Config:
    """The configuration of one cell; passes with dropout are set for networks only."""
    protocol = {"protocol": cell.protocol.name, "options": cell.protocol.options}
    config = resolved(config, cell.model)
    changes: dict[str, Any] = {
        "validation": config.validation.model_copy(update=protocol),
        "seed": cell.seed,
    }
    if config.model.name not in registry.entries(NETWORKS):
        changes["uncertainty"] = config.uncertainty.model_copy(update={"dropout": 0})
    return config.model_copy(update=changes)


def resolved(config: Config, model: Choice) -> Config:
    """The run's configuration with a model; the run's own model keeps the run's options."""
    if model == Choice(config.model.name):
        return resolve_auto(config)
    asked = ModelOptions(name=model.name, options=model.options, weight=config.model.weight)
    return resolve_auto(config.model_copy(update={"model": asked}))


def supervised(config: Config) -> list[str]:
    """Detectors that learn from deposits."""
    return [n for n in METHODS if n != BEST_LAYER and learns(config, Choice(n))]


def learns(config: Config, model: Choice) -> bool:
    """Whether a model learns from deposits."""
    asked = usual(resolved(config, model)).model
    return model_properties(asked.name, asked.options, config.training).needs.labels


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Name the choice in an error, in place of its configuration key or beside it."""
    try:
        yield
    except OrecastError as error:
        key, own = error.where or "", _OF_CHOICE.fullmatch(error.where or "")
        place = f"{key}, for {where}" if key and not own else where
        if own and own[1]:
            place += f", option {own[1]}"
        remedy = error.remedy and _LEAVE_OUT.sub("leave its options out", error.remedy)
        raise type(error)(error.what, where=place, remedy=remedy) from None


def _pieces(text: str) -> list[str]:
    """Split at commas outside brackets and quotes."""
    pieces, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]


def _written(option: tuple[str, Any]) -> str:
    key, value = option
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"{key}={text}"


Refused = dict[str, CapacityError | ConfigError | ModelError]


def refusals(job: Job, models: Iterable[Choice]) -> Refused:
    """Why models cannot be used on a survey, by their labels; trains nothing."""
    found: Refused = {}
    for model in models:
        try:
            with naming(f"model {model.label}"):
                _check_first_fits(job, model)
        except (CapacityError, ConfigError, ModelError) as error:
            found[model.label] = error
    return found


def judge(refused: Mapping[str, Refused], compared: Mapping[str, Iterable[Choice]]) -> list[str]:
    """Sentences on models that some surveys cannot use; both arguments are by survey name.

    Raises the first error of a model that can be used on none of its surveys.
    """
    for model in {choice.label: choice for of in compared.values() for choice in of}:
        errors = [
            refused[name].get(model)
            for name, of in compared.items()
            if model in (choice.label for choice in of)
        ]
        if errors[0] is not None and None not in errors:
            raise errors[0]
    return [
        f"{model} will have no scores on {name}: {error.what}"
        + (f". Remedy: {error.remedy}" if error.remedy else "")
        for name, found in refused.items()
        for model, error in found.items()
    ]


def _check_first_fits(job: Job, model: Choice) -> None:
    """Raise ConfigError or ModelError where the survey's layers do not meet a model's needs.

    Too few training places are not checked here: the cells report them.
    """
    config = configured(job.config, Cell("", model, SPATIAL, job.seed, "model"))
    recipe = model_recipe(config, job.evidence, job.survey.barren)
    ore = job.places.sampling
    try:
        recipe.check_fit(job.evidence, ore, hidden=None, seed=job.seed)
    except SamplingError:
        return
