"""How a weight of geological knowledge follows from a layer, learned in a fold and kept with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from orecast.errors import SamplingError
from orecast.samples import WEIGHT, FaultControl, Scaling, Windows, fit_fault_control

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

KNOWLEDGE = "knowledge"
"""Name of the layer that holds the weight."""


@dataclass(frozen=True)
class Guidance:
    """What turns a layer into a weight in [0, 1] at each cell.

    ``layer`` is the distance to faults, which ``control`` weighs, or any other, which is taken from
    ``limits`` to 0 and 1.

    >>> Guidance("Au", limits=(-1.0, 3.0)).weight(np.array([[0, 9]], dtype=np.float32)).tolist()
    [[0.25, 1.0]]
    """

    layer: str
    control: FaultControl | None = None
    limits: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def by_faults(
        cls, layer: str, distance: Floats, visible: Bools, deposits: Ints, cell_size: float
    ) -> Self:
        """Fit the influence of faults; raises SamplingError (see ``fit_fault_control``)."""
        return cls(layer, fit_fault_control(distance, visible, deposits, cell_size))

    @classmethod
    def by_range(cls, layer: str, values: Floats, visible: Bools) -> Self:
        """Take a layer that lies in [0, 1] as it is, else from its lowest visible value on.

        Raises SamplingError where it is the same at every visible cell.
        """
        seen = values[visible & np.isfinite(values)]
        low, high = float(seen.min(initial=np.inf)), float(seen.max(initial=-np.inf))
        if not low < high:
            raise SamplingError(
                f"layer {layer} is the same wherever a fold may look, and weighs nothing",
                where="model.weight",
                remedy="name a layer that varies",
            )
        return cls(layer) if low >= 0 and high <= 1 else cls(layer, limits=(low, high))

    def weight(self, values: Floats) -> Floats:
        """Weights ``(rows, columns)`` of the layer's values, of this area or another."""
        if self.control is not None:
            return self.control(values).astype(np.float32)
        low, high = self.limits
        weight: Floats = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
        return weight

    def joined(self, windows: Windows, values: Floats) -> Windows:
        """Scaled windows with the weight behind their layers, which alone is not scaled."""
        scaling = windows.scaling
        assert scaling is not None
        return replace(
            windows,
            stack=np.concatenate([windows.stack, self.weight(values)[None]]),
            names=(*windows.names, KNOWLEDGE),
            kinds=(*windows.kinds, WEIGHT),
            scaling=Scaling(
                np.append(scaling.mean, np.float32(0)), np.append(scaling.spread, np.float32(1))
            ),
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        if self.control is None:
            return {"layer": self.layer, "limits": list(self.limits)}
        control = self.control
        law = {"exponent": control.exponent, "coefficient": control.coefficient}
        return {"layer": self.layer, "control": law | {"limits": list(control.limits)}}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Self:
        """Return what ``as_dict`` wrote; raises KeyError, TypeError or ValueError."""
        if "control" not in told:
            return cls(str(told["layer"]), limits=_pair(told["limits"]))
        law = told["control"]
        exponent, coefficient = float(law["exponent"]), float(law["coefficient"])
        return cls(str(told["layer"]), FaultControl(exponent, coefficient, _pair(law["limits"])))


def _pair(values: Any) -> tuple[float, float]:
    low, high = map(float, values)
    return low, high
