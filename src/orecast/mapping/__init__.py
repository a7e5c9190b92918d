"""The whole area: predicted, classed, and written as GeoTIFFs."""

from orecast.mapping.classes import Classes, classify
from orecast.mapping.prediction import predict_map
from orecast.mapping.rasters import CLASS_COLOURS, read_raster, write_raster

__all__ = ["CLASS_COLOURS", "Classes", "classify", "predict_map", "read_raster", "write_raster"]
