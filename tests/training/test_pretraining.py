from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from orecast.config import Training
from orecast.errors import SamplingError
from orecast.models.networks.resnet import ResNet18
from orecast.sampling.windows import Scaling, Windows
from orecast.training import Network, build_model, load_model
from orecast.training.acceleration import acceleration, suited_process
from orecast.training.data import TrainingBatches
from orecast.training.pretraining import (
    TRANSDUCTIVE,
    MaskedBatches,
    Restorer,
    masked,
    masked_squares,
    pretrain,
    unlabelled_windows,
)
from orecast.training.trainer import local_randomness, train

CPU = acceleration(torch.device("cpu"), channels_last=False)
RECIPE = Training(epochs=2, batch=64, pretrain=2)
ROW, COLUMN = np.indices((30, 30))
EAST = COLUMN >= 15
NORTH_WEST = (ROW < 5) & ~EAST


def fitted(X, y, group, seed=0, recipe=RECIPE, **options):
    return Network("resnet18", {"width": 2}, recipe, **options).fit(X, y, group, seed=seed)


def same(first, second):
    """Whether two networks have the same weights, bit for bit."""
    nets = (n.net_ if isinstance(n, Network) else n for n in (first, second))
    a, b = (net.state_dict() for net in nets)
    return a.keys() == b.keys() and all(torch.equal(value, b[key]) for key, value in a.items())


def state_of(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def network(seed=5):
    torch.manual_seed(seed)
    return ResNet18(3, 5, width=4)


@pytest.fixture
def in_the_south_west(district):
    """The district with its eastern half hidden, and no label in the north, nor near it."""
    X, y, group = district
    at = np.column_stack([8 + X.at[:, 0] % 20, X.at[:, 1] % 12])
    return replace(X, at=at, hidden=EAST), y, group


def with_other_values(X, cells):
    stack = X.stack.copy()
    stack[:, cells] = np.random.default_rng(1).normal(size=stack[:, cells].shape) * 50
    return replace(X, stack=stack)


@pytest.mark.parametrize("k", [2, 3, 4, 5, 9])
def test_a_mask_takes_half_the_cells_of_all_layers_and_some_layers_whole(k):
    values = np.random.default_rng(0).normal(size=(400, 6, k, k)).astype("f4")
    x, taken = masked(torch.from_numpy(values), np.random.default_rng(1))
    gone = (x.numpy() == 0) & (values != 0)
    np.testing.assert_array_equal(x.numpy()[~gone], values[~gone])
    whole = gone.all(axis=(2, 3))
    assert whole.mean() == pytest.approx(0.25, abs=0.04)  # 2400 layers: four standard errors
    for window, without in zip(gone, whole, strict=True):
        cells = window[~without]
        assert (cells == cells[:1]).all()
        assert (cells.sum(axis=(1, 2)) == -(-k * k // 2)).all()
    chosen = np.concatenate([w[~t][:1] for w, t in zip(gone, whole, strict=True)])
    half = -(-k * k // 2) / k**2
    assert np.abs(chosen.mean(axis=0) - half).max() < 0.11  # no cell is preferred
    assert taken.shape == (400, 2, 6)


def test_what_was_taken_is_the_middle_cell_and_the_mean_of_the_masked():
    values = np.random.default_rng(0).normal(size=(50, 3, 5, 5)).astype("f4")
    x, taken = masked(torch.from_numpy(values), np.random.default_rng(2))
    seen_middles = 0
    for before, after, (middle, mean) in zip(values, x.numpy(), taken.numpy(), strict=True):
        for layer in range(3):
            gone = after[layer] != before[layer]
            assert mean[layer] == pytest.approx(before[layer][gone].mean(), abs=1e-6)
            if gone[2, 2]:
                assert middle[layer] == before[layer, 2, 2]
            else:
                assert np.isnan(middle[layer])
                seen_middles += 1
    assert 30 < seen_middles < 90


def test_the_loss_counts_what_was_taken_alone():
    rng = np.random.default_rng(0)
    restored, taken = rng.normal(size=(2, 8, 2, 3)).astype("f4")
    taken[:, 0][rng.random((8, 3)) < 0.5] = np.nan
    answer = torch.from_numpy(restored).requires_grad_()
    loss = masked_squares(answer, torch.from_numpy(taken))
    loss.backward()
    known = np.isfinite(taken)
    assert loss.item() == pytest.approx(np.nanmean((restored - taken) ** 2), rel=1e-6)
    slope = np.where(known, 2 * (restored - taken) / known.sum(), 0)
    np.testing.assert_allclose(answer.grad.numpy(), slope, rtol=1e-5)


def test_visible_windows_share_no_cell_with_what_is_hidden(district):
    X, *_ = district
    X = replace(X, hidden=EAST)
    stack = X.stack.copy()
    stack[1, 4, 4] = np.nan  # no window there; those around it read the mean
    drawn = unlabelled_windows(replace(X, stack=stack), RECIPE, 0)
    expected = {(r, c) for r in range(30) for c in range(13)} - {(4, 4)}
    assert {tuple(cell) for cell in drawn.at.tolist()} == expected
    assert len(drawn) == len(expected)
    on_all = Training(pretrain=1, pretrain_on="all")
    everywhere = unlabelled_windows(replace(X, stack=stack), on_all, 0)
    assert len(everywhere) == 899
    assert everywhere.hidden is None


def test_twenty_thousand_windows_by_the_seed():
    stack = np.random.default_rng(0).normal(size=(1, 150, 150)).astype("f4")
    X = Windows(stack, ("Au",), np.zeros((1, 2), int), 3)  # unscaled: none reaches over the edge
    first, again, other = (unlabelled_windows(X, RECIPE, seed).at for seed in (0, 0, 1))
    assert len(np.unique(first, axis=0)) == 20_000
    assert (first.min(), first.max()) == (1, 148)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_nothing_to_pretrain_on(in_the_south_west):
    X, y, group = in_the_south_west
    hidden = np.ones((30, 30), dtype=bool)
    hidden[10:15, 10:15] = False  # one window
    with pytest.raises(
        SamplingError, match=r"training\.pretrain: pretraining needs at least 2 windows"
    ):
        fitted(replace(X, hidden=hidden), y, group)


def losses(stack, epochs):
    """Losses of pretraining on a stack, and that of always answering 0, the mean."""
    names = tuple(f"L{number}" for number in range(len(stack)))
    scaling = Scaling(stack.mean((1, 2)), stack.std((1, 2)))
    X = Windows(stack, names, np.zeros((1, 2), int), 5, None, scaling)
    recipe = Training(pretrain=epochs, batch=32, rate=3e-3)
    X = unlabelled_windows(X, recipe, 0)
    _, taken = masked(torch.from_numpy(X.batch()), np.random.default_rng(0))
    losses = []
    pretrain(network(), X, recipe, seed=0, settings=CPU, progress=lambda *r: losses.append(r[2]))
    assert len(losses) == epochs
    return losses, masked_squares(torch.zeros_like(taken), taken).item()


@pytest.mark.slow
def test_it_learns_from_layers_and_neighbours_but_not_from_noise():
    """Smooth fields and their sum can be restored; of noise, nothing is better than the mean."""
    noise = np.random.default_rng(3).normal(size=(3, 30, 30)).astype("f4")
    smooth = np.stack([gaussian_filter(layer, 3) for layer in noise])
    smooth[2] = smooth[0] + smooth[1]
    learned, of_mean = losses(smooth, 6)
    assert learned[-1] < learned[0] / 2
    assert learned[-1] < of_mean / 2
    learned, of_mean = losses(noise, 2)
    assert min(learned) > 0.95 * of_mean


def test_all_but_the_head_is_taught_and_nothing_is_added(district):
    X, *_ = district
    net = network()
    before = state_of(net)
    pretrain(net, unlabelled_windows(X, RECIPE, 0), RECIPE, seed=0, settings=CPU)
    after = net.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith("head.")} == set(before) - changed


def test_trying_the_decoders_size_leaves_no_trace():
    net = network()
    before = state_of(net)
    restorer = Restorer(net, 3, 5)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training
    assert restorer(torch.randn(7, 3, 5, 5)).shape == (7, 2, 3)


def test_features_without_a_map_are_read_as_they_are():
    class Flat(torch.nn.Module):
        def forward_features(self, x):
            return x.flatten(1)

    restorer = Restorer(Flat(), 3, 5)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(restorer(x).flatten(1), restorer.decoder(x.flatten(1)))


def test_masks_differ_between_epochs_and_follow_from_seed_and_number(district):
    X, *_ = district

    def epoch(seed, number):
        batches = MaskedBatches(X, 16, seed=seed, flips=True)
        batches.epoch = number
        return torch.cat([x for x, _ in batches])

    assert torch.equal(epoch(0, 1), epoch(0, 1))
    assert not torch.equal(epoch(0, 1), epoch(0, 2))
    assert not torch.equal(epoch(0, 1), epoch(1, 1))


def test_visible_has_seen_nothing_hidden_and_all_has(in_the_south_west):
    X, y, group = in_the_south_west
    other = with_other_values(X, EAST)
    assert same(fitted(X, y, group), fitted(other, y, group))
    on_all = RECIPE.model_copy(update={"pretrain_on": "all"})
    assert not same(fitted(X, y, group, recipe=on_all), fitted(other, y, group, recipe=on_all))


def test_visible_windows_may_have_no_labels(in_the_south_west):
    X, y, group = in_the_south_west
    other = with_other_values(X, NORTH_WEST)
    np.testing.assert_array_equal(X.batch(), other.batch())
    plain = RECIPE.model_copy(update={"pretrain": 0})
    assert same(fitted(X, y, group, recipe=plain), fitted(other, y, group, recipe=plain))
    assert not same(fitted(X, y, group), fitted(other, y, group))


def test_seeds_repeat_and_global_random_numbers_do_not_move(district):
    torch.manual_seed(1)
    first = fitted(*district)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert same(fitted(*district), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not same(fitted(*district, seed=1), first)


@pytest.mark.parametrize("pretrain_on", ["visible", "all"])
def test_no_epochs_are_training_alone_bit_for_bit(district, pretrain_on):
    X, y, _ = district
    recipe = RECIPE.model_copy(update={"pretrain": 0, "pretrain_on": pretrain_on})
    with local_randomness(0):
        net = ResNet18(3, 5, width=2)
    batches = TrainingBatches(X, y, recipe.batch, seed=0, flips=True)
    with suited_process(net, 5):
        train(net, batches, recipe, seed=0, settings=acceleration(torch.device("cpu")))
    assert same(fitted(*district, recipe=recipe), net)
    assert not same(fitted(*district), net)


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "last", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)]
)
def test_killed_in_either_stage_it_ends_bit_for_bit_the_same(district, tmp_path, last):
    reports = []

    def progress(done, total, loss):
        reports.append((done, total))
        if len(reports) == last:
            raise Killed

    with pytest.raises(Killed):
        fitted(*district, checkpoints=tmp_path, progress=progress)
    resumed = fitted(*district, checkpoints=tmp_path, progress=progress)
    assert reports == [(k, 4) for k in range(1, 5)]
    assert same(resumed, fitted(*district))
    again = fitted(*district, checkpoints=tmp_path, progress=progress)
    assert len(reports) == 4  # finished, and not trained again
    assert same(again, resumed)


def test_a_checkpoint_of_other_unlabelled_windows_is_not_used(in_the_south_west, tmp_path):
    X, y, group = in_the_south_west
    other = with_other_values(X, NORTH_WEST)
    fitted(X, y, group, checkpoints=tmp_path)
    assert same(fitted(other, y, group, checkpoints=tmp_path), fitted(other, y, group))
    assert len(list(tmp_path.iterdir())) == 4  # two stages each


def test_on_all_is_declared_also_through_an_ensemble_and_a_file(district, tmp_path):
    on_all = Training(epochs=1, pretrain=1, pretrain_on="all")
    model = fitted(*district, recipe=on_all)
    assert model.properties.caveats == (TRANSDUCTIVE,)
    model.save(tmp_path)
    assert load_model(tmp_path).properties.caveats == (TRANSDUCTIVE,)
    members = {"members": ["random-forest", "resnet18"]}
    assert build_model("ensemble", members, on_all).properties.caveats == (TRANSDUCTIVE,)
    for silent in (Training(pretrain=1), Training(pretrain_on="all")):
        assert Network("resnet18", {}, silent).properties.caveats == ()
        assert build_model("ensemble", members, silent).properties.caveats == ()
    assert build_model("ensemble", {"members": ["random-forest"]}, on_all).properties.caveats == ()
