"""The model of a finished run, and the layers of another survey made as in its training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from orecast.config import Composition, Config, Section
from orecast.errors import ConfigError, InputError, ModelError, RunError
from orecast.evidence import Evidence, build_evidence, read_evidence
from orecast.mapping import read_raster
from orecast.metrics import Metrics
from orecast.report.reading import open_run
from orecast.run import file_hash, verify_finished
from orecast.sampling import WEIGHT
from orecast.survey import Survey, read_survey
from orecast.validation.fitted import Saved, read_fitted
from orecast.workflow.choosing import resolve_auto
from orecast.workflow.places import require_window_fits

_NEEDED = ("run.toml", "metrics.json", "checks.json", "evidence/evidence.json", "folds.tif")
_MADE = {  # kinds of layers that are made when a recipe is fitted, not from the survey
    "detector": "scores of detectors that are fitted to the run's own map (model.channels)",
    WEIGHT: "the weight of geological knowledge, fitted to the run's own deposits",
}
_BY_POSITION = ("deposit-distance", "random")  # these score a cell by its position


@dataclass(frozen=True)
class Trained:
    """A finished run: its configuration, evidence, fitted recipe, metrics and elements.

    ``folds`` ``(n,)`` are the folds of the places of ``saved``; ``files`` are the files that a
    prediction depends on, each with its hash.
    """

    config: Config
    evidence: Evidence
    saved: Saved
    metrics: Metrics
    symbols: tuple[str, ...]
    folds: NDArray[np.float32]
    files: list[dict[str, str]]

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """Lowest scores of classes A, B and C on the run's own map; infinite for an empty class."""
        lowest = self.metrics.classes.thresholds
        a, b, c = (float("inf") if value is None else float(value) for value in lowest)
        return a, b, c


def read_trained(folder: Path) -> Trained:
    """Read a finished run's folder, wherever it was moved; its survey is not needed.

    Raises RunError where the folder holds no finished run, or one without deposits, ModelError
    where its model does not apply to another area.
    """
    verify_finished(folder)
    run = open_run(folder)
    if run.metrics.anomalies:
        raise RunError(
            "the run used no deposits; its map is the mean of several models of its own area",
            where=str(folder),
            remedy="use orecast run on the other survey: it needs no deposits either",
        )
    model = run.config.model
    for name in (model.name, *model.options.get("members", ())):
        if name in _BY_POSITION:
            raise ModelError(
                f"{name} scores a cell by its position, so it does not apply to another area",
                where="model.name",
                remedy="train a model that reads layers",
            )
    saved = read_fitted(folder / "model")
    for name, kind in zip(saved.names, saved.kinds, strict=True):
        if kind in _MADE and not (kind == WEIGHT and saved.guidance is not None):
            raise ModelError(
                f"the model reads {name}: {_MADE[kind]}. It is not saved with the model",
                where="model",
                remedy="to predict other areas, train the model without it",
            )
    paths = [folder / name for name in _NEEDED]
    paths += sorted(path for path in (folder / "model").rglob("*") if path.is_file())
    fold = read_raster(folder / "folds.tif").values
    return Trained(
        run.config,
        read_evidence(folder / "evidence"),
        saved,
        run.metrics,
        tuple(element["symbol"] for element in run.checks["survey"]["elements"]),
        fold[tuple(saved.rows.at.T)],
        [{"path": p.relative_to(folder).as_posix(), "sha256": file_hash(p)} for p in paths],
    )


LEARNED = (
    "seed",
    "screening",
    "sampling",
    "validation",
    "uncertainty",
    "model",
    "training",
    "classes",
)
"""Tables and keys of a configuration that set the training; a prediction uses the run's."""


def learned_otherwise(config: Config, mine: Config) -> dict[str, Any]:
    """Training keys that are given and differ from the run's, each with the run's value.

    ``auto`` is replaced by its model before the comparison.
    """
    resolved = resolve_auto(config.model_copy(update={"deposits": mine.deposits}))
    differing: dict[str, Any] = {}
    for name in LEARNED:
        table, then = getattr(config, name), getattr(mine, name)
        if not isinstance(table, Section):
            if name in config.model_fields_set and table != then:
                differing[name] = then
            continue
        for key in type(table).model_fields:
            value = getattr(then, key)
            if key in table.model_fields_set and getattr(getattr(resolved, name), key) != value:
                differing[f"{name}.{key}"] = value
    return differing


def refuse_set(settings: Sequence[str], otherwise: Mapping[str, Any]) -> None:
    """Raise ConfigError where one of the settings, ``key=value``, would change the training."""
    given = [setting.partition("=")[0].strip().split(".")[:2] for setting in settings]
    refused = {
        key: value
        for key, value in otherwise.items()
        if any(key.split(".")[: len(words)] == words for words in given)
    }
    if refused:
        raise ConfigError(
            f"a trained model keeps its settings: this one was trained with "
            f"{values_in_words(refused)}",
            where=f"--set {', '.join(refused)}",
            remedy=f"leave {'it' if len(refused) == 1 else 'them'} out, or train another model "
            "with orecast run",
        )


def values_in_words(otherwise: Mapping[str, Any]) -> str:
    """Keys with the run's values, in words.

    >>> values_in_words({"model.name": "cnn", "model.options": {"width": 8}, "model.weight": None})
    'model.name = cnn, other model.options, no model.weight'
    """
    return ", ".join(_value(key, value) for key, value in otherwise.items())


def _value(key: str, value: Any) -> str:
    if value is None:
        return f"no {key}"
    return f"{key} = {value}" if isinstance(value, str | int | float) else f"other {key}"


Table = TypeVar("Table", bound=Section)
_LOG_RATIOS = ("clr", "ilr", "alr")  # each layer also depends on the other parts
_ONE_HOT, _OTHER = "geology=", "geology=other"
_EVERY_CLASS = 10_000
_ALIKE = 0.01  # of a cell's size
_LEAVE_OUT = re.compile(r"add ['\"].* to (samples|gridded)\.ignore(: .*)?")  # remedy of survey


def as_trained(config: Config, trained: Trained) -> Config:
    """The other survey's configuration; the run's values fill what it leaves out.

    In [composition], [evidence], [faults] and [geology] every missing key except files and columns
    is filled; the parts of a log-ratio and the cell size by their actual values in the run. The
    training settings are always the run's. Raises ConfigError if another transform, denominator or
    list of parts is given: these would make different layers with the same names.
    """
    mine = trained.config
    parts = mine.composition.parts
    if parts is None and mine.composition.transform in _LOG_RATIOS:
        parts = list(trained.symbols)
    composition = mine.composition.model_copy(update={"parts": parts})
    size = trained.evidence.grid.cell_size[0]
    evidence = mine.evidence.model_copy(update={"cell_size": size, "layers": None})
    changes: dict[str, Any] = {name: getattr(mine, name) for name in LEARNED}
    changes["composition"] = _filled(config.composition, composition)
    changes["evidence"] = _filled(config.evidence, evidence)
    if config.faults is not None and mine.faults is not None:
        names = ("distance", "rings", "density", "intersections")
        changes["faults"] = _filled(config.faults, mine.faults, names)
    if config.geology is not None and mine.geology is not None:
        changes["geology"] = _filled(config.geology, mine.geology, ("coding", "classes"))
    _require_composition(changes["composition"], composition)
    return config.model_copy(update=changes)


def read_other(config: Config, trained: Trained) -> Survey:
    """Read the other survey; raises the same errors as ``read_survey``.

    If the model needs the refused element, the remedy is changed: leaving it out would not help.
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
            f"{error.what}; the model needs {' and '.join(sorted(read))}",
            where=error.where,
            remedy=f"give data with different values of {', '.join(sorted(read))}, or train a "
            f"model without {'it' if len(read) == 1 else 'them'}",
        ) from None


def trained_layers(survey: Survey, config: Config, trained: Trained) -> Evidence:
    """Build the other survey's evidence and keep the layers that the model reads, in their order.

    The layer that weighs knowledge is included. Cells need a value in these layers only. A class
    of rock of the training area that does not occur here is 0 wherever rock is mapped. Raises
    ModelError where a layer is missing, with both lists, or has another unit, radius or legend;
    InputError where the survey lacks parts of the composition.
    """
    parts = config.composition.parts or []
    lacking = [part for part in parts if part not in survey.symbols]
    if lacking:
        raise InputError(
            f"the survey has no {', '.join(lacking)}. The model's log-ratios use "
            f"{', '.join(parts)}; the survey has {', '.join(survey.symbols)}",
            where="composition.parts",
            remedy="give the element of each unrecognised column in samples.rename, or train a "
            "model on the elements that both surveys have",
        )
    tables: dict[str, Section] = {"evidence": config.evidence.model_copy(update={"layers": None})}
    if config.geology is not None:
        tables["geology"] = config.geology.model_copy(update={"classes": _EVERY_CLASS})
    evidence = build_evidence(survey, config.model_copy(update=tables))
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
    old, new = trained.evidence.grid.cell_size, evidence.grid.cell_size
    if trained.saved.size > 1 and not np.allclose(new, old, rtol=_ALIKE):
        raise ConfigError(
            f"cells are {new[0]:g} x {new[1]:g} m here, but were {old[0]:g} x {old[1]:g} m in "
            f"training: a window of {trained.saved.size} cells would cover another distance",
            where="evidence.cell_size",
            remedy="leave it out to use the run's, or give rasters of that cell size",
        )
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


def _meaning(name: str, evidence: Evidence, config: Config) -> str:
    """What a layer's values mean, in words, to compare them and to show a difference."""
    attributes = evidence.data[name].attrs
    kind, unit = attributes["kind"], attributes["unit"]
    words = f"of kind {kind}" + (f" in {unit}" if unit else "")
    if kind == "fault" and config.faults is not None:
        if name == "fault_rings":
            words += f", with radii {', '.join(f'{r:g}' for r in config.faults.rings)} m"
        if name == "fault_density":
            words += f", within {config.faults.density:g} m"
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
