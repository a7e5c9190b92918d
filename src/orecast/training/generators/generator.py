"""Generators of windows: a variational autoencoder and a generative adversarial network."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

from orecast.arrays import Floats32, Ints
from orecast.errors import ModelError, SamplingError
from orecast.sampling.augmentation import (
    OPTIONS,
    Augmenter,
    MadeRows,
    Units,
    keyed_normal,
    require_positive,
    require_whole,
)
from orecast.sampling.windows import WEIGHT, Windows
from orecast.training.acceleration import WITH_ADAM, best_device, outline, suited_process
from orecast.training.checkpoints import fingerprint, restore_weights, write_weights
from orecast.training.data import TrainingBatches, gather, gathered
from orecast.training.trainer import local_randomness

REGISTERED = {"gan": "AdversarialNetwork", "vae": "VariationalAutoencoder"}

_SMALLEST_MAP = 4


def decoder(latent: int, channels: int, size: int, width: int) -> nn.Module:
    """From a latent vector ``(B, latent)`` to a window ``(B, channels, size, size)``.

    For windows of one cell, two hidden layers of ``width``. Else a map of at most four cells a
    side, which transposed convolutions double, as in Radford et al. (2016, ICLR). Their batch
    normalisation is left out, so that a row does not depend on the others of its batch.
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
    """From a window ``(B, channels, size, size)`` to ``(B, outputs)``; the decoder reversed."""
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
    """How often a map is doubled to reach ``size`` cells, and its first side.

    >>> _doublings(9), _doublings(32), _doublings(3)
    ((2, 3), (3, 4), (0, 3))
    """
    doublings = max(0, math.ceil(math.log2(size / _SMALLEST_MAP)))
    return doublings, math.ceil(size / 2**doublings)


_LEAST = 1e-9  # of the largest variance; smaller ones are rounding


@dataclass(frozen=True)
class WhiteningAxes:
    """Principal axes of layers over the cells of windows, ``(r, C)``, scaled to a variance of 1.

    Windows made in these axes keep every linear relation of the layers, such as the zero sum of
    centred log-ratios. Constant layers stay constant.
    """

    mean: Tensor  # (C,)
    there: Tensor  # (C, r)
    back: Tensor  # (r, C)

    @classmethod
    def of(cls, X: Windows) -> Self:
        """WhiteningAxes of the windows' cells, read in batches.

        Raises SamplingError if all cells are equal, ModelError if a value is missing.
        """
        mean, covariance = _moments(X)
        variance, axes = np.linalg.eigh(covariance)
        kept = variance > _LEAST * max(variance[-1], _LEAST)
        if not kept.any():
            raise SamplingError(
                f"a generator cannot learn from {len(X)} windows that hold only one value",
                where="sampling.grow",
                remedy='set method = "copy"',
            )
        spread, axes = np.sqrt(variance[kept]), axes[:, kept]
        arrays = (mean, axes / spread, (axes * spread).T)
        return cls(*(torch.from_numpy(a.astype(np.float32)) for a in arrays))

    def forth(self, x: Tensor) -> Tensor:
        """Windows ``(b, C, k, k)`` on the axes, ``(b, r, k, k)``."""
        return torch.einsum("bchw,cr->brhw", x - self.mean[:, None, None], self.there)

    def back_to_layers(self, z: Tensor) -> Tensor:
        """Windows ``(b, C, k, k)`` from values on the axes, ``(b, r, k, k)``."""
        return torch.einsum("brhw,rc->bchw", z, self.back) + self.mean[:, None, None]


def _moments(X: Windows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean ``(C,)`` and covariance ``(C, C)`` of the windows' cells."""
    layers = len(X.names)
    n, total, squares = 0, np.zeros(layers), np.zeros((layers, layers))
    shift = gather(X, slice(0, 1)).double().mean((0, 2, 3)).numpy()  # for exact differences
    for _, x in gathered(X):
        cells = x.double().movedim(1, -1).reshape(-1, layers).numpy() - shift
        n, total, squares = n + len(cells), total + cells.sum(axis=0), squares + cells.T @ cells
    mean = total / n
    return mean + shift, squares / n - np.outer(mean, mean)


_MOST_WIDE, _MOST_RATE = 2**20, 1e30  # as for every network (networks.blocks, config.schema)


class Generator(Augmenter):
    """Base of the generators; a subclass builds its networks and trains them.

    Networks read windows on the principal axes of their layers (``WhiteningAxes``). ``epochs``
    passes over the windows in batches of ``batch``; Adam with learning rate ``rate``; a window is
    drawn from ``latent`` numbers; networks are ``width`` wide. A weight of geological knowledge
    stays in [0, 1]. With a folder for ``checkpoints``, a generator that learned from the same
    windows before is read from there. Learned: ``net_`` on the CPU, ``axes_``.
    """

    checkpoints: Path | None = None

    fewest = 10
    per_row = False

    net_: nn.Module
    axes_: WhiteningAxes

    def __init__(self, epochs: int, batch: int, rate: float, latent: int, width: int) -> None:
        self.epochs = require_whole("epochs", epochs)
        self.batch = require_whole("batch", batch, least=2)
        self.rate = require_positive("rate", rate, most=_MOST_RATE)
        self.latent = require_whole("latent", latent, most=_MOST_WIDE)
        self.width = require_whole("width", width, most=_MOST_WIDE)

    def check(self, X: Windows) -> None:
        """Raise SamplingError for fewer than ten windows, CapacityError for too little memory."""
        super().check(X)
        self._outline(len(X.names), X.size)

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Learn from the windows of one class; nothing else is read.

        Raises SamplingError for fewer than ten windows or if all are equal, ModelError if a value
        is missing or the loss is not finite, RunError if a checkpoint cannot be written or read.
        """
        self.check(X)
        self.units_ = Units.of(X)
        self.weights_ = [layer for layer, kind in enumerate(X.kinds) if kind == WEIGHT]
        self.axes_ = WhiteningAxes.of(X)
        axes = len(self.axes_.back)
        deterministic = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True
        )
        kept = self._checkpoint(X, seed)
        with local_randomness(seed), deterministic:
            net = self._built(axes, X.size)
            if kept is not None and kept.exists():
                restore_weights(kept, net)
            else:
                with suited_process(net, X.size):
                    self._train(net.to(best_device()), self._epochs(X, seed))
                if kept is not None:
                    write_weights(kept, net)
        self.net_ = net.cpu().eval()
        return self

    def _outline(self, axes: int, size: int) -> None:
        """Raise CapacityError if training needs more memory than there is."""

        def build(**options: int) -> nn.Module:
            other = copy.copy(self)
            vars(other).update(options)
            return other._built(axes, size)

        outline(
            build,
            {"width": self.width, "latent": self.latent},
            a_weight=WITH_ADAM,
            name=self.name,
            where=OPTIONS,
        )

    def _checkpoint(self, X: Windows, seed: int) -> Path | None:
        """File of a generator with these options and seed, fitted to these windows."""
        if self.checkpoints is None:
            return None
        options = {n: v for n, v in vars(self).items() if isinstance(v, int | float)}
        key = fingerprint(X, np.empty(0), name=self.name, options=options, seed=seed)
        return self.checkpoints / f"{key}.safetensors"

    def grow(self, n: int, *, seed: int) -> MadeRows:
        """Draw ``n`` rows; single cells are drawn now, larger windows when they are read."""
        rng = np.random.default_rng([seed, 21])
        latent = rng.standard_normal((n, self.latent), dtype=np.float32)
        rows = GeneratedRows(self, latent, rng.integers(2**64, size=n, dtype=np.uint64))
        return rows if self.units_.size > 1 else replace(rows, kept=rows.values(np.arange(n)))

    @abstractmethod
    def _built(self, axes: int, size: int) -> nn.Module:
        """Networks on windows of so many axes."""

    @abstractmethod
    def _train(self, net: nn.Module, epochs: Iterator[Iterator[Tensor]]) -> None:
        """Train in place, over epochs of batches ``(b, r, k, k)``."""

    @abstractmethod
    def drawn(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Windows ``(b, r, k, k)`` of latent vectors ``(b, latent)`` and noise of their shape."""

    def _epochs(self, X: Windows, seed: int) -> Iterator[Iterator[Tensor]]:
        device = best_device()
        batches = TrainingBatches(X, np.zeros(len(X)), self.batch, seed=seed, flips=False)
        for epoch in range(self.epochs):
            batches.epoch = epoch
            yield (self.axes_.forth(x).to(device) for x, _ in batches)

    def _require_finite(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise ModelError(
                f"training of {self.name} diverged: the loss is {loss.item()}",
                where=f"{OPTIONS}.rate",
                remedy="set a lower learning rate",
            )


@dataclass(frozen=True)
class GeneratedRows:
    """Rows that a generator draws from latent vectors ``(m, latent)`` and keys of noise ``(m,)``.

    Each row is drawn alone. In a batch, its rounding would depend on the other rows. ``kept`` are
    the values ``(m, C, k, k)`` if they are drawn already.
    """

    generator: Generator
    latent: Floats32
    key: NDArray[np.uint64]
    kept: Floats32 | None = None

    @property
    def origin(self) -> Ints:
        """No window stands behind a row, ``(m, 0)``."""
        return np.empty((len(self.key), 0), dtype=np.int64)

    def batch(self, rows: Ints, view: Windows) -> Floats32:
        """Some of the rows."""
        values = self.values(rows) if self.kept is None else self.kept[rows]
        return self.generator.units_.converted(values, view)

    def values(self, rows: Ints) -> Floats32:
        """Draw some rows as the generator learned them, ``(b, C, k, k)``."""
        generator, size = self.generator, self.generator.units_.size
        shape = (1, len(generator.axes_.back), size, size)
        made = np.empty((len(rows), len(generator.units_.names), size, size), dtype=np.float32)
        with torch.inference_mode(), suited_process(generator.net_, size):
            for k, row in enumerate(rows):
                noise = torch.from_numpy(keyed_normal(self.key[row], shape))
                z = generator.drawn(torch.from_numpy(self.latent[row][None]), noise)
                made[k] = generator.axes_.back_to_layers(z)[0].numpy()
        made[:, generator.weights_] = np.clip(made[:, generator.weights_], 0, 1)
        return made


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
        return EncoderDecoder(axes, size, self.latent, self.width)

    def _train(self, net: nn.Module, epochs: Iterator[Iterator[Tensor]]) -> None:
        net = cast(EncoderDecoder, net)
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
        net = cast(EncoderDecoder, self.net_)
        mean: Tensor = net.decoder(latent)
        return mean + net.log_spread.exp() * noise


class EncoderDecoder(nn.Module):
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
        return cast(nn.ModuleDict, self.net_)["generator"](latent)


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
