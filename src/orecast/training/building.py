"""Build a model by its name, or read it from a folder.

torch and Lightning are imported only when a network is built.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from orecast import registry
from orecast.capacity import require_loadable
from orecast.config import Training
from orecast.errors import ConfigError, ModelError, nearest
from orecast.models import CLASSICAL, NETWORKS
from orecast.models.checks import Properties, check_window, require_known
from orecast.run import why_broken
from orecast.sampling.windows import Model

EpochProgress = Callable[[int, int, float], None]
"""Called after each epoch with its number from 1, the number of epochs, and the mean loss."""

COMMITTEE_STATE = "ensemble.json"
"""File of a saved ensemble or stack."""

_BESIDE_TORCH = 2e9  # bytes of addresses for other libraries and for threads
_CLASSICAL, _NETWORKS, _COMMITTEES = (
    CLASSICAL,
    NETWORKS,
    "orecast.training",
)
_DETECTOR_STATE, _NETWORK_STATE = "detector.json", "network.json"


def model_names() -> dict[str, str]:
    """Every model's name and the first line of its description; no model is imported."""
    return {name: entry.summary for name, entry in sorted(_models().items())}


def unknown_model(name: str, known: Iterable[str]) -> ConfigError:
    """Return the error for an unknown model name.

    >>> print(unknown_model("resnet18:width=16", ["resnet18"]).remedy)
    set model.name to resnet18 and model.options.width=16; only compare takes options after a colon
    """
    model, _, options = name.partition(":")
    remedy = nearest(name, known := list(known))
    if options and model in known:
        first = options.partition(",")[0]
        remedy = (
            f"set model.name to {model} and model.options.{first}; only compare takes options "
            "after a colon"
        )
    return ConfigError(f"unknown model {name!r}", where="model.name", remedy=remedy)


def build_model(
    name: str,
    options: dict[str, Any],
    training: Training,
    *,
    window: int | None = None,
    checkpoints: Path | None = None,
    progress: EpochProgress | None = None,
) -> Model:
    """Return an unfitted detector, network, ensemble or stack by its registered name.

    ``checkpoints`` and ``progress`` are for networks (see ``Network``), also as members. ``window``
    is the window size, if known. Raises ConfigError for an unknown name or option and for an
    impossible value, ModelError if the window does not meet the model's needs, SamplingError if
    ``training.trim`` is too large for the window.
    """
    entry = _model(name)
    factory = entry.load()
    model: Model
    if entry.module.startswith(_NETWORKS):
        from orecast.training.network import NETWORK_OPTIONS, Network
        from orecast.training.reading import fitting_trim

        of_factory = list(inspect.signature(factory).parameters)[2:]  # behind channels and size
        require_known(options, [*of_factory, *NETWORK_OPTIONS], name, "model.options")
        network = Network(name, options, training, checkpoints=checkpoints, progress=progress)
        network.check_options()
        if window is not None:
            fitting_trim(network.training.trim, window)
        model = network
    elif entry.module.startswith(_COMMITTEES):
        own = inspect.signature(factory).parameters.values()
        require_known(
            options, [o.name for o in own if o.kind is not o.KEYWORD_ONLY], name, "model.options"
        )
        model = factory(**options, training=training, checkpoints=checkpoints, progress=progress)
    else:
        require_known(options, inspect.signature(factory).parameters, name, "model.options")
        model = detector = factory(**options)
        detector.check_options()
    if window is not None:
        check_window(name, model.needs, window)
    return model


def model_properties(name: str, options: Mapping[str, Any], training: Training) -> Properties:
    """What a model needs, how often one fit reports progress, and its caveats; none is built.

    Raises ConfigError for an unknown name, and for options that contradict each other's needs.
    """
    entry = _model(name)
    factory = entry.load()
    if entry.module.startswith(_NETWORKS):
        from orecast.training.network import network_properties

        return network_properties(factory, options, training)
    if entry.module.startswith(_COMMITTEES):
        found: Properties = factory.properties_of(training, **options)
        return found
    return Properties(factory.needs)


def load_model(folder: Path) -> Model:
    """Rebuild a saved model of any kind; raises ModelError if it is missing or broken."""
    if (folder / _NETWORK_STATE).is_file():
        require_loadable("torch", _BESIDE_TORCH)
        from orecast.training.network import Network

        return Network.load(folder)
    if (folder / COMMITTEE_STATE).is_file():
        kind = _state_value(folder / COMMITTEE_STATE, "model")
        known = dict(registry.entries(_COMMITTEES))
    else:
        kind = _state_value(folder / _DETECTOR_STATE, "detector")
        known = {entry.attribute: entry for entry in registry.entries(_CLASSICAL).values()}
    if kind not in known:
        raise ModelError(
            f"the saved model has the unknown kind {kind!r}",
            where=str(folder),
            remedy="read it with the version of orecast that wrote it",
        )
    model: Model = known[kind].load().load(folder)
    return model


def _state_value(state: Path, key: str) -> str:
    try:
        return str(json.loads(state.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the saved model cannot be read: {why_broken(error)}",
            where=str(state),
            remedy="give the model folder of a finished run",
        ) from error


def _model(name: str) -> registry.Entry:
    """The model of that name; CapacityError if there is too little memory to import torch."""
    known = _models()
    if name not in known:
        raise unknown_model(name, known)
    if known[name].module.startswith(_NETWORKS):
        require_loadable("torch", _BESIDE_TORCH)
    return known[name]


def _models() -> Mapping[str, registry.Entry]:
    return registry.entries(_CLASSICAL, _NETWORKS, _COMMITTEES)
