"""Propose points without elements as deposits, and their commodity."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from orecast.config import inline
from orecast.survey.data import listed
from orecast.survey.elements import commodities_named, symbol_named
from orecast.survey.proposal.draft import (
    BARREN,
    DEPOSIT,
    MOST_KINDS,
    Draft,
    best_column,
    label_of,
)
from orecast.survey.rows import looks_like_deposits
from orecast.survey.tables import InputTable

_COMMODITY = (
    r"commod|矿种|metal|element|substan|sostanz|sustanc|rohstoff|wertstoff|minerai|mena|сырь|"
    r"полезн|malm|mineral|ore_?type|style|type"
)
# Points of a map that are no deposits.
_OTHER_POINTS = re.compile(
    r"(?<![a-z])(?:village|town|city|cities|settlement|camp|station|well|borehole|spring|peak|"
    r"summit|house|airport|pueblo|dorf|aldeia)|посел|村|镇",
    re.I,
)


def propose_points(draft: Draft) -> None:
    """Propose points without elements as deposits or, by the file's name, as barren places."""
    for table, place in sorted(draft.points, key=lambda p: _doubt(*p)):
        barren = BARREN.search(label_of(table, place))
        why = f"{len(table.frame)} points"
        if barren:
            draft.take("barren", table.path, place, why)
            continue
        doubt = _doubt(table, place)
        if doubt == 2:
            draft.notes.append(
                f"{table.path.name}: ignored; by its name its points are no deposits"
            )
            continue
        if "deposits" not in draft.table:
            if doubt:
                draft.ask(
                    table.path,
                    "nothing in its names says that its points are deposits. If they are not, "
                    "remove [deposits]",
                    place,
                )
            draft.commodity = _commodity(table)
            _choose_kind(table, place, draft)
        draft.take("deposits", table.path, place, why)


def _doubt(table: InputTable, place: dict[str, Any]) -> int:
    """0 for points that are named as deposits, 2 for those named as something else, else 1."""
    label = label_of(table, place)
    words = f"{label} {' '.join(map(str, table.frame.columns))}"
    if DEPOSIT.search(words) or looks_like_deposits(table.frame.columns):
        return 0
    if commodities_named(label) or _commodity(table):
        return 0
    return 2 if _OTHER_POINTS.search(label) else 1


def _column(table: InputTable) -> str | None:
    """The column with the commodities or kinds of deposits, if there is one."""
    return best_column(table.frame, _COMMODITY, "ifc", MOST_KINDS)[0]


def metals_in(cell: str) -> list[str]:
    """The metals that a cell of commodities lists, in order.

    A part that is a symbol alone counts, and so does the French *or*.

    >>> metals_in("Cu; Au"), metals_in("or"), metals_in("W, Sn"), metals_in("gravel or sand")
    (['Cu', 'Au'], ['Au'], ['W', 'Sn'], [])
    """
    found: list[str] = []
    for part in re.split(r"[;,/+&|]|\s-\s|-(?=[A-Z])", cell):
        word = part.strip()
        symbol = "Au" if word.lower() == "or" else symbol_named(word)
        found += [symbol] if symbol else commodities_named(word)
    return list(dict.fromkeys(found))


def _commodity(table: InputTable) -> str:
    """The element that most deposits have in their column of commodities; "" for none.

    Of equally frequent ones, it is the first named.
    """
    column = _column(table)
    if column is None:
        return ""
    counts = Counter(metal for v in table.frame[column].dropna() for metal in metals_in(str(v)))
    metal, n = next(iter(counts.most_common(1)), ("", 0))
    return metal if 2 * n > len(table.frame) else ""


def _choose_kind(table: InputTable, place: dict[str, Any], draft: Draft) -> None:
    """Ask which deposits to use where some are of another metal; note other kinds of deposits."""
    column = _column(table)
    if column is None:
        return
    counts = table.frame[column].value_counts()
    kinds = [str(v) for v in counts.index]
    of_metal = [v for v in kinds if draft.commodity and draft.commodity in metals_in(v)]
    if of_metal == kinds:
        return
    wanted = of_metal or kinds[:1]
    line = inline({column: wanted if len(wanted) > 1 else wanted[0]})
    shown = listed([f"{v} ({n})" for v, n in counts.items()])
    what = f"those with {draft.commodity}" if of_metal else "one kind"
    text = f"column {column} has {shown}. All are used; to use {what} alone, set where = {line}"
    if of_metal:
        draft.ask(table.path, text, place)
    else:
        draft.notes.append(f"{table.path.name}: {text}")
