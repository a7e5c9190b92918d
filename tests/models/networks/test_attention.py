import math

import pytest
import torch

from orecast.models.networks.blocks import ChannelAttention, SpatialAttention


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


@pytest.mark.parametrize(("maximum", "first"), [(False, 2 * 2 - 1 * 4), (True, 2 * 5 - 1 * 9)])
def test_channels_are_weighted_as_worked_by_hand(maximum, first):
    """Means 2 and 4, maxima 3 and 5; the second hidden unit is negative, so it gives nothing."""
    attention = ChannelAttention(2, 1, maximum=maximum)
    with torch.no_grad():
        attention.squeeze.weight.copy_(torch.tensor([[2.0, -1.0], [-1.0, 0.0]]))
        attention.excite.weight.copy_(torch.tensor([[1.0, 7.0], [-3.0, 7.0]]))
    x = torch.tensor([[[[1.0, 3.0]], [[3.0, 5.0]]]])  # (1, 2, 1, 2)
    weights = torch.tensor([sigmoid(first), sigmoid(-3 * first)])
    torch.testing.assert_close(attention(x), x * weights[None, :, None, None])


@pytest.mark.parametrize(("channels", "hidden"), [(8, 1), (16, 1), (64, 4), (512, 32)])
def test_hidden_units_are_a_sixteenth_and_at_least_one(channels, hidden):
    weights = [tuple(p.shape) for p in ChannelAttention(channels).parameters()]
    assert weights == [(hidden, channels), (channels, hidden)]


def test_cells_are_weighted_as_written_out():
    """Each cell's weight from the seven by seven cells about it, zeros beyond the edge."""
    torch.manual_seed(0)
    x, attention = torch.randn(2, 3, 4, 5), SpatialAttention()
    kernel = attention.conv.weight[0].detach()  # (2, 7, 7)
    padded = torch.zeros(2, 2, 4 + 6, 5 + 6)
    padded[:, 0, 3:-3, 3:-3] = x.sum(1) / 3
    padded[:, 1, 3:-3, 3:-3] = x.max(1).values
    expected = torch.empty_like(x)
    for row in range(4):
        for column in range(5):
            around = padded[:, :, row : row + 7, column : column + 7]
            weight = 1 / (1 + torch.exp(-(around * kernel).sum((1, 2, 3))))
            expected[:, :, row, column] = x[:, :, row, column] * weight[:, None]
    torch.testing.assert_close(attention(x), expected)


def test_spatial_attention_has_one_kernel_for_two_maps_and_no_bias():
    assert [tuple(p.shape) for p in SpatialAttention().parameters()] == [(1, 2, 7, 7)]


@pytest.mark.parametrize(
    "attention", [ChannelAttention(16), ChannelAttention(16, maximum=True), SpatialAttention()]
)
def test_the_order_in_memory_changes_nothing_and_is_kept(attention):
    x = torch.randn(2, 16, 5, 6, generator=torch.Generator().manual_seed(0))
    given = x.clone()
    last = x.to(memory_format=torch.channels_last)
    torch.testing.assert_close(attention(last), attention(x))
    assert attention(last).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(x, given)
