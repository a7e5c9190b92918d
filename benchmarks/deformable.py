"""Deformable convolution beside torchvision's operator, alone and inside GK-DCN.

Both get the same arguments and take turns in one process; medians count. Differences are the
largest of the values and of all gradients. Usage: python benchmarks/deformable.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import deform_conv2d as torchvisions

from orecast.models.networks import deformable
from orecast.models.networks.gkdcn import GKDCN

BATCH, AT_ONCE = 64, 246  # windows of a step, and of a map that are predicted at a time
SIZES = ((64, 64, 9), (64, 128, 4))  # channels before and after, cells on a map's side

Outcome = Sequence[Tensor]


def theirs(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, *, padding: int) -> Tensor:
    return torchvisions(x, offset, weight, padding=padding, mask=mask)


def operator_step(batch: int, before: int, after: int, side: int) -> Callable[..., Outcome]:
    """Forward and backward; offsets of about a cell."""
    shapes = ((batch, before), (batch, 18), (batch, 9), (batch, after))
    x, offset, mask, g = (
        torch.randn(*shape, side, side).to(memory_format=torch.channels_last) for shape in shapes
    )
    weight = torch.randn(after, before, 3, 3) / (9 * before) ** 0.5
    given = [t.requires_grad_() for t in (x, offset, mask.detach().sigmoid(), weight)]

    def step(operator: Callable[..., Tensor]) -> Outcome:
        out = operator(*given, padding=1)
        return [out.detach(), *torch.autograd.grad(out, given, g)]

    return step


def operator_forward(batch: int, before: int, after: int, side: int) -> Callable[..., Outcome]:
    x = torch.randn(batch, before, side, side).to(memory_format=torch.channels_last)
    offset, mask = torch.randn(batch, 18, side, side), torch.rand(batch, 9, side, side)
    weight = torch.randn(after, before, 3, 3) / (9 * before) ** 0.5

    def forward(operator: Callable[..., Tensor]) -> Outcome:
        with torch.inference_mode():
            return [operator(x, offset, mask, weight, padding=1)]

    return forward


def network(batch: int, *, training: bool) -> Callable[..., Outcome]:
    """GK-DCN on 39 layers and a weight, with offsets that are no longer zero."""
    torch.manual_seed(0)
    net = GKDCN(40, 9, dropout=0.0).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in (net.second[0], net.third[0]):
        torch.nn.init.normal_(module.aim_weight, std=0.02)
    x = torch.randn(batch, 40, 9, 9).to(memory_format=torch.channels_last)
    y = (torch.arange(batch) % 2).float()

    def step(operator: Callable[..., Tensor]) -> Outcome:
        with patch.object(deformable, "deform_conv2d", operator):
            if training:
                loss = net.train().training_loss(x, y)
                return [loss.detach(), *torch.autograd.grad(loss, list(net.parameters()))]
            with torch.inference_mode():
                return [net.eval()(x)]

    return step


def compare(name: str, step: Callable[..., Outcome], rounds: int) -> None:
    pairs = zip(step(deformable.deform_conv2d), step(theirs), strict=True)
    apart = max(float((a - b).abs().max()) for a, b in pairs)
    seconds: dict[Callable[..., Tensor], list[float]] = {deformable.deform_conv2d: [], theirs: []}
    for _ in range(rounds):
        for operator, taken in seconds.items():
            start = time.perf_counter()
            step(operator)
            taken.append(time.perf_counter() - start)
    ours, peer = (float(np.median(taken)) for taken in seconds.values())
    print(
        f"  {name:44} {1e3 * ours:8.1f} ms {1e3 * peer:8.1f} ms   ratio {peer / ours:5.1f}   "
        f"apart {apart:.0e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    chosen = parser.parse_args()
    for threads in chosen.threads:
        torch.set_num_threads(threads)
        print(f"{threads} thread{'s' * (threads > 1)}: ours, torchvision's")
        for before, after, side in SIZES:
            words = f"{before} to {after} on {side} x {side}"
            compare(
                f"operator, a step of {BATCH}, {words}",
                operator_step(BATCH, before, after, side),
                chosen.rounds,
            )
        for before, after, side in SIZES:
            words = f"{before} to {after} on {side} x {side}"
            compare(
                f"operator, a map's {AT_ONCE}, {words}",
                operator_forward(AT_ONCE, before, after, side),
                chosen.rounds,
            )
        compare(f"gk-dcn, a step of {BATCH}", network(BATCH, training=True), chosen.rounds)
        compare(f"gk-dcn, a map's {AT_ONCE}", network(AT_ONCE, training=False), chosen.rounds)


if __name__ == "__main__":
    main()
