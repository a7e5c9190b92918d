import numpy as np
import pytest
import torch

from orecast.errors import ConfigError
from orecast.models.networks.element_graphs import averaging
from orecast.models.networks.resgcn import (
    GIN,
    DiffPool,
    GraphSAGE,
    MeanStack,
    assignment_entropy,
    link_error,
)

ALL = pytest.mark.parametrize("factory", [GIN, DiffPool, GraphSAGE])
PAIR = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def value(parameter):
    return parameter.detach().double().numpy()


def on_pair(factory, **options):
    """A network whose first two of three elements are joined."""
    torch.manual_seed(0)
    net = factory(3, 1, **options).eval()
    net.operator.copy_(net.operator_of(PAIR))
    return net


@ALL
def test_the_windows_own_cell_is_read_and_the_graph_matters(factory):
    net = factory(5, 3).eval()
    x = torch.randn(4, 5, 3, 3)
    alone = factory(5, 1).eval()
    alone.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(net(x), alone(x[:, :, 1:2, 1:2]))
        values = torch.randn(60, 5)
        values[:, 1] = values[:, 0]  # one pair is joined, where all were
        net.prepare(values, torch.zeros(60))
        assert not torch.allclose(net(x), alone(x[:, :, 1:2, 1:2]))


def test_gin_sums_each_layers_nodes_side_by_side():
    net = on_pair(GIN, width=2, layers=1)
    first, _, _, second, _, _ = net.layers[0].mlp
    x = np.array([0.3, -1.2, 2.0])
    summed = np.array([-0.9, -0.9, 2.0])[:, None]
    scale = 1 / np.sqrt(1 + 1e-5)  # a batch norm that has seen nothing
    hidden = np.maximum(summed @ value(first.weight).T * scale, 0)
    h = np.maximum(hidden @ value(second.weight).T * scale, 0)
    features = net.forward_features(torch.tensor(x, dtype=torch.float32)[None, :, None, None])
    np.testing.assert_allclose(features[0].detach(), [x.sum(), *h.sum(0)], atol=1e-6)


def test_graphsage_by_hand():
    net = on_pair(GraphSAGE, width=2, layers=1)
    linear = net.stack.layers[0].linear
    x = np.array([0.3, -1.2, 2.0])
    beside = np.stack([x, [-1.2, 0.3, 0.0]], 1)  # a node, and the mean of its neighbours
    h = np.maximum(beside @ value(linear.weight).T + value(linear.bias), 0)
    features = net.forward_features(torch.tensor(x, dtype=torch.float32)[None, :, None, None])
    np.testing.assert_allclose(features[0].detach(), h.mean(0), atol=1e-6)


@pytest.mark.parametrize(("channels", "clusters"), [(1, 2), (8, 2), (16, 4), (17, 5), (40, 10)])
def test_diffpool_has_a_quarter_as_many_clusters(channels, clusters):
    shares = DiffPool(channels, 1).assignment(torch.randn(2, channels, 1))
    assert shares.shape == (2, channels, clusters)
    torch.testing.assert_close(shares.sum(2), torch.ones(2, channels))


def test_diffpool_is_torch_geometrics():
    """Pooling and both auxiliary losses; their link loss is a sum of squares' root over N^2."""
    nn = pytest.importorskip("torch_geometric.nn", reason="torch-geometric is not installed")
    torch.manual_seed(0)
    net = DiffPool(9, 1).eval()
    net.prepare(torch.randn(60, 9).cumsum(1), torch.zeros(60))
    nodes = torch.randn(1, 9, 1)
    averager = averaging(net.operator)
    logits = net.assign(nodes, averager)
    x, adjacency, link, entropy = nn.dense_diff_pool(
        torch.relu(net.embed(nodes, averager)), net.operator, logits
    )
    pooled = torch.relu(net.coarse(x, averaging(adjacency))).mean(1)
    shares = net.assignment(nodes)
    torch.testing.assert_close(net.features_of(nodes), pooled, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(link_error(net.operator, shares), 9 * link, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(assignment_entropy(shares), entropy, atol=1e-5, rtol=1e-5)
    window = nodes.unsqueeze(3)  # (1, 9, 1, 1)
    y = torch.ones(1)
    told = torch.nn.functional.binary_cross_entropy_with_logits(net(window), y)
    expected = told + 9 * link + entropy
    torch.testing.assert_close(net.training_loss(window, y), expected, atol=1e-5, rtol=1e-5)


def test_dense_layers_on_a_weighted_graph_are_torch_geometrics():
    nn = pytest.importorskip("torch_geometric.nn", reason="torch-geometric is not installed")
    ours, theirs = MeanStack(4, [6]), nn.DenseSAGEConv(4, 6)
    linear = ours.layers[0].linear
    own, mean = linear.weight.detach().split(4, 1)
    with torch.no_grad():
        for parameter, weight in (
            (theirs.lin_root.weight, own),
            (theirs.lin_rel.weight, mean),
            (theirs.lin_root.bias, linear.bias),
        ):
            parameter.copy_(weight)
    nodes, weights = torch.randn(3, 5, 4), torch.rand(3, 5, 5)
    weights[:, 0] /= 10  # less than one edge in all
    torch.testing.assert_close(ours(nodes, averaging(weights)), theirs(nodes, weights))


def test_auxiliary_losses_by_hand():
    even = torch.full((2, 3, 2), 0.5)
    assert assignment_entropy(even).item() == pytest.approx(np.log(2))
    assert assignment_entropy(torch.eye(3)[None]).item() == 0
    # S S^T is a half everywhere, so that each of nine entries is missed by a half
    assert link_error(PAIR, even).item() == pytest.approx(0.5)


@ALL
@pytest.mark.parametrize("options", [{"width": 0}, {"dropout": -1}, {"alpha": 0}])
def test_impossible_options_are_refused(factory, options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        factory(3, 1, **options)


def test_a_node_that_is_wholly_in_one_cluster_leaves_gradients_finite():
    logits = torch.tensor([[[200.0, 0.0], [0.0, 200.0]]], requires_grad=True)
    shares = logits.softmax(2)
    assert shares.detach().min() == 0
    (assignment_entropy(shares) + link_error(PAIR[:2, :2], shares)).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("logit", [-50.0, -100.0, -110.0])
def test_a_cluster_that_hardly_any_node_is_in_leaves_gradients_finite(logit):
    logits = torch.tensor([[[0.0, 0.0, logit]] * 3], requires_grad=True)
    shares = logits.softmax(2)
    averaging(shares.mT @ (PAIR @ shares))[0, 2].sum().backward()
    assert logits.grad.isfinite().all()
