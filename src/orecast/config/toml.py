"""Read and write configurations as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, get_args

import tomlkit
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orecast.config.schema import Config, Section, path_problem, path_text
from orecast.errors import ConfigError, nearest

_SURVEYS = ("samples", "gridded")
_DEEPEST = 32  # tables and lists inside each other; Python's recursion has a limit
_MOST = 20  # mistakes shown in a message
_WHOLE, _NUMBER, _LIST = "must be a whole number", "must be a number", "must be a list, in brackets"
_TABLE = "must be a table: write its keys below its name in square brackets"
_WORDS = {  # by pydantic's type of error; its context is filled in
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "dict_type": "must be a table, in braces",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_long": "takes {max_length} values",
    "string_type": "must be a text, in quotes",
    "string_unicode": "must be a text, but contains bytes that are not text",
    "path_type": "must be the path of a file, in quotes",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "greater_than": "must be above {gt:.12g}",
    "greater_than_equal": "must be at least {ge:.12g}",
    "less_than": "must be below {lt:.12g}",
    "less_than_equal": "must be at most {le:.12g}",
    "value_error": "{error}",
}
_ALTERNATIVES = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "list[str]": "a list of texts",
    "list[float]": "a list of numbers",
}

Mistake = tuple[str, str | None]  # what is wrong, with its key; the remedy


def parse(table: Mapping[str, Any], *, where: str, folder: Path | None = None) -> Config:
    """Validate a table; relative paths are taken from ``folder``.

    Raises ConfigError with the key of each mistake; for an unknown key, with the nearest known one.
    """
    mistakes: list[Mistake] = []
    config = None
    try:
        config = Config.model_validate(table, context=folder)
    except ValidationError as error:
        mistakes += _explained(error.errors(include_url=False), table)
    samples, gridded = (table.get(name) is not None for name in _SURVEYS)
    if samples == gridded and not any(_is_misspelt_survey(key) for key in table):
        if samples:
            found = "there are both [samples] and [gridded]; a run needs only one", "remove one"
        else:
            found = (
                "there is neither [samples] nor [gridded]; a run needs one",
                "add one, or make a run.toml with `orecast init`",
            )
        mistakes.append(found)
    if config is None or mistakes:
        raise _error(mistakes, where)
    return config


def read(
    path: Path,
    overrides: list[str] | None = None,
    *,
    model: str | None = None,
    output: Path | None = None,
) -> Config:
    """Read a ``run.toml``, or the one in a folder.

    Each override is ``key.of.table=value`` with a TOML value.

    ``model`` replaces the file's model and its options; overrides can set new options. ``output``
    replaces the file's folder and is relative to the current folder. Raises ConfigError with file
    and key.
    """
    if path.is_dir() and (path / "run.toml").is_file():
        path = path / "run.toml"
    table = read_toml(path)
    if model is not None:
        table["model"] = {"name": model}
    for override in overrides or []:
        _set(table, override)
    if output is not None:
        table["output"] = output.absolute()
    folder = path.resolve().parent
    if fault := path_problem(str(folder)):
        raise ConfigError(f"the folder's path {fault}", where=str(path), remedy="rename the folder")
    return parse(table, where=str(path), folder=folder)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file without validation; raises ConfigError with its name."""
    if fault := path_problem(str(path)):
        raise ConfigError(f"the path {fault}", where=str(path), remedy="use another file")
    if path.is_char_device():  # for example /dev/zero, which has no end
        raise ConfigError(
            "this is not a file", where=str(path), remedy="give the path of a run.toml"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            "no such file", where=str(path), remedy="check the path, or make it with `orecast init`"
        ) from None
    except IsADirectoryError:
        raise ConfigError(
            "this is a folder", where=str(path), remedy="give the run.toml in it"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            "the file is not UTF-8 text", where=str(path), remedy="save it with encoding UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"the file cannot be read ({error.strerror})", where=str(path)) from None
    try:
        return _loaded(text, str(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"the file is not valid TOML: {error}",
            where=str(path),
            remedy="put texts in quotes, and write paths with / or in single quotes",
        ) from None


def read_value(text: str, where: str) -> Any:
    """Read a TOML value; a word without quotes is a text.

    Raises ConfigError with ``where``.

    >>> read_value("[1, 2]", "--set"), read_value("resnet34", "--set")
    ([1, 2], 'resnet34')
    """
    try:
        table = _loaded(f"value = {text}", where)
    except tomllib.TOMLDecodeError:
        return text.strip()
    return table["value"] if len(table) == 1 else text.strip()


def to_toml(config: Config, *, comments: bool = False) -> str:
    """Write a configuration as TOML; with ``comments``, each field's docstring too."""
    return tomlkit.dumps(_filled(tomlkit.document(), config, comments))


def inline(table: Mapping[str, Any]) -> str:
    """A table as TOML in one line, such as a remedy shows it.

    >>> inline({"Sample type": ["SOIL", "TILL"]})
    '{"Sample type" = ["SOIL", "TILL"]}'
    """
    written = tomlkit.inline_table()
    written.update(table)
    return written.as_string()


def _loaded(text: str, where: str) -> dict[str, Any]:
    """The table of a TOML text; raises ConfigError if it is too deep or has too large integers.

    Raises TOMLDecodeError if it is not TOML.
    """
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(
            f"brackets are nested more than {_DEEPEST} deep",
            where=where,
            remedy="remove surplus brackets",
        ) from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # from int(), for thousands of digits
        raise ConfigError(
            "an integer has thousands of digits",
            where=where,
            remedy="write at most 18 digits",
        ) from None
    if mistakes := list(_unusable(table)):
        raise _error(mistakes, where)
    return table


def _unusable(value: Any, key: str = "", depth: int = 0) -> Iterator[Mistake]:
    """Values that are nested too deep, and integers too large to be written."""
    if depth > _DEEPEST:
        yield f"{key!r}: is nested more than {_DEEPEST} tables or lists deep", None
    elif isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in inside:
            yield from _unusable(inner, f"{key}.{name}".removeprefix("."), depth + 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield f"{key!r}: the integer has more than 64 bits", None


def _set(table: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign or not key.strip():
        raise ConfigError(f"--set needs key=value, not {_cut(repr(override))}")
    where = f"--set {_cut(override)}"
    value = read_value(text, where)
    *tables, last = key.strip().split(".")
    if len(tables) > _DEEPEST:
        raise ConfigError(f"the key is nested more than {_DEEPEST} tables deep", where=where)
    place: Any = table
    for name in tables:
        place = _inside(place, name, where)
    if not isinstance(place, dict):
        raise ConfigError(f"{'.'.join(tables)!r} is not a table", where=where)
    place[last] = value


def _inside(place: Any, name: str, where: str) -> Any:
    """The table of a name, made if missing; in an array of tables, the one with this number."""
    if isinstance(place, dict):
        return place.setdefault(name, {})
    if isinstance(place, list) and name in map(str, range(len(place))):
        return place[int(name)]
    raise ConfigError(f"there is no table {_cut(name)!r}", where=where)


def _error(mistakes: list[Mistake], where: str) -> ConfigError:
    """One error for all mistakes; if there are several, one line each."""
    if len(mistakes) == 1:
        what, remedy = mistakes[0]
        return ConfigError(what, where=where, remedy=remedy)
    lines = [f"{what}; {remedy}" if remedy else what for what, remedy in mistakes[:_MOST]]
    if len(mistakes) > _MOST:
        lines.append(f"and {len(mistakes) - _MOST} more")
    return ConfigError("\n  ".join([f"{len(mistakes)} mistakes:", *lines]), where=where)


def _is_misspelt_survey(key: str) -> bool:
    """Whether an unknown key is probably ``samples`` or ``gridded``, misspelt."""
    return key not in Config.model_fields and nearest(key, _SURVEYS).startswith("did you mean")


def _explained(errors: list[ErrorDetails], table: Mapping[str, Any]) -> list[Mistake]:
    """Each mistake once; pydantic gives one error for each allowed type of a value."""
    by_key: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for error in errors:
        key = error["loc"] if _is_missing(error) else _known(error["loc"], table)
        by_key.setdefault(key, []).append(error)
    return [_mistake(key, found) for key, found in by_key.items()]


def _is_missing(error: ErrorDetails) -> bool:
    """Whether a key is missing, not a value in a list."""
    return error["type"] == "missing" and isinstance(error["loc"][-1], str)


def _known(loc: tuple[int | str, ...], table: Mapping[str, Any]) -> tuple[int | str, ...]:
    """The part of an error's location that is in the table; the rest is a type or is missing."""
    place: Any = table
    for k, part in enumerate(loc):
        try:
            place = place[part]
        except (KeyError, IndexError, TypeError):
            return loc[:k]
    return loc


def _mistake(key: tuple[int | str, ...], errors: list[ErrorDetails]) -> Mistake:
    place, error = ".".join(map(str, key)), errors[0]
    if error["type"] == "extra_forbidden":
        *tables, last = key
        known = _section_at(tables).model_fields
        return f"unknown key {place!r}", nearest(str(last), known)
    if _is_missing(error):
        return f"{place!r} is missing", f"set {place}"
    return f"{place!r}: {_words(key, errors)} (found {_found(error['input'])})", None


def _words(key: tuple[int | str, ...], errors: list[ErrorDetails]) -> str:
    """As text: what a value must be."""
    error = next((e for e in errors if e["type"] == "finite_number"), errors[0])
    kind = error["type"]
    if kind == "missing":  # a list with too few values has one error per missing value
        return f"takes {int(errors[-1]['loc'][-1]) + 1} values"
    if len(error["loc"]) > len(key) and kind != "finite_number":
        names = (str(e["loc"][len(key)]) for e in errors)
        *most, last = dict.fromkeys(_ALTERNATIVES[name] for name in names)
        return f"must be {', '.join(most)} or {last}"
    if kind == "list_type" and _section_at([*key]) is not _section_at([*key[:-1]]):
        return f"must be a list of tables, each below [[{'.'.join(map(str, key))}]]"
    return _WORDS.get(kind, "cannot be used").format(**error.get("ctx", {}))


def _found(value: Any) -> str:
    return _cut(str(value) if isinstance(value, date | time) else repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


def _section_at(loc: list[int | str]) -> type[Section]:
    section: type[Section] = Config
    for part in loc:
        if isinstance(part, int):
            continue
        section = _section_in(section.model_fields[part].annotation) or section
    return section


def _filled(table: Any, section: Section, comments: bool, path: str = "") -> Any:
    """Write plain values before tables, as TOML needs; a missing table as a comment of keys."""
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
                tables.append(_filled(tomlkit.table(), item, comments, inside))
            table.add(name, tables)
        else:
            table.add(name, _filled(tomlkit.table(), value, comments, inside))
    return table


def _section_in(annotation: Any) -> type[Section] | None:
    """The section type of a field (alone, in a list or optional); None for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return path_text(value)
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        return inline
    return list(value) if isinstance(value, tuple) else value
