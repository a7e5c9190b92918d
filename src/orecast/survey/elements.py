"""Recognise element and unit in a laboratory's column header.

A header is split into words. One word must be the symbol or the name of an element or oxide, one
may be a unit, and the others must be words that laboratories add (method codes, "total"). Anything
else, such as ``PH``, ``NUMBER`` or ``Pb_U_age``, is not recognised.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from orecast.survey.element_names import NAMES, without_accents

# Elements that laboratories report. Left out: O and H (not in tables of concentrations), noble
# gases, and elements without a stable or long-lived isotope (No, At, Es, ... are words).
_ELEMENTS = """
Li Be B C N F Na Mg Al Si P S Cl K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo
Ru Rh Pd Ag Cd In Sn Sb Te I Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au
Hg Tl Pb Bi Th U
"""
_OXIDES = """
SiO2 TiO2 Al2O3 Fe2O3 FeO MnO MgO CaO Na2O K2O P2O5 Cr2O3 BaO SrO SO3 V2O5 NiO ZrO2 CO2 Li2O Rb2O
Nb2O5 Ta2O5 WO3 SnO2 CuO ZnO PbO
"""
ELEMENTS = tuple(_ELEMENTS.split())
OXIDES = tuple(_OXIDES.split())
OXIDE_OF = MappingProxyType({oxide: re.split(r"\d*O", oxide)[0] for oxide in OXIDES})

# Parts per million by mass of one unit.
TO_PPM = MappingProxyType({"ppt": 1e-6, "ppb": 1e-3, "ppm": 1.0, "%": 1e4})

# Median upper continental crust, ppm; oxides in ppm of the oxide. Rudnick & Gao (2003), Treatise
# on Geochemistry 3, 1-64, table 3. FeO total 5.04 %, written also as Fe2O3.
CRUST = MappingProxyType(
    {
        "Li": 24, "Be": 2.1, "B": 17, "N": 83, "F": 557, "S": 621, "Cl": 370, "Sc": 14, "V": 97,
        "Cr": 92, "Co": 17.3, "Ni": 47, "Cu": 28, "Zn": 67, "Ga": 17.5, "Ge": 1.4, "As": 4.8,
        "Se": 0.09, "Br": 1.6, "Rb": 84, "Sr": 320, "Y": 21, "Zr": 193, "Nb": 12, "Mo": 1.1,
        "Ru": 0.00034, "Pd": 0.00052, "Ag": 0.053, "Cd": 0.09, "In": 0.056, "Sn": 2.1, "Sb": 0.4,
        "I": 1.4, "Cs": 4.9, "Ba": 628, "La": 31, "Ce": 63, "Pr": 7.1, "Nd": 27, "Sm": 4.7,
        "Eu": 1.0, "Gd": 4.0, "Tb": 0.7, "Dy": 3.9, "Ho": 0.83, "Er": 2.3, "Tm": 0.3, "Yb": 2.0,
        "Lu": 0.31, "Hf": 5.3, "Ta": 0.9, "W": 1.9, "Re": 0.0002, "Os": 0.000031, "Ir": 0.000022,
        "Pt": 0.0005, "Au": 0.0015, "Hg": 0.05, "Tl": 0.9, "Pb": 17, "Bi": 0.16, "Th": 10.5,
        "U": 2.7, "Na": 24_260, "Mg": 14_960, "Al": 81_500, "Si": 311_400, "P": 655, "K": 23_240,
        "Ca": 25_660, "Ti": 3836, "Mn": 774, "Fe": 39_200, "SiO2": 666_000, "TiO2": 6400,
        "Al2O3": 154_000, "Fe2O3": 56_000, "FeO": 50_400, "MnO": 1000, "MgO": 24_800,
        "CaO": 35_900, "Na2O": 32_700, "K2O": 28_000, "P2O5": 1500,
    }
)  # fmt: skip

_UNITS = {
    "%": "%", "pct": "%", "perc": "%", "percent": "%", "wt%": "%", "wtpct": "%", "wt": "%",
    "ppm": "ppm", "g/t": "ppm", "gpt": "ppm", "mg/kg": "ppm", "mgkg": "ppm", "ug/g": "ppm",
    "µg/g": "ppm", "ppb": "ppb", "ug/kg": "ppb", "µg/kg": "ppb", "ugkg": "ppb", "ng/g": "ppb",
    "mg/t": "ppb", "ppt": "ppt", "ng/kg": "ppt", "10-6": "ppm", "10-9": "ppb", "10-2": "%",
}  # fmt: skip
_UNIT_IN_HEADER = re.compile(
    r"(?<![a-z0-9])(?:wt[ ._]?)?%|%$|(?:[x×*/] ?)?(?<![0-9])10\^?-[269](?![0-9])"
    r"|(?<![a-z])(?:[mµun]g(?:[ ]?[/_][ ]?kg|[ ·.]?kg-1)|[µun]g[/_]g|mg/t|g[/_]t)(?![a-z])"
)
_SYMBOLS = {s.lower(): s for s in (*ELEMENTS, *OXIDES)}
_SYMBOLS |= {
    "tfe2o3": "Fe2O3", "fe2o3t": "Fe2O3", "fe2o3tot": "Fe2O3", "feot": "FeO", "tfe": "Fe",
}  # fmt: skip
_GLUED_UNIT = re.compile(r"([a-z][a-z0-9]*?)_?(ppm|ppb|ppt|pct|perc)")
_METHOD = re.compile(
    r"(?:icp|icpms|icpaes|icpoes|icpes|icm|ms|aes|oes|es|inaa|naa|xrf|edxrf|pxrf|wdxrf|aas|gfaas|"
    r"fa|faas|cvaas|afs|hgafs|hydride|ise|col|leco|grav|aqr|aquaregia|aqua|regia|ar|4a|fouracid|"
    r"hf|fus|fusion|mems|me|mmi|bleg|aa|wr|gf|cv|ir|pgm|og|total|tot|t|conc|fire|assay|acid)"
    r"[0-9]{0,3}[a-z]?"
)
# A code of a laboratory: letters and digits mixed, such as MS41L, 4AB1, 511P, AQ250.
_CODE = re.compile(r"[a-z]{1,6}[0-9]{1,4}[a-z]{0,3}[0-9]{0,2}|[0-9]{1,4}[a-z]{1,5}[0-9]{0,3}")
_NEUTRAL_WORDS = """
value values result results content contents concentration concentrations grade element best final
preferred gehalt contenido teor teneur contenuto содержание 含量 元素 品位 值
"""
_NEUTRAL = frozenset(_NEUTRAL_WORDS.split())
# A column with one of these words holds something else than the concentration.
_OTHER_QUANTITIES = """
q qual qualifier qualifiers flag flags dl mdl ldl lld lod loq pql limit detection det err error
errors sd std stdev sigma se unc uncertainty rsd method meth unit units code lab date id no num rank
class cat clr alr ilr plr log ln lg log10 log2 score zscore z norm normalized normalised anomaly
anom resid residual ratio pc pca factor min max count n age rem remark comment median mean p10 p50
p75 p90 p95 p97 p98 p99 q1 q2 q3 index cumulative zone area rep repeat dup duplicate
"""
_NO_CONCENTRATION = frozenset(_OTHER_QUANTITIES.split())
_PLAIN_SIGNS = str.maketrans({"μ": "µ", "−": "-", "–": "-"})
_ISOTOPES = frozenset(
    f"{symbol}{mass}" if first else f"{mass}{symbol}"
    for symbol, masses in {
        "pb": (204, 206, 207, 208), "u": (234, 235, 238), "th": (230, 232), "sr": (86, 87, 88),
        "rb": (87,), "sm": (147,), "nd": (143, 144), "re": (187,), "os": (186, 187, 188),
        "lu": (176,), "hf": (176, 177), "k": (39, 40), "c": (12, 13, 14), "n": (14, 15),
        "s": (32, 33, 34), "b": (10, 11), "li": (6, 7), "cu": (63, 65), "fe": (54, 56, 57),
    }.items()
    for mass in masses
    for first in (True, False)
)  # fmt: skip
_METHODS_LIKE_ELEMENTS = frozenset({"hf", "ge"})  # hydrofluoric acid; SGS's scheme GE_ICM40B
_ORES = frozenset(["au", "ag", "cu", "pb", "zn", "ni", "sn", "mo", "li", "co", "pt", "pd", "sb"])
_SHORT = 10  # characters of a field name in a shapefile
_CUT_UNITS = {"p": None, "pp": None, "m": None, "pc": "%", "pe": "%", "per": "%"}
_SHARED = 3  # elements named by the headers that share a prefix or suffix, at least
_MOST_SHARED = 3  # words of a prefix or suffix
_SEPARATORS = re.compile(r"[\s_.\-]+")
_MASS_FRACTION = re.compile(r"[wωρc] ?\( ?([^()]+?) ?\) ?(.*)")  # such as w(Au)/10-9
# A single letter without a unit may also be a count or a place.
_AMBIGUOUS = frozenset({"n", "i"})


@dataclass(frozen=True)
class Header:
    """The element or oxide of a header, and its unit where one is written."""

    symbol: str
    unit: str | None


def unit_named(text: str) -> str | None:
    """The unit that a text names: ``ppt``, ``ppb``, ``ppm``, ``%``; None for any other text.

    >>> unit_named("g/t"), unit_named("µg/kg"), unit_named("wt %"), unit_named("oz")
    ('ppm', 'ppb', '%', None)
    """
    words = re.sub(r"[ ·.()\[\]^]", "", _plain(text)).replace("kg-1", "/kg").lstrip("x×*/")
    return _UNITS.get(words.replace("_", "/"))


def symbol_named(text: str) -> str | None:
    """The element or oxide of a symbol in upper or lower case, or None.

    >>> symbol_named("AG"), symbol_named("fe2o3"), symbol_named("PH")
    ('Ag', 'Fe2O3', None)
    """
    return _SYMBOLS.get(text.strip().lower())


def parse_header(header: str) -> Header | None:
    """Recognise a header such as ``Au_ppb``, ``Cu (ppm)``, ``As_ICPMS_mg/kg`` or ``Kupfer``.

    Returns None unless the header certainly names one element and nothing else. A number or a
    single letter is a method only in a header with a unit. A field name that a shapefile cut to
    ten characters may end within its unit.

    >>> parse_header("As_ICPMS_mg/kg")
    Header(symbol='As', unit='ppm')
    >>> parse_header("Fe2O3 %"), parse_header("AG")
    (Header(symbol='Fe2O3', unit='%'), Header(symbol='Ag', unit=None))
    >>> parse_header("Zn ppm 4AB1"), parse_header("Fe2O3_wt_p")
    (Header(symbol='Zn', unit='ppm'), Header(symbol='Fe2O3', unit='%'))
    >>> [parse_header(h) for h in ("PH", "NUMBER", "Pb_U_age", "NO", "Cu/Pb")]
    [None, None, None, None, None]
    """
    text = _plain(header)
    fraction = _MASS_FRACTION.fullmatch(text)
    if fraction and _symbol(fraction[1]):
        text = f"{fraction[1]} {fraction[2]}"
    text = re.sub(r"/ ?(?=(?:ppm|ppb|ppt|pct|wt)(?![a-z])|%)", " ", text)
    units = [unit_named(m.group()) for m in _UNIT_IN_HEADER.finditer(text)]
    text = _UNIT_IN_HEADER.sub(" ", text)
    if "/" in text or "+" in text or "*" in text:  # a ratio, a sum or a product
        return None
    symbols: list[str] = []
    others: list[str] = []
    words = _words(text)
    for k, word in enumerate(words):
        glued = _GLUED_UNIT.fullmatch(word)
        last = k == len(words) - 1 and len(header) == _SHORT
        if glued and (symbol := _symbol(glued[1])):
            symbols.append(symbol)
            units.append(_UNITS[glued[2]])
        elif word in _UNITS:
            units.append(_UNITS[word])
        elif symbols and last and word in _CUT_UNITS:
            units += [_CUT_UNITS[word]] if _CUT_UNITS[word] and not units else []
        elif symbols and word in _METHODS_LIKE_ELEMENTS:
            others.append(word)
        elif symbol := _symbol(word):
            symbols.append(symbol)
        elif word not in _NEUTRAL and not _METHOD.fullmatch(word):
            others.append(word)
    if len(set(symbols)) != 1 or len(set(units)) > 1 or None in units:
        return None
    if symbols[0].lower() in _AMBIGUOUS and not units:
        return None
    if not all(_may_be_method(word, symbols[0], bool(units)) for word in others):
        return None
    return Header(symbols[0], units[0] if units else None)


def parse_headers(headers: Iterable[str]) -> dict[str, Header | None]:
    """Recognise the headers of one table, or the names of a folder's rasters.

    Words at the beginning or the end of at least three headers are no part of them if these name
    at least three elements without the words, such as ``Idw_`` in ``Idw_Ag``, ``Idw_Cu``,
    ``Idw_Zn``. Words that change the meaning, such as ``log`` or ``rank``, are never removed.

    >>> found = parse_headers(["Idw_Ag", "Idw_Cu", "Idw_Zn", "Idw_xx"])
    >>> [header and header.symbol for header in found.values()]
    ['Ag', 'Cu', 'Zn', None]
    """
    found = {header: parse_header(header) for header in headers}
    for header, rest in without_shared(h for h, known in found.items() if known is None).items():
        found[header] = parse_header(rest)
    return found


def without_shared(headers: Iterable[str]) -> dict[str, str]:
    """Headers without the words that they share with others, see ``parse_headers``.

    Headers that share none are left out.

    >>> without_shared(["Cu_krig", "Zn_krig", "As_krig", "xx_krig", "Au_other"])
    {'Cu_krig': 'Cu', 'Zn_krig': 'Zn', 'As_krig': 'As', 'xx_krig': 'xx'}
    """
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, str]] = defaultdict(dict)
    for header in headers:
        parts = [part for part in _SEPARATORS.split(header) if part]
        words = [part.lower() for part in parts]
        for before in range(min(_MOST_SHARED, len(parts) - 1) + 1):
            for behind in range(min(_MOST_SHARED, len(parts) - 1 - before) + 1):
                end = len(parts) - behind
                shared = (tuple(words[:before]), tuple(words[end:]))
                if any(shared) and not _NO_CONCENTRATION.intersection(shared[0] + shared[1]):
                    groups[shared][header] = "_".join(parts[before:end])
    found: dict[str, str] = {}
    for shared, rests in sorted(groups.items(), key=lambda g: len(g[0][0]) + len(g[0][1])):
        named = [h for rest in rests.values() if (h := parse_header(rest)) is not None]
        if any(word in _SYMBOLS or word in _UNITS for side in shared for word in side):
            named = [h for h in named if h.unit is not None]  # else it may be a ratio
        if len({h.symbol for h in named}) >= _SHARED:
            found = rests | found
    return found


def commodities_named(text: str) -> list[str]:
    """The metals that the words of a file name or a commodity name, in order.

    Symbols that are also words, such as ``As`` and ``In``, are left out.

    >>> commodities_named("FinGold"), commodities_named("Au_deposits0"), commodities_named("Cu, Mo")
    (['Au'], ['Au'], ['Cu', 'Mo'])
    >>> commodities_named("known deposits in As-poor rocks")
    []
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[\u3400-\u9fff])", " ", text)
    found = [
        symbol
        for word in _words(_plain(parted))
        if (symbol := NAMES.get(word) or (_SYMBOLS.get(word) if word in _ORES else None))
    ]
    return list(dict.fromkeys(found))


def near_miss(header: str) -> str | None:
    """The element that a header probably names, though not certainly; None if there is none.

    >>> near_miss("Au_oz/t") is None
    True
    >>> near_miss("Cu_bestest"), near_miss("Gold (field)"), near_miss("Cu_rank"), near_miss("Y_new")
    ('Cu', 'Au', None, None)
    """
    words = _words(_UNIT_IN_HEADER.sub(" ", _plain(header)))
    if "oz" in words:
        return None  # ounces a ton are in no unit that is read
    named = {s for w in words if (s := _symbol(w)) and (len(w) > 1 or unit_in(header))}
    if len(named) != 1 or _NO_CONCENTRATION.intersection(words) or _ISOTOPES.intersection(words):
        return None
    return named.pop()


def _words(text: str) -> list[str]:
    """The words of a text in lower case, without accents; Chinese words stand apart."""
    text = re.sub(f"({'|'.join(w for w in _NEUTRAL if not w[0].isascii())})", r" \1 ", text)
    text = re.sub(r"([\u3400-\u9fff]+)", r" \1 ", text)
    return [word for word in re.split(r"[\W_]+", without_accents(text)) if word]


def _symbol(word: str) -> str | None:
    return _SYMBOLS.get(word) or NAMES.get(word)


def _may_be_method(word: str, symbol: str, with_unit: bool) -> bool:
    """Whether a word that is no element, unit or known method may be a laboratory's method."""
    if word in _NO_CONCENTRATION or word in _ISOTOPES:
        return False
    if word in _METHODS_LIKE_ELEMENTS:
        return with_unit
    if word.isdigit():
        return with_unit and len(word) <= 4 and not re.fullmatch("(19|20)[0-9]{2}", word)
    if len(word) == 1:
        return with_unit
    code = _CODE.fullmatch(word)
    letters = re.match("[a-z]*", word).group()  # type: ignore[union-attr]
    if code is None or letters in _NO_CONCENTRATION:
        return False
    return with_unit or (len(symbol) > 1 and len(letters) <= 2)


def unit_in(header: str) -> str | None:
    """The one unit that a header names; its other words are ignored.

    >>> unit_in("Gold (ppb)"), unit_in("arsenic_mg/kg"), unit_in("Gold"), unit_in("ppm or ppb")
    ('ppb', 'ppm', None, None)
    """
    text = _plain(header)
    units = {unit_named(m.group()) for m in _UNIT_IN_HEADER.finditer(text)}
    for word in _words(_UNIT_IN_HEADER.sub(" ", text)):
        glued = _GLUED_UNIT.fullmatch(word)
        if glued or word in _UNITS:
            units.add(_UNITS[glued[2] if glued else word])
    return units.pop() if len(units) == 1 else None


def default_unit(symbol: str) -> str:
    """The unit assumed where none is written: % for oxides, ppm for elements."""
    return "%" if symbol in OXIDE_OF else "ppm"


def fitting_unit(symbol: str, median: float, highest: float | None = None) -> str | None:
    """The unit in which a median lies within ten times of the upper crust's abundance.

    None if no unit does, or if the crust's abundance is not known. A unit in which ``highest``,
    the highest value, is more than 100 % is left out. It is a suggestion: a real district may lie
    outside this range (Rudnick & Gao 2003).

    >>> fitting_unit("Fe", 3.6), fitting_unit("Au", 3.0), fitting_unit("Cu", 43.9)
    ('%', 'ppb', 'ppm')
    >>> fitting_unit("Si", 200.0, 420.0) is None
    True
    """
    if symbol not in CRUST or not median > 0:
        return None
    for unit in ("ppm", "%", "ppb"):
        if is_possible(unit, median if highest is None else highest) and (
            0.1 < median * TO_PPM[unit] / CRUST[symbol] < 10
        ):
            return unit
    return None


def is_possible(unit: str, highest: float) -> bool:
    """Whether a concentration is at most 100 %; NaN is possible.

    >>> is_possible("%", 99.0), is_possible("%", 101.0), is_possible("ppm", 101.0)
    (True, False, True)
    """
    return not highest * TO_PPM[unit] > 1e6


def _plain(text: str) -> str:
    """Lower case, with one sign each for micro, minus and brackets."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_PLAIN_SIGNS)
    return " ".join(text.split())
