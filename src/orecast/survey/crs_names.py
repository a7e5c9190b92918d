"""Recognise a CRS by the words in headers and cells, such as ``MGA94_50`` or ``UTM 35N``."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache, reduce

from pyproj import CRS
from pyproj.exceptions import CRSError

# Projected systems without zones: the words that name them.
_SYSTEMS = {
    3067: r"tm ?35 ?fin|euref ?fin",
    3006: r"sweref ?99(?: ?tm)?",
    3021: r"rt ?90",
    27700: r"bng|osgb(?: ?(?:19)?36)?|british national grid",
    2157: r"irenet ?95|irish transverse mercator",
    2193: r"nztm(?: ?2000)?",
    2154: r"rgf ?93|lambert ?93|l93",
    2056: r"lv ?95",
    21781: r"lv ?03",
    28992: r"amersfoort|rd ?new",
    3857: r"web ?mercator",
}


@dataclass(frozen=True)
class _Datum:
    """The words that name a datum, its geographic CRS, and the name of its zones."""

    words: str
    geographic: int
    zones: str
    side: str = ""  # N or S where all zones lie there


_DATUMS = {
    "GDA2020": _Datum(r"(?:gda|mga) ?(?:20)?20", 7844, "GDA2020 / MGA zone {z}", "S"),
    "GDA94": _Datum(r"(?:gda|mga) ?(?:19)?94", 4283, "GDA94 / MGA zone {z}", "S"),
    "AGD84": _Datum(r"a[gm][dg] ?(?:19)?84", 4203, "AGD84 / AMG zone {z}", "S"),
    "AGD66": _Datum(r"a[gm][dg] ?(?:19)?66", 4202, "AGD66 / AMG zone {z}", "S"),
    "WGS 72": _Datum(r"wgs ?(?:19)?72", 4322, "WGS 72 / UTM zone {z}{h}"),
    "WGS 84": _Datum(r"wgs ?(?:19)?84|wgs|世界大地", 4326, "WGS 84 / UTM zone {z}{h}"),
    "ETRS89": _Datum(r"etrs ?(?:19)?(?:89)?|euref ?89", 4258, "ETRS89 / UTM zone {z}N", "N"),
    "NAD83(CSRS)": _Datum(
        r"nad ?(?:19)?83 ?\(? ?csrs ?\)?", 4617, "NAD83(CSRS) / UTM zone {z}N", "N"
    ),
    "NAD83": _Datum(r"nad ?(?:19)?83", 4269, "NAD83 / UTM zone {z}N", "N"),
    "NAD27": _Datum(r"nad ?(?:19)?27", 4267, "NAD27 / UTM zone {z}N", "N"),
    "SIRGAS 2000": _Datum(r"sirgas ?(?:2000)?", 4674, "SIRGAS 2000 / UTM zone {z}{h}"),
    "PSAD56": _Datum(r"psad ?(?:19)?56", 4248, "PSAD56 / UTM zone {z}{h}"),
    "SAD69": _Datum(r"sad ?(?:19)?69", 4618, "SAD69 / UTM zone {z}{h}"),
    "ED50": _Datum(r"ed ?(?:19)?50", 4230, "ED50 / UTM zone {z}N", "N"),
    "Arc 1960": _Datum(r"arc ?(?:19)?60", 4210, "Arc 1960 / UTM zone {z}{h}"),
    "Pulkovo 1942": _Datum(
        r"pulkovo ?(?:19)?42|[sс][kк] ?42", 4284, "Pulkovo 1942 / Gauss-Kruger zone {z}", "N"
    ),
    "Pulkovo 1995": _Datum(
        r"pulkovo ?(?:19)?95|[sс][kк] ?95", 4200, "Pulkovo 1995 / Gauss-Kruger zone {z}", "N"
    ),
    "CGCS2000": _Datum(r"cgcs ?(?:2000)?", 4490, "CGCS2000 / {t}Gauss-Kruger zone {z}", "N"),
    "Xian 1980": _Datum(
        r"xian ?(?:19)?80|西安 ?(?:19)?80", 4610, "Xian 1980 / {t}Gauss-Kruger zone {z}", "N"
    ),
    "Beijing 1954": _Datum(
        r"beijing ?(?:19)?54|北京 ?(?:19)?54", 4214, "Beijing 1954 / {t}Gauss-Kruger zone {z}", "N"
    ),
    "DHDN": _Datum(r"dhdn", 4314, "DHDN / 3-degree Gauss-Kruger zone {z}", "N"),
}
_BORDER, _END = r"(?<![a-zа-я0-9])", r"(?![a-zа-я])"
_CODE = re.compile(r"(?:epsg|srid)[ :]*(\d{4,6})")
_BARE_CODE = re.compile(  # numbers that are known as codes; others may be years
    r"(?<!\d)(4326|4258|4283|4269|4267|4674|7844|32[67][0-6]\d|283[45]\d|78[45]\d|258[23]\d|"
    r"26[79][0-2]\d|3067|3006|2154|27700|2193|3146[6-9]|2056)(?!\d)"
)
_ZONED = re.compile(r"utm|mga|amg|gauss|krug|gk|zon|huso|fuso|fuseau|带|зона")
_ZONE = re.compile(r"(?<![\d.])0?(\d{1,2})(?:\.0+)?(?:(?<=\d) ?([a-z])(?![a-z]))?(?![\d.])")
_HEMISPHERE = re.compile(r"(?<![a-z])(n|s|north|south|norte|nord|sur|sud|sul)(?:ern)?(?![a-z])")


@dataclass(frozen=True)
class CrsWords:
    """What texts name of a CRS: its code, or a datum, a zone and the hemisphere."""

    code: int | None = None
    datum: str | None = None
    zone: int | None = None
    south: bool | None = None
    band: str = ""  # letter after the zone

    def __or__(self, other: CrsWords) -> CrsWords:
        """These words, completed by others."""
        return CrsWords(
            self.code or other.code,
            self.datum or other.datum,
            self.zone or other.zone,
            other.south if self.south is None else self.south,
            self.band or other.band,
        )

    def __bool__(self) -> bool:
        return self != CrsWords()


def crs_words(*texts: str, cell: bool = False) -> CrsWords:
    """The words of a CRS in texts; in a ``cell`` of zones, any number is a zone.

    >>> crs_words("MGA94_50_E")
    CrsWords(code=None, datum='GDA94', zone=50, south=True, band='')
    >>> crs_words("50J", cell=True)
    CrsWords(code=None, datum=None, zone=50, south=True, band='j')
    >>> crs_words("Long (X) 4326").code, crs_words("X_2019").code
    (4326, None)
    """
    return reduce(CrsWords.__or__, (_words(text, cell) for text in texts), CrsWords())


def crs_words_of_pair(x: str, y: str) -> CrsWords:
    """The words of a CRS in the two headers of a position.

    The letter after the zone is a hemisphere only if both have it: in ``UTM50N`` beside ``UTM50E``
    it is the direction.

    >>> crs_words_of_pair("UTM50E", "UTM50N").south is None
    True
    """
    first, second = crs_words(x), crs_words(y)
    if first.band == second.band:
        return first | second
    return replace(
        first | second, south=None if (first | second).datum is None else first.south, band=""
    )


@cache
def _words(text: str, cell: bool) -> CrsWords:
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = " ".join(re.sub(r"[_\-/,;()\[\]]+", " ", plain).split())
    code = _CODE.search(plain) or _BARE_CODE.search(plain)
    if code and crs_with_code(int(code[1])) is not None:
        return CrsWords(code=int(code[1]))
    for number, words in _SYSTEMS.items():
        if re.search(rf"{_BORDER}(?:{words})(?!\d){_END}", plain):
            return CrsWords(code=number)
    found = CrsWords()
    rest = plain
    for name, datum in _DATUMS.items():
        # the zone may follow the datum's words directly, as in MGA9450
        match = re.search(rf"{_BORDER}(?:{datum.words})(?=\d\d(?!\d)|(?!\d)){_END}", plain)
        if match:
            side = {"N": False, "S": True}.get(datum.side)
            found = CrsWords(datum=name, south=side)
            rest = f"{plain[: match.start()]} {plain[match.end() :]}"
            zoned = datum.side == "S" or "mga" in match[0]
            break
    else:
        zoned = False
        if re.search(rf"{_BORDER}(?:mga|gda)", plain):
            found = CrsWords(south=True, datum="GDA")
    zones = [
        m for m in _ZONE.finditer(re.sub(r"[a-zа-я]+(?=\d)", " ", rest)) if 1 <= int(m[1]) <= 60
    ]
    if zones and (cell or zoned or found.datum or _ZONED.search(plain)):
        letter = zones[0][2] or ""
        if not cell and letter in ("e", "w"):  # in a header E is the easting
            letter = ""
        found = replace(found, zone=int(zones[0][1]))
        if found.south is None and letter and letter not in "abioyz":
            found = replace(found, south=letter < "n" or letter == "s", band=letter)
        elif found.south is None and cell and (word := _HEMISPHERE.search(rest)):
            found = replace(found, south=word[1][0] == "s")
    return found


@cache
def crs_with_code(code: int) -> CRS | None:
    """The CRS of an EPSG code, or None."""
    try:
        return CRS.from_epsg(code)
    except CRSError:
        return None


def crs_of_words(words: CrsWords, *, degrees: bool) -> CRS | None:
    """The CRS that words name, or None where they name none or several.

    Positions in ``degrees`` need a datum, metres a datum, a zone and a hemisphere. WGS 84 is the
    datum of UTM zones without one, and GDA94 that of MGA zones.

    >>> crs_of_words(crs_words("MGA2020_50"), degrees=False).to_epsg()
    7850
    >>> crs_of_words(crs_words("UTM 35N"), degrees=False).to_epsg()
    32635
    >>> crs_of_words(crs_words("LONG_NAD27"), degrees=True).to_epsg()
    4267
    >>> crs_of_words(crs_words("UTM 50"), degrees=False) is None
    True
    """
    if words.code is not None:
        crs = crs_with_code(words.code)
        return crs if crs is not None and crs.is_geographic == degrees else None
    datum = _DATUMS.get({None: "WGS 84", "GDA": "GDA94"}.get(words.datum, words.datum or ""))
    assert datum is not None
    if degrees:
        return crs_with_code(datum.geographic) if words.datum else None
    if words.zone is None or ("{h}" in datum.zones and words.south is None):
        return None
    return _named(
        datum.zones.format(
            z=words.zone,
            h="S" if words.south else "N",
            t="" if words.zone < 24 else "3-degree ",
        )
    )


@cache
def _named(name: str) -> CRS | None:
    try:
        return CRS.from_user_input(name)
    except CRSError:
        return None


def words_of_crs(crs: CRS) -> CrsWords | None:
    """The words of a CRS with a known datum that is geographic or one zone; None for any other.

    >>> words_of_crs(CRS.from_epsg(28350))
    CrsWords(code=None, datum='GDA94', zone=50, south=True, band='')
    """
    code = crs.to_epsg()
    known = crs_with_code(code) if code else None
    name = (known or crs).name
    for datum, described in _DATUMS.items():
        if code == described.geographic:
            return CrsWords(datum=datum)
        pattern = re.escape(described.zones)
        for field, part in (("z", r"(?P<z>\d+)"), ("h", "(?P<h>[NS])"), ("t", "(?:3-degree )?")):
            pattern = pattern.replace(re.escape(f"{{{field}}}"), part)
        if found := re.fullmatch(pattern, name):
            side = found.groupdict().get("h") or described.side
            return CrsWords(datum=datum, zone=int(found["z"]), south=side == "S")
    return None
