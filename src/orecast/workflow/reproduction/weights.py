"""How many weights the networks of a reproduction have, where a cap on their width narrows them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from orecast.config import Training
from orecast.errors import REFUSALS
from orecast.experiments import Entry
from orecast.training import Network, build_model
from orecast.training.options import factory_options
from orecast.workflow.reproduction.plan import Reproduction, is_network


def count_weights(plan: Reproduction, layers: Sequence[str]) -> list[dict[str, Any]]:
    """Return of each network its ``weights`` as run, and those ``in_full``; none without a cap.

    ``run`` is the entry's key. In full is the published width on the published window. ``layers``
    are learned from where the experiment names none.
    """
    if plan.caps.width is None:
        return []
    whole = replace(plan, kind="full")
    found = []
    for entry in filter(lambda e: is_network(e.model), plan.entries):
        with suppress(*REFUSALS):  # its cells say why
            weights, in_full = (_weights(p, entry, layers) for p in (plan, whole))
            found.append({"run": entry.key, "weights": weights, "in_full": in_full})
    return found


def _weights(plan: Reproduction, entry: Entry, layers: Sequence[str]) -> int:
    """Weights that are learned, counted on a network that holds none."""
    network = build_model(entry.model, plan.options(entry), Training())
    assert isinstance(network, Network)
    channels = len(plan.layers(entry) or layers) + network.needs.weight
    with torch.device("meta"):
        net = network.factory(channels, plan.window, **factory_options(network.options))
    return sum(p.numel() for p in net.parameters())
