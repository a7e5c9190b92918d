"""Names to factories, without importing them.

Each file that offers something opens with a literal table of its names::

    REGISTERED = {"random-forest": "RandomForest"}

The table is read as text, so that listing what exists costs no import of what it needs.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orecast.errors import ConfigError, nearest


@dataclass(frozen=True)
class Entry:
    """A registered name: where its factory stands and the first line of its docstring."""

    name: str
    module: str
    attribute: str
    summary: str

    def load(self) -> Any:
        """Import the factory."""
        return getattr(importlib.import_module(self.module), self.attribute)


@cache
def entries(room: str) -> MappingProxyType[str, Entry]:
    """Everything registered in a room such as ``orecast.detectors``, by name.

    Raises ValueError where two files claim one name.
    """
    spec = importlib.util.find_spec(room)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{room} is not a package")
    found: dict[str, Entry] = {}
    for folder in spec.submodule_search_locations:
        for path in sorted(Path(folder).glob("*.py")):
            for entry in _read(path, room):
                if entry.name in found:
                    raise ValueError(
                        f"{entry.name!r} is registered in {found[entry.name].module} "
                        f"and again in {entry.module}"
                    )
                found[entry.name] = entry
    return MappingProxyType(dict(sorted(found.items())))


def load(room: str, name: str, *, what: str, where: str | None = None) -> Any:
    """Import the factory registered under ``name``; ``what`` and ``where`` are said without one.

    Raises ConfigError with the nearest names.
    """
    return entry(room, name, what=what, where=where).load()


def entry(room: str, name: str, *, what: str, where: str | None = None) -> Entry:
    """What is registered under ``name``, not imported; ConfigError with the nearest names."""
    known = entries(room)
    if name not in known:
        raise ConfigError(f"unknown {what} {name!r}", where=where, remedy=nearest(name, known))
    return known[name]


def exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__`` that imports each public name when it is asked for.

    ``homes`` tells the module of each name; so a room can be imported without what its parts
    need (geopandas, scikit-learn, torch).
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return get


def _read(path: Path, room: str) -> list[Entry]:
    """Entries of one file's table, from its text alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    summaries = {
        node.name: (ast.get_docstring(node) or "").partition("\n")[0]
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [
            "REGISTERED"
        ]:
            table: dict[str, str] = ast.literal_eval(node.value)
            module = f"{room}.{path.stem}"
            return [Entry(n, module, a, summaries.get(a, "")) for n, a in table.items()]
    return []
