"""Baselines: single layers, distance to deposits, random scores."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Floats32
from orecast.errors import ConfigError, ModelError
from orecast.metrics import auc
from orecast.models.checks import require_one_of
from orecast.models.classical._base import Detector, centre, number_of, only, rising
from orecast.sampling import Needs, Windows

REGISTERED = {
    "single-layer": "SingleLayer",
    "best-layer": "BestLayer",
    "fault-distance": "FaultDistance",
    "deposit-distance": "DepositDistance",
    "random": "RandomScore",
}


class _Layer(Detector):
    """Base of models of one layer and its sign; a subclass chooses both."""

    layer_: str
    sign_: float
    mean_: float
    spread_: float

    def _take(self, X: Windows, layer: str, sign: float) -> None:
        """Store a layer's name and sign, and its scale over the training windows."""
        values = _values(X, layer)
        self.layer_ = layer
        self.sign_ = sign
        self.mean_ = float(values.mean())
        self.spread_ = float(values.std()) or 1.0

    def _score(self, X: Windows) -> Floats:
        return rising(self.sign_ * (_values(X, self.layer_) - self.mean_) / self.spread_)


class SingleLayer(_Layer):
    """One layer's value; the sign decides whether high or low values are ore.

    ``layer`` is its name. ``sign`` "+": high values are ore, "-": low values are, "fold": the sign
    with an AUC of at least 0.5 on the training places. Score: ``(1 + z / (1 + |z|)) / 2`` with
    z the signed value standardised on the training windows. It rises with the layer everywhere; a
    rank among few training windows would have only few steps.
    """

    def __init__(self, layer: str | None = None, sign: Literal["+", "-", "fold"] = "fold") -> None:
        self.layer = layer
        self.sign = sign

    def _check_options(self) -> None:
        require_one_of("sign", self.sign, ("+", "-", "fold"))

    def _check_windows(self, X: Windows) -> None:
        if self.layer is None:
            raise ConfigError(
                "single-layer needs the name of a layer",
                where="model.options.layer",
                remedy=f"name one of {', '.join(X.names)}",
            )
        super()._check_windows(X)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        assert self.layer is not None
        if self.sign == "fold":
            sign = _sign(_values(X, self.layer), y)
        else:
            sign = 1.0 if self.sign == "+" else -1.0
        self._take(X, self.layer, sign)


class BestLayer(_Layer):
    """The single layer, with its sign, that ranks the training places best.

    The layer whose AUC on the training windows is farthest from 0.5; ties: the first. Scored as a
    single layer. It is chosen again in each fold, so test deposits do not influence the choice.
    """

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = centre(X)
        aucs = np.array([auc(v[y == 1], v[y == 0]) for v in values.T])
        best = int(np.argmax(np.abs(aucs - 0.5)))
        self._take(X, X.names[best], _sign(values[:, best], y))


class FaultDistance(_Layer):
    """Nearness to a fault, without geochemistry.

    ``layer`` is the layer of distance to faults; by default the first of kind "fault" with "dist"
    and without "intersection" in its name. Needs no labels. Scored as a single layer.
    """

    needs = Needs(labels=False, layers=("fault",))

    def __init__(self, layer: str | None = None) -> None:
        self.layer = layer

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self._take(X, self.layer if self.layer is not None else _distance_layer(X), -1.0)


def _values(X: Windows, layer: str) -> Floats:
    """Values of one layer at each window's own cell, ``(n,)``."""
    return centre(only(X, number_of(X, layer)))[:, 0].astype(np.float64)


def _sign(values: Floats32 | Floats, y: Floats) -> float:
    return 1.0 if auc(values[y == 1], values[y == 0]) >= 0.5 else -1.0


def _distance_layer(X: Windows) -> str:
    faults = [n for n, kind in zip(X.names, X.kinds, strict=True) if kind == "fault"]
    for name in faults:
        if "dist" in name.lower() and "intersection" not in name.lower():
            return name
    raise ModelError(
        f"none of the fault layers ({', '.join(faults)}) is a distance to faults",
        remedy="set faults.distance = true, or name the layer in model.options.layer",
    )


class DepositDistance(Detector):
    """Nearness to the training deposits, without any layer.

    The score is ``1 / (1 + d / s)``, d the distance in metres to the nearest ore window of the
    training part, s its mean over the training negatives. It falls with distance everywhere.
    """

    deposits_: Floats  # (m, 2), row and column
    scale_: float  # metres

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.deposits_ = np.unique(X.at[y == 1], axis=0).astype(np.float64)
        self.scale_ = float(self._metres(X.take(y == 0)).mean()) or X.cell_size

    def _score(self, X: Windows) -> Floats:
        return np.asarray(1 / (1 + self._metres(X) / self.scale_))

    def _metres(self, X: Windows) -> Floats:
        from scipy.spatial import cKDTree

        cells, _ = cKDTree(self.deposits_).query(X.at)
        return np.asarray(cells * X.cell_size, dtype=np.float64)


Words = NDArray[np.uint64]


class RandomScore(Detector):
    """Uniform noise that depends only on the seed and the cell.

    A cell gets the same score in any order or part of prediction: its row and column are mixed by
    SplitMix64 (Steele, Lea & Flood 2014, OOPSLA), keyed by the seed.
    """

    needs = Needs(labels=False)

    seed_: int

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.seed_ = seed

    def _score(self, X: Windows) -> Floats:
        key = np.random.SeedSequence(self.seed_).generate_state(1, np.uint64).astype(np.uint64)
        row, column = X.at.astype(np.uint64).T
        mixed = _mixed(_mixed(_mixed(key) + row) + column)
        return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(x: Words) -> Words:
    """SplitMix64's step; unsigned integers wrap around."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
