from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from orecast.config import Training
from orecast.errors import ConfigError
from orecast.models.networks.resnet import ResNet18
from orecast.training import Network, load_model
from orecast.training.inference import Thinned, drops, inference_form

RECIPE = Training(epochs=1, batch=16)
OPTIONS = {"width": 2, "dropout": 0.5, "passes": 6}


@pytest.fixture
def network(district):
    return Network("resnet18", OPTIONS, RECIPE).fit(*district, seed=4)


class Deep(nn.Module):
    """Dropout before and in the head, of units and of channels, one layer used twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 8, 1), nn.BatchNorm2d(8), nn.Dropout2d(0.5))
        self.drop = nn.Dropout(0.25)
        self.again = self.drop
        self.linear = nn.Linear(8, 1)

    def forward_features(self, x):
        return self.drop(self.first(x))

    def forward_head(self, features):
        return self.linear(self.again(features.mean((2, 3)))).squeeze(1)

    def forward(self, x):
        return self.forward_head(self.forward_features(x))


def test_draws_differ_and_repeat_bit_for_bit(network, district):
    X, *_ = district
    draws = network.draws(X)
    assert draws.shape == (6, 40)
    assert draws.dtype == np.float64
    assert (draws.std(axis=0) > 0).all()
    np.testing.assert_array_equal(network.draws(X), draws)
    torch.manual_seed(9)
    state = torch.get_rng_state()
    np.testing.assert_array_equal(network.draws(X), draws)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_pass_says_the_same_in_any_company(network, district, monkeypatch):
    X, *_ = district
    whole = network.draws(X)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(network.draws(X.take(order)), whole[:, order], atol=1e-6)
    parts = [network.draws(X.take(slice(start, start + 7))) for start in range(0, 40, 7)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-6)
    monkeypatch.setattr("orecast.training.data.windows_at_once", lambda size: 3)
    np.testing.assert_allclose(network.draws(X), whole, atol=1e-6)
    assert network.draws(X.take(slice(0, 0))).shape == (6, 0)


def test_the_seed_of_the_fit_draws_the_masks(network, district):
    X, *_ = district
    other = Network("resnet18", OPTIONS, RECIPE).fit(*district, seed=4)
    np.testing.assert_array_equal(other.draws(X), network.draws(X))
    other.seed_ = 5
    assert not np.allclose(other.draws(X), network.draws(X))


def test_more_passes_begin_as_fewer_do(network, district):
    X, *_ = district
    fewer = network.draws(X)
    network.options = OPTIONS | {"passes": 9}
    np.testing.assert_array_equal(network.draws(X)[:6], fewer)


def test_prediction_drops_nothing(network, district):
    X, *_ = district
    plain = Network("resnet18", {"width": 2, "dropout": 0.5}, RECIPE).fit(*district, seed=4)
    np.testing.assert_array_equal(plain.predict(X), network.predict(X))
    before = network.predict(X)
    network.draws(X)
    np.testing.assert_array_equal(network.predict(X), before)
    np.testing.assert_array_equal(plain.draws(X), plain.predict(X)[None])


def test_saved_and_loaded_it_draws_the_same(network, district, tmp_path):
    X, *_ = district
    network.save(tmp_path)
    np.testing.assert_array_equal(load_model(tmp_path).draws(X), network.draws(X))


def test_a_pass_is_dropout_of_the_pooled_features_by_hand(network, district):
    """Each pass keeps some of the 16 features, doubled, and drops the others."""
    X, *_ = district
    net = network.net_
    with torch.no_grad():
        pooled = net.forward_features(torch.from_numpy(X.batch())).mean((2, 3))  # (40, 16)
        logits = np.log(network.draws(X)) - np.log1p(-network.draws(X))
        parts = (pooled * net.head.linear.weight[0]).numpy()
        for row in logits:
            terms, *_ = np.linalg.lstsq(parts, row - net.head.linear.bias.item(), rcond=None)
            assert np.allclose(parts @ np.round(terms / 2) * 2, row - net.head.linear.bias.item(),
                               atol=1e-4)  # fmt: skip
            assert set(np.round(terms / 2)) == {0.0, 1.0}


def test_the_mean_of_many_passes_of_a_linear_head_is_its_prediction():
    torch.manual_seed(0)
    net = Deep().eval()
    x = torch.randn(5, 2, 3, 3)
    with torch.no_grad():
        logits = Thinned(net, seed=0).logits(x, 4000)
        error = (logits.mean(0) - net(x)) / (logits.std(0) / 4000**0.5)
    assert error.abs().max() < 4


def test_only_dropout_is_active():
    torch.manual_seed(0)
    net = Deep()
    thinned = Thinned(net, seed=0)
    before = {name: value.clone() for name, value in thinned.net.state_dict().items()}
    thinned.logits(torch.randn(4, 2, 3, 3), 3)
    assert all(torch.equal(value, before[n]) for n, value in thinned.net.state_dict().items())
    assert not any(m.training for m in thinned.net.modules())
    assert isinstance(net.drop, nn.Dropout)  # the network itself is left alone
    assert net.training


def test_features_behind_dropout_are_made_anew_for_each_pass():
    """As thinning the whole network afresh for each pass."""
    torch.manual_seed(0)
    net = Deep().eval()
    x = torch.randn(4, 2, 3, 3)
    with torch.no_grad():
        logits = Thinned(net, seed=1).logits(x, 3)
        one_by_one = Thinned(net, seed=1)
        for number in range(3):
            for layer in one_by_one.masked:
                layer.number = number
            torch.testing.assert_close(one_by_one.net(x), logits[number])
    assert len(one_by_one.masked) == 2
    assert len(torch.unique(logits, dim=0)) == 3


def test_channels_are_dropped_whole_and_units_alone():
    net = Deep().eval()
    thinned = Thinned(net, seed=0)
    channels = thinned.net.first[2](torch.ones(3, 8, 4, 4))
    assert set(channels.unique().tolist()) == {0.0, 2.0}
    assert (channels == channels[:, :, :1, :1]).all()
    units = thinned.net.drop(torch.ones(3, 100, 4))
    assert units.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert (units == units[:1]).all()
    assert 0.15 < (units[0] == 0).float().mean() < 0.35


def test_transformers_take_no_short_cut_around_dropout():
    class Attentive(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)

        def forward_features(self, x):
            return self.layer(x.flatten(2))

        def forward_head(self, features):
            return features.sum((1, 2)) + features[:, 0, 0]

    with torch.inference_mode():
        logits = Thinned(Attentive(), seed=0).logits(torch.randn(3, 4, 2, 4), 5)
    assert (logits.std(0) > 1e-6).all()


def test_folding_for_prediction_keeps_the_dropout_layers():
    net = ResNet18(3, 9, width=2, dropout=0.3).eval()
    assert drops(net)
    form = inference_form(net, 3, 9)
    assert [m.p for m in form.modules() if isinstance(m, nn.Dropout)] == [0.3]
    assert any("dropout" in str(node.target) for node in form.graph.nodes)


@pytest.mark.parametrize("dropout", [{}, {"dropout": 0.0}])
def test_passes_without_dropout_are_refused(dropout, district):
    network = Network("resnet18", {"width": 2, "passes": 3, **dropout}, RECIPE)
    words = r"model\.options\.passes: resnet18 has no dropout.*dropout above 0"
    with pytest.raises(ConfigError, match=words):
        network.check_options()
    with pytest.raises(ConfigError, match=words):
        network.fit(*district, seed=0)


@pytest.mark.parametrize("passes", [-1, 2.0, True, "many"])
def test_impossible_passes(passes):
    with pytest.raises(ConfigError, match=r"model\.options\.passes: must be a whole number"):
        Network("resnet18", {"dropout": 0.5, "passes": passes}, RECIPE).check_options()


def test_what_predict_refuses_is_refused(network, district):
    X, *_ = district
    with pytest.raises(Exception, match="on the layers Au, As, fault"):
        network.draws(replace(X, names=X.names[::-1]))
    with pytest.raises(Exception, match="windows of 5 cells, not 7"):
        network.draws(X.of_size(7))
