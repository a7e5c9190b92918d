"""A network as Lightning trains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn

from orecast.config import Training
from orecast.training.acceleration import Acceleration
from orecast.training.data import TrainingBatches
from orecast.training.schedule import build_optimiser, rate_at

Loss = Callable[[Tensor, Tensor], Tensor]
"""Mean loss of a batch, of what a network answers and what it should."""


@runtime_checkable
class Prepared(Protocol):
    """A network that learns something of its windows before its first step."""

    def prepare(self, values: Tensor, y: Tensor) -> None:
        """Learn from the windows' own cells ``(n, C)`` and labels ``(n,)``, into buffers."""


class Learner(pl.LightningModule):
    """A network and the loss it lowers; each epoch follows from the seed and its number.

    A network that has a ``training_loss`` of its own, of a batch and its labels, lowers that.
    ``first_epoch`` epochs lie behind.
    """

    def __init__(
        self,
        net: nn.Module,
        batches: TrainingBatches,
        training: Training,
        loss: Loss,
        *,
        seed: int,
        settings: Acceleration,
        first_epoch: int = 0,
    ) -> None:
        super().__init__()
        self.net = net
        self.mean_loss = _loss_of(net, loss, compiled=settings.compiled)
        self.batches = batches
        self.training_recipe = training
        self.seed = seed
        self.settings = settings
        self.first_epoch = first_epoch
        self.optimiser = build_optimiser(net.parameters(), training)

    @property
    def epoch(self) -> int:
        """Number of the current epoch, from 0, those before a resumption included."""
        return self.first_epoch + self.current_epoch

    @property
    def loss(self) -> float:
        """Mean loss over the epoch's windows, at its end."""
        return float(self._sum) / len(self.batches.X)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser; its rate is set at each epoch's start."""
        return self.optimiser

    def on_train_epoch_start(self) -> None:
        """Set the rate, the order of the windows and the seed of dropout."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.epoch, self.training_recipe)
        self.batches.epoch = self.epoch
        torch.manual_seed(int(np.random.default_rng([self.seed, self.epoch, 1]).integers(2**63)))
        self._sum = torch.zeros((), dtype=torch.float64, device=self.device)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of one batch."""
        x, y = batch
        loss = self.mean_loss(self.settings.arrange(x), y)
        self._sum += loss.detach() * len(y)
        return loss


def _loss_of(net: nn.Module, loss: Loss, *, compiled: bool) -> Loss:
    """Mean loss of a batch ``(b, C, k, k)`` and what it should be answered."""
    own: Loss | None = getattr(net, "training_loss", None)
    if own is not None:
        return torch.compile(own) if compiled else own
    called = torch.compile(net) if compiled else net

    def answered(x: Tensor, y: Tensor) -> Tensor:
        return loss(called(x).float(), y)

    return answered
