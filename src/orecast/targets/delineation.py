"""Targets as polygons around the peaks of the map; numbered tiles of the map."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import AlignmentError, ConfigError
from orecast.grid import Grid
from orecast.mapping.classes import NAMES
from orecast.sampling.places import tile_sampling
from orecast.targets.peaks import Peak, Peaks, Rule

if TYPE_CHECKING:
    import geopandas as gpd


def number_tiles(
    score: NDArray[np.floating],
    classes_values: NDArray[np.uint8],
    grid: Grid,
    down: int,
    across: int,
    deposits: NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """Return ``down * across`` numbered tiles with their scores, best class, and known ore.

    ``score`` and ``classes_values`` (1 A, 2 B, 3 C, 0 none, 255 nodata) are ``(rows, columns)``;
    ``deposits`` are the known deposits' cells ``(n, 2)``. Columns: ``number`` from 1 in the
    north-west, ``known_ore``, ``class`` ("" for none), ``score_max``, ``score_mean`` (NaN for a
    tile without data). Raises ConfigError if the tiles do not fit the grid.
    """
    import geopandas as gpd
    from shapely.geometry import box

    numbers = grid.numbered_tiles(down, across)
    ore = tile_sampling(numbers, deposits).y == 1
    rows = []
    for number in range(1, down * across + 1):
        r, c = np.nonzero(numbers == number)
        values, best = score[r, c], classes_values[r, c]
        known = values[np.isfinite(values)]
        classed = best[(best >= 1) & (best <= len(NAMES))]
        corner = grid.xy([[r.max(), c.min()], [r.min(), c.max()]])
        half = np.array(grid.cell_size) / 2
        rows.append(
            {
                "number": number,
                "known_ore": bool(ore[number - 1]),
                "class": NAMES[int(classed.min()) - 1] if classed.size else "",
                "score_max": float(known.max()) if known.size else math.nan,
                "score_mean": float(known.mean()) if known.size else math.nan,
                "geometry": box(*(corner[0] - half), *(corner[1] + half)),
            }
        )
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=grid.crs)


Measure = Callable[[list[Ints]], Sequence[float]]
"""Takes the cells of all targets, each ``(n_cells, 2)``; returns one number for each target."""
Reasons = Callable[[list[Ints]], list[str]]
"""Takes the cells of all targets; returns what explains each, in words."""
COLUMNS = (
    "rank",
    "class",
    "ground",
    "area_km2",
    "score_max",
    "score_mean",
    "reasons",
    "caution",
    "uncertainty_mean",
    "nearest_deposit_km",
    "nearest_deposit",
    "x",
    "y",
    "lon",
    "lat",
)
GROUNDS = ("new", "extension", "known")
"""No deposit within ``near`` of the peak; one within it; one within a spacing, or in the target."""


@dataclass(frozen=True)
class KnownDeposits:
    """Positions of the known deposits ``(n, 2)`` in the grid's CRS, and their names ``(n,)``."""

    xy: Floats
    names: Sequence[str]

    @classmethod
    def of(cls, deposits: gpd.GeoDataFrame | None, grid: Grid, names: Sequence[str] = ()) -> Self:
        """Bring deposits to the grid's CRS; raises AlignmentError if they have none."""
        if deposits is None or deposits.empty:
            return cls(np.empty((0, 2)), ())
        if deposits.crs is None:
            raise AlignmentError(
                "the table has no CRS", where="deposits", remedy="set deposits.crs"
            )
        xy = deposits.geometry.to_crs(grid.crs).get_coordinates().to_numpy()
        return cls(xy, names or [str(k + 1) for k in range(len(xy))])

    def nearest(self, xy: Floats) -> tuple[Floats, list[str]]:
        """Distance in metres from positions ``(n, 2)`` to the nearest deposit, and its name.

        Without deposits NaN and no name.
        """
        from scipy.spatial import cKDTree

        if not len(self.xy) or not len(xy):
            return np.full(len(xy), np.nan), [""] * len(xy)
        metres, which = cKDTree(self.xy).query(xy)
        return np.asarray(metres), [self.names[int(k)] for k in which]


def new_ground(grid: Grid, known: Bools, deposits: KnownDeposits, near: float) -> Bools:
    """Cells of ``known`` farther than ``near`` metres from every deposit, ``(rows, columns)``."""
    new = known.copy()
    at = np.argwhere(known)
    metres, _ = deposits.nearest(grid.xy(at)) if len(at) else (np.empty(0), [])
    new[tuple(at.T)] = ~(metres <= near)
    return new


def delineate(
    score: NDArray[np.floating],
    grid: Grid,
    rule: Rule,
    *,
    thresholds: Sequence[float],
    deposits: KnownDeposits,
    near: float,
    most: int,
    cautions: Mapping[str, Bools] | None = None,
    uncertainty: NDArray[np.floating] | None = None,
    reasons: Reasons | None = None,
    extra: Mapping[str, Measure] | None = None,
) -> gpd.GeoDataFrame:
    """Targets around the peaks of a map: those on new ground first, best first.

    A target is a peak with its surroundings (see ``Peaks``). On ``known`` ground a deposit lies
    within a spacing of its peak or in it, on ``extension`` another within ``near`` metres; the rest
    is ``new``. Targets of each ground are ranked apart, by score; those with a caution come last.
    At most ``most`` of each ground are kept, whose peaks reach the lowest of ``thresholds``, the
    scores from which a target has the class A, B, C.

    ``score`` and ``uncertainty`` are ``(rows, columns)``, NaN where there is no target.
    ``cautions`` mark cells, by the words to use for a target with its peak there. ``reasons``
    explain the targets. ``extra`` gives further columns of numbers.

    Returns multipolygons in the grid's CRS with ``COLUMNS`` and then those of ``extra``: ``x``,
    ``y`` and ``lon``, ``lat`` (WGS 84) of the peak, ``nearest_deposit_km`` from it. Raises
    AlignmentError if shapes differ, ConfigError if ``extra`` has a column that exists already.
    """
    import pandas as pd

    for name, values in {"score": score, "uncertainty": uncertainty}.items():
        if values is not None and values.shape != grid.shape:
            raise AlignmentError(
                f"has shape {values.shape}, the grid {grid.shape}", where=f"map {name}"
            )
    if double := [name for name in extra or () if name in COLUMNS]:
        raise ConfigError(
            "targets already have this column",
            where=f"column {double[0]!r}",
            remedy="choose another name",
        )
    reached = score >= min(thresholds, default=-np.inf)
    found = _by_ground(Peaks(score, grid, rule), reached, grid, deposits, near)
    marks = {text: mask for text, mask in (cautions or {}).items() if mask.any()}
    kept: list[tuple[str, int, Peak, str]] = []
    for ground in GROUNDS:
        worded = [
            (peak, "; ".join(text for text, mask in marks.items() if mask[peak.at]))
            for peak in found[ground]
        ]
        worded.sort(key=lambda one: (one[1] != "", -one[0].score))
        kept += [(ground, k + 1, *one) for k, one in enumerate(worded[:most])]
    targets = _table(kept, score, grid, thresholds, deposits)
    areas = [peak.cells for _, _, peak, _ in kept]
    if reasons is not None:
        targets["reasons"] = pd.Series(reasons(areas), dtype="str")
    if uncertainty is not None:
        targets["uncertainty_mean"] = np.asarray(over_cells(uncertainty)(areas), dtype=np.float64)
    for name, measure in (extra or {}).items():
        targets[name] = np.asarray(measure(areas), dtype=np.float64)
    return targets[[*targets.columns.drop("geometry"), "geometry"]]


def _by_ground(
    peaks: Peaks, reached: Bools, grid: Grid, deposits: KnownDeposits, near: float
) -> dict[str, list[Peak]]:
    """The targets of each ground, whose peaks lie on cells ``reached`` ``(rows, columns)``."""
    metres, _ = deposits.nearest(peaks.xy)
    high, close, on_deposit = (
        reached[tuple(peaks.at.T)],
        metres <= near,
        metres <= peaks.rule.spacing,
    )
    cells = grid.cell(deposits.xy) if len(deposits.xy) else np.empty((0, 2), dtype=np.int64)
    found: dict[str, list[Peak]] = {"new": peaks.drawn(high & ~close), "extension": [], "known": []}
    for peak in peaks.drawn(high & close & ~on_deposit):
        found["known" if peak.holds(cells).any() else "extension"].append(peak)
    found["known"] += peaks.drawn(high & on_deposit)
    return found


def over_cells(values: NDArray[Any], how: Callable[[NDArray[Any]], Any] = np.mean) -> Measure:
    """Measure targets by a map: ``how`` (the mean) of its known values at a target's cells.

    ``values`` ``(rows, columns)``, NaN where unknown. The mean of a mask is the share of the target
    inside it. NaN for a target without known values.
    """

    def measure(areas: list[Ints]) -> list[float]:
        at = (values[tuple(cells.T)] for cells in areas)
        known = [there[~np.isnan(there)] for there in at]
        return [float(how(there)) if there.size else math.nan for there in known]

    return measure


def _table(
    targets: list[tuple[str, int, Peak, str]],
    score: NDArray[np.floating],
    grid: Grid,
    thresholds: Sequence[float],
    deposits: KnownDeposits,
) -> gpd.GeoDataFrame:
    """Targets, given by ground, rank, peak and caution, with ``COLUMNS``."""
    import geopandas as gpd
    import pandas as pd
    from pyproj import Transformer

    peaks = [peak for _, _, peak, _ in targets]
    xy = grid.xy(np.array([peak.at for peak in peaks]).reshape(-1, 2))
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(*xy.T)
    metres, names = deposits.nearest(xy)
    scores = [score[tuple(peak.cells.T)] for peak in peaks]
    table = pd.DataFrame(
        {
            "rank": [rank for _, rank, _, _ in targets],
            "class": [_class(peak.score, thresholds) for peak in peaks],
            "ground": [ground for ground, _, _, _ in targets],
            "area_km2": [len(peak.cells) * grid.cell_area / 1e6 for peak in peaks],
            "score_max": [peak.score for peak in peaks],
            "score_mean": [float(there.mean()) for there in scores],
            "reasons": [""] * len(targets),
            "caution": [caution for _, _, _, caution in targets],
            "uncertainty_mean": math.nan,
            "nearest_deposit_km": metres / 1000,
            "nearest_deposit": names,
            "x": xy[:, 0],
            "y": xy[:, 1],
            "lon": lon,
            "lat": lat,
        },
        columns=list(COLUMNS),
    )
    text = ("class", "ground", "reasons", "caution", "nearest_deposit")
    types = {name: "str" if name in text else "float64" for name in COLUMNS} | {"rank": "int64"}
    polygons = _polygons([peak.cells for peak in peaks], grid)
    return gpd.GeoDataFrame(table.astype(types), geometry=polygons, crs=grid.crs)


def _class(score: float, thresholds: Sequence[float]) -> str:
    """The best class whose threshold a score reaches; "" for none."""
    return next((n for n, low in zip(NAMES, thresholds, strict=False) if score >= low), "")


def _polygons(areas: list[Ints], grid: Grid) -> list[Any]:
    """Outlines of the areas along the cells' edges, one valid multipolygon each."""
    import shapely
    from rasterio.features import shapes

    labels = np.zeros(grid.shape, dtype=np.int32)
    for number, cells in enumerate(areas, start=1):
        labels[cells[:, 0], cells[:, 1]] = number
    parts: list[list[Any]] = [[] for _ in areas]
    # 4-connected outlines do not cross themselves; cells that touch at a corner become a new part
    for outline, number in shapes(labels, mask=labels > 0, transform=grid.transform):
        parts[int(number) - 1].append(shapely.geometry.shape(outline))
    polygons = []
    for outlines in parts:
        whole = shapely.union_all(shapely.make_valid(np.array(outlines)))
        kept = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
        polygons.append(shapely.geometry.MultiPolygon(kept))
    return polygons
