"""Several models, or one of several seeds, that speak together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from orecast.config import Training
from orecast.errors import ConfigError, ModelError
from orecast.samples.nouns import Ints, Windows
from orecast.training.members import Committee, Floats, Progress, member_seed
from orecast.training.needs import check_needs
from orecast.training.visible import readable_cells, windows_among

REGISTERED = {"ensemble": "Ensemble"}

_MOST_SEEDS = 1000
_REFERENCE = 2_000  # windows of visible ground that a rank is counted among


class Ensemble(Committee):
    r"""Mean of several models' scores or ranks, each of one or more seeds.

    .. math:: s(x) = \frac{1}{m} \sum_{k=1}^{m} r_k(s_k(x))

    with :math:`s_k` the score of member :math:`k` and :math:`r_k` the identity, or under
    ``combine`` "rank" its percentile rank, so that members whose scores differ in scale count
    alike. Ranks are counted in 2,000 windows drawn at random from the ground that may be seen;
    they are learned in ``fit``, so that a cell's rank does not hang on what else is predicted.

    T.G. Dietterich (2000), Ensemble methods in machine learning, LNCS 1857, 1-15;
    B. Lakshminarayanan, A. Pritzel, C. Blundell (2017), Simple and scalable predictive uncertainty
    estimation using deep ensembles, NIPS, 6402-6413, for one network of several ``seeds``.

    ``members`` and ``member_options`` as in ``Committee``. Learned: ``fitted_``, for each member in
    turn its seeds, and ``ranks_`` of each where ranks are combined.
    """

    name = "ensemble"

    ranks_: list[PercentileRank]

    def __init__(
        self,
        members: Sequence[str] = ("random-forest", "logistic-regression"),
        seeds: int = 1,
        combine: Literal["mean", "rank"] = "mean",
        member_options: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        training: Training,
        checkpoints: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(members, member_options, training, checkpoints, progress)
        self.seeds = seeds
        self.combine = combine
        if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
            raise ConfigError(
                f"must be a whole number of at least 1, not {seeds!r}", where="model.options.seeds"
            )
        if seeds > _MOST_SEEDS:
            raise ConfigError(
                f"so many models of each member are never trained: {seeds}",
                where="model.options.seeds",
                remedy=f"set it to {_MOST_SEEDS} or less; five to ten show how far models differ",
            )
        if combine not in ("mean", "rank"):
            raise ConfigError(
                f'must be "mean" or "rank", not {combine!r}', where="model.options.combine"
            )

    def fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> Self:
        """Fit each member with each seed, on all windows.

        Raises what the members raise, ModelError where their needs are not met or no window can
        be ranked against, SamplingError where labels are needed and a class is absent.
        """
        y = np.asarray(y, dtype=np.float64)
        check_needs(self.name, self.needs, X, y)
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
        self._require_fitted()
        total = np.zeros(len(X))
        for number, model in enumerate(self.fitted_):
            total += self._joined(number, model.predict(X))
        return total / len(self.fitted_)

    @property
    def epochs(self) -> int:
        """How often the members' fits call ``progress`` in one of its own."""
        return self._epochs * self.seeds

    @property
    def n_draws(self) -> int:
        """How many rows ``draws`` gives."""
        return sum(int(getattr(model, "n_draws", 1)) for model in self.fitted_)

    def draws(self, X: Windows) -> Floats:
        """Scores or ranks of each member, a row each, ``(m, n)``; ``predict`` is their mean.

        A network with Monte-Carlo dropout gives its passes in place of its one row; ``predict``
        is then the mean of the members without dropout.
        """
        self._require_fitted()
        rows = []
        for number, model in enumerate(self.fitted_):
            own = getattr(model, "draws", None)
            scores = model.predict(X)[None] if own is None else own(X)
            rows.append(self._joined(number, scores))
        return np.concatenate(rows)

    def _joined(self, number: int, scores: Floats) -> Floats:
        return self.ranks_[number](scores) if self.ranks_ else scores

    def _options(self) -> dict[str, Any]:
        return {
            "members": list(self.members),
            "seeds": self.seeds,
            "combine": self.combine,
            "member_options": self.member_options,
        }

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
    """Share of reference scores that a score outranks, a tie counting half.

    ``scores`` ascending and distinct, ``shares`` of each, both ``(k,)``. Between two of them, and
    on to 0 and 1, the share rises evenly; so no two scores beyond the reference tie.
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
    """Return up to ``n`` windows at random among the cells that ``X`` may see and that have values.

    Raises ModelError where there is none.
    """
    cells = readable_cells(X)
    if not cells.any():
        raise ModelError(
            "no visible window has values in all layers, so that there is nothing to rank among",
            where='model.options.combine = "rank"',
            remedy='set it to "mean"',
        )
    return windows_among(X, cells, n, np.random.default_rng([seed, 9]))
