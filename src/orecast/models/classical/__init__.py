"""Models that need no torch: single layers, distances, forest, logistic regression.

Each file opens with the table of the names it registers; ``registry.load`` imports one of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
