"""Ensembles and stacks of models."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import ValidationError

from orecast import registry
from orecast.arrays import Bools, Floats, Ints
from orecast.config import Training
from orecast.errors import ConfigError, ModelError, nearest
from orecast.models.checks import (
    Properties,
    check_fitted,
    check_needs,
    require_count,
    require_one_of,
)
from orecast.run import BROKEN_ARRAYS, why_broken, write_json
from orecast.sampling.windows import Model, Needs, Windows
from orecast.training import build_model, load_model, model_properties
from orecast.training.building import COMMITTEE_STATE, EpochProgress
from orecast.training.inner_parts import apart, inner_parts, member_seed, require_classes
from orecast.training.reading import readable_cells, windows_among

REGISTERED = {"ensemble": "Ensemble", "stack": "Stack"}

MEMBERS = ("random-forest", "logistic-regression")
"""Members by default."""
_ARRAYS = "ensemble.npz"


class BaseEnsemble(ABC):
    """Base of models that are made of other models.

    ``members`` are names of detectors and networks, each with its ``member_options``. ``needs`` are
    the strictest of the members' needs; ``properties`` add their caveats. If some members learn
    from labels, a member without labels gets only the negative windows, with labels NaN, so it
    never sees a deposit. Networks train by ``training``, keep ``checkpoints`` in one folder each,
    and report to ``progress``.

    Learned: ``fitted_``, the fitted members. Saved in numbered folders beside ``ensemble.json`` and
    ``ensemble.npz``.
    """

    name: str
    fitted_: list[Model]

    def __init__(
        self,
        members: Sequence[str],
        member_options: Mapping[str, Mapping[str, Any]] | None,
        training: Training,
        checkpoints: Path | None,
        progress: EpochProgress | None,
    ) -> None:
        self.members = members
        self.member_options = member_options
        self.training = training
        self.checkpoints = checkpoints
        self.progress = progress
        _check_members(members, member_options)
        for name in members:
            self._built(name)
        self.properties = self.properties_of(training, **self._options())
        self.needs = self.properties.needs

    @classmethod
    def properties_of(
        cls,
        training: Training,
        *,
        members: Sequence[str] = MEMBERS,
        member_options: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> Properties:
        """Properties of all members together; ConfigError if their needs contradict."""
        own = member_options or {}
        found = {name: model_properties(name, own.get(name, {}), training) for name in members}
        caveats = [words for member in found.values() for words in member.caveats]
        return Properties(
            _strictest({name: member.needs for name, member in found.items()}),
            sum(member.epochs for member in found.values()) * cls.fits_of(**options),
            tuple(dict.fromkeys(caveats)),
        )

    @staticmethod
    @abstractmethod
    def fits_of(**options: Any) -> int:
        """How often one fit fits each member."""

    @abstractmethod
    def fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> Self:
        """Learn from windows ``(n, C, k, k)`` and labels ``(n,)``, 1 positive and 0 negative."""

    @abstractmethod
    def predict(self, X: Windows) -> Floats:
        """Scores in [0, 1], higher for ore, ``(n,)``."""

    def save(self, folder: Path) -> None:
        """Write the members and how they are combined.

        Raises ModelError before ``fit``, RunError if a file cannot be written.
        """
        check_fitted(self.name, hasattr(self, "fitted_"))
        folder.mkdir(parents=True, exist_ok=True)
        for number, model in enumerate(self.fitted_):
            model.save(folder / str(number))
        np.savez_compressed(folder / _ARRAYS, **self._arrays())  # type: ignore[arg-type]
        write_json(
            folder / COMMITTEE_STATE,
            {
                "model": self.name,
                "options": self._options(),
                "training": self.training.model_dump(),
                "members": len(self.fitted_),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild a saved model; it predicts the same, bit for bit.

        Raises ModelError or RunError if a file is missing or broken.
        """
        try:
            content = json.loads((folder / COMMITTEE_STATE).read_text(encoding="utf-8"))
            training = Training.model_validate(content["training"])
            committee = cls(**content["options"], training=training)
            count = int(content["members"])
            with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
                arrays = dict(stored)
            committee._restore(arrays)
        except (*BROKEN_ARRAYS, ValidationError, ConfigError) as error:
            raise ModelError(
                f"the saved {cls.name} cannot be read: {why_broken(error)}",
                where=str(folder),
                remedy="train it again",
            ) from error
        committee.fitted_ = [load_model(folder / str(number)) for number in range(count)]
        return committee

    def _options(self) -> dict[str, Any]:
        own = inspect.signature(type(self)).parameters.values()
        return {o.name: getattr(self, o.name) for o in own if o.kind is not o.KEYWORD_ONLY}

    @abstractmethod
    def _arrays(self) -> dict[str, Floats]:
        """Return the learned arrays that combine the members."""

    @abstractmethod
    def _restore(self, arrays: dict[str, Floats]) -> None:
        """Read what ``_arrays`` returned."""

    def _built(self, name: str) -> Model:
        """An unfitted member."""
        if name in registry.entries("orecast.training"):
            raise ConfigError(
                f"{name} cannot be a member, since it has members itself",
                where="model.options.members",
                remedy=f"list the members of {name} instead",
            )
        options = dict((self.member_options or {}).get(name, {}))
        folder = None if self.checkpoints is None else self.checkpoints / name
        with _errors_of(name):
            return build_model(
                name, options, self.training, checkpoints=folder, progress=self.progress
            )

    def _fitted(self, name: str, X: Windows, y: Floats, group: Ints, seed: int) -> Model:
        model = self._built(name)
        with _errors_of(name):
            return model.fit(*self._rows_for(model, X, y, group), seed=seed)

    def _rows_for(
        self, model: Model, X: Windows, y: Floats, group: Ints
    ) -> tuple[Windows, Floats, Ints]:
        """What a member is fitted to: the negative windows if only others learn from labels."""
        if model.needs.labels or not self.needs.labels:
            return X, y, group
        negative = y == 0
        return X.take(negative), np.full(int(negative.sum()), np.nan), group[negative]

    def check_fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> None:
        """Raise the errors of ``fit`` that need no training."""
        y = np.asarray(y, dtype=np.float64)
        check_needs(self.name, self.needs, X, y)
        for name in self.members:
            model: Any = self._built(name)
            with _errors_of(name):
                model.check_fit(*self._rows_for(model, X, y, group), seed=seed)


def _check_members(
    members: Sequence[str], member_options: Mapping[str, Mapping[str, Any]] | None
) -> None:
    where = "model.options.members"
    named = isinstance(members, list | tuple) and all(isinstance(name, str) for name in members)
    if not named or not members:
        raise ConfigError(f"must be a list of model names, not {members!r}", where=where)
    if len(set(members)) < len(members):
        raise ConfigError(
            f"lists a model twice: {', '.join(members)}",
            where=where,
            remedy="list it once; set model.options.seeds of an ensemble to fit it more often",
        )
    where = "model.options.member_options"
    if not isinstance(member_options, Mapping | None):
        raise ConfigError(f"must be a table of tables, not {member_options!r}", where=where)
    for name, options in (member_options or {}).items():
        if name not in members:
            raise ConfigError(f"{name} is not a member", where=where, remedy=nearest(name, members))
        if not isinstance(options, Mapping):
            raise ConfigError(f"must be a table, not {options!r}", where=f"{where}.{name}")


def _strictest(needs: Mapping[str, Needs]) -> Needs:
    """Needs that meet those of every member; ConfigError if they contradict."""
    parities = {need.parity for need in needs.values()} - {"any"}
    if len(parities) > 1:
        raise ConfigError(
            "some members need windows of an odd number of cells, others of an even number: "
            + ", ".join(f"{name} {need.parity}" for name, need in needs.items()),
            where="model.options.members",
            remedy="keep only the members with odd windows, or only those with even ones",
        )
    return Needs(
        smallest_window=max(need.smallest_window for need in needs.values()),
        parity=parities.pop() if parities else "any",
        labels=any(need.labels for need in needs.values()),
        layers=tuple(sorted({kind for need in needs.values() for kind in need.layers})),
        weight=any(need.weight for need in needs.values()),
        elements_only=any(need.elements_only for need in needs.values()),
    )


@contextmanager
def _errors_of(member: str) -> Iterator[None]:
    """Add the member's name to the place in errors of its options."""
    try:
        yield
    except ConfigError as error:
        where = (error.where or "").replace("model.name", "model.options.members")
        if not where.startswith("model.options.members"):
            own = f"model.options.member_options.{member}"
            where = where.replace("model.options", own, 1) if where else own
        raise ConfigError(error.what, where=where, remedy=error.remedy) from error


_MOST_SEEDS = 1000
_REFERENCE = 2_000  # visible windows among which a score is ranked


class Ensemble(BaseEnsemble):
    r"""Mean of several models' scores or ranks, each of one or more seeds.

    .. math:: s(x) = \frac{1}{m} \sum_{k=1}^{m} r_k(s_k(x))

    with :math:`s_k` the score of member :math:`k` and :math:`r_k` the identity, or for ``combine``
    "rank" the percentile rank, so that members whose scores differ in scale count equally. A score
    is ranked among those of 2,000 random visible windows. These are drawn in ``fit``, so a cell's
    rank does not depend on the other cells that are predicted.

    T.G. Dietterich (2000), Ensemble methods in machine learning, LNCS 1857, 1-15;
    B. Lakshminarayanan, A. Pritzel, C. Blundell (2017), Simple and scalable predictive uncertainty
    estimation using deep ensembles, NIPS, 6402-6413, for one network of several ``seeds``.

    ``members`` and ``member_options`` as in ``BaseEnsemble``. Learned: ``fitted_``, one model for
    each member and seed, and ``ranks_`` of each if ranks are combined.
    """

    name = "ensemble"

    ranks_: list[PercentileRank]

    def __init__(
        self,
        members: Sequence[str] = MEMBERS,
        seeds: int = 1,
        combine: Literal["mean", "rank"] = "mean",
        member_options: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        training: Training,
        checkpoints: Path | None = None,
        progress: EpochProgress | None = None,
    ) -> None:
        self.seeds = seeds
        self.combine = combine
        advice = "set it to 5 to 10, which is enough to show how much models differ"
        require_count("seeds", seeds, _MOST_SEEDS, remedy=advice)
        require_one_of("combine", combine, ("mean", "rank"))
        super().__init__(members, member_options, training, checkpoints, progress)

    @staticmethod
    def fits_of(*, seeds: int = 1, **_: Any) -> int:
        """How often one fit fits each member: once for each seed."""
        return seeds

    def fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> Self:
        """Fit each member with each seed, on all windows.

        Raises what the members raise, ModelError if their needs are not met or no visible window
        can be scored for ranks, SamplingError if labels are needed and a class is missing.
        """
        self.check_fit(X, y, group, seed=seed)
        y = np.asarray(y, dtype=np.float64)
        names = [name for name in self.members for _ in range(self.seeds)]
        fitted = [
            self._fitted(name, X, y, group, member_seed(seed, number))
            for number, name in enumerate(names)
        ]
        self.ranks_ = []
        if self.combine == "rank":
            reference = visible_windows(X, _REFERENCE, seed)
            self.ranks_ = [PercentileRank.among(model.predict(reference)) for model in fitted]
        self.fitted_ = fitted
        return self

    def predict(self, X: Windows) -> Floats:
        """Mean of the members' scores or ranks, ``(n,)``."""
        check_fitted(self.name, hasattr(self, "fitted_"))
        total = np.zeros(len(X))
        for number, model in enumerate(self.fitted_):
            total += self._joined(number, model.predict(X))
        return total / len(self.fitted_)

    @property
    def n_draws(self) -> int:
        """Number of rows of ``draws``."""
        return sum(int(getattr(model, "n_draws", 1)) for model in self.fitted_)

    def draws(self, X: Windows) -> Floats:
        """Scores or ranks of each member, one row each, ``(m, n)``; ``predict`` is their mean.

        A network with Monte-Carlo dropout has one row for each pass; ``predict`` is then the mean
        of the members without dropout.
        """
        check_fitted(self.name, hasattr(self, "fitted_"))
        rows = []
        for number, model in enumerate(self.fitted_):
            own = getattr(model, "draws", None)
            scores = model.predict(X)[None] if own is None else own(X)
            rows.append(self._joined(number, scores))
        return np.concatenate(rows)

    def _joined(self, number: int, scores: Floats) -> Floats:
        return self.ranks_[number](scores) if self.ranks_ else scores

    def _arrays(self) -> dict[str, Floats]:
        return {
            f"{kind}_{number}": getattr(rank, kind)
            for number, rank in enumerate(self.ranks_)
            for kind in ("scores", "shares")
        }

    def _restore(self, arrays: dict[str, Floats]) -> None:
        self.ranks_ = [
            PercentileRank(arrays[f"scores_{number}"], arrays[f"shares_{number}"])
            for number in range(len(arrays) // 2)
        ]


@dataclass(frozen=True)
class PercentileRank:
    """Share of reference scores that lie below a score; a tie counts half.

    ``scores``, ascending and distinct, and the ``shares`` of each, both ``(k,)``. Between two
    scores, and towards 0 and 1, the share rises linearly. So two different scores outside the
    reference never tie.
    """

    scores: Floats
    shares: Floats

    @classmethod
    def among(cls, reference: Floats) -> Self:
        """Learn from reference scores in [0, 1].

        >>> PercentileRank.among(np.array([0.2, 0.2, 0.4, 0.6]))(np.array([0.2, 0.5, 0.8, 1.0]))
        array([0.25  , 0.75  , 0.9375, 1.    ])
        """
        scores, counts = np.unique(reference, return_counts=True)
        shares = (np.cumsum(counts) - counts / 2) / counts.sum()
        below, above = scores[:1] > 0, scores[-1:] < 1
        return cls(
            np.concatenate([np.zeros(1)[below], scores, np.ones(1)[above]]),
            np.concatenate([np.zeros(1)[below], shares, np.ones(1)[above]]),
        )

    def __call__(self, scores: Floats) -> Floats:
        """Shares of scores of any shape."""
        return np.asarray(np.interp(scores, self.scores, self.shares))


def visible_windows(X: Windows, n: int, seed: int) -> Windows:
    """Return up to ``n`` random windows at cells that ``X`` does not hide and that have values.

    Raises ModelError if there is none.
    """
    cells = readable_cells(X)
    if not cells.any():
        raise ModelError(
            "scores cannot be ranked, since no visible window has values in all layers",
            where='model.options.combine = "rank"',
            remedy='set model.options.combine to "mean"',
        )
    return windows_among(X, cells, n, np.random.default_rng([seed, 9]))


_SUREST = 1e-3  # scores are moved at least this far from 0 and 1, so that their logits are finite
_RIDGE = 1.0


class Stack(BaseEnsemble):
    r"""Members combined by a logistic regression on their out-of-part scores.

    .. math:: s(x) = \sigma\Bigl(b + \sum_j w_j \, \mathrm{logit}(s_j(x))\Bigr), \quad w_j \ge 0

    The training windows are split into ``inner_folds`` compact parts, or as many as there are
    groups of deposits. Deposits that share windows or a group stay together; a negative window
    joins its nearest deposit. Each member scores a part after it has learned from windows of the
    other parts that share no cell with it. The weights are fitted to these scores, with balanced
    classes and an L2 penalty of 1. Then the members are fitted again, to all windows.

    D.H. Wolpert (1992), Stacked generalization, Neural Networks 5, 241-259; L. Breiman (1996),
    Stacked regressions, Machine Learning 24, 49-64, for weights that are not negative; K.M. Ting,
    I.H. Witten (1999), Issues in stacked generalization, JAIR 10, 271-289, for probabilities.

    ``members`` and ``member_options`` as in ``BaseEnsemble``. Learned: ``fitted_``, ``weights_`` of
    the members ``(m,)``, ``intercept_``.
    """

    name = "stack"

    weights_: Floats
    intercept_: float

    def __init__(
        self,
        members: Sequence[str] = MEMBERS,
        inner_folds: int = 3,
        member_options: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        training: Training,
        checkpoints: Path | None = None,
        progress: EpochProgress | None = None,
    ) -> None:
        self.inner_folds = inner_folds
        require_count("inner_folds", inner_folds, least=2)
        super().__init__(members, member_options, training, checkpoints, progress)
        if not self.needs.labels:
            raise ConfigError(
                "a stack needs labels for its weights, but no member learns from labels",
                where="model.options.members",
                remedy='add a member that learns from labels, or choose the model "ensemble"',
            )

    @staticmethod
    def fits_of(*, inner_folds: int = 3, **_: Any) -> int:
        """How often one fit fits each member: once for each part, and once to all windows."""
        return inner_folds + 1

    def fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> Self:
        """Fit the members' weights on inner parts, then the members to all windows.

        Raises SamplingError if a class is missing, in total or outside a part, or if there are
        fewer than two groups of deposits; ModelError if needs are not met; what members raise.
        """
        self.check_fit(X, y, group, seed=seed)
        y = np.asarray(y, dtype=np.float64)
        part = inner_parts(X.at, y, group, X.size, self.inner_folds)
        scores = self._out_of_part(X, y, group, part, seed)
        self.weights_, self.intercept_ = non_negative_logistic(_logits(scores), y)
        self.fitted_ = [
            self._fitted(name, X, y, group, member_seed(seed, number, 0))
            for number, name in enumerate(self.members)
        ]
        return self

    def check_fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> None:
        """Raise the errors of ``BaseEnsemble.check_fit``, and if deposits cannot be split."""
        super().check_fit(X, y, group, seed=seed)
        part = inner_parts(X.at, y, group, X.size, self.inner_folds)
        for k in range(int(part.max()) + 1):
            require_classes(y[self._seen(X, part == k)], k, *_PART_ADVICE)

    def predict(self, X: Windows) -> Floats:
        """Scores in [0, 1], ``(n,)``."""
        from scipy.special import expit

        check_fitted(self.name, hasattr(self, "fitted_"))
        logit = np.full(len(X), self.intercept_)
        for weight, model in zip(self.weights_, self.fitted_, strict=True):
            logit += weight * _logits(model.predict(X))
        return np.asarray(expit(logit))

    def _out_of_part(self, X: Windows, y: Floats, group: Ints, part: Ints, seed: int) -> Floats:
        """Each member's score of each window, from a fit to other parts, ``(n, m)``."""
        scores = np.empty((len(X), len(self.members)))
        for k in range(int(part.max()) + 1):
            held = part == k
            seen = self._seen(X, held)
            for number, name in enumerate(self.members):
                own_seed = member_seed(seed, number, k + 1)
                model = self._fitted(name, X.take(seen), y[seen], group[seen], own_seed)
                scores[held, number] = model.predict(X.take(held))
        return scores

    def _seen(self, X: Windows, held: Bools) -> Bools:
        """Windows that share no cell with those ``held``, even if a trim moves them, ``(n,)``."""
        return apart(X.at, held, X.size + self.training.trim)

    def _arrays(self) -> dict[str, Floats]:
        return {"weights": self.weights_, "intercept": np.array(self.intercept_)}

    def _restore(self, arrays: dict[str, Floats]) -> None:
        self.weights_ = arrays["weights"]
        self.intercept_ = float(arrays["intercept"])


def non_negative_logistic(z: Floats, y: Floats, ridge: float = _RIDGE) -> tuple[Floats, float]:
    """Logistic regression of ``y`` on ``z`` ``(n, m)``: weights ``(m,)`` >= 0, and intercept.

    They minimise the sum of the logistic losses, with balanced classes, plus half of ``ridge``
    times the squared weights. The minimum is found by a bounded quasi-Newton search (Byrd et al.
    1995, L-BFGS-B).
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    n = len(y)
    share = np.where(y == 1, n / (2 * np.sum(y == 1)), n / (2 * np.sum(y == 0)))

    def loss(beta: Floats) -> tuple[float, Floats]:
        f = z @ beta[:-1] + beta[-1]
        value = float(share @ (np.logaddexp(0, f) - y * f) + ridge / 2 * beta[:-1] @ beta[:-1])
        slope = share * (expit(f) - y)
        return value, np.append(z.T @ slope + ridge * beta[:-1], slope.sum())

    bounds: list[tuple[float | None, float | None]] = [(0, None)] * z.shape[1] + [(None, None)]
    found = minimize(
        loss,
        np.zeros(z.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-15, "gtol": 1e-8, "maxiter": 10_000},
    )
    return np.asarray(found.x[:-1]), float(found.x[-1])


def _logits(scores: Floats) -> Floats:
    from scipy.special import logit

    return np.asarray(logit(np.clip(scores, _SUREST, 1 - _SUREST)))


_PART_ADVICE = (
    "model.options.inner_folds",
    "set more model.options.inner_folds or a smaller window, or choose another model",
)
