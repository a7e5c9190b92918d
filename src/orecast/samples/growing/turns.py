"""Quarter turns and flips of windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orecast.errors import ConfigError
from orecast.samples.growing.rows import OPTIONS, OneRow
from orecast.samples.grown import Part, through
from orecast.samples.nouns import Floats, Ints, Windows

REGISTERED = {"turns": "Turning"}

# A way is three bits: 1 flips the columns, 2 the rows, 4 then transposes.
_ALL, _ROTATIONS = (1, 2, 3, 4, 5, 6, 7), (3, 5, 6)


class Turning(OneRow):
    """Quarter turns and flips: the seven other ways in which a window can lie.

    A window comes in each way once before it comes in one again. With ``flips`` false in the three
    quarter turns alone, so that growing by ``times = 4`` gives the four rotations of Xiang et al.
    (2026, Earth Science 51(3)). A window of one cell stays what it is. A window of an even number
    of cells has its own cell beside its middle: turned, that cell lies on another side of it.
    """

    name = "turns"

    def __init__(self, flips: bool = True) -> None:
        if not isinstance(flips, bool):
            raise ConfigError(f"must be true or false, not {flips!r}", where=f"{OPTIONS}.flips")
        self.flips = flips

    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> Part:
        others = np.array(_ALL if self.flips else _ROTATIONS)
        order = rng.permuted(np.tile(others, (len(self.X_), 1)), axis=1)
        order = np.column_stack([order, np.zeros(len(order), dtype=np.int64)])
        return Turned(self.X_, row[:, None], order[row, turn % order.shape[1]])


@dataclass(frozen=True)
class Turned:
    """Rows of windows, each turned one ``way``, ``(m,)``."""

    source: Windows
    origin: Ints  # (m, 1)
    way: Ints

    def batch(self, rows: Ints, view: Windows) -> Floats:
        """The rows' windows, turned."""
        values = through(view, self.source).batch(self.origin[rows, 0])
        way = self.way[rows]
        for number in np.unique(way):
            here = way == number
            values[here] = turned(values[here], int(number))
        return values


def turned(values: Floats, way: int) -> Floats:
    """Turn windows ``(b, C, k, k)`` one of eight ways; 0 leaves them.

    >>> turned(np.array([[[[1, 2], [3, 4]]]], dtype=np.float32), 5)[0, 0].tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    if way & 1:
        values = values[..., ::-1]
    if way & 2:
        values = values[..., ::-1, :]
    return values.swapaxes(-1, -2) if way & 4 else values
