"""Options that are chosen inside a training part, by folds that do not split deposits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.models.checks import require_count
from orecast.sampling.windows import Model, Windows
from orecast.training.ensembles import apart, inner_parts, member_seed, require_classes

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
    Deposits that share windows or a ``group`` stay together (``ensembles.inner_parts``). Each
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
