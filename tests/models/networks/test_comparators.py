import pytest
import torch
import torchvision

from orecast.errors import ConfigError
from orecast.models.networks.resnet import GoogLeNet, MNASNet, MobileNetV2, ShuffleNetV2

FACTORIES = [GoogLeNet, MobileNetV2, MNASNet, ShuffleNetV2]
NARROW = {
    GoogLeNet: {},
    MobileNetV2: {"width": 8},
    MNASNet: {"width": 8},
    ShuffleNetV2: {"width": 8},
}


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def theirs(factory):
    models = torchvision.models
    if factory is GoogLeNet:
        return models.googlenet(num_classes=1, aux_logits=False, init_weights=False)
    build = {
        MobileNetV2: models.mobilenet_v2,
        MNASNet: models.mnasnet1_0,
        ShuffleNetV2: models.shufflenet_v2_x1_0,
    }[factory]
    return build(weights=None, num_classes=1)


@pytest.mark.parametrize("factory", FACTORIES)
def test_large_windows_give_torchvisions_network(factory):
    """With the published width, the same weights in the same order: the same answer."""
    ours, their = factory(3, 64), theirs(factory)
    with torch.no_grad():
        ours.train()(torch.randn(4, 3, 64, 64))  # moves the batch normalisations
        for value, own in zip(their.state_dict().values(), ours.state_dict().values(), strict=True):
            assert value.shape == own.shape
            value.copy_(own)
        x = torch.randn(2, 3, 64, 64)
        torch.testing.assert_close(ours.eval()(x), their.eval()(x)[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize(("size", "after"), [(63, 8), (64, 2), (96, 3)])
def test_small_windows_are_reduced_eightfold_and_large_ones_as_published(factory, size, after):
    net = factory(5, size, **NARROW[factory]).eval()
    with torch.no_grad():
        assert net.forward_features(torch.randn(1, 5, size, size)).shape[2:] == (after, after)


@pytest.mark.parametrize("factory", FACTORIES)
def test_two_of_the_smallest_windows_can_be_learned_from(factory):
    size = factory.needs.smallest_window
    net = factory(4, size, **NARROW[factory]).train()
    x = torch.randn(2, 4, size, size)
    assert net.forward_features(x).shape[2:] == (1, 1)
    net(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_googlenet_leaves_nothing_of_a_smaller_window():
    size = GoogLeNet.needs.smallest_window - 1
    with pytest.raises(RuntimeError, match="Output size is too small"):
        GoogLeNet(4, size)(torch.randn(2, 4, size, size))


@pytest.mark.parametrize(
    ("ours", "build"),
    [(MobileNetV2, torchvision.models.mobilenet_v2), (MNASNet, torchvision.models.mnasnet0_5)],
)
def test_half_the_width_is_torchvisions_half(ours, build):
    half = {"width_mult": 0.5} if ours is MobileNetV2 else {}
    shapes = [p.shape for p in build(weights=None, num_classes=1, **half).parameters()]
    assert [p.shape for p in ours(3, 64, width=16).parameters()] == shapes


def test_shufflenets_stages_follow_its_width_in_even_numbers():
    net = ShuffleNetV2(3, 9, width=8)
    first = net.layers.stage2[0].branch2[-3].out_channels * 2
    assert first == 38  # 8 / 24 * 116 = 38.7
    assert net.layers.conv5[0].in_channels == 4 * 38
    assert net.layers.conv1[0].out_channels == 8


@pytest.mark.parametrize("factory", [MobileNetV2, MNASNet, ShuffleNetV2])
def test_depthwise_kernels_start_with_the_spread_of_one_groups_fan_out(factory):
    convs = [m for m in factory(3, 9).modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1]
    assert convs
    for conv in convs:
        fan_out = conv.kernel_size[0] ** 2
        spread = conv.weight.std().item()
        assert spread == pytest.approx((2 / fan_out) ** 0.5, rel=0.2)


def test_mnasnets_batch_normalisations_forget_within_few_steps():
    """At torchvision's momentum one step would move the running variance by 0.0003."""
    net = MNASNet(3, 9, width=8).train()
    norm = net.layers[1]
    with torch.no_grad():
        seen = net.layers[0](x := 9 * torch.randn(16, 3, 9, 9)).var((0, 2, 3))
        for _ in range(44):
            net(x)
    torch.testing.assert_close(norm.running_var, seen, rtol=0.02, atol=0.0)


@pytest.mark.parametrize("factory", FACTORIES)
def test_dropout_acts_in_training_before_the_last_layer(factory):
    net = factory(3, 9, dropout=0.5, **NARROW[factory])
    assert net.head.dropout.p == 0.5
    features = torch.ones(1, net.head.linear.in_features, 1, 1)
    assert len({net.train().forward_head(features).item() for _ in range(5)}) > 1
    assert len({net.eval().forward_head(features).item() for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        *[(factory, {"dropout": 1}) for factory in FACTORIES],
        *[(factory, {"width": 0}) for factory in FACTORIES[1:]],
        (MobileNetV2, {"width": 12}),
        (MNASNet, {"width": 12}),
    ],
)
def test_impossible_options_are_refused(factory, options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        factory(4, 9, **options)


def test_a_width_between_eights_names_the_next():
    with pytest.raises(ConfigError, match=r"multiple of 8, not 12.*set it to 16"):
        MobileNetV2(4, 9, width=12)
