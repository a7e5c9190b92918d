"""The layers of another survey, made in the same way as the model's training layers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from orecast.config import Composition, Config, Section
from orecast.errors import ConfigError, InputError, ModelError
from orecast.evidence import Evidence, build_evidence
from orecast.survey import Survey, read_survey
from orecast.workflow.places import require_window_fits
from orecast.workflow.predict.scores import Trained
from orecast.workflow.run.choosing import chosen

LEARNED = (
    *("seed", "screening", "sampling", "validation"),
    *("uncertainty", "model", "training", "classes"),
)
"""Tables and keys of a configuration that set the training; a prediction uses the run's."""


def as_learned(config: Config, mine: Config) -> Config:
    """The other survey's configuration with the run's training settings."""
    return config.model_copy(update={name: getattr(mine, name) for name in LEARNED})


def learned_otherwise(config: Config, mine: Config) -> dict[str, Any]:
    """Training keys that are given and differ from the run's, each with the run's value.

    ``auto`` is replaced by its model before the comparison.
    """
    asked = chosen(config.model_copy(update={"deposits": mine.deposits}))
    found: dict[str, Any] = {}
    for name in LEARNED:
        table, then = getattr(config, name), getattr(mine, name)
        if not isinstance(table, Section):
            if name in config.model_fields_set and table != then:
                found[name] = then
            continue
        for key in type(table).model_fields:
            value = getattr(then, key)
            if key in table.model_fields_set and getattr(getattr(asked, name), key) != value:
                found[f"{name}.{key}"] = value
    return found


def refuse_set(settings: Sequence[str], otherwise: Mapping[str, Any]) -> None:
    """Raise ConfigError where one of the settings, ``key=value``, would change the training."""
    asked = [setting.partition("=")[0].strip().split(".")[:2] for setting in settings]
    refused = {
        key: value
        for key, value in otherwise.items()
        if any(key.split(".")[: len(words)] == words for words in asked)
    }
    if refused:
        raise ConfigError(
            f"the model is already trained; in its run {values_in_words(refused)}",
            where=f"--set {', '.join(refused)}",
            remedy=f"leave {'it' if len(refused) == 1 else 'them'} out, or train another model "
            "with orecast run",
        )


def values_in_words(otherwise: Mapping[str, Any]) -> str:
    """Keys with the run's values, in words.

    >>> values_in_words({"model.name": "cnn", "model.options": {"width": 8}, "model.weight": None})
    'model.name is cnn, model.options differs, model.weight is left out'
    """
    return ", ".join(f"{key} {_value(value)}" for key, value in otherwise.items())


def _value(value: Any) -> str:
    if value is None:
        return "is left out"
    return f"is {value}" if isinstance(value, str | int | float) else "differs"


Table = TypeVar("Table", bound=Section)
_LOG_RATIOS = ("clr", "ilr", "alr")  # each layer also depends on the other parts
_ONE_HOT, _OTHER = "geology=", "geology=other"
_EVERY_CLASS = 10_000
_ALIKE = 0.01  # of a cell's size
_LEAVE_OUT = re.compile(
    r"(add .* to samples|name '.*' in gridded)\.ignore(: .*)?"
)  # remedy of survey


def as_trained(config: Config, trained: Trained) -> Config:
    """The other survey's configuration; the run's values fill what it leaves out.

    In [composition], [evidence], [faults] and [geology] every missing key except files and columns
    is filled; the parts of a log-ratio and the cell size by their actual values in the run. The
    training settings are always the run's. Raises ConfigError if another transform, denominator or
    list of parts is given: these would make different layers with the same names.
    """
    mine = trained.config
    config = as_learned(config, mine)
    parts = mine.composition.parts
    if parts is None and mine.composition.transform in _LOG_RATIOS:
        parts = list(trained.symbols)
    composition = mine.composition.model_copy(update={"parts": parts})
    size = trained.evidence.grid.cell_size[0]
    evidence = mine.evidence.model_copy(update={"cell_size": size, "layers": None})
    found = config.model_copy(
        update={
            "composition": _filled(config.composition, composition),
            "evidence": _filled(config.evidence, evidence),
        }
    )
    if config.faults is not None and mine.faults is not None:
        names = ("distance", "rings", "density", "intersections")
        found = found.model_copy(update={"faults": _filled(config.faults, mine.faults, names)})
    if config.geology is not None and mine.geology is not None:
        geology = _filled(config.geology, mine.geology, ("coding", "classes"))
        found = found.model_copy(update={"geology": geology})
    _require_composition(found.composition, composition)
    return found


def read_other(config: Config, trained: Trained) -> Survey:
    """Read the other survey; raises the same errors as ``read_survey``.

    If the model reads the refused element, the remedy is changed: leaving it out would not help.
    """
    try:
        return read_survey(config)
    except InputError as error:
        needed = {*(config.composition.parts or ()), *trained.saved.reads}
        text = f"{error.what} {(error.where or '').rpartition(', ')[2]}"
        read = needed & set(re.findall(r"[A-Z][A-Za-z0-9]*", text))
        if not (read and _LEAVE_OUT.fullmatch(error.remedy or "")):
            raise
        raise InputError(
            f"{error.what}; the model reads it",
            where=error.where,
            remedy=f"give the survey values of {', '.join(sorted(read))} that vary, or train a "
            "model without it",
        ) from None


def trained_layers(survey: Survey, config: Config, trained: Trained) -> Evidence:
    """Build the other survey's evidence and keep the layers that the model reads, in their order.

    The layer that weighs knowledge is included. Cells need a value in these layers only. A class
    of rock of the training area that does not occur here is 0 wherever rock is mapped. Raises
    ModelError where a layer is missing, with both lists, or has another unit, radius or legend;
    InputError where the survey lacks parts of the composition.
    """
    _require_parts(survey, config)
    asked: dict[str, Section] = {
        "evidence": config.evidence.model_copy(update={"layers": None}),
    }
    if config.geology is not None:
        asked["geology"] = config.geology.model_copy(update={"classes": _EVERY_CLASS})
    evidence = build_evidence(survey, config.model_copy(update=asked))
    evidence = _with_classes(evidence, trained, survey)
    names = trained.saved.reads
    missing = [name for name in names if name not in evidence.names]
    if missing:
        raise ModelError(
            f"the survey has no layer {', '.join(missing)}. The model reads {', '.join(names)}; "
            f"the survey has {', '.join(evidence.names)}",
            where="layers",
            remedy="add the data of the missing layers, or train a model without them",
        )
    for name in names:
        then = _meaning(name, trained.evidence, trained.config)
        now = _meaning(name, evidence, config)
        if now != then:
            raise ModelError(
                f"is {now} here, but was {then} in training",
                where=f"layer {name}",
                remedy="use the same settings and units in both areas",
            )
    _require_cell_size(evidence, trained)
    require_window_fits(evidence.grid, trained.saved.size)
    return replace(evidence, data=evidence.data[list(names)])


def _filled(given: Table, otherwise: Table, names: Sequence[str] | None = None) -> Table:
    """A table whose missing fields, all or those in ``names``, are filled from another."""
    fields = type(given).model_fields if names is None else names
    left_out = [name for name in fields if name not in given.model_fields_set]
    return given.model_copy(update={name: getattr(otherwise, name) for name in left_out})


def _require_composition(now: Composition, then: Composition) -> None:
    """Raise ConfigError where concentrations are transformed in another way than in training."""
    differing: dict[str, tuple[str, str]] = {"transform": (then.transform, now.transform)}
    if then.transform == "alr":
        differing["denominator"] = (str(then.denominator), str(now.denominator))
    if then.transform in ("clr", "ilr"):
        first, second = then.parts or [], now.parts or []
        if then.transform == "clr":  # the order of parts does not matter
            first, second = sorted(first), sorted(second)
        differing["parts"] = (", ".join(first), ", ".join(second))
    for key, (trained, given) in differing.items():
        if trained != given:
            raise ConfigError(
                f"is {given} here, but was {trained} in training",
                where=f"composition.{key}",
                remedy="leave it out: the run's value is used then",
            )


def _require_parts(survey: Survey, config: Config) -> None:
    parts = config.composition.parts or []
    lacking = [part for part in parts if part not in survey.symbols]
    if lacking:
        raise InputError(
            f"the survey has no {', '.join(lacking)}. The model's log-ratios use "
            f"{', '.join(parts)}; the survey has {', '.join(survey.symbols)}",
            where="composition.parts",
            remedy="map columns that were not recognised in samples.rename, or train a model on "
            "the parts that both surveys have",
        )


def _require_cell_size(evidence: Evidence, trained: Trained) -> None:
    """Raise ConfigError for cells of another size if the model's windows have several cells."""
    then, now = trained.evidence.grid.cell_size, evidence.grid.cell_size
    if trained.saved.size > 1 and not np.allclose(now, then, rtol=_ALIKE):
        raise ConfigError(
            f"cells are {now[0]:g} x {now[1]:g} m here, but were {then[0]:g} x {then[1]:g} m in "
            f"training: a window of {trained.saved.size} cells would cover another distance",
            where="evidence.cell_size",
            remedy="leave it out to use the run's, or give rasters of that cell size",
        )


def _meaning(name: str, evidence: Evidence, config: Config) -> str:
    """What a layer's values mean, in words, to compare them and to show a difference."""
    attributes = evidence.data[name].attrs
    kind, unit = attributes["kind"], attributes["unit"]
    words = f"of kind {kind}" + (f" in {unit}" if unit else "")
    faults = config.faults
    if kind == "fault" and faults is not None and name == "fault_rings":
        words += f", with radii {', '.join(f'{r:g}' for r in faults.rings)} m"
    if kind == "fault" and faults is not None and name == "fault_density":
        words += f", within {faults.density:g} m"
    if kind == "lithology" and name == "geology":
        words += f", {attributes['origin'].partition('first: ')[2]}"
    return words


def _with_classes(evidence: Evidence, trained: Trained, survey: Survey) -> Evidence:
    """Evidence with a layer for every class of rock that had one in training.

    The layer "other" is made again: it holds all classes without a layer in training. Raises
    ModelError where none of the classes occurs, which suggests that they have other names.
    """
    then = [n for n in trained.evidence.names if n.startswith(_ONE_HOT)]
    here = [n for n in evidence.names if n.startswith(_ONE_HOT)]
    own = [n for n in then if n != _OTHER]
    if not then or not here or not set(then) & set(trained.saved.reads):
        return evidence
    known = [n for n in own if n in here]
    if not known:
        raise ModelError(
            f"the survey's rock classes ({_listed(here)}) include none of the model's "
            f"({_listed(own)})",
            where="geology.column",
            remedy="name the column that holds the model's classes",
        )
    absent = [n for n in own if n not in here]
    new = [n for n in here if n not in own]
    if absent or new:
        survey.findings.warning(
            "other-rocks",
            "geology",
            f"rock classes of training that do not occur here: {_listed(absent)}; new classes "
            f"here: {_listed(new)}",
            "check that the same rocks have the same names in both surveys",
        )
    gaps = np.isnan(evidence.layer(here[0]))
    layers = {name: np.where(gaps, np.nan, np.float32(0)) for name in absent}
    if _OTHER in then:
        of_own = np.any([evidence.layer(n) == 1 for n in known], axis=0)
        layers[_OTHER] = np.where(gaps, np.nan, np.float32(1) - of_own)
    evidence = replace(evidence, data=evidence.data.drop_vars([n for n in here if n in layers]))
    for name, values in layers.items():
        attributes = {k: trained.evidence.data[name].attrs[k] for k in ("kind", "origin", "unit")}
        evidence = evidence.adding(name, values.astype(np.float32), reach=0.0, **attributes)
    return evidence


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name.removeprefix(_ONE_HOT) for name in names) or "none"
