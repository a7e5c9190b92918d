"""What a training's curves are drawn from: loss and accuracy after each epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from orecast.samples.nouns import Ints, Windows
from orecast.training.acceleration import Acceleration
from orecast.training.data import gather, windows_at_once
from orecast.training.trainer import Progress

Record = Callable[[int, float, float], None]
"""Called after an epoch with its number from 1, the mean loss, and the accuracy."""

_WATCHED = 256  # windows by which an epoch's accuracy is measured


def recorded(
    record: Record,
    net: nn.Module,
    X: Windows,
    y: NDArray[np.float64],
    settings: Acceleration,
    told: Progress | None,
) -> Progress:
    """Return progress that also records the accuracy on windows learned from, evenly drawn.

    In the network's form that predicts, in which nothing is dropped; training is not changed by it.
    """
    rows = np.unique(np.linspace(0, len(y) - 1, _WATCHED).astype(np.int64))

    def tell(done: int, epochs: int, loss: float) -> None:
        record(done, loss, float(np.mean(_called(net, X, rows, settings) == (y[rows] == 1))))
        if told is not None:
            told(done, epochs, loss)

    return tell


def _called(net: nn.Module, X: Windows, rows: Ints, settings: Acceleration) -> NDArray[np.bool_]:
    """Which of some windows a network in training calls ore, ``(n_rows,)``."""
    training, step = net.training, windows_at_once(X.size)
    called = np.empty(len(rows), dtype=bool)
    net.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), step):
            some = slice(start, start + step)
            called[some] = (net(settings.arrange(gather(X, rows[some]))) > 0).cpu().numpy()
    net.train(training)
    return called
