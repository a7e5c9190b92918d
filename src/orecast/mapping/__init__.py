"""Maps of the whole area: scores, classes, applicability, and GeoTIFF files."""

from orecast.mapping.applicability import Applicability, map_applicability
from orecast.mapping.classes import ClassMap, classify, classify_held_out
from orecast.mapping.rasters import CLASS_COLOURS, predict_map, read_raster, write_raster

__all__ = [
    "CLASS_COLOURS",
    "Applicability",
    "ClassMap",
    "classify",
    "classify_held_out",
    "map_applicability",
    "predict_map",
    "read_raster",
    "write_raster",
]
