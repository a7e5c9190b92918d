from dataclasses import replace

import numpy as np
import pytest
import torch

from orecast.config import Training
from orecast.errors import CapacityError, ConfigError, ModelError, RunError, SamplingError
from orecast.metrics.growth import examine
from orecast.sampling import Scaling, Windows
from orecast.sampling.augmentation import Grown, grow
from orecast.training import build_model
from orecast.training.generators import augmenter_names, build_augmenter, build_step
from orecast.training.generators.generator import (
    AdversarialNetwork,
    GeneratedRows,
    VariationalAutoencoder,
    WhiteningAxes,
    decoder,
    discriminator_loss,
    divergence,
    encoder,
    negative_log_likelihood,
)

SMALL = {"epochs": 1, "width": 4}


def vectors(n=256, seed=0):
    """Closed log-ratios of five elements in two populations; a window is one cell."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(n, 5)) @ np.array(
        [
            [1, 0.7, 0, 0, 0],
            [0, 0.7, 0, 0, 0.3],
            [0, 0, 1, -0.8, 0],
            [0, 0, 0, 0.5, 0],
            [0] * 4 + [1],
        ]
    )
    parts[rng.random(n) < 0.5, 0] += 8
    ratios = (parts - parts.mean(axis=1, keepdims=True)).astype(np.float32)
    at = np.column_stack([np.zeros(n, int), np.arange(n)])
    stack = np.ascontiguousarray(ratios.T[:, None])
    return Windows(stack, ("Au", "As", "Sb", "Cu", "Hg"), at, 1)


def drawn(name, X, n, **options):
    return build_augmenter(name, options).fit(X, seed=0).grow(n, seed=0).batch(np.arange(n), X)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "epochs"), [("vae", 300), ("gan", 250)])
def test_rows_follow_the_law_of_those_learned_from_and_copy_none(name, epochs):
    X = vectors()
    made = drawn(name, X, 500, epochs=epochs)[:, :, 0, 0]
    report = examine(X.centre(), made, X.names)
    assert report.ks.max() < 0.15
    assert report.correlation < 0.25
    assert not report.copying
    np.testing.assert_allclose(made.sum(axis=1), 0, atol=1e-5)  # closed, as those learned from
    assert made.std(axis=0) == pytest.approx(X.centre().std(axis=0), rel=0.25)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_an_untrained_generator_differs_from_real_windows(name):
    """So that the test above can fail."""
    X = vectors()
    made = drawn(name, X, 500, epochs=1)[:, :, 0, 0]
    report = examine(X.centre(), made, X.names)
    assert report.ks.max() > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "gan"])
def test_windows_are_learned_with_their_middle(name):
    """Windows that are high in their middle give such windows."""
    rng = np.random.default_rng(0)
    stack = rng.normal(0, 0.3, size=(2, 40, 200)).astype(np.float32)
    at = np.array([[r, c] for r in range(4, 40, 8) for c in range(4, 200, 8)])
    stack[:, at[:, 0], at[:, 1]] += 4
    X = Windows(stack, ("Au", "As"), at, 5)
    made = drawn(name, X, 64, epochs=60, width=16, rate=3e-3).mean(axis=(0, 1))
    rest = made.copy()
    rest[2, 2] = np.nan
    assert made[2, 2] > 3
    assert np.nanmax(np.abs(rest)) < 0.7


def test_a_network_learns_from_grown_windows_as_from_written_ones():
    """All rows side by side on a stack of their own teach the same, bit for bit."""
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(2, 30, 30)).astype(np.float32)
    X = Windows(stack, ("Au", "As"), rng.integers(4, 26, size=(30, 2)), 5)
    y = np.repeat([1.0, 0.0], [12, 18])
    plan = [build_step(m, o, n=9) for m, o in (("noise", {}), ("smote", {}), ("vae", SMALL))]
    more = grow(X, y, np.arange(30), plan, seed=0)
    mosaic = np.concatenate(list(more.X.batch()), axis=2)  # (C, k, n k)
    at = np.column_stack([np.full(len(more.X), 2), 5 * np.arange(len(more.X)) + 2])
    models = [
        build_model("resnet18", {"width": 8}, Training(epochs=1)).fit(
            windows, more.y, more.group, seed=0
        )
        for windows in (more.X, replace(X, stack=mosaic, at=at))
    ]
    scores, expected = (model.predict(more.X) for model in models)
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("method", ["vae", "gan"])
def test_what_was_learned_before_is_not_learned_again(method, tmp_path, monkeypatch):
    X = vectors(20)

    def values(generator):
        return generator.grow(9, seed=0).batch(np.arange(9), X)

    plain = values(build_augmenter(method, SMALL).fit(X, seed=0))
    first = build_augmenter(method, SMALL, checkpoints=tmp_path).fit(X, seed=0)
    np.testing.assert_array_equal(values(first), plain)

    again = build_augmenter(method, SMALL, checkpoints=tmp_path)
    monkeypatch.setattr(type(again), "_train", None)  # would be a TypeError
    np.testing.assert_array_equal(values(again.fit(X, seed=0)), plain)
    for other, seed in ((X.take(np.arange(19)), 0), (X, 1)):
        with pytest.raises(TypeError):
            again.fit(other, seed=seed)
    wider = build_augmenter(method, SMALL | {"width": 9}, checkpoints=tmp_path)
    with pytest.raises(TypeError):
        wider.fit(X, seed=0)


def test_a_broken_generator_is_refused_with_the_remedy(tmp_path):
    X = vectors(20)
    build_augmenter("vae", SMALL, checkpoints=tmp_path).fit(X, seed=0)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"")
    with pytest.raises(RunError, match=r"cannot be read\. Remedy: delete it"):
        build_augmenter("vae", SMALL, checkpoints=tmp_path).fit(X, seed=0)


def test_single_cells_are_kept_and_windows_drawn_when_they_are_read():
    X = vectors(20)
    part = build_augmenter("gan", SMALL).fit(X, seed=0).grow(9, seed=0)
    assert part.kept.shape == (9, 5, 1, 1)
    wide = Windows(np.zeros((1, 9, 9), np.float32), ("Au",), np.argwhere(np.ones((9, 9))), 3)
    wide = replace(wide, scaling=Scaling(np.zeros(1, np.float32), np.ones(1, np.float32)))
    wide.stack[0] = np.random.default_rng(0).normal(size=(9, 9))
    part = build_augmenter("vae", SMALL).fit(wide, seed=0).grow(9, seed=0)
    assert isinstance(part, GeneratedRows)
    assert part.kept is None
    assert part.latent.nbytes + part.key.nbytes < 9 * 9 * 9 * 4
    assert len(Grown.of(wide).added(part, np.arange(81))) == 90


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_no_random_state_is_left_behind(name):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    drawn(name, vectors(20), 4, epochs=1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 32, 33])
def test_networks_take_and_give_windows_of_any_size(size):
    x = torch.randn(2, 3, size, size)
    assert encoder(3, size, 7, 8)(x).shape == (2, 7)
    assert decoder(4, 3, size, 8)(torch.randn(2, 4)).shape == x.shape


def test_the_bound_is_that_of_torchs_distributions():
    torch.manual_seed(0)
    x, mean, log_spread = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2), torch.randn(3, 1, 1)
    law = torch.distributions.Normal(mean, log_spread.exp())
    constant = 12 * np.log(2 * np.pi) / 2
    expected = -law.log_prob(x).sum((1, 2, 3)) - constant
    torch.testing.assert_close(negative_log_likelihood(x, mean, log_spread), expected)
    latent, log_variance = torch.randn(4, 6), torch.randn(4, 6)
    q = torch.distributions.Normal(latent, (log_variance / 2).exp())
    apart = torch.distributions.kl_divergence(q, torch.distributions.Normal(0, 1)).sum(1)
    torch.testing.assert_close(divergence(latent, log_variance), apart)


def test_the_discriminators_loss_by_hand():
    """D(x) = 3 x1 - 4 x2 has a slope of 5 everywhere."""
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 1))
    with torch.no_grad():
        net[1].weight[:] = torch.tensor([[3.0, -4.0]])
        net[1].bias[:] = 0
    real, made = torch.tensor([[1.0, 0.5]]), torch.tensor([[1.0, 1.0]])
    expected = np.log(1 + np.exp(-1.0)) + np.log(1 + np.exp(-1.0))
    loss = discriminator_loss(net, real[..., None, None], made[..., None, None], 0.0)
    assert loss.item() == pytest.approx(expected)
    loss = discriminator_loss(net, real[..., None, None], made[..., None, None], 0.2)
    assert loss.item() == pytest.approx(expected + 0.1 * 25)


def test_axes_are_the_principal_ones_and_lead_back():
    X = vectors()
    axes = WhiteningAxes.of(X)
    assert axes.there.shape == (5, 4)  # a closed composition has one axis less
    z = axes.forth(torch.from_numpy(X.batch()))
    cells = z[:, :, 0, 0].double().numpy()
    np.testing.assert_allclose(np.cov(cells.T, bias=True), np.eye(4), atol=1e-3)
    np.testing.assert_allclose(axes.back_to_layers(z).numpy(), X.batch(), atol=1e-4)


def test_axes_of_far_off_layers_are_not_lost_to_rounding():
    X = vectors()
    far = replace(X, stack=X.stack + np.float32(1000))
    spread = 1 / torch.linalg.norm(WhiteningAxes.of(X).there, dim=0)
    again = 1 / torch.linalg.norm(WhiteningAxes.of(far).there, dim=0)
    torch.testing.assert_close(spread, again[-4:], rtol=1e-2, atol=0)


def test_ten_windows_are_needed():
    with pytest.raises(SamplingError, match="gan needs at least 10 windows of a class"):
        AdversarialNetwork(epochs=1).fit(vectors(9), seed=0)
    VariationalAutoencoder(epochs=1).fit(vectors(10), seed=0)


def test_windows_that_are_all_alike_teach_nothing():
    X = vectors(20)
    X.stack[:] = 3
    with pytest.raises(SamplingError, match="hold only one value"):
        VariationalAutoencoder(epochs=1).fit(X, seed=0)


def test_a_missing_value_is_refused_with_its_layer():
    X = vectors(20)
    X.stack[1, 0, 4] = np.nan
    with pytest.raises(ModelError, match="layer As"):
        AdversarialNetwork(epochs=1).fit(X, seed=0)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_a_training_that_diverges_is_said(name):
    with pytest.raises(ModelError, match=f"training of {name} diverged"):
        build_augmenter(name, {"rate": 1e20, "epochs": 20}).fit(vectors(40), seed=0)


def test_unknown_methods_and_amounts_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown method 'smoat'.*did you mean smote"):
        build_step("smoat", balance=True)
    with pytest.raises(ConfigError, match=r"no option 'balanced'.*did you mean balance"):
        build_step("smote", balanced=True)
    assert augmenter_names()["gan"].startswith("Generative adversarial network")


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_networks_that_memory_does_not_hold_are_refused_before_they_are_built(name, monkeypatch):
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 8e9)
    generator = build_augmenter(name, {"width": 2**20})
    with pytest.raises(CapacityError, match=f"for {name} of") as caught:
        generator.check(vectors(20))
    assert caught.value.where == "sampling.grow.options.width"
    width = int(caught.value.remedy.split()[3])
    build_augmenter(name, {"width": width}).check(vectors(20))
