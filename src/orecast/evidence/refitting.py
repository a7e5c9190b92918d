"""Evidence refitted inside a fold: what was fitted on all samples, fitted on those it may see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.evidence.elements import (
    interpolator_class,
    laid_out,
    limits_of_zeros,
    parts_of,
    sample_places,
    survey_ratios,
)
from orecast.evidence.nouns import Evidence
from orecast.grid import Grid
from orecast.survey.findings import Findings

if TYPE_CHECKING:
    from orecast.config import Config
    from orecast.survey.nouns import Survey

Bools = NDArray[np.bool_]


def refitted(evidence: Evidence, survey: Survey, config: Config, hidden: Bools) -> Evidence:
    """Evidence as it would be, had all that is fitted been fitted outside ``hidden`` alone.

    ``evidence`` is what ``build_evidence`` makes of the survey, ``hidden`` ``(rows, columns)`` the
    cells that a fold must not see. Fitted are the variograms of kriging, the log-normals of
    censored values, and the limits of zeros that have none of their own. All samples remain data:
    beyond ``hidden`` widened by the reach no concentration within it moves a value.

    Element layers alone are new, the others shared, and no cell gains or loses its value. The very
    same evidence is returned where nothing that is fitted would change. Raises InputError where
    the samples outside do not allow of a fit, such as an element measured within ``hidden`` alone.
    """
    seen = seen_rows(survey, evidence.grid, hidden)
    names = [name for name in evidence.names if evidence.kind(name) == "element"]
    if not names or seen.all() or not _changes(survey, config, seen):
        return evidence
    told = replace(survey, findings=Findings())  # the map's findings hold here too, and stand there
    ratios, values = survey_ratios(told, config, seen)
    kept = [k for k, name in enumerate(ratios) if name in names]
    layers, _, _ = laid_out(values[:, kept], evidence.grid, told, config, seen)
    data = evidence.data
    for k, layer in zip(kept, layers, strict=True):
        before = data[ratios[k]]
        layer[np.isnan(before.to_numpy())] = np.nan  # beyond the study area
        data = data.assign({ratios[k]: before.copy(data=layer)})
    return Evidence(evidence.grid, data)


def seen_rows(survey: Survey, grid: Grid, hidden: Bools) -> Bools:
    """Samples, or cells of a gridded survey, outside ``hidden`` ``(rows, columns)``, ``(n,)``.

    A sample off the grid goes with the cell nearest to it, which is as near to a fold's region as
    the sample or nearer: whoever lies within the buffer around it is hidden, on the grid or off.
    """
    if survey.gridded is not None:
        return ~hidden.ravel()
    at = np.clip(grid.cell(sample_places(survey)), 0, np.array(grid.shape) - 1)
    return np.asarray(~hidden[at[:, 0], at[:, 1]])


def _changes(survey: Survey, config: Config, seen: Bools) -> bool:
    """Whether anything that is fitted can differ where it is learned from the rows seen alone."""
    if survey.gridded is None and interpolator_class(config).learns:
        return True
    columns = parts_of(survey, config)
    if config.composition.censored == "lognormal" and survey.censored[:, columns].any():
        return True
    if survey.zeros is None:
        return False
    columns = [k for k in columns if survey.zeros[:, k].any()]
    limits = limits_of_zeros(survey, columns, seen)
    return bool((survey.zeros[:, columns] & (survey.values[:, columns] != limits)).any())
