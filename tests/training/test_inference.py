import pytest
import torch
from torch import nn

from orecast.models.networks.resnet import ResNet18, ResNet50
from orecast.training.inference import _MatrixConvolution, inference_form


def trained_like(net):
    """Batch normalisations as after training: no mean 0, no variance 1."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return net.eval()


@pytest.mark.parametrize("factory", [ResNet18, ResNet50])
@pytest.mark.parametrize("size", [3, 5, 9, 16, 64])
def test_the_same_scores_to_rounding(factory, size):
    net = trained_like(factory(3, size, width=8, dropout=0.5))
    form = inference_form(net, 3, size)
    x = torch.randn(5, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(form(x), net(x), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in form.modules())


def test_the_network_itself_is_left_alone():
    net = trained_like(ResNet18(3, 9, width=4)).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    inference_form(net, 3, 9)
    assert net.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_only_small_maps_become_matrices():
    form = inference_form(ResNet18(3, 9, width=4), 3, 9)
    # maps of 9, 5, 3 and 2 cells: of the last stage, all 3 x 3 but the first, which reads 3 cells
    assert sum(isinstance(m, _MatrixConvolution) for m in form.modules()) == 3


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation"),
    [
        ((4, 2, 2), 3, 1, 1, 1),
        ((4, 2, 2), 3, 2, 1, 1),
        ((3, 1, 1), 3, 1, 1, 1),
        ((3, 1, 2), (3, 5), 1, (1, 2), 1),
        ((2, 2, 2), 3, 1, 2, 2),
        ((2, 1, 2), 3, 1, "same", 1),
    ],
)
def test_the_matrix_is_the_convolution(shape, kernel, stride, padding, dilation, bias):
    conv = nn.Conv2d(shape[0], 5, kernel, stride, padding, dilation, bias=bias)
    x = torch.randn(6, *shape)
    with torch.no_grad():
        torch.testing.assert_close(
            _MatrixConvolution(conv, torch.Size(shape))(x), conv(x), rtol=1e-5, atol=1e-6
        )


class Branching(nn.Module):
    """Its path depends on its values, which no graph can hold."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.drop(self.norm(x))
        return x.sum((1, 2, 3)) if x.sum() > 0 else -x.sum((1, 2, 3))


def test_what_cannot_be_rewritten_is_copied_in_evaluation_mode():
    net = Branching()
    form = inference_form(net, 1, 2)
    x = -torch.ones(2, 1, 2, 2)
    assert form is not net
    assert torch.equal(form(x), net.eval()(x))
