"""Find factories by name without importing them.

Each file with factories has a literal table of their names::

    REGISTERED = {"random-forest": "RandomForest"}

The table is read as text, so listing the names imports nothing.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orecast.errors import ConfigError, nearest


@dataclass(frozen=True)
class Entry:
    """A registered name: the place of its factory, and the first line of its docstring."""

    name: str
    module: str
    attribute: str
    summary: str

    def load(self) -> Any:
        """Import the factory."""
        return getattr(importlib.import_module(self.module), self.attribute)


@cache
def entries(*packages: str) -> MappingProxyType[str, Entry]:
    """All entries of packages such as ``orecast.models.networks``, or of single modules.

    Raises ValueError if a name is registered twice.
    """
    named: dict[str, Entry] = {}
    for module, path in (pair for package in packages for pair in _modules(package)):
        for entry in _read(path, module):
            if entry.name in named:
                raise ValueError(
                    f"{entry.name!r} is registered in {named[entry.name].module} "
                    f"and again in {entry.module}"
                )
            named[entry.name] = entry
    return MappingProxyType(dict(sorted(named.items())))


def _modules(package: str) -> Iterator[tuple[str, Path]]:
    """The modules of a package with their files; for a module, itself."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ValueError(f"there is no {package}")
    origin = Path(spec.origin)
    if origin.stem != "__init__":
        yield package, origin
        return
    for path in sorted(origin.parent.glob("*.py")):
        yield f"{package}.{path.stem}", path


def load(package: str, name: str, *, what: str, where: str | None = None) -> Any:
    """Import the factory registered under ``name``; ``what`` and ``where`` are for the error.

    Raises ConfigError with the nearest names.
    """
    return entry(package, name, what=what, where=where).load()


def entry(package: str, name: str, *, what: str, where: str | None = None) -> Entry:
    """The entry of ``name``, not imported; ConfigError with the nearest names."""
    known = entries(package)
    if name not in known:
        raise ConfigError(f"unknown {what} {name!r}", where=where, remedy=nearest(name, known))
    return known[name]


def _read(path: Path, module: str) -> list[Entry]:
    """Entries of one file's table, from its text."""
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
            return [Entry(n, module, a, summaries.get(a, "")) for n, a in table.items()]
    return []
