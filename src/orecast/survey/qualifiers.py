"""Columns that hold the marks of another column's values: ``<`` in ``Au_Q`` beside ``Au_ppb``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Bools
from orecast.config import Samples
from orecast.errors import ConfigError, nearest
from orecast.survey.cells import NO_RESULT, NOT_DETECTED, Cells, plain_word
from orecast.survey.data import Element, Findings, listed
from orecast.survey.elements import parse_header, symbol_named
from orecast.survey.tables import InputTable

if TYPE_CHECKING:
    import pandas as pd

_WORDS_OF_NAMES = """
q ql qual quals qualif quali qualifier qualifiers flag flags fl sign signs mark marks rem remark
remarks cens censor censored censoring bdl lt l t sym symbol code codes prefix suffix op oper
operator modifier mod det detect detected detection detlim nd note notes comment comments cmt
ind indicator lim limit limits r f v vz vorzeichen kennung marke signo calificador marca sinal
qualificador qualificateur signe drapeau знак флаг метка 符号 标记 限定符
"""
_NAME_WORDS = frozenset(_WORDS_OF_NAMES.split())
_CENSOR_WORDS = frozenset(("cens", "censor", "censored", "censoring", "bdl", "nd", "lt", "detlim"))
_GLUED = re.compile(r"(.+?)[ _.-]?(?:q|qual|qualifier|flag|sign|rem|remark|mark|符号|标记)")
_BELOW = frozenset(("<", "<=", "<<", "l", "n", "u", "uj", "nd", "lt", "k", "bd", "dl", "bdl"))
_ABOVE = frozenset((">", ">=", ">>", "g", "gt", "over", "above"))
_NONE = frozenset(("h", "b", "i"))
_ESTIMATED = frozenset(("e", "j", "est", "est.", "estimated", "~", "?", "approx"))
_EMPTY = frozenset(("", "=", "ok", "-", "--", ".", "nan", "none", "null", "na", "n/a", "nil", "0"))
_YES, _NO = frozenset(("1", "1.0", "true", "yes", "y")), frozenset(("0", "0.0", "false", "no", "n"))
_SIGNS = str.maketrans("＜≤﹤＞≥﹥", "<<<>>>")
_LONGEST, _MOST_MARKS = 16, 20


def qualifier_columns(
    table: InputTable, elements: Mapping[str, str], columns: Sequence[str], samples: Samples
) -> dict[str, str]:
    """The qualifier column of each column of values, by name and content.

    ``elements`` has the symbol of each column of values; ``columns`` are the others, which may be
    qualifiers. ``samples.qualifiers`` comes first; raises ConfigError if it names no element, and
    InputError if it names a missing column.
    """
    found: dict[str, str] = {}
    for key, qualifier in samples.qualifiers.items():
        table.column(qualifier, f"samples.qualifiers.{key}")
        column = next((c for c, symbol in elements.items() if key in (c, symbol)), None)
        if column is None:
            raise ConfigError(
                f"the survey has no element {key!r}",
                where=f"samples.qualifiers.{key}",
                remedy=nearest(key, list(elements)),
            )
        found[column] = qualifier
    order = [str(c) for c in table.frame.columns]
    for column in columns:
        if column in found.values():
            continue
        of = _element_of(column, elements, order)
        if of is not None and of not in found and _holds_marks(column, of, table, samples):
            found[of] = column
    return found


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name.casefold()) if word]


def _element_of(column: str, elements: Mapping[str, str], order: list[str]) -> str | None:
    """The column of values that a qualifier's name belongs to, or None."""
    words = _words(column)
    base = [word for word in words if word not in _NAME_WORDS]
    position = order.index(column)
    near = sorted(elements, key=lambda c: (abs(order.index(c) - position), order.index(c)))
    if len(base) < len(words) and not [word for word in base if not word.isdigit()]:
        return _neighbour(column, elements, order)
    glued = _GLUED.fullmatch(column.casefold())
    for name in near:
        same = (name.casefold(), elements[name].casefold())
        if len(base) < len(words) and base == _words(name):
            return name
        if glued and glued[1] in same:
            return name
    if len(base) == len(words):
        return None
    header = parse_header(" ".join(base))
    symbols = {header.symbol} if header else {s for w in base if (s := symbol_named(w))}
    fitting = [name for name in near if elements[name] in symbols]
    return max(fitting, key=lambda c: len(set(base) & set(_words(c))), default=None)


def _neighbour(column: str, elements: Mapping[str, str], order: list[str]) -> str | None:
    """The column of values beside a qualifier that is only named "Q": before it, or behind it.

    It is the one behind if the first such column stands before all values.
    """
    bare = [c for c in order if _words(c) and set(_words(c)) <= _NAME_WORDS | set("23456789")]
    first = min((order.index(c) for c in elements), default=0)
    step = 1 if order.index(bare[0]) < first else -1
    position = order.index(column) + step
    beside = order[position] if 0 <= position < len(order) else None
    return beside if beside in elements else None


def _holds_marks(column: str, of: str, table: InputTable, samples: Samples) -> bool:
    """Whether a column's cells are marks: short texts that are no numbers, or nothing at all."""
    import pandas as pd

    cells = table.frame[column]
    unique = {str(text).strip().translate(_SIGNS).casefold() for text in cells.dropna().unique()}
    if _says_yes_or_no(column, unique):
        return True
    if pd.api.types.is_numeric_dtype(cells):
        return not unique and bool(set(_words(column)) & set(_words(of)))
    marks = unique - _EMPTY
    if not marks:
        return bool(set(_words(column)) & set(_words(of)))
    if len(marks) > _MOST_MARKS or any(len(m) > _LONGEST or re.search(r"\d", m) for m in marks):
        return False
    known = [_meaning(mark, samples) for mark in marks]
    if not any(word not in _NAME_WORDS for word in _words(column) if not word.isdigit()):
        return None not in known and bool(marks & {"<", ">", "lt", "gt", "nd", "bdl", "<="})
    return any(known) or all(len(mark) <= 2 for mark in marks)


def _says_yes_or_no(column: str, unique: Collection[str]) -> bool:
    """Whether a column, such as ``As_censored``, says by yes and no which values are below."""
    answers = set(unique) - {""}
    return bool(_CENSOR_WORDS & set(_words(column)) and answers & _YES and answers <= _YES | _NO)


def _meaning(mark: str, samples: Samples) -> str | None:
    """What a mark means: "<", ">", "none", "estimated", "" (nothing); None if it is unknown."""
    text, word = mark.casefold(), plain_word(mark)
    if text in {str(m).strip().casefold() for m in samples.missing} - {""}:
        return "none"
    if text in {m.strip().casefold() for m in samples.not_detected}:
        return "<"
    if text in _EMPTY:
        return ""
    if text in _BELOW or word in NOT_DETECTED or word.startswith(("less", "below")):
        return "<"
    if text in _ABOVE or word.startswith(("greater", "above")):
        return ">"
    if text in _NONE or word in NO_RESULT:
        return "none"
    return "estimated" if text in _ESTIMATED or word in _ESTIMATED else None


@dataclass(frozen=True)
class _Marks:
    """The marks of one qualifier column, ``(n,)`` each, and the unknown ones by their number."""

    below: Bools
    above: Bools
    none: Bools
    estimated: int
    unknown: dict[str, int]


def _read_marks(cells: pd.Series[Any], name: str, samples: Samples) -> _Marks:
    import pandas as pd

    text = cells.astype("str").where(cells.notna(), "").str.strip().str.translate(_SIGNS)
    where, unique = pd.factorize(text)
    counts = np.bincount(where, minlength=len(unique))
    meanings: list[str | None]
    if _says_yes_or_no(name, [str(mark).casefold() for mark in unique]):
        meanings = ["<" if str(mark).casefold() in _YES else "" for mark in unique]
    else:
        meanings = [_meaning(str(mark), samples) for mark in unique]
    kinds = np.array(["unknown" if m is None else m for m in meanings])
    below, above, none = ((kinds == kind)[where] for kind in ("<", ">", "none"))
    unknown = {
        str(mark): int(n) for mark, n, m in zip(unique, counts, meanings, strict=True) if m is None
    }
    return _Marks(below, above, none, int(counts[kinds == "estimated"].sum()), unknown)


def with_qualifiers(
    read: Sequence[Cells],
    elements: Sequence[Element],
    table: InputTable,
    samples: Samples,
    findings: Findings,
) -> list[Cells]:
    """Cells with the marks of their qualifier columns; reported in one finding for all columns.

    A value marked as below is censored; without a number, or at 0, it is a word for "below
    detection". A value marked as above counts as above the upper limit. A mark for "no result"
    makes the value missing. Unknown marks change nothing and are listed.
    """
    found: list[Cells] = []
    counts: dict[str, dict[str, Any]] = {}
    unknown: dict[str, dict[str, int]] = {}
    for cells, e in zip(read, elements, strict=True):
        if e.qualifier is None:
            found.append(cells)
            continue
        marks = _read_marks(table.frame[e.qualifier], e.qualifier, samples)
        some = (cells.values != 0) & ~np.isnan(cells.values)
        nothing = marks.below & ~some
        values = np.where(marks.below, np.abs(cells.values), cells.values)
        values[marks.none | nothing] = np.nan
        found.append(
            replace(
                cells,
                values=values,
                below=(cells.below | (marks.below & some)) & ~marks.none,
                above=(cells.above | (marks.above & some)) & ~marks.none,
                undetected=(cells.undetected | nothing) & ~marks.none,
                absent=(cells.absent & ~nothing) | marks.none,
                unread=cells.unread & ~(marks.none | marks.below),
            )
        )
        counts[e.qualifier] = {
            "column": e.column,
            "below": int(marks.below.sum()),
            "above": int(marks.above.sum()),
            "no_result": int((marks.none & ~cells.absent).sum()),
            "estimated": marks.estimated,
        }
        if marks.unknown:
            unknown[e.qualifier] = marks.unknown
    _report(counts, unknown, table, findings)
    return found


def _report(
    counts: dict[str, dict[str, Any]],
    unknown: dict[str, dict[str, int]],
    table: InputTable,
    findings: Findings,
) -> None:
    if counts:
        parts = []
        for name, c in counts.items():
            kinds = ("below", "above", "no_result", "estimated")
            said = [f"{c[kind]} {kind.replace('_', ' ')}" for kind in kinds if c[kind]]
            if said:
                parts.append(f"{name} for {c['column']} ({', '.join(said)})")
        what = listed(parts, 40) if parts else "they qualify no value"
        findings.info(
            "qualifiers",
            str(table.path),
            f"{len(counts)} qualifier column(s): {what}",
            "if a column is something else, add it to samples.ignore",
            columns=counts,
        )
    if unknown:
        marks = sorted({mark for of in unknown.values() for mark in of})
        text = "; ".join(
            f"{name}: {', '.join(f'{mark!r} {n} times' for mark, n in of.items())}"
            for name, of in unknown.items()
        )
        quoted = ", ".join(f'"{mark}"' for mark in marks)
        findings.warning(
            "unknown-qualifiers",
            str(table.path),
            f"{len(unknown)} column(s) have unknown qualifiers; they are ignored, and the values "
            f"are used as they are: {text}",
            f"if they mean below detection, set samples.not_detected = [{quoted}]; if they mean "
            f"no result, add them to samples.missing",
            columns=unknown,
        )
