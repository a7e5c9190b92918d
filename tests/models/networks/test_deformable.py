import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchvision.ops import deform_conv2d as torchvisions

from orecast.errors import ModelError
from orecast.models.networks import deformable
from orecast.models.networks.deformable import DeformableConv2d, deform_conv2d, sampled

NAMES = ("x", "offset", "mask", "weight", "bias")


def sides(n, kernel, stride, padding, dilation):
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def arguments(batch, before, after, h, w, kernel=(3, 3), dtype=torch.float32, **geometry):
    """Offsets of up to three cells either way, so that some points lie outside."""
    geometry = {"stride": 1, "padding": 1, "dilation": 1} | geometry
    rows, columns = (sides(n, k, **geometry) for n, k in zip((h, w), kernel, strict=True))
    points = kernel[0] * kernel[1]
    draw = torch.Generator().manual_seed(h * 100 + w)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=dtype)

    given = [
        normal(batch, before, h, w),
        1.5 * normal(batch, 2 * points, rows, columns),
        torch.rand(batch, points, rows, columns, generator=draw, dtype=dtype),
        normal(after, before, *kernel) / (before * points) ** 0.5,
        normal(after),
    ]
    return [tensor.requires_grad_() for tensor in given], geometry


def theirs(x, offset, mask, weight, bias, **geometry):
    return torchvisions(x, offset, weight, bias, mask=mask, **geometry)


def uncompiled(x, offset, mask, weight, bias, **geometry):
    """As on a device that the compiled form does not serve."""
    at = deformable.sampling_positions(offset, weight.shape[3], **geometry)
    share = mask.permute(0, 2, 3, 1).flatten(1)
    columns = sampled(x.permute(0, 2, 3, 1), at.flatten(1, 3), share)
    kernel = weight.permute(0, 2, 3, 1).flatten(1)
    flat = columns.view(len(x), -1, kernel.shape[1]) @ kernel.t() + bias
    return flat.transpose(1, 2).view(len(x), -1, *at.shape[1:3])


def outcome(function, given, geometry):
    """Values, and the gradients of every argument, of an uneven sum of them."""
    for tensor in given:
        tensor.grad = None
    values = function(*given, **geometry)
    draw = torch.Generator().manual_seed(1)
    (values * torch.randn(values.shape, generator=draw, dtype=values.dtype)).sum().backward()
    return {"values": values.detach()} | {
        n: t.grad.clone() for n, t in zip(NAMES, given, strict=True)
    }


def assert_agree(ours, other, atol=1e-4):
    for name, value in ours.items():
        torch.testing.assert_close(value, other[name], rtol=1e-4, atol=atol, msg=name)


@pytest.mark.parametrize("function", [deform_conv2d, uncompiled])
@pytest.mark.parametrize("shape", [(8, 64, 64, 9, 9), (8, 64, 128, 4, 4), (2, 3, 5, 1, 7)])
def test_values_and_every_gradient_are_torchvisions(shape, function):
    given, geometry = arguments(*shape)
    assert_agree(outcome(function, given, geometry), outcome(theirs, given, geometry))


@pytest.mark.slow
@given(
    st.tuples(*[st.integers(1, n) for n in (3, 5, 5, 11, 11)]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(1, 2),
)
@settings(max_examples=25, deadline=None)
def test_it_agrees_at_any_shape(shape, kernel, stride, padding, dilation):
    geometry = {"stride": stride, "padding": padding, "dilation": dilation}
    sides = zip(shape[3:], kernel, strict=True)
    assume(all(n + 2 * padding > dilation * (k - 1) for n, k in sides))
    given, geometry = arguments(*shape, kernel, torch.float64, **geometry)
    reference = outcome(theirs, given, geometry)
    assert_agree(outcome(deform_conv2d, given, geometry), reference, atol=1e-9)
    assert_agree(outcome(uncompiled, given, geometry), reference, atol=1e-9)


def test_gradients_are_those_of_finite_differences():
    given, geometry = arguments(2, 2, 2, 4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *a: deform_conv2d(*a, **geometry), given)
    x, offset, mask, *_ = given
    at = deformable.sampling_positions(offset, 3, **geometry).flatten(1, 3).detach()
    inputs = (x.detach().permute(0, 2, 3, 1), at, mask.detach().permute(0, 2, 3, 1).flatten(1))
    assert torch.autograd.gradcheck(sampled, [tensor.requires_grad_() for tensor in inputs])


@pytest.mark.slow
def test_the_registered_operation_is_what_torch_asks_of_one():
    """Fake values for compilation, no hidden aliases, a gradient that is registered."""
    x, at, share = torch.randn(2, 3, 4, 2), 3 * torch.rand(2, 12 * 9, 2), torch.rand(2, 12 * 9)
    kernel = torch.randn(5, 18)
    given = [tensor.requires_grad_() for tensor in (x, at, share, kernel)]
    found = torch.library.opcheck(deformable._convolve, given)
    assert {"test_faketensor", "test_autograd_registration"} <= found.keys()
    assert set(found.values()) == {"SUCCESS"}


def test_batches_larger_than_is_sampled_at_once_give_the_same(monkeypatch):
    given, geometry = arguments(7, 4, 4, 5, 5)
    whole = outcome(deform_conv2d, given, geometry)
    monkeypatch.setattr(deformable, "_AT_ONCE", 2 * 25 * 9 * 4 * 4)  # two images
    assert_agree(outcome(deform_conv2d, given, geometry), whole, atol=1e-5)


def test_without_offsets_and_half_the_mask_it_is_half_the_convolution():
    given, geometry = arguments(3, 4, 5, 6, 7)
    x, offset, mask, weight, bias = (tensor.detach() for tensor in given)
    ours = deform_conv2d(x, 0 * offset, 0 * mask + 0.5, weight, bias, **geometry)
    ordinary = torch.nn.functional.conv2d(x, weight, None, padding=1)
    torch.testing.assert_close(ours, 0.5 * ordinary + bias[:, None, None])


def look(x, down, right, share=1.0):
    """A kernel of one point, so that the answer is what is seen there."""
    cells = torch.ones(1, 1, *x.shape)
    offset = torch.cat([down * cells, right * cells], 1)
    return deform_conv2d(x[None, None], offset, share * cells, torch.ones(1, 1, 1, 1))[0, 0]


X = torch.tensor([[1.0, 2.0], [3.0, 5.0]])


@pytest.mark.parametrize(
    ("down", "right", "seen"),
    [
        (1, 0, [[3, 5], [0, 0]]),  # the cell below, and nothing beyond the map
        (0, -1, [[0, 1], [0, 3]]),
        (0, 0.5, [[1.5, 1], [4, 2.5]]),  # half of what is beyond is missing
        (0.5, 0.25, [[0.5 * 1.25 + 0.5 * 3.5, 0.75 * 3.5], [0.5 * 3.5, 0.5 * 0.75 * 5]]),
        (2, 0, [[0, 0], [0, 0]]),
        (1e9, float("-inf"), [[0, 0], [0, 0]]),
    ],
)
def test_what_is_seen_by_hand(down, right, seen):
    assert look(X, down, right).tolist() == seen
    assert look(X, down, right, 0.5).tolist() == [[value / 2 for value in row] for row in seen]


def test_a_position_that_is_not_a_number_gives_none():
    assert look(X, float("nan"), 0.0).isnan().all()
    assert look(X, 0.0, float("nan")).isnan().all()
    nowhere = torch.tensor([[[float("nan"), 0.0]]])
    assert sampled(X[None, ..., None], nowhere, torch.ones(1, 1)).isnan().all()


def test_the_same_input_gives_the_same_gradients_bit_for_bit():
    given, geometry = arguments(16, 32, 32, 9, 9)
    first, again = (outcome(deform_conv2d, given, geometry) for _ in range(2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())


def test_narrow_numbers_are_computed_wide_and_given_back_narrow():
    given, geometry = arguments(2, 8, 8, 5, 5)
    narrow = [tensor.detach().bfloat16() for tensor in given]
    ours = deform_conv2d(*narrow, **geometry)
    wide = theirs(*(tensor.float() for tensor in narrow), **geometry)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), wide, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("wrong", ["x", "offset", "mask"])
def test_shapes_that_do_not_go_together_are_refused(wrong):
    given, geometry = arguments(2, 3, 4, 5, 6)
    number = NAMES.index(wrong)
    given[number] = given[number].detach()[:, 1:] if wrong == "x" else given[number].mT.detach()
    with pytest.raises(ModelError, match="of a deformable convolution must be"):
        deform_conv2d(*given, **geometry)


def test_the_module_starts_as_half_its_convolution_and_can_become_it():
    torch.manual_seed(0)
    module = DeformableConv2d(3, 4)
    x = torch.randn(2, 3, 5, 6)
    torch.testing.assert_close(module(x), 0.5 * module.conv(x))
    with torch.no_grad():
        module.aim_bias[18:] = 100.0  # sigmoid 1
    torch.testing.assert_close(module(x), module.conv(x))


def test_the_module_is_torchvisions_operator_on_two_convolutions_of_its_input():
    torch.manual_seed(0)
    module = DeformableConv2d(3, 4)
    torch.nn.init.normal_(module.aim_weight)
    torch.nn.init.normal_(module.aim_bias)
    x = torch.randn(2, 3, 5, 6)
    conv2d = torch.nn.functional.conv2d
    offset = conv2d(x, module.aim_weight[:18], module.aim_bias[:18], padding=1)
    mask = conv2d(x, module.aim_weight[18:], module.aim_bias[18:], padding=1).sigmoid()
    reference = torchvisions(x, offset, module.conv.weight, padding=1, mask=mask)
    torch.testing.assert_close(module(x), reference, rtol=1e-4, atol=1e-5)


def test_sampling_says_where_each_point_looks():
    module = DeformableConv2d(2, 2)
    with torch.no_grad():
        module.aim_bias[:18] = torch.arange(18) / 10  # down 0.0, 0.2 …, right 0.1, 0.3 …
    at, mask = module.sampling(torch.zeros(1, 2, 4, 5))
    assert at.shape == (1, 9, 4, 5, 2)
    assert mask.shape == (1, 9, 4, 5)
    torch.testing.assert_close(at[0, 0, 0, 0], torch.tensor([-1.0, -0.9]))
    torch.testing.assert_close(at[0, 5, 2, 3], torch.tensor([2.0 + 1.0, 4 + 1.1]))
    assert (mask == 0.5).all()


def test_tracing_sees_one_operation():
    module = DeformableConv2d(3, 4)
    form = torch.fx.symbolic_trace(module)
    x = torch.randn(2, 3, 5, 6)
    assert torch.equal(form(x), module(x))
    assert sum("deform" in str(node.target) for node in form.graph.nodes) == 1
