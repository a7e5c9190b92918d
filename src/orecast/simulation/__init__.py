"""Districts with known truth: believable to a geochemist, and the same for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "District": "district",
    "Truth": "district",
    "simulate": "district",
    "write_district": "files",
    "Preset": "preset",
    "load_preset": "preset",
    "presets": "preset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
