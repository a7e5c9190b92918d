"""Inner parts of a training part, which do not split deposits; options chosen by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.models.checks import CLASS_WORDS, require_count
from orecast.sampling.places import deposit_groups
from orecast.sampling.windows import Model, Windows
from orecast.splits.spatial import halved


def member_seed(seed: int, *stream: int) -> int:
    """Seed of one member, different for each ``stream``.

    >>> member_seed(0, 1) != member_seed(0, 2) != member_seed(1, 1)
    True
    """
    return int(np.random.SeedSequence([seed, *stream]).generate_state(1)[0])


def inner_parts(at: Ints, y: Floats, group: Ints, size: int, n: int) -> Ints:
    """Split training windows into up to ``n`` compact parts, ``(n_windows,)`` from 0.

    Positive windows of ``size`` cells stay together if they share a cell or a ``group`` (-1: none).
    Negative windows join the nearest positive one. Raises SamplingError if there are fewer than two
    such groups of positive windows.
    """
    ore = y == 1
    together = _together(at[ore], group[ore], size)
    count = np.bincount(together)
    if len(count) < 2:
        raise SamplingError(
            f"a stack needs at least 2 groups of deposits; the {int(ore.sum())} positive windows "
            "are 1 group, since they share cells or deposits",
            where='model.name = "stack"',
            remedy='choose the model "ensemble" or a smaller window, or add deposits',
        )
    centre = np.stack([np.bincount(together, axis) / count for axis in at[ore].T], axis=1)
    part = np.empty(len(at), dtype=np.int64)
    part[ore] = halved(centre, count.astype(np.float64), min(n, len(count)))[together]
    nearest = cKDTree(at[ore]).query(at[~ore])[1]
    part[~ore] = part[ore][nearest]
    return part


def apart(at: Ints, held: Bools, size: int) -> Bools:
    """Windows that share no cell with any of those ``held``, ``(n,)``."""
    nearest = cKDTree(at[held]).query(at, p=np.inf)[0]
    return np.asarray(nearest >= size)


def _together(at: Ints, group: Ints, size: int) -> Ints:
    """Group of each place, from 0, ``(n,)``: places linked by shared cells or a shared group."""
    near = deposit_groups(at, size)
    named = np.flatnonzero(group >= 0)
    _, first, inverse = np.unique(group[named], return_index=True, return_inverse=True)
    pairs = (near[named], near[named[first[inverse]]])
    k = int(near.max()) + 1
    links = coo_array((np.ones(len(named)), pairs), shape=(k, k))
    joined: NDArray[np.int64] = connected_components(links, directed=False)[1]
    return np.asarray(joined[near], dtype=np.int64)


def require_classes(y: Floats, part: int, where: str, remedy: str) -> None:
    """Raise SamplingError if the training labels for an inner part lack a class."""
    for label, words in CLASS_WORDS:
        if label not in y:
            raise SamplingError(
                f"all {words} training windows share cells with inner part {part}, so none is left",
                where=where,
                remedy=remedy,
            )


ADAPTIVE = "adaptive"
"""Value of an option that the search chooses."""

FOLDS = 3

Candidate = dict[str, Any]
Searched = Mapping[str, tuple[Any, ...]]
Build = Callable[[Candidate], Model]
"""Return an unfitted model of these options."""


def to_choose(factory: Any, options: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Candidates of each adaptive option; the factory lists them in ``searched``."""
    searched: Searched = getattr(factory, "searched", {})
    return {name: values for name, values in searched.items() if options.get(name) == ADAPTIVE}


def search_epochs(options: Mapping[str, Any], epochs: int, searched: Searched) -> int:
    """Number of epochs for each candidate: ``search_epochs``, or a fifth of ``epochs``.

    Raises ConfigError if the option is not a count of at least 1, or if no option is adaptive.

    >>> search_epochs({"alpha": "adaptive"}, 30, {"alpha": (0.2, 0.8)})
    6
    """
    asked = options.get("search_epochs")
    if asked is None:
        return max(1, epochs // 5)
    count = require_count("search_epochs", asked)
    if not searched:
        raise ConfigError(
            f'has no effect, since no option is "{ADAPTIVE}"',
            where="model.options.search_epochs",
            remedy=f'delete it, or set an option to "{ADAPTIVE}"',
        )
    return count


def trials(searched: Searched) -> int:
    """Number of fits in a search.

    >>> trials({"alpha": (0.2, 0.4)}), trials({})
    (6, 0)
    """
    return FOLDS * prod(map(len, searched.values())) if searched else 0


def resolve_searched(
    searched: Searched,
    build: Build,
    check: Callable[[Candidate], object],
    X: Windows,
    y: Floats,
    group: Ints,
    *,
    seed: int,
) -> Candidate:
    """Choose among all combinations of candidates by their accuracy on held-out windows.

    The training windows are split into three parts, or as many as there are groups of deposits.
    Deposits that share windows or a ``group`` stay together (``inner_parts``). Each
    candidate classifies each part's windows (positive from 0.5 on), after it has learned from
    windows of the other parts that share no cell with it. All candidates use the same seeds. Ties:
    the first is taken. A candidate is skipped if ``check`` on all windows, or a fit, raises
    ModelError; if all are skipped, the first error is raised.

    M. Stone (1974), Cross-validatory choice and assessment of statistical predictions, Journal of
    the Royal Statistical Society B 36, 111-147.

    Raises SamplingError if the deposits are one group, or a part leaves no windows of a class.
    """
    if not searched:
        return {}
    folds = list(_folds(" and ".join(searched), X, y, group))

    def accuracy(candidate: Candidate) -> float:
        """Share of the windows that are classified correctly by models that have not seen them."""
        right = np.zeros(len(X), dtype=bool)
        for number, (held, seen) in enumerate(folds):
            own_seed = member_seed(seed, 17, number)
            model = build(candidate).fit(X.take(seen), y[seen], group[seen], seed=own_seed)
            right[held] = (model.predict(X.take(held)) >= 0.5) == (y[held] == 1)
        return float(right.mean())

    best, chosen, first_error = -1.0, None, None
    for candidate in _candidates(searched):
        try:
            check(candidate)
            found = accuracy(candidate)
        except ModelError as error:
            first_error = first_error or error
            continue
        if found > best:
            best, chosen = found, candidate
    if chosen is None:
        assert first_error is not None
        raise first_error
    return chosen


def check_search(
    searched: Searched,
    check: Callable[[Candidate], object],
    X: Windows,
    y: Floats,
    group: Ints,
) -> None:
    """Raise the errors of ``resolve_searched`` without training, ModelError if none passes."""
    if searched:
        list(_folds(" and ".join(searched), X, y, group))
    first_error = None
    for candidate in _candidates(searched):
        try:
            check(candidate)
        except ModelError as error:
            first_error = first_error or error
        else:
            return
    assert first_error is not None
    raise first_error


def _candidates(searched: Searched) -> Iterator[Candidate]:
    """All combinations; one empty candidate if no option is adaptive."""
    for values in product(*searched.values()):
        yield dict(zip(searched, values, strict=True))


def _folds(options: str, X: Windows, y: Floats, group: Ints) -> Iterator[tuple[Bools, Bools]]:
    """Held-out windows and training windows of each part, ``(n,)`` each."""
    where, remedy = f"model.options, {options}", f'set a value instead of "{ADAPTIVE}"'
    try:
        part = inner_parts(X.at, y, group, X.size, FOLDS)
    except SamplingError as error:
        raise SamplingError(
            f"adaptive options need at least 2 groups of deposits; the {int((y == 1).sum())} "
            "positive windows are 1 group, since they share cells or deposits",
            where=where,
            remedy=remedy,
        ) from error
    for number in range(int(part.max()) + 1):
        held = part == number
        seen = apart(X.at, held, X.size)
        require_classes(y[seen], number, where, remedy)
        yield held, seen
