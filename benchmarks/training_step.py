"""A training step beside a plain PyTorch loop over windows that were written out first.

Both train the same network on the same windows without flips; the plain loop is a DataLoader over a
TensorDataset, Adam and nothing else, in a process of its own, since ours says how memory is kept.
Epochs of the two take turns; the median epoch of each counts.
Usage: python benchmarks/training_step.py [resnet18 | ssgsnet | resnet50] [--precision bfloat16]
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from orecast.config import Training
from orecast.models.resnet import ResNet18, ResNet50
from orecast.models.ssgsnet import SSGSNet
from orecast.samples.nouns import Windows
from orecast.training import Network


@dataclass(frozen=True)
class Case:
    """A network and what it is trained on."""

    factory: type[nn.Module]
    channels: int
    size: int
    batch: int
    windows: int


CASES = {
    "resnet18": Case(ResNet18, channels=14, size=9, batch=32, windows=320),
    "ssgsnet": Case(SSGSNet, channels=15, size=32, batch=32, windows=96),
    "resnet50": Case(ResNet50, channels=8, size=224, batch=4, windows=8),
}


def windows(case: Case) -> tuple[Windows, np.ndarray]:
    rng = np.random.default_rng(0)
    half, n = case.size // 2 + 1, case.windows
    stack = rng.normal(size=(case.channels, 300, 400)).astype(np.float32)
    at = np.column_stack([rng.integers(half, 300 - half, n), rng.integers(half, 400 - half, n)])
    names = tuple(f"layer {number}" for number in range(case.channels))
    return Windows(stack, names, at, case.size), (np.arange(n) % 2).astype(float)


def plain_loop(turns: Connection, name: str, width: int) -> None:
    """Train for an epoch at every turn, and answer with its seconds."""
    case = CASES[name]
    X, y = windows(case)
    net = case.factory(case.channels, case.size, width=width).train()
    data = TensorDataset(torch.from_numpy(X.batch()), torch.from_numpy(y).float())
    loader = DataLoader(data, batch_size=case.batch, shuffle=True)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    while turns.recv():
        start = time.perf_counter()
        for x, labels in loader:
            optimiser.zero_grad()
            binary_cross_entropy_with_logits(net(x), labels).backward()
            optimiser.step()
        turns.send(time.perf_counter() - start)


def compare(name: str, width: int, precision: str | None, epochs: int) -> tuple[float, float]:
    """Median seconds of an epoch, ours and the plain loop's; a plain one follows each of ours."""
    case = CASES[name]
    X, y = windows(case)
    turns, theirs_end = multiprocessing.Pipe()
    spawned = multiprocessing.get_context("spawn")
    plain = spawned.Process(target=plain_loop, args=(theirs_end, name, width), daemon=True)
    plain.start()
    ours, theirs, start = [], [], time.perf_counter()

    def progress(done: int, of: int, loss: float) -> None:
        nonlocal start
        ours.append(time.perf_counter() - start)
        turns.send(True)
        theirs.append(turns.recv())
        start = time.perf_counter()

    recipe = Training(epochs=epochs, batch=case.batch, flips=False, decay=0)
    options = {"width": width} | ({"precision": precision} if precision else {})
    network = Network(name, options, recipe, progress=progress)
    network.fit(X, y, np.full(len(y), -1), seed=0)
    turns.send(False)
    plain.join()
    return float(np.median(ours[1:])), float(np.median(theirs[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("network", nargs="?", choices=CASES, default="resnet18")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--precision", choices=("float32", "bfloat16"))
    parser.add_argument("--epochs", type=int, default=10)
    chosen = parser.parse_args()
    case = CASES[chosen.network]
    ours, plain = compare(chosen.network, chosen.width, chosen.precision, chosen.epochs)
    steps, n = case.windows / case.batch, case.windows
    shape = f"{case.channels} x {case.size} x {case.size}"
    print(f"{chosen.network}, width {chosen.width}, {shape}, batch {case.batch}")
    print(f"  plain loop  {1e3 * plain / steps:7.2f} ms a step  {n / plain:7.0f} windows/s")
    print(f"  orecast     {1e3 * ours / steps:7.2f} ms a step  {n / ours:7.0f} windows/s")
    print(f"  ratio       {plain / ours:7.2f}")


if __name__ == "__main__":
    main()
