import logging
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from orecast.config import Training
from orecast.errors import ModelError
from orecast.models.networks.resnet import ResNet18
from orecast.training.acceleration import Acceleration, acceleration
from orecast.training.checkpoints import Checkpoint
from orecast.training.data import TrainingBatches
from orecast.training.trainer import build_optimiser, local_randomness, rate_at, train

CPU = acceleration(torch.device("cpu"), channels_last=False)
LAST = acceleration(torch.device("cpu"), channels_last=True)


def network():
    torch.manual_seed(5)
    return ResNet18(3, 5, width=2, dropout=0.3)


def batches_of(district, recipe, seed=0):
    X, y, _ = district
    return TrainingBatches(X, y, recipe.batch, seed=seed, flips=recipe.flips)


def trained(district, recipe, **options):
    net = network()
    options = {"seed": 0, "settings": CPU, **options}
    train(net, batches_of(district, recipe, options["seed"]), recipe, **options)
    return net


def same(first, second):
    other = second.state_dict()
    return all(torch.equal(value, other[key]) for key, value in first.state_dict().items())


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_equal_to_a_plain_loop_bit_for_bit(district, optimiser):
    recipe = Training(epochs=3, batch=16, optimiser=optimiser, rate=0.01)
    net, batches = network().train(), batches_of(district, recipe)
    opt = build_optimiser(net.parameters(), recipe)
    for epoch in range(3):
        batches.epoch = epoch
        for group in opt.param_groups:
            group["lr"] = rate_at(epoch, recipe)
        torch.manual_seed(int(np.random.default_rng([0, epoch, 1]).integers(2**63)))
        for x, y in batches:
            opt.zero_grad()
            binary_cross_entropy_with_logits(net(x), y).backward()
            opt.step()
    assert same(net, trained(district, recipe))


class Killed(Exception):
    pass


def killed_after(epoch):
    def progress(done, epochs, loss):
        if done == epoch:
            raise Killed

    return progress


@pytest.mark.parametrize("settings", [CPU, LAST])
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_resumed_after_a_kill_it_ends_bit_for_bit_the_same(
    district, tmp_path, optimiser, every, settings
):
    recipe = Training(epochs=5, batch=16, optimiser=optimiser)
    checkpoint = Checkpoint(tmp_path / "a.safetensors", every)
    options = {"checkpoint": checkpoint, "settings": settings}
    with pytest.raises(Killed):
        trained(district, recipe, progress=killed_after(3), **options)
    seen = []
    net = trained(district, recipe, progress=lambda *report: seen.append(report[:2]), **options)
    assert seen == [(done, 5) for done in range(4 if every == 1 else 3, 6)]
    assert same(net, trained(district, recipe, settings=settings))


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_the_order_of_memory_moves_nothing_but_rounding(district, optimiser):
    recipe = Training(epochs=1, batch=20, optimiser=optimiser)
    first, last = (
        trained(district, recipe, settings=settings).state_dict() for settings in (CPU, LAST)
    )
    for key, value in first.items():
        torch.testing.assert_close(last[key], value, rtol=1e-3, atol=2e-4)


def test_finished_training_is_not_repeated(district, tmp_path):
    recipe, checkpoint = Training(epochs=2), Checkpoint(tmp_path / "a.safetensors")
    first = trained(district, recipe, checkpoint=checkpoint)
    again = trained(district, recipe, checkpoint=checkpoint, progress=killed_after(1))
    assert same(first, again)


def test_progress_reports_the_mean_loss_of_each_epoch(district):
    """With a rate too small to move anything, always that of the first weights."""
    X, y, _ = district
    recipe = Training(epochs=2, batch=12, rate=1e-12, decay=0, flips=False, schedule="constant")
    net = nn.Sequential(nn.Flatten(), nn.Linear(75, 1), nn.Flatten(0))
    seen = []
    batches = TrainingBatches(X, y, 12, seed=0, flips=False)
    train(net, batches, recipe, seed=0, settings=CPU, progress=lambda *r: seen.append(r))
    with torch.no_grad():
        logits = net(torch.from_numpy(X.batch()))
        loss = binary_cross_entropy_with_logits(logits, torch.from_numpy(y).float())
    assert [report[:2] for report in seen] == [(1, 2), (2, 2)]
    assert [report[2] for report in seen] == pytest.approx([loss.item()] * 2, rel=1e-5)


def test_divergence_is_an_error_and_no_checkpoint(district, tmp_path):
    recipe = Training(epochs=3, optimiser="sgd", rate=1e30)
    checkpoint = Checkpoint(tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"training\.rate: training diverged in epoch 1"):
        trained(district, recipe, checkpoint=checkpoint)
    assert not checkpoint.path.exists()


@pytest.mark.parametrize("settings", [CPU, Acceleration(CPU.device, "bfloat16", True)])
def test_nothing_is_left_behind(district, tmp_path, monkeypatch, capfd, settings):
    """No folder, no output, no change to the process's random numbers, switches or signals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002

    def state():
        return (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
            torch.backends.cudnn.benchmark,
            torch.get_num_threads(),
            logging.getLogger("lightning_fabric").level,
            signal.getsignal(signal.SIGTERM),
            signal.getsignal(signal.SIGINT),
            dict(os.environ),
            list(warnings.filters),
        )

    net = network()
    before = state()
    recipe = Training(epochs=1)
    train(net, batches_of(district, recipe), recipe, seed=0, settings=settings)
    assert state() == before
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_fabric_does_not_name_its_choices(district):
    """As it would on the terminal, of bfloat16."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("lightning_fabric")
    logger.addHandler(handler)
    try:
        trained(district, Training(epochs=1), settings=Acceleration(CPU.device, "bfloat16", True))
    finally:
        logger.removeHandler(handler)
    assert records == []


def test_ctrl_c_stays_a_keyboard_interrupt(district):
    def progress(*report):
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trained(district, Training(epochs=2), progress=progress)
    assert signal.getsignal(signal.SIGINT) == handler


TERMINATED = """
import os, signal, numpy as np, torch
from orecast.config import Training
from orecast.sampling.windows import Windows
from orecast.training import build_model

stack = np.random.default_rng(0).normal(size=(1, 9, 9)).astype("f4")
X = Windows(stack, ("Au",), np.full((8, 2), 4), 3)
build_model(
    "resnet18", {"width": 1}, Training(epochs=50, batch=2),
    progress=lambda *report: os.kill(os.getpid(), signal.SIGTERM),
).fit(X, np.arange(8) % 2, np.full(8, -1), seed=0)
print("finished")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_terminated_process_ends_by_the_signal():
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert "finished" not in done.stdout


@pytest.mark.slow
def test_compiled_networks_learn_the_same_weights(district, monkeypatch):
    compiled = []
    compiler = torch.compile

    def eager(module):
        compiled.append(module)
        return compiler(module, backend="eager")

    monkeypatch.setattr(torch, "compile", eager)
    recipe = Training(epochs=1)
    net = trained(district, recipe, settings=Acceleration(CPU.device, "float32", False, True))
    assert [module.net for module in compiled] == [net]
    for value, other in zip(
        net.state_dict().values(), trained(district, recipe).state_dict().values(), strict=True
    ):
        torch.testing.assert_close(value, other)


def test_a_failing_compiler_is_one_message(district, monkeypatch):
    def no_compiler(graph, inputs):
        raise RuntimeError("no g++")

    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module: compiler(module, backend=no_compiler))
    with pytest.raises(ModelError, match=r"model\.options\.compiled: torch\.compile failed"):
        trained(
            district,
            Training(epochs=1),
            settings=Acceleration(CPU.device, "float32", False, True),
        )


def test_the_settings_of_a_gpu_learn_nearly_the_same(district):
    """Bfloat16 products and channels last, on the CPU."""
    recipe = Training(epochs=2, batch=16)
    losses = {}
    for name, settings in {"cpu": CPU, "gpu": Acceleration(CPU.device, "bfloat16", True)}.items():
        trained(
            district,
            recipe,
            settings=settings,
            progress=lambda *r, n=name: losses.update({n: r[2]}),
        )
    assert losses["gpu"] != losses["cpu"]
    assert losses["gpu"] == pytest.approx(losses["cpu"], rel=0.05)


def test_local_randomness_repeats_and_restores():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    with local_randomness(0):
        first = torch.rand(4)
    with local_randomness(0):
        assert torch.equal(torch.rand(4), first)
    with local_randomness(1):
        assert not torch.equal(torch.rand(4), first)
    assert torch.equal(torch.rand(4), expected)
