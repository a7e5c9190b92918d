"""Districts with known truth: believable to a geochemist, and the same for the same seed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
