"""Choose a recipe inside each training part: what the model ``auto`` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import METHOD_ERRORS, SamplingError
from orecast.evidence import Evidence
from orecast.sampling import Sampling, SplitProtocol
from orecast.validation.fitted import Fitted
from orecast.validation.inner import Calibration, held_out_ranks
from orecast.validation.recipe import Recipe

FEWEST_GROUPS = 10
"""Independent groups of deposits; with fewer, no difference between maps is significant."""


@dataclass(frozen=True)
class RecipeChoice:
    """A recipe that is chosen anew in each training part, among ``candidates`` by name.

    ``inner`` splits a training part. Each candidate ranks the deposits that an inner fold holds
    out. The candidate ``usual`` is chosen, unless another has a mean percentile over the groups of
    deposits that is higher by more than one standard error of the paired difference; then the
    highest of these. With fewer than ten groups it is ``usual``. So the choice is part of what is
    fitted, and sees nothing of what the outer fold hides.
    """

    candidates: Mapping[str, Recipe]
    usual: str
    inner: SplitProtocol

    @property
    def labels(self) -> bool:
        """Whether the usual recipe learns from deposits."""
        return self._usual.labels

    def free(self, evidence: Evidence, hidden: Bools | None) -> Bools:
        """Cells with evidence whose windows touch no ``hidden`` cell, ``(rows, columns)``."""
        return self._usual.free(evidence, hidden)

    def fit(self, evidence: Evidence, ore: Sampling, *, hidden: Bools | None, seed: int) -> Fitted:
        """Choose a recipe and fit it to the training deposits ``ore``.

        Its calibration comes from the inner folds of the choice. A candidate that cannot be fitted
        is not chosen.
        """
        ranks = self.ranks(evidence, ore, hidden=hidden, seed=seed)
        name = self.chosen(ranks, ore.group)
        fitted = self.candidates[name].fit(evidence, ore, hidden=hidden, seed=seed)
        own = ranks.get(name)
        calibration = None if own is None else Calibration.of(own[np.isfinite(own)])
        return replace(fitted, chosen=name, calibration=calibration)

    def ranks(
        self,
        evidence: Evidence,
        ore: Sampling,
        *,
        hidden: Bools | None,
        seed: int,
        whole: Mapping[str, Fitted] | None = None,
    ) -> dict[str, Floats]:
        """Percentile of each deposit ``(n,)`` by each candidate that did not learn from it.

        Empty where the part cannot be split; without the candidates that cannot be fitted.
        ``whole`` has candidates that are fitted to the part already; those without labels are not
        fitted again.
        """
        try:
            folds = list(self.inner.folds(ore, evidence.reach))
        except SamplingError:
            return {}
        found = {}
        for name, recipe in self.candidates.items():
            try:
                found[name] = held_out_ranks(
                    recipe,
                    evidence,
                    ore,
                    folds,
                    hidden=hidden,
                    seed=seed,
                    whole=(whole or {}).get(name),
                )
            except METHOD_ERRORS:
                if name == self.usual:
                    return {}
        return found

    def chosen(self, ranks: Mapping[str, Floats], group: Ints) -> str:
        """The candidate to fit, by the ``ranks`` of deposits and their groups ``(n,)``."""
        if self.usual not in ranks or len(np.unique(group)) < FEWEST_GROUPS:
            return self.usual
        means = {name: _by_group(values, group) for name, values in ranks.items()}
        usual = means[self.usual]
        best, highest = self.usual, 0.0
        for name, values in means.items():
            gain = values - usual
            error = float(gain.std(ddof=1)) / np.sqrt(len(gain))
            if gain.mean() > max(error, highest):
                best, highest = name, float(gain.mean())
        return best

    @property
    def _usual(self) -> Recipe:
        return self.candidates[self.usual]


def _by_group(values: Floats, group: Ints) -> Floats:
    """Mean of the known values of each group of deposits, ``(n_groups,)``."""
    known = np.isfinite(values)
    _, member = np.unique(group[known], return_inverse=True)
    return np.bincount(member, weights=values[known]) / np.bincount(member)
