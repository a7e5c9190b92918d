"""A fitted recipe read back: the model, what it reads, and the places that it learned from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ModelError, RunError
from orecast.evidence import Evidence
from orecast.run import BROKEN_ARRAYS, why_broken
from orecast.samples import WEIGHT, Model, Sampling, Scaling, Windows
from orecast.training import load_model
from orecast.validation.fitted import PLACES_FILE, RECIPE_FILE, Fitted
from orecast.validation.guidance import Guidance

_REMEDY = "name a finished run's folder, or run it again with --overwrite"


@dataclass(frozen=True)
class Saved:
    """What ``Fitted.save`` wrote: all of a fitted recipe but the evidence under it.

    ``guidance`` is what the weight of knowledge follows from, where the last layer is one;
    ``values`` ``(n, n_layers)`` are those of the places' own cells as the model reads them, scaled;
    ``rows`` the places, in cells of the grid that was learned from.
    """

    model: Model
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    size: int
    scaling: Scaling
    rows: Sampling
    values: NDArray[np.float32]
    words: str
    guidance: Guidance | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """Layers of evidence that it is made of: the model's own, and what weighs knowledge."""
        if self.guidance is None:
            return self.names
        own = tuple(n for n, kind in zip(self.names, self.kinds, strict=True) if kind != WEIGHT)
        return own if self.guidance.layer in own else (*own, self.guidance.layer)

    def on(self, evidence: Evidence, scaling: Scaling | None = None) -> Fitted:
        """The recipe over other evidence, of the layers that it ``reads`` in their order.

        Standardised by the scaling that was learned in training, unless another is given; knowledge
        is weighed as it was in training. Raises ModelError where the evidence has other layers.
        """
        if evidence.names != self.reads:
            raise ModelError(
                f"the model reads {', '.join(self.reads)}, and is given {', '.join(evidence.names)}"
            )
        scaling = scaling or self.scaling
        own = len(self.names) - (self.guidance is not None)
        nowhere = np.empty((0, 2), dtype=np.int64)
        windows = Windows(
            evidence.stack[:own],
            self.names[:own],
            nowhere,
            self.size,
            scaling=Scaling(scaling.mean[:own], scaling.spread[:own]),
            kinds=self.kinds[:own],
            cell_size=min(evidence.grid.cell_size),
        )
        if self.guidance is not None:
            windows = self.guidance.joined(windows, evidence.layer(self.guidance.layer))
        rows = Sampling.of(nowhere, np.nan)
        return Fitted(self.model, windows, rows, self.words, guidance=self.guidance)


def read_fitted(folder: Path) -> Saved:
    """Read what ``Fitted.save`` wrote to a folder.

    Raises RunError where a file is missing or broken, ModelError where the model is.
    """
    rows, values = _read_places(folder / PLACES_FILE)
    try:
        told = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
        scaling = Scaling(*(np.array(told[key], dtype=np.float32) for key in ("mean", "spread")))
        names, kinds, size = tuple(told["layers"]), tuple(told["kinds"]), int(told["size"])
        if {len(kinds), len(scaling.mean), len(scaling.spread)} != {len(names)}:
            raise ValueError("its layers do not go together")
        guided = told.get("guidance")
        guidance = None if guided is None else Guidance.from_dict(guided)
        words = str(told["negatives"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RunError(
            f"holds no fitted recipe that can be read: {why_broken(error)}",
            where=str(folder / RECIPE_FILE),
            remedy=_REMEDY,
        ) from None
    if values.shape != (len(rows), len(names)):
        raise RunError(
            f"{PLACES_FILE} and {RECIPE_FILE} are of different models",
            where=str(folder),
            remedy=_REMEDY,
        )
    model = load_model(folder)
    return Saved(model, names, kinds, size, scaling, rows, values, words, guidance)


def _read_places(path: Path) -> tuple[Sampling, NDArray[np.float32]]:
    """The places that were learned from and their values ``(n, n_layers)``; RunError if broken."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            at, y, origin, values = (stored[key] for key in ("at", "y", "origin", "values"))
        return Sampling(at, y, np.full(len(at), -1), origin), values
    except BROKEN_ARRAYS:
        there = path.is_file()
        raise RunError(
            f"the places that the model learned from {'cannot be read' if there else 'are absent'}",
            where=str(path),
            remedy=_REMEDY,
        ) from None
