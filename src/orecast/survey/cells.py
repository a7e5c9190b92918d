"""Read the cells of a column of concentrations: marks, units, remarks, and words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats
from orecast.survey.elements import TO_PPM, unit_named

if TYPE_CHECKING:
    import pandas as pd

# Full-width and typographic signs, and their plain form.
_SIGNS = str.maketrans(
    "＜≤﹤⩽＞≥﹥⩾−–—～≈∼，．％：（）\u00a0\u2009\u202f’",
    "<<<<>>>>---~~~,.%:()   '",
)

# Words in place of a value, in lower case without blanks and punctuation.
_NO_RESULT_WORDS = """
na nan nv null none nil lnr is iss nss ns snr nr ins inss nodata noresult noresults novalue missing
missingvalue nosample samplemissing samplenotreceived listednotreceived notreceived
insufficientsample insufficientmaterial insufficient notsufficientsample notsufficient norecovery
notanalysed notanalyzed unanalysed notassayed notdetermined notmeasured nottested notreported
notavailable notapplicable notrun notrequested pending interference samplelost
sampledestroyed empty
sd sindato sindatos sinmuestra noanalizado nodeterminado nomedido muestrainsuficiente norecibido
semdados naoanalisado nãoanalisado nãodeterminado semamostra amostrainsuficiente
nonanalysé nonanalyse nondéterminé nonmesuré pasdedonnées échantillonmanquant
ka kw keineangabe keineprobe nichtbestimmt nichtanalysiert nichtgemessen fehlt
нетданных неопр неопределялось неопределялся неанализировалось нетпробы
未测 未测定 未分析 未检测 无 无数据 无样 无样品 缺 缺失 缺样 样品不足 样不足
"""
NO_RESULT = frozenset(_NO_RESULT_WORDS.split())
"""Words that mean "no result", in lower case without blanks and punctuation."""

_NOT_DETECTED_WORDS = """
bdl bd bld bld blod bloq lod loq llod lloq lld dl mdl pql idl bmdl bql notdetected notdetect
undetected nondetect nondetected nondetectable belowdetection belowdetectionlimit belowlimit
belowdl belowlod belowmdl belowlimitofdetection lessthandl lessthandetection lessthanlod
lessthandetectionlimit lessthanlimit trace traces nodetectado nodetectada nodetectable ldd
inferioraldl trazas nãodetectado naodetectado traços nondétecté nondetecte indétectable traces nn
nichtnachgewiesen nichtnachweisbar unternwg unternachweisgrenze spuren необн необнаружено
необнаружен следы нижепредела нпо 未检出 低于检出限 痕量
"""
NOT_DETECTED = frozenset(_NOT_DETECTED_WORDS.split())
"""Words that mean "below the detection limit" without a number, written likewise."""

# Words before a number, by the mark that they mean.
_BEFORE = {
    "<": """<, <<, <=, lt, less than, lower than, smaller than, below, under, l, n, nd, n.d., bdl,
        not detected, menor que, menor a, menor de, inferior a, abaixo de, moins de, inférieur à,
        inferieur a, kleiner, kleiner als, unter, weniger als, менее, меньше, ниже, 小于, 低于,
        未检出""",
    ">": """>, >>, >=, gt, greater than, higher than, more than, above, over, exceeds, g, mayor que,
        mayor a, mayor de, superior a, maior que, acima de, plus de, supérieur à, superieur a,
        grösser als, größer als, über, mehr als, более, больше, выше, свыше, 大于, 高于""",
    "": """~, =, ca, ca., c., circa, approx, approx., about, around, est, est., estimated, aprox,
        aprox., env., environ, etwa, 约""",
}
_BEFORE_WORDS = {
    mark: frozenset(" ".join(word.split()) for word in words.split(","))
    for mark, words in _BEFORE.items()
}
_AFTER = {
    "<": frozenset(["<", "<=", "u", "uj", "nd", "n.d.", "bdl", "lt", "<dl", "<lod", "<mdl"]),
    ">": frozenset([">", ">=", "+", "gt"]),
    "": frozenset(
        [
            "j",
            "e",
            "est",
            "est.",
            "estimated",
            "approx",
            "approx.",
            "r",
            "rpt",
            "rep",
            "rerun",
            "dup",
            "avg",
            "mean",
            "ca",
        ]
    ),
}
_AFTER_CAPITALS = {"L": "<", "N": "<", "G": ">"}  # of spectrographic analyses, such as 10L
_NUMBER = re.compile(
    r"[-+]?\s?(?:\d{1,3}(?:[ ']\d{3})+(?!\d)(?:[.,]\d+)?|\d[\d.,]*|[.,]\d+)(?:[eE][-+]?\d+)?"
)
_REMARK_SIGNS = "*?!†‡#^~"
# Numbers in which a mark may separate thousands, by the mark.
GROUPS = {",": re.compile(r"[1-9]\d{0,2}(,\d{3})+"), ".": re.compile(r"[1-9]\d{0,2}(\.\d{3})+")}


@dataclass(frozen=True)
class Reading:
    """A cell that holds a number: its value, its mark (``<``, ``>`` or none), and more.

    ``value`` is in the column's unit. ``plain`` is False if the cell holds more than a number and
    one of these marks, such as a unit or a remark.
    """

    value: float
    mark: str = ""
    plain: bool = True


@dataclass(frozen=True)
class Cells:
    """A column's cells as read, ``(n,)`` each.

    ``values`` are in the column's unit, NaN where a cell has no number. ``below`` and ``above``
    mark the values with ``<`` and ``>``; ``undetected`` words for "below detection" without a
    number; ``absent`` empty cells, codes and words for "no result"; ``unread`` other text. The
    dictionaries count what was decided by its text: ``words`` of absent cells, ``below_words`` of
    undetected ones, and ``readings``, the values of cells with more than a number and a mark.
    """

    values: Floats
    below: Bools
    above: Bools
    undetected: Bools
    absent: Bools
    unread: Bools
    words: dict[str, int]
    below_words: dict[str, int]
    readings: dict[str, tuple[float, int]]


def read_text(text: str, unit: str | None = None, decimal: str = ".") -> Reading | None:
    """Read a cell with a number, as laboratories write it; None if it is other text.

    A mark, a unit or a remark may stand before or after the number. A number with a unit is
    converted to ``unit``. ``decimal`` is the table's decimal mark.

    >>> read_text("<0.5"), read_text("0.5<"), read_text("less than .5")
    (Reading(value=0.5, mark='<', plain=True), Reading(value=0.5, mark='<', plain=True), \
Reading(value=0.5, mark='<', plain=True))
    >>> read_text("1,2 %", "ppm", ","), read_text("12.3*")
    (Reading(value=12000.0, mark='', plain=False), Reading(value=12.3, mark='', plain=False))
    >>> read_text("granite 7"), read_text("3-5")
    (None, None)
    """
    text = text.translate(_SIGNS).strip()
    found = _NUMBER.search(text)
    if found is None:
        return None
    written = found.group().strip()
    value = _number(written, decimal)
    before = _before(text[: found.start()].strip())
    after = _after(text[found.end() :].strip(), unit)
    if value is None or before is None or after is None:
        return None
    factor, mark, remark = after
    if before[0] and mark:
        return None
    grouped = written.replace(decimal, "")
    plain = not (before[1] or remark) and factor is None and not re.search(r"[ ',.]", grouped)
    return Reading(value * (factor or 1.0), before[0] or mark, plain)


@cache
def _before(text: str) -> tuple[str, bool] | None:
    """The mark that the words before a number mean, and whether they are a remark."""
    if not text:
        return "", False
    words = " ".join(text.casefold().rstrip(":(").split())
    for mark, known in _BEFORE_WORDS.items():
        if words in known:
            return mark, not mark
    return None


@cache
def _after(text: str, unit: str | None) -> tuple[float | None, str, bool] | None:
    """Of the words behind a number: the factor of their unit, the mark, whether one is a remark."""
    factor, mark, remark = None, "", False
    while text:
        bare = text.strip(_REMARK_SIGNS + " ()[],;")
        if bare != text:
            remark |= any(sign in text for sign in _REMARK_SIGNS)
            text = bare
            continue
        if (named := unit_named(text)) is not None and factor is None:
            factor = TO_PPM[named] / TO_PPM[unit] if unit is not None else 1.0
            break
        first, last = text.split(maxsplit=1), text.rsplit(maxsplit=1)
        kind = _mark_after(last[-1])
        rest = " ".join(last[:-1])
        if kind is None:
            kind, rest = _mark_after(first[0]), " ".join(first[1:])
        if kind is None and text[0] in "<>+":
            kind, rest = text[0].replace("+", ">"), text[1:].strip()
        if kind is None or (kind and mark):
            return None
        mark, remark, text = mark or kind, remark or not kind, rest
    return factor, mark, remark


def _mark_after(word: str) -> str | None:
    if word in _AFTER_CAPITALS:
        return _AFTER_CAPITALS[word]
    return next((mark for mark, known in _AFTER.items() if word.casefold() in known), None)


def _number(text: str, decimal: str) -> float | None:
    """A number with thousands marks, and a comma or a point as the decimal mark."""
    text = text.replace(" ", "").replace("'", "")
    other = "," if decimal == "." else "."
    mantissa = re.split("[eE]", text)[0].lstrip("+-")
    if other in mantissa:
        comes_first = decimal in mantissa and mantissa.rfind(decimal) < mantissa.rfind(other)
        if comes_first or (decimal not in mantissa and not GROUPS[other].fullmatch(mantissa)):
            decimal, other = other, decimal
        whole = mantissa.split(decimal)[0]
        if other in whole and not GROUPS[other].fullmatch(whole):
            return None
        text = text.replace(other, "")
    try:
        return float(text.replace(decimal, "."))
    except ValueError:
        return None


def plain_word(text: str) -> str:
    """A word in lower case, without blanks and punctuation.

    >>> plain_word("#N/A"), plain_word("not analysed"), plain_word("< LOD")
    ('na', 'notanalysed', 'lod')
    """
    return re.sub(r"[\W_]+", "", text.casefold())


def read_cells(
    cells: pd.Series[Any],
    *,
    unit: str | None = None,
    decimal: str = ".",
    missing: Iterable[str | float] = (),
    not_detected: Iterable[str] = (),
) -> Cells:
    """Read a column; ``missing`` and ``not_detected`` are codes and words beside the usual ones.

    Codes of missing values that are numbers match with the precision of 32-bit numbers. If a
    column has some numbers with the other decimal mark, such as ``0,5`` in a table with points,
    that mark is the column's own.
    """
    import pandas as pd

    missing = list(missing)
    codes = numeric_codes(missing)
    n = len(cells)
    none = np.zeros(n, dtype=bool)
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        coded = equal_to(values, codes)
        words = _counted_codes(values[coded])
        values[coded] = np.nan
        return Cells(values, none, none, none, np.isnan(values), none, words, {}, {})
    text = cells.astype("str").where(cells.notna(), "").str.strip()
    if decimal != "." and cells.dtype == object:  # numbers of a sheet beside text
        number = np.array([not isinstance(cell, str) for cell in cells], dtype=bool)
        text = text.mask(number, text.str.replace(".", decimal, regex=False))
    where, unique = pd.factorize(text)
    names: list[str] = unique.astype(object).tolist()
    texts = [t if t.isascii() else t.translate(_SIGNS).strip() for t in names]
    values, kinds, readings = _read_unique(texts, unit, decimal, codes, missing, not_detected)
    counts = np.bincount(where, minlength=len(texts))
    words, below_words = (
        {names[k]: int(counts[k]) for k in np.flatnonzero(kinds == kind) if names[k]}
        for kind in ("absent", "undetected")
    )
    return Cells(
        values[where],
        (kinds == "<")[where],
        (kinds == ">")[where],
        (kinds == "undetected")[where],
        (kinds == "absent")[where],
        (kinds == "unread")[where],
        words,
        below_words,
        {names[k]: (float(values[k]), int(counts[k])) for k in readings},
    )


def _read_unique(
    texts: list[str],
    unit: str | None,
    decimal: str,
    codes: list[float],
    missing: Iterable[str | float],
    not_detected: Iterable[str],
) -> tuple[Floats, NDArray[np.str_], list[int]]:
    """Value and kind of each text; and which texts hold more than a number and a mark."""
    other = "," if decimal == "." else "."
    with_other = np.array([other in t for t in texts], dtype=bool)
    # A column in which the other mark cannot separate thousands uses it as the decimal mark.
    if any(
        with_other[k] and not GROUPS[other].search(texts[k]) and _is_number(texts[k])
        for k in range(len(texts))
    ) and not any(decimal in t for t, marked in zip(texts, with_other, strict=True) if marked):
        values = _plain_numbers([t.replace(other, ".").replace(decimal, ".") for t in texts])
        decimal = other
    else:
        values = _plain_numbers([t.replace(decimal, ".") for t in texts])
        values[with_other] = np.nan
    as_missing = {str(code).strip().translate(_SIGNS).casefold() for code in missing} | {""}
    as_below = {word.strip().translate(_SIGNS).casefold() for word in not_detected}
    kinds = np.full(len(texts), "", dtype="<U10")
    readings = []
    for k in np.flatnonzero(np.isnan(values)):
        text = texts[k].casefold()
        if text in as_missing:
            kinds[k] = "absent"
        elif text in as_below:
            kinds[k] = "undetected"
        elif (kind := _kind_of_word(text)) is not None:
            kinds[k] = kind
        elif (reading := read_text(texts[k], unit, decimal)) is not None:
            values[k], kinds[k] = reading.value, reading.mark
            if not reading.plain:
                readings.append(int(k))
        else:
            kinds[k] = "unread"
    kinds[equal_to(values, codes) & (kinds == "")] = "absent"
    values[kinds == "absent"] = np.nan
    return values, kinds, readings


def _is_number(text: str) -> bool:
    found = _NUMBER.search(text)
    return found is not None and _before(text[: found.start()].strip()) is not None


def _kind_of_word(text: str) -> str | None:
    """What a word in place of a value means: absent, undetected, or None for other text."""
    if text.startswith("#") and text.endswith(("!", "?")):
        return "absent"  # an error of Excel, such as #DIV/0!
    if any(sign.isdigit() for sign in text):
        return None
    word = plain_word(text)
    if not word:
        return {"<": "undetected", ">": None}.get(text.strip(), "absent")
    if word in NOT_DETECTED:
        return None if text.startswith(">") else "undetected"
    return "absent" if word in NO_RESULT and text[0] not in "<>" else None


def _plain_numbers(texts: list[str]) -> Floats:
    import pandas as pd

    values = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
    return values.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)


def numeric_codes(missing: Iterable[str | float]) -> list[float]:
    """The codes of missing values that are finite numbers."""
    codes = []
    for code in missing:
        try:
            codes.append(float(code))
        except ValueError:
            continue
    return [code for code in codes if np.isfinite(code)]


def equal_to(values: Floats, codes: Iterable[float]) -> Bools:
    """Which values equal one of the codes with the precision of 32-bit numbers.

    >>> equal_to(np.array([-3.4028235e38, 0.10000000149, 0.11]), [-3.4028234663852886e38, 0.1])
    array([ True,  True, False])
    """
    codes = np.asarray(list(codes), dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        same = np.isin(values.astype(np.float32), codes[np.abs(codes) < 3.4028236e38].astype("f4"))
    found: Bools = same | np.isin(values, codes)
    return found


def _counted_codes(values: Floats) -> dict[str, int]:
    found, counts = np.unique(values, return_counts=True)
    return {f"{code:g}": int(n) for code, n in zip(found, counts, strict=True)}
