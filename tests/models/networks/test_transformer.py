import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import fx, nn

from orecast.errors import ConfigError
from orecast.models.networks.ssgsnet import (
    PatchTransformer,
    SelfAttention,
    TransformerBlock,
    VisionTransformer,
    fitting_patch,
)
from orecast.training.inference import inference_form


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_attention_is_as_written_out():
    """Each head by itself: softmax of QK'/sqrt(d), times V."""
    width, heads, d = 12, 3, 4
    attention, x = SelfAttention(width, heads), drawn(2, 5, width)
    with torch.no_grad():
        q, k, v = (
            x @ weight.T + bias
            for weight, bias in zip(
                attention.project.weight.split(width),
                attention.project.bias.split(width),
                strict=True,
            )
        )
        taken = torch.empty(2, 5, width)
        for head in range(heads):
            own = slice(head * d, (head + 1) * d)
            scores = (q[..., own] @ k[..., own].transpose(1, 2) / d**0.5).exp()  # (2, 5, 5)
            taken[..., own] = scores / scores.sum(2, keepdim=True) @ v[..., own]
        expected = taken @ attention.merge.weight.T + attention.merge.bias
        torch.testing.assert_close(attention(x), expected)


def test_a_block_is_torchs_with_the_norm_behind():
    """The same weights in the same order: the same answer."""
    ours = TransformerBlock(16, 4)
    theirs = nn.TransformerEncoderLayer(16, 4, 64, 0.0, "gelu", batch_first=True, norm_first=False)
    for norm in (ours.norm, ours.last_norm):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    pairs = {
        "self_attn.in_proj_": ours.attention.project,
        "self_attn.out_proj.": ours.attention.merge,
        "norm1.": ours.norm,
        "linear1.": ours.mlp[0],
        "linear2.": ours.mlp[2],
        "norm2.": ours.last_norm,
    }
    theirs.load_state_dict(
        {f"{name}{key}": v for name, m in pairs.items() for key, v in m.state_dict().items()}
    )
    x = drawn(2, 7, 16)
    torch.testing.assert_close(ours(x), theirs(x))


def test_tokens_are_the_projected_patches_behind_the_class_token():
    branch = PatchTransformer(3, 8, 6, 1, 2, 4)
    seen = []
    branch.blocks.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = drawn(2, 3, 8, 8)
    branch(x)
    weight, bias = branch.patches.weight.flatten(1), branch.patches.bias
    patches = [x[:, :, r : r + 4, c : c + 4].flatten(1) for r in (0, 4) for c in (0, 4)]
    tokens = [branch.first[0, 0].expand(2, 6), *(p @ weight.T + bias for p in patches)]
    torch.testing.assert_close(seen[0], torch.stack(tokens, 1) + branch.positions)


def test_features_are_the_projected_class_token():
    branch = PatchTransformer(3, 8, 6, 2, 2, 4)
    seen = []
    branch.blocks.register_forward_hook(lambda *args: seen.append(args[2]))
    features = branch(drawn(2, 3, 8, 8))
    expected = seen[0][:, 0] @ branch.project.weight.T + branch.project.bias
    torch.testing.assert_close(features, expected)


def test_the_published_window_makes_64_tokens_and_the_class_token():
    branch = VisionTransformer(15, 32).branch
    assert branch.positions.shape == (1, 8 * 8 + 1, 256)
    assert len(branch.blocks) == 6
    assert {block.attention.heads for block in branch.blocks} == {8}


def test_weights_by_hand():
    """Of a block: four projections, an MLP of four times the width, two norms."""
    block = 4 * (256 * 256 + 256) + 256 * 1024 + 1024 + 1024 * 256 + 256 + 2 * 2 * 256
    patches, class_token, positions = 15 * 16 * 256 + 256, 256, 65 * 256
    features, logit = 256 * 256 + 256, 256 + 1
    total = patches + class_token + positions + 6 * block + features + logit
    assert sum(p.numel() for p in VisionTransformer(15, 32).parameters()) == total


def test_the_far_corner_is_heard_after_one_block():
    """No convolution of few cells could."""
    net = VisionTransformer(1, 32, width=16, depth=1).eval()
    x = drawn(1, 1, 32, 32).requires_grad_()
    net(x).sum().backward()
    corners = x.grad[0, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.all()


@given(st.integers(2, 300))
def test_the_patch_divides_any_window_into_two_a_side_or_more(size):
    patch = fitting_patch(size)
    assert size % patch == 0
    assert size // patch >= 2
    assert all(size % p or size // p < 2 for p in range(patch + 1, 5))


@pytest.mark.parametrize(("size", "patch"), [(2, 1), (4, 2), (8, 4), (9, 3), (31, 1), (32, 4)])
def test_the_patch_of_a_window(size, patch):
    assert fitting_patch(size) == patch


@pytest.mark.parametrize(("size", "asked", "patch"), [(32, 8, 8), (9, 1, 1), (9, 9, 9), (2, 4, 2)])
def test_a_patch_that_is_asked_for_is_at_most_the_window(size, asked, patch):
    assert fitting_patch(size, asked) == patch


def test_a_patch_that_does_not_divide_is_refused_with_those_that_do():
    with pytest.raises(
        ConfigError,
        match=r"model\.options\.patch: patches of 4 cells do not divide a window of 9\. "
        r"Remedy: set it to one of 1, 3, 9, leave",
    ):
        VisionTransformer(3, 9, patch=4)


def test_heads_that_do_not_share_the_width_are_refused_with_a_number_that_does():
    with pytest.raises(
        ConfigError,
        match=r"model\.options\.heads: 8 heads do not divide a width of 20\. Remedy: set it to 5, "
        r"or model\.options\.width to a multiple of 8",
    ):
        VisionTransformer(3, 9, width=20)


@pytest.mark.parametrize("value", [0, -1, 2.0, "4", True])
@pytest.mark.parametrize("name", ["width", "depth", "heads", "patch"])
def test_what_is_no_count_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"model\.options\.{name}: must be a whole number"):
        VisionTransformer(3, 9, **{name: value})


def test_any_patch_passes_the_check_of_options():
    """Which builds the smallest window that the network takes, without weights."""
    smallest = VisionTransformer.needs.smallest_window
    with torch.device("meta"):
        for patch, taken in ((None, 1), (1, 1), (2, 2), (3, 2), (4, 2), (16, 2)):
            net = VisionTransformer(1, smallest, patch=patch)
            assert net.branch.patches.kernel_size == (taken, taken)


def test_it_can_be_traced_for_prediction():
    net = VisionTransformer(3, 9, width=16, depth=2).eval()
    form, x = inference_form(net, 3, 9), drawn(4, 3, 9, 9)
    assert isinstance(form, fx.GraphModule)
    torch.testing.assert_close(form(x), net(x))
