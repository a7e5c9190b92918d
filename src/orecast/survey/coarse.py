"""Positions that are known only roughly: many samples on one coordinate, a column of precision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.config import inline
from orecast.survey.data import Findings, listed
from orecast.survey.duplicates import SharedPlaces, places
from orecast.survey.tables import InputTable, as_numbers

if TYPE_CHECKING:
    import pandas as pd

MOST_DUPLICATES = 10  # samples of one place; more are a position that is not exact
_COARSE = 1000.0  # metres
_ISOLATED_TIMES, _MOST_ISOLATED = 20.0, 0.01
_MOST_KINDS = 30  # of precision, that fit into a line
_ALIKE = 0.5  # spread within a place, as a share of the survey's
_METRES = {  # of a unit of precision, by the words for it
    r"m|mt|mts|metres?|meters?|metros?": 1.0,
    r"km|kilomet(?:res?|ers?)": 1000.0,
    r"s|secs?|seconds?|segundos?|\"|''": 30.9,
    r"'|min|mins|minutes?|minutos?": 1853.0,
    r"°|deg|degs|degrees?|dd|grados?": 111_195.0,
    r"ft|feet|foot": 0.3048,
}
_PRECISION = re.compile(
    r"(?:(?:co?ord(?:inate)?s?|pos(?:ition)?|loc(?:ation)?|gps|map|xy|horizontal|h) ?)*"
    r"(?:prec(?:ision|isión)?|accuracy|acc|uncertainty|genauigkeit|precisão|précision|точность|精度)"
    r"(?: ?(?:est(?:imate)?|m|metres?|meters?|km|xy|gps|pos(?:ition)?|co?ord(?:inate)?s?))*"
)
_AMOUNT = re.compile(r"(?:\+ ?/? ?-|±|<|~|ca\.?)?\s*(\d+(?:[.,]\d+)?)\s*([a-z°'\"]*)\.?")


@dataclass(frozen=True)
class Precision:
    """A column with the precision of each position in metres, ``(n,)``, NaN where unknown."""

    column: str
    metres: Floats

    @property
    def coarse(self) -> Bools:
        """Rows whose positions have an error of more than a kilometre, ``(n,)``."""
        return np.asarray(self.metres > _COARSE)

    def where(self, table: InputTable) -> dict[str, list[str]] | None:
        """The ``samples.where`` that leaves the coarse rows out.

        None if it would be a long list, or would leave out rows of unknown precision too.
        """
        fine = np.isfinite(self.metres) & ~self.coarse
        cells = table.frame[self.column].astype("str").str.strip()
        kinds = [str(value) for value in cells[fine].unique()]
        if not 0 < len(kinds) <= _MOST_KINDS or not (fine | self.coarse).all():
            return None
        return {self.column: kinds}


def precision_column(table: InputTable) -> Precision | None:
    """The column that gives the precision of positions, such as "7.5 minutes" or 50 (in metres).

    >>> from pathlib import Path
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"coord_prec": ["1 second", "7.5 minutes"]})
    >>> precision_column(InputTable(Path("a.csv"), frame)).metres.round().tolist()
    [31.0, 13898.0]
    """
    for column in map(str, table.frame.columns):
        words = " ".join(re.sub(r"[\W_]+", " ", column.lower()).split())
        if _PRECISION.fullmatch(words):
            metres = _metres(table.frame[column], "km" in words.split())
            if np.isfinite(metres).any():
                return Precision(column, metres)
    return None


def _metres(cells: pd.Series[Any], kilometres: bool) -> Floats:
    import pandas as pd

    factor = 1000.0 if kilometres else 1.0
    if pd.api.types.is_numeric_dtype(cells):
        return as_numbers(cells) * factor
    number, texts = pd.factorize(cells.astype("str").where(cells.notna(), ""))
    each = np.full(len(texts), np.nan)
    for k, text in enumerate(texts):
        found = _AMOUNT.fullmatch(str(text).strip().lower())
        if found is None:
            continue
        units = (m for words, m in _METRES.items() if re.fullmatch(words, found[2]))
        unit = factor if not found[2] else next(units, np.nan)
        each[k] = float(found[1].replace(",", ".")) * unit
    return np.asarray(each[number])


def crowded(xy: Floats, most: int, tolerance: float = 1e-7) -> Bools:
    """Which positions ``(n, 2)`` are those of more than ``most`` rows.

    >>> crowded(np.array([[0.0, 0], [5, 5], [0, 0]]), 1).tolist()
    [True, False, True]
    """
    number = places(xy, tolerance).number
    return np.asarray(np.bincount(number)[number] > most)


def isolated(xy: Floats) -> Ints:
    """The few positions of ``(n, 2)`` that lie far from all others and enlarge the map, ``(k,)``.

    Their distance from the nearest other position is more than 20 times that of 95 % of the
    positions, they are at most 1 %, and the others fill less than half of the rectangle.

    >>> grid = np.argwhere(np.ones((20, 20))).astype(float)
    >>> isolated(np.vstack([grid, [[9.0, 300.0]]])).tolist()
    [400]
    """
    from scipy.spatial import cKDTree

    if len(xy) < 2 / _MOST_ISOLATED:
        return np.empty(0, dtype=np.intp)
    number = places(xy, 1e-7).number
    first = np.unique(number, return_index=True)[1]
    near = np.asarray(cKDTree(xy[first]).query(xy[first], k=2)[0])[:, 1]
    far = near > _ISOLATED_TIMES * np.percentile(near, 95)
    rest = ~far[number]
    if not 0 < (~rest).sum() <= _MOST_ISOLATED * len(xy):
        return np.empty(0, dtype=np.intp)
    smaller = np.prod(np.ptp(xy[rest], axis=0)) < 0.5 * np.prod(np.ptp(xy, axis=0))
    return np.flatnonzero(~rest) if smaller else np.empty(0, dtype=np.intp)


def isolated_in_words(table: InputTable, xy: Floats) -> tuple[str, str, list[int]] | None:
    """What is wrong with isolated rows, what to do, and the rows; None if there are none.

    ``xy`` ``(n, 2)`` are the positions of the rows, NaN where unknown.
    """
    known = np.flatnonzero(np.isfinite(xy).all(axis=1))
    found = known[isolated(xy[known])]
    if not len(found):
        return None
    rows = [int(row) for row in table.frame.index[found]]
    x, y = xy[found[0]]
    what = (
        f"{table.row_word} {listed(rows)} lies far from all other samples (x {x:.10g}, "
        f"y {y:.10g}), and the map becomes more than twice as large for it"
    )
    return what, f"correct its position, or remove the {table.row_word}", rows


def report_coarse(
    table: InputTable,
    at: SharedPlaces,
    values: Floats,
    censored: Bools,
    where: Mapping[str, Any],
    findings: Findings,
) -> None:
    """Warn of places with many samples that differ as the survey does, and of coarse precision.

    ``values`` and ``censored`` are ``(n, n_elements)``, ``at`` gives the place of each sample,
    ``where`` is what ``samples.where`` has already.
    """
    _report_crowds(table, at, values, censored, findings)
    precision = precision_column(table)
    if precision is None:
        return
    coarse = precision.coarse
    if coarse.any():
        findings.warning(
            "coarse-positions",
            table.where(column=precision.column),
            f"the positions of {coarse.sum()} of {len(coarse)} samples have an error of more than "
            f"{_COARSE / 1000:g} km ({coarse_kinds(table, precision)})",
            _leave_out(precision.where(table), where),
            n=int(coarse.sum()),
            column=precision.column,
        )


def coarse_kinds(table: InputTable, precision: Precision) -> str:
    """As text: the most frequent coarse values of the column, and how many rows have each."""
    cells = table.frame[precision.column].astype("str").str.strip()
    counts = cells[precision.coarse].value_counts()
    return listed([f"{value} ({n})" for value, n in counts.items()], 5)


def _leave_out(where: dict[str, list[str]] | None, given: Mapping[str, Any]) -> str:
    if where is None:
        return "remove these rows from the file, if their positions matter"
    return f"to leave them out, set samples.where = {inline({**given, **where})}"


def _report_crowds(
    table: InputTable, at: SharedPlaces, values: Floats, censored: Bools, findings: Findings
) -> None:
    counts = np.bincount(at.number)
    many = np.flatnonzero(counts > MOST_DUPLICATES)
    if not len(many):
        return
    spread = _spread_within(at.number, many, values, censored)
    differ = [int(k) for k in many if not spread[int(k)] < _ALIKE]
    if not differ:
        return
    sizes = sorted((int(counts[k]) for k in differ), reverse=True)
    largest = differ[int(np.argmax(counts[differ]))]
    n = len(at.number)
    much = (
        f". Their values vary {100 * spread[largest]:.0f} % as much as those of the whole survey"
        if np.isfinite(spread[largest])
        else ""
    )
    rows = table.frame.index[at.number == largest]
    more = f" (at {len(sizes)} places: {listed(sizes)} samples)" if len(sizes) > 1 else ""
    findings.warning(
        "crowded-places",
        str(table.path),
        f"{sum(sizes)} of {n} samples share their position with {MOST_DUPLICATES} others or more"
        f"{more}. At the largest place are {sizes[0]} samples (the first is {table.row_word} "
        f"{rows[0]}){much}. Probably their position is approximate, and their average is not the "
        "value of this place",
        f"to leave them out, set samples.most_per_place = {MOST_DUPLICATES}",
        n=sum(sizes),
        places=len(sizes),
        largest=sizes[0],
        spread=None if not np.isfinite(spread[largest]) else round(spread[largest], 3),
    )


def _spread_within(number: Ints, many: Ints, values: Floats, censored: Bools) -> dict[int, float]:
    """Spread of log values within places as a share of the survey's, median over elements."""
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(np.where(censored, np.nan, values))
    found = {}
    for k in many:
        inside = logs[number == k]
        enough = (np.isfinite(inside).sum(axis=0) >= 5) & (np.isfinite(logs).sum(axis=0) >= 5)
        if not enough.any():
            found[int(k)] = np.nan
            continue
        whole = np.nanstd(logs[:, enough], axis=0)
        share = np.nanstd(inside[:, enough], axis=0) / np.where(whole > 0, whole, np.nan)
        found[int(k)] = float(np.nanmedian(share)) if np.isfinite(share).any() else np.nan
    return found
