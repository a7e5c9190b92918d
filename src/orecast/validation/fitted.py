"""A recipe once fitted: its guidance, its predictions, how it is saved and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

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
    fit_fault_control,
)
from orecast.sampling.augmentation import Growth
from orecast.training import load_model

KNOWLEDGE = "knowledge"
"""Name of the layer that holds the weight."""


@dataclass(frozen=True)
class Guidance:
    """What turns a layer into a weight in [0, 1] at each cell.

    ``layer`` is the distance to faults, which ``control`` weighs, or any other, which is taken from
    ``limits`` to 0 and 1.

    >>> Guidance("Au", limits=(-1.0, 3.0)).weight(np.array([[0, 9]], dtype=np.float32)).tolist()
    [[0.25, 1.0]]
    """

    layer: str
    control: FaultControl | None = None
    limits: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def by_faults(
        cls, layer: str, distance: Floats32, visible: Bools, deposits: Ints, cell_size: float
    ) -> Self:
        """Fit the influence of faults; raises SamplingError (see ``fit_fault_control``)."""
        return cls(layer, fit_fault_control(distance, visible, deposits, cell_size))

    @classmethod
    def by_range(cls, layer: str, values: Floats32, visible: Bools) -> Self:
        """Take a layer that lies in [0, 1] as it is, else from its lowest visible value on.

        Raises SamplingError where it is the same at every visible cell.
        """
        seen = values[visible & np.isfinite(values)]
        low, high = float(seen.min(initial=np.inf)), float(seen.max(initial=-np.inf))
        if not low < high:
            raise SamplingError(
                f"layer {layer} is the same wherever a fold may look, and weighs nothing",
                where="model.weight",
                remedy="name a layer that varies",
            )
        return cls(layer) if low >= 0 and high <= 1 else cls(layer, limits=(low, high))

    def weight(self, values: Floats32) -> Floats32:
        """Weights ``(rows, columns)`` of the layer's values, of this area or another."""
        if self.control is not None:
            return self.control(values).astype(np.float32)
        low, high = self.limits
        weight: Floats32 = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
        return weight

    def joined(self, windows: Windows, values: Floats32) -> Windows:
        """Scaled windows with the weight behind their layers, which alone is not scaled."""
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
        """As JSON holds it."""
        if self.control is None:
            return {"layer": self.layer, "limits": list(self.limits)}
        control = self.control
        law = {"exponent": control.exponent, "coefficient": control.coefficient}
        return {"layer": self.layer, "control": law | {"limits": list(control.limits)}}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Self:
        """Return what ``as_dict`` wrote; raises KeyError, TypeError or ValueError."""
        if "control" not in told:
            return cls(str(told["layer"]), limits=_pair(told["limits"]))
        law = told["control"]
        exponent, coefficient = float(law["exponent"]), float(law["coefficient"])
        return cls(str(told["layer"]), FaultControl(exponent, coefficient, _pair(law["limits"])))


def _pair(values: Any) -> tuple[float, float]:
    low, high = map(float, values)
    return low, high


RECIPE_FILE, PLACES_FILE = "recipe.json", "places.npz"


@dataclass(frozen=True)
class Fitted:
    """A fitted recipe: the model, the windows' scaling and layers, and what it learned from.

    ``rows`` are ungrown; ``learned`` counts those of ore and of barren ground, grown ones among
    them, and is None where a saved recipe was read back; ``guidance`` is what the weight of
    knowledge follows from and ``growth`` what was grown, each None where there is none.
    """

    model: Model
    windows: Windows
    rows: Sampling
    words: str
    learned: tuple[int, int] | None = None
    guidance: Guidance | None = None
    growth: Growth | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Layers the model reads."""
        return self.windows.names

    @property
    def elements(self) -> list[str]:
        """Those of them that are elements."""
        kinds = zip(self.names, self.windows.kinds, strict=True)
        return [name for name, kind in kinds if kind == "element"]

    def predict(self, at: Ints, *, hidden: Bools | None = None) -> NDArray[np.float64]:
        """Scores at cells ``(n, 2)``; all cells are read, those hidden from the fit too.

        But for cells that are ``hidden`` here: where what is learned from scores must not know
        them, since some models read the whole map.
        """
        return self.model.predict(replace(self.windows.moved(at), hidden=hidden))

    def labels(self, at: Ints) -> Bools:
        """Whether the model itself calls cells ``(n, 2)`` ore, ``(n,)``; all cells are read."""
        return labels_of(self.model, replace(self.windows.moved(at), hidden=None))

    def draws(self, at: Ints, scores: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scores by each member of the model (seeds, dropout passes), ``(m, n)``.

        ``scores`` are what it predicts there, which is all that a model without members says.
        """
        if getattr(self.model, "n_draws", 1) == 1:
            return scores[None].astype(np.float32)
        windows = replace(self.windows.moved(at), hidden=None)
        return np.asarray(self.model.draws(windows), dtype=np.float32)  # type: ignore[attr-defined]

    def save(self, folder: Path) -> None:
        """Write the model, what it reads, and the places it learned from; see ``read_fitted``."""
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
            "negatives": self.words,
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
    """What a model calls ore, ``(n,)``: by its own ``labels``, else from a score of 0.5."""
    own: Callable[[Windows], Bools] | None = getattr(model, "labels", None)
    return np.asarray(model.predict(X) >= 0.5) if own is None else own(X)


def counted(y: NDArray[np.float64]) -> tuple[int, int]:
    """Rows of ore and of barren ground."""
    return int((y == 1).sum()), int((y == 0).sum())


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
