"""A fitted recipe read back: the model, what it reads, and the places that it learned from."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ModelError, RunError
from orecast.evidence import Evidence
from orecast.samples import Model, Sampling, Scaling, Windows
from orecast.training import load_model
from orecast.validation.recipe import PLACES_FILE, RECIPE_FILE, Fitted

_REMEDY = "name a finished run's folder, or run it again with --overwrite"


@dataclass(frozen=True)
class Saved:
    """What ``Fitted.save`` wrote: all of a fitted recipe but the evidence under it.

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

    def on(self, evidence: Evidence, scaling: Scaling | None = None) -> Fitted:
        """The recipe over other evidence, of the model's own layers in their order.

        Standardised by the scaling that was learned in training, unless another is given. Raises
        ModelError where the evidence has other layers.
        """
        if evidence.names != self.names:
            raise ModelError(
                f"the model reads {', '.join(self.names)}, and is given {', '.join(evidence.names)}"
            )
        nowhere = np.empty((0, 2), dtype=np.int64)
        windows = Windows(
            evidence.stack,
            self.names,
            nowhere,
            self.size,
            scaling=scaling or self.scaling,
            kinds=self.kinds,
            cell_size=min(evidence.grid.cell_size),
        )
        return Fitted(self.model, windows, Sampling.of(nowhere, np.nan), self.words)


def read_fitted(folder: Path) -> Saved:
    """Read what ``Fitted.save`` wrote to a folder.

    Raises RunError where a file is missing or broken, ModelError where the model is.
    """
    try:
        told = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
        with np.load(folder / PLACES_FILE, allow_pickle=False) as stored:
            places = dict(stored)
        scaling = Scaling(*(np.array(told[key], dtype=np.float32) for key in ("mean", "spread")))
        names, kinds, size = tuple(told["layers"]), tuple(told["kinds"]), int(told["size"])
        group = np.full(len(places["at"]), -1)
        rows = Sampling(places["at"], places["y"], group, places["origin"])
        widths = {len(kinds), len(scaling.mean), len(scaling.spread), places["values"].shape[1]}
        if widths != {len(names)} or len(places["values"]) != len(rows):
            raise ValueError("its files do not go together")
        values, words = places["values"], str(told["negatives"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        raise RunError(
            f"holds no fitted recipe that can be read ({error})", where=str(folder), remedy=_REMEDY
        ) from None
    return Saved(load_model(folder), names, kinds, size, scaling, rows, values, words)
