"""The targets of a survey: how they are drawn there, where, and which samples lie behind each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.config import ClassOptions, Config
from orecast.errors import ConfigError
from orecast.evidence import Evidence
from orecast.evidence.building import area_mask
from orecast.evidence.elements import sample_places
from orecast.evidence.spacing import nearest_distances
from orecast.explanation import occlusion
from orecast.mapping import classify
from orecast.metrics.results import TargetRule
from orecast.survey import Survey
from orecast.survey.extrapolation import on_grid
from orecast.targets import KnownDeposits, Measure, Rule, delineate, nearest_metres, new_ground
from orecast.targets.delineation import Reasons
from orecast.validation import Fitted
from orecast.workflow.places import deposit_names

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_SAMPLES_OF_AREA = 4.0  # a target has at most the area of so many samples
_NEAR = 3.0  # spacings within which a target is the extension of a deposit
_THIN = 2.0  # spacings from the nearest sample
FAR_FROM_SAMPLES = "far from samples"
EXTRAPOLATED = "extrapolated beyond the samples"
INAPPLICABLE = "unlike the training places"


@dataclass(frozen=True)
class TargetDrawing:
    """How targets are drawn on a survey: the rule, ``near`` in metres, and the cells.

    ``allowed`` ``(rows, columns)`` are the cells on which targets are drawn; ``cautions`` mark
    those on which a target is ranked last, by the words that say why.
    """

    rule: Rule
    near: float
    allowed: Bools
    cautions: Mapping[str, Bools]

    def described(self, evidence: Evidence) -> TargetRule:
        """The rule as ``metrics.json`` holds it."""
        return TargetRule(
            spacing_m=self.rule.spacing,
            near_m=self.near,
            largest_km2=self.rule.largest * evidence.grid.cell_area / 1e6,
        )

    @classmethod
    def of(cls, survey: Survey, evidence: Evidence, config: Config) -> TargetDrawing:
        """Take the options of ``[targets]``, with the survey's spacing where one is left out.

        Raises ConfigError where the distances contradict each other. A finding says so where masks
        leave no cell.
        """
        options, grid = config.targets, evidence.grid
        spacing, area = sample_spacing(survey, evidence, config)
        near = _NEAR * spacing if options.near is None else 1000 * options.near
        if near < spacing:
            raise ConfigError(
                f"{near / 1000:g} km is less than the spacing of the samples, "
                f"{spacing / 1000:.3g} km, within which a target lies on the deposit itself",
                where="targets.near",
                remedy=f"set it to {spacing / 1000:.3g} or more, or leave it out",
            )
        square_metres = _SAMPLES_OF_AREA * area
        if options.largest is not None:
            square_metres = 1e6 * options.largest
        largest = round(square_metres / grid.cell_area)
        if options.largest is not None and largest < options.smallest:
            raise ConfigError(
                f"{options.largest:g} km² are {largest} cells, fewer than targets.smallest, "
                f"{options.smallest}",
                where="targets.largest",
                remedy=f"set it to {options.smallest * grid.cell_area / 1e6:g} or more",
            )
        rule = Rule(
            spacing=spacing,
            smallest=options.smallest,
            largest=max(options.smallest, largest),
            fall=options.fall,
            prominence=options.prominence,
        )
        allowed = evidence.valid.copy()
        if survey.within is not None:
            allowed &= area_mask(survey.within, grid)
        if survey.not_within is not None:
            allowed &= ~area_mask(survey.not_within, grid)
        cautions: dict[str, Bools] = {}
        if survey.extrapolated is not None and survey.gridded is not None:
            beyond = on_grid(survey.extrapolated, survey.gridded, grid)
            if options.extrapolated:
                cautions[EXTRAPOLATED] = beyond
            else:
                allowed &= ~beyond
        if survey.gridded is None:
            cautions[FAR_FROM_SAMPLES] = _far_from(sample_places(survey), evidence, _THIN * spacing)
        if not allowed.any():
            survey.findings.warning(
                "no-ground-for-targets",
                "targets",
                "no targets: targets.within and targets.not_within leave no cell of the map",
                "correct the polygons, or remove one of the two",
            )
        return cls(rule, near, allowed, cautions)

    def targets(
        self,
        score: NDArray[np.floating],
        evidence: Evidence,
        survey: Survey,
        options: ClassOptions,
        *,
        thresholds: Sequence[float] | None = None,
        applicable: Bools | None = None,
        most: int = 50,
        uncertainty: NDArray[np.floating] | None = None,
        reasons: Reasons | None = None,
        extra: Mapping[str, Measure] | None = None,
    ) -> gpd.GeoDataFrame:
        """Draw the targets of a map ``(rows, columns)``.

        Their classes are those of the map's new ground by ``options``, or have ``thresholds``.
        """
        grid = evidence.grid
        names = [] if survey.deposits is None else deposit_names(survey.deposits)
        deposits = KnownDeposits.of(survey.deposits, grid, names)
        allowed = np.where(self.allowed, score, np.nan)
        new = new_ground(grid, np.isfinite(allowed), deposits, self.near)
        if thresholds is None:
            thresholds = (np.inf, np.inf, -np.inf)
            if new.any():
                thresholds = classify(np.where(new, score, np.nan), options).thresholds
        if not new.any() and self.allowed.any():
            survey.findings.warning(
                "no-new-ground",
                "targets.near",
                f"no new ground is left: every cell lies within {self.near / 1000:.3g} km of a "
                "deposit, so all targets are extensions or known",
                "set a shorter targets.near",
            )
        cautions = dict(self.cautions)
        if applicable is not None:
            cautions[INAPPLICABLE] = np.isfinite(allowed) & ~applicable
        return delineate(
            allowed,
            grid,
            self.rule,
            thresholds=thresholds,
            deposits=deposits,
            near=self.near,
            most=most,
            cautions=cautions,
            uncertainty=uncertainty,
            reasons=reasons,
            extra=extra,
        )


def sample_spacing(survey: Survey, evidence: Evidence, config: Config) -> tuple[float, float]:
    """Median distance between nearest samples in metres, and the area of a sample in m².

    Of a gridded survey, whose samples are not known, the spacing is the search radius of the
    rasters, or two cells.
    """
    grid = evidence.grid
    cell = max(grid.cell_size)
    if survey.gridded is not None:
        chosen = config.gridded.reach if config.gridded is not None else None
        spacing = max(chosen or 2 * cell, cell)
        return spacing, spacing**2
    xy = sample_places(survey)
    at = grid.cell(xy)
    at = np.unique(at[grid.inside(at)], axis=0)
    n = max(1, int(evidence.valid[tuple(at.T)].sum()))
    spacing = max(float(np.median(nearest_distances(xy))), cell)
    return spacing, float(evidence.valid.sum()) * grid.cell_area / n


def _far_from(xy: Floats, evidence: Evidence, metres: float) -> Bools:
    """Valid cells farther than ``metres`` from every sample, ``(rows, columns)``."""
    at = np.argwhere(evidence.valid)
    far = np.zeros(evidence.grid.shape, dtype=np.bool_)
    far[tuple(at.T)] = nearest_metres(evidence.grid.xy(at), xy) > metres
    return far


def explain(fitted: Fitted, evidence: Evidence, areas: list[Ints], seed: int) -> list[str]:
    """The layers that raise each area's score most: their contribution, and high or low.

    A contribution is how much the score falls if the layer is replaced by its mean. A layer is
    high where its mean in the area is above the median of the map; a rock unit is present where it
    covers half of the area.
    """
    drops = occlusion(fitted, areas, seed=seed)
    texts = []
    medians = {
        name: float(np.nanmedian(evidence.layer(name)))
        for name in drops.layers
        if name in evidence.names
    }
    for k, cells in enumerate(areas):
        parts = []
        for name in drops.top(k, 3):
            side = ""
            if name in medians:
                mean = float(np.nanmean(evidence.layer(name)[tuple(cells.T)]))
                if evidence.kind(name) == "lithology":  # a code of rock units is neither
                    side = "" if "=" not in name else " present" if mean >= 0.5 else " absent"
                else:
                    side = " high" if mean > medians[name] else " low"
            drop = drops.values[k, drops.layers.index(name)]
            parts.append(f"{name}{side} (+{drop:.2f})")
        texts.append(", ".join(parts))
    return texts


_ID = re.compile(
    r"(?:sample|sampl|lab|station|site).*|.*(?:_?id|number|_no|name|nummer|编号)", re.I
)
_FEWEST_BACKGROUND = 20
_MOST_SAMPLES = 5


def samples_behind(
    targets: gpd.GeoDataFrame, survey: Survey, config: Config, spacing: float
) -> pd.DataFrame:
    """The samples nearest to each target's peak, with the elements among its reasons.

    A row for each sample and element: ground and rank of the target, the sample's id and position,
    its distance from the peak in km, value and unit, whether it is below detection, and its
    percentile among the samples of the same rock unit (of all samples, where the unit has fewer
    than 20 or there is no geology). Empty for a gridded survey.
    """
    import pandas as pd
    from scipy.spatial import cKDTree

    columns = [
        *("ground", "rank", "sample", "x", "y", "distance_km"),
        *("element", "value", "unit", "below_detection", "percentile", "background"),
    ]
    if survey.samples is None or not len(targets):
        return pd.DataFrame(columns=columns)
    xy = sample_places(survey)
    ids = _ids(survey.samples)
    units = _rock_units(survey, config)
    tree = cKDTree(xy)
    rows: list[dict[str, Any]] = []
    for target in targets.itertuples():
        metres, near = tree.query([target.x, target.y], k=range(1, min(_MOST_SAMPLES, len(xy)) + 1))
        named = re.findall(r"([A-Z][A-Za-z0-9]*)(?: high| low)", str(target.reasons))
        elements = [k for k, e in enumerate(survey.elements) if e.symbol in named]
        farthest = max(_THIN * spacing, metres.min())  # the nearest sample is always there
        for distance, sample in zip(metres, near, strict=True):
            if distance > farthest:
                continue
            for k in elements:
                percentile, background = _percentile(survey.values[:, k], units, int(sample))
                rows.append(
                    {
                        "ground": target.ground,
                        "rank": target.rank,
                        "sample": ids[int(sample)],
                        "x": round(float(xy[sample, 0]), 1),
                        "y": round(float(xy[sample, 1]), 1),
                        "distance_km": round(float(distance) / 1000, 3),
                        "element": survey.elements[k].symbol,
                        "value": float(survey.values[sample, k]),
                        "unit": survey.elements[k].unit,
                        "below_detection": bool(survey.censored[sample, k]),
                        "percentile": percentile,
                        "background": background,
                    }
                )
    return pd.DataFrame(rows, columns=columns)


def _percentile(values: Floats, units: NDArray[np.str_], sample: int) -> tuple[float, str]:
    """Percentile of a sample's value among those of its background, and the background's name."""
    name = str(units[sample])
    own = units == name
    known = np.isfinite(values)
    if not name or (own & known).sum() < _FEWEST_BACKGROUND:
        own, name = known, "all samples"
    there = values[own & known]
    if not np.isfinite(values[sample]) or not len(there):
        return np.nan, name
    below = (there < values[sample]).mean() + 0.5 * (there == values[sample]).mean()
    return round(100 * float(below), 1), name


def _ids(samples: gpd.GeoDataFrame) -> list[str]:
    """The ids of the samples: a column named so in which each stands once, or the row's number."""
    for column in samples.columns:
        if column != samples.geometry.name and _ID.fullmatch(str(column)):
            texts = samples[column].astype(str)
            if texts.is_unique and samples[column].notna().all():
                return list(texts)
    return [str(index) for index in samples.index]


def _rock_units(survey: Survey, config: Config) -> NDArray[np.str_]:
    """The rock unit at each sample ``(n,)``; "" where there is none."""
    assert survey.samples is not None
    n = len(survey.samples)
    if survey.geology is None or config.geology is None:
        return np.full(n, "")
    import geopandas as gpd

    points = gpd.GeoDataFrame(geometry=survey.samples.geometry.reset_index(drop=True))
    column = config.geology.column
    polygons = survey.geology[[column, survey.geology.geometry.name]]
    joined = gpd.sjoin(points, polygons, how="left")
    units = joined[~joined.index.duplicated()][column].reindex(range(n))
    texts: NDArray[np.str_] = np.where(units.notna(), units.astype("str"), "").astype(np.str_)
    return texts
