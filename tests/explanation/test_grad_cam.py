from dataclasses import fields

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from orecast.errors import InputError, ModelError, SamplingError
from orecast.explanation import GradCam, grad_cam
from orecast.models.networks.blocks import Head
from orecast.sampling.windows import Windows


class ByHand(torch.nn.Module):
    """Its feature maps are its windows; its logit is 8 mean(a) - 4 mean(b)."""

    def __init__(self):
        super().__init__()
        self.head = Head(2)
        with torch.no_grad():
            self.head.linear.weight.copy_(torch.tensor([[8.0, -4.0]]))
            self.head.linear.bias.zero_()

    def forward_features(self, x):
        return x

    def forward_head(self, features):
        return self.head(features)

    def forward(self, x):
        return self.forward_head(self.forward_features(x))


def test_the_map_by_hand(untrained):
    """Weights are the head's over the 4 cells, 2 and -1; 2 a - b, rectified, over its maximum."""
    a = np.array([[1, 0], [2, 0.5]], dtype=np.float32)
    b = np.array([[1, 2], [0, 0]], dtype=np.float32)
    stack = np.stack([np.hstack([a, -a]), np.hstack([b, np.abs(b)])])
    X = Windows(stack, ("a", "b"), np.array([[1, 1], [1, 3]]), 2)
    network = untrained("resnet18", X, width=2)
    network._learned(ByHand(), X.names, X.size, 0)
    found = grad_cam(network, X)
    np.testing.assert_allclose(found.heat[0], [[0.25, 0], [1, 0.25]])
    np.testing.assert_allclose(found.peak, [4, 0])
    np.testing.assert_array_equal(found.heat[1], 0)  # all speaks against ore
    logit = 8 * a.mean() - 4 * b.mean()
    np.testing.assert_allclose(found.score[0], 1 / (1 + np.exp(-logit)), rtol=1e-6)
    assert found.layer == "a"
    np.testing.assert_array_equal(found.window, X.batch()[:, 0])


def test_under_a_mean_and_a_linear_head_the_weights_are_the_heads(untrained, windows):
    """Class activation mapping (Zhou et al. 2016), of which Grad-CAM is the general form."""
    X = windows(5, 3, 16)
    network = untrained("resnet18", X, width=4)
    net = network.net_
    with torch.no_grad():
        net.head.linear.weight.copy_(torch.linspace(-1, 2, 32)[None])
        maps = net.forward_features(torch.from_numpy(X.batch()))
        weights = net.head.linear.weight[0] / maps[0, 0].numel()
        expected = torch.relu(torch.einsum("k,nkij->nij", weights, maps))[:, None]
        expected = interpolate(expected, size=(16, 16), mode="bilinear")[:, 0].numpy()
    found = grad_cam(network, X)
    assert maps.shape[2:] == (2, 2)
    np.testing.assert_allclose(found.heat * found.peak[:, None, None], expected, atol=1e-5)
    assert (found.peak > 0).any()
    np.testing.assert_allclose(found.heat.max((1, 2)), found.peak > 0)
    assert found.heat.min() >= 0


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("gk-dcn", 9, {"width": 4}),
        ("cnn", 9, {"width": 4}),
        ("mfaf", 13, {"dilations": (1, 6), "width": 4, "seed": 2}),
    ],
)
def test_it_is_the_gradient_of_the_logit_whatever_the_head(untrained, windows, name, size, options):
    """The weight of a map by differences: its logit's slope when the whole map rises."""
    X = windows(3, 4, size, weight=name == "gk-dcn")
    network = untrained(name, X, **options)
    net = network.net_.double()
    x = torch.from_numpy(X.batch()).double()
    with torch.no_grad():
        maps = net.forward_features(x)
        cells = maps[0, 0].numel()
        slope = torch.zeros(maps.shape[:2], dtype=torch.float64)
        for k in range(maps.shape[1]):
            up, down = maps.clone(), maps.clone()
            up[:, k] += 1e-3
            down[:, k] -= 1e-3
            slope[:, k] = (net.forward_head(up) - net.forward_head(down)) / 2e-3
        expected = torch.relu(torch.einsum("nk,nkij->nij", slope / cells, maps))[:, None]
        expected = interpolate(expected, size=(size, size), mode="bilinear")[:, 0].numpy()
    net.float()
    found = grad_cam(network, X)
    assert found.peak.max() > 0
    scale = found.peak[:, None, None]
    np.testing.assert_allclose(found.heat * scale, expected, atol=3e-3 * expected.max())


def test_it_does_not_depend_on_its_company_and_leaves_no_trace(untrained, windows, monkeypatch):
    X = windows(7, 3, 9)
    network = untrained("cnn", X, width=4)
    before = {n: v.clone() for n, v in network.net_.state_dict().items()}
    whole = grad_cam(network, X)
    monkeypatch.setattr("orecast.training.data.windows_at_once", lambda size: 3)
    streamed = grad_cam(network, X)
    np.testing.assert_allclose(streamed.heat, whole.heat, atol=1e-5)
    assert all(torch.equal(v, before[n]) for n, v in network.net_.state_dict().items())
    assert all(p.grad is None for p in network.net_.parameters())


def test_networks_without_maps_are_refused(untrained, windows):
    X = windows(2, 3, 9)
    with pytest.raises(ModelError, match=r"feature maps, which autoencoder does not.*shapley"):
        grad_cam(untrained("autoencoder", X), X)
    small = windows(2, 3, 5)
    with pytest.raises(ModelError, match="have one cell"):
        grad_cam(untrained("resnet18", small, width=2), small)


def test_windows_that_the_network_does_not_know_are_refused(untrained, windows):
    X = windows(2, 3, 9)
    network = untrained("cnn", X, width=4)
    with pytest.raises(ModelError, match="windows of 9 cells"):
        grad_cam(network, X.of_size(5))
    with pytest.raises(SamplingError, match="no window"):
        grad_cam(network, X.take(slice(0, 0)))


def test_it_is_kept_and_drawn(untrained, windows, tmp_path):
    X = windows(8, 4, 9, weight=True)
    found = grad_cam(untrained("gk-cnn", X, width=4), X)
    assert found.layer == "L3"
    found.save(tmp_path / "cam.npz")
    again = GradCam.load(tmp_path / "cam.npz")
    for field in fields(GradCam):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(found, field.name))
    found.figure().savefig(tmp_path / "cam.png")
    assert (tmp_path / "cam.png").read_bytes().startswith(b"\x89PNG")
    drawn = [axes for axes in found.figure().axes if axes.images]
    assert len(drawn) == 12  # six windows, plain and hot
    np.testing.assert_array_equal(drawn[7].images[0].get_array(), found.heat[1])


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_a_broken_file_is_an_error(tmp_path, content):
    path = tmp_path / "cam.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="not a saved explanation"):
        GradCam.load(path)
    np.savez(path, heat=np.zeros(1))
    with pytest.raises(InputError, match="peak"):
        GradCam.load(path)
