import numpy as np
import pytest
import torch

from orecast.errors import ConfigError
from orecast.models.networks.resgcn import Autoencoder


def value(parameter):
    return parameter.detach().double().numpy()


def test_equations_written_out():
    torch.manual_seed(0)
    net = Autoencoder(3, 3, width=5, code=2, reconstruction=0.25)
    W1, b1, W2, b2 = map(value, (*net.outer.parameters(), *net.inner.parameters()))
    w, b = map(value, net.head.linear.parameters())
    windows = torch.randn(4, 3, 3, 3)
    x, y = value(windows[:, :, 1, 1]), np.array([1.0, 0, 0, 1])
    code = np.maximum(x @ W1.T + b1, 0) @ W2.T + b2
    logit = code @ w[0] + b
    restored = np.maximum(code @ W2, 0) @ W1
    cross_entropy = np.mean(np.log1p(np.exp(np.where(y == 1, -logit, logit))))
    np.testing.assert_allclose(value(net.forward_features(windows)), code, atol=1e-6)
    np.testing.assert_allclose(value(net(windows)), logit, atol=1e-6)
    loss = net.training_loss(windows, torch.tensor(y, dtype=torch.float32))
    assert loss.item() == pytest.approx(cross_entropy + 0.25 * np.mean((restored - x) ** 2))


def test_learns_to_restore_what_goes_together():
    """Twelve layers that follow two: a code of two restores most of them without a label."""
    torch.manual_seed(0)
    x = (torch.randn(256, 2) @ torch.randn(2, 12))[:, :, None, None]
    net = Autoencoder(12, 1, code=2, reconstruction=100.0)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(200):
        optimiser.zero_grad()
        net.training_loss(x, torch.zeros(256)).backward()
        optimiser.step()
    restored = net.decoded(net.forward_features(x))
    assert (restored - x[:, :, 0, 0]).square().mean() < 0.2 * x.square().mean()


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0},
        {"code": 2.0},
        {"reconstruction": -1},
        {"reconstruction": float("inf")},
        {"dropout": 1},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        Autoencoder(3, 1, **options)
