"""Residual graph networks, trained dense, beside torch-geometric's batches of the same network.

Both have the same weights; logits and gradients of one batch are held against each other first.
Then each trains on the same samples by Adam: ours through ``Network.fit`` and as a bare loop;
torch-geometric's as its DataLoader joins graphs to batches, and as a bare loop over batches that
were joined beforehand. Theirs have a process of their own, since ours says how memory is kept.
Epochs take turns; the median of each counts. Needs torch-geometric.
Usage: python benchmarks/element_graphs.py [--samples 2048] [--batch 64] [--alpha 0.6]
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GCNConv, global_mean_pool

from orecast.config import Training
from orecast.models.networks.element_graphs import joined
from orecast.models.networks.resgcn import ResGAT, ResGCN, ResidualGraph
from orecast.sampling.windows import Windows
from orecast.training import Network

FACTORIES: dict[str, type[ResidualGraph]] = {"resgcn": ResGCN, "resgat": ResGAT}
RATE = 1e-3
PEERS = "torch-geometric, DataLoader", "torch-geometric, batches made before"
OWN = "orecast, Network.fit", "orecast, bare loop"


class Peer(nn.Module):
    """The same residual network of torch-geometric's layers."""

    def __init__(self, ours: ResidualGraph) -> None:
        super().__init__()
        self.activation = ours.activation
        self.shortcut, self.head = copy.deepcopy(ours.shortcut), copy.deepcopy(ours.head)
        self.layers = nn.ModuleList(map(peer_layer, ours.layers))

    def forward(self, x: Tensor, edges: Tensor, graph: Tensor) -> Tensor:
        kept = self.shortcut(x)
        for layer in self.layers:
            kept = x = self.activation(layer(x, edges)) + kept
        logits: Tensor = self.head(global_mean_pool(x, graph))
        return logits


def peer_layer(ours: nn.Module) -> nn.Module:
    outputs, inputs = ours.linear.weight.shape
    theirs: nn.Module
    if hasattr(ours, "source"):
        heads, each = ours.shape
        theirs = GATConv(inputs, each, heads=heads)
    else:
        theirs = GCNConv(inputs, outputs)
    with torch.no_grad():
        for their, own in weights(theirs, ours):
            their.copy_(own.view_as(their))
    return theirs


def weights(theirs: nn.Module, ours: nn.Module) -> list[tuple[Tensor, Tensor]]:
    if hasattr(ours, "source"):
        return [
            (theirs.lin.weight, ours.linear.weight),
            (theirs.att_dst, ours.target),
            (theirs.att_src, ours.source),
            (theirs.bias, ours.bias),
        ]
    return [(theirs.lin.weight, ours.linear.weight), (theirs.bias, ours.linear.bias)]


def samples(n: int, elements: int) -> tuple[Windows, np.ndarray]:
    """Log-ratios that two factors drive; some pairs correlate, some do not."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 2)) @ rng.normal(size=(2, elements)) + rng.normal(
        size=(n, elements)
    )
    stack = values.T[:, None].astype(np.float32)  # a map of one row
    at = np.column_stack([np.zeros(n, dtype=np.int64), np.arange(n)])
    names = tuple(f"element {number}" for number in range(elements))
    return Windows(stack, names, at, 1), (values[:, 0] > 0).astype(float)


def graphs(X: Windows, y: np.ndarray, adjacency: Tensor) -> list[Data]:
    edges = adjacency.nonzero().T.contiguous()
    nodes = torch.from_numpy(X.centre())[:, :, None]
    return [
        Data(x=x, edge_index=edges, y=torch.tensor([label], dtype=torch.float32))
        for x, label in zip(nodes, y, strict=True)
    ]


def differences(ours: ResidualGraph, peer: Peer, X: Windows, batch: Data) -> tuple[float, float]:
    """Largest difference of logits, and of gradients of the loss, on one batch."""
    ours, peer = copy.deepcopy(ours).eval(), copy.deepcopy(peer).eval()
    dense = ours(torch.from_numpy(X.batch(slice(batch.num_graphs))))
    sparse = peer(batch.x, batch.edge_index, batch.batch)
    for logits in (dense, sparse):
        binary_cross_entropy_with_logits(logits, batch.y).backward()
    pairs = [(peer.shortcut.weight, ours.shortcut.weight)]
    pairs += zip(peer.head.parameters(), ours.head.parameters(), strict=True)
    for theirs, own in zip(peer.layers, ours.layers, strict=True):
        pairs += weights(theirs, own)
    of_gradients = [(a.grad.flatten() - b.grad.flatten()).abs().max().item() for a, b in pairs]
    return (dense - sparse).abs().max().item(), max(of_gradients)


def timed(batches: Callable[[], Iterator[tuple[tuple[Tensor, ...], Tensor]]], net: nn.Module):
    """Seconds of each epoch of a plain loop."""
    net = copy.deepcopy(net).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    while True:
        start = time.perf_counter()
        for inputs, labels in batches():
            optimiser.zero_grad()
            binary_cross_entropy_with_logits(net(*inputs), labels).backward()
            optimiser.step()
        yield time.perf_counter() - start


def prepared(name: str, X: Windows, y: np.ndarray, alpha: float) -> tuple[ResidualGraph, Tensor]:
    """The network with its graph, and who is joined with whom."""
    torch.manual_seed(0)
    ours = FACTORIES[name](len(X.names), 1, alpha=alpha)
    ours.prepare(torch.from_numpy(X.centre()), torch.from_numpy(y))
    return ours, joined(ours.correlation, alpha)


def peer_loops(turns: Connection, name: str, chosen: argparse.Namespace) -> None:
    """Train for an epoch in each of torch-geometric's ways at every turn; answer with seconds."""
    torch.set_num_threads(chosen.threads)
    X, y = samples(chosen.samples, chosen.elements)
    ours, adjacency = prepared(name, X, y, chosen.alpha)
    peer, data = Peer(ours), graphs(X, y, adjacency)
    joint = list(DataLoader(data, batch_size=chosen.batch))

    def loaded() -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        for b in DataLoader(data, batch_size=chosen.batch, shuffle=True):
            yield (b.x, b.edge_index, b.batch), b.y

    def made() -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        for b in joint:
            yield (b.x, b.edge_index, b.batch), b.y

    loops = timed(loaded, peer), timed(made, peer)
    while turns.recv():
        turns.send([next(loop) for loop in loops])


def compare(name: str, chosen: argparse.Namespace) -> None:
    n, size, elements = chosen.samples, chosen.batch, chosen.elements
    X, y = samples(n, elements)
    ours, adjacency = prepared(name, X, y, chosen.alpha)
    first = next(iter(DataLoader(graphs(X, y, adjacency), batch_size=size)))
    logits, gradients = differences(ours, Peer(ours), X, first)
    values, labels = torch.from_numpy(X.batch()), torch.from_numpy(y).float()

    def dense() -> Iterator[tuple[tuple[Tensor, ...], Tensor]]:
        for rows in torch.randperm(n).split(size):
            yield (values[rows],), labels[rows]

    turns, theirs_end = multiprocessing.Pipe()
    spawned = multiprocessing.get_context("spawn")
    theirs = spawned.Process(target=peer_loops, args=(theirs_end, name, chosen), daemon=True)
    theirs.start()
    theirs_end.close()  # else waiting for a loop that failed would never end
    bare = timed(dense, ours)
    seconds: dict[str, list[float]] = {words: [] for words in (*PEERS, *OWN)}
    start = time.perf_counter()

    def progress(done: int, of: int, loss: float) -> None:
        nonlocal start
        fitted = time.perf_counter() - start
        turns.send(True)
        for words, taken in zip(seconds, (*turns.recv(), fitted, next(bare)), strict=True):
            seconds[words].append(taken)
        start = time.perf_counter()

    recipe = Training(epochs=chosen.epochs + 1, batch=size, rate=RATE, flips=False, decay=0)
    network = Network(name, {"alpha": chosen.alpha}, recipe, progress=progress)
    network.fit(X, y, np.full(n, -1), seed=0)
    turns.send(False)
    theirs.join()
    edges, pairs = int(adjacency.sum()) // 2, elements * (elements - 1) // 2
    print(f"{name}: {n} samples of {elements} elements, {edges} of {pairs} pairs joined")
    print(f"  batch {size}; logits differ by {logits:.1e}, gradients by {gradients:.1e}")
    median = {words: float(np.median(found[1:])) for words, found in seconds.items()}
    for words, found in median.items():
        print(f"  {words:38s}{n / found:9.0f} samples/s")
    for peer in PEERS:
        for own in OWN:
            print(f"  ratio {median[peer] / median[own]:5.1f}  {own} to {peer}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--elements", type=int, default=16)
    parser.add_argument("--alpha", type=float, default=0.6)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for name in FACTORIES:
        compare(name, chosen)


if __name__ == "__main__":
    main()
