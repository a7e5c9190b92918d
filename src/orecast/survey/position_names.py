"""Recognise columns of positions by their headers, in several languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from orecast.survey.elements import parse_header

Kind = Literal["metres", "degrees"]

# The words of a direction; accents are removed. x and y may also be north and east, so that words
# come before letters.
_WORDS: dict[tuple[str, str], str] = {
    ("lon", "x"): "lon long lng longi longitude longitud longitudine longitudes lange laenge "
    "langengrad laengengrad 经度 經度 东经 долгота boylam pituus pituusaste lengde lengdegrad "
    "longitud lengte dlugosc",
    (
        "lon",
        "y",
    ): "lat latitude latitud latitudine latitudes breite breitengrad 纬度 緯度 北纬 "
    "широта enlem leveys leveysaste bredde breddegrad breedte szerokosc",
    ("east", "x"): "east easting eastings este leste est ost ostwert osten rechtswert rechts "
    "东 東 东向 横 восток восточная ita itakoordinaatti dogu saga oster ostlig oost oosten estes "
    "wschod estant",
    ("east", "y"): "north northing northings norte nord nordwert norden hochwert hoch 北 北向 纵 "
    "север северная pohjoinen pohjois pohjoiskoordinaatti kuzey yukari norr nordlig noord nortes "
    "polnoc",
    ("e", "x"): "e",
    ("e", "y"): "n",
    ("x", "x"): "x xx х 横x",
    ("x", "y"): "y yy у 纵y",
}
_AXES = {
    word: (family, direction)
    for (family, direction), words in _WORDS.items()
    for word in words.split()
}
# Words that are written together with a direction, and further words that say nothing of it.
_WITH_DIRECTION = """
utm coord coords coordinate coordinates coo koordinate koordinaten koordinaatti koordinat koordinata
koord coordenada coordenadas coordonnee coordonnees coordinata координата координаты 坐标 座標 值
point mga amg wgs nad gda etrs dd deg decimal gps
"""
_OTHER_WORDS = """
m mt mts metre metres meter meters metro metros metri metr м 米 ft feet foot us usft km degree
degrees degre degres grad grados graus gradi градусы dms dec d decimals decimales geo geogr
geografische geographic geographische geograficas geografica projected proj crs datum epsg zone zona
zon z huso fuso grid map pt pos position loc location site sample samp smp collar hole wert deger
degeri osgb bng csrs nztm tm fin sweref sirgas psad sad ed agd dhdn gk gauss kruger krueger pulkovo
ck ск cgcs xian beijing euref the of in
"""
_GLUED = tuple(_WITH_DIRECTION.split())
_SIDES = {"s": "S", "south": "S", "sur": "S", "sud": "S", "sul": "S", "w": "W", "west": "W"}
_SIDES |= {"oeste": "W", "ouest": "W", "ovest": "W"}
_LOCAL = frozenset(["local", "mine", "lokal", "locale", "minegrid", "localgrid"])
_UNITS = {"ft": "feet", "feet": "feet", "foot": "feet", "usft": "feet", "km": "kilometres"}
_FRAME = frozenset((*_GLUED, *_OTHER_WORDS.split()))
_JOINED = re.compile(
    rf"(?P<before>(?:{'|'.join(_GLUED)})*)"
    rf"(?P<axis>{'|'.join(sorted(map(re.escape, _AXES), key=len, reverse=True))})"
    rf"(?P<after>(?:{'|'.join(_GLUED)})*)"
)
_RANK = {"x": 0, "east": 1, "e": 1, "lon": 2}


@dataclass(frozen=True)
class Pair:
    """Two columns that form a position; both are the same column if it holds points in WKT."""

    kind: Kind
    x: str
    y: str

    @property
    def columns(self) -> str:
        """The columns, in words."""
        if self.x == self.y:
            return f"column {self.x!r}"
        return f"columns {self.x!r} and {self.y!r}"


@dataclass(frozen=True)
class _Axis:
    """A column of one direction: family and direction of its words, and its other words."""

    column: str
    family: str
    direction: str
    others: frozenset[str]
    unknown: tuple[str, ...]  # words that are not known as words of positions
    unit: str
    side: str
    local: bool


def position_pairs(columns: Iterable[str], *, local: bool = False) -> list[Pair]:
    """Columns that look like positions, in pairs; x, y before east, north before lon, lat.

    Of several columns, those with the same other words form a pair, so that a lone ``Y`` is
    yttrium. With ``local``, the columns that name a local grid, such as ``Mine_East``, instead.

    >>> position_pairs(["X", "Y", "lat", "lon", "NUMBER"])
    [Pair(kind='metres', x='X', y='Y'), Pair(kind='degrees', x='lon', y='lat')]
    >>> position_pairs(["Y", "UTM_X", "UTM_Y"])
    [Pair(kind='metres', x='UTM_X', y='UTM_Y')]
    >>> position_pairs(["Rechtswert", "Hochwert", "MGA50_East", "MGA50_North"])[1].x
    'MGA50_East'
    """
    axes = [a for c in columns if (a := _axis(c)) is not None and a.local == local]
    found: list[tuple[tuple[int, int, int], Pair]] = []
    used: set[str] = set()
    for known in (True, False):
        xs = [a for a in axes if a.direction == "x" and (not a.unknown) == known]
        ys = [a for a in axes if a.direction == "y" and (not a.unknown) == known]
        options = [
            (len(x.others ^ y.others), i, j, x, y)
            for i, x in enumerate(xs)
            for j, y in enumerate(ys)
            if x.family == y.family and x.unknown == y.unknown
            if x.family != "e" or x.others == y.others  # E and N alone are short for much else
        ]
        for _, i, _, x, y in sorted(options, key=lambda o: o[:3]):
            if {x.column, y.column} & used:
                continue
            used |= {x.column, y.column}
            kind: Kind = "degrees" if x.family == "lon" else "metres"
            rank = (int(not known), _RANK[x.family], i)
            found.append((rank, Pair(kind, x.column, y.column)))
    return [pair for _, pair in sorted(found, key=lambda item: item[0])]


def letters_only(pair: Pair) -> bool:
    """Whether headers have the letters x and y, which are north and east in some countries."""
    axes = [_axis(pair.x), _axis(pair.y)]
    return all(a is not None and a.family == "x" for a in axes)


def look_swapped(x: str, y: str) -> bool:
    """Whether the header of x names latitudes or northings, and that of y the other.

    >>> look_swapped("lat", "lon"), look_swapped("Y", "X")
    (True, False)
    """
    pairs = position_pairs([x, y])
    return bool(pairs) and pairs[0].x == y != x and not letters_only(pairs[0])


def unit_of(pair: Pair) -> str:
    """The unit that the headers of a pair name, other than metres and degrees; else nothing."""
    axes = [_axis(pair.x), _axis(pair.y)]
    return next((a.unit for a in axes if a is not None and a.unit), "")


def side_of(column: str) -> str:
    """``S`` or ``W`` where a header says that its degrees count to the south or west.

    >>> side_of("Longitude W"), side_of("Latitude")
    ('W', '')
    """
    axis = _axis(column)
    if axis is None or axis.family != "lon":
        return ""
    return axis.side if (axis.side == "S") == (axis.direction == "y") else ""


def _axis(column: str) -> _Axis | None:
    words = _split(column)
    axes: list[tuple[str, str]] = []
    others: list[str] = []
    unknown: list[str] = []
    side = ""
    for k, word in enumerate(words):
        if word in _AXES:
            axes.append(_AXES[word])
            others += [word] if word in _SIDES else []
        elif word in _SIDES:
            side = _SIDES[word]
        elif word[0].isdigit() or word in _FRAME or word in _LOCAL or (len(word) == 1 and k):
            others.append(word)
        elif (joined := _JOINED.fullmatch(word)) and (joined["before"] or joined["after"]):
            axes.append(_AXES[joined["axis"]])
            others += [joined["before"] + joined["after"]]
        else:
            unknown.append(word)
    if not axes and words and words[-1][-1] in "enxy" and words[-1][0].isdigit():
        axes.append(_AXES[words[-1][-1]])  # MGA50E
        others[-1] = words[-1][:-1]
    if not axes:
        return None
    rank = {"lon": 0, "east": 1, "e": 2, "x": 3}
    family, direction = min(axes, key=lambda axis: rank[axis[0]])
    if unknown and (parse_header(column) is not None or family == "e" or len(unknown) > 1):
        return None
    if any(a[0] == family and a[1] != direction for a in axes):
        return None
    return _Axis(
        column,
        family,
        direction,
        frozenset(others),
        tuple(unknown),
        next((_UNITS[w] for w in words if w in _UNITS), ""),
        side,
        any(w in _LOCAL for w in words),
    )


def _split(name: str) -> list[str]:
    """Words and numbers of a header in lower case without accents; ``UTMEast`` has two words."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    text = text.lower().replace("с.ш", " широта ").replace("в.д", " долгота ")
    text = text.replace("ı", "i").replace("ß", "ss").replace("ø", "o").replace("ł", "l")
    folded = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in folded if not unicodedata.combining(c))
    return re.findall(r"\d+[a-z](?![a-z])|[a-z]+|\d+|[^\W\d_a-z]+", text)


_ZONE_COLUMN = re.compile(
    r"(?:utm|mga|amg|grid|gauss ?kruger|gk|map)? ?(?:zone|zona|zon|huso|fuso|fuseau|dilim|kaista|"
    r"зона|带号|带)(?: ?(?:utm|mga|amg|nr|no|number|num|nummer|numero))?|utm ?zn|mga ?zn"
)
_DATUM_COLUMN = re.compile(
    r"(?:geodetic|horizontal|coord(?:inate)?|map|utm|nat|grid|gps|sample)? ?(?:datum|crs|srs|epsg|"
    r"coord(?:inate)? ?sys(?:tem)?|coordsys|projection|grid ?id|grid ?name|grid|spatial ?reference|"
    r"srid|система координат|坐标系|坐标系统|koordinatensystem|sistema de coordenadas)(?: ?code)?"
)


def describes_zone(column: str) -> bool:
    """Whether a header names a column of zones, such as ``UTM_Zone`` or ``Huso``."""
    return _ZONE_COLUMN.fullmatch(_spaced(column)) is not None


def describes_datum(column: str) -> bool:
    """Whether a header names a column of datums or CRS, such as ``Datum`` or ``NAT_Grid_ID``."""
    return _DATUM_COLUMN.fullmatch(_spaced(column)) is not None


def _spaced(column: str) -> str:
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower()
    return " ".join(re.sub(r"[\W_]+", " ", text).split())
