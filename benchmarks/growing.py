"""Memory of growing windows tenfold and reading them once in batches, as a share of writing them.

2,000 windows of 15 layers, 32 x 32 cells, become 20,000, which would take 1.2 GB written out. The
peak counts all that growth and reading allocate, fitting and the batch included; behind it stands
the peak of reading the ungrown windows alone. What torch allocates is not counted, so that VAE and
GAN, which draw windows when they are read, are not among them.
Usage: python benchmarks/growing.py [--windows 2000] [--batch 32]
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np

from orecast.sampling import Sampling, Windows, shifted_copies
from orecast.sampling.augmentation import Step, grow
from orecast.training.generators import build_step

LAYERS, SIZE, TIMES = 15, 32, 10


def survey(n: int) -> Windows:
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(LAYERS, 400, 400)).astype(np.float32)
    number = rng.permutation(54 * 54)[:n]  # six cells apart, so that no slid copies meet
    at = 40 + 6 * np.column_stack(np.divmod(number, 54))
    return Windows(stack, tuple(f"L{i}" for i in range(LAYERS)), at, SIZE)


def slid(X: Windows) -> Windows:
    """Each window and nine slid by up to two cells."""
    sampling = Sampling.of(X.at, 1.0)
    grown = shifted_copies(sampling, 2, size=SIZE, shape=X.stack.shape[1:])
    return X.at_cells(grown.at[: TIMES * len(X)])


def stepped(X: Windows, step: Step) -> Windows:
    return grow(X, np.ones(len(X)), np.full(len(X), -1), [step], seed=0).X


def peak(make: Callable[[], Windows], batch: int) -> tuple[int, int]:
    """Bytes at the peak of making windows and reading all, and how many windows there are."""
    tracemalloc.start()
    windows = make()
    for _ in windows.batches(batch):
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most, len(windows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--windows", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=32)
    chosen = parser.parse_args()
    X = survey(chosen.windows)
    written = 4 * TIMES * len(X) * LAYERS * SIZE * SIZE
    plain, _ = peak(lambda: X, chosen.batch)
    print(f"{TIMES} x {len(X)} windows of {LAYERS} x {SIZE} x {SIZE}: {written / 1e6:.0f} MB")
    print(f"  ungrown  {plain / 1e6:6.1f} MB  {100 * plain / written:5.2f} %")
    methods = {"slide": slid}
    for name in ("copy", "turns", "noise", "smote"):
        methods[name] = partial(stepped, step=build_step(name, times=TIMES, label=1))
    for name, method in methods.items():
        most, n = peak(partial(method, X), chosen.batch)
        assert n == TIMES * len(X)
        print(f"  {name:7}  {most / 1e6:6.1f} MB  {100 * most / written:5.2f} %")


if __name__ == "__main__":
    main()
