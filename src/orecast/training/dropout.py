"""Monte-Carlo dropout: a trained network, thinned in several ways."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

_UNITS = (nn.Dropout,)
_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def drops(net: nn.Module) -> bool:
    """Whether a network has a dropout layer that drops anything."""
    return any(_is_dropout(module) for module in net.modules())


class Thinned:
    """A copy of a network with only its dropout layers active: each pass is one thinned network.

    Gal, Y., Ghahramani, Z. (2016), Dropout as a Bayesian approximation, ICML, 1050-1059: a pass is
    a draw from the approximate posterior of the weights. As a draw of weights it is one mask for
    all windows, which follows from the seed, the layer and the number of the pass alone; so a pass
    says the same of a window whatever its company. Batches come first in a layer's input. Features
    that no dropout precedes are computed once for all passes.
    """

    def __init__(self, net: nn.Module, seed: int) -> None:
        self.net = copy.deepcopy(net)
        self.masked = _with_fixed_masks(self.net, seed)
        self.net.eval()
        for module in self.net.modules():
            if isinstance(module, nn.TransformerEncoderLayer):
                module.training = True  # its evaluation has a short cut around dropout

    def logits(self, x: Tensor, passes: int) -> Tensor:
        """Logits ``(passes, b)`` of windows ``(b, C, k, k)`` on the network's device."""
        found, dropped_before_head = [], True
        for number in range(passes):
            for layer in self.masked:
                layer.number, layer.reached = number, False
            if dropped_before_head:
                features = self.net.forward_features(x)  # type: ignore[operator]
                dropped_before_head = any(layer.reached for layer in self.masked)
            found.append(self.net.forward_head(features))  # type: ignore[operator]
        return torch.stack(found)


class _FixedDropout(nn.Module):
    """Dropout by one mask for the whole batch, which follows from the pass's ``number``."""

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
    """Replace the dropout layers of a network in place, and return what stands there now."""
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
