import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from orecast.config import Training
from orecast.errors import ConfigError, ModelError
from orecast.models.networks.mfaf import MFAF
from orecast.models.networks.resnet import ResNet18, ShuffleNetV2
from orecast.sampling.windows import Windows
from orecast.training import build_model, load_model
from orecast.training.inference import inference_form

PLAIN = {"channel_attention": False, "spatial_attention": False}
LEADS = torch.tensor([[2.0, -1.0, -0.5], [0.3, 0.2, -4.0], [-1.0, -2.0, -3.0]])


@pytest.fixture(autouse=True)
def seeded():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


def small(channels=3, size=9, **options):
    return MFAF(channels, size, **{"dilations": (1, 2, 4), "width": 2, **options})


def answering(leads, **options):
    """A network whose scales answer so many logits more for ore than for barren, ``(B, S)``."""
    net = small(dilations=tuple(range(1, leads.shape[1] + 1)), **options)
    features = torch.zeros(len(leads), leads.shape[1], net.per_scale, 1)
    features[:, :, 0, 0] = leads
    with torch.no_grad():
        net.classifier.weight.zero_()
        net.classifier.weight[1, 0] = 1.0
        net.classifier.bias.fill_(7.0)  # of both classes: no matter
    made = features.flatten(1, 2)[..., None].requires_grad_()
    net.forward_features = lambda x: made
    return net, made


def names(net):
    return {name for name, _ in net.named_parameters()}


def test_a_scale_is_its_kernel_spread_by_the_dilation():
    net = small(1, 5, dilations=(2,), **PLAIN)
    kernel = torch.arange(1.0, 10.0).view(3, 3)
    with torch.no_grad():
        net.scales[0].weight.copy_(kernel)
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2] = 1.0  # the middle, which each cell two steps off sees by one tap
    expected = torch.zeros(5, 5)
    expected[::2, ::2] = kernel.flip(0, 1)
    assert torch.equal(net.scales[0](x)[0, 0], expected)
    x = torch.arange(25.0).view(1, 1, 5, 5)
    corner = 5 * 0 + 6 * 2 + 8 * 10 + 9 * 12  # the taps to its right and below; else zeros
    assert net.scales[0](x)[0, 0, 0, 0].item() == corner


def test_a_scales_channels_are_weighted_by_their_mean_plus_maximum():
    net = small(2, 5, dilations=(1,))
    conv, attention = net.scales[0]
    with torch.no_grad():
        attention.squeeze.weight.copy_(torch.tensor([[0.5, 0.25]]))
        attention.excite.weight.copy_(torch.tensor([[1.0], [-2.0]]))
    x = torch.randn(3, 2, 5, 5)
    u = conv(x)
    pooled = u.mean((2, 3)) + u.flatten(2).max(2).values
    hidden = (0.5 * pooled[:, 0] + 0.25 * pooled[:, 1]).clamp(min=0)
    first = u[:, 0] / (1 + torch.exp(-hidden))[:, None, None]
    second = u[:, 1] / (1 + torch.exp(2 * hidden))[:, None, None]
    torch.testing.assert_close(net.scales[0](x), torch.stack([first, second], 1))


def test_every_unit_of_the_channel_attention_is_awake_at_first():
    net = MFAF(10, 49, width=2)
    x = torch.randn(8, 10, 49, 49)
    with torch.no_grad():
        for conv, attention in net.scales:
            u = conv(x)
            assert (attention.squeeze(u.mean((2, 3)) + u.amax((2, 3))) > 0).all()
            assert len(attention.squeeze.weight) == 5


def test_the_spatial_attention_weighs_the_backbones_map():
    net, plain = small(), small(spatial_attention=False)
    plain.load_state_dict(net.state_dict(), strict=False)
    x = torch.randn(2, 3, 9, 9)
    per_scale = plain.eval().forward_features(x).unflatten(1, (3, net.per_scale))
    squeezed = torch.stack([per_scale.mean(2), per_scale.amax(2)], 2)  # (B, S, 2, h, w)
    weights = torch.sigmoid(net.attention.conv(squeezed.flatten(0, 1))).unflatten(0, (2, 3))
    torch.testing.assert_close(net.eval().forward_features(x), (per_scale * weights).flatten(1, 2))


@pytest.mark.parametrize(
    ("name", "factory"), [("resnet18", ResNet18), ("shufflenetv2", ShuffleNetV2)]
)
def test_one_scale_that_changes_nothing_is_the_backbone_itself(name, factory):
    net = small(dilations=(1,), backbone=name, **PLAIN).eval()
    alone = factory(3, 9, width=2).eval()
    body = {n: v for n, v in alone.state_dict().items() if not n.startswith("head")}
    with torch.no_grad():
        for own, value in zip(net.backbone.state_dict().values(), body.values(), strict=True):
            value.copy_(own)
        net.scales[0].weight.zero_()
        for channel in range(3):
            net.scales[0].weight[channel, channel, 1, 1] = 1.0
        barren, ore = net.classifier.weight
        alone.head.linear.weight.copy_((ore - barren)[None])
        alone.head.linear.bias.copy_(net.classifier.bias.diff())
        x = torch.randn(4, 3, 9, 9)
        torch.testing.assert_close(net.forward_features(x), alone.forward_features(x))
        torch.testing.assert_close(net(x), alone(x))


def test_published_sizes_are_the_default():
    net = MFAF(10, 128)
    assert [conv.dilation[0] for conv, _ in net.scales] == [1, 6, 12, 18, 24]
    assert (net.per_scale, net.distillation, net.voting) == (512, 0.4, True)
    assert MFAF(10, 128, backbone="shufflenetv2").per_scale == 1024
    assert MFAF.needs.smallest_window == 49


def test_scales_stay_apart_in_the_features():
    """A window's features do not depend on its company, nor a scale's on the others."""
    net = small().eval()
    x = torch.randn(4, 3, 9, 9)
    whole = net.forward_features(x)
    torch.testing.assert_close(net.forward_features(x[1:2]), whole[1:2])
    with torch.no_grad():
        net.scales[1][0].weight.mul_(-1)
    moved = (net.forward_features(x) != whole).flatten(2).any(2).unflatten(1, (3, -1)).any(2)
    assert moved.any(0).tolist() == [False, True, False]


def test_ranking_is_by_the_mean_softmax_and_labels_by_the_vote():
    net, _ = answering(LEADS)
    probabilities = 1 / (1 + np.exp(-LEADS.numpy()))
    mean = probabilities.mean(1)  # 0.509, 0.381, 0.146
    np.testing.assert_allclose(torch.sigmoid(net(None)).detach(), mean, rtol=1e-6)
    torch.testing.assert_close(net.votes(None), torch.tensor([1 / 3, 2 / 3, 0.0]))
    assert net.labels(None).tolist() == [0, 1, 0]
    by_mean, _ = answering(LEADS, voting=False)
    assert by_mean.labels(None).tolist() == [1, 0, 0]


def test_where_votes_are_even_the_mean_decides():
    net, _ = answering(torch.tensor([[2.0, -1.0], [1.0, -2.0], [0.1, 0.2]]))
    assert net.votes(None).tolist() == [0.5, 0.5, 1.0]
    assert net.labels(None).tolist() == [1, 0, 1]


def test_logits_are_safe_where_probabilities_are_not():
    net, made = answering(torch.tensor([[300.0, 400.0], [-300.0, -300.0], [300.0, -300.0]]))
    logits = net(None)
    expected = torch.tensor([300 + math.log(2), -300.0, 0.0])
    torch.testing.assert_close(logits, expected)
    (logits.sum() + net.training_loss(None, torch.tensor([0.0, 1.0, 1.0]))).backward()
    assert made.grad.isfinite().all()


def test_the_loss_of_two_scales_by_hand():
    leads, y = torch.tensor([[1.0, -0.5], [0.2, 2.0]]), torch.tensor([1.0, 0.0])
    net, _ = answering(leads, distillation=0.4)
    ore = 1 / (1 + np.exp(-leads.numpy().astype(float)))
    p = np.stack([1 - ore, ore], 2)  # (B, S, 2)
    truth = np.array([[[0.0, 1.0]], [[1.0, 0.0]]])
    mean = p.mean(1, keepdims=True)
    entropy = -(truth * np.log(p)).sum(2)  # (B, S)
    divergence = (mean * np.log(mean / p)).sum(2)
    by_hand = (0.6 * entropy.sum(1) + 0.4 * divergence.sum(1)).mean()
    assert net.training_loss(None, y).item() == pytest.approx(by_hand, rel=1e-6)


def test_without_distillation_the_loss_is_the_sum_of_cross_entropies():
    net, made = answering(LEADS, distillation=0)
    y = torch.tensor([1, 0, 0])
    scales = made.squeeze(3).squeeze(2).unflatten(1, (3, -1))
    plain = sum(cross_entropy(net.classifier(scales[:, s]), y) for s in range(3))
    torch.testing.assert_close(net.training_loss(None, y.float()), plain)


def test_no_gradient_flows_into_the_mean():
    """Of KL(q || p), the derivative by p's logit is p - q where q stands still."""
    y = torch.tensor([1.0, 0.0, 1.0])
    net, made = answering(LEADS, distillation=0.4)
    net.training_loss(None, y).backward()
    p = torch.sigmoid(LEADS)
    still = 0.6 * (p - y[:, None]) + 0.4 * (p - p.mean(1, keepdim=True))
    gradient = made.grad.unflatten(1, (3, -1))[:, :, 0, 0, 0]
    torch.testing.assert_close(gradient, still / 3)


def test_each_switch_takes_out_what_it_names():
    whole = names(small())
    without = {
        option: whole - names(small(**{option: off}))
        for option, off in {"spatial_attention": False, "voting": False, "distillation": 0}.items()
    }
    assert without == {
        "spatial_attention": {"attention.conv.weight"},
        "voting": set(),
        "distillation": set(),
    }
    shapes = sorted(tuple(p.shape) for p in small().parameters())
    for part in small().scales:
        for weight in part[1].parameters():
            shapes.remove(tuple(weight.shape))
    bare = sorted(tuple(p.shape) for p in small(channel_attention=False).parameters())
    assert bare == shapes
    fewer = whole - names(small(dilations=(1, 2)))
    assert fewer == {f"scales.2.{n}.weight" for n in ("0", "1.squeeze", "1.excite")}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("backbone", "resnet81"),
        ("backbone", 18),
        ("dilations", ()),
        ("dilations", 6),
        ("dilations", "16"),
        ("dilations", (1, 0)),
        ("dilations", (1, 2.0)),
        ("dilations", (2, 2)),
        ("channel_attention", 1),
        ("spatial_attention", "no"),
        ("voting", None),
        ("distillation", 1),
        ("width", 0),
    ],
)
def test_impossible_options_are_refused(option, value):
    with pytest.raises(ConfigError, match=rf"model\.options\.{option}"):
        small(**{option: value})


def test_an_unknown_backbone_is_offered_the_nearest():
    with pytest.raises(ConfigError, match="did you mean resnet18"):
        small(backbone="resnet81")


def test_dilations_wider_than_the_window_name_those_that_fit():
    fits = r"spans 49 cells, but the window has 36.*keep \[1, 6, 12\], or set .* to 49 or more"
    with pytest.raises(ConfigError, match=fits):
        MFAF(3, 36)
    with pytest.raises(ConfigError, match=r"has 9\. Remedy: set sampling\.window to 13 or more"):
        small(dilations=[6])
    assert len(MFAF(3, 37, dilations=[1, 6, 12, 18], width=2).scales) == 4
    assert len(MFAF(3, 65, dilations=[1, 8, 16, 24, 32], width=2).scales) == 5


@pytest.mark.parametrize("backbone", ["resnet18", "shufflenetv2"])
def test_two_windows_on_maps_of_one_cell_can_be_learned_from(backbone):
    net = small(2, 3, dilations=(1,), backbone=backbone).train()
    x, y = torch.randn(2, 2, 3, 3), torch.tensor([0.0, 1.0])
    assert net.forward_features(x).shape == (2, net.per_scale, 1, 1)
    net.training_loss(x, y).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_the_loss_is_taken_in_full_precision():
    net = small().train()
    x, y = torch.randn(4, 3, 9, 9), torch.tensor([0.0, 1.0, 1.0, 0.0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net.training_loss(x, y)
        assert loss.dtype == net(x).dtype == torch.float32
    loss.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("backbone", ["resnet18", "shufflenetv2"])
def test_its_form_for_prediction_is_rewritten_and_answers_the_same(backbone):
    net = small(backbone=backbone).eval()
    form = inference_form(net, 3, 9)
    assert isinstance(form, torch.fx.GraphModule)
    x = torch.randn(5, 3, 9, 9)
    torch.testing.assert_close(form(x), net(x), rtol=1e-5, atol=1e-6)


def toy(size, n=48, seed=0):
    """Windows whose first layer is high on ore, on a stack that holds them."""
    rng = np.random.default_rng(seed)
    side = 3 * size
    stack = rng.normal(size=(3, side, side)).astype(np.float32)
    at = np.column_stack([rng.integers(size, side - size, n), rng.integers(0, side, n)])
    y = (at[:, 1] >= side // 2).astype(float)
    at[:, 1] = np.where(y == 1, 3 * side // 4, side // 4)
    stack[0, :, : side // 2] -= 2
    stack[0, :, side // 2 :] += 2
    return Windows(stack, ("L0", "L1", "L2"), at, size), y, np.full(n, -1)


def test_it_learns_by_its_own_loss_and_is_kept(tmp_path):
    losses = []
    X, y, group = toy(49)
    recipe = Training(epochs=6, batch=16, rate=3e-3)
    options = {"width": 4, "dilations": [1, 24]}
    model = build_model("mfaf", options, recipe, progress=lambda *p: losses.append(p[2]))
    scores = model.fit(X, y, group, seed=0).predict(X)
    assert losses[-1] < losses[0] / 2
    assert (scores[y == 1][:, None] > scores[y == 0]).mean() > 0.95  # the AUC
    with torch.no_grad():
        plain = torch.sigmoid(model.net_(torch.from_numpy(X.batch()))).numpy()
    np.testing.assert_allclose(scores, plain, atol=2e-6)
    model.save(tmp_path)
    np.testing.assert_array_equal(load_model(tmp_path).predict(X), scores)


def test_a_window_below_its_needs_is_refused():
    X, y, group = toy(9)
    with pytest.raises(ModelError, match="mfaf needs windows of at least 49 cells, not 9"):
        build_model("mfaf", {"width": 2}, Training(epochs=1)).fit(X, y, group, seed=0)
