"""Options that are chosen inside a training part, by folds that keep deposits whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.sampling.windows import Model, Windows
from orecast.training.committees import apart, inner_parts, member_seed

ADAPTIVE = "adaptive"
"""Value of an option that is to be chosen."""

FOLDS = 3

Candidate = dict[str, Any]
Searched = Mapping[str, tuple[Any, ...]]
Build = Callable[[Candidate], Model]
"""Return an unfitted model of these options."""


def to_choose(factory: Any, options: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Candidates of each option that is to be chosen; the factory names them in ``searched``."""
    searched: Searched = getattr(factory, "searched", {})
    return {name: values for name, values in searched.items() if options.get(name) == ADAPTIVE}


def search_epochs(options: Mapping[str, Any], epochs: int, searched: Searched) -> int:
    """How many epochs a candidate is trained: ``search_epochs``, or a fifth of ``epochs``.

    Raises ConfigError where the option is no count from 1, or nothing is to be chosen.

    >>> search_epochs({"alpha": "adaptive"}, 30, {"alpha": (0.2, 0.8)})
    6
    """
    asked, where = options.get("search_epochs"), "model.options.search_epochs"
    if asked is None:
        return max(1, epochs // 5)
    if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
        raise ConfigError(f"must be a whole number of at least 1, not {asked!r}", where=where)
    if not searched:
        raise ConfigError(
            "no option is to be chosen",
            where=where,
            remedy=f'leave it out, or set one "{ADAPTIVE}"',
        )
    return asked


def trials(searched: Searched) -> int:
    """How many fits a search takes.

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

    The training windows are cut into three parts, or as many as there are groups of deposits;
    deposits that share windows or a ``group`` stay together (``stack.inner_parts``). Each candidate
    says of each part's windows ore (0.5 and more) or barren, after learning from those of the
    others that share no cell with it, with the same seeds as the other candidates. Of equals the
    first is chosen. A candidate for which ``check`` on the whole, or a fit, raises ModelError is
    out; where all are, the first one's error is raised.

    M. Stone (1974), Cross-validatory choice and assessment of statistical predictions, Journal of
    the Royal Statistical Society B 36, 111-147.

    Raises SamplingError where the deposits are one group, or a part leaves a class out.
    """
    if not searched:
        return {}
    folds = list(_folds(" and ".join(searched), X, y, group))
    best, chosen, refusal = -1.0, None, None
    for candidate in _candidates(searched):
        try:
            check(candidate)
            accuracy = _accuracy(candidate, build, folds, X, y, group, seed)
        except ModelError as error:
            refusal = refusal or error
            continue
        if accuracy > best:
            best, chosen = accuracy, candidate
    if chosen is None:
        assert refusal is not None
        raise refusal
    return chosen


def check_search(
    searched: Searched,
    check: Callable[[Candidate], object],
    X: Windows,
    y: Floats,
    group: Ints,
) -> None:
    """Raise what ``resolve_searched`` would before its first fit, ModelError where none passes."""
    if searched:
        list(_folds(" and ".join(searched), X, y, group))
    refusal = None
    for candidate in _candidates(searched):
        try:
            check(candidate)
        except ModelError as error:
            refusal = refusal or error
        else:
            return
    assert refusal is not None
    raise refusal


def _candidates(searched: Searched) -> Iterator[Candidate]:
    """All combinations; the empty one where nothing is to be chosen."""
    for values in product(*searched.values()):
        yield dict(zip(searched, values, strict=True))


def _accuracy(
    candidate: Candidate,
    build: Build,
    folds: list[tuple[Bools, Bools]],
    X: Windows,
    y: Floats,
    group: Ints,
    seed: int,
) -> float:
    """Share of the windows that are told rightly by models that have not seen them."""
    right = np.zeros(len(X), dtype=bool)
    for number, (held, seen) in enumerate(folds):
        own_seed = member_seed(seed, 17, number)
        model = build(candidate).fit(X.take(seen), y[seen], group[seen], seed=own_seed)
        right[held] = (model.predict(X.take(held)) >= 0.5) == (y[held] == 1)
    return float(right.mean())


def _folds(options: str, X: Windows, y: Floats, group: Ints) -> Iterator[tuple[Bools, Bools]]:
    """Windows that are held out, and those to learn from, ``(n,)`` each."""
    where, remedy = f"model.options, {options}", f'give it a value in place of "{ADAPTIVE}"'
    try:
        part = inner_parts(X.at, y, group, X.size, FOLDS)
    except SamplingError as error:
        raise SamplingError(
            f"the {int((y == 1).sum())} ore windows are one group, which shares cells or deposits, "
            "and what is adaptive is chosen on groups that were not seen",
            where=where,
            remedy=remedy,
        ) from error
    for number in range(int(part.max()) + 1):
        held = part == number
        seen = apart(X.at, held, X.size)
        for label, words in ((1.0, "ore"), (0.0, "barren")):
            if label not in y[seen]:
                raise SamplingError(
                    f"inner part {number} leaves no {words} window that shares no cell with it",
                    where=where,
                    remedy=remedy,
                )
        yield held, seen
