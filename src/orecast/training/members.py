"""What an ensemble and a stack share: members by name, fitted, saved and loaded."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from orecast import registry
from orecast.config import Training
from orecast.errors import ConfigError, ModelError, nearest
from orecast.run import BROKEN_ARRAYS, why_broken, write_json
from orecast.samples.nouns import Ints, Model, Needs, Windows
from orecast.training import COMMITTEE_STATE, build_model, load_model
from orecast.training.needs import check_needs

Floats = NDArray[np.float64]
Progress = Callable[[int, int, float], None]

_ARRAYS = "ensemble.npz"


class Committee(ABC):
    """Base of the models that are made of other models.

    ``members`` are names of detectors and networks, each with its ``member_options``; ``needs``
    the strictest of theirs, ``declares`` what any of them declares. Where some learn from labels,
    one that needs none is given the barren windows alone, their labels NaN, so that it never sees a
    deposit. Networks train by ``training``, keep ``checkpoints`` in a folder each, and report to
    ``progress``.

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
        progress: Progress | None,
    ) -> None:
        self.members = members
        self.member_options = member_options
        self.training = training
        self.checkpoints = checkpoints
        self.progress = progress
        _check_members(members, member_options)
        built = {name: self._built(name) for name in members}
        self.needs = _strictest({name: model.needs for name, model in built.items()})
        said = [words for model in built.values() for words in getattr(model, "declares", ())]
        self.declares = tuple(dict.fromkeys(said))
        self._epochs = sum(int(getattr(model, "epochs", 0)) for model in built.values())

    @property
    @abstractmethod
    def epochs(self) -> int:
        """How often the members' fits call ``progress`` in one of its own."""

    @abstractmethod
    def fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> Self:
        """Learn from windows ``(n, C, k, k)`` and labels ``(n,)``, 1 ore and 0 barren."""

    @abstractmethod
    def predict(self, X: Windows) -> Floats:
        """Scores in [0, 1], higher is more like ore, ``(n,)``."""

    def save(self, folder: Path) -> None:
        """Write the members and what joins them.

        Raises ModelError before ``fit``, RunError where the disk refuses.
        """
        self._require_fitted()
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

        Raises ModelError or RunError where a file is missing or broken.
        """
        try:
            told = json.loads((folder / COMMITTEE_STATE).read_text(encoding="utf-8"))
            training = Training.model_validate(told["training"])
            committee = cls(**told["options"], training=training)
            count = int(told["members"])
            with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
                arrays = dict(stored)
            committee._restore(arrays)
        except (*BROKEN_ARRAYS, ValidationError, ConfigError) as error:
            raise ModelError(
                f"the saved {cls.name} cannot be used: {why_broken(error)}",
                where=str(folder),
                remedy="train it again",
            ) from error
        committee.fitted_ = [load_model(folder / str(number)) for number in range(count)]
        return committee

    @abstractmethod
    def _options(self) -> dict[str, Any]:
        """Options as JSON values."""

    @abstractmethod
    def _arrays(self) -> dict[str, Floats]:
        """What joins the members, as learned."""

    @abstractmethod
    def _restore(self, arrays: dict[str, Floats]) -> None:
        """Take back what joins the members."""

    def _built(self, name: str) -> Model:
        """An unfitted member."""
        if name in registry.entries("orecast.training"):
            raise ConfigError(
                f"{name} is made of members itself and cannot be one",
                where="model.options.members",
                remedy="name its members instead",
            )
        options = dict((self.member_options or {}).get(name, {}))
        folder = None if self.checkpoints is None else self.checkpoints / name
        with _blamed_on(name):
            return build_model(
                name, options, self.training, checkpoints=folder, progress=self.progress
            )

    def _fitted(self, name: str, X: Windows, y: Floats, group: Ints, seed: int) -> Model:
        model = self._built(name)
        if self.needs.labels and not model.needs.labels:
            barren = y == 0
            X, y, group = X.take(barren), np.full(int(barren.sum()), np.nan), group[barren]
        with _blamed_on(name):
            return model.fit(X, y, group, seed=seed)

    def rehearse(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> None:
        """Raise what ``fit`` would of these windows and labels, before anything is trained."""
        check_needs(self.name, self.needs, X, np.asarray(y, dtype=np.float64))
        for name in self.members:
            rehearsed = getattr(self._built(name), "rehearse", None)
            if rehearsed is not None:
                with _blamed_on(name):
                    rehearsed(X, y, group, seed=seed)

    def _require_fitted(self) -> None:
        if not hasattr(self, "fitted_"):
            raise ModelError(f"{self.name} has not been fitted", remedy="call fit first")


def member_seed(seed: int, *stream: int) -> int:
    """Seed of one member, a stream of its own.

    >>> member_seed(0, 1) != member_seed(0, 2) != member_seed(1, 1)
    True
    """
    return int(np.random.SeedSequence([seed, *stream]).generate_state(1)[0])


def _check_members(
    members: Sequence[str], member_options: Mapping[str, Mapping[str, Any]] | None
) -> None:
    where = "model.options.members"
    named = isinstance(members, list | tuple) and all(isinstance(name, str) for name in members)
    if not named or not members:
        raise ConfigError(f"must be a list of names of models, not {members!r}", where=where)
    if len(set(members)) < len(members):
        raise ConfigError(
            f"{', '.join(members)} names a model twice",
            where=where,
            remedy="name it once; an ensemble's seeds fit it more often",
        )
    where = "model.options.member_options"
    if not isinstance(member_options, Mapping | None):
        raise ConfigError(f"must be a table of tables, not {member_options!r}", where=where)
    for name, options in (member_options or {}).items():
        if name not in members:
            raise ConfigError(f"{name} is no member", where=where, remedy=nearest(name, members))
        if not isinstance(options, Mapping):
            raise ConfigError(f"must be a table, not {options!r}", where=f"{where}.{name}")


def _strictest(needs: Mapping[str, Needs]) -> Needs:
    """Needs that meet those of every member; ConfigError where there are none such."""
    parities = {need.parity for need in needs.values()} - {"any"}
    if len(parities) > 1:
        raise ConfigError(
            "some members need windows of an odd number of cells and some of an even one: "
            + ", ".join(f"{name} {need.parity}" for name, need in needs.items()),
            where="model.options.members",
            remedy="leave some of them out",
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
def _blamed_on(member: str) -> Iterator[None]:
    """Let an error of a member's options say whose they are."""
    try:
        yield
    except ConfigError as error:
        where = (error.where or "").replace("model.name", "model.options.members")
        if not where.startswith("model.options.members"):
            own = f"model.options.member_options.{member}"
            where = where.replace("model.options", own, 1) if where else own
        raise ConfigError(error.what, where=where, remedy=error.remedy) from error
