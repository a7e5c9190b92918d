"""How networks answer: in batches, and in the form that predicts fastest, the same to rounding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from math import prod
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse
from torch.fx.passes.shape_prop import ShapeProp

from orecast.samples.nouns import Windows
from orecast.training.acceleration import Acceleration, suited_process
from orecast.training.data import gather, windows_at_once

Answer = Callable[[Tensor], Tensor]


def in_batches(
    X: Windows, net: nn.Module, settings: Acceleration, answer: Answer, leading: tuple[int, ...]
) -> NDArray[np.float64]:
    """Answers ``(*leading, n)`` to windows, materialised a batch at a time; ``net`` is behind."""
    found = np.empty((*leading, len(X)), dtype=np.float64)
    step = windows_at_once(X.size)
    with torch.inference_mode(), suited_process(net, X.size):
        for start in range(0, len(X), step):
            rows = slice(start, start + step)
            found[..., rows] = answer(settings.arrange(gather(X, rows))).cpu().numpy()
    return found


def probability(logits: Answer) -> Answer:
    """Probabilities in place of logits."""
    return lambda x: torch.sigmoid(logits(x))


def inference_form(net: nn.Module, channels: int, size: int) -> nn.Module:
    """Return a copy for prediction alone, on the CPU, in evaluation mode.

    Batch normalisations are folded into the convolutions before them, and convolutions of maps so
    small that most of a kernel would fall on padding become one matrix product. A network whose
    forward pass depends on its values cannot be rewritten and is copied as it is.
    """
    plain = copy.deepcopy(net).cpu().eval()
    try:
        form = cast(fx.GraphModule, fuse(plain))
    except fx.proxy.TraceError:
        return plain
    with torch.no_grad():
        _replace_small_convolutions(form, torch.zeros(1, channels, size, size))
    return form.eval()


def _replace_small_convolutions(form: fx.GraphModule, sample: Tensor) -> None:
    """Turn convolutions into matrices where the kernel has over twice the cells of the map."""
    ShapeProp(form).propagate(sample)
    modules = dict(form.named_modules())
    for node in form.graph.nodes:
        conv = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(conv, nn.Conv2d) or conv.groups != 1 or conv.padding_mode != "zeros":
            continue
        shape = node.args[0].meta["tensor_meta"].shape
        if 2 * prod(shape[2:]) < prod(conv.kernel_size):
            parent, _, name = str(node.target).rpartition(".")
            setattr(form.get_submodule(parent), name, _MatrixConvolution(conv, shape[1:]))
    form.recompile()


class _MatrixConvolution(nn.Module):
    """A convolution of maps of one fixed shape ``(C, h, w)``, as a matrix.

    On 2 x 2 cells a padded 3 x 3 kernel multiplies 36 times a channel pair, 20 of them with
    padding; the matrix 16 times. On one cell, 1 instead of 9.
    """

    def __init__(self, conv: nn.Conv2d, shape: torch.Size) -> None:
        super().__init__()
        channels, cells = shape[0], prod(shape[1:])
        impulses = torch.eye(cells, dtype=conv.weight.dtype).view(cells, 1, *shape[1:])
        kernels = conv.weight.reshape(-1, 1, *conv.kernel_size)
        answers = nn.functional.conv2d(
            impulses, kernels, None, conv.stride, conv.padding, conv.dilation
        )  # (cells, outputs * channels, h', w')
        self.shape = (conv.out_channels, *answers.shape[2:])
        answers = answers.view(cells, conv.out_channels, channels, -1).permute(1, 3, 2, 0)
        outputs = prod(self.shape)
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
        self.matrix: Tensor
        self.bias: Tensor
        self.register_buffer("matrix", answers.reshape(outputs, channels * cells))
        self.register_buffer("bias", bias.repeat_interleave(outputs // conv.out_channels))

    def forward(self, x: Tensor) -> Tensor:
        flat = nn.functional.linear(x.flatten(1), self.matrix, self.bias)
        return flat.view(-1, *self.shape)
