"""A recipe: all that is fitted between evidence and scores, refitted whole in every fold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.composition import screen
from orecast.config import Screening
from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.samples import (
    WEIGHT,
    Model,
    NegativeRule,
    Sampling,
    Scaling,
    Windows,
    choose_negatives,
    fit_fault_control,
    fit_scaling,
    slide,
)
from orecast.samples.growing import Step, grow

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RECIPE_FILE, PLACES_FILE = "recipe.json", "places.npz"

_TINY = float(np.finfo(np.float32).tiny)
_UNLABELLED = 20_000  # cells that a model without labels learns from


@dataclass(frozen=True)
class Recipe:
    """What is fitted, in order: growth, negatives, screening, scaling, model.

    ``target`` names the layer whose clusters k-means judges, ``faults`` the layer of distance to
    faults; ``barren`` are cells known to be barren ``(m, 2)``, used in place of chosen ones.
    ``layers`` are read alone where they are named; negatives are chosen from all. By ``plan``
    training windows are grown, after scaling.
    ``channels`` are detectors that need no labels: fitted to the cells a fold may see, their scores
    become layers. Without ``labels`` the model learns from visible cells at random, and is told no
    deposit. A ``guided`` model is given a weight of knowledge as its last layer: the layer named
    ``weight``, or the influence of faults, fitted to the deposits that a fold may see.
    """

    model: Callable[[], Model]
    size: int
    shift: int = 1
    ratio: float = 1.0
    negatives: NegativeRule = field(default_factory=NegativeRule)
    screening: Screening = field(default_factory=Screening)
    target: str | None = None
    faults: str | None = None
    barren: Ints | None = None
    labels: bool = True
    layers: tuple[str, ...] | None = None
    plan: tuple[Step, ...] = ()
    channels: Mapping[str, Callable[[], Model]] = field(default_factory=dict)
    guided: bool = False
    weight: str | None = None

    def fit(self, evidence: Evidence, ore: Sampling, *, hidden: Bools | None, seed: int) -> Fitted:
        """Fit to the places of ore a fold may see; nothing is read from ``hidden`` cells."""
        visible = evidence.valid if hidden is None else evidence.valid & ~hidden
        rows, words = self.rows(evidence, ore, hidden=hidden, seed=seed)
        return self.fit_rows(evidence, rows, visible=visible, hidden=hidden, seed=seed, words=words)

    def rows(
        self, evidence: Evidence, ore: Sampling, *, hidden: Bools | None, seed: int
    ) -> tuple[Sampling, str]:
        """Rows to learn from where ``hidden`` must stay unseen, and how they were chosen.

        Raises SamplingError where no ore or no barren row is left.
        """
        seen = evidence.valid
        if hidden is not None:
            seen = seen & ~hidden & ~windows_touching(hidden, self.size)
        if not self.labels:
            return _unlabelled(seen, seed), "none: the model is told no labels"
        return self.grown(evidence, ore, seen, seed)

    def grown(
        self, evidence: Evidence, ore: Sampling, seen: Bools, seed: int
    ) -> tuple[Sampling, str]:
        """Slid copies of the ore and barren cells, both among the cells ``seen``; and how."""
        copies = slide(ore, self.shift, size=self.size, shape=evidence.grid.shape)
        copies = copies.take(seen[copies.at[:, 0], copies.at[:, 1]])
        if not len(copies):
            raise SamplingError("no deposit lies where the evidence has values")
        barren, words = self._barren(evidence, ore, copies, seen, seed)
        return copies.joined(barren), words

    def _barren(
        self, evidence: Evidence, ore: Sampling, copies: Sampling, seen: Bools, seed: int
    ) -> tuple[Sampling, str]:
        """Barren rows; a cell on which the ore's copies stand is no barren one.

        Those that are chosen have room for all positions to which the plan slides them, among the
        cells seen and beside the ore's own, so that both grow alike and none is in both.
        """
        if self.barren is not None:
            known = Sampling.of(self.barren, 0.0)
            rows = slide(known, self.shift, size=self.size, shape=evidence.grid.shape)
            rows = rows.take(seen[rows.at[:, 0], rows.at[:, 1]] & ~_among(rows.at, copies.at))
            if not len(rows):
                raise SamplingError("no barren place lies where a fold may look", where="[barren]")
            return rows, "places known to be barren"
        n = max(1, round(self.ratio * len(copies)))
        ore_room, room = (sum(step.room(label) for step in self.plan) for label in (1.0, 0.0))
        taken = np.zeros_like(seen)
        taken[copies.at[:, 0], copies.at[:, 1]] = True
        free = _within(seen, room) & ~windows_touching(taken, 2 * (ore_room + room) + 1)
        target = None if self.target is None else evidence.layer(self.target)
        faults = None
        if self.faults is not None:
            faults = evidence.layer(self.faults) / np.float32(min(evidence.grid.cell_size))
        at, words = choose_negatives(
            self.negatives, n, ore.at, free, target=target, faults=faults, seed=seed
        )
        return Sampling.of(at, 0.0), words

    def fit_rows(
        self,
        evidence: Evidence,
        rows: Sampling,
        *,
        visible: Bools,
        hidden: Bools | None,
        seed: int,
        words: str = "",
    ) -> Fitted:
        """Screen, scale and learn from grown rows."""
        windows = self.windows(evidence, rows, visible=visible, hidden=hidden, seed=seed)
        if not (self.plan and self.labels):
            model = self.model().fit(windows, rows.y, rows.group, seed=seed)
            return Fitted(model, windows, rows, words, counted(rows.y))
        more = grow(windows, rows.y, rows.group, self.plan, seed=seed)
        model = self.model().fit(more.X, more.y, more.group, seed=seed)
        return Fitted(model, windows, rows, words, counted(more.y))

    def windows(
        self, evidence: Evidence, rows: Sampling, *, visible: Bools, hidden: Bools | None, seed: int
    ) -> Windows:
        """Windows of the rows as a model is given them: layers screened, values scaled."""
        windows = _windows(evidence, rows.at, self.size, hidden)
        if self.layers is not None:
            windows = _selecting(windows, np.array([windows.names.index(n) for n in self.layers]))
        windows = _selecting(windows, self._screened(evidence, windows, rows, seed))
        if self.channels:
            windows = self._with_channels(windows, evidence, visible, seed)
        if self.guided:
            return self._with_weight(windows, evidence, rows, visible)
        return replace(windows, scaling=fit_scaling(windows.stack, visible))

    def _with_weight(
        self, windows: Windows, evidence: Evidence, rows: Sampling, visible: Bools
    ) -> Windows:
        """Windows with the weight of knowledge behind their layers, which alone is not scaled."""
        others = [k for k, name in enumerate(windows.names) if name != self.weight]
        windows = _selecting(windows, np.array(others))
        if self.weight is None:
            assert self.faults is not None
            distance = evidence.layer(self.faults)
            ore = rows.take(rows.y == 1)
            _, places = np.unique(ore.origin, return_index=True)  # a slid copy is no new deposit
            control = fit_fault_control(
                distance, visible, ore.at[places], cell_size=min(evidence.grid.cell_size)
            )
            weight = control(distance).astype(np.float32)
        else:
            weight = _unit_range(evidence.layer(self.weight), visible)
        scaling = fit_scaling(windows.stack, visible)
        return replace(
            windows,
            stack=np.concatenate([windows.stack, weight[None]]),
            names=(*windows.names, "knowledge"),
            kinds=(*windows.kinds, WEIGHT),
            scaling=Scaling(
                np.append(scaling.mean, np.float32(0)), np.append(scaling.spread, np.float32(1))
            ),
        )

    def _with_channels(
        self, windows: Windows, evidence: Evidence, visible: Bools, seed: int
    ) -> Windows:
        """Windows with a layer more for each detector: its score of every cell's own values.

        Only detectors that read a cell's own values serve (the configuration sees to it): what one
        says of a visible cell then owes nothing to a hidden one.
        """
        alone = replace(windows, size=1, scaling=fit_scaling(windows.stack, visible))
        rows = _unlabelled(visible, seed)
        cells = np.argwhere(evidence.valid)
        layers = []
        for build in self.channels.values():
            model = build().fit(alone.moved(rows.at), rows.y, rows.group, seed=seed)
            layer = np.full(evidence.grid.shape, np.nan, dtype=np.float32)
            layer[tuple(cells.T)] = model.predict(replace(alone.moved(cells), hidden=None))
            layers.append(layer)
        return replace(
            windows,
            stack=np.concatenate([windows.stack, np.stack(layers)]),
            names=(*windows.names, *self.channels),
            kinds=(*windows.kinds, *("detector" for _ in layers)),
        )

    def _screened(self, evidence: Evidence, windows: Windows, rows: Sampling, seed: int) -> Ints:
        """Numbers of the layers kept; only elements are screened, on one row of each origin.

        Slid copies are no new observations: counted, they would inflate every significance.
        """
        everything = np.arange(len(windows.names))
        if self.screening.method == "none":
            return everything
        elements = np.array([evidence.kind(n) == "element" for n in windows.names])
        names = [n for n, e in zip(windows.names, elements, strict=True) if e]
        _, first = np.unique(rows.origin, return_index=True)
        result = screen(
            self.screening.method,
            windows.take(first).centre()[:, elements],
            rows.y[first],
            names,
            threshold=self.screening.threshold,
            keep=self.screening.keep,
            seed=seed,
        )
        kept = ~elements
        kept[elements] = result.kept
        if not result.kept.any():
            raise SamplingError(
                f"screening by {self.screening.method} keeps no element in a fold",
                where="screening.threshold",
                remedy="lower the threshold, or name elements in screening.keep",
            )
        return np.flatnonzero(kept)


@dataclass(frozen=True)
class Fitted:
    """A fitted recipe: the model, the windows' scaling and layers, and what it learned from.

    ``rows`` are ungrown; ``learned`` counts those of ore and of barren ground, grown ones among
    them, and is None where a saved recipe was read back.
    """

    model: Model
    windows: Windows
    rows: Sampling
    words: str
    learned: tuple[int, int] | None = None

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


def _within(seen: Bools, margin: int) -> Bools:
    """Of the cells ``seen`` those with a margin of cells to all others, and to the edge."""
    others = np.pad(~seen, margin, constant_values=True)
    near = windows_touching(others, 2 * margin + 1)
    return ~near[margin : margin + seen.shape[0], margin : margin + seen.shape[1]]


def _unlabelled(seen: Bools, seed: int) -> Sampling:
    """Cells among those ``seen``, at random and without labels."""
    cells = np.argwhere(seen)
    if not len(cells):
        raise SamplingError("no cell is left to learn from")
    rng = np.random.default_rng([seed, 4])
    drawn = rng.choice(len(cells), size=min(len(cells), _UNLABELLED), replace=False)
    return Sampling.of(cells[np.sort(drawn)], np.nan)


def _unit_range(layer: NDArray[np.float32], visible: Bools) -> NDArray[np.float32]:
    """A layer in [0, 1]: as it is, or stretched from its lowest to its highest visible value."""
    seen = layer[visible]
    low, high = float(np.nanmin(seen)), float(np.nanmax(seen))
    if low >= 0 and high <= 1:
        return layer
    stretched: NDArray[np.float32] = np.clip((layer - low) / max(high - low, _TINY), 0, 1)
    return stretched


def _windows(evidence: Evidence, at: Ints, size: int, hidden: Bools | None) -> Windows:
    return Windows(
        evidence.stack,
        evidence.names,
        at,
        size,
        hidden=hidden,
        kinds=tuple(evidence.kind(n) for n in evidence.names),
        cell_size=min(evidence.grid.cell_size),
    )


def _selecting(windows: Windows, kept: Ints) -> Windows:
    if len(kept) == len(windows.names):
        return windows
    return replace(
        windows,
        stack=windows.stack[kept],
        names=tuple(windows.names[i] for i in kept),
        kinds=tuple(windows.kinds[i] for i in kept),
    )


def _among(at: Ints, others: Ints) -> Bools:
    """Whether each cell is one of the others, ``(n,)``."""
    known = {tuple(cell) for cell in others.tolist()}
    return np.array([tuple(cell) in known for cell in at.tolist()], dtype=bool)
