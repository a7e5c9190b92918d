"""Lightning's trainer, kept quiet: no logs, no folders, no state left behind."""

from __future__ import annotations

import logging
import math
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from orecast.config import Training
from orecast.errors import ModelError
from orecast.training.acceleration import Acceleration
from orecast.training.checkpoints import Checkpoint, restore_checkpoint, write_checkpoint
from orecast.training.convolution import unfolded_convolutions
from orecast.training.data import TrainingBatches
from orecast.training.module import Learner, Loss

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"

Progress = Callable[[int, int, float], None]
"""Called after each epoch with its number from 1, the number of epochs, and the mean loss."""


def train(
    net: nn.Module,
    batches: TrainingBatches,
    training: Training,
    *,
    seed: int,
    settings: Acceleration,
    loss: Loss = binary_cross_entropy_with_logits,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> None:
    """Train a network in place for a fixed number of epochs, from its checkpoint where one stands.

    ``loss`` is the mean over a batch, of logits ``(b,)`` and labels where nothing else is named.
    The result depends on the network's weights, the batches, the recipe and the seed, and not on
    interruptions. A GPU's max-pool sums in no fixed order: there, windows of 64 cells and more
    repeat to rounding only. Raises ModelError where the loss ceases to be finite, or the network
    cannot be compiled.
    """
    settings.arrange_module(net)
    module = Learner(net, batches, training, loss, seed=seed, settings=settings)
    if checkpoint is not None and checkpoint.path.exists():
        module.first_epoch = restore_checkpoint(checkpoint.path, net, module.optimiser)
    left = training.epochs - module.first_epoch
    if left == 0:
        return
    on_cpu = settings.device.type == "cpu" and not settings.compiled
    with _quiet(), local_randomness(seed), unfolded_convolutions(net) if on_cpu else nullcontext():
        trainer = pl.Trainer(
            accelerator="cuda" if settings.device.type == "cuda" else "cpu",
            devices=1,
            precision=settings.trainer_precision,
            max_epochs=left,
            deterministic="warn",
            callbacks=[_EpochEnd(training.epochs, checkpoint, progress)],
            plugins=[LightningEnvironment()],  # one process, whatever scheduler started it
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        _fit(trainer, module)


def _fit(trainer: pl.Trainer, module: Learner) -> None:
    """Fit; an interruption stays what it was, where Lightning makes an exit of it."""
    try:
        trainer.fit(module, train_dataloaders=module.batches)
    except SIGTERMException:
        signal.raise_signal(signal.SIGTERM)
        raise
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    except RuntimeError as error:
        if module.settings.compiled and type(error).__module__.startswith("torch._"):
            words = str(error).partition("\n")[0]
            raise ModelError(
                f"torch.compile failed ({words})",
                where="model.options.compiled",
                remedy="install a C++ compiler, or leave the option out",
            ) from error
        raise


class _EpochEnd(pl.Callback):
    """Writes the checkpoint when it is due, and reports."""

    def __init__(self, epochs: int, checkpoint: Checkpoint | None, progress: Progress | None):
        self.epochs = epochs
        self.checkpoint = checkpoint
        self.progress = progress

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, Learner)
        done = module.epoch + 1
        if not math.isfinite(module.loss):
            raise ModelError(
                f"training diverged in epoch {done}: the loss is {module.loss}",
                where="training.rate",
                remedy="lower it",
            )
        if self.checkpoint is not None and self.checkpoint.due(done, self.epochs):
            write_checkpoint(self.checkpoint.path, module.net, module.optimiser, done)
        if self.progress is not None:
            self.progress(done, self.epochs, module.loss)


@contextmanager
def local_randomness(seed: int) -> Iterator[None]:
    """Seed torch within the block; outside it the global generators go on as if nothing was."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning, and undo what its trainer sets for the whole process."""
    loggers = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    workspace = os.environ.get(_WORKSPACE)
    try:
        memory.fill_uninitialized_memory = False  # costs, and nothing reads it
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        memory.fill_uninitialized_memory = fills
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
