import numpy as np
import pytest
import torch

from orecast.config import Training
from orecast.sampling.windows import WEIGHT, Scaling, Windows
from orecast.training import Network


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """So small a network is slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def windows():
    """Build windows of normal values on scaled layers; the last is a weight where it is asked."""

    def build(n, layers, size, *, weight=False, side=30):
        rng = np.random.default_rng(3)
        stack = rng.normal(3, 2, (layers, side, side)).astype(np.float32)
        mean, spread = stack.mean((1, 2)), stack.std((1, 2))
        kinds = ("element",) * (layers - weight) + (WEIGHT,) * weight
        names = tuple(f"L{k}" for k in range(layers))
        at = rng.integers(0, side, (n, 2))
        return Windows(stack, names, at, size, scaling=Scaling(mean, spread), kinds=kinds)

    return build


@pytest.fixture
def untrained():
    """Build a network as it stands before its first step."""

    def build(name, X, seed=0, **options):
        network = Network(name, options, Training())
        network._learned(network._built(len(X.names), X.size, seed, {}), X.names, X.size, seed)
        return network

    return build
