import pytest
import torch
from torch import fx

from orecast.errors import ConfigError
from orecast.models.networks.blocks import ChannelAttention, SpatialAttention
from orecast.models.networks.ssgsnet import (
    AttentionBlock,
    AttentionResNet,
    DualBranchNet,
    ResidualBranch,
    SpectralSpatial,
    SSGSNet,
)
from orecast.training.inference import inference_form

NETWORKS = [SSGSNet, AttentionResNet, DualBranchNet]


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def count(module):
    return sum(p.numel() for p in module.parameters())


def shapes(modules, net, x):
    """Shapes of what each module gives, without the batch."""
    seen = []
    for module in modules:
        module.register_forward_hook(lambda *args: seen.append(tuple(args[2].shape[1:])))
    with torch.no_grad():
        net.eval()(x)
    return seen


def test_maps_of_the_published_window_are_those_of_table_1():
    branch = ResidualBranch(15, 32, 64)
    blocks = [block for layer in branch.layers for block in layer]
    seen = shapes([branch.stem, *blocks, branch.pool, branch.project], branch, drawn(1, 15, 32, 32))
    assert seen == [
        (64, 32, 32),
        *[(64, 32, 32)] * 2,
        *[(128, 16, 16)] * 2,
        *[(256, 8, 8)] * 2,
        *[(512, 4, 4)] * 2,
        (512,),
        (256,),
    ]


def test_every_block_attends_to_channels_and_then_to_cells():
    blocks = [block for layer in ResidualBranch(15, 32, 8).layers for block in layer]
    assert len(blocks) == 8
    for block in blocks:
        assert isinstance(block.residual[5], ChannelAttention)
        assert isinstance(block.residual[6], SpatialAttention)
    assert [len(block.shortcut) for block in blocks] == [0, 0, 2, 0, 2, 0, 2, 0]


@pytest.mark.parametrize(("before", "after", "stride"), [(8, 8, 1), (8, 16, 2), (8, 16, 1)])
def test_a_block_is_as_written_out(before, after, stride):
    torch.manual_seed(0)
    block, x = AttentionBlock(before, after, stride).eval(), drawn(2, before, 6, 6)
    conv1, bn1, _, conv2, bn2, channels, cells = block.residual
    for bn in (bn1, bn2):
        bn.running_mean.normal_()
        bn.running_var.uniform_(0.5, 2)
    with torch.no_grad():
        y = bn2(conv2(bn1(conv1(x)).clamp(min=0)))
        w1, w2 = channels.squeeze.weight, channels.excite.weight
        y = y * torch.sigmoid((y.mean((2, 3)) @ w1.T).clamp(min=0) @ w2.T)[:, :, None, None]
        both = torch.stack([y.mean(1), y.max(1).values], 1)
        y = y * torch.sigmoid(torch.conv2d(both, cells.conv.weight, padding=3))
        h = x if before == after else block.shortcut[1](block.shortcut[0](x))
        torch.testing.assert_close(block(x), (y + h).clamp(min=0))


def test_weights_of_a_block_by_hand():
    """Two convolutions, two norms, channels to a sixteenth and back, one kernel, the shortcut."""
    same = 2 * 64 * 64 * 9 + 2 * 2 * 64 + 2 * 64 * 4 + 2 * 7 * 7
    other = (64 + 128) * 128 * 9 + 2 * 2 * 128 + 2 * 128 * 8 + 2 * 7 * 7 + 64 * 128 + 2 * 128
    assert count(AttentionBlock(64, 64, 1)) == same
    assert count(AttentionBlock(64, 128, 2)) == other


def test_features_are_weighted_as_worked_by_hand():
    """Of f = (2, 1) the hidden units are 1 and -1; the second gives nothing."""
    attention = ChannelAttention(2)
    attention.squeeze.weight = torch.nn.Parameter(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    attention.excite.weight = torch.nn.Parameter(torch.tensor([[2.0, 9.0], [0.0, 9.0]]))
    expected = [2 / (1 + 2.718281828459045**-2), 1 / 2]
    weighted = attention(torch.tensor([[2.0, 1.0]])[:, :, None, None]).flatten(1)
    torch.testing.assert_close(weighted, torch.tensor([expected]))


def test_fusion_is_as_written_out():
    net = SSGSNet(3, 8, width=4, depth=1, heads=2).eval()
    fused, x = net.branch, drawn(2, 3, 8, 8)
    parts = []
    with torch.no_grad():
        for branch, attention in (
            (fused.spectral, fused.spectral_attention),
            (fused.spatial, fused.spatial_attention),
        ):
            f = branch(x)
            hidden = (f @ attention.squeeze.weight.T).clamp(min=0)
            parts.append(f / (1 + torch.exp(-hidden @ attention.excite.weight.T)))
        torch.testing.assert_close(net.forward_features(x), torch.cat(parts, 1))


def test_the_published_fusion_has_256_32_256_for_each_branch_and_512_in_all():
    net = SSGSNet(15, 32)
    for attention in (net.branch.spectral_attention, net.branch.spatial_attention):
        assert [tuple(p.shape) for p in attention.parameters()] == [(32, 256), (256, 32)]
    assert net.head.linear.in_features == 512
    assert net.branch.spatial.patches.kernel_size == (4, 4)


def test_width_scales_everything():
    net = SSGSNet(15, 32, width=16)
    assert net.branch.spectral.project.out_features == 64
    assert net.branch.spatial.project.out_features == 64
    assert net.head.linear.in_features == 128
    assert 15 < count(SSGSNet(15, 32)) / count(net) < 16


def test_the_comparator_sees_cells_in_two_convolutions_and_means_in_an_mlp():
    torch.manual_seed(0)
    branch, x = SpectralSpatial(3, 4), drawn(2, 3, 8, 8)
    conv1, conv2 = branch.spatial[0], branch.spatial[3]
    inner, outer = branch.spectral[0], branch.spectral[2]
    with torch.no_grad():
        cells = conv1(x).clamp(min=0).view(2, 4, 4, 2, 4, 2).amax((3, 5))
        cells = conv2(cells).clamp(min=0).view(2, 8, 2, 2, 2, 2).amax((3, 5)).mean((2, 3))
        means = outer(inner(x.mean((2, 3))).clamp(min=0)).clamp(min=0)
        torch.testing.assert_close(branch(x), torch.cat([cells, means], 1))


def test_weights_of_the_comparator_by_hand():
    spatial = 15 * 64 * 9 + 64 + 64 * 128 * 9 + 128
    spectral = 15 * 64 + 64 + 64 * 128 + 128
    assert count(DualBranchNet(15, 32)) == spatial + spectral + 256 + 1


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("options", [{"width": 0}, {"width": "wide"}, {"dropout": 1}])
def test_impossible_options_are_refused(network, options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        network(4, 9, **options)


@pytest.mark.parametrize("options", [{"patch": 2}, {"heads": 7}, {"depth": 0}])
def test_impossible_options_of_the_transformer_are_refused(options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        SSGSNet(4, 9, **options)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_order_in_memory_changes_nothing_but_rounding(network):
    net, x = network(3, 16, width=8).eval(), drawn(2, 3, 16, 16)
    plain = net(x)
    last = torch.channels_last
    torch.testing.assert_close(net.to(memory_format=last)(x.to(memory_format=last)), plain)


@pytest.mark.parametrize("network", NETWORKS)
def test_it_can_be_traced_for_prediction(network):
    net = network(3, 9, width=8).eval()
    form, x = inference_form(net, 3, 9), drawn(4, 3, 9, 9)
    assert isinstance(form, fx.GraphModule)
    torch.testing.assert_close(form(x), net(x))


@pytest.mark.parametrize("network", NETWORKS)
def test_half_precision_gives_finite_logits_and_gradients(network):
    net = network(3, 16, width=8).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = net(drawn(4, 3, 16, 16))
    logits.float().square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
