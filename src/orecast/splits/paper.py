"""The papers' own splits, which leak: tested windows overlap training windows."""

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
from orecast.splits.cutting import BaseProtocol, check_number

REGISTERED = {"paper": "Paper"}


@dataclass(frozen=True)
class Definition:
    """How one paper split its data, and the standard names of the scores it reports.

    ``cut`` is "folds" (random folds), "share" (one random split that tests ``share`` of the rows)
    or "tiles" (numbered tiles are tested). With ``whole`` a place's copies stay together.

    ``grow`` is when windows are augmented by a plan: "first" (all of them, before the split), "each
    part" (after it, each part from its own rows, the tested one too), "training" (after it, only
    the training rows) or "none" (no rows are added). ``threshold`` is what is predicted positive:
    "own" (by the model's own labels, else from a score of 0.5) or "f1" (from the score that gives
    the best F1 on the training rows).
    """

    words: str
    cut: Literal["folds", "share", "tiles"]
    share: float = 0.2
    folds: int | None = None  # None: as many as asked for
    whole: bool = False
    grow: Literal["first", "each part", "training", "none"] = "first"
    threshold: Literal["own", "f1"] = "own"
    scores: Mapping[str, str] = field(default_factory=dict)


def _scores(*names: str) -> dict[str, str]:
    """Scores whose standard name is the paper's in small letters."""
    return {name: name.lower() for name in names}


_ONE_SPLIT = "one random split of windows augmented before it"

DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "grown-split": Definition("random folds of windows augmented before the split", "folds"),
        "gk-dcn": Definition(
            f"{_ONE_SPLIT}, as in GK-DCN (2026), 136 for training and 32 for testing",
            "share",
            share=32 / 168,
            threshold="f1",
            scores=_scores("Accuracy", "AUC", "Kappa", "MCC", "Precision", "Recall", "F1"),
        ),
        "ssgsnet": Definition(
            f"{_ONE_SPLIT}, 80 to 20, as in SSGSNet (2026)", "share", scores={"AUC": "auc"}
        ),
        "mfaf": Definition(
            "one random split of places, 80 to 20, each part augmented after it, the tested one "
            "too, as in MFAF (2023): copies of one place stay together, but windows of both parts "
            "overlap",
            "share",
            whole=True,
            grow="each part",
            # the F1 of ore cannot be so high at the reported recalls
            scores=_scores("Accuracy", "AUC", "Recall") | {"F1": "macro_f1"},
        ),
        "resgcn": Definition(
            "ten random folds of samples augmented before the split, as in ResGCN (2024)",
            "folds",
            folds=10,
            scores={"Accuracy": "accuracy", "Sensitivity": "recall"} | _scores("Specificity", "F1"),
        ),
        "resnet50": Definition(
            "training on windows slid over all known deposits, testing on numbered tiles of the "
            "same map, as in Gao et al. (2022)",
            "tiles",
            grow="training",
            # only with these two definitions do the hard labels of its 144 tiles give the published
            # AUC 0.7454 and F1 0.7653
            scores=_scores("Accuracy", "AUC", "Recall")
            | {"AUC": "balanced_accuracy", "F1": "macro_f1"},
        ),
    }
)

_TILES = (12, 12)  # Gao et al. (2022): 144 tiles, 29 of them ore


@dataclass
class Paper(BaseProtocol):
    """The papers' splits, in which test windows overlap training windows.

    ``definition`` names the paper: "gk-dcn" (Geosci. Model Dev. 19, 2219, 2026), "ssgsnet" (Earth
    Science 51(3), 2026), "mfaf" (Sustainability, 2023), "resgcn" (2024), "resnet50" (Gao et al.
    2022, Appl. Sci. 12, 11433), or "grown-split", what they have in common: windows are augmented
    first, then split into ``n_folds`` at random. ``tiles`` (down, across) goes with "resnet50".

    Question answered: how well does a model recognise windows that it has almost seen in training?
    The scores show nothing about areas where no deposit is known. They are for comparison with a
    paper's table, and always shown with those of ``spatial``. ``scores`` gives the standard score
    behind each name in the paper.
    """

    definition: str = "grown-split"
    tiles: Sequence[int] | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for an unknown definition or impossible tiles."""
        _require_known(self.definition)
        if self.tiles is None:
            return
        if self.defined.cut != "tiles" or len(self.tiles) != 2:
            raise ConfigError(
                'tiles needs definition = "resnet50" and two numbers, down and across; it is '
                f'{list(self.tiles)!r} with definition = "{self.definition}"',
                where="validation.options.tiles",
                remedy='set both, with definition = "resnet50"; or leave tiles out',
            )
        for count in self.tiles:
            check_number(count, "tiles", low=1, whole=True)

    @property
    def defined(self) -> Definition:
        """How the paper split, augmented and thresholded."""
        return DEFINITIONS[self.definition]

    @property
    def scores(self) -> Mapping[str, str]:
        """Standard score ("auc", or a name of ``Confusion.scores``) behind each reported name."""
        return self.defined.scores

    def rows(self, augmented: Sampling) -> Sampling:
        """Rows that are split: the augmented ones, then the tiles if tiles are tested.

        A tile is ore where it holds a deposit cell; tiles without a value in the middle are left
        out.
        """
        if self.defined.cut != "tiles":
            return augmented
        ore = np.flatnonzero(augmented.y == 1)
        _, first = np.unique(augmented.origin[ore], return_index=True)  # a place before its copies
        return augmented.joined(self._tiled(augmented.at[ore[first]]))

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """Split the rows from ``rows`` as the paper did; nothing is hidden.

        Raises SamplingError where a label has too few rows for both training and test.
        """
        defined = self.defined
        tested = self._tiles_tested(sampling) if defined.cut == "tiles" else self._drawn(sampling)
        nothing = np.zeros(self.geometry.shape, dtype=bool)
        folds = [Fold(np.flatnonzero(~t), np.flatnonzero(t), nothing, nothing) for t in tested]
        shared = np.concatenate([self._overlaps(sampling, f) for f in folds])
        made = np.concatenate([sampling.origin[f.test] < 0 for f in folds])
        asked = f"{len(folds)} " if defined.cut == "folds" and defined.folds is None else ""
        self.words = (
            f"{asked}{defined.words}; {100 * shared.mean():.0f} % of the tested windows share "
            "cells with a training window"
        )
        if made.any():
            self.words += (
                f", and {100 * made.mean():.0f} % were made by a generator fitted to training and "
                "test rows"
            )
        return folds

    def _drawn(self, sampling: Sampling) -> list[Bools]:
        """Rows that each fold tests, drawn at random within each label."""
        defined = self.defined
        n = 2 if defined.cut == "share" else defined.folds or self.n_folds
        unit = sampling.origin if defined.whole else np.arange(len(sampling))
        rng = np.random.default_rng([self.seed, 3])
        part = np.empty(len(sampling), dtype=np.int64)
        for label in (0.0, 1.0):
            rows = np.flatnonzero(sampling.y == label)
            units, unit_of_row = np.unique(unit[rows], return_inverse=True)
            if len(units) < n:
                what = "places" if defined.whole else "windows"
                raise SamplingError(
                    f"{len(units)} {what} of label {label:g} cannot be split into {n}",
                    where="validation.protocol",
                    remedy="set fewer validation.folds, or another definition",
                )
            number = np.arange(len(units)) % n
            if defined.cut == "share":  # part 0 is tested
                n_test = max(1, round(defined.share * len(units)))
                number = (np.arange(len(units)) >= n_test).astype(np.int64)
            part[rows] = rng.permutation(number)[unit_of_row]
        return [part == k for k in range(n if defined.cut == "folds" else 1)]

    def _tiled(self, ore: Ints) -> Sampling:
        """Tiles whose middle has a value, in order of their number; ``ore`` cells ``(n, 2)``."""
        cell = self.geometry.cell_size
        # tiles are numbered by row and column alone, whatever the CRS
        grid = Grid(CRS.from_epsg(3857), Affine(cell, 0, 0, 0, -cell, 0), self.geometry.shape)
        numbers = grid.numbered_tiles(*(self.tiles or _TILES), where="validation.options.tiles")
        tiles = tile_sampling(numbers, ore)
        return tiles.take(self.geometry.valid[tiles.at[:, 0], tiles.at[:, 1]])

    def _tiles_tested(self, sampling: Sampling) -> list[Bools]:
        """Which rows are tiles: the last ones, as ``rows`` joins them."""
        middles = self._tiled(np.empty((0, 2), dtype=np.int64)).at
        tested = np.arange(len(sampling)) >= len(sampling) - len(middles)
        if not len(middles) or not np.array_equal(sampling.at[tested], middles):
            raise SamplingError(
                "no tile has a value in every layer, so there are no rows to test",
                where="validation.options.tiles",
                remedy="set more tiles, or check the evidence's nodata",
            )
        return [tested]

    def _overlaps(self, sampling: Sampling, fold: Fold) -> Bools:
        """Whether each tested window, with its trim, shares a cell with a training window.

        Generated rows have no position and share no cell.
        """
        placed = sampling.origin >= 0
        training = cKDTree(sampling.at[fold.train[placed[fold.train]]])
        distance, _ = training.query(sampling.at[fold.test], p=np.inf)
        return np.asarray((distance < self.geometry.size + self.geometry.trim) & placed[fold.test])


@dataclass
class GivenSplit:
    """The authors' own windows in their own split: training rows and test rows.

    ``definition`` names the paper, as in ``Paper``. No rows are added.
    """

    train: Ints
    test: Ints
    geometry: MapGeometry
    definition: str
    words: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Raise ConfigError for an unknown definition."""
        _require_known(self.definition)

    @property
    def defined(self) -> Definition:
        """How the paper thresholded; ``grow`` is "none"."""
        return replace(DEFINITIONS[self.definition], grow="none")

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """Return the one split; nothing is hidden.

        Raises SamplingError unless each row of the sampling is in exactly one part.
        """
        both = np.sort(np.concatenate([self.train, self.test]))
        if not np.array_equal(both, np.arange(len(sampling))):
            raise SamplingError(
                f"{len(self.train)} training rows and {len(self.test)} test rows do not contain "
                f"each of {len(sampling)} windows exactly once",
                where="windows",
                remedy="put each window's row in either training or test",
            )
        self.words = (
            f"the authors' own windows, {len(self.train)} for training and {len(self.test)} for "
            "testing"
        )
        nothing = np.zeros(self.geometry.shape, dtype=bool)
        return [Fold(self.train, self.test, nothing, nothing)]


def _require_known(definition: object) -> None:
    if definition not in DEFINITIONS:
        raise ConfigError(
            f"unknown definition {definition!r}",
            where="validation.options.definition",
            remedy=nearest(str(definition), DEFINITIONS),
        )
