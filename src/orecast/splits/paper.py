"""The papers' own ways to cut, which leak: tested windows overlap those that are learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from affine import Affine
from pyproj import CRS
from scipy.spatial import cKDTree

from orecast.arrays import Bools, Ints
from orecast.errors import ConfigError, SamplingError, nearest
from orecast.grid import Grid
from orecast.sampling.places import tile_sampling
from orecast.sampling.windows import Fold, MapGeometry, Sampling
from orecast.splits.cutting import check_number

REGISTERED = {"paper": "Paper"}


@dataclass(frozen=True)
class Definition:
    """How one paper cut, and what the scores it reports are under their standard names.

    ``cut`` is "folds" (random folds), "share" (one random split that tests ``share`` of the rows)
    or "tiles" (numbered tiles are tested). With ``whole`` a place's copies stay together.

    ``grow`` says when windows are grown by a plan: "first" (all of them, before the cut), "each
    part" (after it, each part from its own rows, the tested one too), "training" (after it, only
    what is learned from) or "none" (the rows are what they are). ``threshold`` says what is called
    ore: "own" (by the model's own labels, else from a score of 0.5) or "f1" (from the score that
    gives the best F1 on the rows that were learned from).
    """

    words: str
    cut: Literal["folds", "share", "tiles"]
    share: float = 0.2
    folds: int | None = None  # those asked for, if None
    whole: bool = False
    grow: Literal["first", "each part", "training", "none"] = "first"
    threshold: Literal["own", "f1"] = "own"
    scores: Mapping[str, str] = field(default_factory=dict)


_ONE_SPLIT = "one random split of windows grown before it"

DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "grown-split": Definition("random folds of windows grown before the split", "folds"),
        "gk-dcn": Definition(
            f"{_ONE_SPLIT}, as in GK-DCN (2026), 136 to learn from and 32 to verify",
            "share",
            share=32 / 168,
            threshold="f1",
            scores={
                "Accuracy": "accuracy",
                "AUC": "auc",
                "Kappa": "kappa",
                "MCC": "mcc",
                "Precision": "precision",
                "Recall": "recall",
                "F1": "f1",
            },
        ),
        "ssgsnet": Definition(
            f"{_ONE_SPLIT}, 80 to 20, as in SSGSNet (2026)", "share", scores={"AUC": "auc"}
        ),
        "mfaf": Definition(
            "one random split of places, 80 to 20, each part grown after it, the tested one too, "
            "as in MFAF (2023): copies of one place stay together, but windows of both parts "
            "overlap",
            "share",
            whole=True,
            grow="each part",
            scores={
                "Accuracy": "accuracy",
                "AUC": "auc",
                "Recall": "recall",
                "F1": "macro_f1",  # above what F1 of ore can be at the recalls it reports
            },
        ),
        "resgcn": Definition(
            "ten random folds of samples grown before the split, as in ResGCN (2024)",
            "folds",
            folds=10,
            scores={
                "Accuracy": "accuracy",
                "Sensitivity": "recall",
                "Specificity": "specificity",
                "F1": "f1",
            },
        ),
        "resnet50": Definition(
            "windows slid over all known deposits are learned from and numbered tiles of the same "
            "map are tested, as in Gao et al. (2022)",
            "tiles",
            grow="training",
            scores={
                "Accuracy": "accuracy",
                "AUC": "balanced_accuracy",  # 0.7454 and 0.7653 fit the hard labels of its 144
                "Recall": "recall",  # tiles in these definitions and in no other
                "F1": "macro_f1",
            },
        ),
    }
)

_TILES = (12, 12)  # Gao et al. (2022): 144 tiles, 29 of them ore


@dataclass
class Paper:
    """The papers' ways to cut, in which what is tested overlaps what is learned.

    ``definition`` names the paper: "gk-dcn" (Geosci. Model Dev. 19, 2219, 2026), "ssgsnet" (Earth
    Science 51(3), 2026), "mfaf" (Sustainability, 2023), "resgcn" (2024), "resnet50" (Gao et al.
    2022, Appl. Sci. 12, 11433), or "grown-split", what they have in common: windows are grown
    first, then split into ``n_folds`` at random. ``tiles`` (down, across) goes with "resnet50".

    Its figures answer how well a model recognises what it has all but seen, and nothing about
    ground where no deposit is known. They are there to stand beside a paper's table, never without
    ``spatial`` beside them. ``scores`` tells, by the paper's own name of a figure, which standard
    score it is.
    """

    ground: MapGeometry
    n_folds: int = 5
    seed: int = 0
    definition: str = "grown-split"
    tiles: Sequence[int] | None = None
    words: str = field(default="", init=False)
    grow_first = True

    def __post_init__(self) -> None:
        """Raise ConfigError for an unknown definition or impossible tiles."""
        _require_known(self.definition)
        if self.tiles is None:
            return
        if self.defined.cut != "tiles" or len(self.tiles) != 2:
            raise ConfigError(
                f"tiles {list(self.tiles)!r} with definition {self.definition!r}",
                where="validation.options.tiles",
                remedy='give two numbers, down and across, with definition = "resnet50"',
            )
        for count in self.tiles:
            check_number(count, "tiles", low=1, whole=True)

    @property
    def defined(self) -> Definition:
        """How the paper cut, grew and called."""
        return DEFINITIONS[self.definition]

    @property
    def scores(self) -> Mapping[str, str]:
        """Standard score ("auc", or a name of ``Confusion.scores``) behind each reported name."""
        return self.defined.scores

    def rows(self, grown: Sampling) -> Sampling:
        """Rows that are split: the grown ones, and behind them the tiles where tiles are tested.

        A tile is ore where it holds a place of ore; those whose middle has no value are left out.
        """
        if self.defined.cut != "tiles":
            return grown
        ore = np.flatnonzero(grown.y == 1)
        _, first = np.unique(grown.origin[ore], return_index=True)  # a place before its copies
        return grown.joined(self._tiled(grown.at[ore[first]]))

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """Split the rows that ``rows`` gave as the paper did; nothing is hidden.

        Raises SamplingError where a label has too few rows to stand on both sides.
        """
        defined = self.defined
        tested = self._tiles_tested(sampling) if defined.cut == "tiles" else self._drawn(sampling)
        nothing = np.zeros(self.ground.shape, dtype=bool)
        folds = [Fold(np.flatnonzero(~t), np.flatnonzero(t), nothing, nothing) for t in tested]
        shared = np.concatenate([self._overlaps(sampling, f) for f in folds])
        made = np.concatenate([sampling.origin[f.test] < 0 for f in folds])
        asked = f"{len(folds)} " if defined.cut == "folds" and defined.folds is None else ""
        self.words = (
            f"{asked}{defined.words}; {100 * shared.mean():.0f} % of the tested windows share "
            "cells with one that was learned from"
        )
        if made.any():
            self.words += (
                f", and a generator that learned from both sides made {100 * made.mean():.0f} %"
            )
        return folds

    def _drawn(self, sampling: Sampling) -> list[Bools]:
        """Rows that each fold tests, drawn at random from each label apart."""
        defined = self.defined
        n = 2 if defined.cut == "share" else defined.folds or self.n_folds
        unit = sampling.origin if defined.whole else np.arange(len(sampling))
        rng = np.random.default_rng([self.seed, 3])
        part = np.empty(len(sampling), dtype=np.int64)
        for label in (0.0, 1.0):
            rows = np.flatnonzero(sampling.y == label)
            units, mine = np.unique(unit[rows], return_inverse=True)
            if len(units) < n:
                what = "places" if defined.whole else "windows"
                raise SamplingError(
                    f"{len(units)} {what} of label {label:g} cannot be split into {n}",
                    where="validation.protocol",
                    remedy="ask for fewer folds, or another definition",
                )
            number = np.arange(len(units)) % n
            if defined.cut == "share":  # part 0 is tested
                some = round(defined.share * len(units))
                number = (np.arange(len(units)) >= max(1, some)).astype(np.int64)
            part[rows] = rng.permutation(number)[mine]
        return [part == k for k in range(n if defined.cut == "folds" else 1)]

    def _tiled(self, ore: Ints) -> Sampling:
        """Tiles whose middle has a value, in order of their number; ``ore`` cells ``(n, 2)``."""
        cell = self.ground.cell_size
        # tiles are numbered by row and column alone, whatever the CRS
        grid = Grid(CRS.from_epsg(3857), Affine(cell, 0, 0, 0, -cell, 0), self.ground.shape)
        numbers = grid.numbered_tiles(*(self.tiles or _TILES), where="validation.options.tiles")
        tiles = tile_sampling(numbers, ore)
        return tiles.take(self.ground.valid[tiles.at[:, 0], tiles.at[:, 1]])

    def _tiles_tested(self, sampling: Sampling) -> list[Bools]:
        """Which rows are tiles: the last ones, as ``rows`` joins them."""
        middles = self._tiled(np.empty((0, 2), dtype=np.int64)).at
        tested = np.arange(len(sampling)) >= len(sampling) - len(middles)
        if not len(middles) or not np.array_equal(sampling.at[tested], middles):
            raise SamplingError(
                "no tile with a value in every layer stands among the rows to test",
                where="validation.options.tiles",
                remedy="ask for more tiles, or check the evidence's nodata",
            )
        return [tested]

    def _overlaps(self, sampling: Sampling, fold: Fold) -> Bools:
        """Whether each tested window shares a cell with one that is learned from, its trim counted.

        What a generator made lies nowhere, and shares none.
        """
        lies = sampling.origin >= 0
        learned = cKDTree(sampling.at[fold.train[lies[fold.train]]])
        distance, _ = learned.query(sampling.at[fold.test], p=np.inf)
        return np.asarray((distance < self.ground.size + self.ground.trim) & lies[fold.test])


@dataclass
class GivenSplit:
    """The authors' own windows, cut as they cut them: rows to learn from and rows to test.

    ``definition`` names the paper, as in ``Paper``. The rows are what they are: nothing is grown.
    """

    train: Ints
    test: Ints
    ground: MapGeometry
    definition: str
    words: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Raise ConfigError for an unknown definition."""
        _require_known(self.definition)

    @property
    def defined(self) -> Definition:
        """How the paper called; ``grow`` is "none"."""
        return replace(DEFINITIONS[self.definition], grow="none")

    @property
    def scores(self) -> Mapping[str, str]:
        """As ``Paper.scores``."""
        return self.defined.scores

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """Return the one split; nothing is hidden.

        Raises SamplingError where the rows are not those of the sampling, each on one side.
        """
        both = np.sort(np.concatenate([self.train, self.test]))
        if not np.array_equal(both, np.arange(len(sampling))):
            raise SamplingError(
                f"{len(self.train)} rows to learn from and {len(self.test)} to test are not the "
                f"{len(sampling)} windows, each once",
                where="windows",
                remedy="name each window's row on one side",
            )
        self.words = (
            f"the authors' own windows, {len(self.train)} to learn from and {len(self.test)} to "
            "test"
        )
        nothing = np.zeros(self.ground.shape, dtype=bool)
        return [Fold(self.train, self.test, nothing, nothing)]


def _require_known(definition: object) -> None:
    if definition not in DEFINITIONS:
        raise ConfigError(
            f"unknown definition {definition!r}",
            where="validation.options.definition",
            remedy=nearest(str(definition), DEFINITIONS),
        )
