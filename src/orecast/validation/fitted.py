"""A fitted recipe: what speaks for cells, and what is saved of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.samples import Model, Sampling, Windows
from orecast.samples.growing import Growth
from orecast.validation.guidance import Guidance

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

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
