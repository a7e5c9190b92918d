"""Audit a run, finished or configured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from orecast.arrays import Bools
from orecast.errors import REFUSALS
from orecast.evidence import Evidence, refitted
from orecast.metrics import auc, confusion
from orecast.splits.negative_draws import NegativeDraws
from orecast.training import build_model
from orecast.validation import OutOfFold, cross_predict
from orecast.workflow.audit.auditing import Audit, Check, Severity
from orecast.workflow.audit.finished import Finished, read_finished
from orecast.workflow.audit.folds import (
    Cut,
    Facts,
    Sides,
    moved_cells,
    protocol_of,
    sample_positions,
)
from orecast.workflow.places import Places
from orecast.workflow.recipes import declared

DEFAULT = "spatial"


def audit_run(folder: Path) -> Audit:
    """Audit a finished run from its own folder; the survey's samples too, where they still are.

    Each protocol that gave the run scores is cut again: ``spatial``, and the one named beside it.
    Raises RunError where the folder holds no finished run, or one that learned from no deposits.
    """
    done = read_finished(folder)
    beside = done.config.validation.protocol
    checks = _of_protocol(done, DEFAULT)
    if beside != DEFAULT:
        checks += _of_protocol(done, beside)
    return Audit(str(folder), [*checks, _claims(done), *_declared(done), *_assumed_reach(done)])


def _of_protocol(done: Finished, name: str) -> list[Check]:
    """What is found in the folds of one protocol."""
    if isinstance(protocol_of(done, name), NegativeDraws):
        checks = [_nothing_hidden(done, name)]
    elif name == "paper" and done.lacks_barren:
        what, meaning = "The folds cut again", "The barren places are not there any more to be cut."
        checks = [Check("same-folds", what, Severity.UNKNOWN, "–", meaning)]
    else:
        checks = _of_folds(done, Cut.of(done, name))
    return [replace(check, protocol=name) for check in checks]


def _of_folds(done: Finished, cut: Cut) -> list[Check]:
    gridded = done.survey is not None and done.survey.gridded is not None
    xy = None if gridded else sample_positions(done)
    facts, moved, read = [], None, 0
    for k, fold in enumerate(cut.folds):
        sides = Sides.of(done, cut, fold)
        facts.append(Facts.of(sides, done, xy))
        if k == 0:
            moved = moved_cells(done, sides, fold, refit=not cut.grown)
            read = int(sides.read.sum())
    return [
        _same_folds(done, cut),
        _shared_cells(facts),
        _shared_samples(done, facts, None if xy is None else len(xy)),
        _deposits_apart(done, facts),
        _scaling(facts),
        _fitted_evidence(moved, read),
    ]


def _same_folds(done: Finished, cut: Cut) -> Check:
    code, what = "same-folds", "The folds cut again are those of the run"
    n = len(cut.folds)
    figure, data = "1 fold" if n == 1 else f"{n} folds", {"folds": n}
    if _as_then(done, cut):
        meaning = "What follows speaks of the folds that gave the run its scores."
        return Check(code, what, Severity.CLEAN, figure, meaning, data)
    meaning = "The run was cut by other code, or its files were changed: run it again to be sure."
    return Check(code, what, Severity.SUSPICIOUS, figure, meaning, data)


def _as_then(done: Finished, cut: Cut) -> bool:
    """Whether the run noted the same: of the default its folds, of another protocol its words."""
    if cut.protocol != DEFAULT:
        row = done.row(cut.protocol)
        return row is not None and row.get("sentence") == cut.words
    places = done.places
    now = [
        (places.deposit[np.isin(places.row, f.test)].tolist(), int(f.hidden.sum()))
        for f in cut.folds
    ]
    return now == [(f.get("deposits"), f.get("hidden_cells")) for f in done.metrics["folds"]]


def _shared_cells(facts: list[Facts]) -> Check:
    shared, tested = [f.shared for f in facts], sum(f.tested for f in facts)
    share = sum(shared) / tested
    data = {"shared": shared, "tested": tested, "share": share}
    meaning = "In no fold does a training window hold a cell of a test window."
    if any(shared):
        meaning = (
            f"{sum(shared)} of {tested} tested cells ({100 * share:.1f} %) also stand in training "
            "windows."
        )
    severity = Severity.LEAK if any(shared) else Severity.CLEAN
    figure = f"{sum(shared)} of {tested}"
    return Check("seen-cells", "Tested cells seen in training", severity, figure, meaning, data)


def _shared_samples(done: Finished, facts: list[Facts], samples: int | None) -> Check:
    """By the samples themselves where they are known, by distance in any case."""
    reach, nearest = done.evidence.reach, min(f.nearest_m for f in facts)
    shared = None if samples is None else [f.samples or 0 for f in facts]
    leaks = any(shared) if shared is not None else nearest <= 2 * reach
    data = {"nearest_m": nearest, "reach_m": reach, "shared": shared}
    figure = f"{nearest:,.0f} m, twice the reach is {2 * reach:,.0f} m"
    if leaks:
        found = "Samples" if shared is None else f"In one fold up to {max(shared)} samples"
        meaning = f"{found} moved cells of training and of test alike, through interpolation."
    elif shared is None:
        meaning = "Cells of training and test lie too far apart for a sample to move both."
    else:
        meaning = f"Of {samples} samples none moved cells of both."
    severity = Severity.LEAK if leaks else Severity.CLEAN
    what = "Samples shared through interpolation"
    return Check("shared-samples", what, severity, figure, meaning, data)


def _deposits_apart(done: Finished, facts: list[Facts]) -> Check:
    tested, overlapping = sum(f.ore_tested for f in facts), sum(f.overlapping for f in facts)
    by_fold = [f.nearest_ore_m for f in facts]
    metres = min(by_fold)
    window = done.config.sampling.window * min(done.evidence.grid.cell_size)
    severity = Severity.LEAK if overlapping else Severity.CLEAN
    meaning = (
        f"A tested deposit lies at least {metres:,.0f} m from those learned from; a window is "
        f"{window:,.0f} m wide."
    )
    if overlapping:
        meaning = (
            f"{overlapping} of {tested} tested windows of ore overlap one of ore learned from "
            f"(nearest: {metres:,.0f} m)."
        )
    data = {"nearest_m": metres, "by_fold_m": by_fold, "window_m": window}
    data |= {"overlapping": overlapping, "positives": tested}
    what = "Nearest deposit learned from"
    return Check("positives-apart", what, severity, f"{metres:,.0f} m", meaning, data)


def _scaling(facts: list[Facts]) -> Check:
    scaled, tested = [f.scaled for f in facts], sum(f.tested for f in facts)
    meaning = "Layers were scaled by no tested cell."
    if any(scaled):
        meaning = f"Layers were scaled by {sum(scaled)} of {tested} tested cells among others."
    severity = Severity.LEAK if any(scaled) else Severity.CLEAN
    figure, data = f"{sum(scaled)} of {tested}", {"scaled": scaled, "tested": tested}
    return Check("scaling", "Scaling fitted to tested cells", severity, figure, meaning, data)


def _fitted_evidence(moved: int | None, read: int) -> Check:
    """Whether what training reads follows what was measured where the first fold tests."""
    code, what = "fitted-evidence", "Evidence that follows tested concentrations"
    if moved is None:
        meaning = "The survey's files are not there as they were, so that it cannot be tried."
        return Check(code, what, Severity.UNKNOWN, "–", meaning)
    severity = Severity.LEAK if moved else Severity.CLEAN
    meaning = (
        f"With the concentrations behind the first fold's tested cells lowered, {moved or 'none'} "
        f"of {read} cells that training reads moved."
    )
    return Check(code, what, severity, f"{moved} of {read}", meaning, {"moved": moved, "of": read})


def _nothing_hidden(done: Finished, name: str) -> Check:
    row = done.row(name)
    words = "nothing is hidden" if row is None else str(row["sentence"])
    meaning = f"No label can leak into its scores: {words}."
    what = "Scored without folds"
    return Check("nothing-hidden", what, Severity.DECLARED, "no folds", meaning)


def _claims(done: Finished) -> Check:
    """Logistic regression on single cells, under the field's random split and under the run's."""
    code, what = "random-split", "What a random split claims beside the run's folds"
    if done.lacks_barren:
        meaning = "The barren places are not there any more to learn from."
        return Check(code, what, Severity.UNKNOWN, "–", meaning)
    try:
        paper, spatial = (_regressed(done, name) for name in ("paper", DEFAULT))
    except REFUSALS as error:
        meaning = f"It cannot be computed here: {error.what}."
        return Check(code, what, Severity.UNKNOWN, "–", meaning)
    y = paper.sampling.y[paper.rows]
    random = auc(paper.scores[y == 1], paper.scores[y == 0])
    accuracy = confusion(y, paper.scores).accuracy
    fair = _mean_auc(done.places, spatial)
    data = {"random": random, "random_accuracy": accuracy, "spatial": fair}
    data["refitted"] = done.survey is not None
    figure = f"AUC {random:.2f} beside {fair:.2f}"
    meaning = (
        f"Logistic regression on single cells would claim AUC {random:.2f} (accuracy "
        f"{accuracy:.2f}) on windows split at random, and earns {fair:.2f} on the run's spatial "
        "folds."
    )
    if done.survey is None:
        meaning += " The survey's files are gone: its evidence was not fitted anew in each fold."
    return Check(code, what, Severity.CLEAN, figure, meaning, data)


def _declared(done: Finished) -> list[Check]:
    """What the model says of itself that it has seen of held-out ground."""
    what = "Seen by declaration"
    return [
        Check("declared", what, Severity.DECLARED, "no label", f"{said[0].upper()}{said[1:]}.")
        for said in declared(done.config)
    ]


def _assumed_reach(done: Finished) -> list[Check]:
    """What the run itself noted of a reach that it had to assume."""
    assumed = [f["what"] for f in done.findings if f["code"] == "assumed-reach"]
    if not assumed:
        return []
    words, what = ". ".join(assumed) + ".", "The reach behind given rasters"
    return [Check("assumed-reach", what, Severity.UNKNOWN, "assumed", words)]


def _regressed(done: Finished, name: str) -> OutOfFold:
    """Logistic regression on single cells, its evidence refitted in each fold as the run's is."""
    factory = lambda: build_model("logistic-regression", {}, done.config.training)  # noqa: E731
    recipe = replace(done.recipe, model=factory, labels=True)
    protocol = protocol_of(done, name, configured=False)
    survey, evidence = done.survey, done.evidence

    def refit(hidden: Bools) -> Evidence:
        return evidence if survey is None else refitted(evidence, survey, done.config, hidden)

    return cross_predict(
        recipe,
        evidence,
        done.places.sampling,
        protocol,
        seed=done.config.seed,
        refit=None if protocol.grow_first else refit,
    )


def _mean_auc(places: Places, found: OutOfFold) -> float:
    """Mean over folds of the AUC of held-out places among their region's other cells."""
    ore = np.zeros(found.map.shape, dtype=bool)
    ore[places.sampling.at[:, 0], places.sampling.at[:, 1]] = True
    by_fold = [
        auc(answer.scores, answer.cell_scores[~ore[answer.cells[:, 0], answer.cells[:, 1]]])
        for answer in found.answers
    ]
    return float(np.mean(by_fold))
