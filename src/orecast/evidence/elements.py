"""Concentrations to layers: log-ratios on the samples first, interpolation second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast import registry
from orecast.composition import impute, log_ratios
from orecast.config import Config, EvidenceOptions
from orecast.errors import InputError
from orecast.evidence.nouns import Evidence
from orecast.evidence.spacing import propose_radius
from orecast.grid import Grid

if TYPE_CHECKING:
    from orecast.evidence.interpolate.base import Interpolator
    from orecast.survey.findings import Findings
    from orecast.survey.nouns import Survey

Floats = NDArray[np.float64]

_BLOCK = 1 << 18  # cells interpolated at a time


def with_elements(evidence: Evidence, survey: Survey, config: Config) -> Evidence:
    """Add a layer for each log-ratio of the survey's elements that is asked for.

    The order matters: log-ratios of interpolated concentrations are other numbers, for the mean
    of logarithms is not the logarithm of the mean.
    """
    names, values = survey_ratios(survey, config)
    report_global_fits(survey, config)
    asked = config.evidence.layers
    kept = [k for k, name in enumerate(names) if asked is None or name in asked]
    if not kept:
        return evidence
    names, values = tuple(names[k] for k in kept), values[:, kept]
    _refuse_empty(names, values)
    transform = _in_words(config)
    if survey.gridded is not None:
        layers = values.T.reshape(-1, *survey.gridded.shape).astype(np.float32)
        reach = _gridded_reach(config, survey.gridded, survey.findings)
        how = f"{transform}, cell by cell"
    else:
        interpolator = _fitted(survey, config, values)
        layers = interpolate_onto(evidence.grid, interpolator, len(names))
        reach = interpolator.reach
        how = f"{transform} of the samples, then {interpolator.describe()}"
    unit = {"none": "mg/kg", "log": "ln(mg/kg)"}.get(config.composition.transform, "log-ratio")
    for name, layer in zip(names, layers, strict=True):
        evidence = evidence.adding(
            name, layer, kind="element", origin=f"{name}: {how}", reach=reach, unit=unit
        )
    return evidence


def survey_ratios(survey: Survey, config: Config) -> tuple[tuple[str, ...], Floats]:
    """Names and values of the configured log-ratios, one row a sample or cell.

    Censored values are imputed first; a part that a sample lacks stays lacking. Only the parts of
    the composition are looked at, so that an element left out of it cannot refuse the survey.
    """
    options = config.composition
    parts = survey.symbols if options.parts is None else tuple(options.parts)
    columns = [k for k, symbol in enumerate(survey.symbols) if symbol in parts]
    if not columns:
        raise InputError(
            "no element was recognised", where="samples", remedy="set samples.elements"
        )
    to_ppm = np.array([survey.elements[k].to_ppm for k in columns])
    ppm = np.full(survey.values.shape, np.nan)
    ppm[:, columns] = impute(
        survey.values[:, columns] * to_ppm,
        survey.censored[:, columns],
        method=options.censored,
        names=[survey.symbols[k] for k in columns],
    )
    _report_lacking(survey, ppm[:, columns])
    return log_ratios(ppm, survey.symbols, options)


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


def report_global_fits(survey: Survey, config: Config) -> None:
    """Say what is fitted on all samples at once, and so has seen those that a fold hides."""
    fitted = []
    if config.composition.censored == "lognormal" and survey.censored.any():
        fitted.append("the log-normal means of censored values")
    if config.samples is not None and config.evidence.interpolator == "kriging":
        fitted.append("the variograms of kriging")
    if fitted:
        survey.findings.warning(
            "fitted-on-all",
            "evidence",
            f"{' and '.join(fitted)} are fitted on all samples, held-out ones among them (their "
            "concentrations, never the deposits): scores are not leak-free to the last digit",
            'use evidence.interpolator = "idw" and composition.censored = "multiplicative"',
        )


def sample_places(survey: Survey) -> Floats:
    """Positions of the samples, ``(n, 2)``; InputError where the survey has none."""
    if survey.samples is None or not len(survey.samples):
        raise InputError("the survey has no samples", where="samples")
    points = survey.samples.geometry
    return np.column_stack([points.x.to_numpy(), points.y.to_numpy()]).astype(np.float64)


def _fitted(survey: Survey, config: Config, values: Floats) -> Interpolator:
    """Return the configured interpolator, fitted, with the configured or a proposed radius."""
    options: EvidenceOptions = config.evidence
    xy = sample_places(survey)
    factory = registry.load(
        "orecast.evidence.interpolate", options.interpolator, what="interpolator"
    )
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
    interpolator: Interpolator = factory.configured(options, radius)
    return interpolator.fit(xy, values)


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
