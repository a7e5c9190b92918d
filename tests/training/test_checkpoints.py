from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from orecast.config import Training
from orecast.errors import RunError
from orecast.training.checkpoints import (
    Checkpoint,
    fingerprint,
    restore_checkpoint,
    write_checkpoint,
)
from orecast.training.trainer import build_optimiser


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 1))


def step(net, optimiser):
    optimiser.zero_grad()
    net(torch.linspace(-1, 1, 4 * 18).view(4, 2, 3, 3).sin()).square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_a_restored_state_steps_on_bit_for_bit(tmp_path, optimiser, momentum, order):
    recipe = Training(optimiser=optimiser, momentum=momentum, rate=0.01)
    net = network(0).to(memory_format=order)
    opt = build_optimiser(net.parameters(), recipe)
    for _ in range(3):
        step(net, opt)
    path = tmp_path / "new" / "a.safetensors"
    write_checkpoint(path, net, opt, 3)
    other = network(1).to(memory_format=order)
    other_opt = build_optimiser(other.parameters(), recipe)
    assert restore_checkpoint(path, other, other_opt) == 3
    step(net, opt)
    step(other, other_opt)
    for key, value in net.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    net, path = network(0), tmp_path / "a.safetensors"
    opt = build_optimiser(net.parameters(), Training())
    write_checkpoint(path, net, opt, 1)
    before = path.read_bytes()

    def full(tensors, file, **kwargs):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orecast.training.checkpoints.save_file", full)
    with pytest.raises(RunError, match="No space left"):
        write_checkpoint(path, net, opt, 2)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\x08" + b"\0" * 7 + b"{broken}"])
def test_a_broken_file_is_refused_with_the_remedy(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    net = network(0)
    with pytest.raises(RunError, match=r"cannot be read\. Remedy: delete it"):
        restore_checkpoint(path, net, build_optimiser(net.parameters(), Training()))


@pytest.mark.parametrize("at", [0.3, 0.5, 0.7, 0.9, 0.999])
def test_one_flipped_bit_is_noticed(tmp_path, at):
    path, net = tmp_path / "a.safetensors", network(0)
    opt = build_optimiser(net.parameters(), Training())
    step(net, opt)
    write_checkpoint(path, net, opt, 1)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"cannot be read\. Remedy: delete it"):
        restore_checkpoint(path, net, opt)


def test_another_networks_file_is_refused(tmp_path):
    path, net = tmp_path / "a.safetensors", nn.Linear(2, 1)
    write_checkpoint(path, net, build_optimiser(net.parameters(), Training()), 1)
    other = network(0)
    with pytest.raises(RunError, match="cannot be read"):
        restore_checkpoint(path, other, build_optimiser(other.parameters(), Training()))


def test_written_every_so_often_and_after_the_last_epoch(tmp_path):
    checkpoint = Checkpoint(tmp_path, every=3)
    assert [done for done in range(1, 9) if checkpoint.due(done, 8)] == [3, 6, 8]


def test_the_fingerprint_follows_from_every_input(district):
    X, y, _ = district
    first = fingerprint(X, y, seed=0, name="a")
    assert first == fingerprint(replace(X, stack=X.stack.copy()), y.copy(), name="a", seed=0)
    stack = X.stack.copy()
    stack[2, X.at[7, 0], X.at[7, 1]] += 1
    others = [
        fingerprint(replace(X, stack=stack), y, seed=0, name="a"),
        fingerprint(replace(X, names=("Au", "As", "Sb")), y, seed=0, name="a"),
        fingerprint(X.at_cells(X.at[::-1]), y, seed=0, name="a"),
        fingerprint(X.of_size(3), y, seed=0, name="a"),
        fingerprint(X, 1 - y, seed=0, name="a"),
        fingerprint(X, y, seed=1, name="a"),
        fingerprint(X, y, seed=0, name="b"),
    ]
    assert len({first, *others}) == 8


def test_with_a_trim_it_follows_from_what_is_around_the_windows(district):
    X, y, _ = district
    X = X.at_cells(np.clip(X.at, 10, 20)).of_size(3)
    around, far, hidden = X.stack.copy(), X.stack.copy(), np.zeros((30, 30), dtype=bool)
    around[:, 8] += 1  # two cells from the nearest place
    far[:, 7] += 1
    hidden[8] = True
    others = [
        replace(X, stack=around),
        replace(X, hidden=hidden),
        replace(X, stack=far),
    ]
    assert [fingerprint(Y, y) == fingerprint(X, y) for Y in others] == [True] * 3
    first = fingerprint(X, y, trim=1)
    assert first != fingerprint(X, y)
    assert [fingerprint(Y, y, trim=1) == first for Y in others] == [False, False, True]


def test_the_fingerprint_does_not_depend_on_cells_no_window_reads(district):
    """What a fold hides leaves no trace."""
    X, y, _ = district
    X = X.take(X.at[:, 0] < 20).of_size(3)
    y = y[: len(X)]
    stack = X.stack.copy()
    stack[:, 25:] = 99
    assert fingerprint(replace(X, stack=stack), y) == fingerprint(X, y)
