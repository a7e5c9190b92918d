from .district import District, Truth, simulate
from .files import write_district
from .preset import Preset, load_preset, presets

__all__ = [
    "District",
    "Preset",
    "Truth",
    "load_preset",
    "presets",
    "simulate",
    "write_district",
]
