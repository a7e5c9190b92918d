import math

import pytest
import torch
from torchvision.ops import deform_conv2d as torchvisions

from orecast.errors import ConfigError
from orecast.models.networks import gkdcn
from orecast.models.networks.gkdcn import CNN, DCN, GKCNN, GKDCN

ALL = (CNN, DCN, GKCNN, GKDCN)


def net(factory, channels=5, size=9, seed=0, **options):
    torch.manual_seed(seed)
    return factory(channels + factory.needs.weight, size, **options).eval()


def windows(factory, batch=3, channels=5, size=9):
    return torch.randn(
        batch,
        channels + factory.needs.weight,
        size,
        size,
        generator=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("factory", ALL)
def test_the_published_sizes(factory):
    """39·9·64 + 64·9·64 + 64·9·128 kernels, two weights a channel of BN, 128·64 + 64 + 64 + 1."""
    plain = 39 * 9 * 64 + 64 * 9 * 64 + 64 * 9 * 128 + 2 * (64 + 64 + 128) + 8192 + 64 + 64 + 1
    offsets = 2 * (27 * 64 * 9 + 27) * factory.deformable
    knowledge = 2 * factory.needs.weight
    count = sum(p.numel() for p in net(factory, 39).parameters())
    assert count == plain + offsets + knowledge
    features = net(factory, 39).forward_features(windows(factory, channels=39))
    assert features.shape == (3, 128, 4, 4)


@pytest.mark.parametrize("factory", ALL)
def test_one_seed_gives_all_four_the_same_weights(factory):
    ours, plain = net(factory), net(CNN)
    mine = {n.replace("0.conv.", "0."): p for n, p in ours.named_parameters()}
    for name, parameter in plain.named_parameters():
        assert torch.equal(parameter, mine[name]), name


def test_deformable_layers_start_as_half_the_ordinary_ones():
    """What batch normalisation takes away in training; so the first step sees the plain net."""
    plain, deformable = net(CNN, dropout=0.0).train(), net(DCN, dropout=0.0).train()
    x = windows(CNN, batch=16)
    torch.testing.assert_close(deformable(x), plain(x), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        deformable.second[0](deformable.first(x)), 0.5 * plain.second[0](plain.first(x))
    )


def test_the_network_written_out():
    """Layer by layer on torchvision's operator, with offsets that are not zero."""
    ours = net(DCN, width=8)
    for module in (ours.second[0], ours.third[0]):
        torch.nn.init.normal_(module.aim_weight, std=0.1)

    def deformed(module, x):
        aim = torch.nn.functional.conv2d(x, module.aim_weight, module.aim_bias, padding=1)
        mask = aim[:, 18:].sigmoid()
        return torchvisions(x, aim[:, :18], module.conv.weight, padding=1, mask=mask)

    x = windows(DCN)
    y = torch.relu(ours.first[1](ours.first[0](x)))
    y = torch.relu(ours.second[1](deformed(ours.second[0], y)))
    y = torch.nn.functional.max_pool2d(y, 2)
    y = torch.relu(ours.third[1](deformed(ours.third[0], y)))
    y = torch.relu(ours.head[2](y.mean((2, 3))))
    torch.testing.assert_close(ours(x), ours.head[5](y)[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factory", [GKCNN, GKDCN])
def test_the_prediction_knows_nothing_of_the_weight(factory):
    """The same weights without knowledge answer the same."""
    guided, free = net(factory), net(factory.__mro__[2] if factory is GKDCN else CNN)
    x = windows(factory)
    assert torch.equal(guided(x), free(x[:, :-1]))
    changed = x.clone()
    changed[:, -1] = 7.0
    assert torch.equal(guided(changed), guided(x))


@pytest.mark.parametrize("size", [3, 9])
def test_the_weight_is_that_of_the_windows_own_cell(size):
    guided = net(GKCNN, size=size)
    x = windows(GKCNN, batch=2, size=size)
    x[:, -1] = 0.0
    x[1, -1, size // 2, size // 2] = 1.0
    torch.testing.assert_close(guided.geology(x), torch.tensor([0.5, 1 / (1 + math.exp(-0.1))]))


def test_the_loss_by_hand():
    guided = net(GKCNN, channels=1, width=2, knowledge=0.3)
    with torch.no_grad():
        guided.head[5].weight.zero_()
        guided.head[5].bias.fill_(1.0)  # every logit 1
        guided.slope.fill_(2.0)
        guided.level.fill_(-1.0)
    x = torch.zeros(2, 2, 9, 9)
    x[0, -1, 4, 4] = 1.0  # w 1 and 0

    def sigmoid(z):
        return 1 / (1 + math.exp(-z))

    p = sigmoid(1)
    cross_entropy = -(math.log(p) + math.log(1 - p)) / 2
    distance = ((p - sigmoid(1)) ** 2 + (p - sigmoid(-1)) ** 2) / 2
    loss = guided.training_loss(x, torch.tensor([1.0, 0.0]))
    assert loss.item() == pytest.approx(cross_entropy + 0.3 * distance, rel=1e-6)


def test_knowledge_pulls_the_prediction_and_is_pulled_by_it():
    guided = net(GKDCN, width=4).train()
    x = windows(GKDCN, batch=8)
    guided.training_loss(x, torch.ones(8)).backward()
    assert guided.slope.grad.abs() > 0
    assert guided.level.grad.abs() > 0
    without = net(DCN, width=4).train()
    torch.manual_seed(5)
    a = torch.nn.functional.binary_cross_entropy_with_logits(without(x[:, :-1]), torch.ones(8))
    torch.manual_seed(5)
    b = guided.training_loss(x, torch.ones(8))
    assert a < b < a + 0.1


def test_published_start():
    guided = net(GKDCN)
    assert (guided.slope.item(), guided.level.item()) == (pytest.approx(0.1), 0.0)
    assert guided.knowledge == 0.1
    assert guided.head[4].p == 0.5


def test_sampling_of_both_layers():
    """Where nothing was learned, a regular grid with half the weight."""
    (at, mask), (later, _) = net(GKDCN).sampling(windows(GKDCN))
    assert at.shape == (3, 9, 9, 9, 2)
    assert later.shape == (3, 9, 4, 4, 2)
    assert at[0, 4, 3, 7].tolist() == [3, 7]
    assert at[0, 0, 3, 7].tolist() == [2, 6]
    assert later[2, 8, 1, 1].tolist() == [2, 2]
    assert (mask == 0.5).all()


def test_the_table_is_two_by_two():
    cells = {
        name: (getattr(gkdcn, kind).deformable, getattr(gkdcn, kind).needs.weight)
        for name, kind in gkdcn.REGISTERED.items()
    }
    assert cells == {
        "cnn": (False, False),
        "dcn": (True, False),
        "gk-cnn": (False, True),
        "gk-dcn": (True, True),
    }


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0},
        {"dropout": 1},
        {"knowledge": 0},
        {"knowledge": -0.1},
        {"knowledge": True},
        {"knowledge": "0.1"},
        {"knowledge": math.inf},
        {"knowledge": math.nan},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        GKDCN(4, 9, **options)
