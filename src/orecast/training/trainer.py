"""The training loop: optimiser, learning rate, steps, and a record of epochs."""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from orecast.config import Training
from orecast.errors import ModelError
from orecast.sampling.windows import Windows
from orecast.training.acceleration import Acceleration, unfolded_convolutions
from orecast.training.building import EpochProgress
from orecast.training.checkpoints import Checkpoint, restore_checkpoint, write_checkpoint
from orecast.training.data import TrainingBatches, gathered


def build_optimiser(
    parameters: Iterable[nn.Parameter], training: Training
) -> torch.optim.Optimizer:
    """Return the optimiser that the settings name.

    Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019), both with ``momentum`` as the
    first beta, or stochastic gradient descent with momentum. Their fused forms update all weights
    in one pass over memory.
    """
    rate, decay = training.rate, training.decay
    match training.optimiser:
        case "sgd":
            return torch.optim.SGD(
                parameters, rate, momentum=training.momentum, weight_decay=decay, fused=True
            )
        case "adam":
            kind: type[torch.optim.Adam] = torch.optim.Adam
        case "adamw":
            kind = torch.optim.AdamW
    betas = (training.momentum, 0.999)
    return kind(parameters, rate, betas=betas, weight_decay=decay, fused=True)


def rate_at(epoch: int, training: Training) -> float:
    """Learning rate in an epoch counted from 0; it depends only on the epoch, so resuming is exact.

    Cosine is Loshchilov and Hutter (2017, eq. 5) without restarts.

    >>> round(rate_at(15, Training(epochs=30, rate=0.01, schedule="cosine")), 9)
    0.005
    """
    match training.schedule:
        case "constant":
            return training.rate
        case "step":
            return float(training.rate * training.step_factor ** (epoch // training.step_epochs))
        case "cosine":
            share = (1 + math.cos(math.pi * epoch / training.epochs)) / 2
            return training.final_rate + (training.rate - training.final_rate) * share


Record = Callable[[int, float, float], None]
"""Called after an epoch with its number from 1, the mean loss, and the accuracy."""
_WATCHED = 256  # training windows on which an epoch's accuracy is measured


def recorded(
    record: Record,
    net: nn.Module,
    X: Windows,
    y: NDArray[np.float64],
    settings: Acceleration,
    progress: EpochProgress | None,
) -> EpochProgress:
    """Return a progress function that also records the accuracy on up to 256 training windows.

    The accuracy is measured without dropout. Recording does not change the training.
    """
    rows = np.unique(np.linspace(0, len(y) - 1, _WATCHED).astype(np.int64))

    def report(done: int, epochs: int, loss: float) -> None:
        training, right = net.training, 0
        net.eval()
        with torch.inference_mode():
            for some, x in gathered(X.take(rows)):
                positive = (net(settings.arrange(x)) > 0).cpu().numpy()
                right += int(np.sum(positive == (y[rows[some]] == 1)))
        net.train(training)
        record(done, loss, right / len(rows))
        if progress is not None:
            progress(done, epochs, loss)

    return report


_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_DRIVER = "PYTORCH_NVML_BASED_CUDA_CHECK"
Loss = Callable[[Tensor, Tensor], Tensor]
"""Mean loss of a batch, from a network's outputs and the expected ones."""


def train(
    net: nn.Module,
    batches: TrainingBatches,
    training: Training,
    *,
    seed: int,
    settings: Acceleration,
    loss: Loss = binary_cross_entropy_with_logits,
    checkpoint: Checkpoint | None = None,
    progress: EpochProgress | None = None,
) -> None:
    """Train a network in place for a fixed number of epochs; resume from a checkpoint if it exists.

    ``loss`` is the mean over a batch, by default of logits ``(b,)`` and labels. A network with a
    ``training_loss`` of a batch and its labels uses that instead. The result depends on the
    network's weights, the batches, the settings and the seed, and not on interruptions: each epoch
    depends only on the seed and its number. On a GPU, windows of 64 cells and more repeat only to
    rounding, since its max-pooling sums in no fixed order. Raises ModelError if the loss is not
    finite, or the network cannot be compiled.
    """
    settings.arrange_module(net).train()
    optimiser = build_optimiser(net.parameters(), training)
    first = 0
    if checkpoint is not None and checkpoint.path.exists():
        first = restore_checkpoint(checkpoint.path, net, optimiser)
    on_cpu = settings.device.type == "cpu" and not settings.compiled
    with (
        _repeatable(),
        local_randomness(seed),
        unfolded_convolutions(net) if on_cpu else nullcontext(),
    ):
        step = _step(LossModule(net, loss), optimiser, settings)
        for epoch in range(first, training.epochs):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(epoch, training)
            torch.manual_seed(int(np.random.default_rng([seed, epoch, 1]).integers(2**63)))
            batches.epoch = epoch
            mean = _mean_loss(batches, step, settings)
            done = epoch + 1
            if not math.isfinite(mean):
                raise ModelError(
                    f"training diverged in epoch {done}: the loss is {mean}",
                    where="training.rate",
                    remedy="set a lower learning rate",
                )
            if checkpoint is not None and checkpoint.due(done, training.epochs):
                write_checkpoint(checkpoint.path, net, optimiser, done)
            if progress is not None:
                progress(done, training.epochs, mean)


class LossModule(nn.Module):
    """A network with its loss: from ``(B, C, k, k)`` and labels to the batch's mean loss."""

    def __init__(self, net: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.own: Loss | None = getattr(net, "training_loss", None)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss."""
        if self.own is not None:
            return self.own(x, y)
        return self.loss(self.net(x).float(), y)


def _step(
    module: LossModule, optimiser: torch.optim.Optimizer, settings: Acceleration
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function that takes one step on a batch and its labels, and returns the loss."""
    fabric = _fabric(settings)
    form: Any = torch.compile(module) if settings.compiled else module
    model, stepper = fabric.setup(form, optimiser, move_to_device=False, _reapply_compile=False)

    def step(x: Tensor, y: Tensor) -> Tensor:
        stepper.zero_grad()
        loss: Tensor = model(x, y)
        fabric.backward(loss)
        stepper.step()
        return loss.detach()

    return step


def _fabric(settings: Acceleration) -> Any:
    """Fabric for one device, without its messages on the terminal.

    Importing Fabric sets a variable with which torch looks for a GPU driver in every step, which
    takes 70 us without a GPU. So the variable is reset.
    """
    asked = os.environ.get(_DRIVER)
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    _set(_DRIVER, asked)
    logger.setLevel(logging.ERROR)
    try:
        return Fabric(
            accelerator="cuda" if settings.device.type == "cuda" else "cpu",
            devices=1,
            precision=settings.trainer_precision,
            plugins=[LightningEnvironment()],  # one process, under any scheduler
        )
    finally:
        logger.setLevel(level)


def _mean_loss(
    batches: TrainingBatches, step: Callable[[Tensor, Tensor], Tensor], settings: Acceleration
) -> float:
    """Take an epoch's steps; return the mean loss over its windows."""
    total = torch.zeros((), dtype=torch.float64, device=settings.device)
    try:
        for x, y in batches:
            total += step(settings.arrange(x), y.to(settings.device)) * len(y)
    except RuntimeError as error:
        if settings.compiled and type(error).__module__.startswith("torch._"):
            words = str(error).partition("\n")[0]
            raise ModelError(
                f"torch.compile failed ({words})",
                where="model.options.compiled",
                remedy="install a C++ compiler, or delete the option",
            ) from error
        raise
    return float(total) / len(batches.X)


@contextmanager
def local_randomness(seed: int) -> Iterator[None]:
    """Seed torch within the block; the global generators outside are not changed."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def _repeatable() -> Iterator[None]:
    """Use operations that sum in a fixed order; reset the process's settings afterwards."""
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    workspace = os.environ.get(_WORKSPACE)
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        memory.fill_uninitialized_memory = False  # takes time, and nothing reads this memory
        os.environ[_WORKSPACE] = workspace or ":4096:8"  # cuBLAS repeats only with a fixed one
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark
        memory.fill_uninitialized_memory = fills
        _set(_WORKSPACE, workspace)


def _set(name: str, value: str | None) -> None:
    """Set an environment variable, or delete it (None)."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
