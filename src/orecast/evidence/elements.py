"""Concentrations to layers: log-ratios on the samples first, interpolation second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast import registry
from orecast.arrays import Bools, Floats
from orecast.composition import impute, log_ratios
from orecast.config import Config, EvidenceOptions
from orecast.errors import InputError
from orecast.evidence.nouns import Evidence
from orecast.evidence.spacing import propose_radius
from orecast.grid import Grid
from orecast.survey.concentrations import lowest_seen

if TYPE_CHECKING:
    from orecast.evidence.interpolate.base import Interpolator
    from orecast.survey.nouns import Findings, Survey


_BLOCK = 1 << 18  # cells interpolated at a time


def with_elements(evidence: Evidence, survey: Survey, config: Config) -> Evidence:
    """Add a layer for each log-ratio of the survey's elements that is asked for.

    The order matters: log-ratios of interpolated concentrations are other numbers, for the mean
    of logarithms is not the logarithm of the mean.
    """
    names, values = survey_ratios(survey, config)
    asked = config.evidence.layers
    kept = [k for k, name in enumerate(names) if asked is None or name in asked]
    if not kept:
        return evidence
    names, values = tuple(names[k] for k in kept), values[:, kept]
    _refuse_empty(names, values)
    layers, reach, how = laid_out(values, evidence.grid, survey, config)
    unit = {"none": "mg/kg", "log": "ln(mg/kg)"}.get(config.composition.transform, "log-ratio")
    for name, layer in zip(names, layers, strict=True):
        evidence = evidence.adding(
            name, layer, kind="element", origin=f"{name}: {how}", reach=reach, unit=unit
        )
    return evidence


def laid_out(
    values: Floats, grid: Grid, survey: Survey, config: Config, fitted_on: Bools | None = None
) -> tuple[NDArray[np.float32], float, str]:
    """Lay log-ratios ``(n, n_layers)`` out on the grid: layers, their reach, how they came about.

    The layers are ``(n_layers, rows, columns)``. An interpolator learns from the samples
    ``fitted_on`` ``(n,)`` alone.
    """
    transform = _in_words(config)
    if survey.gridded is not None:
        layers = values.T.reshape(-1, *survey.gridded.shape).astype(np.float32)
        reach = _gridded_reach(config, survey.gridded, survey.findings)
        return layers, reach, f"{transform}, cell by cell"
    interpolator = _fitted(survey, config, values, fitted_on)
    layers = interpolate_onto(grid, interpolator, values.shape[1])
    how = f"{transform} of the samples, then {interpolator.describe()}"
    return layers, interpolator.reach, how


def survey_ratios(
    survey: Survey, config: Config, fitted_on: Bools | None = None
) -> tuple[tuple[str, ...], Floats]:
    """Names and values of the configured log-ratios, one row a sample or cell.

    Censored values are imputed first; a part that a sample lacks stays lacking. Only the parts of
    the composition are looked at, so that an element left out of it cannot refuse the survey.
    With ``fitted_on`` ``(n,)`` the limits of zeros, and the log-normals of censored values, are
    learned from those rows alone.
    """
    options = config.composition
    columns = parts_of(survey, config)
    if not columns:
        raise InputError(
            "no element was recognised", where="samples", remedy="set samples.elements"
        )
    values = survey.values[:, columns]
    if fitted_on is not None and survey.zeros is not None:
        limits = limits_of_zeros(survey, columns, fitted_on)
        values = np.where(survey.zeros[:, columns], limits, values)
    to_ppm = np.array([survey.elements[k].to_ppm for k in columns])
    ppm = np.full(survey.values.shape, np.nan)
    ppm[:, columns] = impute(
        values * to_ppm,
        survey.censored[:, columns],
        method=options.censored,
        names=[survey.symbols[k] for k in columns],
        fitted_on=fitted_on,
    )
    _report_lacking(survey, ppm[:, columns])
    return log_ratios(ppm, survey.symbols, options)


def parts_of(survey: Survey, config: Config) -> list[int]:
    """Columns of the survey's elements that are parts of the composition."""
    parts = config.composition.parts
    return [k for k, symbol in enumerate(survey.symbols) if parts is None or symbol in parts]


def limits_of_zeros(survey: Survey, columns: list[int], rows: Bools) -> Floats:
    """Limit that zeros of each column are read as below, learned from ``rows``, ``(n_columns,)``.

    Raises InputError for an element with zeros that has no other value in those rows.
    """
    assert survey.zeros is not None
    zeros = survey.zeros[:, columns]
    limits = lowest_seen(survey.values[:, columns], zeros, rows)
    for k in np.flatnonzero(zeros.any(axis=0) & np.isinf(limits)):
        symbol = survey.symbols[columns[int(k)]]
        raise InputError(
            "no value above zero outside the cells that a fold hides, from which the limit of its "
            "zeros could be learned",
            where=f"element {symbol}",
            remedy=f"leave {symbol} out by composition.parts, or cut more folds, which hide less",
        )
    return limits


def _report_lacking(survey: Survey, ppm: Floats) -> None:
    lacking = np.isnan(ppm)
    some = int((lacking.any(axis=1) & ~lacking.all(axis=1)).sum())
    if some:
        survey.findings.warning(
            "incomplete-compositions",
            "samples" if survey.gridded is None else "gridded",
            f"{some} of {len(ppm)} rows lack some part of the composition; where log-ratios are "
            "centred, theirs are centred on the parts that are there",
            "leave rarely measured elements out by composition.parts",
            rows=some,
        )


def _refuse_empty(names: tuple[str, ...], values: Floats) -> None:
    for name, column in zip(names, values.T, strict=True):
        if np.isnan(column).all():
            raise InputError(
                "has no value at any sample",
                where=f"layer {name}",
                remedy="leave the element, or those that are missing beside it, out by "
                "composition.parts",
            )


def _in_words(config: Config) -> str:
    return {
        "clr": "centred log-ratio",
        "ilr": "isometric log-ratio",
        "alr": "additive log-ratio",
        "log": "logarithm",
        "none": "concentration",
    }[config.composition.transform]


def _gridded_reach(config: Config, grid: Grid, findings: Findings) -> float:
    asked = config.gridded.reach if config.gridded is not None else None
    if asked is not None:
        return asked
    reach = 2 * max(grid.cell_size)
    findings.warning(
        "assumed-reach",
        "gridded.reach",
        f"how far the interpolation behind the rasters reached is unknown; {reach:g} m, two "
        "cells, are assumed, and the folds are buffered by twice that",
        "set gridded.reach to the search radius the rasters were made with",
    )
    return reach


def sample_places(survey: Survey) -> Floats:
    """Positions of the samples, ``(n, 2)``; InputError where the survey has none."""
    if survey.samples is None or not len(survey.samples):
        raise InputError("the survey has no samples", where="samples")
    points = survey.samples.geometry
    return np.column_stack([points.x.to_numpy(), points.y.to_numpy()]).astype(np.float64)


def interpolator_class(config: Config) -> type[Interpolator]:
    """Class of the configured interpolator; ConfigError where none has the name."""
    name = config.evidence.interpolator
    found: type[Interpolator] = registry.load(
        "orecast.evidence.interpolate", name, what="interpolator"
    )
    return found


def _fitted(
    survey: Survey, config: Config, values: Floats, fitted_on: Bools | None = None
) -> Interpolator:
    """Return the configured interpolator, fitted, with the configured or a proposed radius."""
    options: EvidenceOptions = config.evidence
    xy = sample_places(survey)
    factory = interpolator_class(config)
    radius = options.radius
    if radius is None:
        radius = propose_radius(xy, options.neighbours)
        survey.findings.info(
            "radius-proposed",
            "evidence.radius",
            f"a search radius of {radius:g} m, within which 95 % of the samples find a third of "
            f"the {options.neighbours} neighbours; folds are buffered by twice that",
            "set evidence.radius",
            radius=radius,
        )
    return factory.configured(options, radius).fit(xy, values, fitted_on)


def interpolate_onto(grid: Grid, interpolator: Interpolator, n_layers: int) -> NDArray[np.float32]:
    """Values at the cell centres, ``(n_layers, rows, columns)``, a block of rows at a time."""
    rows, columns = grid.shape
    layers = np.empty((n_layers, rows, columns), dtype=np.float32)
    step = max(1, _BLOCK // columns)
    for top in range(0, rows, step):
        y = grid.y[top : top + step]
        xx, yy = np.meshgrid(grid.x, y)
        block = interpolator.predict(np.column_stack([xx.ravel(), yy.ravel()]))
        layers[:, top : top + step] = block.T.reshape(n_layers, len(y), columns)
    return layers
