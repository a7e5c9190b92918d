"""Evidence: from a survey to named layers on one grid, each with its origin and its reach."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
