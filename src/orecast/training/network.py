"""A network as a model: options, fitting, prediction, saving."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from orecast import registry
from orecast.arrays import Ints
from orecast.config import Training
from orecast.errors import ConfigError, ModelError, RunError
from orecast.models import NETWORKS
from orecast.models.checks import (
    Properties,
    check_fitted,
    check_needs,
    check_same_layers,
    require_count,
)
from orecast.run import why_broken, write_json
from orecast.sampling.windows import Windows
from orecast.training.acceleration import (
    WITH_ADAM,
    WITH_GRADIENT,
    Acceleration,
    acceleration,
    best_device,
    outline,
    suited_process,
    suits_channels_last,
)
from orecast.training.building import EpochProgress
from orecast.training.checkpoints import Checkpoint, fingerprint
from orecast.training.data import TrainingBatches, gather
from orecast.training.inference import (
    Answer,
    Thinned,
    drops,
    in_batches,
    inference_form,
    probability,
)
from orecast.training.inner_parts import (
    check_search,
    resolve_searched,
    search_epochs,
    to_choose,
    trials,
)
from orecast.training.pretraining import TRANSDUCTIVE, pretrain, unlabelled_windows
from orecast.training.reading import fitting_trim, of_places
from orecast.training.trainer import Record, local_randomness, recorded, train

DEVICE_OPTIONS = ("precision", "compiled")
NETWORK_OPTIONS = (*DEVICE_OPTIONS, "passes", "search_epochs")
"""Options of every network, in addition to those of its factory."""


def factory_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the factory's options, without those of every network.

    >>> factory_options({"width": 16, "precision": "bfloat16"})
    {'width': 16}
    """
    return {n: v for n, v in options.items() if n not in NETWORK_OPTIONS}


def network_properties(factory: Any, options: Mapping[str, Any], training: Training) -> Properties:
    """Needs, epochs with the trials of a search, and caveats of a network with these options.

    ``needs_for`` of a factory gives its needs where options change them. Raises ConfigError for an
    impossible option.
    """
    needs_for = getattr(factory, "needs_for", None)
    needs = factory.needs if needs_for is None else needs_for(**factory_options(options))
    searched = to_choose(factory, options)
    of_trial = search_epochs(options, training.epochs, searched)
    on_all = training.pretrain > 0 and training.pretrain_on == "all"
    return Properties(
        needs,
        training.all_epochs + trials(searched) * of_trial,
        (TRANSDUCTIVE,) if on_all else (),
    )


DESCRIPTION = "network.json"
WEIGHTS = "network.safetensors"
_MOST_PASSES = 10_000
_CHECKPOINT_SHARE = 10  # a checkpoint after every tenth of the epochs


class Network:
    """A network of ``orecast.models.networks``, trained by Lightning.

    ``options`` are the factory's, and four for every network: ``precision`` of training ("float32"
    or "bfloat16"; by default that of the device), ``compiled`` (False; use torch.compile),
    ``passes`` (0; number of ``draws`` with dropout on), and ``search_epochs`` (a fifth of
    all epochs). An option that the factory lists in ``searched`` can be "adaptive"; it is then
    chosen inside the training part by trials of ``search_epochs``
    (``inner_parts.resolve_searched``).

    With a folder for ``checkpoints``, an interrupted ``fit`` resumes when it is called again with
    the same inputs. ``progress`` is called after each epoch with its number from 1, the number of
    epochs, and the mean loss. Trials come first, each with its own numbers, then pretraining
    (``pretraining.pretrain``), then training. ``record``, if set, is called after each epoch of
    training with its number, loss and accuracy (``trainer.recorded``).

    Learned: ``net_`` on the CPU, ``names_`` of the layers, ``size_`` of the window, ``seed_``, and
    the options ``chosen_``.
    """

    def __init__(
        self,
        name: str,
        options: dict[str, Any],
        training: Training,
        *,
        checkpoints: Path | None = None,
        progress: EpochProgress | None = None,
    ) -> None:
        self.name = name
        self.options = options
        self.checkpoints = checkpoints
        self.progress = progress
        self.record: Record | None = None
        self.factory = registry.load(NETWORKS, name, what="network")
        self.properties = network_properties(self.factory, options, training)
        self.needs = self.properties.needs
        self.training = of_places(training, self.needs)

    def check_options(self) -> None:
        """Raise ConfigError for an impossible option; builds the smallest form without memory."""
        size = self.needs.smallest_window
        if self.needs.parity != "any" and (size % 2 == 1) != (self.needs.parity == "odd"):
            size += 1
        net = self._outline(1 + self.needs.weight, size)
        self._check_passes(net)
        self._settings(net, size)

    def fit(self, X: Windows, y: NDArray[np.float64], group: Ints, *, seed: int) -> Self:
        """Learn from windows ``(n, C, k, k)`` and labels ``(n,)``, 1 positive and 0 negative.

        With pretraining, learn from windows without labels first. Raises SamplingError if a class
        is missing or there are no windows for pretraining, ModelError if the model's needs are not
        met or a value is missing, RunError if a checkpoint cannot be written or read.
        """
        self.check_fit(X, y, group, seed=seed)
        y = np.asarray(y, dtype=np.float64)
        self.chosen_ = self._choose(X, y, group, seed)
        net = self._prepared(X, y, seed, self.chosen_)
        settings = self._settings(net, X.size)
        recipe = self.training
        batches = TrainingBatches(
            X, y, recipe.batch, seed=seed, flips=recipe.flips, trim=recipe.trim
        )
        with suited_process(net, X.size):
            pretrained = self._pretrain(net, X, seed, settings)
            progress = self._progress_after(recipe.pretrain)
            if self.record is not None:
                progress = recorded(self.record, net, X, y, settings, progress)
            train(
                net,
                batches,
                recipe,
                seed=seed,
                settings=settings,
                checkpoint=self._checkpoint(X, y, recipe.epochs, seed, pretrained),
                progress=progress,
            )
        self._learned(net, X.names, X.size, seed)
        return self

    def check_fit(self, X: Windows, y: NDArray[np.float64], group: Ints, *, seed: int) -> None:
        """Raise the errors of ``fit`` that need no training."""
        y = np.asarray(y, dtype=np.float64)
        check_needs(self.name, self.needs, X, y)
        fitting_trim(self.training.trim, X.size)
        self._outline(len(X.names), X.size)
        if hasattr(self.factory, "prepare"):
            check = partial(self._prepared, X, y, seed)
            check_search(to_choose(self.factory, self.options), check, X, y, group)

    def _outline(self, channels: int, size: int) -> nn.Module:
        """The network without weights; raises CapacityError if training needs too much memory."""
        return outline(
            partial(self.factory, channels, size),
            factory_options(self.options),
            a_weight=WITH_GRADIENT if self.training.optimiser == "sgd" else WITH_ADAM,
            name=self.name,
            where="model.options",
        )

    def _choose(self, X: Windows, y: NDArray[np.float64], group: Ints, seed: int) -> dict[str, Any]:
        """Choose the adaptive options, by trials without pretraining."""
        searched = to_choose(self.factory, self.options)
        epochs = search_epochs(self.options, self.training.epochs, searched)
        recipe = self.training.model_copy(update={"epochs": epochs, "pretrain": 0})
        options = {n: v for n, v in self.options.items() if n != "search_epochs"}
        kept: dict[str, Any] = {"checkpoints": self.checkpoints, "progress": self.progress}
        return resolve_searched(
            searched,
            lambda candidate: Network(self.name, options | candidate, recipe, **kept),
            lambda candidate: self._prepared(X, y, seed, candidate),
            X,
            y,
            group,
            seed=seed,
        )

    def _prepared(
        self, X: Windows, y: NDArray[np.float64], seed: int, chosen: dict[str, Any]
    ) -> nn.Module:
        """A network ready for its first training step.

        ``prepare`` of a network, if it has one, learns from the windows' own cells ``(n, C)`` and
        labels ``(n,)``, into buffers.
        """
        net = self._built(len(X.names), X.size, seed, chosen)
        prepare: Any = getattr(net, "prepare", None)
        if prepare is not None:
            with local_randomness(seed):
                prepare(gather(X.of_size(1), slice(None)).flatten(1), torch.from_numpy(y))
        return net

    def _pretrain(
        self, net: nn.Module, X: Windows, seed: int, settings: Acceleration
    ) -> Checkpoint | None:
        """Pretrain in place, if the settings ask for it; return the checkpoint, if there is one."""
        recipe = self.training
        if not recipe.pretrain:
            return None
        windows = unlabelled_windows(X, recipe, seed)
        checkpoint = self._checkpoint(windows, np.empty(0), recipe.pretrain, seed)
        pretrain(
            net,
            windows,
            recipe,
            seed=seed,
            settings=settings,
            checkpoint=checkpoint,
            progress=self._progress_after(0),
        )
        return checkpoint

    def predict(self, X: Windows) -> NDArray[np.float64]:
        """Probabilities of ore, ``(n,)``; windows are read in batches.

        Raises ModelError before ``fit``, for other layers or another window size than in training,
        and if a value is missing.
        """
        return self._outputs(X, lambda settings: probability(self._inference_form(settings)))

    def labels(self, X: Windows) -> NDArray[np.bool_]:
        """Whether windows are predicted positive, ``(n,)``; raises as ``predict``.

        By the network's own ``labels``, such as a vote, if it has them; else from 0.5.
        """
        check_fitted(self.name, hasattr(self, "net_"))
        if not hasattr(self.net_, "labels"):
            return self.predict(X) >= 0.5

        def own_labels(settings: Acceleration) -> Answer:
            net: Any = settings.arrange_module(copy.deepcopy(self.net_))
            return lambda x: net.labels(x)

        return self._outputs(X, own_labels) > 0

    def draws(self, X: Windows) -> NDArray[np.float64]:
        """Probabilities of ore by Monte-Carlo dropout, ``(passes, n)``; without passes, (1, n).

        Row k is the k-th thinned network (see ``inference.Thinned``), the same in every call.
        Without passes, the one row is ``predict``, without dropout. Raises as ``predict``.
        """
        passes = self.options.get("passes", 0)
        if not passes:
            return self.predict(X)[None]

        def thinned(settings: Acceleration) -> Answer:
            some = Thinned(self.net_, self.seed_)
            settings.arrange_module(some.net)
            return probability(lambda x: some.logits(x, passes))

        return self._outputs(X, thinned, passes)

    def _outputs(
        self, X: Windows, prepared: Callable[[Acceleration], Answer], *leading: int
    ) -> NDArray[np.float64]:
        """Outputs ``(*leading, n)`` for windows, by the function prepared for the device."""
        self._require_learned_form(X)
        settings = self._settings(self.net_, self.size_)
        return in_batches(X, self.net_, settings, prepared(settings), leading)

    @property
    def n_draws(self) -> int:
        """Number of rows of ``draws``."""
        return int(self.options.get("passes", 0)) or 1

    def save(self, folder: Path) -> None:
        """Write ``network.json`` and ``network.safetensors``.

        Raises ModelError before ``fit``, RunError if a file cannot be written.
        """
        check_fitted(self.name, hasattr(self, "net_"))
        folder.mkdir(parents=True, exist_ok=True)
        weights = {n: v.contiguous() for n, v in self.net_.state_dict().items()}
        try:
            save_file(weights, folder / WEIGHTS)
        except SafetensorError as error:
            raise RunError(
                f"the weights cannot be written ({error})",
                where=str(folder / WEIGHTS),
                remedy="free disk space, or choose an output folder that you can write to",
            ) from error
        write_json(
            folder / DESCRIPTION,
            {
                "name": self.name,
                "options": self.options,
                "chosen": self.chosen_,
                "channels": len(self.names_),
                "size": self.size_,
                "layers": self.names_,
                "seed": self.seed_,
                "training": self.training.model_dump(),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild a saved network.

        Raises ModelError if a file is missing or broken, or the weights do not fit.
        """
        try:
            content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            training = Training.model_validate(content["training"])
            network = cls(str(content["name"]), dict(content["options"]), training)
            names, size = tuple(map(str, content["layers"])), int(content["size"])
            seed = int(content["seed"])
            network.chosen_ = dict(content.get("chosen", {}))
            net = network._built(len(names), size, seed, network.chosen_)
        except (OSError, ValueError, KeyError, TypeError, ValidationError, ConfigError) as error:
            raise ModelError(
                f"the network's description cannot be read: {why_broken(error)}",
                where=str(folder / DESCRIPTION),
                remedy="train it again",
            ) from error
        try:
            net.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, SafetensorError, RuntimeError) as error:
            read = isinstance(error, RuntimeError)
            raise ModelError(
                f"the weights {'belong to another network' if read else 'are broken or missing'}",
                where=str(folder / WEIGHTS),
                remedy="train it again",
            ) from error
        network._learned(net, names, size, seed)
        return network

    def _built(self, channels: int, size: int, seed: int, chosen: dict[str, Any]) -> nn.Module:
        options = factory_options(self.options) | chosen
        with local_randomness(seed):
            net: nn.Module = self.factory(channels, size, **options)
        self._check_passes(net)
        return net

    def _check_passes(self, net: nn.Module) -> None:
        passes = self.options.get("passes", 0)
        where = "uncertainty.dropout, or model.options.passes"
        require_count("passes", passes, _MOST_PASSES, least=0, where=where)
        if passes and not drops(net):
            raise ConfigError(
                f"{self.name} has no dropout, so {passes} passes would all be equal",
                where=where,
                remedy="set model.options.dropout above 0, such as 0.2, or delete passes",
            )

    def _settings(self, net: nn.Module, size: int) -> Acceleration:
        own = {n: v for n, v in self.options.items() if n in DEVICE_OPTIONS}
        return acceleration(best_device(), channels_last=suits_channels_last(net, size), **own)

    def _checkpoint(
        self,
        X: Windows,
        y: NDArray[np.float64],
        epochs: int,
        seed: int,
        before: Checkpoint | None = None,
    ) -> Checkpoint | None:
        """Checkpoint of a training of ``epochs`` epochs that follows the training ``before``."""
        if self.checkpoints is None:
            return None
        key = fingerprint(
            X,
            y,
            trim=self.training.trim,
            name=self.name,
            options=self.options,
            training=self.training.model_dump(),
            seed=seed,
            before=None if before is None else before.path.stem,
        )
        every = max(1, epochs // _CHECKPOINT_SHARE)
        return Checkpoint(self.checkpoints / f"{key}.safetensors", every)

    def _progress_after(self, before: int) -> EpochProgress | None:
        """Progress of a training after ``before`` epochs of pretraining."""
        if self.progress is None:
            return None
        report, total = self.progress, self.properties.epochs
        return lambda done, _, loss: report(before + done, total, loss)

    def _learned(self, net: nn.Module, names: tuple[str, ...], size: int, seed: int) -> None:
        self.net_ = net.cpu().to(memory_format=torch.contiguous_format).eval()
        self.names_ = names
        self.size_ = size
        self.seed_ = seed
        self._form: nn.Module | None = None

    def _inference_form(self, settings: Acceleration) -> nn.Module:
        """The network in the form for prediction, made at the first prediction."""
        if self._form is None:
            form = inference_form(self.net_, len(self.names_), self.size_)
            self._form = settings.arrange_module(form)
        return self._form

    def _require_learned_form(self, X: Windows) -> None:
        check_fitted(self.name, hasattr(self, "net_"))
        check_same_layers(self.name, self.names_, X.names)
        if X.size != self.size_:
            raise ModelError(
                f"{self.name} was trained on windows of {self.size_} cells, not {X.size}",
                where="sampling.window",
                remedy=f"set sampling.window to {self.size_}",
            )
