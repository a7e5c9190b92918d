import numpy as np
import pytest
import torch

from orecast.errors import ConfigError, ModelError
from orecast.models.checks import check_layers, check_window
from orecast.models.networks.resgcn import ResGAT, ResGCN
from orecast.sampling.windows import Windows

BOTH = pytest.mark.parametrize("factory", [ResGCN, ResGAT])


def correlated(n=200):
    """Three elements, of which the first two go together."""
    rng = torch.Generator().manual_seed(0)
    first, noise, third = torch.randn(3, n, generator=rng)
    return torch.stack([first, -first + 0.3 * noise, third], 1)


def value(parameter):
    return parameter.detach().double().numpy()


def test_equations_written_out():
    """Two layers, nodes by nodes."""
    torch.manual_seed(0)
    net = ResGCN(3, 1, width=4, layers=2).eval()
    net.prepare(correlated(), torch.zeros(200))
    mix = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])  # 0 and 1 joined, 2 alone
    x = np.array([[0.3, -1.2, 2.0]])
    H, kept = x[0][:, None], x[0][:, None] @ value(net.shortcut.weight).T
    for layer in net.layers:
        weight, bias = value(layer.linear.weight), value(layer.linear.bias)
        H = np.maximum(mix @ H @ weight.T + bias, 0) + kept
        kept = H
    expected = value(net.head.linear.weight)[0] @ H.mean(0) + value(net.head.linear.bias)[0]
    found = net(torch.tensor(x, dtype=torch.float32)[:, :, None, None])
    assert found.item() == pytest.approx(expected, abs=1e-6)


@BOTH
def test_published_size_and_its_weights(factory):
    net = factory(16, 1)
    assert net.forward_features(torch.randn(2, 16, 1, 1)).shape == (2, 64)
    assert len(net.layers) == 3
    assert net.head.dropout.p == 0.5
    assert net.alpha == 0.6
    count = sum(p.numel() for p in net.parameters())
    layers = (64 + 64) + 2 * (64 * 64 + 64) + 64 + (64 + 1)  # weights and biases, shortcut, head
    assert count == layers + (0 if factory is ResGCN else 3 * 2 * 64)


@BOTH
def test_the_windows_own_cell_is_read(factory):
    net = factory(3, 9).eval()
    x = torch.randn(4, 3, 9, 9)
    alone = factory(3, 1).eval()
    alone.load_state_dict(net.state_dict())
    assert torch.equal(net(x), alone(x[:, :, 4:5, 4:5]))


@BOTH
def test_every_pair_is_joined_before_a_graph_is_learned(factory):
    net = factory(3, 1)
    torch.testing.assert_close(net.operator, net.operator_of(torch.ones(3, 3) - torch.eye(3)))


@BOTH
def test_the_graph_learned_is_saved(factory, tmp_path):
    net = factory(3, 1).eval()
    net.prepare(correlated(), torch.zeros(200))
    torch.testing.assert_close(net.correlation, torch.corrcoef(correlated().T))
    pair = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
    torch.testing.assert_close(net.operator, net.operator_of(pair))
    again = factory(3, 1).eval()
    x = torch.randn(2, 3, 1, 1)
    assert not torch.equal(again(x), net(x))
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(x), net(x))


@BOTH
def test_a_lower_threshold_joins_more(factory):
    values = torch.randn(100, 6, generator=torch.Generator().manual_seed(2)).cumsum(1)
    counts = []
    for alpha in (0.2, 0.5, 0.8):
        net = factory(6, 1, alpha=alpha)
        net.prepare(values, torch.zeros(100))
        counts.append(int((net.operator.exp() if factory is ResGAT else net.operator).gt(0).sum()))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] > 6


@BOTH
def test_a_graph_without_edges_is_refused_and_nothing_is_learned(factory):
    net = factory(3, 1, alpha=0.99)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ModelError, match=r"model\.options\.alpha: no two elements"):
        net.prepare(correlated(), torch.zeros(200))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_threshold_to_be_chosen_is_no_threshold():
    with pytest.raises(ConfigError, match=r"model\.options\.alpha: the graph needs a threshold"):
        ResGCN(3, 1, alpha="adaptive").prepare(correlated(), torch.zeros(200))


@BOTH
def test_fault_layers_and_even_windows_are_refused(factory):
    X = Windows(np.zeros((2, 9, 9), "f4"), ("Au", "faults"), np.zeros((1, 2), int), 3)
    X = Windows(X.stack, X.names, X.at, 3, kinds=("element", "fault"))
    with pytest.raises(ModelError, match="reads only elements; these layers are not: faults"):
        check_layers("resgcn", factory.needs, X)
    with pytest.raises(ModelError, match="an odd number of cells, not 4"):
        check_window("resgcn", factory.needs, 4)


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (ResGCN, {"width": 0}),
        (ResGCN, {"layers": 1.5}),
        (ResGCN, {"dropout": 1}),
        (ResGCN, {"alpha": 1.2}),
        (ResGAT, {"heads": 0}),
        (ResGAT, {"heads": 3}),
    ],
)
def test_impossible_options_are_refused(factory, options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        factory(3, 1, **options)


def test_heads_that_do_not_divide_the_width_are_refused_with_numbers_that_do():
    with pytest.raises(
        ConfigError, match=r"8 heads do not divide a width of 2\. Remedy: set it to 2, or .* of 8"
    ):
        ResGAT(3, 1, width=2)


@BOTH
def test_bfloat16_moves_logits_little(factory):
    net = factory(16, 1).eval()
    x = torch.randn(8, 16, 1, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = net(x).float()
    torch.testing.assert_close(narrow, net(x), atol=0.05, rtol=0.05)
