"""Checkpoints, from which an interrupted training resumes.

A checkpoint is one safetensors file, replaced atomically, with a hash of its content to detect
damage. It holds the weights, the optimiser's state and the number of epochs. The rest (order,
places, flips, dropout, learning rate) depends only on the seed and the epoch's number.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from orecast.errors import RunError
from orecast.sampling.windows import Windows
from orecast.training.data import windows_at_once
from orecast.training.reading import Trims, fitting_trim

Optimiser = torch.optim.Optimizer

_SEAL = "sha256"
_BROKEN = (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Checkpoint:
    """File of one training; it is written every ``every`` epochs."""

    path: Path
    every: int = 1

    def due(self, done: int, epochs: int) -> bool:
        """Whether to write after ``done`` of ``epochs`` epochs; always true after the last."""
        return done % self.every == 0 or done == epochs


def fingerprint(X: Windows, y: NDArray[np.float64], *, trim: int = 0, **inputs: Any) -> str:
    """Hash everything that a training depends on: the windows, the labels, and ``inputs``.

    With ``trim`` also the values around the windows, and the cells that can be read. ``inputs`` are
    JSON values. The windows are read in batches.
    """
    words = json.dumps([X.names, X.shape, inputs], sort_keys=True)
    digest = hashlib.blake2b(words.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(y, dtype=np.float64).tobytes())
    views = [X]
    if fitting_trim(trim, X.size):
        trims = Trims(X, trim)
        digest.update(np.ascontiguousarray(X.at, dtype=np.int64).data)
        digest.update(np.packbits(trims.free).data)
        views.append(trims.around)
    for view in views:
        for values in view.batches(windows_at_once(view.size)):
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def write_checkpoint(path: Path, net: nn.Module, optimiser: Optimiser, epochs: int) -> None:
    """Write the state after ``epochs`` epochs; raises RunError if the file cannot be written."""
    tensors = {f"net/{name}": value for name, value in net.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser/{number}/{name}"] = value
    _write(path, tensors, epochs=epochs)


def write_weights(path: Path, net: nn.Module) -> None:
    """Write a trained network's weights; raises RunError if the file cannot be written."""
    _write(path, net.state_dict())


def restore_weights(path: Path, net: nn.Module) -> None:
    """Read weights into a network; raises RunError if the file is broken."""
    try:
        tensors, _ = _read(path)
        net.load_state_dict(tensors)
    except _BROKEN as error:
        raise _unreadable(path) from error


def _write(path: Path, tensors: Mapping[str, Tensor], **numbers: int) -> None:
    """Write a temporary file and rename it; several processes may write the same file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    metadata = {name: str(value) for name, value in numbers.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, metadata={**metadata, _SEAL: _digest(tensors, metadata)})
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise RunError(
            f"the checkpoint cannot be written ({error})",
            where=str(path),
            remedy="free disk space, or choose an output folder that you can write to",
        ) from error


def restore_checkpoint(path: Path, net: nn.Module, optimiser: Optimiser) -> int:
    """Read a state into a network and its optimiser; return the number of finished epochs.

    Raises RunError if the file is broken.
    """
    try:
        tensors, metadata = _read(path)
        epochs = int(metadata["epochs"])
        weights, states = _parted(tensors)
        net.load_state_dict(weights)
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": states, "param_groups": groups})
        _take_memory_order(optimiser)
    except _BROKEN as error:
        raise _unreadable(path) from error
    return epochs


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file; ValueError if the hash differs."""
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata.pop(_SEAL) != _digest(tensors, metadata):
        raise ValueError("the file is damaged")
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _unreadable(path: Path) -> RunError:
    return RunError(
        "the checkpoint cannot be read", where=str(path), remedy="delete it and run again"
    )


def _take_memory_order(optimiser: Optimiser) -> None:
    """Give the state the memory order of the weights; fused steps need the same order."""
    for weight, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight, requires_grad=False).copy_(value)


def _parted(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    """Weights by name, and the optimiser's state by number and name."""
    weights: dict[str, Tensor] = {}
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, name = key.partition("/")
        if kind == "net":
            weights[name] = value
        else:
            number, _, name = name.partition("/")
            states.setdefault(int(number), {})[name] = value
    return weights, states
