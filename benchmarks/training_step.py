"""A training step beside a plain PyTorch loop over windows that were written out first.

Both train the same network on the same windows without flips and on the same device, the first GPU
where there is one. The plain loop is a DataLoader over a TensorDataset, Adam and nothing else, in
float32 and not compiled whatever ours is; it has a process of its own, since ours says how memory
is kept. Epochs of the two take turns; the first of each is left out, the median of the rest counts.
Batches are those of the published recipes. ResNet-50 takes minutes on a CPU and some 10 GB; a
smaller --batch takes less.
Usage: python benchmarks/training_step.py [resnet18 | ssgsnet | resnet50] [--precision bfloat16]
[--compiled] [--batch 32] [--steps 2] [--epochs 5] [--without memory | --without unfolding]
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from orecast.config import Training
from orecast.models.networks.resnet import ResNet18, ResNet50
from orecast.models.networks.ssgsnet import SSGSNet
from orecast.sampling.windows import Windows
from orecast.training import Network, acceleration, trainer
from orecast.training.acceleration import best_device

LONGER = 10  # a GPU's epochs have so many times the steps, since each is over in milliseconds


@dataclass(frozen=True)
class Case:
    """A network and what it is trained on; ``steps`` of an epoch, each of a full batch."""

    name: str
    factory: type[nn.Module]
    channels: int
    size: int
    steps: int
    batch: int = 32
    width: int = 64


@dataclass(frozen=True)
class Way:
    """How ours is trained."""

    precision: str
    compiled: bool

    def words(self, device: str) -> str:
        order = ["channels last"] * (device == "cuda")
        return ", ".join([device.upper(), self.precision, *order, *["compiled"] * self.compiled])


CASES = (
    Case("resnet18", ResNet18, channels=14, size=9, steps=10),
    Case("ssgsnet", SSGSNet, channels=15, size=32, steps=3),
    Case("resnet50", ResNet50, channels=8, size=224, steps=2),
)
FASTEST = Way("bfloat16", compiled=True)  # on a GPU


def windows(case: Case) -> tuple[Windows, np.ndarray]:
    rng = np.random.default_rng(0)
    half, n = case.size // 2 + 1, case.steps * case.batch
    stack = rng.normal(size=(case.channels, 300, 400)).astype(np.float32)
    at = np.column_stack([rng.integers(half, 300 - half, n), rng.integers(half, 400 - half, n)])
    names = tuple(f"layer {number}" for number in range(case.channels))
    return Windows(stack, names, at, case.size), (np.arange(n) % 2).astype(float)


def now(device: torch.device) -> float:
    """Seconds on the clock once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def plain_loop(turns: Connection, case: Case) -> None:
    """Train for an epoch at every turn, and answer with its seconds."""
    device = best_device()
    X, y = windows(case)
    net = case.factory(case.channels, case.size, width=case.width).to(device).train()
    data = TensorDataset(torch.from_numpy(X.batch()), torch.from_numpy(y).float())
    pinned = device.type == "cuda"
    loader = DataLoader(data, batch_size=case.batch, shuffle=True, pin_memory=pinned)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    while turns.recv():
        start = now(device)
        for x, labels in loader:
            x, labels = x.to(device, non_blocking=True), labels.to(device, non_blocking=True)
            optimiser.zero_grad()
            loss = binary_cross_entropy_with_logits(net(x), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        turns.send(now(device) - start)


def compare(case: Case, way: Way, epochs: int) -> tuple[float, float]:
    """Median seconds of an epoch, ours and the plain loop's; a plain one follows each of ours."""
    device = best_device()
    X, y = windows(case)
    turns, theirs_end = multiprocessing.Pipe()
    spawned = multiprocessing.get_context("spawn")
    plain = spawned.Process(target=plain_loop, args=(theirs_end, case), daemon=True)
    plain.start()
    theirs_end.close()  # else waiting for a loop that failed would never end
    ours, theirs, start = [], [], now(device)

    def progress(done: int, of: int, loss: float) -> None:
        nonlocal start
        ours.append(now(device) - start)
        turns.send(True)
        theirs.append(turns.recv())
        start = now(device)

    recipe = Training(epochs=epochs + 1, batch=case.batch, flips=False, decay=0)
    options = {"width": case.width, "precision": way.precision, "compiled": way.compiled}
    network = Network(case.name, options, recipe, progress=progress)
    network.fit(X, y, np.full(len(y), -1), seed=0)
    turns.send(False)
    plain.join()
    return float(np.median(ours[1:])), float(np.median(theirs[1:]))


def report(case: Case, way: Way, epochs: int) -> None:
    """Measure one way on the device that is here, and print it."""
    ours, plain = compare(case, way, epochs)
    print(f"  {way.words(best_device().type)}")
    for words, seconds in (("plain loop", plain), ("orecast", ours)):
        step = seconds / case.steps
        print(f"    {words:10}  {1e3 * step:9.2f} ms a step  {case.batch / step:8.1f} windows/s")
    print(f"    {'ratio':10}  {plain / ours:9.2f}", flush=True)


def chosen_case() -> tuple[Case, Way, int]:
    """What the command line asks for: the network, how ours is trained, and the epochs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cases = {case.name: case for case in CASES}
    parser.add_argument("network", nargs="?", choices=cases, default="resnet18")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compiled", action="store_true", help="ours by torch.compile")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=5, help="that are measured, after a first")
    parser.add_argument("--without", choices=("memory", "unfolding"), help="ours, on a CPU")
    chosen = parser.parse_args()
    if chosen.without == "memory":
        acceleration.kept_memory = nullcontext
    elif chosen.without == "unfolding":
        trainer.unfolded_convolutions = nullcontext
    case = cases[chosen.network]
    steps = chosen.steps or case.steps * (LONGER if best_device().type == "cuda" else 1)
    case = replace(case, width=chosen.width, batch=chosen.batch, steps=steps)
    return case, Way(chosen.precision, chosen.compiled), chosen.epochs


def main() -> None:
    case, way, epochs = chosen_case()
    shape = f"{case.channels} x {case.size} x {case.size}"
    print(f"{case.name}, width {case.width}, {shape}, batch {case.batch}", flush=True)
    report(case, way, epochs)
    if best_device().type == "cuda":
        if way != FASTEST:
            report(case, FASTEST, epochs)
        print("  CPU: unmeasured, a GPU is here; CUDA_VISIBLE_DEVICES= hides it")
    else:
        print(f"  {FASTEST.words('cuda')}: unmeasured, no GPU here")


if __name__ == "__main__":
    main()
