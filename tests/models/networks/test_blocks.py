import pytest
import torch

from orecast.models.networks.blocks import (
    Head,
    initialise,
    stem,
)


@pytest.mark.parametrize(("size", "after"), [(1, 1), (9, 9), (63, 63), (64, 16), (65, 17)])
def test_stem_keeps_small_windows_and_reduces_large_ones_fourfold(size, after):
    assert stem(5, 8, size).eval()(torch.zeros(2, 5, size, size)).shape == (2, 8, after, after)


def test_head_is_a_linear_unit_of_the_mean():
    head = Head(2).eval()
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[2.0, -1.0]]))
        head.linear.bias.fill_(0.5)
    x = torch.tensor([[[[1.0, 3.0]], [[10.0, 20.0]]]])  # (1, 2, 1, 2), means 2 and 15
    assert head(x).tolist() == [2 * 2 - 15 + 0.5]


def test_head_drops_features_in_training_alone():
    head = Head(1000, dropout=0.5)
    x = torch.ones(1, 1000, 2, 2)
    with torch.no_grad():
        head.linear.weight.fill_(1 / 1000)
        head.linear.bias.zero_()
        assert head.eval()(x).item() == pytest.approx(1)
        scores = torch.stack([head.train()(x) for _ in range(20)])
    assert scores.std() > 0
    assert scores.mean().item() == pytest.approx(1, abs=0.1)


def test_initial_weights_have_the_spread_of_he_by_fan_out():
    conv = torch.nn.Conv2d(64, 32, 3)
    torch.manual_seed(0)
    initialise(conv)
    assert conv.weight.std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.02)
