from dataclasses import fields

import numpy as np
import pytest
import torch

from orecast.errors import ModelError, SamplingError
from orecast.explanation import SamplingOffsets, sampling_offsets


def deformables(network):
    return [network.net_.second[0], network.net_.third[0]]


def test_an_untrained_network_looks_at_the_regular_kernel_by_half(untrained, windows):
    X = windows(4, 3, 9)
    found = sampling_offsets(untrained("dcn", X, width=4), X)
    assert found.positions.shape == (2, 4, 9, 2)
    np.testing.assert_array_equal(found.positions, np.repeat(found.regular[:, None], 4, axis=1))
    np.testing.assert_array_equal(found.modulation, 0.5)
    steps = np.array([[r, c] for r in (-1, 0, 1) for c in (-1, 0, 1)])
    np.testing.assert_array_equal(found.regular[0], 4 + steps)
    # a cell of the halved map is two of the window's: the one of cells 4 and 5 has its centre
    # between them
    np.testing.assert_array_equal(found.regular[1], 4.5 + 2 * steps)


@pytest.mark.parametrize(
    ("size", "halved"), [(3, 0.5), (5, 2.5), (8, 4.5), (9, 4.5), (11, 4.5), (16, 8.5)]
)
def test_the_kernels_middle_is_the_windows_own_cell(untrained, windows, size, halved):
    X = windows(1, 2, size)
    found = sampling_offsets(untrained("dcn", X, width=2), X)
    np.testing.assert_array_equal(found.regular[:, 4], [[size // 2] * 2, [halved] * 2])


@pytest.mark.parametrize("name", ["dcn", "gk-dcn"])
def test_a_bias_set_by_hand_moves_the_points_by_exactly_that(untrained, windows, name):
    X = windows(3, 4, 9, weight=name == "gk-dcn")
    network = untrained(name, X, width=4)
    with torch.no_grad():
        for module in deformables(network):
            module.aim_bias[2 * 5] = 1.25  # point 5, right of the middle: down
            module.aim_bias[2 * 5 + 1] = -0.5  # and left
            module.aim_bias[18 + 2] = 2.0  # the mask of point 2
    found = sampling_offsets(network, X)
    moved = found.positions - found.regular[:, None]
    for number, stride in enumerate((1, 2)):
        expected = np.zeros((3, 9, 2))
        expected[:, 5] = [1.25 * stride, -0.5 * stride]
        np.testing.assert_allclose(moved[number], expected, atol=1e-6)
    np.testing.assert_allclose(found.modulation[:, :, 2], 1 / (1 + np.exp(-2)), rtol=1e-6)
    np.testing.assert_array_equal(np.delete(found.modulation, 2, axis=2), 0.5)
    assert found.layer == ("L3" if name == "gk-dcn" else "L0")


def test_offsets_are_those_of_each_windows_own_cell(untrained, windows, monkeypatch):
    """With random weights, against the networks' own convolutions, step by step."""
    X = windows(5, 3, 9)
    network = untrained("dcn", X, width=4)
    for module in deformables(network):
        torch.nn.init.normal_(module.aim_weight, std=0.1)
    net = network.net_
    with torch.no_grad():
        before = net.first(torch.from_numpy(X.batch()))
        after = net.pool(net.second(before))
        offset = [net.second[0].aim(before)[0][:, :, 4, 4], net.third[0].aim(after)[0][:, :, 2, 2]]
    expected = [
        o.reshape(5, 9, 2).numpy() * stride for o, stride in zip(offset, (1, 2), strict=True)
    ]
    monkeypatch.setattr("orecast.training.data.windows_at_once", lambda size: 2)
    found = sampling_offsets(network, X)
    np.testing.assert_allclose(found.positions - found.regular[:, None], expected, atol=1e-5)
    assert np.ptp(found.positions, axis=1).max() > 0.01  # windows differ


def test_networks_without_a_deformable_convolution_are_refused(untrained, windows):
    X = windows(2, 3, 9)
    with pytest.raises(ModelError, match=r"cnn has no deformable convolutions.*gk-dcn"):
        sampling_offsets(untrained("cnn", X, width=4), X)
    network = untrained("dcn", X, width=4)
    with pytest.raises(ModelError, match="windows of 9 cells"):
        sampling_offsets(network, X.of_size(7))
    with pytest.raises(SamplingError, match="no window"):
        sampling_offsets(network, X.take(slice(0, 0)))


def test_it_is_kept_and_drawn_where_it_looks(untrained, windows, tmp_path):
    X = windows(8, 4, 9, weight=True)
    network = untrained("gk-dcn", X, width=4)
    with torch.no_grad():
        deformables(network)[1].aim_bias[:18] = 3.0
    found = sampling_offsets(network, X)
    found.save(tmp_path / "offsets.npz")
    again = SamplingOffsets.load(tmp_path / "offsets.npz")
    for field in fields(SamplingOffsets):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(found, field.name))
    found.figure().savefig(tmp_path / "offsets.png")
    assert (tmp_path / "offsets.png").read_bytes().startswith(b"\x89PNG")
    drawn = found.figure().axes
    assert len(drawn) == 12  # six windows of two convolutions
    dots = drawn[6].collections[0].get_offsets()
    np.testing.assert_allclose(dots, found.positions[1, 0, :, ::-1])  # x is the column
    low, high = drawn[6].get_xlim()
    assert low < dots[:, 0].min()
    assert high > dots[:, 0].max()
    assert drawn[6].yaxis_inverted()
