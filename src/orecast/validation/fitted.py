"""A fitted recipe: its guidance, its predictions, how it is saved and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from orecast.arrays import Bools, Floats32, Ints
from orecast.errors import ModelError, RunError, SamplingError
from orecast.evidence import Evidence
from orecast.run import BROKEN_ARRAYS, why_broken
from orecast.sampling import (
    WEIGHT,
    FaultControl,
    Model,
    Sampling,
    Scaling,
    Windows,
)
from orecast.sampling.augmentation import Growth
from orecast.training import load_model
from orecast.validation.inner import Calibration

KNOWLEDGE = "knowledge"
"""Name of the layer that holds the weight of geological knowledge."""


@dataclass(frozen=True)
class Guidance:
    """Turns a layer into a weight in [0, 1] at each cell.

    ``layer`` is the distance to faults and ``control`` its weight; or it is any other layer, and
    its ``limits`` become 0 and 1.

    >>> Guidance("Au", limits=(-1.0, 3.0)).weight(np.array([[0, 9]], dtype=np.float32)).tolist()
    [[0.25, 1.0]]
    """

    layer: str
    control: FaultControl | None = None
    limits: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def by_range(cls, layer: str, values: Floats32, visible: Bools) -> Self:
        """Use a layer in [0, 1] as it is; else scale its lowest and highest visible value to 0, 1.

        Raises SamplingError if it has one value at all visible cells.
        """
        known = values[visible & np.isfinite(values)]
        low, high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
        if not low < high:
            raise SamplingError(
                f"layer `{layer}` has one value in all training cells of a fold, so it cannot "
                "be a weight",
                where="model.weight",
                remedy="choose a layer that varies",
            )
        return cls(layer) if low >= 0 and high <= 1 else cls(layer, limits=(low, high))

    def weight(self, values: Floats32) -> Floats32:
        """Weights ``(rows, columns)`` of the layer's values, in this area or another."""
        if self.control is not None:
            return self.control(values).astype(np.float32)
        low, high = self.limits
        weight: Floats32 = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
        return weight

    def joined(self, windows: Windows, values: Floats32) -> Windows:
        """Scaled windows with the weight as a last layer, which is not scaled."""
        scaling = windows.scaling
        assert scaling is not None
        return replace(
            windows,
            stack=np.concatenate([windows.stack, self.weight(values)[None]]),
            names=(*windows.names, KNOWLEDGE),
            kinds=(*windows.kinds, WEIGHT),
            scaling=Scaling(
                np.append(scaling.mean, np.float32(0)), np.append(scaling.spread, np.float32(1))
            ),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        unused = "limits" if self.control else "control"
        return {key: value for key, value in asdict(self).items() if key != unused}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Return what ``as_dict`` wrote; raises ValueError."""
        return TypeAdapter(cls).validate_python(content)


RECIPE_FILE, PLACES_FILE = "recipe.json", "places.npz"


@dataclass(frozen=True)
class Fitted:
    """A fitted recipe: the model, the windows' scaling and layers, and the training rows.

    ``rows`` are the training rows before growth. ``n_training`` counts the positive and negative
    rows with grown rows; it is None for a recipe read from a folder. ``guidance`` gives the weight
    of geological knowledge and ``growth`` the grown rows; None if there are none. ``chosen`` is
    the recipe's name and ``calibration`` what its choice has fitted, where it was chosen.
    """

    model: Model
    windows: Windows
    rows: Sampling
    negatives_rule: str
    n_training: tuple[int, int] | None = None
    guidance: Guidance | None = None
    growth: Growth | None = None
    chosen: str = ""
    calibration: Calibration | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Layers that the model reads."""
        return self.windows.names

    @property
    def elements(self) -> list[str]:
        """Layers that the model reads and that are elements."""
        kinds = zip(self.names, self.windows.kinds, strict=True)
        return [name for name, kind in kinds if kind == "element"]

    def predict(self, at: Ints, *, hidden: Bools | None = None) -> NDArray[np.float64]:
        """Scores at cells ``(n, 2)``; cells that were hidden from the fit are read too.

        Cells that are ``hidden`` here are not read. Pass them where scores must not depend on
        them, since some models read the whole map.
        """
        return self.model.predict(replace(self.windows.at_cells(at), hidden=hidden))

    def labels(self, at: Ints) -> Bools:
        """Whether cells ``(n, 2)`` are predicted positive, ``(n,)``; all cells are read."""
        return labels_of(self.model, replace(self.windows.at_cells(at), hidden=None))

    def draws(self, at: Ints, scores: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scores by each member of the model (seeds, dropout passes), ``(m, n)``.

        ``scores`` are its predictions there, which a model without members returns as one draw.
        """
        if getattr(self.model, "n_draws", 1) == 1:
            return scores[None].astype(np.float32)
        windows = replace(self.windows.at_cells(at), hidden=None)
        return np.asarray(self.model.draws(windows), dtype=np.float32)  # type: ignore[attr-defined]

    def save(self, folder: Path) -> None:
        """Write the model, its layers and its training places; see ``read_fitted``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder)
        scaling = self.windows.scaling
        assert scaling is not None
        content: dict[str, Any] = {
            "layers": list(self.names),
            "kinds": list(self.windows.kinds),
            "size": self.windows.size,
            "mean": scaling.mean.tolist(),
            "spread": scaling.spread.tolist(),
            "negatives": self.negatives_rule,
            "guidance": None if self.guidance is None else self.guidance.as_dict(),
        }
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (folder / RECIPE_FILE).write_text(text, encoding="utf-8")
        np.savez_compressed(
            folder / PLACES_FILE,
            at=self.rows.at,
            y=self.rows.y,
            origin=self.rows.origin,
            values=self.windows.centre(),
        )


def labels_of(model: Model, X: Windows) -> Bools:
    """Windows predicted positive, ``(n,)``: by the model's ``labels``, else from a score of 0.5."""
    labels: Callable[[Windows], Bools] | None = getattr(model, "labels", None)
    return np.asarray(model.predict(X) >= 0.5) if labels is None else labels(X)


def counted(y: NDArray[np.float64]) -> tuple[int, int]:
    """Number of positive and of negative rows."""
    return int((y == 1).sum()), int((y == 0).sum())


_REMEDY = "give the folder of a finished run, or run it again with --overwrite"


@dataclass(frozen=True)
class Saved:
    """What ``Fitted.save`` wrote: a fitted recipe without its evidence.

    ``guidance`` gives the weight of geological knowledge, if the last layer is one. ``rows`` are
    the training places, in cells of the training grid; ``values`` ``(n, n_layers)`` the scaled
    values at those cells.
    """

    model: Model
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    size: int
    scaling: Scaling
    rows: Sampling
    values: NDArray[np.float32]
    negatives_rule: str
    guidance: Guidance | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """Layers of evidence that it needs: the model's own, and the layer of the guidance."""
        if self.guidance is None:
            return self.names
        names = tuple(n for n, kind in zip(self.names, self.kinds, strict=True) if kind != WEIGHT)
        return names if self.guidance.layer in names else (*names, self.guidance.layer)

    def on(self, evidence: Evidence, scaling: Scaling | None = None) -> Fitted:
        """Apply the recipe to other evidence, with the layers ``reads`` in this order.

        Values are standardised by the scaling of training, unless another is given. The guidance is
        that of training. Raises ModelError if the evidence has other layers.
        """
        if evidence.names != self.reads:
            raise ModelError(
                f"the model needs the layers {', '.join(self.reads)}, but the evidence has "
                f"{', '.join(evidence.names)}",
                remedy="give the same layers in the same order",
            )
        scaling = scaling or self.scaling
        n_layers = len(self.names) - (self.guidance is not None)
        nowhere = np.empty((0, 2), dtype=np.int64)
        windows = Windows(
            evidence.stack[:n_layers],
            self.names[:n_layers],
            nowhere,
            self.size,
            scaling=Scaling(scaling.mean[:n_layers], scaling.spread[:n_layers]),
            kinds=self.kinds[:n_layers],
            cell_size=min(evidence.grid.cell_size),
        )
        if self.guidance is not None:
            windows = self.guidance.joined(windows, evidence.layer(self.guidance.layer))
        rows = Sampling.of(nowhere, np.nan)
        return Fitted(self.model, windows, rows, self.negatives_rule, guidance=self.guidance)


def read_fitted(folder: Path) -> Saved:
    """Read what ``Fitted.save`` wrote to a folder.

    Raises RunError if a file is missing or broken, ModelError if the model is.
    """
    rows, values = _read_places(folder / PLACES_FILE)
    try:
        content = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
        scaling = Scaling(*(np.array(content[key], dtype=np.float32) for key in ("mean", "spread")))
        names, kinds = tuple(content["layers"]), tuple(content["kinds"])
        size = int(content["size"])
        if {len(kinds), len(scaling.mean), len(scaling.spread)} != {len(names)}:
            raise ValueError("layers, kinds, mean and spread differ in length")
        guided = content.get("guidance")
        guidance = None if guided is None else Guidance.from_dict(guided)
        rule = str(content["negatives"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RunError(
            f"the fitted recipe cannot be read: {why_broken(error)}",
            where=str(folder / RECIPE_FILE),
            remedy=_REMEDY,
        ) from None
    if values.shape != (len(rows), len(names)):
        raise RunError(
            f"`{PLACES_FILE}` and `{RECIPE_FILE}` belong to different models",
            where=str(folder),
            remedy=_REMEDY,
        )
    model = load_model(folder)
    return Saved(model, names, kinds, size, scaling, rows, values, rule, guidance)


def _read_places(path: Path) -> tuple[Sampling, NDArray[np.float32]]:
    """The training places and their values ``(n, n_layers)``; RunError if broken."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            at, y, origin, values = (stored[key] for key in ("at", "y", "origin", "values"))
        return Sampling(at, y, np.full(len(at), -1), origin), values
    except BROKEN_ARRAYS:
        there = path.is_file()
        raise RunError(
            f"the file of the training places {'cannot be read' if there else 'is missing'}",
            where=str(path),
            remedy=_REMEDY,
        ) from None
