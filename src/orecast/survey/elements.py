"""Recognise element and unit in a laboratory's column header.

A header is split into words. Exactly one word must be an element or oxide, one may be a unit, and
the others must be words that laboratories add (method codes, "total"). Anything else, such as
``PH``, ``NUMBER`` or ``Pb_U_age``, is not recognised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

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
    r"(?<![a-z0-9])(?:wt[ ._]?)?%|%$|(?<![0-9])10-[269](?![0-9])"
    r"|(?<![a-z])(?:[mµun]g(?:[ ]?[/_][ ]?kg|[ ·.]?kg-1)|[µun]g[/_]g|mg/t|g[/_]t)(?![a-z])"
)
_SYMBOLS = {s.lower(): s for s in (*ELEMENTS, *OXIDES)}
_SYMBOLS |= {"tfe2o3": "Fe2O3", "fe2o3t": "Fe2O3", "fe2o3tot": "Fe2O3", "feot": "FeO", "tfe": "Fe"}
_GLUED_UNIT = re.compile(r"([a-z][a-z0-9]*?)(ppm|ppb|ppt|pct)")
_METHOD = re.compile(
    r"(?:icp|icpms|icpaes|icpoes|icpes|ms|aes|oes|es|inaa|naa|xrf|edxrf|pxrf|wdxrf|aas|gfaas|fa|"
    r"faas|cvaas|afs|hgafs|hydride|ise|col|leco|grav|aqr|ar|4a|hf|fus|mems|me|mmi|bleg|aa|wr|gf|"
    r"cv|total|tot|t|conc)[0-9]{0,3}[a-z]?"
)
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
    words = re.sub(r"[ ·.()\[\]]", "", _plain(text)).replace("kg-1", "/kg")
    return _UNITS.get(words.replace("_", "/"))


def symbol_named(text: str) -> str | None:
    """The element or oxide of a symbol in upper or lower case, or None.

    >>> symbol_named("AG"), symbol_named("fe2o3"), symbol_named("PH")
    ('Ag', 'Fe2O3', None)
    """
    return _SYMBOLS.get(text.strip().lower())


def parse_header(header: str) -> Header | None:
    """Recognise a header such as ``Au_ppb``, ``Cu (ppm)`` or ``As_ICPMS_mg/kg``.

    Returns None unless the header certainly names one element and nothing else.

    >>> parse_header("As_ICPMS_mg/kg")
    Header(symbol='As', unit='ppm')
    >>> parse_header("Fe2O3 %"), parse_header("AG")
    (Header(symbol='Fe2O3', unit='%'), Header(symbol='Ag', unit=None))
    >>> [parse_header(h) for h in ("PH", "NUMBER", "Pb_U_age", "NO", "Cu/Pb")]
    [None, None, None, None, None]
    """
    text = _plain(header)
    units = [unit_named(m.group()) for m in _UNIT_IN_HEADER.finditer(text)]
    text = _UNIT_IN_HEADER.sub(" ", text)
    if "/" in text or "+" in text or "*" in text:  # a ratio, a sum or a product
        return None
    symbols: list[str] = []
    for word in re.split(r"[^a-z0-9]+", text):
        glued = _GLUED_UNIT.fullmatch(word)
        if glued and glued[1] in _SYMBOLS:
            symbols.append(_SYMBOLS[glued[1]])
            units.append(_UNITS[glued[2]])
        elif word in _UNITS:
            units.append(_UNITS[word])
        elif word in _SYMBOLS:
            symbols.append(_SYMBOLS[word])
        elif word and not _METHOD.fullmatch(word):
            return None
    if len(symbols) != 1 or len(set(units)) > 1 or None in units:
        return None
    if symbols[0].lower() in _AMBIGUOUS and not units:
        return None
    return Header(symbols[0], units[0] if units else None)


def unit_in(header: str) -> str | None:
    """The one unit that a header names; its other words are ignored.

    >>> unit_in("Gold (ppb)"), unit_in("arsenic_mg/kg"), unit_in("Gold"), unit_in("ppm or ppb")
    ('ppb', 'ppm', None, None)
    """
    text = _plain(header)
    units = {unit_named(m.group()) for m in _UNIT_IN_HEADER.finditer(text)}
    for word in re.split(r"[^a-z0-9]+", _UNIT_IN_HEADER.sub(" ", text)):
        glued = _GLUED_UNIT.fullmatch(word)
        if glued or word in _UNITS:
            units.add(_UNITS[glued[2] if glued else word])
    return units.pop() if len(units) == 1 else None


def default_unit(symbol: str) -> str:
    """The unit assumed where none is written: % for oxides, ppm for elements."""
    return "%" if symbol in OXIDE_OF else "ppm"


def fitting_unit(symbol: str, median: float) -> str | None:
    """The unit in which a median lies within ten times of the upper crust's abundance.

    None if no unit does, or if the crust's abundance is not known. It is a suggestion: a real
    district may lie outside this range (Rudnick & Gao 2003).

    >>> fitting_unit("Fe", 3.6), fitting_unit("Au", 3.0), fitting_unit("Cu", 43.9)
    ('%', 'ppb', 'ppm')
    """
    if symbol not in CRUST or not median > 0:
        return None
    for unit in ("ppm", "%", "ppb"):
        if 0.1 < median * TO_PPM[unit] / CRUST[symbol] < 10:
            return unit
    return None


def _plain(text: str) -> str:
    """Lower case, with one sign each for micro, minus and brackets."""
    table = str.maketrans({"μ": "µ", "−": "-", "（": "(", "）": ")", "％": "%", "⁻": "-"})
    return " ".join(text.translate(table).lower().split())
