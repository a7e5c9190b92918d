"""Every network with dropout can be drawn from, by Monte-Carlo dropout."""

import inspect

import numpy as np
import pytest
import torch

from orecast import registry
from orecast.models.checks import check_window
from orecast.training.inference import Thinned, drops

PACKAGE = "orecast.models.networks"


def factory(name):
    return registry.load(PACKAGE, name, what="network")


def options(name):
    known = inspect.signature(factory(name)).parameters
    return {o: v for o, v in {"width": 8, "dropout": 0.5}.items() if o in known}


NAMES = [name for name in registry.entries(PACKAGE) if "dropout" in options(name)]


def network(name):
    """A small network in evaluation mode, and four windows for it."""
    needs = factory(name).needs
    size = max(needs.smallest_window, 9)
    size += needs.parity != "any" and (size % 2 == 1) != (needs.parity == "odd")
    check_window(name, needs, size)
    torch.manual_seed(0)
    return factory(name)(3, size, **options(name)).eval(), torch.randn(4, 3, size, size)


@pytest.mark.parametrize("name", NAMES)
def test_passes_are_those_of_the_whole_network_thinned_afresh(name):
    net, x = network(name)
    assert drops(net)
    with torch.inference_mode():
        logits = Thinned(net, seed=3).logits(x, 3)
        again = Thinned(net, seed=3)
        for number in range(3):
            for layer in again.masked:
                layer.number = number
            torch.testing.assert_close(again.net(x), logits[number], rtol=1e-4, atol=1e-5)
        alone = Thinned(net, seed=3).logits(x[1:2], 3)
    assert (logits.std(0) > 0).all()
    np.testing.assert_allclose(alone[:, 0], logits[:, 1], rtol=1e-3, atol=1e-5)
