"""Names to factories, without importing them.

Each file that offers something opens with a literal table of its names::

    REGISTERED = {"random-forest": "RandomForest"}

The table is read as text, so that listing what exists costs no import of what it needs.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
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


def load(room: str, name: str, *, what: str) -> Any:
    """Import the factory registered under ``name``; ``what`` is said when there is none.

    Raises ConfigError with the nearest names.
    """
    known = entries(room)
    if name not in known:
        raise ConfigError(f"unknown {what} {name!r}", remedy=nearest(name, known))
    return known[name].load()


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
