"""Tables whose rows are not one surface sample each.

Long tables have a row for each analyte, drill-hole tables a row for each interval; others mix
samples with standards, blanks and duplicates, or several sampled media.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.config import Samples, inline
from orecast.errors import InputError
from orecast.survey.data import Findings, listed
from orecast.survey.duplicates import CENSORED_SHARE, SharedPlaces, replace_zeros
from orecast.survey.elements import parse_header, symbol_named, unit_named
from orecast.survey.tables import InputTable, as_numbers

_ANALYTE = re.compile(
    r"chem_?code|analyte|analysis|parameter|param|element|symbol|determinand|substance|"
    r"elemento|élément|parametro|元素|элемент",
    re.I,
)
_VALUE = re.compile(
    r"(?:assay_?)?(?:value|result|conc(?:entration)?|reading|valor|valeur|wert|结果|значение).*",
    re.I,
)
_UNIT = re.compile(r"unit.*|uom|einheit|unidad|unité|单位|единиц.*", re.I)
_MARK = re.compile(r"bdl|qual.*|flag|sign|prefix|lt|censor.*|below.*|detect.*", re.I)
_ID = re.compile(
    r"(?:sample|sampl|lab|muestra|échantillon|probe|样品|проба).*|.*(?:_?id|number|_no|nummer|编号)",
    re.I,
)
_FROM = re.compile(r"(?:depth_?)?(?:from|desde|von|de|от|自)(?:_?(?:m|ft|depth))?", re.I)
_TO = re.compile(r"(?:depth_?)?(?:to|hasta|bis|à|до|至)(?:_?(?:m|ft|depth))?", re.I)
_HOLE = re.compile(r".*(?:hole|bhid|dhid|collar|sondeo|bohr|сква).*", re.I)
_QUALITY = re.compile(
    r"(?:st(?:an)?d(?:ard)?s?|crm|srm|oreas.*|ref(?:erence)?(?:[ _]material)?|bl(?:an)?ks?|"
    r"(?:field|lab|pulp)?[ _-]?dup(?:licate)?s?|rep(?:eat|licate)?s?|check|qa/?qc|qc|patrón|"
    r"blanco|duplicado|стандарт|холостая|дубликат|标样|空白|重复)(?:[ _-]?\w{0,3})?",
    re.I,
)
_MEDIA = re.compile(
    r"soil|rock|stream.*|sediment.*|till|silt|drainage.*|outcrop|float|chip|talus|lake.*|water|"
    r"vegetation|suelo|roca|sol|roche|boden|gestein|почва|порода|土壤|岩石|水系.*",
    re.I,
)
_YES = frozenset(("1", "1.0", "<", "y", "yes", "true", "l", "u", "nd", "bdl", "lt", "below"))
_FEWEST_ANALYTES, _MOST_KINDS = 3, 30
_SHARE = 0.8


@dataclass(frozen=True)
class Mixed:
    """A column whose values tell samples from quality control, or one medium from others."""

    column: str
    kept: str
    n: int  # rows of what is kept
    others: dict[str, int]
    media: bool

    @property
    def share(self) -> float:
        """What is kept as a share of the rows."""
        return self.n / (self.n + sum(self.others.values()))


def long_columns(table: InputTable) -> dict[str, str] | None:
    """The columns of a long table: analyte, value and, where there are some, unit, mark and id.

    None if the table is not long.
    """
    names = [str(c) for c in table.frame.columns]
    analyte = next((c for c in names if _ANALYTE.fullmatch(c) and _are_analytes(table, c)), None)
    value = next((c for c in names if _VALUE.fullmatch(c) and c != analyte), None)
    if analyte is None or value is None:
        return None
    found = {"analyte": analyte, "value": value}
    others = [c for c in names if c not in found.values()]
    for key, pattern in (("unit", _UNIT), ("below", _MARK), ("id", _ID)):
        column = next((c for c in others if pattern.fullmatch(c)), None)
        if column is not None:
            found[key] = column
            others.remove(column)
    return found


def _are_analytes(table: InputTable, column: str) -> bool:
    texts = table.frame[column].dropna().astype(str).str.strip()
    known = {t: _analyte(t) is not None for t in texts.unique()[:1000]}
    return sum(known.values()) >= _FEWEST_ANALYTES and texts.map(known).mean() > _SHARE


def _analyte(text: str) -> tuple[str, str | None] | None:
    header = parse_header(text)
    return (header.symbol, header.unit) if header else None


def widened(table: InputTable, samples: Samples, findings: Findings) -> InputTable:
    """A long table with one row for each sample, and a column for each analyte and unit.

    The table as it is, if it is not long. Raises InputError if it is long and ``samples.long`` does
    not say how to read it.
    """
    given = {str(key): column for key, column in samples.long.items()}
    found = given or long_columns(table)
    if not found:
        return table
    if not given:
        keys = ", ".join(f'{key} = "{column}"' for key, column in found.items())
        raise InputError(
            f"each row is one analyte of a sample (column {found['analyte']!r}), not one sample",
            where=str(table.path),
            remedy=f"set samples.long = {{{keys}}}; the table is then turned to one row a sample",
        )
    for key in ("analyte", "value"):
        if key not in found:
            raise InputError(
                f"samples.long names no column of the {key}",
                where="samples.long",
                remedy='give analyte and value, such as {analyte = "CHEM_CODE", value = "VALUE"}',
            )
    for key, column in found.items():
        table.column(column, f"samples.long.{key}")
    return _pivoted(table, found, findings)


def _pivoted(table: InputTable, found: dict[str, str], findings: Findings) -> InputTable:
    import pandas as pd

    frame = table.frame
    names = frame[found["analyte"]].astype(str).str.strip()
    units = frame[found["unit"]].astype(str).str.strip() if "unit" in found else None
    columns = {}
    for name, unit in {
        (n, "" if units is None else u)
        for n, u in zip(names, units if units is not None else names, strict=True)
    }:
        known = _analyte(name)
        symbol = known[0] if known else symbol_named(name) or name
        unit = unit if unit_named(unit) else (known[1] or "" if known else "")
        columns[name, unit] = f"{symbol}_{unit}" if unit else symbol
    own = [
        columns.get((n, u if unit_named(u) else ""), columns.get((n, u), n))
        for n, u in zip(names, units if units is not None else [""] * len(names), strict=True)
    ]
    values = frame[found["value"]].astype(object).where(frame[found["value"]].notna(), "")
    if "below" in found:
        below = frame[found["below"]].astype(str).str.strip().str.casefold().isin(_YES)
        marked = below & ~values.astype(str).str.strip().str.startswith("<")
        values = values.mask(marked, "<" + values.astype(str).str.lstrip("-"))
    others = [c for c in frame.columns if str(c) not in found.values()]
    key = [found["id"]] if "id" in found else others
    if not key:
        raise InputError(
            "the table has neither an id of the sample nor its position",
            where=str(table.path),
            remedy='name the id column, such as samples.long = {…, id = "SampleID"}',
        )
    number = frame.groupby(key, sort=False, dropna=False).ngroup().to_numpy()
    first = np.unique(number, return_index=True)[1]
    wide = frame.iloc[first][[c for c in frame.columns if c in key or c in others]].copy()
    long = pd.DataFrame({"number": number, "column": own, "value": values.to_numpy()})
    repeated = int(long.duplicated(["number", "column"]).sum())
    long = long.drop_duplicates(["number", "column"], keep="last")
    pivot = long.pivot(index="number", columns="column", values="value")
    for column in dict.fromkeys(own):
        wide[column] = pivot[column].to_numpy()
    said = f"; of {repeated} repeated results the last is used" if repeated else ""
    findings.info(
        "long-table",
        str(table.path),
        f"{len(frame)} results of {len(set(own))} analytes are turned to {len(wide)} samples{said}",
        samples=len(wide),
        repeated=repeated,
    )
    return replace(table, frame=wide.infer_objects())


def require_surface(table: InputTable, samples: Samples) -> None:
    """Raise InputError if the rows are intervals of drill holes."""
    found = interval_columns(table)
    if found is None or samples.intervals != "refuse":
        return
    raise InputError(
        f"each row is an interval of a drill hole, from {found[0]!r} to {found[1]!r}: intervals of "
        "one hole share a position, and are neither surface samples nor duplicates",
        where=str(table.path),
        remedy='set samples.intervals = "composite" to use the mean of each hole, weighted by '
        'length; or, if the columns mean something else, set samples.intervals = "keep"',
    )


def interval_columns(table: InputTable) -> tuple[str, str] | None:
    """The columns of the beginning and the end of drill-hole intervals, or None.

    Ends lie below beginnings, and most holes have several intervals, or a column names the hole.
    """
    names = [str(c) for c in table.frame.columns]
    begin = next((c for c in names if _FROM.fullmatch(c)), None)
    end = next((c for c in names if _TO.fullmatch(c)), None)
    if begin is None or end is None:
        return None
    top, bottom = as_numbers(table.frame[begin]), as_numbers(table.frame[end])
    known = np.isfinite(top) & np.isfinite(bottom)
    if known.mean() < _SHARE or (bottom[known] < top[known]).mean() > 1 - _SHARE:
        return None
    deeper = (top[known] > 0).any() or any(_HOLE.fullmatch(c) for c in names)
    return (begin, end) if deeper else None


def composite(
    table: InputTable,
    values: Floats,
    censored: Bools,
    zeros: Bools,
    at: SharedPlaces,
    findings: Findings,
) -> tuple[Floats, Bools, Bools]:
    """The mean of the intervals of each hole, weighted by length, ``(n_places, n_elements)``.

    Intervals at one place are one hole. A censored value counts as 0.65 of its limit; a mean of
    censored values alone is censored at the mean of their limits, and is a zero if all are. A zero
    beside other values is read as below the lowest of them: its own limit is of the whole survey,
    and a fold could not remove it from the mean.
    """
    columns = interval_columns(table)
    assert columns is not None
    top, bottom = (as_numbers(table.frame[c]) for c in columns)
    length = np.where(np.isfinite(bottom - top) & (bottom > top), bottom - top, 0.0)[:, None]

    def summed(parts: Floats) -> Floats:
        total = np.zeros((len(at.first), values.shape[1]))
        np.add.at(total, at.number, parts)
        return total

    values, censored, only_zeros = replace_zeros(values, censored, zeros, at)
    present = ~np.isnan(values)
    weights = np.where(present, length, 0.0)
    detected = summed(np.where(present & ~censored, 1.0, 0.0)) > 0
    share = np.where(censored & detected[at.number], CENSORED_SHARE, 1.0)
    with np.errstate(invalid="ignore"):
        means = summed(np.where(present, values * share, 0.0) * weights) / summed(weights)
    known = np.isfinite(means)
    findings.info(
        "composited-holes",
        str(table.path),
        f"{len(values)} intervals are averaged to {len(at.first)} holes, weighted by length",
        holes=len(at.first),
    )
    return means, ~detected & known, only_zeros & known


def mixed_rows(table: InputTable, where: Collection[str] = ()) -> Mixed | None:
    """The column that tells samples from standards and blanks, or one medium from others.

    Columns in ``where`` are selected by already.
    """
    for name in table.frame.columns:
        cells = table.frame[name]
        if str(name) in where or cells.dtype.kind in "ifcbM":
            continue
        texts = cells.dropna().astype(str).str.strip()
        counts = {str(v): int(n) for v, n in texts.value_counts().items()}
        if not 2 <= len(counts) <= _MOST_KINDS or len(texts) < _SHARE * len(cells):
            continue
        quality = [v for v in counts if _QUALITY.fullmatch(v)]
        media = [v for v in counts if _MEDIA.fullmatch(v)]
        samples = [v for v in counts if v not in quality]
        if not samples or not (quality or len(media) >= 2):
            continue
        if 2 * sum(counts[v] for v in quality) > len(texts):
            continue
        kept = media[0] if len(media) >= 2 else samples[0]
        others = {v: n for v, n in counts.items() if v != kept}
        if len(media) < 2:  # only quality control is left out
            others = {v: n for v, n in others.items() if v in quality}
        return Mixed(str(name), kept, counts[kept], others, len(media) >= 2)
    return None


def wanted_rows(table: InputTable, found: Mixed) -> list[str]:
    """The values of the column of ``found`` whose rows are samples of one medium."""
    texts = table.frame[found.column].dropna().astype(str).str.strip().unique()
    return [v for v in texts if v not in found.others]


def report_mixed(table: InputTable, samples: Samples, findings: Findings) -> None:
    """Warn if standards, blanks, duplicates or several media are read as samples of one kind."""
    found = mixed_rows(table, samples.where)
    if found is None:
        return
    others = listed([f"{v} ({n})" for v, n in found.others.items()], _MOST_KINDS)
    where = {**samples.where, found.column: wanted_rows(table, found)}
    findings.warning(
        "mixed-rows",
        table.where(column=found.column),
        f"the table mixes {'several media' if found.media else 'samples and quality control'}: "
        f"beside {found.kept} it has {others}; all are used as samples",
        f"set samples.where = {inline(where)}",
        column=found.column,
        others=found.others,
    )


def looks_like_deposits(columns: Collection[Any]) -> bool:
    """Whether a table has a column that deposits have and samples do not."""
    return any(
        re.fullmatch(
            r"commodit.*|tonn.*|.*reserves?.*|resource.*|mine(?:ral)?_?(?:name|type)?|deposit.*|"
            r"ore_?type|dep_?type|status|dev_?stat|grade.*|矿种|mena|yacimiento",
            str(c),
            re.I,
        )
        for c in columns
    )
