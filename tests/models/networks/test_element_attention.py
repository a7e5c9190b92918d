import pytest
import torch

from orecast.models.networks.element_graphs import GraphAttention, edges_of, opening, runs_compiled
from orecast.models.networks.resgcn import ResGAT, ResidualGraph


def graph(n=7):
    adjacency = (torch.rand(n, n, generator=torch.Generator().manual_seed(1)) > 0.6).float().triu(1)
    return opening(adjacency + adjacency.T)


@pytest.mark.parametrize("inputs", [1, 12])
def test_equal_to_the_plain_layer_with_every_gradient(inputs):
    """Values large enough that ELU bends and some scores leak."""
    torch.manual_seed(0)
    layer = GraphAttention(inputs, 12, heads=3)
    nodes = 3 * torch.randn(5, 7, inputs)
    kept, weight, opened = torch.randn(5, 7, 12), torch.randn(5, 7, 12), graph()

    def found(answer):
        given = [nodes.clone().requires_grad_(), kept.clone().requires_grad_()]
        leaves = [*given, *layer.parameters()]
        out = answer(*given)
        return out, torch.autograd.grad((out * weight).sum(), leaves)

    def plain(x, beside):
        return torch.nn.functional.elu(layer(x, opened)) + beside

    def compiled(x, beside):
        first = [value.permute(2, 1, 0) for value in (x, beside)]
        return layer.residual(*first, edges_of(opened)).permute(2, 1, 0)

    (out, gradients), (expected, of_plain) = found(compiled), found(plain)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
    for gradient, other in zip(gradients, of_plain, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-4, rtol=1e-4)


def test_large_scores_do_not_overflow():
    layer = GraphAttention(1, 4, heads=2)
    nodes = 1e4 * torch.randn(3, 7, 1)
    opened = graph()
    out = layer.residual(nodes.permute(2, 1, 0), torch.zeros(4, 7, 3), edges_of(opened))
    expected = torch.nn.functional.elu(layer(nodes, opened))
    torch.testing.assert_close(out.permute(2, 1, 0), expected, atol=1e-2, rtol=1e-4)


def test_the_network_is_the_plain_one():
    torch.manual_seed(0)
    net = ResGAT(6, 1).eval()
    x = torch.randn(9, 6, 1, 1)
    nodes = net.nodes(x)
    assert runs_compiled(nodes)
    plain = ResidualGraph.features_of(net, nodes)
    torch.testing.assert_close(net.forward_features(x), plain, atol=1e-6, rtol=1e-5)


def test_what_it_is_not_made_for_runs_plainly():
    nodes = torch.zeros(2, 3, 1)
    assert not runs_compiled(nodes.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not runs_compiled(nodes)
