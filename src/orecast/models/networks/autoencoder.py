"""Autoencoder of a cell's layers with a classifier on its code."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear, mse_loss

from orecast.errors import ConfigError
from orecast.models.networks.blocks import FeatureHead, TwoPart, require_count, require_share
from orecast.sampling.windows import Needs

REGISTERED = {"autoencoder": "Autoencoder"}


class Autoencoder(TwoPart):
    r"""Autoencoder of a cell's layers; its code is classified, both in one training.

    .. math:: c = W_2\,\mathrm{ReLU}(W_1 x + b_1) + b_2, \quad
        \hat x = W_1^\top \mathrm{ReLU}(W_2^\top c), \quad
        L = \mathrm{BCE}(w \cdot c + b,\ y) + \lambda\,\mathrm{MSE}(\hat x, x)

    The comparator AE of the Pangxidong study (2024), which reports only its name. Chosen here: one
    hidden layer of ``width`` 64, as in that study's networks, and a ``code`` of 8, half of its 16
    elements, so that the code compresses. Reconstruction and classification are trained together,
    with ``reconstruction`` (lambda) 1; this helps the classifier with few labels (L. Le,
    A. Patterson, M. White 2018, Supervised autoencoders, NeurIPS, 107-117). The decoder has the
    encoder's weights transposed (P. Vincent et al. 2010, Stacked denoising autoencoders, JMLR 11,
    3371-3408, section 2.2), and no biases, since standardised layers have mean 0. ``dropout`` acts
    on the code.

    Shapes: windows ``(B, channels, size, size)``, only the own cell is read; code
    ``(B, code)``, logits ``(B,)``. Raises ConfigError where an option is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=1, parity="odd")

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 64,
        code: int = 8,
        reconstruction: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width, code = require_count("width", width), require_count("code", code)
        self.middle = size // 2
        self.reconstruction = _require_factor("reconstruction", reconstruction)
        self.outer = nn.Linear(channels, width)
        self.inner = nn.Linear(width, code)
        self.head = FeatureHead(code, require_share("dropout", dropout))

    def forward_features(self, x: Tensor) -> Tensor:
        """Return codes ``(B, code)`` of windows ``(B, channels, size, size)``."""
        return self._encoded(self._own(x))

    def decoded(self, code: Tensor) -> Tensor:
        """Return layers ``(B, channels)`` restored from codes ``(B, code)``."""
        return linear(torch.relu(linear(code, self.inner.weight.T)), self.outer.weight.T)

    def training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy of the code's logit plus ``reconstruction`` times the mean square."""
        own = self._own(x)
        code = self._encoded(own)
        cross_entropy = binary_cross_entropy_with_logits(self.forward_head(code).float(), y)
        return cross_entropy + self.reconstruction * mse_loss(self.decoded(code).float(), own)

    def _own(self, x: Tensor) -> Tensor:
        """Values of the windows' own cells, ``(B, channels)``."""
        return x[:, :, self.middle, self.middle]

    def _encoded(self, own: Tensor) -> Tensor:
        code: Tensor = self.inner(torch.relu(self.outer(own)))
        return code


def _require_factor(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigError(
            f"must be a number of at least 0, not {value!r}", where=f"model.options.{name}"
        )
    return float(value)
