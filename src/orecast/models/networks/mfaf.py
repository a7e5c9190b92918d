"""Multi-scale feature attention: a window at several dilations, with one vote per dilation."""

from __future__ import annotations

from math import log
from typing import ClassVar

import torch
from torch import Tensor, nn

from orecast.errors import ConfigError, nearest
from orecast.models.checks import (
    MOST_FEATURES,
    require_count,
    require_number,
    require_switch,
)
from orecast.models.networks.blocks import (
    ChannelAttention,
    SpatialAttention,
    TwoPart,
)
from orecast.models.networks.resnet import ResNet18, ShuffleNetV2
from orecast.sampling.windows import Needs

REGISTERED = {"mfaf": "MFAF"}

DILATIONS = (1, 6, 12, 18, 24)
"""As published; the widest kernel spans 49 cells."""

_BACKBONES = ("resnet18", "shufflenetv2")
_REDUCTION = 2


class MFAF(TwoPart):
    r"""Multi-scale feature attention framework: dilated scales, one backbone, voting.

    Scale :math:`i` of window :math:`x` is a convolution of 3 x 3 cells at dilation
    :math:`\alpha_i`, with weighted channels; the backbone :math:`f` and the linear layer
    :math:`W` are shared by all scales:

    .. math::
        F_i = M_c(u_i)\,u_i, \quad u_i = \mathrm{conv}_{\alpha_i}(x), \qquad
        G_i = M_s(f(F_i))\,f(F_i), \qquad p_i = \mathrm{softmax}(W \overline{G_i} + b)

    with :math:`M_c = \sigma(\mathrm{MLP}(\mathrm{avg}\,u + \max u))` and
    :math:`M_s = \sigma(f^{7\times7}[\mathrm{avg};\max])` (eqs. 6-8). Each scale votes for its
    more probable class (eqs. 10, 11). Windows are ranked by the mean :math:`\bar p` of the
    scales: ``forward`` is its logit. The training loss is, with :math:`\beta` = ``distillation``,

    .. math::
        (1 - \beta) \sum_i \mathrm{CE}(y, p_i) + \beta \sum_i \mathrm{KL}(\bar p \,\|\, p_i)

    with no gradient through :math:`\bar p`, the teacher of the scales.

    L. Gao, K. Wang, X. Zhang, C. Wang (2023), Intelligent identification and prediction mineral
    resources deposit based on deep learning, Sustainability 15(13), 10269.

    Not given in the paper, chosen here:

    - A scale has as many channels as the window, since the paper interprets the channels' weights
      as those of elements. There is no bias and no activation after the convolution, as in eq. 6.
    - The channel attention halves the channels: a reduction by 16 would leave one unit for ten
      layers. It starts with positive weights, since means plus maxima are mostly positive and a
      unit with negative weights would always give 0.
    - The spatial attention comes before the pooling, since after it there are no cells.
    - All scales pass the backbone as one batch, so that batch normalisation has the same mixture
      of inputs in training and in prediction.
    - The self-distillation has no formula: a weighted sum of the two losses, with the
      Kullback-Leibler divergence from the teacher as in Hinton et al. (2015).
    - With equal numbers of votes, the mean decides.

    Shapes: windows ``(B, channels, size, size)``, features ``(B, S * F, h, w)`` scale by scale
    with S scales and F the backbone's features, logits ``(B,)``.

    ``backbone`` is "resnet18" or "shufflenetv2", ``width`` its own option; None is the published
    one. A kernel of dilation d spans 2 d + 1 cells. ``channel_attention``, ``spatial_attention``
    and ``voting`` can be switched off; without voting, labels follow the mean. A ``distillation``
    of 0 gives the plain sum of cross-entropies. Raises ConfigError where an option is impossible,
    and where a dilated kernel is wider than the window.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=2 * max(DILATIONS) + 1)

    @classmethod
    def needs_for(cls, *, dilations: tuple[int, ...] = DILATIONS, **_: object) -> Needs:
        """Needs with other dilations: the widest kernel must fit the window.

        >>> MFAF.needs_for(dilations=(1, 6)).smallest_window
        13
        """
        return Needs(smallest_window=2 * max(_require_dilations(dilations)) + 1)

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        backbone: str = "resnet18",
        dilations: tuple[int, ...] = DILATIONS,
        channel_attention: bool = True,
        spatial_attention: bool = True,
        voting: bool = True,
        distillation: float = 0.4,
        width: int | None = None,
    ) -> None:
        super().__init__()
        attended = require_switch("channel_attention", channel_attention)
        self.scales = nn.ModuleList(
            _scale(channels, dilation, attended) for dilation in _require_fitting(dilations, size)
        )
        self.backbone, self.per_scale = _backbone(backbone, channels, size, width)
        self.attention = (
            SpatialAttention()
            if require_switch("spatial_attention", spatial_attention)
            else nn.Identity()
        )
        self.classifier = nn.Linear(self.per_scale, 2)  # negative, ore
        self.voting = require_switch("voting", voting)
        self.distillation = require_number("distillation", distillation, 0, 1)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps ``(B, S * F, h, w)``, scale by scale."""
        scales = torch.cat([scale(x) for scale in self.scales])  # (S B, C, k, k)
        maps: Tensor = self.attention(self.backbone(scales))  # (S B, F, h, w)
        return torch.cat(maps.chunk(len(self.scales)), 1)

    def forward_head(self, features: Tensor) -> Tensor:
        """Return logits ``(B,)`` of the mean probability of ore over the scales."""
        negative, ore = self._log_probabilities(features).logsumexp(1).unbind(1)  # both (B,)
        return ore - negative

    def training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss of windows with labels ``(B,)``, 1 ore and 0 negative."""
        scales = self._log_probabilities(self.forward_features(x))  # (B, S, 2)
        truth = torch.stack([1 - y, y], 1)[:, None]  # (B, 1, 2)
        cross_entropy = -(truth * scales).sum((1, 2)).mean()
        teacher = (scales.logsumexp(1, keepdim=True) - log(len(self.scales))).detach()
        divergence = (teacher.exp() * (teacher - scales)).sum((1, 2)).mean()
        return (1 - self.distillation) * cross_entropy + self.distillation * divergence

    def votes(self, x: Tensor) -> Tensor:
        """Return the share of scales that vote for ore, ``(B,)``."""
        negative, ore = self._log_probabilities(self.forward_features(x)).unbind(2)  # both (B, S)
        return (ore > negative).float().mean(1)

    def labels(self, x: Tensor) -> Tensor:
        """Return labels ``(B,)``, 1 ore and 0 negative, by vote or by the mean probability."""
        features = self.forward_features(x)
        by_mean = self.forward_head(features) > 0
        if not self.voting:
            return by_mean.long()
        negative, ore = self._log_probabilities(features).unbind(2)
        lead = (ore > negative).sum(1) * 2 - len(self.scales)  # votes for less votes against
        return torch.where(lead == 0, by_mean, lead > 0).long()

    def _log_probabilities(self, features: Tensor) -> Tensor:
        """Logarithms of each scale's probabilities of negative and ore, ``(B, S, 2)`` float32."""
        pooled = features.mean((2, 3)).reshape(-1, len(self.scales), self.per_scale)  # (B, S, F)
        logits: Tensor = self.classifier(pooled)
        return logits.float().log_softmax(2)


def _scale(channels: int, dilation: int, attended: bool) -> nn.Module:
    """Dilated convolution of a window, ``(B, channels, k, k)`` to the same."""
    conv = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
    if not attended:
        return conv
    attention = ChannelAttention(channels, _REDUCTION, maximum=True)
    with torch.no_grad():
        attention.squeeze.weight.abs_()
    return nn.Sequential(conv, attention)


def _backbone(
    name: object, channels: int, size: int, width: int | None
) -> tuple[nn.Sequential, int]:
    """A published network's layers up to its feature map, and the number of features."""
    own = {} if width is None else {"width": width}
    if name == "resnet18":
        residual = ResNet18(channels, size, **own)
        return nn.Sequential(residual.stem, residual.stages), residual.head.linear.in_features
    if name == "shufflenetv2":
        shuffled = ShuffleNetV2(channels, size, **own)
        return shuffled.layers, shuffled.head.linear.in_features
    raise ConfigError(
        f"unknown backbone {name!r}",
        where="model.options.backbone",
        remedy=nearest(str(name), _BACKBONES),
    )


def _require_dilations(dilations: object) -> tuple[int, ...]:
    """Return dilations, each a count and given once."""
    where = "model.options.dilations"
    if not isinstance(dilations, tuple | list) or not dilations:
        raise ConfigError(f"must be a list of dilations, not {dilations!r}", where=where)
    counts = tuple(require_count("dilations", dilation, MOST_FEATURES) for dilation in dilations)
    if len(set(counts)) < len(counts):
        raise ConfigError(f"each dilation may occur only once, not {dilations!r}", where=where)
    return counts


def _require_fitting(dilations: object, size: int) -> tuple[int, ...]:
    """Return dilations whose kernels lie within a window around its middle cell."""
    counts = _require_dilations(dilations)
    widest = max(counts)
    span = 2 * widest + 1
    if span > size:
        fitting = [dilation for dilation in counts if 2 * dilation + 1 <= size]
        fewer = f"keep {fitting}, or " if fitting else ""
        raise ConfigError(
            f"a kernel of dilation {widest} spans {span} cells, but the window has {size}",
            where="model.options.dilations",
            remedy=f"{fewer}set sampling.window to {span} or more",
        )
    return counts
