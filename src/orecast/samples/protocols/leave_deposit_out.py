"""Every group of deposits held out alone, by a model that learned from all the others."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from orecast.errors import SamplingError
from orecast.grid import nearest_place
from orecast.samples.nouns import Fold, Ground, Ints, Sampling
from orecast.samples.protocols.cutting import LazyFolds, cut, kilometres, refuse_too_few

REGISTERED = {"leave-deposit-out": "LeaveDepositOut"}


@dataclass
class LeaveDepositOut:
    """Each group of deposits is found again by a model that knows all the other groups.

    A group is what ``deposit_groups`` keeps together: deposits whose windows share a cell. It is
    ranked among the valid cells that lie nearer to it than to any other group; that region is
    hidden with the buffer of ``spatial``. Leave-one-out with a buffer (Le Rest et al. 2014, Glob.
    Ecol. Biogeogr. 23, 811), one group at a time.

    Its figures answer: had this one deposit not been found yet, how high would the map rank it
    within its surroundings? The model knows almost all deposits, so they are the most that the
    data allow, at the price of a fit a group; ``n_folds`` and ``seed`` change nothing.
    """

    ground: Ground
    n_folds: int = 5
    seed: int = 0
    words: str = field(default="", init=False)
    grow_first = False

    def folds(self, sampling: Sampling, reach: float) -> LazyFolds:
        """Hold out one group a fold, in the order of their numbers.

        Raises SamplingError where there is one group alone, or a fold has nothing to learn from.
        """
        ore = np.flatnonzero(sampling.y == 1)
        groups = np.unique(sampling.group[ore])
        if len(groups) < 2:
            raise SamplingError(
                f"the {len(ore)} places of ore form {len(groups)} group whose windows share cells",
                where="validation.protocol",
                remedy="use spatial, which cuts through a crowd, or a smaller sampling.window",
            )
        nearest = ore[nearest_place(sampling.at[ore], self.ground.shape)]
        owner = np.where(self.ground.valid, sampling.group[nearest], groups.min() - 1)

        def fold(k: int) -> Fold:
            test: Ints = ore[sampling.group[ore] == groups[k]]
            return cut(self.ground, reach, sampling, test, owner == groups[k])

        folds = LazyFolds(len(groups), fold)
        fewest = min(len(f.train) for f in folds)
        buffer = kilometres(self.ground.buffer(reach))
        refuse_too_few(
            f"holding out one of {len(groups)} groups with {buffer} around its surroundings",
            fewest,
            "use a smaller sampling.window or a smaller evidence.radius",
        )
        self.words = (
            f"{len(groups)} folds, each one group of deposits whose windows share a cell, held out "
            f"alone with the cells nearest to it; training stays {buffer} (a window plus twice the "
            f"reach) from whatever is tested; each fold learns from at least {fewest} of "
            f"{len(ore)} places of ore"
        )
        return folds
