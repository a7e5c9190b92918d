"""Networks as plain torch modules, one published system per file; input and output are tensors.

A factory is called as ``factory(channels, size, **options)`` and returns a module that maps windows
``(B, channels, size, size)`` to logits ``(B,)``. It declares ``needs`` and has two parts:
``forward_features`` maps windows to features ``(B, F)`` or ``(B, F, h, w)``, ``forward_head`` maps
these to logits. Most of the weights come before the features, so that they can be pretrained
without labels. The registry lists the names.
"""

__all__: list[str] = []
