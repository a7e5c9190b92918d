"""Self-supervised pretraining: a network restores masked windows before it learns from labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from orecast.config import Training
from orecast.errors import SamplingError
from orecast.sampling.windows import Windows
from orecast.training.acceleration import Acceleration
from orecast.training.building import EpochProgress
from orecast.training.checkpoints import Checkpoint
from orecast.training.data import Flips, TrainingBatches
from orecast.training.reading import unhidden_cells, windows_among
from orecast.training.trainer import local_randomness, train

TRANSDUCTIVE = (
    "the network was pretrained on windows of the whole map: it used the concentrations of "
    "held-out areas, but no labels of them"
)
"""Sentence for a network that was pretrained on all windows."""

_WINDOWS = 20_000
_CELLS_MASKED, _LAYERS_MASKED = 0.5, 0.25


def pretrain(
    net: nn.Module,
    X: Windows,
    training: Training,
    *,
    seed: int,
    settings: Acceleration,
    checkpoint: Checkpoint | None = None,
    progress: EpochProgress | None = None,
) -> None:
    """Train a network without its head, in place, to restore masked values of windows.

    Half of a window's cells, in all layers, and a quarter of its layers as a whole are set to 0,
    the mean of standardised layers. The features are averaged over their map, as most heads do. A
    linear decoder then predicts two values of each layer: the middle cell, if it is masked, and the
    mean of the masked cells. It cannot predict every cell, since the average has no positions. The
    loss is the mean square of these errors. The decoder is discarded afterwards.

    D. Pathak et al. (2016), Context encoders: feature learning by inpainting, CVPR, 2536-2544;
    K. He et al. (2022), Masked autoencoders are scalable vision learners, CVPR, 16000-16009.

    Optimiser and learning rate are those of ``training``, over ``training.pretrain`` epochs. Raises
    as ``train``.
    """
    schedule = training.model_copy(update={"epochs": training.pretrain})
    batches = MaskedBatches(X, training.batch, seed=seed, flips=training.flips, trim=training.trim)
    with local_randomness(int(np.random.default_rng([seed, 15]).integers(2**63))):
        restorer = Restorer(net, len(X.names), X.size)
    train(
        restorer,
        batches,
        schedule,
        seed=seed,
        settings=settings,
        loss=masked_squares,
        checkpoint=checkpoint,
        progress=progress,
    )


def unlabelled_windows(X: Windows, training: Training, seed: int) -> Windows:
    """Up to 20,000 random windows for pretraining, at cells with values in all layers.

    With ``training.pretrain_on`` "visible", no window touches a cell that ``X`` hides; with "all",
    nothing is hidden. Raises SamplingError if there are fewer than two.
    """
    X = X if training.pretrain_on == "visible" else replace(X, hidden=None)
    cells = unhidden_cells(X)
    if cells.sum() < 2:
        raise SamplingError(
            "pretraining needs at least 2 windows with values and without hidden cells",
            where="training.pretrain",
            remedy="set it to 0",
        )
    return windows_among(X, cells, _WINDOWS, np.random.default_rng([seed, 14]))


class Restorer(nn.Module):
    """A network's features and a linear decoder: ``(B, C, k, k)`` to ``(B, 2, C)``.

    The two values of each layer are the middle cell and the mean of the masked cells.
    """

    def __init__(self, net: nn.Module, channels: int, size: int) -> None:
        super().__init__()
        self.net = net
        net.eval()  # this pass must not change batch normalisations
        with torch.no_grad():
            features = self._pooled(torch.zeros(2, channels, size, size))
        net.train()
        self.decoder = nn.Linear(features.shape[1], 2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the restored values, ``(B, 2, C)``."""
        restored: Tensor = self.decoder(self._pooled(x))
        return restored.view(len(x), 2, -1)

    def _pooled(self, x: Tensor) -> Tensor:
        features: Tensor = self.net.forward_features(x)  # type: ignore[operator]
        return features.flatten(2).mean(2) if features.ndim > 2 else features


class MaskedBatches(TrainingBatches):
    """Windows without labels, with a new mask in every epoch; yields what ``masked`` returns."""

    def __init__(self, X: Windows, batch: int, *, seed: int, flips: Flips, trim: int = 0) -> None:
        super().__init__(X, np.full(len(X), np.nan), batch, seed=seed, flips=flips, trim=trim)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng([self.seed, 16, self.epoch])
        for x, _ in super().__iter__():
            yield masked(x, rng)


def masked(x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mask windows ``(b, C, k, k)``; return them and the masked values ``(b, 2, C)``.

    The values of each layer are the middle cell, NaN if it is not masked, and the mean of the
    masked cells.
    """
    b, layers, k, _ = x.shape
    order = rng.random((b, k * k)).argsort(axis=1).reshape(b, 1, k, k)
    cells = order < _CELLS_MASKED * k * k
    whole = rng.random((b, layers, 1, 1)) < _LAYERS_MASKED
    mask = torch.from_numpy(cells | whole)  # (b, C, k, k)
    middle = torch.where(mask, x, torch.nan)[:, :, k // 2, k // 2]
    mean = (x * mask).sum((2, 3)) / mask.sum((2, 3))
    return x.masked_fill(mask, 0.0), torch.stack([middle, mean], dim=1)


def masked_squares(restored: Tensor, taken: Tensor) -> Tensor:
    """Mean squared error over the masked values, without NaN; both ``(b, 2, C)``.

    >>> masked_squares(torch.tensor([1.0, 5.0]), torch.tensor([3.0, torch.nan])).item()
    4.0
    """
    known = ~torch.isnan(taken)
    errors = torch.where(known, restored - taken, 0.0)
    return errors.square().sum() / known.sum()
