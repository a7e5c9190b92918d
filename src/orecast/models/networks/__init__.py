"""Networks as plain torch modules, one published system a file; they see tensors only.

A factory is called as ``factory(channels, size, **options)`` and gives a module that maps windows
``(B, channels, size, size)`` to logits ``(B,)``. It declares ``needs`` and keeps
``forward_features`` apart from ``forward_head``: windows to features ``(B, F)`` or
``(B, F, h, w)``, and these to logits. Most of the weights stand before the features, so that they
can be pretrained without labels. The registry lists the names.
"""

__all__: list[str] = []
