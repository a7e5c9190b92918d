"""A training step beside a plain PyTorch loop over windows that were written out first.

Both train the same residual network on the same windows without flips; the plain loop is a
DataLoader over a TensorDataset, Adam and nothing else. Epochs of the two take turns; the best epoch
of each counts. Usage: python benchmarks/training_step.py [--width 64] [--channels 14]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from orecast.config import Training
from orecast.models.resnet import ResNet18
from orecast.samples.nouns import Windows
from orecast.training import Network

SIZE, BATCH = 9, 32


def windows(channels: int, n: int) -> tuple[Windows, np.ndarray]:
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(channels, 200, 300)).astype(np.float32)
    at = np.column_stack([rng.integers(5, 195, n), rng.integers(5, 295, n)])
    names = tuple(f"layer {number}" for number in range(channels))
    return Windows(stack, names, at, SIZE), (np.arange(n) % 2).astype(float)


def plain_epochs(X: Windows, y: np.ndarray, width: int) -> Iterator[float]:
    """Seconds of each epoch of a plain loop."""
    net = ResNet18(len(X.names), SIZE, width=width).train()
    data = TensorDataset(torch.from_numpy(X.batch()), torch.from_numpy(y).float())
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    while True:
        start = time.perf_counter()
        for x, labels in loader:
            optimiser.zero_grad()
            binary_cross_entropy_with_logits(net(x), labels).backward()
            optimiser.step()
        yield time.perf_counter() - start


def compare(X: Windows, y: np.ndarray, width: int, epochs: int) -> tuple[float, float]:
    """Best seconds of an epoch, ours and the plain loop's; a plain one follows each of ours."""
    plain = plain_epochs(X, y, width)
    ours, theirs, start = [], [], time.perf_counter()

    def progress(done: int, of: int, loss: float) -> None:
        nonlocal start
        ours.append(time.perf_counter() - start)
        theirs.append(next(plain))
        start = time.perf_counter()

    recipe = Training(epochs=epochs, batch=BATCH, flips=False, decay=0)
    network = Network("resnet18", {"width": width}, recipe, progress=progress)
    network.fit(X, y, np.full(len(y), -1), seed=0)
    return min(ours[1:]), min(theirs[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--channels", type=int, default=14)
    parser.add_argument("--windows", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=6)
    chosen = parser.parse_args()
    X, y = windows(chosen.channels, chosen.windows)
    ours, plain = compare(X, y, chosen.width, chosen.epochs)
    steps = len(y) / BATCH
    print(f"resnet18, width {chosen.width}, {chosen.channels} x {SIZE} x {SIZE}, batch {BATCH}")
    print(f"  plain loop  {1e3 * plain / steps:7.2f} ms a step  {len(y) / plain:7.0f} windows/s")
    print(f"  orecast     {1e3 * ours / steps:7.2f} ms a step  {len(y) / ours:7.0f} windows/s")
    print(f"  ratio       {plain / ours:7.2f}")


if __name__ == "__main__":
    main()
