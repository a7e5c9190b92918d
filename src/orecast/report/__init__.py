"""Figures and a self-contained page, drawn from a finished run's folder alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
