"""Presets of simulated districts, read from TOML files in this folder."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from orecast.errors import ConfigError, require_among
from orecast.grid import Bounds
from orecast.run import why_broken
from orecast.simulation.laboratory import ANALYTES, PPM, ROCKS, Analyte

_STRICT = ConfigDict(extra="forbid")
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]

_STEP = 30_000.0  # a multiple of the usual cell sizes, so that a grid's edges move with a district
_GAP = 15_000.0  # metres between two districts at the least
_ZONE = Bounds(166_000.0, 0.0, 834_000.0, 9_000_000.0)  # of UTM: at the equator, to 81° N


@dataclass(frozen=True, config=_STRICT)
class Extent:
    """Where the district lies and how finely it is simulated."""

    width: Positive
    """West to east, in metres."""
    height: Positive
    """South to north, in metres."""
    cell: Positive
    """Side of a cell of the simulation, in metres."""
    crs: str = "EPSG:32649"
    """Projected CRS, in metres."""
    west: float = 400_000.0
    """Easting of the western edge at seed 0."""
    south: float = 2_400_000.0
    """Northing of the southern edge at seed 0."""

    def bounds(self, seed: int) -> Bounds:
        """Outer edges of a seed's district, which shares no area with another seed's.

        Each seed lies north of the one before; after the northernmost place of a column comes its
        southernmost, and after a whole column the next column to the east. A UTM zone holds 1500
        districts of 30 x 24 km, or 120 of 289 x 117 km; further seeds begin again at seed 0's.
        """
        south, columns = _moved(seed, self.south, self.height, _ZONE.south, _ZONE.north)
        west, _ = _moved(columns, self.west, self.width, _ZONE.west, _ZONE.east)
        return Bounds(west, south, west + self.width, south + self.height)


def _moved(number: int, start: float, side: float, low: float, high: float) -> tuple[float, int]:
    """Start of a side of a length, ``number`` steps after ``start`` between ``low`` and ``high``.

    After the highest place comes the lowest; the second result counts the rounds that were ended.
    """
    step = _STEP * math.ceil((side + _GAP) / _STEP)
    below = max(0, int((start - low) // step))
    count = below + 1 + max(0, int((high - start - side) // step))
    return start + ((number + below) % count - below) * step, number // count


@dataclass(frozen=True, config=_STRICT)
class Unit:
    """A geological unit."""

    name: str
    """As mapped."""
    rock: str
    """Its rock, which decides its background: one of those in ``elements.ROCKS``."""
    share: Share
    """Share of the area."""
    kind: Literal["strata", "intrusion", "cover"] = "strata"
    """Strata follow each other across the strike, intrusions cut them, cover fills the valleys."""
    favourable: bool = False
    """Whether ore prefers its contacts."""


@dataclass(frozen=True, config=_STRICT)
class FaultSet:
    """Faults of one order."""

    count: Count
    """How many."""
    length: Positive
    """Median length in metres; lengths are log-normal."""
    turn: float
    """Degrees between their strike and the district's, to either side."""
    weight: float
    """Rise in log-intensity of deposits on the fault."""
    reach: Positive
    """Distance in metres over which that falls to 1/e."""
    barren: Share = 0.4
    """Share of them that never carried ore fluid; it is not in the survey."""


@dataclass(frozen=True, config=_STRICT)
class System:
    """The mineral system: where deposits form."""

    strike: float
    """Strike of the district's structures, degrees east of north."""
    deposits: Annotated[int, Field(ge=1)]
    """Deposits in all."""
    known: Annotated[int, Field(ge=1)]
    """How many of them have been found."""
    contact: float = 1.0
    """Rise in log-intensity on the contact of a favourable unit."""
    contact_reach: Positive = 800.0
    """Distance in metres over which that falls to 1/e."""
    intersection: float = 1.2
    """Rise in log-intensity where two fertile faults cross."""
    intersection_reach: Positive = 1200.0
    """Distance in metres over which that falls to 1/e."""
    hidden: float = 0.6
    """Weight of a random field that is not in any layer (heat, fluid, time)."""
    elsewhere: Share = 0.15
    """Share of the intensity that is spread evenly: deposits without a rule."""
    separation: Annotated[float, Field(ge=0)] = 600.0
    """No two deposits lie closer, in metres."""
    twins: Count = 0
    """Known deposits, of the number above, that lie in the cell next to another known one."""
    commodity: str = "Au"
    """What is mined."""


@dataclass(frozen=True, config=_STRICT)
class Discovery:
    """Which deposits have been found: log-odds, 0 for no bias."""

    exposure: float = 3.0
    """From wholly covered to wholly exposed."""
    access: float = 3.0
    """From the most remote to the nearest place."""
    size: float = 0.5
    """For each standard deviation of log-size."""


@dataclass(frozen=True, config=_STRICT)
class Haloes:
    """Haloes around deposits; the three zones of Grigorian's rows, from the ore outwards."""

    strength: Annotated[float, Field(ge=0)]
    """How many standard deviations of the background's logarithm a proximal element rises at the
    median deposit; 0 switches haloes off."""
    variation: Annotated[float, Field(ge=0)] = 0.4
    """Standard deviation of the strength's natural logarithm among deposits."""
    length: Positive = 1200.0
    """Standard deviation along the nearest fault's strike, distal zone, in metres."""
    width: Positive = 450.0
    """The same across the strike."""
    proximal: tuple[str, ...] = ()
    """Elements of the ore itself: 0.6 of length and width."""
    distal: tuple[str, ...] = ()
    """Elements around it: the whole length and width."""
    front: tuple[str, ...] = ()
    """Elements ahead of it: 1.6 of length and width."""
    masking: Share = 0.5
    """Share of a halo that the thickest cover hides."""


@dataclass(frozen=True, config=_STRICT)
class Background:
    """What varies without ore."""

    length: Positive = 4000.0
    """Correlation length of the random fields, in metres."""
    coherence: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of an element's own field that its associations take over: so much more it correlates
    with others."""
    lithology: Annotated[float, Field(ge=0)] = 1.0
    """How much rocks differ, against random fields of variance one."""
    barren_anomalies: Count = 0
    """Anomalies without ore: the suite of a halo, or a part of it, on barren ground."""
    barren_strength: Annotated[float, Field(ge=0)] = 1.9
    """Their median strength, as that of the haloes."""


@dataclass(frozen=True, config=_STRICT)
class Terrain:
    """Relief, and how far streams carry what they erode."""

    relief: Positive = 900.0
    """Height between the lowest and the highest point, in metres."""
    transport: Positive = 1500.0
    """Distance downstream over which a contribution falls to 1/e, in metres."""


@dataclass(frozen=True, config=_STRICT)
class SurveyDesign:
    """The survey."""

    samples: Annotated[int, Field(ge=10)]
    """Rows of the table, field duplicates among them."""
    duplicates: Count = 0
    """Field duplicates: a second sample from the same place."""
    scatter: Annotated[float, Field(ge=0)] = 0.12
    """Standard deviation of ln(concentration) between samples of one place."""


@dataclass(frozen=True, config=_STRICT)
class Preset:
    """All parameters of a simulated district, except its seed."""

    name: str
    """Name of the preset."""
    about: str
    """One sentence: what it represents and the source of its statistics."""
    extent: Extent
    """Place and resolution."""
    system: System
    """Where ore forms."""
    haloes: Haloes
    """Haloes around deposits."""
    sampling: SurveyDesign
    """What was collected."""
    units: tuple[Unit, ...]
    """Geology; the shares sum to one."""
    major: FaultSet
    """Faults of order 1."""
    secondary: FaultSet
    """Faults of order 2, which leave a major one."""
    minor: FaultSet
    """Faults of order 3."""
    elements: dict[str, Analyte]
    """What was analysed, in column order; a preset says how each differs from ``ANALYTES``."""
    discovery: Discovery = Discovery()
    """What has been found."""
    background: Background = Background()
    """What varies without ore."""
    terrain: Terrain = Terrain()
    """Relief and streams."""

    def __post_init__(self) -> None:
        where = f"preset {self.name}"
        if abs(sum(u.share for u in self.units) - 1) > 1e-6:
            raise ConfigError("the units' shares do not sum to one", where=where)
        if not any(u.kind == "strata" for u in self.units):
            raise ConfigError("there is no unit of kind strata", where=where)
        for unit in self.units:
            require_among(
                unit.rock, ROCKS, f"unknown rock {unit.rock!r}", f"{where}, unit {unit.name}"
            )
        for symbol, analyte in self.elements.items():
            require_among(
                analyte.unit, PPM, f"unknown unit {analyte.unit!r}", f"{where}, element {symbol}"
            )
        for symbol in (*self.haloes.proximal, *self.haloes.distal, *self.haloes.front):
            if symbol not in self.elements:
                raise ConfigError(
                    f"the haloes contain {symbol}, which is not analysed",
                    where=where,
                    remedy=f"add {symbol} to [elements], or remove it from the haloes",
                )
        if self.system.known > self.system.deposits:
            raise ConfigError("more deposits are known than there are", where=where)
        if 2 * self.system.twins > self.system.known:
            raise ConfigError("there are more twins than other known deposits", where=where)
        if 2 * self.sampling.duplicates > self.sampling.samples:
            raise ConfigError("there are more field duplicates than other samples", where=where)
        if sum(a.median * a.to_ppm for a in self.elements.values()) >= 1e6:
            raise ConfigError("the elements' medians sum to more than 100 %", where=where)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The elements, in column order."""
        return tuple(self.elements)


def presets() -> tuple[str, ...]:
    """Names of the presets that ship with the package.

    >>> "demo" in presets() and "null" in presets()
    True
    """
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.toml")))


@cache
def load_preset(name: str) -> Preset:
    """Read a shipped preset. Raises ConfigError with the nearest names for an unknown name."""
    require_among(name, presets(), f"unknown preset {name!r}")
    text = (Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8")
    return parse_preset(tomllib.loads(text), name)


def parse_preset(table: Mapping[str, Any], name: str) -> Preset:
    """Validate a preset's table. Raises ConfigError with the key."""
    given = dict(table.get("elements", {}))
    for symbol in given:
        require_among(symbol, ANALYTES, f"unknown element {symbol!r}", f"preset {name}")
    merged = {symbol: asdict(ANALYTES[symbol]) | own for symbol, own in given.items()}
    try:
        return TypeAdapter(Preset).validate_python({**table, "name": name, "elements": merged})
    except ValidationError as error:
        raise ConfigError(why_broken(error), where=f"preset {name}") from None
