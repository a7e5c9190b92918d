"""Evidence: named layers on one grid, each with origin and reach."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orecast.errors import AlignmentError, ConfigError, nearest
from orecast.grid import Grid

Kind = Literal["element", "fault", "lithology", "raster"]

FAULT_DISTANCE = "fault_distance"
"""Name of the layer with the distance in metres to the nearest fault."""


@dataclass(frozen=True)
class Evidence:
    """Layers on one grid, ``data`` with dims (y, x), float32, NaN outside the data's reach.

    Attributes of each variable: ``kind``, ``origin`` (how it was made, in one sentence), ``unit``,
    and ``reach``: how far, in metres, a datum influences a cell.
    """

    grid: Grid
    data: xr.Dataset

    @classmethod
    def empty(cls, grid: Grid) -> Evidence:
        """Evidence without layers."""
        return cls(grid, xr.Dataset(coords={"y": grid.y, "x": grid.x}))

    def adding(
        self,
        name: str,
        values: NDArray[np.floating],
        *,
        kind: Kind,
        origin: str,
        reach: float,
        unit: str = "",
    ) -> Evidence:
        """This evidence with one more layer; ``values`` has the grid's shape."""
        if values.shape != self.grid.shape:
            raise AlignmentError(
                f"the shape {values.shape} differs from the grid's {self.grid.shape}",
                where=f"layer {name}",
            )
        if name in self.data:
            raise ConfigError(
                "two layers have this name", where=f"layer {name}", remedy="rename one of them"
            )
        layer = xr.DataArray(
            np.ascontiguousarray(values, dtype=np.float32),
            dims=("y", "x"),
            attrs={"kind": kind, "origin": origin, "reach": float(reach), "unit": unit},
        )
        return Evidence(self.grid, self.data.assign({name: layer}))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers, in order."""
        return tuple(str(name) for name in self.data.data_vars)

    @property
    def reach(self) -> float:
        """The longest reach of any layer, in metres."""
        return max((float(v.attrs["reach"]) for v in self.data.data_vars.values()), default=0.0)

    def layer(self, name: str) -> NDArray[np.float32]:
        """Values of one layer, ``(rows, columns)``."""
        if name not in self.data:
            raise ConfigError(f"there is no layer {name!r}", remedy=nearest(name, self.names))
        values: NDArray[np.float32] = self.data[name].to_numpy()
        return values

    def kind(self, name: str) -> str:
        """Kind of one layer."""
        return str(self.data[name].attrs["kind"])

    @cached_property
    def stack(self) -> NDArray[np.float32]:
        """All layers, ``(n_layers, rows, columns)``; the only copy: the variables are its views."""
        stack = np.stack([self.layer(name) for name in self.names])
        for values, name in zip(stack, self.names, strict=True):
            self.data[name].data = values
        return stack

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """Cells where every layer has a value, ``(rows, columns)``."""
        return np.asarray(~np.isnan(self.stack).any(axis=0))
