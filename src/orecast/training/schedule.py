"""Optimisers, and the course of their learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from orecast.config import Training


def build_optimiser(
    parameters: Iterable[nn.Parameter], training: Training
) -> torch.optim.Optimizer:
    """Return the optimiser a recipe names.

    Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) with ``momentum`` as the first
    beta, or stochastic gradient descent with momentum. Their fused forms update all weights in
    one pass over memory.
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
    """Learning rate in an epoch counted from 0; a function of it alone, so that resuming is exact.

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
