"""A variational autoencoder that draws windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from orecast.training.generators.generator import Generator, decoder, encoder

REGISTERED = {"vae": "VariationalAutoencoder"}


class VariationalAutoencoder(Generator):
    r"""Variational autoencoder: windows drawn from latent numbers, with their noise.

    .. math:: \log p(x) \ge E_{q(z|x)} \log p(x|z) - KL(q(z|x) \,\|\, p(z))

    with :math:`p(z)` standard normal, :math:`q(z|x)` and :math:`p(x|z)` normal with independent
    axes. The encoder gives mean and variance of :math:`q`, the decoder the mean of :math:`p(x|z)`;
    its spread is learned, one number an axis. D.P. Kingma, M. Welling (2014), Auto-encoding
    variational Bayes, ICLR. A row is a draw from :math:`p(x|z)`, not its mean: means alone would
    vary too little.

    Single cells use two hidden layers, windows use convolutions. ``epochs``, ``batch``, ``rate``,
    ``latent`` and ``width`` as in ``Generator``. Needs at least ten windows.
    """

    name = "vae"

    def __init__(
        self,
        epochs: int = 300,
        batch: int = 32,
        rate: float = 3e-3,
        latent: int = 8,
        width: int = 64,
    ) -> None:
        super().__init__(epochs, batch, rate, latent, width)

    def _built(self, axes: int, size: int) -> nn.Module:
        return Autoencoder(axes, size, self.latent, self.width)

    def _train(self, net: nn.Module, epochs: Iterator[Iterator[Tensor]]) -> None:
        net = cast(Autoencoder, net)
        optimiser = torch.optim.Adam(net.parameters(), self.rate)
        for batches in epochs:
            for x in batches:
                loss = net.loss(x)
                self._require_finite(loss)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()

    def drawn(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Draw windows ``(b, r, k, k)`` from ``p(x|z)``."""
        net = cast(Autoencoder, self.net_)
        mean: Tensor = net.decoder(latent)
        return mean + net.log_spread.exp() * noise


class Autoencoder(nn.Module):
    """Encoder and decoder of windows ``(B, axes, size, size)``."""

    def __init__(self, axes: int, size: int, latent: int, width: int) -> None:
        super().__init__()
        self.encoder = encoder(axes, size, 2 * latent, width)
        self.decoder = decoder(latent, axes, size, width)
        # Below the data's spread of 1: at 1, a decoder without information would fit as well.
        self.log_spread = nn.Parameter(torch.full((axes, 1, 1), -1.0))

    def loss(self, x: Tensor) -> Tensor:
        """Mean over a batch of the negative bound on the log-likelihood, less its constant."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        misfit = negative_log_likelihood(x, self.decoder(z), self.log_spread)
        return (misfit + divergence(mean, log_variance)).mean()


def negative_log_likelihood(x: Tensor, mean: Tensor, log_spread: Tensor) -> Tensor:
    """Of windows ``(b, r, k, k)`` under normal distributions of independent cells, ``(b,)``.

    Without the constant of half the logarithm of 2 pi a cell.
    """
    cells: Tensor = ((x - mean) * (-log_spread).exp()).square() / 2 + log_spread
    return cells.flatten(1).sum(1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal distributions ``(b, d)`` from N(0, 1), ``(b,)``.

    >>> divergence(torch.tensor([[3.0]]), torch.tensor([[0.0]])).item()
    4.5
    """
    terms = mean.square() + log_variance.exp() - 1 - log_variance
    return terms.sum(1) / 2
