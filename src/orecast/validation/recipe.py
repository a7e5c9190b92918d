"""A recipe: everything that is fitted between evidence and scores; each fold refits all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from orecast.arrays import Bools, Ints
from orecast.composition import screen
from orecast.config import ScreeningOptions
from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.sampling import (
    Model,
    NegativeRule,
    Sampling,
    Windows,
    choose_negatives,
    fit_scaling,
    slide,
)
from orecast.sampling.augmentation import Growth, Step, check_growth, grow
from orecast.validation.fitted import Fitted, Guidance, counted

_UNLABELLED = 20_000  # cells from which a model without labels learns


@dataclass(frozen=True)
class Recipe:
    """What is fitted, in order: slid copies, negatives, screening, scaling, growth, model.

    ``target`` is the layer by which k-means chooses negatives, ``faults`` the layer of distance to
    faults. ``barren`` ``(m, 2)`` are cells known to be barren; if given, they replace chosen
    negatives. ``layers``, if given, are the only layers the model reads; negatives are chosen with
    all. ``plan`` grows the training windows, after scaling. ``channels`` are detectors without
    labels: they are fitted to the visible cells, and their scores become layers. Without
    ``labels``, the model learns from random visible cells and gets no deposit. A ``guided`` model
    gets a weight of geological knowledge as its last layer: the layer ``weight``, or the influence
    of faults, fitted to the training deposits.
    """

    model: Callable[[], Model]
    size: int
    shift: int = 1
    ratio: float = 1.0
    negatives: NegativeRule = field(default_factory=NegativeRule)
    screening: ScreeningOptions = field(default_factory=ScreeningOptions)
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
        """Fit to the training deposits ``ore``; nothing is read from ``hidden`` cells."""
        visible = evidence.valid if hidden is None else evidence.valid & ~hidden
        rows, words = self.rows(evidence, ore, hidden=hidden, seed=seed)
        return self.fit_rows(evidence, rows, visible=visible, hidden=hidden, seed=seed, words=words)

    def check_fit(
        self, evidence: Evidence, ore: Sampling, *, hidden: Bools | None, seed: int
    ) -> tuple[Windows, Sampling, Growth | None]:
        """Raise the errors of ``fit`` without training; return its windows, rows and growth.

        Windows and rows are those before growth. In the growth, copies replace what a generator
        would make.
        """
        visible = evidence.valid if hidden is None else evidence.valid & ~hidden
        rows, _ = self.rows(evidence, ore, hidden=hidden, seed=seed)
        windows = self.windows(evidence, rows, visible=visible, hidden=hidden, seed=seed)
        growth = self._growth(windows, rows, check_growth, seed)
        X, y, group = (windows, rows.y, rows.group) if growth is None else growth[:3]
        check: Callable[..., None] | None = getattr(self.model(), "check_fit", None)
        if check is not None:
            check(X, y, group, seed=seed)
        return windows, rows, growth

    def rows(
        self, evidence: Evidence, ore: Sampling, *, hidden: Bools | None, seed: int
    ) -> tuple[Sampling, str]:
        """Training rows whose windows touch no ``hidden`` cell, and how negatives were chosen.

        Raises SamplingError if no positive or no negative row is left.
        """
        seen = evidence.valid
        if hidden is not None:
            seen = seen & ~hidden & ~windows_touching(hidden, self.size)
        if not self.labels:
            return _unlabelled(seen, seed), "none: the model uses no labels"
        return self.labelled_rows(evidence, ore, seen, seed)

    def labelled_rows(
        self, evidence: Evidence, ore: Sampling, seen: Bools, seed: int
    ) -> tuple[Sampling, str]:
        """Slid copies of the deposits, and negatives; how negatives were chosen.

        Both lie among the cells ``seen``.
        """
        copies = slide(ore, self.shift, size=self.size, shape=evidence.grid.shape)
        copies = copies.take(seen[copies.at[:, 0], copies.at[:, 1]])
        if not len(copies):
            raise SamplingError(
                "a fold has no training deposits left",
                where="deposits",
                remedy="set a smaller sampling.window or evidence.radius, or add deposits that "
                "lie farther apart",
            )
        negatives, words = self._negatives(evidence, ore, copies, seen, seed)
        return copies.joined(negatives), words

    def _negatives(
        self, evidence: Evidence, ore: Sampling, copies: Sampling, seen: Bools, seed: int
    ) -> tuple[Sampling, str]:
        """Negative rows, none at a cell of a deposit's copy.

        Chosen negatives lie so far from the edge of the cells ``seen``, and from the deposits, that
        the plan can slide all rows in every direction and no cell gets both labels.
        """
        if self.barren is not None:
            known = Sampling.of(self.barren, 0.0)
            rows = slide(known, self.shift, size=self.size, shape=evidence.grid.shape)
            rows = rows.take(seen[rows.at[:, 0], rows.at[:, 1]] & ~_among(rows.at, copies.at))
            if not len(rows):
                raise SamplingError(
                    "a fold has no known barren places left",
                    where="[barren]",
                    remedy="give places in all parts of the map, or delete [barren]: then "
                    "negatives are chosen",
                )
            return rows, "places known to be barren"
        n = max(1, round(self.ratio * len(copies)))
        ore_slide, slide_by = (
            sum(step.slide_distance(label) for step in self.plan) for label in (1.0, 0.0)
        )
        taken = np.zeros_like(seen)
        taken[copies.at[:, 0], copies.at[:, 1]] = True
        free = _within(seen, slide_by) & ~windows_touching(taken, 2 * (ore_slide + slide_by) + 1)
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
        """Screen, scale, grow the rows and train the model."""
        guidance = self._guidance(evidence, rows, visible) if self.guided else None
        windows = self._read(evidence, rows, guidance, visible=visible, hidden=hidden, seed=seed)
        growth = self._growth(windows, rows, grow, seed)
        X, y, group = (windows, rows.y, rows.group) if growth is None else growth[:3]
        model = self.model().fit(X, y, group, seed=seed)
        return Fitted(model, windows, rows, words, counted(y), guidance, growth)

    def _growth(
        self, windows: Windows, rows: Sampling, by: Callable[..., Growth], seed: int
    ) -> Growth | None:
        """Windows grown by the plan, with their labels and groups; None without growth."""
        if not (self.plan and self.labels):
            return None
        return by(windows, rows.y, rows.group, self.plan, seed=seed)

    def windows(
        self, evidence: Evidence, rows: Sampling, *, visible: Bools, hidden: Bools | None, seed: int
    ) -> Windows:
        """Windows of the rows as the model reads them: layers screened, values scaled."""
        guidance = self._guidance(evidence, rows, visible) if self.guided else None
        return self._read(evidence, rows, guidance, visible=visible, hidden=hidden, seed=seed)

    def _read(
        self,
        evidence: Evidence,
        rows: Sampling,
        guidance: Guidance | None,
        *,
        visible: Bools,
        hidden: Bools | None,
        seed: int,
    ) -> Windows:
        """Windows as ``windows`` returns them, by a guidance that is fitted already."""
        windows = _windows(evidence, rows.at, self.size, hidden)
        if self.layers is not None:
            windows = _selecting(windows, np.array([windows.names.index(n) for n in self.layers]))
        windows = _selecting(windows, self._screened(evidence, windows, rows, seed))
        if self.channels:
            windows = self._with_channels(windows, evidence, visible, seed)
        if guidance is not None and self.weight is not None:
            others = [k for k, name in enumerate(windows.names) if name != self.weight]
            windows = _selecting(windows, np.array(others, dtype=np.int64))
        windows = replace(windows, scaling=fit_scaling(windows.stack, visible))
        if guidance is None:
            return windows
        return guidance.joined(windows, evidence.layer(guidance.layer))

    def _guidance(self, evidence: Evidence, rows: Sampling, visible: Bools) -> Guidance:
        """Fit the weight of geological knowledge."""
        if self.weight is not None:
            return Guidance.by_range(self.weight, evidence.layer(self.weight), visible)
        assert self.faults is not None
        ore = rows.take(rows.y == 1)
        _, places = np.unique(ore.origin, return_index=True)  # a slid copy is no new deposit
        cell = min(evidence.grid.cell_size)
        distance = evidence.layer(self.faults)
        return Guidance.by_faults(self.faults, distance, visible, ore.at[places], cell)

    def _with_channels(
        self, windows: Windows, evidence: Evidence, visible: Bools, seed: int
    ) -> Windows:
        """Windows with one more layer for each detector: its score of each cell.

        The configuration allows only detectors that read a cell's own values. So the score of a
        visible cell does not depend on a hidden one.
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
        """Numbers of the layers to keep; only elements are screened, on one row of each origin.

        Slid copies are not new observations. Counting them would make every test too significant.
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
                f"screening by `{self.screening.method}` keeps no element in a fold",
                where="screening.threshold",
                remedy="set a lower threshold, or list elements in screening.keep",
            )
        return np.flatnonzero(kept)


def _within(seen: Bools, margin: int) -> Bools:
    """Cells ``seen`` that lie at least ``margin`` cells from all others and from the edge."""
    others = np.pad(~seen, margin, constant_values=True)
    near = windows_touching(others, 2 * margin + 1)
    return ~near[margin : margin + seen.shape[0], margin : margin + seen.shape[1]]


def _unlabelled(seen: Bools, seed: int) -> Sampling:
    """Random cells among those ``seen``, without labels."""
    cells = np.argwhere(seen)
    if not len(cells):
        raise SamplingError(
            "a fold has no training cells left",
            where="sampling.window",
            remedy="set a smaller window, or more validation.folds",
        )
    rng = np.random.default_rng([seed, 4])
    drawn = rng.choice(len(cells), size=min(len(cells), _UNLABELLED), replace=False)
    return Sampling.of(cells[np.sort(drawn)], np.nan)


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
