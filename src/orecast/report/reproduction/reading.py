"""What lies beside a reproduction's cells, opened for drawing; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import RunError
from orecast.run import BROKEN_ARRAYS

if TYPE_CHECKING:
    from orecast.explanation import GradCam, SamplingOffsets, Shapley

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ScoredMap:
    """A run's map on a lattice of cells; row 0 is the northernmost, NaN was not scored."""

    score: Floats  # (rows, columns), a probability
    step: float  # cells between lattice points
    deposits: Floats  # (n, 2) row and column on the lattice
    tiles: Ints | None = None  # (rows, columns), numbered from 1; below 1 there is none
    called: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # tiles called ore
    known: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # that hold a deposit


@dataclass(frozen=True)
class Beside:
    """Maps by the stem of their file, and tables by name, where they were written.

    ``samples`` has ``names`` (p,), ``raw`` and ``clr`` (n, p); ``evidence`` has ``names`` (C,) and
    ``values`` (C, rows, columns).
    """

    maps: Mapping[str, ScoredMap] = field(default_factory=dict)
    samples: Arrays | None = None
    evidence: Arrays | None = None
    shapley: Shapley | None = None
    heat: GradCam | None = None
    offsets: SamplingOffsets | None = None

    @classmethod
    def of(cls, folder: Path) -> Beside:
        """Read what is there of ``maps/*.npz`` and the five other files below ``folder``.

        Raises RunError or InputError naming a file that cannot be read.
        """
        from orecast.explanation import GradCam, SamplingOffsets, Shapley

        maps = sorted((folder / "maps").glob("*.npz"))
        readers: dict[str, tuple[str, Callable[[Path], Any]]] = {
            "samples": ("samples.npz", _arrays),
            "evidence": ("evidence.npz", _arrays),
            "shapley": ("shapley.npz", Shapley.load),
            "heat": ("grad-cam.npz", GradCam.load),
            "offsets": ("offsets.npz", SamplingOffsets.load),
        }
        there = {
            name: read(folder / file)
            for name, (file, read) in readers.items()
            if (folder / file).is_file()
        }
        return cls({path.stem: _map(path) for path in maps}, **there)


def _map(path: Path) -> ScoredMap:
    arrays = _arrays(path)
    try:
        return ScoredMap(
            score=arrays["score"].astype(np.float64),
            step=float(arrays["step"]),
            deposits=arrays["deposits"].astype(np.float64).reshape(-1, 2),
            **{
                name: arrays[name].astype(np.int64)
                for name in ("tiles", "called", "known")
                if name in arrays
            },
        )
    except KeyError as error:
        raise _unreadable(path, f"has no {error.args[0]}") from None


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except BROKEN_ARRAYS as error:
        raise _unreadable(path, f"cannot be read ({error})") from None


def _unreadable(path: Path, what: str) -> RunError:
    return RunError(what, where=str(path), remedy="remove it and reproduce again")
