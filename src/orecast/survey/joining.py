"""Positions of samples from a second file, found by the samples' ids."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orecast.config import Samples
from orecast.errors import InputError
from orecast.survey.data import Findings, listed
from orecast.survey.tables import InputTable, read_table
from orecast.survey.vectors import is_vector, of_shape, read_frame

if TYPE_CHECKING:
    import pandas as pd

WKT = "position (WKT)"
"""The column of positions that a file with geometries adds."""

_ID = re.compile(
    r"(?:sample|sampl|smpl|muestra|échantillon|echantillon|probe|amostra|проба|样品|hole|lab).*|"
    r".*(?:id|_no|no\.?|num|number|nummer|numéro|número|code|编号|номер)",
    re.I,
)
_FEWEST, _SHARE = 3, 0.5  # ids in both files, also as a share of the samples


@dataclass(frozen=True)
class Ids:
    """The columns with the samples' ids in both tables, and how many rows have a position."""

    own: str
    other: str
    matched: int


def shared_ids(table: InputTable, other: InputTable, own: str | None = None) -> Ids | None:
    """The columns by which ``other`` gives the rows of ``table`` a position, or None.

    In ``other`` each id stands once. Among columns named as an id, or named alike in both tables,
    those are chosen in which most ids are the same. ``own`` is the column of ``table``, if known.
    """
    best: Ids | None = None
    columns = [own] if own is not None else [str(c) for c in table.frame.columns]
    theirs = {str(c): _ids(other.frame[c]) for c in other.frame.columns}
    unique = {c: set(ids) for c, ids in theirs.items() if len(set(ids)) == len(ids) >= _FEWEST}
    for column in columns:
        ids = _ids(table.frame[column])
        for name, known in unique.items():
            if own is None and not (_same(column, name) or _ID.fullmatch(column)):
                continue
            matched = int(ids.isin(known).sum())
            enough = matched >= max(_FEWEST, _SHARE * len(table.frame))
            if enough and (best is None or matched > best.matched):
                best = Ids(column, name, matched)
    return best


def _same(one: str, other: str) -> bool:
    return re.sub(r"[\W_]+", "", one).casefold() == re.sub(r"[\W_]+", "", other).casefold()


def _ids(cells: pd.Series[Any]) -> pd.Series[str]:
    """Ids as text, without empty cells: ``12.0`` and ``" 12"`` are the same.

    >>> import pandas as pd
    >>> _ids(pd.Series([12.0, None, 13.0])).tolist(), _ids(pd.Series([" a1", ""])).tolist()
    (['12', '13'], ['a1'])
    """
    texts = cells.dropna().astype(str).str.strip().str.casefold()
    return texts[texts != ""].str.replace(r"^(\d+)\.0$", r"\1", regex=True)


def joined(table: InputTable, other: InputTable, ids: Ids) -> InputTable:
    """The table with the columns of ``other`` that it lacks, by the id of each row."""
    import pandas as pd

    keys = _ids(other.frame[ids.other])
    added = other.frame.loc[keys.index].set_index(keys)
    added = added.drop(columns=[c for c in added.columns if c in table.frame.columns])
    rows = _ids(table.frame[ids.own]).reindex(table.frame.index)
    columns = added.reindex(rows)
    columns.index = table.frame.index
    columns = columns.drop(columns=ids.other, errors="ignore")
    return replace(table, frame=pd.concat([table.frame, columns.infer_objects()], axis=1))


def points_table(other: pd.DataFrame, path: Any) -> InputTable:
    """A layer of points as a table, with their positions as a column of WKT."""
    frame: Any = other
    table = frame.drop(columns=frame.geometry.name)
    table[WKT] = frame.geometry.to_wkt(rounding_precision=-1)
    return InputTable(path, table, row_word="feature")


def with_positions(
    table: InputTable, section: Samples, findings: Findings
) -> tuple[InputTable, Samples]:
    """The samples with the positions of ``samples.positions``, and the section that reads them.

    Raises InputError where no ids are in both files, or one id has several positions.
    """
    positions = section.positions
    if positions is None:
        return table, section
    where = "samples.positions"
    if is_vector(positions.path):
        frame = read_frame(positions.path, positions.layer)
        frame = of_shape(frame, "point", str(positions.path), findings, noun=where)
        if frame.crs is not None and section.crs is None:
            section = section.model_copy(update={"crs": frame.crs.to_wkt()})
        section = section.model_copy(update={"x": WKT, "y": WKT})
        other = points_table(frame.explode(), positions.path)
    else:
        other = read_table(positions.path, positions.layer)
    if positions.id is not None:
        table.column(positions.id, f"{where}.id")
    ids = shared_ids(table, other, positions.id)
    if ids is None:
        raise _no_ids(table, other, positions.id)
    lost = table.frame[ids.own][~_matches(table, other, ids)]
    said = f"; {len(lost)} are not there: {listed([str(v) for v in lost], 10)}" if len(lost) else ""
    findings.info(
        "positions-joined",
        str(table.path),
        f"positions of {ids.matched} of {len(table.frame)} samples come from "
        f"{positions.path.name}, by columns {ids.own!r} and {ids.other!r}{said}",
        f"set {where}.id if the ids are in another column",
        matched=ids.matched,
        n=len(table.frame),
    )
    return joined(table, other, ids), section


def _matches(table: InputTable, other: InputTable, ids: Ids) -> Any:
    own = _ids(table.frame[ids.own]).reindex(table.frame.index)
    return own.isin(set(_ids(other.frame[ids.other]))).to_numpy()


def _no_ids(table: InputTable, other: InputTable, own: str | None) -> InputError:
    """Why two tables cannot be joined."""
    where, remedy = str(other.path), "set samples.positions.id to the column with the samples' ids"
    if own is None:
        return InputError(
            f"no column has the ids of most samples of {table.path.name}, each once",
            where=where,
            remedy=remedy,
        )
    wanted = _ids(table.frame[own])
    for column in map(str, other.frame.columns):
        ids = _ids(other.frame[column])
        repeated = ids[ids.duplicated() & ids.isin(set(wanted))]
        if len(repeated) and wanted.isin(set(ids)).mean() >= _SHARE:
            return InputError(
                f"{len(repeated)} ids stand more than once, so their positions are not certain: "
                f"{listed(sorted(set(repeated)), 10)}",
                where=other.where(column=column),
                remedy="keep one row for each sample",
            )
    examples = listed([str(v) for v in table.frame[own].dropna().unique()[:5]])
    return InputError(
        f"no column has the ids of column {own!r} of {table.path.name}, such as {examples}",
        where=where,
        remedy=remedy,
    )
