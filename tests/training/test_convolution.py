import pytest
import torch
from torch import nn

from orecast.models.networks.resnet import ResNet18
from orecast.training import acceleration as convolution
from orecast.training.acceleration import unfolded_convolutions


def answers(conv, x):
    """Output, and the gradients of weights, bias and input."""
    x = x.clone().requires_grad_()
    conv.zero_grad()
    out = conv(x)
    (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
    return [out.detach(), x.grad, *(p.grad.clone() for p in conv.parameters())]


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation"),
    [
        ((2, 2), 3, 1, 1, 1),
        ((3, 3), 3, 2, 1, 1),
        ((1, 1), 3, 1, 1, 1),
        ((1, 3), (1, 3), 1, (0, 1), 1),
        ((2, 2), 3, 1, 2, 2),
    ],
)
def test_outputs_and_gradients_are_the_convolutions(
    monkeypatch, shape, kernel, stride, padding, dilation, bias, order
):
    monkeypatch.setattr(convolution, "_CHANNEL_PAIRS", 1)
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, kernel, stride, padding, dilation, bias=bias).to(memory_format=order)
    x = torch.randn(4, 3, *shape).to(memory_format=order)
    plain = answers(conv, x)
    calls = []
    monkeypatch.setattr(conv, "_conv_forward", lambda *args: calls.append(args))
    with unfolded_convolutions(conv):
        unfolded = answers(conv, x)
    assert calls == []
    for a, b in zip(unfolded, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_large_maps_are_convolved_as_ever(monkeypatch):
    monkeypatch.setattr(convolution, "_CHANNEL_PAIRS", 1)
    conv, x = nn.Conv2d(3, 5, 3, padding=1), torch.randn(2, 3, 3, 3)
    monkeypatch.setattr(convolution, "unfold", None)
    expected = conv(x)
    with unfolded_convolutions(conv):
        assert torch.equal(conv(x), expected)


def test_only_wide_kernels_are_taken_and_given_back():
    net = ResNet18(3, 9, width=64)
    with unfolded_convolutions(net):
        taken = [m for m in net.modules() if "forward" in vars(m)]
    assert {(m.in_channels, m.out_channels) for m in taken} == {(256, 256), (256, 512), (512, 512)}
    assert all(m.kernel_size == (3, 3) for m in taken)
    assert not any("forward" in vars(m) for m in net.modules())


def test_given_back_when_training_fails():
    net = ResNet18(3, 9, width=64)
    with pytest.raises(KeyError), unfolded_convolutions(net):
        raise KeyError
    assert not any("forward" in vars(m) for m in net.modules())
