"""The data that all stages of a run use: configuration, evidence, provenance."""

from __future__ import annotations

import glob
import hashlib
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.config import Config, Section, to_toml
from orecast.evidence import Evidence, refitted, sampling_density
from orecast.grid import Grid
from orecast.mapping import write_raster
from orecast.metrics import Metrics
from orecast.run import FORMAT, Run, file_hash, versions, write_json
from orecast.sampling import MapGeometry, SplitProtocol
from orecast.splits import build_protocol
from orecast.survey import Survey, checks
from orecast.survey.rasters import matches
from orecast.training import model_properties
from orecast.training.building import EpochProgress
from orecast.training.reading import fitting_trim
from orecast.validation import Recipe, RecipeChoice
from orecast.workflow.choosing import AUTO, WITH_DEPOSITS
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import (
    Baseline,
    baselines,
    candidates,
    model_recipe,
    with_uncertainty,
)

_BESIDE = (".dbf", ".shx", ".prj", ".cpg", ".tfw", ".wld", ".aux.xml")


@dataclass
class Provenance:
    """Input files with their hashes, and the duration of each stage."""

    config: Config
    inputs: list[dict[str, Any]]
    seconds: dict[str, float] = field(default_factory=dict)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def of(cls, config: Config) -> Provenance:
        """Hash the configuration's input files."""
        inputs = [
            {"path": path.as_posix(), "bytes": path.stat().st_size, "sha256": file_hash(path)}
            for path in input_files(config)
        ]
        return cls(config, inputs)

    @property
    def key(self) -> str:
        """Hash of the configuration and the input files; equal for a resumed run."""
        text = to_toml(self.config.model_copy(update={"output": Path("run")}))
        parts = [text, *(i["sha256"] for i in self.inputs)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 2)

    def as_dict(self, outputs: dict[str, str]) -> dict[str, Any]:
        """The content of ``provenance.json``; ``outputs`` are file hashes without the report's."""
        libraries = versions()
        return {
            "format": FORMAT,
            "orecast": libraries.pop("orecast"),
            "python": libraries.pop("Python"),
            "platform": platform.platform(),
            "libraries": libraries,
            "seed": self.config.seed,
            "started": self.started,
            "seconds": self.seconds,
            "total_seconds": round(sum(self.seconds.values()), 2),
            "peak_memory_mib": peak_memory_mib(),
            "inputs": self.inputs,
            "outputs": outputs,
            "key": self.key,
        }


def input_files(config: Section) -> list[Path]:
    """Every existing file that a configuration names, in a stable order.

    Globs and folders are resolved as in the readers. The parts of a shapefile and the world files
    of a raster are included.
    """
    files: list[Path] = []
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Section):
            files += input_files(value)
        elif isinstance(value, list) and value and isinstance(value[0], Section):
            for item in value:
                files += input_files(item)
        elif isinstance(value, Path) and name != "output":
            files += _files_of(value)
    return files


def _files_of(path: Path) -> list[Path]:
    """The files of a path, a folder or a glob, with the files that belong to them."""
    if path.is_dir() and path.suffix.lower() == ".gdb":
        return sorted(inside for inside in path.iterdir() if inside.is_file())
    several = path.is_dir() or glob.has_magic(str(path))
    files = [path] if path.is_file() else matches(path) if several else []
    beside = [
        other
        for file in files
        for other in sorted(file.parent.glob(glob.escape(file.stem) + ".*"))
        if other.name.lower().endswith(_BESIDE)
    ]
    return list(dict.fromkeys([*files, *beside]))


def peak_memory_mib() -> float | None:
    """Peak resident memory of this process in MiB; None where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


Progress = Callable[[str, int, int], None]
"""``progress(what, done, total)`` is called as the work advances."""


def no_progress(what: str, done: int, total: int) -> None:
    """Report nothing."""


def named(progress: Progress, what: str) -> Progress:
    """Progress that is reported as ``what``, whatever the work itself calls it."""
    return lambda _, done, total: progress(what, done, total)


@contextmanager
def reported(progress: Progress, what: str) -> Iterator[None]:
    """Report the begin and the end of work that has no parts."""
    progress(what, 0, 1)
    yield
    progress(what, 1, 1)


Maps = Mapping[str, tuple[NDArray[np.float32] | None, str]]
"""Values and descriptions of maps, by the names of their files; None is not written."""


@dataclass
class Job:
    """A survey, its evidence and places, and the folder of what is computed on them."""

    config: Config
    run: Run
    survey: Survey
    evidence: Evidence
    places: Places
    progress: Progress = no_progress
    metrics: Metrics = field(init=False)  # so far; the first stage sets it
    _refitted: dict[int, Evidence] = field(default_factory=dict)  # by fold, for all baselines

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.config.seed

    def recipe(self, where: str, epochs: EpochProgress | None = None) -> Recipe:
        """The recipe of the configured model, of ``auto`` the usual one.

        Its checkpoints lie in the folder ``where``.
        """
        return model_recipe(
            self.config,
            self.evidence,
            self.survey.barren,
            checkpoints=self.run.scratch(f"checkpoints/{where}"),
            generators=self.run.scratch("generators"),
            progress=epochs,
        )

    def fitting(self, recipe: Recipe) -> Recipe | RecipeChoice:
        """What is fitted in each fold: the recipe or, for ``auto``, a choice among several."""
        if self.config.model.name != AUTO:
            return recipe
        baselines, _ = self.baselines()
        inner = self.protocol("spatial", max(2, self.config.validation.inner_folds))
        return RecipeChoice(
            candidates(self.config, self.evidence, baselines), WITH_DEPOSITS.name, inner
        )

    def fitting_with_progress(
        self, what: str, where: str, fits: int = 1
    ) -> tuple[Recipe | RecipeChoice, Progress]:
        """What is fitted in each fold, and a function that reports the folds.

        There is one bar for folds and epochs. Each fold has ``fits`` fits. The recipe reports the
        epochs of networks; the function reports a fold before its epochs.
        """
        model = with_uncertainty(self.config)
        epochs_of = model_properties(model.name, model.options, self.config.training).epochs
        parts = fits * max(1, epochs_of)
        fold, folds, epochs = 0, 1, 0

        def at_fold(_: str, done: int, total: int) -> None:
            nonlocal fold, folds, epochs
            fold, folds, epochs = done, total, 0
            self.progress(what, done * parts, total * parts)

        def at_epoch(done: int, total: int, loss: float) -> None:
            nonlocal epochs
            epochs = min(epochs + 1, parts - 1)
            self.progress(what, fold * parts + epochs, folds * parts)

        return self.fitting(self.recipe(where, at_epoch)), at_fold

    @cached_property
    def geometry(self) -> MapGeometry:
        """The map geometry that protocols use."""
        return geometry_of(self.survey, self.evidence, self.config)

    def protocol(self, name: str, folds: int | None = None) -> SplitProtocol:
        """Return a protocol for this run's window and grid; ``spatial`` has no options.

        Without deposits the configured options are those of ``negative-draws``.
        """
        settings = self.config.validation
        configured = settings.protocol if self.survey.deposits is not None else "negative-draws"
        return build_protocol(
            name,
            settings.options if name == configured else {},
            self.geometry,
            n_folds=folds or settings.folds,
            seed=self.seed,
        )

    @property
    def inner(self) -> SplitProtocol | None:
        """The protocol of the inner folds of a training part; None without inner folds."""
        folds = self.config.validation.inner_folds
        return self.protocol("spatial", folds) if folds else None

    def refit(self, hidden: NDArray[np.bool_]) -> Evidence:
        """Return the evidence; whatever is fitted to samples is fitted outside ``hidden``."""
        return refitted(self.evidence, self.survey, self.config, hidden)

    def refit_kept(self, hidden: NDArray[np.bool_]) -> Evidence:
        """Return the same and keep it for the next model; for the few folds of ``spatial``."""
        key = hash(np.packbits(hidden).tobytes())
        if key not in self._refitted:
            self._refitted[key] = self.refit(hidden)
        return self._refitted[key]

    def baselines(self, *, every: bool = False) -> tuple[dict[str, Baseline], dict[str, str]]:
        """Return the baselines by name, and the reasons why others are not possible here.

        The configured model is not its own baseline, unless ``every`` is true.
        """
        density = None
        if self.survey.gridded is None:
            density = sampling_density(self.survey, self.evidence.grid, self.evidence.reach)
        recipe = self.recipe("baselines")
        return baselines(self.config, self.evidence, recipe, density, every=every)

    def read_metrics(self) -> None:
        """Take over the metrics of an interrupted run."""
        text = (self.run.folder / "metrics.json").read_text(encoding="utf-8")
        self.metrics = Metrics.model_validate_json(text)

    def write(self, folder: Path, maps: Maps) -> None:
        """Write the metrics and the findings so far, and ``maps`` with their descriptions."""
        write_maps(folder, maps, self.evidence.grid)
        write_json(folder / "metrics.json", self.metrics.as_dict())
        write_json(folder / "checks.json", checks(self.survey))


def job_of(config: Config, run: Run, survey: Survey, evidence: Evidence) -> Job:
    """The job of a survey, its deposits placed on evidence that is there already."""
    places = place_deposits(survey.deposits, evidence, config.sampling.window, survey.findings)
    return Job(config, run, survey, evidence, places)


def write_maps(folder: Path, maps: Maps, grid: Grid) -> None:
    """Write ``maps``, each with its description."""
    for name, (values, description) in maps.items():
        if values is not None:
            write_raster(folder / f"{name}.tif", values, grid, description=description)


def geometry_of(survey: Survey | None, evidence: Evidence, config: Config) -> MapGeometry:
    """The map geometry that protocols use; with the cells of the samples if a survey is given."""
    grid, samples = evidence.grid, None
    if survey is not None and survey.samples is not None:
        points = survey.samples.geometry
        at = grid.cell(np.column_stack([points.x, points.y]))
        samples = np.unique(at[grid.inside(at)], axis=0)
    window = config.sampling.window
    trim = fitting_trim(config.training.trim, window)
    return MapGeometry(evidence.valid, min(grid.cell_size), window, samples, trim)
