"""The small networks of which generators are made."""

from __future__ import annotations

import math

from torch import Tensor, nn

_SMALLEST_MAP = 4


def decoder(latent: int, channels: int, size: int, width: int) -> nn.Module:
    """From a latent vector ``(B, latent)`` to a window ``(B, channels, size, size)``.

    Two hidden layers of ``width`` where the window is one cell; else a map of at most four cells a
    side that transposed convolutions double, as in Radford et al. (2016, ICLR), without their batch
    normalisation: what a row becomes shall owe nothing to the others of its batch.
    """
    if size == 1:
        return nn.Sequential(
            nn.Linear(latent, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, channels),
            nn.Unflatten(1, (channels, 1, 1)),
        )
    doublings, side = _doublings(size)
    layers: list[nn.Module] = [
        nn.Linear(latent, width * side * side),
        nn.Unflatten(1, (width, side, side)),
        nn.ReLU(),
    ]
    for _ in range(doublings):
        layers += [nn.ConvTranspose2d(width, width, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1), _Corner(size))


def encoder(channels: int, size: int, outputs: int, width: int) -> nn.Module:
    """From a window ``(B, channels, size, size)`` to ``(B, outputs)``; the decoder's mirror."""
    if size == 1:
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, outputs),
        )
    doublings, side = _doublings(size)
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
    for _ in range(doublings):
        layers += [nn.Conv2d(width, width, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * side * side, outputs))


class _Corner(nn.Module):
    """The first ``size`` rows and columns of a map."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.size, : self.size]


def _doublings(size: int) -> tuple[int, int]:
    """How often a map is doubled to reach ``size`` cells, and its side at first.

    >>> _doublings(9), _doublings(32), _doublings(3)
    ((2, 3), (3, 4), (0, 3))
    """
    doublings = max(0, math.ceil(math.log2(size / _SMALLEST_MAP)))
    return doublings, math.ceil(size / 2**doublings)
