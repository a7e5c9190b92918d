"""What stands beside a reproduction's tables: samples before and after clr, and why here."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from orecast.errors import REFUSALS
from orecast.evidence.elements import survey_ratios
from orecast.experiments import Entry
from orecast.explanation import grad_cam, sampling_offsets, shapley_values
from orecast.training import Network
from orecast.validation import Fitted
from orecast.workflow.reproduction.bench import Bench
from orecast.workflow.reproduction.maps import lattice_step
from orecast.workflow.reproduction.plan import Reproduction

SAMPLES, LAYERS, SHAPLEY = "samples.npz", "evidence.npz", "shapley.npz"
GRAD_CAM, OFFSETS = "grad-cam.npz", "offsets.npz"

_EXPLAINED = {"smoke": 8, "hour": 100, "full": 400}  # windows whose layers are weighed
_POINTS = 40_000  # of a layer that is drawn
_DRAWN = 6  # deposits whose windows are drawn


def explained_entries(plan: Reproduction) -> list[Entry]:
    """The entries whose scores are explained."""
    return [entry for entry in (_weighed(plan), _guided(plan)) if entry is not None]


def _weighed(plan: Reproduction) -> Entry | None:
    """The entry whose layers are weighed: the first that is mapped, where the paper has figures."""
    experiment, run = plan.experiment, {entry.stem for entry in plan.entries}
    if all(figure.kind != "shap" for figure in experiment.paper.figures):
        return None
    sources = (experiment.source(entry) for entry in experiment.standing_in("map"))
    return next((source for source in sources if source.stem in run), None)


def _guided(plan: Reproduction) -> Entry | None:
    return next((entry for entry in plan.entries if entry.model == "gk-dcn"), None)


def explain(bench: Bench, folder: Path) -> None:
    """Write what the paper's figures of samples, layers, heat and offsets are drawn from."""
    experiment = bench.plan.experiment
    if any(figure.kind == "boxplot" for figure in experiment.paper.figures):
        _write_samples(bench, folder / SAMPLES)
    if any(figure.id == "elements" for figure in experiment.paper.figures):
        _write_layers(bench, folder / LAYERS)
    weighed, guided = _weighed(bench.plan), _guided(bench.plan)
    if weighed is not None:
        with suppress(*REFUSALS):  # its cells say why
            _weigh_layers(bench, bench.fitted(weighed), folder / SHAPLEY)
    if guided is not None:
        with suppress(*REFUSALS):
            _draw_guided(bench, guided, folder)


def _write_samples(bench: Bench, path: Path) -> None:
    """Concentrations of whole samples in mg/kg, and their log-ratios."""
    config = bench.config()
    plain = config.model_copy(
        update={"composition": config.composition.model_copy(update={"transform": "none"})}
    )
    names, raw = survey_ratios(bench.survey, plain)
    of_clr, clr = survey_ratios(bench.survey, config)
    assert names == of_clr
    whole = np.isfinite(raw).all(axis=1)
    np.savez_compressed(path, names=names, raw=raw[whole], clr=clr[whole])


def _write_layers(bench: Bench, path: Path) -> None:
    """The layers learned from, every so many cells."""
    evidence, names = bench.evidence, bench.plan.layers() or bench.evidence.names
    step = lattice_step(evidence, _POINTS)
    values = np.stack([evidence.layer(name)[::step, ::step] for name in names])
    np.savez_compressed(path, names=names, values=values)


def _weigh_layers(bench: Bench, fitted: Fitted, path: Path) -> None:
    """Shapley values of the layers at windows over the map, against others of it."""
    cells = np.argwhere(bench.evidence.valid)
    most = _EXPLAINED[bench.plan.kind]
    drawn = np.random.default_rng([0, 43]).choice(len(cells), 2 * most, replace=False)
    windows = fitted.windows.moved(cells[drawn])
    found = shapley_values(fitted.model.predict, windows.take(slice(most)), windows, seed=0)
    found.save(path)


def _draw_guided(bench: Bench, entry: Entry, folder: Path) -> None:
    """Where the guided network looks, at windows of deposits."""
    fitted = bench.fitted(entry)
    model = fitted.model
    assert isinstance(model, Network)
    windows = fitted.windows.moved(bench.deposits.sampling.at[:_DRAWN])
    grad_cam(model, windows).save(folder / GRAD_CAM)
    sampling_offsets(model, windows).save(folder / OFFSETS)
