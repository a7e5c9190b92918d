"""A generative adversarial network that draws windows."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from orecast.sampling.augmentation import require_positive
from orecast.training.generators.generator import Generator, decoder, encoder

REGISTERED = {"gan": "AdversarialNetwork"}

_KEPT = 0.998


class AdversarialNetwork(Generator):
    r"""Generative adversarial network: a generator learns against a discriminator.

    .. math:: \min_D \; E_x \log(1 + e^{-D(x)}) + E_z \log(1 + e^{D(G(z))})
              + \tfrac{\gamma}{2} E_x \|\nabla D(x)\|^2, \qquad
              \min_G \; E_z \log(1 + e^{-D(G(z))})

    one step of each in turn, with the generator's loss that does not saturate: I. Goodfellow et
    al. (2014), Generative adversarial nets, NeurIPS, 2672-2680, section 3. The ``penalty``
    :math:`\gamma` on the discriminator's slope at real windows makes training converge (0: no
    penalty): L. Mescheder, A. Geiger, S. Nowozin (2018), Which training methods for GANs do
    actually converge?, ICML. Windows are drawn with the generator's mean weights, an exponential
    mean with factor 0.998 a step: Y. Yazici et al. (2019), The unusual effectiveness of averaging
    in GAN training, ICLR. Adam with a first beta of 0.5: Radford et al. (2016), ICLR.

    Single cells use two hidden layers, windows use convolutions. ``epochs``, ``batch``, ``rate``,
    ``latent`` and ``width`` as in ``Generator``. Needs at least ten windows.
    """

    name = "gan"

    def __init__(
        self,
        epochs: int = 400,
        batch: int = 64,
        rate: float = 1e-3,
        latent: int = 16,
        width: int = 64,
        penalty: float = 5.0,
    ) -> None:
        super().__init__(epochs, batch, rate, latent, width)
        self.penalty = 0.0 if penalty == 0 else require_positive("penalty", penalty)

    def _built(self, axes: int, size: int) -> nn.Module:
        return nn.ModuleDict(
            {
                "generator": decoder(self.latent, axes, size, self.width),
                "discriminator": encoder(axes, size, 1, self.width),
            }
        )

    def _train(self, net: nn.Module, epochs: Iterator[Iterator[Tensor]]) -> None:
        pair = cast(nn.ModuleDict, net)
        generator, discriminator = pair["generator"], pair["discriminator"]
        betas = (0.5, 0.999)
        of_g = torch.optim.Adam(generator.parameters(), self.rate, betas)
        of_d = torch.optim.Adam(discriminator.parameters(), self.rate, betas)
        mean, steps = copy.deepcopy(generator), 0
        for batches in epochs:
            for x in batches:
                made = generator(torch.randn(len(x), self.latent, device=x.device))
                loss = discriminator_loss(discriminator, x, made.detach(), self.penalty)
                self._require_finite(loss)
                of_d.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                of_d.step()
                of_g.zero_grad()
                softplus(-discriminator(made)).mean().backward()  # type: ignore[no-untyped-call]
                of_g.step()
                steps += 1
                _average(mean, generator, steps)
        pair["generator"] = mean

    def drawn(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Draw windows ``(b, r, k, k)``; only the latent vectors are random."""
        made: Tensor = cast(nn.ModuleDict, self.net_)["generator"](latent)
        return made


@torch.no_grad()
def _average(mean: nn.Module, net: nn.Module, steps: int) -> None:
    """Update the mean weights; in the first steps they change faster, to forget the start."""
    kept = min(_KEPT, steps / (steps + 10))
    for weight, new in zip(mean.parameters(), net.parameters(), strict=True):
        weight.lerp_(new, 1 - kept)


def discriminator_loss(net: nn.Module, real: Tensor, made: Tensor, penalty: float) -> Tensor:
    """Mean loss of a discriminator on real and made windows ``(b, r, k, k)``, with the penalty."""
    real = real.requires_grad_(penalty > 0)
    answer = net(real)
    loss = softplus(-answer).mean() + softplus(net(made)).mean()
    if not penalty:
        return loss
    (slope,) = torch.autograd.grad(answer.sum(), real, create_graph=True)
    return loss + penalty / 2 * slope.square().flatten(1).sum(1).mean()
