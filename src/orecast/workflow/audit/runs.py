"""Audit a run, finished or configured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from orecast.arrays import Bools
from orecast.errors import METHOD_ERRORS
from orecast.evidence import Evidence, refitted
from orecast.metrics import auc, confusion
from orecast.sampling.places import mask_of
from orecast.splits.negative_draws import NegativeDrawsProtocol
from orecast.training import build_model
from orecast.validation import OutOfFold, cross_predict
from orecast.workflow.audit.auditing import Audit, Check, Severity
from orecast.workflow.audit.folds import (
    Cut,
    Facts,
    Finished,
    Sides,
    changed_cells,
    protocol_of,
    read_finished,
    sample_positions,
)
from orecast.workflow.recipes import caveats_of

DEFAULT = "spatial"


def audit_run(folder: Path) -> Audit:
    """Audit a finished run from its folder, and from the survey's samples if they still exist.

    The folds of each protocol of the run are cut again: ``spatial``, and the configured one.
    Raises RunError if the folder holds no finished run, or a run without deposits.
    """
    done = read_finished(folder)
    names = dict.fromkeys([DEFAULT, done.config.validation.protocol])
    checks = [check for name in names for check in _of_protocol(done, name)]
    checks.append(_claims(done))
    checks += [
        Check(
            "declared",
            "Declared by the model",
            Severity.DECLARED,
            "no label",
            f"{words[0].upper()}{words[1:]}.",
        )
        for words in caveats_of(done.config)
    ]
    assumed = [f["what"] for f in done.findings if f["code"] == "assumed-reach"]
    if assumed:
        words, what = ". ".join(assumed) + ".", "The reach behind given rasters"
        checks.append(Check("assumed-reach", what, Severity.UNKNOWN, "assumed", words))
    return Audit(str(folder), checks)


def _of_protocol(done: Finished, name: str) -> list[Check]:
    """Checks of the folds of one protocol."""
    if isinstance(protocol_of(done, name), NegativeDrawsProtocol):
        row = done.row(name)
        words = "nothing is hidden" if row is None else row.sentence
        meaning = f"No label can leak into its scores: {words}."
        what = "Scored without folds"
        checks = [Check("nothing-hidden", what, Severity.DECLARED, "no folds", meaning)]
    elif name == "paper" and done.lacks_negatives:
        what, meaning = "The folds cut again", "The file of places known to be barren is missing."
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
            moved = changed_cells(done, sides, fold, refit=not cut.grown)
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
        meaning = "The checks below use the same folds as the run's scores."
        return Check(code, what, Severity.CLEAN, figure, meaning, data)
    meaning = "Another version cut the run's folds, or its files were changed. Run it again."
    return Check(code, what, Severity.SUSPICIOUS, figure, meaning, data)


def _as_then(done: Finished, cut: Cut) -> bool:
    """Whether the run noted the same folds, or the same sentence for another protocol."""
    if cut.protocol != DEFAULT:
        row = done.row(cut.protocol)
        return row is not None and row.sentence == cut.words
    places = done.places
    now = [
        (places.deposit[np.isin(places.row, f.test)].tolist(), int(f.hidden.sum()))
        for f in cut.folds
    ]
    return now == [(f.deposits, f.hidden_cells) for f in done.metrics.folds]


def _shared_cells(facts: list[Facts]) -> Check:
    shared, tested = [f.shared for f in facts], sum(f.tested for f in facts)
    share = sum(shared) / tested
    data = {"shared": shared, "tested": tested, "share": share}
    meaning = "In no fold does a training window hold a cell of a test window."
    if any(shared):
        meaning = (
            f"{sum(shared)} of {tested} tested cells ({100 * share:.1f} %) are also in training "
            "windows."
        )
    severity = Severity.LEAK if any(shared) else Severity.CLEAN
    figure = f"{sum(shared)} of {tested}"
    return Check("seen-cells", "Tested cells seen in training", severity, figure, meaning, data)


def _shared_samples(done: Finished, facts: list[Facts], samples: int | None) -> Check:
    """Compare by the samples if they are known, otherwise by distance."""
    reach, nearest = done.evidence.reach, min(f.nearest_m for f in facts)
    shared = None if samples is None else [f.samples or 0 for f in facts]
    leaks = any(shared) if shared is not None else nearest <= 2 * reach
    data = {"nearest_m": nearest, "reach_m": reach, "shared": shared}
    figure = f"{nearest:,.0f} m, twice the reach is {2 * reach:,.0f} m"
    if leaks:
        samples_of = "Samples" if shared is None else f"Up to {max(shared)} samples in a fold"
        meaning = f"{samples_of} changed both training and test cells, through interpolation."
    elif shared is None:
        meaning = "Training and test cells lie too far apart for a sample to change both."
    else:
        meaning = f"None of {samples} samples changed both training and test cells."
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
        f"A tested deposit lies at least {metres:,.0f} m from every training deposit; a window "
        f"is {window:,.0f} m wide."
    )
    if overlapping:
        meaning = (
            f"The windows of {overlapping} of {tested} tested deposits overlap that of a training "
            f"deposit (nearest: {metres:,.0f} m)."
        )
    data = {"nearest_m": metres, "by_fold_m": by_fold, "window_m": window}
    data |= {"overlapping": overlapping, "positives": tested}
    what = "Nearest training deposit"
    return Check("positives-apart", what, severity, f"{metres:,.0f} m", meaning, data)


def _scaling(facts: list[Facts]) -> Check:
    scaled, tested = [f.scaled for f in facts], sum(f.tested for f in facts)
    meaning = "The scaling of layers used no tested cell."
    if any(scaled):
        meaning = f"The scaling of layers used {sum(scaled)} of {tested} tested cells."
    severity = Severity.LEAK if any(scaled) else Severity.CLEAN
    figure, data = f"{sum(scaled)} of {tested}", {"scaled": scaled, "tested": tested}
    return Check("scaling", "Scaling fitted to tested cells", severity, figure, meaning, data)


def _fitted_evidence(moved: int | None, read: int) -> Check:
    """Whether the training cells depend on what was measured where the first fold tests."""
    code, what = "fitted-evidence", "Training evidence that depends on tested concentrations"
    if moved is None:
        meaning = "Not checked: the survey's files are missing or were changed."
        return Check(code, what, Severity.UNKNOWN, "–", meaning)
    severity = Severity.LEAK if moved else Severity.CLEAN
    meaning = (
        f"{moved or 'None'} of {read} training cells changed when the concentrations near the "
        "first fold's tested cells were lowered."
    )
    return Check(code, what, severity, f"{moved} of {read}", meaning, {"moved": moved, "of": read})


def _claims(done: Finished) -> Check:
    """Logistic regression on single cells, under the usual random split and under the run's."""
    code, what = "random-split", "AUC of a random split beside that of the run's folds"
    if done.lacks_negatives:
        meaning = "The file of places known to be barren is missing."
        return Check(code, what, Severity.UNKNOWN, "–", meaning)
    try:
        paper, spatial = (_regressed(done, name) for name in ("paper", DEFAULT))
    except METHOD_ERRORS as error:
        meaning = f"Not computed: {error.what}."
        return Check(code, what, Severity.UNKNOWN, "–", meaning)
    y = paper.sampling.y[paper.rows]
    random = auc(paper.scores[y == 1], paper.scores[y == 0])
    accuracy = confusion(y, paper.scores).accuracy
    ore = mask_of(done.places.sampling.at, spatial.map.shape)
    # in each fold, held-out places against the other cells of their region
    by_fold = [auc(p.scores, p.cell_scores[~ore[tuple(p.cells.T)]]) for p in spatial.folds]
    fair = float(np.mean(by_fold))
    data = {"random": random, "random_accuracy": accuracy, "spatial": fair}
    data["refitted"] = done.survey is not None
    figure = f"AUC {random:.2f} beside {fair:.2f}"
    meaning = (
        f"Logistic regression on single cells has AUC {random:.2f} (accuracy {accuracy:.2f}) on "
        f"windows split at random, and AUC {fair:.2f} on the run's spatial folds."
    )
    if done.survey is None:
        meaning += " The survey's files are missing: the evidence was not refitted in each fold."
    return Check(code, what, Severity.CLEAN, figure, meaning, data)


def _regressed(done: Finished, name: str) -> OutOfFold:
    """Logistic regression on single cells; the evidence is refitted in each fold as in the run."""
    model = partial(build_model, "logistic-regression", {}, done.config.training)
    recipe = replace(done.recipe, model=model, labels=True)
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
        refit=refit,
    )
