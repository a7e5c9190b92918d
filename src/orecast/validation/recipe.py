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
    fit_fault_control,
    fit_scaling,
    shifted_copies,
)
from orecast.sampling.augmentation import Growth, Step, grow
from orecast.sampling.places import mask_of
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
        rows, rule = self._rows(evidence, ore, hidden, seed)
        return self.fit_rows(evidence, rows, hidden=hidden, seed=seed, negatives_rule=rule)

    def check_fit(
        self, evidence: Evidence, ore: Sampling, *, hidden: Bools | None, seed: int
    ) -> tuple[Windows, Sampling, Growth | None]:
        """Raise the errors of ``fit`` without training; return its windows, rows and growth.

        Windows and rows are those before growth. In the growth, turned windows replace what a
        generator would make.
        """
        rows, _ = self._rows(evidence, ore, hidden, seed)
        windows, _ = self.windows(evidence, rows, hidden=hidden, seed=seed)
        growth = self._growth(windows, rows, seed, train=False)
        X, y, group = (windows, rows.y, rows.group) if growth is None else growth[:3]
        check: Callable[..., None] | None = getattr(self.model(), "check_fit", None)
        if check is not None:
            check(X, y, group, seed=seed)
        return windows, rows, growth

    def free(self, evidence: Evidence, hidden: Bools | None) -> Bools:
        """Cells with evidence whose windows touch no ``hidden`` cell, ``(rows, columns)``."""
        if hidden is None:
            return evidence.valid
        return evidence.valid & ~windows_touching(hidden, self.size)

    def _rows(
        self, evidence: Evidence, ore: Sampling, hidden: Bools | None, seed: int
    ) -> tuple[Sampling, str]:
        """Training rows whose windows touch no ``hidden`` cell, and how negatives were chosen.

        Raises SamplingError if no positive or no negative row is left.
        """
        free = self.free(evidence, hidden)
        if not self.labels:
            return _unlabelled(free, seed), "none: the model uses no labels"
        return self.labelled_rows(evidence, ore, free, seed)

    def labelled_rows(
        self, evidence: Evidence, ore: Sampling, free: Bools, seed: int
    ) -> tuple[Sampling, str]:
        """Slid copies of the deposits, and negatives; how negatives were chosen.

        Both lie among the cells ``free``.
        """
        copies = shifted_copies(ore, self.shift, size=self.size, shape=evidence.grid.shape)
        copies = copies.take(free[tuple(copies.at.T)])
        if not len(copies):
            raise SamplingError(
                "a fold has no training deposits left",
                where="deposits",
                remedy="set a smaller sampling.window or evidence.radius, or add deposits that "
                "lie farther apart",
            )
        negatives, rule = self._negatives(evidence, ore, copies, free, seed)
        return copies.joined(negatives), rule

    def _negatives(
        self, evidence: Evidence, ore: Sampling, copies: Sampling, free: Bools, seed: int
    ) -> tuple[Sampling, str]:
        """Negative rows, none at a cell of a deposit's copy.

        Chosen negatives lie so far from the edge of the cells ``free``, and from the deposits, that
        the plan can slide all rows in every direction and no cell gets both labels.
        """
        taken = mask_of(copies.at, free.shape)
        if self.barren is not None:
            known = Sampling.of(self.barren, 0.0)
            rows = shifted_copies(known, self.shift, size=self.size, shape=evidence.grid.shape)
            rows = rows.take((free & ~taken)[tuple(rows.at.T)])
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
        possible = _within(free, slide_by)
        possible &= ~windows_touching(taken, 2 * (ore_slide + slide_by) + 1)
        target = None if self.target is None else evidence.layer(self.target)
        faults = None
        if self.faults is not None:
            faults = evidence.layer(self.faults) / np.float32(min(evidence.grid.cell_size))
        at, rule = choose_negatives(
            self.negatives, n, ore.at, possible, target=target, faults=faults, seed=seed
        )
        return Sampling.of(at, 0.0), rule

    def fit_rows(
        self,
        evidence: Evidence,
        rows: Sampling,
        *,
        hidden: Bools | None,
        seed: int,
        negatives_rule: str = "",
    ) -> Fitted:
        """Screen, scale, grow the rows and train the model."""
        windows, guidance = self.windows(evidence, rows, hidden=hidden, seed=seed)
        growth = self._growth(windows, rows, seed)
        X, y, group = (windows, rows.y, rows.group) if growth is None else growth[:3]
        model = self.model().fit(X, y, group, seed=seed)
        return Fitted(model, windows, rows, negatives_rule, counted(y), guidance, growth)

    def _growth(
        self, windows: Windows, rows: Sampling, seed: int, *, train: bool = True
    ) -> Growth | None:
        """Windows grown by the plan, with their labels and groups; None without growth."""
        if not (self.plan and self.labels):
            return None
        return grow(windows, rows.y, rows.group, self.plan, seed=seed, train=train)

    def windows(
        self, evidence: Evidence, rows: Sampling, *, hidden: Bools | None, seed: int
    ) -> tuple[Windows, Guidance | None]:
        """Windows of the rows as the model reads them: layers screened, values scaled.

        Also the guidance of a ``guided`` model, whose weight is their last layer.
        """
        visible = evidence.valid if hidden is None else evidence.valid & ~hidden
        guidance = self._guidance(evidence, rows, visible) if self.guided else None
        windows = Windows(
            evidence.stack,
            evidence.names,
            rows.at,
            self.size,
            hidden=hidden,
            kinds=tuple(evidence.kind(n) for n in evidence.names),
            cell_size=min(evidence.grid.cell_size),
        )
        if self.layers is not None:
            windows = _selecting(windows, [windows.names.index(n) for n in self.layers])
        if self.screening.method != "none":
            windows = _selecting(windows, self._screened(windows, rows, seed))
        if self.channels:
            windows = self._with_channels(windows, evidence, visible, seed)
        if guidance is not None and self.weight is not None:
            others = [k for k, name in enumerate(windows.names) if name != self.weight]
            windows = _selecting(windows, others)
        windows = replace(windows, scaling=fit_scaling(windows.stack, visible))
        if guidance is not None:
            windows = guidance.joined(windows, evidence.layer(guidance.layer))
        return windows, guidance

    def _guidance(self, evidence: Evidence, rows: Sampling, visible: Bools) -> Guidance:
        """Fit the weight of geological knowledge."""
        if self.weight is not None:
            return Guidance.by_range(self.weight, evidence.layer(self.weight), visible)
        assert self.faults is not None
        ore = rows.take(rows.y == 1)
        _, places = np.unique(ore.origin, return_index=True)  # a slid copy is no new deposit
        cell = min(evidence.grid.cell_size)
        distance = evidence.layer(self.faults)
        control = fit_fault_control(distance, visible, ore.at[places], cell)
        return Guidance(self.faults, control)

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
            model = build().fit(alone.at_cells(rows.at), rows.y, rows.group, seed=seed)
            layer = np.full(evidence.grid.shape, np.nan, dtype=np.float32)
            layer[tuple(cells.T)] = model.predict(replace(alone.at_cells(cells), hidden=None))
            layers.append(layer)
        return replace(
            windows,
            stack=np.concatenate([windows.stack, np.stack(layers)]),
            names=(*windows.names, *self.channels),
            kinds=(*windows.kinds, *("detector" for _ in layers)),
        )

    def _screened(self, windows: Windows, rows: Sampling, seed: int) -> list[int]:
        """Numbers of the layers to keep; only elements are screened, on one row of each origin.

        Slid copies are not new observations. Counting them would make every test too significant.
        """
        elements = [k for k, kind in enumerate(windows.kinds) if kind == "element"]
        _, first = np.unique(rows.origin, return_index=True)
        result = screen(
            self.screening.method,
            windows.take(first).centre()[:, elements],
            rows.y[first],
            [windows.names[k] for k in elements],
            threshold=self.screening.threshold,
            keep=self.screening.keep,
            seed=seed,
        )
        if not result.kept.any():
            raise SamplingError(
                f"screening by `{self.screening.method}` keeps no element in a fold",
                where="screening.threshold",
                remedy="set a lower threshold, or list elements in screening.keep",
            )
        left_out = {k for k, kept in zip(elements, result.kept, strict=True) if not kept}
        return [k for k in range(len(windows.names)) if k not in left_out]


def _within(free: Bools, margin: int) -> Bools:
    """Cells ``free`` that lie at least ``margin`` cells from all others and from the edge."""
    others = np.pad(~free, margin, constant_values=True)
    near = windows_touching(others, 2 * margin + 1)
    return ~near[margin : margin + free.shape[0], margin : margin + free.shape[1]]


def _unlabelled(free: Bools, seed: int) -> Sampling:
    """Random cells among those ``free``, without labels."""
    cells = np.argwhere(free)
    if not len(cells):
        raise SamplingError(
            "a fold has no training cells left",
            where="sampling.window",
            remedy="set a smaller window, or more validation.folds",
        )
    rng = np.random.default_rng([seed, 4])
    drawn = rng.choice(len(cells), size=min(len(cells), _UNLABELLED), replace=False)
    return Sampling.of(cells[np.sort(drawn)], np.nan)


def _selecting(windows: Windows, layers: list[int]) -> Windows:
    if len(layers) == len(windows.names):
        return windows
    return replace(
        windows,
        stack=windows.stack[layers],
        names=tuple(windows.names[k] for k in layers),
        kinds=tuple(windows.kinds[k] for k in layers),
    )
