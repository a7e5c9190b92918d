"""Make evidence from a survey: named layers on one grid, each with origin and reach."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
