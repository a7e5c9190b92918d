import numpy as np
import pytest
import torch

from orecast.sampling.windows import Scaling, Windows


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """So small a network is slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def district():
    """Forty windows of 5 x 5 cells on three layers, and their labels."""
    rng = np.random.default_rng(7)
    stack = rng.normal(size=(3, 30, 30)).astype(np.float32)
    at = rng.integers(0, 30, size=(40, 2))
    y = (stack[0, at[:, 0], at[:, 1]] > 0).astype(float)
    scaling = Scaling(np.zeros(3, np.float32), np.ones(3, np.float32))
    X = Windows(stack, ("Au", "As", "fault"), at, 5, None, scaling, ("element",) * 2 + ("fault",))
    return X, y, np.full(40, -1)
