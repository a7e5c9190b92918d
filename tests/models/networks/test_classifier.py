import pytest
import torch
from torch import nn

from orecast.errors import ConfigError
from orecast.models.networks.blocks import Classifier


def test_the_head_is_a_linear_unit_of_the_branchs_features():
    net = Classifier(nn.Flatten(), 4, 0.0)
    with torch.no_grad():
        net.head.linear.weight.copy_(torch.tensor([[1.0, -2.0, 3.0, 0.0]]))
        net.head.linear.bias.fill_(0.5)
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]]).view(2, 1, 2, 2)
    assert net.forward_features(x).shape == (2, 4)
    assert net(x).tolist() == [1 - 4 + 9 + 0.5, -2 + 0.5]


def test_features_are_dropped_in_training_alone():
    net = Classifier(nn.Flatten(), 1000, 0.5)
    x = torch.ones(1, 10, 10, 10)
    with torch.no_grad():
        net.head.linear.weight.fill_(1 / 1000)
        net.head.linear.bias.zero_()
        assert net.eval()(x).item() == pytest.approx(1)
        assert torch.cat([net.train()(x) for _ in range(20)]).std() > 0


def test_the_branchs_convolutions_are_drawn_anew():
    """By fan-out, so that the first weights have the spread of He et al."""
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 32, 3)
    Classifier(conv, 32, 0.0)
    assert conv.weight.std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("dropout", [-0.1, 1, "half"])
def test_no_share_is_refused(dropout):
    with pytest.raises(ConfigError, match=r"model\.options\.dropout"):
        Classifier(nn.Flatten(), 4, dropout)
