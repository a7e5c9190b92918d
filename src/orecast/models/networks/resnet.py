"""Residual networks, and torchvision's classifiers for comparison."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from orecast.errors import ConfigError
from orecast.models.checks import (
    MOST_FEATURES,
    require_count,
    require_number,
)
from orecast.models.networks.blocks import (
    LARGE_WINDOW,
    Head,
    TwoPart,
    initialise,
    stem,
)
from orecast.sampling.windows import Needs

REGISTERED = {
    "resnet18": "ResNet18",
    "resnet34": "ResNet34",
    "resnet50": "ResNet50",
    "googlenet": "GoogLeNet",
    "mobilenetv2": "MobileNetV2",
    "mnasnet": "MNASNet",
    "shufflenetv2": "ShuffleNetV2",
}


class ResNet(TwoPart):
    r"""Residual network: each block learns a change of its input.

    .. math:: x_{l+1} = \mathrm{ReLU}(h(x_l) + F(x_l))

    with :math:`F` two 3 x 3 convolutions (basic block) or 1 x 1, 3 x 3, 1 x 1 (bottleneck), and
    :math:`h` the identity, or a 1 x 1 convolution where the shape changes. Four stages of
    ``width``, 2, 4 and 8 times ``width`` channels; the latter three halve the map.

    K. He, X. Zhang, S. Ren, J. Sun (2016), Deep residual learning for image recognition, CVPR,
    770-778. The blocks are torchvision's; the stem follows the window's size (``blocks.stem``).

    Shapes: windows ``(B, channels, size, size)``, features ``(B, 8 * width * e, h, w)`` with
    ``e`` 1 for basic blocks and 4 for bottlenecks, logits ``(B,)``.

    ``width`` is 64 as published; 16 has a sixteenth of the weights, for small surveys.
    ``dropout`` acts on the pooled features. Raises ConfigError where either is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=3)
    head: Head
    block: ClassVar[type[BasicBlock | Bottleneck]]
    depths: ClassVar[tuple[int, int, int, int]]

    def __init__(self, channels: int, size: int, *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        width = require_count("width", width, MOST_FEATURES)
        self.stem = stem(channels, width, size)
        self.stages = nn.Sequential()
        before = width
        for number, depth in enumerate(self.depths):
            inner = width * 2**number
            self.stages.append(self._stage(before, inner, depth, stride=1 if number == 0 else 2))
            before = inner * self.block.expansion
        self.head = Head(before, require_number("dropout", dropout, 0, 1))
        initialise(self)

    def _stage(self, before: int, inner: int, depth: int, *, stride: int) -> nn.Sequential:
        """Blocks at one resolution; the first changes the shape."""
        after = inner * self.block.expansion
        shortcut = None
        if stride != 1 or before != after:
            shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )
        blocks = [self.block(before, inner, stride, shortcut)]
        blocks += [self.block(after, inner) for _ in range(depth - 1)]
        return nn.Sequential(*blocks)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps ``(B, 8 * width * e, h, w)``."""
        return self.stages(self.stem(x))


class ResNet18(ResNet):
    """Residual network of 18 layers (He et al. 2016)."""

    block, depths = BasicBlock, (2, 2, 2, 2)


class ResNet34(ResNet):
    """Residual network of 34 layers (He et al. 2016)."""

    block, depths = BasicBlock, (3, 4, 6, 3)


class ResNet50(ResNet):
    """Residual network of 50 layers, in bottleneck blocks (He et al. 2016)."""

    block, depths = Bottleneck, (3, 4, 6, 3)


class Comparator(TwoPart):
    """Layers of a published network up to its feature map, with the head shared by all networks.

    The first convolution takes ``channels`` layers. As in the residual networks, windows of 64
    cells and more are reduced 32-fold, as published; smaller ones 8-fold, without the first two
    reductions (``blocks.stem``). Initial weights are drawn in the same way
    (``blocks.initialise``). So a comparison shows only the effect of structure. Nothing is
    pretrained.

    Shapes: windows ``(B, channels, size, size)``, features ``(B, F, h, w)``, logits ``(B,)``.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=3)  # the first kernel's
    head: Head

    def __init__(
        self, layers: nn.Sequential, features: int, channels: int, size: int, dropout: float
    ) -> None:
        super().__init__()
        self.layers = layers
        self.head = Head(features, require_number("dropout", dropout, 0, 1))
        _take_channels(self.layers, channels)
        if size < LARGE_WINDOW:
            _keep_size(self.layers)
        initialise(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps ``(B, F, h, w)``."""
        return self.layers(x)


class GoogLeNet(Comparator):
    """Inception network of 22 layers (Szegedy et al. 2015).

    C. Szegedy et al. (2015), Going deeper with convolutions, CVPR, 1-9; with batch normalisation
    and 3 x 3 instead of 5 x 5 kernels, as in torchvision. Without the two auxiliary classifiers,
    which are used only in training; there is no small version. F is 1024.

    ``dropout`` acts on the pooled features; 0.2 is torchvision's. Three poolings without padding
    need a window of at least 4 cells. Raises ConfigError where ``dropout`` is not a share.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=4)

    def __init__(self, channels: int, size: int, *, dropout: float = 0.2) -> None:
        net = torchvision.models.GoogLeNet(
            num_classes=1, aux_logits=False, transform_input=False, init_weights=False
        )
        super().__init__(_without(net, 3), net.fc.in_features, channels, size, dropout)


class MobileNetV2(Comparator):
    """Inverted residuals with linear bottlenecks (Sandler et al. 2018).

    M. Sandler et al. (2018), MobileNetV2: inverted residuals and linear bottlenecks, CVPR,
    4510-4520. F is 1280, and larger in proportion for a ``width`` above 32.

    ``width`` of the first layer is 32 as published, a multiple of 8; all others follow. ``dropout``
    acts on the pooled features; 0.2 is torchvision's. Raises ConfigError where either is
    impossible.
    """

    def __init__(self, channels: int, size: int, *, width: int = 32, dropout: float = 0.2) -> None:
        share = _require_eights(width) / 32
        net = torchvision.models.MobileNetV2(num_classes=1, width_mult=share)
        super().__init__(net.features, net.last_channel, channels, size, dropout)


class MNASNet(Comparator):
    """Network from a search for fast networks on phones, variant B1 (Tan et al. 2019).

    M. Tan et al. (2019), MnasNet: platform-aware neural architecture search for mobile, CVPR,
    2820-2828. F is 1280. The momentum of batch normalisation is 0.1, PyTorch's default: with
    torchvision's 0.0003 the initial statistics would last for some ten thousand steps.

    ``width`` of the first layer is 32 as published, a multiple of 8; all others except the last
    follow it.
    ``dropout`` acts on the pooled features; 0.2 is torchvision's. Raises ConfigError where either
    is impossible.
    """

    def __init__(self, channels: int, size: int, *, width: int = 32, dropout: float = 0.2) -> None:
        share = _require_eights(width) / 32
        net = torchvision.models.MNASNet(share, num_classes=1)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.1
        super().__init__(net.layers, net.classifier[1].in_features, channels, size, dropout)


class ShuffleNetV2(Comparator):
    """Split and shuffled channels, for measured speed (Ma et al. 2018).

    N. Ma, X. Zhang, H.-T. Zheng, J. Sun (2018), ShuffleNet V2: practical guidelines for efficient
    CNN architecture design, ECCV, 116-131. F is 1024.

    ``width`` of the first layer is 24 as published. The first stage then has 116 channels, for
    another width an even number in proportion; each later stage doubles it. ``dropout`` acts on the
    pooled features. Raises ConfigError where either is impossible.
    """

    def __init__(self, channels: int, size: int, *, width: int = 24, dropout: float = 0.0) -> None:
        width = require_count("width", width, MOST_FEATURES)
        first = 2 * round(width * 116 / 24 / 2)  # even, since each unit splits its channels
        net = torchvision.models.ShuffleNetV2(
            [4, 8, 4], [width, first, 2 * first, 4 * first, 1024], num_classes=1
        )
        super().__init__(_without(net, 1), net.fc.in_features, channels, size, dropout)


def _require_eights(width: object) -> int:
    """Return a width that is a multiple of 8, as torchvision would round it.

    Raises ConfigError where it is not.
    """
    count = require_count("width", width, MOST_FEATURES)
    if count % 8:
        raise ConfigError(
            f"must be a multiple of 8, not {count}",
            where="model.options.width",
            remedy=f"set it to {-(-count // 8) * 8}",
        )
    return count


def _without(net: nn.Module, last: int) -> nn.Sequential:
    """A network's layers in order, without its last ones."""
    return nn.Sequential(OrderedDict(list(net.named_children())[:-last]))


def _take_channels(layers: nn.Sequential, channels: int) -> None:
    """Replace the first convolution, in place, by one for so many channels."""
    name, first = next((n, m) for n, m in layers.named_modules() if isinstance(m, nn.Conv2d))
    like = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=False,
    )
    _replace(layers, name, like)


def _keep_size(layers: nn.Sequential) -> None:
    """Undo the first two reductions, in place: convolutions of stride 1, and no max-pool."""
    halving = [
        (n, m)
        for n, m in layers.named_modules()
        if isinstance(m, nn.Conv2d | nn.MaxPool2d) and m.stride in (2, (2, 2))
    ]
    for name, module in halving[:2]:
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
        else:
            _replace(layers, name, nn.Identity())


def _replace(layers: nn.Sequential, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(layers.get_submodule(parent), own, module)
