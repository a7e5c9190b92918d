import numpy as np
import pytest
import torch

from orecast.errors import ConfigError, ModelError
from orecast.models.networks.blocks import FeatureHead
from orecast.models.networks.element_graphs import (
    GraphAttention,
    GraphConvolution,
    Isomorphism,
    MeanAggregation,
    averaging,
    joined,
    opening,
    pearson,
    require_threshold,
    smoothing,
    summing,
)

PATH = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # 0 - 1 - 2
LAYERS = {
    "GCNConv": (lambda: GraphConvolution(5, 8), smoothing),
    "GATConv": (lambda: GraphAttention(5, 8, 4), opening),
    "SAGEConv": (lambda: MeanAggregation(5, 8), averaging),
    "GINConv": (lambda: Isomorphism(5, 8), summing),
}


@pytest.fixture
def geometric():
    return pytest.importorskip("torch_geometric.nn", reason="torch-geometric is not installed")


def random_graph(n=7):
    """Some of all pairs, and one element that is joined with none."""
    upper = (torch.rand(n, n, generator=torch.Generator().manual_seed(3)) < 0.4).triu(1).float()
    upper[:, -1] = 0
    return upper + upper.T


def peer(kind, ours, conv):
    """Torch-geometric's layer of the same weights; each of its weights, ours, and what part."""
    whole = slice(None)
    if kind == "GCNConv":
        theirs = conv(5, 8)
        pairs = [(theirs.lin.weight, ours.linear.weight, whole)]
        pairs += [(theirs.bias, ours.linear.bias, whole)]
    elif kind == "GATConv":
        theirs = conv(5, 2, heads=4)
        pairs = [(theirs.lin.weight, ours.linear.weight, whole), (theirs.bias, ours.bias, whole)]
        pairs += [(theirs.att_dst, ours.target, whole), (theirs.att_src, ours.source, whole)]
    elif kind == "SAGEConv":
        theirs = conv(5, 8)
        pairs = [(theirs.lin_r.weight, ours.linear.weight, slice(0, 5))]
        pairs += [(theirs.lin_l.weight, ours.linear.weight, slice(5, 10))]
        pairs += [(theirs.lin_l.bias, ours.linear.bias, whole)]
    else:
        theirs = conv(type(ours)(5, 8).mlp)
        both = zip(theirs.nn.parameters(), ours.mlp.parameters(), strict=True)
        pairs = [(their, own, whole) for their, own in both]
    with torch.no_grad():
        for their, own, part in pairs:
            their.copy_(own[..., part].view_as(their))
    assert len(pairs) == len(list(theirs.parameters()))
    return theirs, pairs


@pytest.mark.parametrize("kind", LAYERS)
def test_torch_geometric_gives_the_same_on_a_batch_of_graphs(kind, geometric):
    torch.manual_seed(0)
    make, operator_of = LAYERS[kind]
    ours, graph = make(), random_graph()
    theirs, pairs = peer(kind, ours, getattr(geometric, kind))
    x = torch.randn(4, 7, 5, requires_grad=True)  # four graphs of seven nodes
    flat = x.detach().flatten(0, 1).requires_grad_()
    edges = torch.block_diag(*[graph] * 4).nonzero().T
    dense, sparse = ours(x, operator_of(graph)), theirs(flat, edges)
    torch.testing.assert_close(dense.flatten(0, 1), sparse, atol=1e-5, rtol=1e-5)
    weights = torch.randn(4, 7, 8)
    (dense * weights).sum().backward()
    (sparse * weights.flatten(0, 1)).sum().backward()
    torch.testing.assert_close(x.grad.flatten(0, 1), flat.grad, atol=1e-5, rtol=1e-5)
    for their, own, part in pairs:
        found = own.grad[..., part].view_as(their)
        torch.testing.assert_close(found, their.grad, atol=1e-5, rtol=1e-5)


def test_correlations_are_numpys():
    values = torch.randn(50, 6, generator=torch.Generator().manual_seed(1)).cumsum(1)
    expected = np.corrcoef(values.double().numpy(), rowvar=False)
    np.testing.assert_allclose(pearson(values), expected, atol=1e-12)


def test_elements_are_joined_from_the_threshold_on_whatever_the_sign():
    r = torch.tensor([[1.0, 0.5, -0.7], [0.5, 1.0, 0.49], [-0.7, 0.49, 1.0]])
    assert joined(r, 0.5).tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert joined(r, 0.6).tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert r[0, 0] == 1  # left as it was


@pytest.mark.parametrize(
    ("r", "words"),
    [
        (
            0.5,
            r"alpha: no two elements .* 0\.6 or more.* largest is 0\.500. Remedy: set it to 0\.5",
        ),
        (-0.499, r"largest is 0\.499. Remedy: set it to 0\.49 or less"),
        (0.001, "choose another model"),
    ],
)
def test_a_graph_without_edges_is_refused_with_what_would_do(r, words):
    with pytest.raises(ModelError, match=words):
        joined(torch.tensor([[1.0, r], [r, 1.0]]), 0.6)


def test_one_element_is_no_graph():
    with pytest.raises(ModelError, match=r"evidence\.layers: a graph needs at least two"):
        joined(torch.ones(1, 1), 0.2)


def test_operators_by_hand():
    half, root = 0.5, 6**-0.5  # degrees with themselves 2, 3, 2
    expected = [[half, root, 0], [root, 1 / 3, root], [0, root, half]]
    torch.testing.assert_close(smoothing(PATH), torch.tensor(expected))
    assert averaging(PATH).tolist() == [[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]
    assert summing(PATH).tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    inf = float("inf")
    assert opening(PATH).tolist() == [[0, 0, -inf], [0, 0, 0], [-inf, 0, 0]]


def test_averages_of_a_weighted_graph_in_a_batch():
    weights = torch.tensor([[[0.1, 0.3], [0.0, 0.0]], [[4.0, 4.0], [0.5, 1.5]]])
    expected = torch.tensor([[[0.1, 0.3], [0.0, 0.0]], [[0.5, 0.5], [0.25, 0.75]]])
    torch.testing.assert_close(averaging(weights), expected)


def test_attention_by_hand():
    layer = GraphAttention(1, 1, 1)
    with torch.no_grad():
        for weight, value in zip(
            (layer.linear.weight, layer.target, layer.source, layer.bias),
            (2, 1, -1, 0.5),
            strict=True,
        ):
            weight.fill_(value)
    # h = 2, 4, -2; node 0 attends to itself by 2 - 2 = 0 and to node 1 by 0.2 * (2 - 4)
    to_next = np.exp(-0.4) / (1 + np.exp(-0.4))
    # node 1: to 0 by 4 - 2, to itself by 0, to 2 by 4 + 2
    shares = np.exp([2, 0, 6]) / np.exp([2, 0, 6]).sum()
    # node 2: to 1 by 0.2 * (-2 - 4), to itself by 0
    back = np.exp(-1.2) / (1 + np.exp(-1.2))
    expected = [2 + 2 * to_next, shares @ [2, 4, -2], -2 + 6 * back]
    found = layer(torch.tensor([[[1.0], [2.0], [-1.0]]]), opening(PATH))
    np.testing.assert_allclose(found.detach()[0, :, 0], np.array(expected) + 0.5, rtol=1e-6)


def test_no_node_hears_of_one_that_it_is_not_joined_with():
    for make, operator_of in LAYERS.values():
        layer = make().eval()
        x = torch.randn(1, 3, 5)
        moved = x.clone()
        moved[0, 2] += 1
        with torch.no_grad():
            before, after = (layer(nodes, operator_of(PATH))[0] for nodes in (x, moved))
        assert torch.equal(before[0], after[0])
        assert not torch.allclose(before[1], after[1])


def test_nodes_may_be_numbered_in_any_order():
    order = torch.tensor([3, 1, 6, 0, 2, 5, 4])
    graph = random_graph()
    for make, operator_of in LAYERS.values():
        layer = make().eval()
        x = torch.randn(2, 7, 5)
        turned = layer(x[:, order], operator_of(graph[order][:, order]))
        torch.testing.assert_close(turned, layer(x, operator_of(graph))[:, order])


def test_a_logit_is_linear_and_features_are_dropped_in_training_alone():
    head = FeatureHead(2, 0.5).eval()
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[2.0, -1.0]]))
        head.linear.bias.fill_(0.25)
    x = torch.tensor([[1.0, 3.0]])
    assert head(x).tolist() == [-0.75]
    assert {head.train()(x).item() for _ in range(50)} == {0.25, 4.25, -5.75, -1.75}


@pytest.mark.parametrize("value", [0, 1, 1.0, -0.5, True, "0.6", None, float("nan")])
def test_no_threshold(value):
    with pytest.raises(ConfigError, match=r"model\.options\.alpha: must lie between 0 and 1"):
        require_threshold(value)


def test_thresholds_are_kept():
    assert (require_threshold(0.6), require_threshold("adaptive")) == (0.6, "adaptive")
