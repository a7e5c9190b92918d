"""What makes a branch, windows to one vector of features, a network of its own."""

from __future__ import annotations

from torch import Tensor, nn

from orecast.models.blocks import FeatureHead, TwoPart, initialise, require_share


class Classifier(TwoPart):
    """A branch and one linear unit: ``(B, C, k, k)`` to features ``(B, F)`` to logits ``(B,)``.

    ``dropout`` acts on the features. Raises ConfigError where it is no share.
    """

    def __init__(self, branch: nn.Module, features: int, dropout: float) -> None:
        super().__init__()
        self.branch = branch
        self.head = FeatureHead(features, require_share("dropout", dropout))
        initialise(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return features ``(B, F)``."""
        features: Tensor = self.branch(x)
        return features
