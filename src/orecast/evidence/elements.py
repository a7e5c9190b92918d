"""Layers from concentrations: first log-ratios of the samples, then interpolation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast import registry
from orecast.arrays import Bools, Floats
from orecast.composition import impute, log_ratios
from orecast.config import Config
from orecast.errors import InputError
from orecast.evidence.layers import Evidence
from orecast.evidence.spacing import propose_radius
from orecast.grid import Grid
from orecast.survey.concentrations import lowest_seen

if TYPE_CHECKING:
    from orecast.evidence.interpolate.base import Interpolator
    from orecast.survey.data import Survey


_BLOCK = 1 << 18  # cells interpolated at a time
_TRANSFORMS = {
    "clr": "centred log-ratio",
    "ilr": "isometric log-ratio",
    "alr": "additive log-ratio",
    "log": "logarithm",
    "none": "concentration",
}


def with_elements(evidence: Evidence, survey: Survey, config: Config) -> Evidence:
    """Add a layer for each configured log-ratio of the survey's elements.

    The order matters: log-ratios of interpolated concentrations differ, because the mean of
    logarithms is not the logarithm of the mean.
    """
    names, values = survey_ratios(survey, config)
    chosen = config.evidence.layers
    kept = [k for k, name in enumerate(names) if chosen is None or name in chosen]
    if not kept:
        return evidence
    names, values = tuple(names[k] for k in kept), values[:, kept]
    for name, column in zip(names, values.T, strict=True):
        if np.isnan(column).all():
            raise InputError(
                "no sample has a value",
                where=f"layer {name}",
                remedy=_without_rarest(survey, config),
            )
    layers, reach, how = interpolated_layers(values, evidence.grid, survey, config)
    unit = {"none": "mg/kg", "log": "ln(mg/kg)"}.get(config.composition.transform, "log-ratio")
    for name, layer in zip(names, layers, strict=True):
        evidence = evidence.adding(
            name, layer, kind="element", origin=f"{name}: {how}", reach=reach, unit=unit
        )
    return evidence


def interpolated_layers(
    values: Floats, grid: Grid, survey: Survey, config: Config, fitted_on: Bools | None = None
) -> tuple[NDArray[np.float32], float, str]:
    """Interpolate log-ratios ``(n, n_layers)``: layers, their reach, and the method as text.

    The layers are ``(n_layers, rows, columns)``. The interpolator is fitted on the samples
    ``fitted_on`` ``(n,)``.
    """
    transform = _TRANSFORMS[config.composition.transform]
    if survey.gridded is not None:
        layers = values.T.reshape(-1, *survey.gridded.shape).astype(np.float32)
        chosen = config.gridded.reach if config.gridded is not None else None
        reach = chosen or 2 * max(survey.gridded.cell_size)
        if chosen is None:
            survey.findings.warning(
                "assumed-reach",
                "gridded.reach",
                "the search radius with which the rasters were interpolated is not given; "
                f"{reach:g} m (two cells) is assumed; between training and test areas, folds leave "
                "out twice that",
                "set gridded.reach to the search radius of the rasters",
            )
        return layers, reach, f"{transform}, cell by cell"
    options, xy = config.evidence, sample_places(survey)
    radius = options.radius
    if radius is None:
        radius = propose_radius(xy, options.neighbours)
        survey.findings.info(
            "radius-proposed",
            "evidence.radius",
            f"proposed a search radius of {radius:g} m: within it, 95 % of the samples have a "
            f"third of the {options.neighbours} neighbours; between training and test areas, folds "
            "leave out twice that",
            "to change it, set evidence.radius",
            radius=radius,
        )
    factory = interpolator_class(config)
    interpolator = factory.configured(options, radius).fit(xy, values, fitted_on)
    layers = interpolate_onto(grid, interpolator, values.shape[1])
    how = f"{transform} of the samples, then {interpolator.describe()}"
    return layers, interpolator.reach, how


def survey_ratios(
    survey: Survey, config: Config, fitted_on: Bools | None = None
) -> tuple[tuple[str, ...], Floats]:
    """Names and values of the configured log-ratios, one row per sample or cell.

    Censored values are imputed first; missing parts stay missing. Only the parts of the
    composition are used: another element cannot cause an error. With ``fitted_on`` ``(n,)`` the
    limits of zeros and the log-normals of censored values are learned from those rows only.
    """
    options = config.composition
    columns = parts_of(survey, config)
    if not columns:
        raise InputError(
            "the composition has no element",
            where="composition.parts",
            remedy="list its elements, or delete the key to use all",
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
    missing = np.isnan(ppm[:, columns])
    some = int((missing.any(axis=1) & ~missing.all(axis=1)).sum())
    if some:
        survey.findings.warning(
            "incomplete-compositions",
            "samples" if survey.gridded is None else "gridded",
            f"{some} of {len(ppm)} rows have missing parts of the composition; their centred "
            "log-ratios use the parts that are present",
            _without_rarest(survey, config),
            rows=some,
        )
    return log_ratios(ppm, survey.symbols, options)


def parts_of(survey: Survey, config: Config) -> list[int]:
    """Columns of the survey's elements that belong to the composition."""
    parts = config.composition.parts
    return [k for k, symbol in enumerate(survey.symbols) if parts is None or symbol in parts]


def _without_rarest(survey: Survey, config: Config) -> str:
    """The line that leaves the element with most missing values out of the composition."""
    columns = parts_of(survey, config)
    missing = np.isnan(survey.values[:, columns]).sum(axis=0)
    most = int(missing.argmax())
    kept = json.dumps([survey.symbols[k] for k in columns if k != columns[most]])
    return (
        f"set composition.parts = {kept} (without {survey.symbols[columns[most]]}, which is "
        f"missing in {missing[most]} of {len(survey.values)} rows)"
    )


def limits_of_zeros(survey: Survey, columns: list[int], rows: Bools) -> Floats:
    """Limit below which zeros of each column are read, learned from ``rows``, ``(n_columns,)``.

    Raises InputError for an element with zeros that has no other value in these rows.
    """
    assert survey.zeros is not None
    zeros = survey.zeros[:, columns]
    limits = lowest_seen(survey.values[:, columns], zeros, rows)
    for k in np.flatnonzero(zeros.any(axis=0) & np.isinf(limits)):
        symbol = survey.symbols[columns[int(k)]]
        raise InputError(
            "its zeros are read as below the lowest other value, but a fold hides all samples with "
            "another value",
            where=f"element {symbol}",
            remedy=f"set composition.parts without {symbol}, or set more validation.folds",
        )
    return limits


def sample_places(survey: Survey) -> Floats:
    """Positions of the samples, ``(n, 2)``; InputError if there are none."""
    if survey.samples is None or not len(survey.samples):
        raise InputError(
            "the survey has no samples", where="samples", remedy="add a section [samples]"
        )
    points = survey.samples.geometry
    return np.column_stack([points.x.to_numpy(), points.y.to_numpy()]).astype(np.float64)


def interpolator_class(config: Config) -> type[Interpolator]:
    """Class of the configured interpolator; ConfigError for an unknown name."""
    name = config.evidence.interpolator
    found: type[Interpolator] = registry.load(
        "orecast.evidence.interpolate", name, what="interpolator"
    )
    return found


def interpolate_onto(grid: Grid, interpolator: Interpolator, n_layers: int) -> NDArray[np.float32]:
    """Values at the cell centres, ``(n_layers, rows, columns)``, computed in blocks of rows."""
    rows, columns = grid.shape
    layers = np.empty((n_layers, rows, columns), dtype=np.float32)
    step = max(1, _BLOCK // columns)
    for top in range(0, rows, step):
        y = grid.y[top : top + step]
        xx, yy = np.meshgrid(grid.x, y)
        block = interpolator.predict(np.column_stack([xx.ravel(), yy.ravel()]))
        layers[:, top : top + step] = block.T.reshape(n_layers, len(y), columns)
    return layers
