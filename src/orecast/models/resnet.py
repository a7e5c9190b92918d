"""Residual networks on windows of any number of channels."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from orecast.models.blocks import Head, TwoPart, initialise, require_count, require_share, stem
from orecast.samples.nouns import Needs

REGISTERED = {"resnet18": "ResNet18", "resnet34": "ResNet34", "resnet50": "ResNet50"}


class ResNet(TwoPart):
    r"""Residual network: each block learns what to add to its input.

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
    block: ClassVar[type[nn.Module]]
    expansion: ClassVar[int]
    depths: ClassVar[tuple[int, int, int, int]]

    def __init__(self, channels: int, size: int, *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        width = require_count("width", width)
        self.stem = stem(channels, width, size)
        self.stages = nn.Sequential()
        before = width
        for number, depth in enumerate(self.depths):
            inner = width * 2**number
            self.stages.append(self._stage(before, inner, depth, stride=1 if number == 0 else 2))
            before = inner * self.expansion
        self.head = Head(before, require_share("dropout", dropout))
        initialise(self)

    def _stage(self, before: int, inner: int, depth: int, *, stride: int) -> nn.Sequential:
        """Blocks at one resolution; the first changes the shape."""
        after = inner * self.expansion
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
        features: Tensor = self.stages(self.stem(x))
        return features


class ResNet18(ResNet):
    """Residual network of 18 layers (He et al. 2016)."""

    block, expansion, depths = BasicBlock, 1, (2, 2, 2, 2)


class ResNet34(ResNet):
    """Residual network of 34 layers (He et al. 2016)."""

    block, expansion, depths = BasicBlock, 1, (3, 4, 6, 3)


class ResNet50(ResNet):
    """Residual network of 50 layers, in bottleneck blocks (He et al. 2016)."""

    block, expansion, depths = Bottleneck, 4, (3, 4, 6, 3)
