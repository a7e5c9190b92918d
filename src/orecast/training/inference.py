"""Prediction in batches, once or with Monte-Carlo dropout."""

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

from orecast.sampling.windows import Windows
from orecast.training.acceleration import Acceleration, suited_process
from orecast.training.data import gathered

_UNITS = (nn.Dropout,)
_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def drops(net: nn.Module) -> bool:
    """Whether a network has a dropout layer that drops anything."""
    return any(_is_dropout(module) for module in net.modules())


class Thinned:
    """A copy of a network with only its dropout layers active: each pass is one thinned network.

    Gal, Y., Ghahramani, Z. (2016), Dropout as a Bayesian approximation, ICML, 1050-1059: a pass is
    a draw from the approximate posterior of the weights. So each pass uses one mask for all
    windows. The mask depends only on the seed, the layer and the number of the pass, and a window's
    score does not depend on the other windows. The first axis of a layer's input must be the batch.
    Features before the first dropout are computed once for all passes.
    """

    def __init__(self, net: nn.Module, seed: int) -> None:
        self.net = copy.deepcopy(net)
        self.masked = _with_fixed_masks(self.net, seed)
        self.net.eval()
        for module in self.net.modules():
            if isinstance(module, nn.TransformerEncoderLayer):
                module.training = True  # in evaluation mode it skips dropout

    def logits(self, x: Tensor, passes: int) -> Tensor:
        """Logits ``(passes, b)`` of windows ``(b, C, k, k)`` on the network's device."""
        rows, dropped_before_head = [], True
        for number in range(passes):
            for layer in self.masked:
                layer.number, layer.reached = number, False
            if dropped_before_head:
                features = self.net.forward_features(x)  # type: ignore[operator]
                dropped_before_head = any(layer.reached for layer in self.masked)
            rows.append(self.net.forward_head(features))  # type: ignore[operator]
        return torch.stack(rows)


class _FixedDropout(nn.Module):
    """Dropout by one mask for the whole batch; the mask depends on the pass's ``number``."""

    def __init__(self, share: float, over_channels: bool, seed: int, layer: int) -> None:
        super().__init__()
        self.share = share
        self.over_channels = over_channels
        self.key = (seed, layer)
        self.number = 0
        self.reached = False

    def forward(self, x: Tensor) -> Tensor:
        self.reached = True
        shape = x.shape[1:2] + (1,) * (x.ndim - 2) if self.over_channels else x.shape[1:]
        state = np.random.SeedSequence([*self.key, self.number]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
        kept = torch.rand(shape, generator=generator) >= self.share
        return x * (kept / (1 - self.share)).to(x)


def _is_dropout(module: nn.Module) -> bool:
    return isinstance(module, _UNITS + _CHANNELS) and 0 < module.p < 1


def _with_fixed_masks(net: nn.Module, seed: int) -> list[_FixedDropout]:
    """Replace the dropout layers of a network in place, and return the new layers."""
    replaced: dict[int, _FixedDropout] = {}
    for name, module in list(net.named_modules(remove_duplicate=False)):
        if _is_dropout(module):
            layer = replaced.setdefault(
                id(module),
                _FixedDropout(float(module.p), isinstance(module, _CHANNELS), seed, len(replaced)),
            )
            parent, _, own = name.rpartition(".")
            setattr(net.get_submodule(parent), own, layer)
    return list(replaced.values())


Answer = Callable[[Tensor], Tensor]


def in_batches(
    X: Windows, net: nn.Module, settings: Acceleration, answer: Answer, leading: tuple[int, ...]
) -> NDArray[np.float64]:
    """Outputs ``(*leading, n)`` of ``answer``, which uses ``net``; windows are read in batches."""
    found = np.empty((*leading, len(X)), dtype=np.float64)
    with torch.inference_mode(), suited_process(net, X.size):
        for rows, x in gathered(X):
            found[..., rows] = answer(settings.arrange(x)).cpu().numpy()
    return found


def probability(logits: Answer) -> Answer:
    """Turn a function that returns logits into one that returns probabilities."""
    return lambda x: torch.sigmoid(logits(x))


def inference_form(net: nn.Module, channels: int, size: int) -> nn.Module:
    """Return a copy for prediction only, on the CPU, in evaluation mode.

    Batch normalisations are merged into the convolutions before them. If a map is so small that
    most of a kernel lies on padding, its convolution becomes a matrix product. A network whose
    forward pass depends on its values cannot be rewritten; it is copied unchanged.
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
    """Turn convolutions into matrices if the kernel has over twice as many cells as the map."""
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

    On 2 x 2 cells a padded 3 x 3 kernel needs 36 products a channel pair, 20 of them with padding;
    the matrix needs 16. On one cell it needs 1 instead of 9.
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
