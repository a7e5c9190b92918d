"""Simulate realistic districts with known deposits; the same seed gives the same district."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
