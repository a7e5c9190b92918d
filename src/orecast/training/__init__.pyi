from .building import build_model, load_model, model_names, model_properties, unknown_model
from .network import Network

__all__ = [
    "Network",
    "build_model",
    "load_model",
    "model_names",
    "model_properties",
    "unknown_model",
]
