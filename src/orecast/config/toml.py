"""TOML to configuration and back."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import tomlkit
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orecast.config.schema import Config
from orecast.config.section import Section
from orecast.errors import ConfigError, nearest

_TABLE = "must be a table: its keys stand below its name in square brackets"
_MESSAGES = {
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "path_type": "must be the path of a file, in quotes",
}


def parse(table: Mapping[str, Any], *, where: str, folder: Path | None = None) -> Config:
    """Validate a table; relative paths are taken from ``folder``.

    Raises ConfigError that names the key, and the nearest known one where it is unknown.
    """
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        raise _explained(error.errors()[0], where) from None
    if (config.samples is None) == (config.gridded is None):
        raise ConfigError(
            "a run needs either [samples] or [gridded]" + (", not both" if config.samples else ""),
            remedy="orecast init writes a run.toml of your files",
            where=where,
        )
    return config if folder is None else _anchored(config, folder)


def read(path: Path, overrides: list[str] | None = None) -> Config:
    """Read a ``run.toml``; each override is ``key.of.table=value`` with a TOML value.

    Raises ConfigError that names file and key.
    """
    table = read_toml(path)
    for override in overrides or []:
        _set(table, override)
    return parse(table, where=str(path), folder=path.resolve().parent)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file as it is written; raises ConfigError that names it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            "no such file", where=str(path), remedy="orecast init writes one"
        ) from None
    except IsADirectoryError:
        raise ConfigError("is a folder", where=str(path), remedy="name its run.toml") from None
    except UnicodeDecodeError:
        raise ConfigError(
            "is no UTF-8 text", where=str(path), remedy="save the file with encoding UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=str(path)) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"is not valid TOML: {error}",
            where=str(path),
            remedy="put texts in quotes, and write paths with / or in single quotes",
        ) from None


def to_toml(config: Config, *, comments: bool = False) -> str:
    """Write a configuration as TOML, with every field's documentation where ``comments``."""
    document = tomlkit.document()
    _fill(document, config, comments)
    return tomlkit.dumps(document)


def _set(table: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign or not key.strip():
        raise ConfigError(f"--set takes key=value, not {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word is a string, as a shell user writes it
    *tables, last = key.strip().split(".")
    where = f"--set {override}"
    place: Any = table
    for name in tables:
        place = _inside(place, name, where)
    if not isinstance(place, dict):
        raise ConfigError(f"{'.'.join(tables)!r} is no table", where=where)
    place[last] = value


def _inside(place: Any, name: str, where: str) -> Any:
    """The table of a name, made where absent; of an array of tables the one of a number from 0."""
    if isinstance(place, dict):
        return place.setdefault(name, {})
    if isinstance(place, list) and name.isdigit() and int(name) < len(place):
        return place[int(name)]
    raise ConfigError(f"there is no table {name!r}", where=where)


def _explained(error: ErrorDetails, where: str) -> ConfigError:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        *tables, key = error["loc"]
        known = _section_at(tables).model_fields
        return ConfigError(f"unknown key {place!r}", where=where, remedy=nearest(str(key), known))
    if error["type"] == "missing":
        return ConfigError(f"{place!r} is missing", where=where, remedy=f"set {place}")
    message = _MESSAGES.get(error["type"], error["msg"].removeprefix("Value error, "))
    return ConfigError(f"{place!r}: {message} (found {error['input']!r})", where=where)


def _section_at(loc: list[int | str]) -> type[Section]:
    section: type[Section] = Config
    for part in loc:
        if isinstance(part, int):
            continue
        section = _section_in(section.model_fields[part].annotation) or section
    return section


def _anchored(section: Any, folder: Path) -> Any:
    """Return a section with its relative paths taken from ``folder``."""
    changes: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            changes[name] = Path(os.path.normpath(folder / value.expanduser()))
        elif isinstance(value, Section):
            changes[name] = _anchored(value, folder)
        elif isinstance(value, list) and value and isinstance(value[0], Section):
            changes[name] = [_anchored(item, folder) for item in value]
    return section.model_copy(update=changes)


def _fill(table: Any, section: Section, comments: bool, path: str = "") -> None:
    """Plain values before tables, as TOML needs it; of a table that is absent the keys' names."""
    nested = []
    for name, info in type(section).model_fields.items():
        value, kind = getattr(section, name), _section_in(info.annotation)
        if kind is not None:
            nested.append((name, value, kind, info.description))
            continue
        if comments and info.description:
            table.add(tomlkit.comment(info.description))
            if value is None:
                table.add(tomlkit.comment(f"{name} ="))
        if value is not None:
            table.add(name, _plain(value))
    for name, value, kind, description in nested:
        if comments and description:
            table.add(tomlkit.nl())
            table.add(tomlkit.comment(description))
        if value is None or value == []:
            if comments:
                head = f"[[{path}{name}]]" if value == [] else f"[{path}{name}]"
                table.add(tomlkit.comment(f"{head}  # {', '.join(kind.model_fields)}"))
            continue
        inside = f"{path}{name}."
        if isinstance(value, list):
            tables = tomlkit.aot()
            for item in value:
                tables.append(_table(item, comments, inside))
            table.add(name, tables)
        else:
            table.add(name, _table(value, comments, inside))


def _section_in(annotation: Any) -> type[Section] | None:
    """The section that a field holds, alone, in a list or as an alternative; None for a value."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _table(section: Section, comments: bool, path: str) -> Any:
    table = tomlkit.table()
    _fill(table, section, comments, path)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        return inline
    return value
