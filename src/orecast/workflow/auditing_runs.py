"""The audit of a finished run: its folds cut again, and held against each other cell by cell."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.config import Config, read
from orecast.errors import OrecastError, RunError
from orecast.evaluation import auc, confusion
from orecast.evidence import Evidence, read_evidence
from orecast.grid import window_rows
from orecast.run import file_hash
from orecast.samples import Fold, Ground, SplitProtocol, build_protocol, slide
from orecast.survey import Findings, Survey, read_survey
from orecast.training import build_model
from orecast.validation import OutOfFold, cross_predict
from orecast.workflow.auditing import Audit, Check, Severity
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_WINDOWS_AT_ONCE = 20_000


def audit_run(folder: Path) -> Audit:
    """Audit a finished run from its own folder; the survey's samples too, where they still are.

    Raises RunError where the folder holds no finished run, or one that learned from no deposits.
    """
    done = _read_run(folder)
    folds = list(
        _protocol("spatial", done.config, done.evidence).folds(
            done.places.sampling, done.evidence.reach
        )
    )
    sides = [_Sides.of(done, fold) for fold in folds]
    return Audit(
        str(folder),
        [
            _same_folds(done, folds),
            _shared_cells(sides),
            _shared_samples(done, sides),
            _deposits_apart(done, folds),
            _claims(done),
            *_fitted_on_all(done),
        ],
    )


@dataclass(frozen=True)
class _Finished:
    """What a finished run left behind; ``survey`` where its inputs are still the same."""

    config: Config
    evidence: Evidence
    places: Places
    metrics: dict[str, Any]
    findings: list[dict[str, Any]]
    survey: Survey | None


@dataclass(frozen=True)
class _Sides:
    """Cells of one fold, ``(rows, columns)``: those its training reads, those its test reads."""

    train: Bools
    test: Bools
    windows: tuple[int, int]  # of training and of test

    @classmethod
    def of(cls, done: _Finished, fold: Fold) -> _Sides:
        """Enumerate them, window by window.

        Training reads the slid copies of its deposits, each window that might be drawn as barren,
        and the cells that the scaling is fitted to. Test reads the window of each cell of the
        fold's region, the held-out deposits' among them.
        """
        size, shape = done.config.sampling.window, done.evidence.grid.shape
        seen = done.evidence.valid & ~fold.hidden
        free = np.argwhere(seen)
        free = free[~_touching(free, size, fold.hidden)]
        may = np.zeros(shape, dtype=bool)
        may[free[:, 0], free[:, 1]] = True
        ore = done.places.sampling.take(fold.train)
        copies = slide(ore, done.config.sampling.shift, size=size, shape=shape).at
        copies = np.concatenate([ore.at, copies[may[copies[:, 0], copies[:, 1]]]])
        region = np.argwhere(fold.region & done.evidence.valid)
        tested = np.concatenate([region, done.places.sampling.at[fold.test]])
        learned = np.concatenate([copies, free])
        train = seen | _covered(learned, size, shape)
        return cls(train, _covered(tested, size, shape), (len(learned), len(tested)))


def _protocol(name: str, config: Config, evidence: Evidence) -> SplitProtocol:
    """The protocol as the run built it."""
    cell, window = min(evidence.grid.cell_size), config.sampling.window
    ground = Ground(evidence.valid, cell, window)
    return build_protocol(name, {}, ground, n_folds=config.validation.folds, seed=config.seed)


def _same_folds(done: _Finished, folds: list[Fold]) -> Check:
    code, what = "same-folds", "The folds cut again are those of the run"
    places = done.places
    now = [
        (places.deposit[np.isin(places.row, f.test)].tolist(), int(f.hidden.sum())) for f in folds
    ]
    then = [(f.get("deposits"), f.get("hidden_cells")) for f in done.metrics["folds"]]
    figure, data = f"{len(folds)} folds", {"folds": len(folds)}
    if now == then:
        meaning = "What follows speaks of the folds that gave the run its scores."
        return Check(code, what, Severity.CLEAN, figure, meaning, data)
    meaning = "The run was cut by other code, or its files were changed: run it again to be sure."
    return Check(code, what, Severity.SUSPICIOUS, figure, meaning, data)


def _shared_cells(sides: list[_Sides]) -> Check:
    shared = [int((s.train & s.test).sum()) for s in sides]
    tested = sum(int(s.test.sum()) for s in sides)
    data = {"shared": shared, "tested": tested, "windows": [s.windows for s in sides]}
    meaning = "In no fold does a training window hold a cell of a test window."
    if any(shared):
        meaning = f"{sum(shared)} of {tested} tested cells also stand in training windows."
    severity = Severity.LEAK if any(shared) else Severity.CLEAN
    figure = f"{sum(shared)} of {tested}"
    return Check("seen-cells", "Tested cells seen in training", severity, figure, meaning, data)


def _shared_samples(done: _Finished, sides: list[_Sides]) -> Check:
    """By the samples themselves where they are known, by distance in any case."""
    reach = done.evidence.reach
    nearest = min(_distance(s, done.evidence.grid.cell_size) for s in sides)
    xy = _sample_positions(done.survey)
    shared = None if xy is None else [_shared_by(s, done.evidence, xy, reach) for s in sides]
    apart = nearest > 2 * reach
    leaks = bool(sum(shared)) if shared is not None else not apart
    data = {"nearest_m": nearest, "reach_m": reach, "shared": shared}
    figure = f"{nearest:,.0f} m, twice the reach is {2 * reach:,.0f} m"
    if leaks:
        found = f"{sum(shared)} samples" if shared is not None else "Samples"
        meaning = f"{found} moved cells of training and of test alike, through interpolation."
    elif shared is None:
        meaning = "Cells of training and test lie too far apart for a sample to move both."
    else:
        meaning = f"Of {len(xy) if xy is not None else 0} samples none moved cells of both."
    severity = Severity.LEAK if leaks else Severity.CLEAN
    what = "Samples shared through interpolation"
    return Check("shared-samples", what, severity, figure, meaning, data)


def _deposits_apart(done: _Finished, folds: list[Fold]) -> Check:
    from scipy.spatial import cKDTree

    places, nearest = done.places, []
    for fold in folds:
        test, train = (places.xy[np.isin(places.row, rows)] for rows in (fold.test, fold.train))
        nearest.append(float(cKDTree(train).query(test)[0].min()))
    metres = min(nearest)
    window = done.config.sampling.window * min(done.evidence.grid.cell_size)
    severity = Severity.CLEAN if metres > window else Severity.LEAK
    meaning = (
        f"A tested deposit lies at least {metres:,.0f} m from those learned from; a window is "
        f"{window:,.0f} m wide."
    )
    data = {"nearest_m": metres, "by_fold_m": nearest, "window_m": window}
    what = "Nearest deposit learned from"
    return Check("positives-apart", what, severity, f"{metres:,.0f} m", meaning, data)


def _claims(done: _Finished) -> Check:
    """Logistic regression on single cells, under the field's random split and under the run's."""
    code, what = "random-split", "What a random split claims beside the run's folds"
    if done.config.barren is not None and done.survey is None:
        meaning = "The barren places are not there any more to learn from."
        return Check(code, what, Severity.UNKNOWN, "–", meaning)
    paper, spatial = (_regressed(done, name) for name in ("paper", "spatial"))
    y = paper.sampling.y[paper.rows]
    random = auc(paper.scores[y == 1], paper.scores[y == 0])
    accuracy = confusion(y, paper.scores).accuracy
    fair = _mean_auc(done.places, spatial)
    data = {"random": random, "random_accuracy": accuracy, "spatial": fair}
    figure = f"AUC {random:.2f} beside {fair:.2f}"
    meaning = (
        f"Logistic regression on single cells would claim AUC {random:.2f} (accuracy "
        f"{accuracy:.2f}) on windows split at random, and earns {fair:.2f} on the run's folds"
    )
    if done.metrics["protocol"]["name"] == "spatial":
        meaning += ", which give the run's scores."
        return Check(code, what, Severity.CLEAN, figure, meaning, data)
    meaning += "; the run's scores are not of these folds."
    return Check(code, what, Severity.SUSPICIOUS, figure, meaning, data)


def _fitted_on_all(done: _Finished) -> list[Check]:
    """What the run itself noted of steps that saw all samples, and of a reach it had to assume."""
    what = "Transforms fitted to all samples"
    said = [f["what"] for f in done.findings if f["code"] == "fitted-on-all"]
    if said:
        checks = [
            Check("scaling", what, Severity.SUSPICIOUS, f"{len(said)}", ". ".join(said) + ".")
        ]
    else:
        meaning = "All that is fitted is fitted in each fold anew."
        checks = [Check("scaling", what, Severity.CLEAN, "none", meaning)]
    assumed = [f["what"] for f in done.findings if f["code"] == "assumed-reach"]
    if assumed:
        words = ". ".join(assumed) + "."
        what = "The reach behind given rasters"
        checks.append(Check("assumed-reach", what, Severity.UNKNOWN, "assumed", words))
    return checks


def _regressed(done: _Finished, name: str) -> OutOfFold:
    barren = None if done.survey is None else done.survey.barren
    recipe = replace(
        model_recipe(done.config, done.evidence, barren),
        model=lambda: build_model("logistic-regression", {}, done.config.training),
    )
    protocol = _protocol(name, done.config, done.evidence)
    sampling, seed = done.places.sampling, done.config.seed
    return cross_predict(recipe, done.evidence, sampling, protocol, seed=seed)


def _mean_auc(places: Places, found: OutOfFold) -> float:
    """Mean over folds of the AUC of held-out places among their region's other cells."""
    ore = np.zeros(found.map.shape, dtype=bool)
    ore[places.sampling.at[:, 0], places.sampling.at[:, 1]] = True
    by_fold = [
        auc(answer.scores, answer.cell_scores[~ore[answer.cells[:, 0], answer.cells[:, 1]]])
        for answer in found.answers
    ]
    return float(np.mean(by_fold))


def _windows_cells(at: Ints, size: int, shape: tuple[int, int]) -> tuple[Ints, Ints, Bools]:
    """Row and column of every cell of each window, and whether it is on the grid, ``(n, k, k)``."""
    rows, columns = window_rows(at, size)
    r, c = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
    on = (r >= 0) & (r < shape[0]) & (c >= 0) & (c < shape[1])
    return r, c, on


def _covered(at: Ints, size: int, shape: tuple[int, int]) -> Bools:
    """Cells of the windows, enumerated one by one, ``(rows, columns)``."""
    covered = np.zeros(shape, dtype=bool)
    for k in range(0, len(at), _WINDOWS_AT_ONCE):
        r, c, on = _windows_cells(at[k : k + _WINDOWS_AT_ONCE], size, shape)
        covered[r[on], c[on]] = True
    return covered


def _touching(at: Ints, size: int, mask: Bools) -> Bools:
    """Whether each window holds a cell of ``mask``, ``(n,)``."""
    touching = np.zeros(len(at), dtype=bool)
    for k in range(0, len(at), _WINDOWS_AT_ONCE):
        part = slice(k, k + _WINDOWS_AT_ONCE)
        r, c, on = _windows_cells(at[part], size, (mask.shape[0], mask.shape[1]))
        held = mask[np.where(on, r, 0), np.where(on, c, 0)] & on
        touching[part] = held.any(axis=(1, 2))
    return touching


def _distance(sides: _Sides, cell_size: tuple[float, float]) -> float:
    """Metres between the nearest cells of training and of test, centre to centre."""
    from scipy.ndimage import distance_transform_edt

    width, height = cell_size
    away = distance_transform_edt(~sides.test, sampling=(height, width))
    return float(away[sides.train].min())


def _shared_by(sides: _Sides, evidence: Evidence, xy: Floats, reach: float) -> int:
    """Samples within reach of a training cell and of a test cell."""
    from scipy.spatial import cKDTree

    near = [
        cKDTree(evidence.grid.xy(np.argwhere(mask))).query(xy)[0] <= reach
        for mask in (sides.train, sides.test)
    ]
    return int((near[0] & near[1]).sum())


def _sample_positions(survey: Survey | None) -> Floats | None:
    samples = None if survey is None else survey.samples
    if samples is None:
        return None
    return np.column_stack([samples.geometry.x, samples.geometry.y])


def _read_run(folder: Path) -> _Finished:
    needed = ("run.toml", "evidence/evidence.json", "metrics.json", "checks.json", "targets.gpkg")
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise RunError(
            f"is no finished run's folder ({missing[0]} is not there)",
            where=str(folder),
            remedy="name a folder that orecast run has written, or give --windows",
        )
    config = read(folder / "run.toml")
    evidence = read_evidence(folder / "evidence")
    deposits = _read_deposits(folder / "targets.gpkg")
    metrics, checks = (_read_json(folder / name) for name in ("metrics.json", "checks.json"))
    places = place_deposits(deposits, evidence, config.sampling.window, Findings())
    survey = _read_survey(config, folder)
    return _Finished(config, evidence, places, metrics, checks["findings"], survey)


def _read_deposits(path: Path) -> Any:
    import geopandas as gpd
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        found = gpd.read_file(path, layer="deposits")
    except (DataSourceError, DataLayerError) as error:
        raise RunError(f"cannot be read ({error})", where=str(path)) from None
    if found.empty:
        raise RunError("the run learned from no deposits: nothing can have leaked", where=str(path))
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"cannot be read ({error})", where=str(path)) from None
    return content


def _read_survey(config: Config, folder: Path) -> Survey | None:
    """The survey, where every input is still there and is what the run read."""
    provenance = folder / "provenance.json"
    if not provenance.is_file():
        return None
    for entry in _read_json(provenance)["inputs"]:
        path = Path(entry["path"])
        if not path.is_file() or file_hash(path) != entry["sha256"]:
            return None
    try:
        return read_survey(config)
    except OrecastError:  # the run's own folder may have been moved away from them
        return None
