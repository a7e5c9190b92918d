"""Districts with known truth: believable to a geochemist, and the same for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.simulation.district import District, Truth, simulate
    from orecast.simulation.files import write_district
    from orecast.simulation.preset import Preset, load_preset, presets

__all__ = [
    "District",
    "Preset",
    "Truth",
    "load_preset",
    "presets",
    "simulate",
    "write_district",
]

__getattr__ = exports(
    __name__,
    {
        "District": "district",
        "Preset": "preset",
        "Truth": "district",
        "load_preset": "preset",
        "presets": "preset",
        "simulate": "district",
        "write_district": "files",
    },
)
