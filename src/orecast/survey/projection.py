"""Choose the CRS of a survey and transform positions into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod, Proj, Transformer
from pyproj.exceptions import CRSError, ProjError

from orecast.arrays import Floats
from orecast.errors import AlignmentError, ConfigError, InputError
from orecast.grid import Bounds, crs_name
from orecast.survey.data import Findings

if TYPE_CHECKING:
    import geopandas as gpd


_NOTABLE_STRETCH = 0.002  # five times the 0.04 % of UTM at its central meridian
_POLAR = 84.0  # UTM is defined up to this latitude, in degrees
_FAR_OUTSIDE = 20.0  # degrees beyond the area of use
_STRAY_TIMES, _STRAY_METRES = 20.0, 100_000.0  # a position beyond both is an error


def parse_crs(text: str, setting: str) -> CRS:
    """The CRS that a configuration names.

    Raises ConfigError with an example.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError:
        raise ConfigError(
            f"{text!r} is not a coordinate reference system (CRS)",
            where=setting,
            remedy='write it as "EPSG:32645"',
        ) from None


def file_crs(own: CRS | None, configured: str | None, where: str, setting: str) -> CRS:
    """The CRS of a file: its own, or the configured one if it has none.

    Raises InputError if both are missing, or if they differ.
    """
    if own is not None and is_unknown(own):
        own = None
    if own is not None and configured is None:
        require_place_on_earth(own, where, setting)
    if configured is not None:
        crs = parse_crs(configured, setting)
        if own is not None and own.is_engineering:
            return crs  # the configuration says where the local grid is
        if own is not None and own != crs and not own.equals(crs, ignore_axis_order=True):
            raise InputError(
                f"the file is in {crs_name(own)}, but the configuration gives {crs_name(crs)}",
                where=where,
                remedy=f"remove {setting}, or correct the file's CRS",
            )
        return own or crs
    if own is None:
        raise InputError(
            "the file has no coordinate reference system (CRS)",
            where=where,
            remedy=f'set {setting}, such as "EPSG:32645"',
        )
    return own


def is_unknown(crs: CRS) -> bool:
    """Whether a file's CRS says that it is not known, as GeoPackage's number -1 does."""
    words = crs.name.lower()
    return crs.is_engineering and ("undefined" in words or "unknown" in words)


def require_place_on_earth(crs: CRS, where: str, setting: str) -> None:
    """Refuse a local grid, such as a mine grid: it has no known place on the Earth.

    Raises AlignmentError with the remedy.
    """
    if crs.is_engineering:
        what, _, remedy = local_grid(crs).partition("; ")
        remedy += f"; or, if the file is not in a local grid, set {setting} to its CRS"
        raise AlignmentError(what, where=where, remedy=remedy)


def local_grid(crs: CRS) -> str:
    """In words: what a local grid is, and what to do with a file in it."""
    return (
        f"its CRS {crs.name!r} is a local grid, such as a mine grid, whose place on the Earth is "
        "not known; transform the file to the CRS of the survey with the grid's own transformation "
        "(in QGIS: Processing > Affine transform, or Layer > Georeferencer), and save it in that "
        "CRS"
    )


def working_crs(
    source: CRS, xy: Floats, configured: str | None, where: str, findings: Findings
) -> CRS:
    """The projected CRS in metres for the run: the configured one, the file's, or a UTM zone.

    For positions ``(n, 2)`` in a geographic CRS it is the UTM zone of their median; a finding
    names it.
    """
    if configured is not None:
        crs = parse_crs(configured, "crs")
        _require_metres(crs, "crs")
        return crs
    require_place_on_earth(source, where, "crs")
    if source.is_projected:
        if unit_of_crs(source) == "metre":
            return source
        what = f"positions in {unit_of_crs(source)} ({crs_name(source)}) are"
        xy = moved(xy, source, CRS.from_epsg(4326), where)
    elif source.is_geographic:
        what = f"longitudes and latitudes ({crs_name(source)}) are"
    else:
        raise InputError(
            f"{crs_name(source)} is neither projected nor geographic",
            where=where,
            remedy="set crs to a projected CRS in metres",
        )
    zone = utm_zone(xy)
    findings.info(
        "projected",
        where,
        f"{what} projected to {crs_name(zone)} ({zone.name}), the UTM zone of their median",
        "set crs to use another projection",
        crs=crs_name(zone),
    )
    return zone


def utm_zone(lonlat: Floats) -> CRS:
    """The UTM zone (WGS 84) of the median of positions ``(n, 2)`` in degrees.

    >>> from orecast.grid import crs_name
    >>> crs_name(utm_zone(np.array([[88.0, 42.0], [89.0, 41.0]])))
    'EPSG:32645'
    """
    lon, lat = np.median(across_antimeridian(lonlat), axis=0)
    number = int((lon + 180) // 6) % 60 + 1
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + number)


def utm_zones(bounds: Bounds) -> list[CRS]:
    """The UTM zones (WGS 84) of bounds in degrees; none for bounds wider than five zones.

    >>> from orecast.grid import crs_name
    >>> [crs_name(zone) for zone in utm_zones(Bounds(83.0, 41.0, 85.0, 42.0))]
    ['EPSG:32644', 'EPSG:32645']
    """
    zones = range(int((bounds.west + 180) // 6), int((bounds.east + 180) // 6) + 1)
    if len(zones) > 5:
        return []
    sides = ([32600] if bounds.north >= 0 else []) + ([32700] if bounds.south < 0 else [])
    return [CRS.from_epsg(side + zone % 60 + 1) for side in sides for zone in zones]


def across_antimeridian(lonlat: Floats) -> Floats:
    """Positions ``(n, 2)`` in degrees, with longitudes that continue beyond 180°.

    They are unchanged unless that makes their range smaller.

    >>> across_antimeridian(np.array([[179.9, 17.0], [-179.9, 17.0]]))[:, 0].round(1).tolist()
    [179.9, 180.1]
    """
    lon = lonlat[:, 0]
    if not len(lon) or not np.isfinite(lon).all() or np.ptp(lon) <= 180:
        return lonlat
    east = lon % 360
    return np.column_stack([east, lonlat[:, 1]]) if np.ptp(east) < np.ptp(lon) else lonlat


def unit_of_crs(crs: CRS) -> str:
    """The unit of a CRS, in words; ``metre`` for metres."""
    unit = crs.axis_info[0].unit_name if crs.axis_info else "no unit"
    return "metre" if unit == "meter" else unit


def check_degrees(lon: Floats, lat: Floats, where: str, set_columns: str, set_crs: str) -> None:
    """Refuse longitudes and latitudes, ``(n,)`` each, that are swapped or are not degrees.

    ``set_columns`` is the remedy for swapped ones, ``set_crs`` for another CRS. Raises InputError.
    """
    if (np.abs(lat) <= _POLAR).all() and (np.abs(lon) <= 180).all():
        return
    what = f"longitudes {lon.min():g} to {lon.max():g} and latitudes {lat.min():g} to {lat.max():g}"
    if (np.abs(lon) <= _POLAR).all() and (np.abs(lat) <= 180).all():
        raise InputError(f"{what} look swapped", where=where, remedy=set_columns)
    raise InputError(
        f"{what} are out of range",
        where=where,
        remedy=f"{set_crs} to the projected CRS of these positions, or correct the positions",
    )


def look_like_degrees(xy: Floats) -> bool:
    """Whether all positions ``(n, 2)`` could be longitudes and latitudes; needs two or more.

    >>> look_like_degrees(np.array([[88.0, 42.0], [89.0, 41.0]]))
    True
    """
    xy = xy[np.isfinite(xy).all(axis=1)]
    return len(xy) > 1 and bool((np.abs(xy) <= (180, 90)).all())


def strays(crs: CRS, xy: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Which positions ``(n, 2)`` lie far from all others, and their distances from the median.

    A stray is farther from the median position than 100 km and than 20 times the 95th percentile
    of the distances. In a geographic CRS, a position outside the range of longitude and latitude
    is infinitely far.
    """
    if crs.is_geographic:
        valid = (np.abs(xy) <= (180, 90)).all(axis=1)
        xy = xy.copy()
        xy[valid] = across_antimeridian(xy[valid])
    middle = np.median(xy, axis=0)
    if crs.is_geographic:
        if not (np.abs(middle) <= (360, 90)).all():
            return np.empty(0, dtype=np.int64), np.empty(0)  # the columns are wrong, not a row
        away = np.full(len(xy), np.inf)
        from_middle = np.broadcast_to(middle, xy[valid].shape)
        away[valid] = Geod(ellps="WGS84").inv(*from_middle.T, *xy[valid].T)[2]
    else:
        away = np.hypot(*(xy - middle).T)
    usual = np.quantile(away, 0.95, method="lower")  # of few, the farthest must not count
    far = np.flatnonzero((away > _STRAY_TIMES * usual) & (away > _STRAY_METRES))
    return far, away[far]


def check_projected(
    crs: CRS,
    xy: Floats,
    where: str,
    degrees_remedy: str = 'set crs = "EPSG:4326"',
    outside_remedy: str = "set crs to a projected CRS of the survey's area, or delete crs",
) -> None:
    """Refuse positions ``(n, 2)`` that cannot be in a projected CRS.

    Raises InputError for degrees under a projected CRS, and for positions far outside its area of
    use, as swapped eastings and northings are. The remedies for the two are ``degrees_remedy`` and
    ``outside_remedy``.
    """
    if look_like_degrees(xy):
        raise InputError(
            f"positions such as {xy[0, 0]:g}, {xy[0, 1]:g} look like degrees, "
            f"not metres in {crs_name(crs)}",
            where=where,
            remedy=degrees_remedy,
        )
    corners = _corners(xy)
    lonlat = transformed(corners, crs, CRS.from_epsg(4326))
    use = crs.area_of_use
    lost = not np.isfinite(lonlat).all()
    if not lost and use is not None:
        beyond_lon = _degrees_outside(lonlat[:, 0], use.west, use.east).max()
        beyond_lat = np.maximum(use.south - lonlat[:, 1], lonlat[:, 1] - use.north).max()
        lost = max(beyond_lon, beyond_lat) > _FAR_OUTSIDE
    if lost:
        raise InputError(
            f"positions x {corners[0, 0]:g} to {corners[1, 0]:g}, y {corners[0, 1]:g} to "
            f"{corners[1, 1]:g} lie far outside the area of use of {crs_name(crs)}",
            where=where,
            remedy=outside_remedy,
        )


def _degrees_outside(lon: Floats, west: float, east: float) -> Floats:
    """How far longitudes lie outside a range, which may cross the antimeridian."""
    width, beyond = (east - west) % 360, (lon - west) % 360
    if east - west >= 360:
        return np.zeros_like(lon)
    return np.where(beyond <= width, 0.0, np.minimum(beyond - width, 360 - beyond))


def _corners(xy: Floats) -> Floats:
    """South-west, north-east and middle of positions, ``(3, 2)``."""
    return np.array([xy.min(axis=0), xy.max(axis=0), np.median(xy, axis=0)])


def report_stretch(crs: CRS, xy: Floats, where: str, findings: Findings) -> None:
    """Warn if distances in a CRS are wrong by more than 0.2 % at positions ``(n, 2)``."""
    lonlat = transformed(_corners(xy), crs, CRS.from_epsg(4326))
    try:
        factors = Proj(crs).get_factors(lonlat[:, 0], lonlat[:, 1])
    except ProjError:
        return  # the projection has no scale factors
    stretch = float(np.max(np.abs(np.sqrt(np.asarray(factors.areal_scale)) - 1)))
    if np.isfinite(stretch) and stretch > _NOTABLE_STRETCH:
        findings.warning(
            "stretched-projection",
            where,
            f"distances in {crs_name(crs)} are wrong by up to {100 * stretch:.1f} % here: the "
            "survey extends beyond the area of the projection",
            "set crs to a projection centred on the survey",
            stretch=stretch,
        )


def moved(xy: Floats, source: CRS, target: CRS, where: str) -> Floats:
    """Positions ``(n, 2)`` in another CRS.

    Raises AlignmentError if they cannot be transformed.
    """
    require_place_on_earth(source, where, "crs")
    there = transformed(xy, source, target)
    if not np.isfinite(there).all():
        raise _no_transformation(source, target, where)
    return there


def transformed(xy: Floats, source: CRS, target: CRS) -> Floats:
    """Positions ``(n, 2)`` in another CRS, infinite where they cannot be transformed.

    The order is east, north or longitude, latitude, whatever the axis order of the CRS.
    """
    if source == target:
        return xy
    try:
        there = Transformer.from_crs(source, target, always_xy=True)
    except ProjError:
        return np.full_like(xy, np.inf)
    return np.column_stack(there.transform(xy[:, 0], xy[:, 1]))


def reprojected(frame: gpd.GeoDataFrame, crs: CRS, where: str) -> gpd.GeoDataFrame:
    """A layer in another CRS.

    Raises AlignmentError if its positions cannot be transformed.
    """
    if frame.crs == crs:
        return frame
    require_place_on_earth(frame.crs, where, "crs")
    try:
        there = frame.to_crs(crs)
    except ProjError:  # no transformation exists, for example from an engineering CRS
        there = None
    if there is None or not np.isfinite(there.total_bounds).all():
        raise _no_transformation(frame.crs, crs, where)
    return there


def _no_transformation(source: CRS, target: CRS, where: str) -> AlignmentError:
    return AlignmentError(
        f"positions cannot be transformed from {crs_name(source)} to {crs_name(target)}",
        where=where,
        remedy="check the file's CRS and the setting crs",
    )


def bounds_in(bounds: Bounds, source: CRS, target: CRS) -> Bounds:
    """Bounds in another CRS, from 21 points on each edge.

    They are infinite if they cannot be transformed.
    """
    if source == target:
        return bounds
    try:
        there = Transformer.from_crs(source, target, always_xy=True)
        return Bounds(*there.transform_bounds(*bounds))
    except ProjError:
        return Bounds(np.inf, np.inf, np.inf, np.inf)


def _require_metres(crs: CRS, where: str) -> None:
    if not crs.is_projected or unit_of_crs(crs) != "metre":
        raise ConfigError(
            f"{crs_name(crs)} is not a projected CRS in metres (its unit: {unit_of_crs(crs)})",
            where=where,
            remedy="set crs to a projected CRS in metres, such as a UTM zone",
        )
