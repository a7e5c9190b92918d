"""Every registered network keeps the same contract."""

import functools
import inspect

import numpy as np
import pytest
import torch

from orecast import registry
from orecast.config import Training
from orecast.errors import ModelError
from orecast.sampling.windows import WEIGHT, Needs, Windows
from orecast.training import Network, build_model, load_model

NAMES = sorted(registry.entries("orecast.models.networks"))
SMALL = {"width": 8, "dropout": 0.0}  # and sure of what it learns within a few steps


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """So small a network is slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained():
    """A network after one epoch, by name; fitted once."""
    return functools.cache(fitted)


def factory(name):
    return registry.load("orecast.models.networks", name, what="network")


def options(name):
    """Small versions, where a network can be made small."""
    known = inspect.signature(factory(name)).parameters
    return {option: value for option, value in SMALL.items() if option in known}


def smallest(name):
    needs = factory(name).needs
    size = needs.smallest_window
    wrong = needs.parity != "any" and (size % 2 == 1) != (needs.parity == "odd")
    return size + 1 if wrong else size


def usual(name):
    """A window of the usual nine cells, or the nearest that a network takes."""
    needs = factory(name).needs
    return max(smallest(name), 8 if needs.parity == "even" else 9)


def build(name, channels, size, seed=0):
    torch.manual_seed(seed)
    return factory(name)(channels, size, **options(name))


def toy(name, n=64, channels=3, seed=0):
    """Windows that are high on ore in the first two layers.

    So the two correlate, as element graphs ask; a weight, where one is needed, says nothing.
    """
    rng = np.random.default_rng(seed)
    size = usual(name)
    side = max(40, 4 * size)
    stack = rng.normal(size=(channels, side, side)).astype(np.float32)
    at = np.column_stack([rng.integers(size, side - size, n), rng.integers(0, side, n)])
    y = (at[:, 1] >= side // 2).astype(float)
    at[:, 1] = np.where(y == 1, 3 * side // 4, side // 4)
    stack[0, :, : side // 2] -= 2
    stack[0, :, side // 2 :] += 2
    stack[1] += stack[0]
    names = tuple(f"L{number}" for number in range(channels))
    kinds = ["element"] * channels
    if factory(name).needs.weight:
        stack[-1] = rng.uniform(size=stack[-1].shape)
        kinds[-1] = WEIGHT
    return Windows(stack, names, at, size, kinds=tuple(kinds)), y, np.full(n, -1)


def loss_of(net, x):
    """What training lowers, where the network says so, or the sum of the squared logits."""
    own = getattr(net, "training_loss", None)
    return own(x, torch.tensor([0.0, 1.0, 1.0, 0.0])) if own else net(x).square().sum()


def fitted(name, seed=0):
    """Trained as users train: with flips, and with the dropout that it has."""
    X, y, group = toy(name, n=32)
    small = {option: value for option, value in options(name).items() if option != "dropout"}
    recipe = Training(epochs=1, batch=16, rate=3e-3)
    return build_model(name, small, recipe).fit(X, y, group, seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_declares_its_needs_and_says_what_it_is(name):
    assert isinstance(factory(name).needs, Needs)
    assert registry.entries("orecast.models.networks")[name].summary.endswith(".")


@pytest.mark.parametrize("channels", [1, 40])
@pytest.mark.parametrize("name", NAMES)
def test_logits_of_the_smallest_window_and_of_forty_channels(name, channels):
    channels += factory(name).needs.weight
    for size in {smallest(name), usual(name)}:
        net = build(name, channels, size).eval()
        x = torch.randn(2, channels, size, size)
        assert net(x).shape == (2,)
        assert torch.equal(net.forward_head(net.forward_features(x)), net(x))


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_reaches_every_parameter(name):
    size = usual(name)
    net = build(name, 3, size).train()
    loss_of(net, torch.randn(4, 3, size, size)).backward()
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", NAMES)
def test_features_hold_most_weights_and_the_head_the_rest(name):
    """What pretraining can teach without the head, which is new to every task."""
    size = usual(name)
    net = build(name, 3, size).train()
    features = net.forward_features(torch.randn(4, 3, size, size))
    assert features.ndim in (2, 4)
    assert len(features) == 4
    assert features.shape[1] == net.forward_features(torch.randn(2, 3, size, size)).shape[1]
    net.zero_grad()
    net.forward_head(features.detach()).sum().backward()
    head = {p for p in net.parameters() if p.grad is not None}
    net.zero_grad()
    features.square().sum().backward()
    backbone = {p for p in net.parameters() if p.grad is not None}
    net.zero_grad()
    net(torch.randn(4, 3, size, size)).sum().backward()
    assert head | backbone == {p for p in net.parameters() if p.grad is not None}
    assert not head & backbone
    assert sum(p.numel() for p in backbone) > sum(p.numel() for p in head)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n == "mfaf" else ()) for n in NAMES]
)
def test_learns_what_can_be_learned(name):
    losses = []
    X, y, group = toy(name)
    recipe = Training(epochs=10, batch=16, rate=1e-2)
    model = build_model(name, options(name), recipe, progress=lambda *p: losses.append(p[2]))
    scores = model.fit(X, y, group, seed=0).predict(X)
    own = hasattr(factory(name), "training_loss")  # may hold parts that no learning removes
    assert losses[-1] < losses[0] * (0.6 if own else 0.5)
    assert (scores[y == 1][:, None] > scores[y == 0]).mean() > 0.95  # the AUC


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_repeats_bit_for_bit_and_another_does_not(name, trained):
    first, again, other = (
        model.net_.state_dict() for model in (trained(name), fitted(name), fitted(name, seed=1))
    )
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_network_predicts_the_same_bit_for_bit(name, trained, tmp_path):
    model = trained(name)
    model.save(tmp_path)
    X, *_ = toy(name, seed=1)
    loaded = load_model(tmp_path)
    assert isinstance(loaded, Network)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("name", NAMES)
def test_prediction_is_the_networks_own(name, trained):
    """Folding and rewriting for speed moves nothing but rounding."""
    model = trained(name)
    X, *_ = toy(name, seed=1)
    with torch.no_grad():
        plain = torch.sigmoid(model.net_(torch.from_numpy(X.batch()))).numpy()
    np.testing.assert_allclose(model.predict(X), plain, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_value_is_refused_with_its_layer(name):
    X, y, group = toy(name)
    X.stack[1, X.at[5, 0], X.at[5, 1]] = np.nan
    model = build_model(name, options(name), Training(epochs=1))
    with pytest.raises(ModelError, match="layer L1: a network cannot read missing"):
        model.fit(X, y, group, seed=0)
