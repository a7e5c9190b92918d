"""GK-DCN from training to map, beside the same network on torchvision's operator.

A map of Tianshan's size (117 x 289 cells, 38 elements and the geological weight; the values are
drawn, on which no time depends), 168 windows of 9 x 9 cells, the published training, then every
cell predicted. Theirs is a plain PyTorch loop with a DataLoader over windows that are written out,
with torchvision's deformable convolution. Both take turns in one process.
Usage: python benchmarks/guided_map.py [--epochs 80] [--rounds 1]
"""

from __future__ import annotations

import argparse
import time
from unittest.mock import patch

import numpy as np
import torch
from deformable import theirs
from torch.utils.data import DataLoader, TensorDataset

from orecast.config import Training
from orecast.models.networks import deformable
from orecast.models.networks.gkdcn import GKDCN
from orecast.sampling import WEIGHT, Scaling, Windows
from orecast.training import Network

ROWS, COLUMNS, ELEMENTS, SIZE, PLACES, BATCH, RATE = 117, 289, 38, 9, 168, 64, 1e-4


def survey() -> tuple[Windows, np.ndarray]:
    """Windows to learn from and their labels."""
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(ELEMENTS + 1, ROWS, COLUMNS)).astype(np.float32)
    stack[-1] = rng.uniform(size=(ROWS, COLUMNS))
    at = np.column_stack(
        [rng.integers(SIZE, ROWS - SIZE, PLACES), rng.integers(SIZE, COLUMNS - SIZE, PLACES)]
    )
    names = (*(f"element {k}" for k in range(ELEMENTS)), "weight")
    kinds = ("element",) * ELEMENTS + (WEIGHT,)
    still = Scaling(np.zeros(len(names), np.float32), np.ones(len(names), np.float32))
    return Windows(stack, names, at, SIZE, scaling=still, kinds=kinds), np.repeat(
        [1.0, 0.0], PLACES // 2
    )


def ours(windows: Windows, y: np.ndarray, cells: np.ndarray, epochs: int) -> np.ndarray:
    recipe = Training(
        epochs=epochs, batch=BATCH, rate=RATE, decay=0.0, schedule="constant", flips=False
    )
    network = Network("gk-dcn", {}, recipe).fit(windows, y, np.full(len(y), -1), seed=0)
    return network.predict(windows.at_cells(cells))


def written_out(windows: Windows, y: np.ndarray, cells: np.ndarray, epochs: int) -> np.ndarray:
    with patch.object(deformable, "deform_conv2d", theirs):
        torch.manual_seed(0)
        net = GKDCN(ELEMENTS + 1, SIZE)
        optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
        rows = TensorDataset(torch.from_numpy(windows.batch()), torch.from_numpy(y).float())
        for _ in range(epochs):
            for x, labels in DataLoader(rows, BATCH, shuffle=True):
                optimiser.zero_grad()
                net.training_loss(x, labels).backward()
                optimiser.step()
        everywhere = TensorDataset(torch.from_numpy(windows.at_cells(cells).batch()))
        net.eval()
        with torch.inference_mode():
            scores = [torch.sigmoid(net(x)) for (x,) in DataLoader(everywhere, BATCH)]
    return torch.cat(scores).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    windows, y = survey()
    cells = np.argwhere(np.ones((ROWS, COLUMNS), dtype=bool))
    ours(windows, y, cells[:BATCH], 1)  # what is compiled once and kept
    seconds: dict[str, list[float]] = {"orecast": [], "torchvision": []}
    for _ in range(asked.rounds):
        for name, way in (("orecast", ours), ("torchvision", written_out)):
            begun = time.perf_counter()
            way(windows, y, cells, asked.epochs)
            seconds[name].append(time.perf_counter() - begun)
    own, other = (float(np.median(times)) for times in seconds.values())
    print(f"{len(cells):,} cells, {asked.epochs} epochs of {PLACES} windows")
    print(f"orecast {own:.1f} s, torchvision and written-out windows {other:.1f} s")
    print(f"{other / own:.1f} times as fast")


if __name__ == "__main__":
    main()
