"""How much signal simulated districts hold: the best single element, and fault distance alone.

    python benchmarks/district_signal.py [--seeds 5] [preset ...]

Each element's clr is taken on the samples and interpolated (IDW, 12 nearest, power 2) to the
district's cells; the AUC is that of deposits' cells against all cells of the area. "Best" is the
highest of all elements, chosen on the known deposits; the undiscovered column scores the same
element on those. Printed are the mean and the range over the seeds.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from orecast.arrays import Floats
from orecast.composition import clr
from orecast.simulation import District, presets, simulate
from orecast.simulation.laboratory import header


def element_layers(district: District) -> dict[str, Floats]:
    """Interpolated clr of each element, ``(rows, columns)``."""
    samples, grid = district.samples, district.grid
    columns = []
    for symbol, analyte in district.preset.elements.items():
        text = samples[header(symbol, analyte)]
        below = text.str.startswith("<")
        columns.append(text.str.lstrip("<").astype(float) * np.where(below, 0.65, 1.0))
        columns[-1] *= analyte.to_ppm
    values = clr(np.column_stack(columns))
    distance, near = cKDTree(samples[["X", "Y"]]).query(grid.centres(), k=12)
    weight = 1 / np.maximum(distance, 1.0) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    layers = np.einsum("nk,nke->en", weight, values[near])
    return {s: v.reshape(grid.shape) for s, v in zip(district.elements, layers, strict=True)}


def fault_closeness(district: District) -> Floats:
    """Minus the distance to the nearest mapped fault, ``(rows, columns)``."""
    lines = district.faults.geometry
    points = [xy for line in lines for xy in line.segmentize(100).coords]
    distance, _ = cKDTree(points).query(district.grid.centres())
    return -distance.reshape(district.grid.shape)


def auc(layer: Floats, district: District, deposits: str) -> float:
    """Probability that a deposit's cell stands above a cell of the area, ties half."""
    at = district.grid.cell(getattr(district, deposits)[["X", "Y"]].to_numpy())
    rank = rankdata(layer).reshape(layer.shape)
    return float(np.mean((rank[at[:, 0], at[:, 1]] - 0.5) / layer.size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="*", default=list(presets()))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(
        f"{'preset':<13}{'best element (known)':>27}{'it on undiscovered':>26}"
        f"{'fault, known':>22}{'fault, undisc.':>22}{'seconds':>9}   best elements"
    )
    for name in arguments.presets:
        best, other, fault, fault_other, chosen, seconds = [], [], [], [], [], []
        for seed in range(arguments.seeds):
            start = time.perf_counter()
            district = simulate(name, seed)
            seconds.append(time.perf_counter() - start)
            layers = element_layers(district)
            scores = {symbol: auc(layer, district, "deposits") for symbol, layer in layers.items()}
            symbol = max(scores, key=scores.__getitem__)
            chosen.append(symbol)
            best.append(scores[symbol])
            other.append(auc(layers[symbol], district, "undiscovered"))
            near = fault_closeness(district)
            fault.append(auc(near, district, "deposits"))
            fault_other.append(auc(near, district, "undiscovered"))
        columns = [f"{np.mean(v):.3f} ({min(v):.3f}-{max(v):.3f})" for v in (best, other)]
        columns += [f"{np.mean(v):.2f} ({min(v):.2f}-{max(v):.2f})" for v in (fault, fault_other)]
        print(
            f"{name:<13}{columns[0]:>27}{columns[1]:>26}{columns[2]:>22}{columns[3]:>22}"
            f"{max(seconds):>9.1f}   {' '.join(chosen)}",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
