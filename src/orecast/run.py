"""A run's folder: a stage is written beside and renamed, so it is either done or absent.

The folder is complete and movable. Its names are fixed (``docs/architecture.md``); what only a
resumed run needs stands in ``.orecast/``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from orecast.errors import RunError

_JOURNAL = ".orecast/journal.json"


class Run:
    """A run's folder and the journal of its finished stages.

    Nothing is written before the first stage ends, so that refused input leaves no trace.
    """

    def __init__(self, folder: Path, key: str, kind: str = "run") -> None:
        self.folder = folder
        self._key = key
        self._kind = kind
        self._stages: list[str] = []
        self._files: dict[str, str] = {}  # what the run's stages have written, and which did
        self._stale: list[str] = []  # what an overwritten run had written

    @classmethod
    def begin(
        cls, folder: Path, key: str, *, resume: bool, overwrite: bool = False, kind: str = "run"
    ) -> Self:
        """Begin a run, or go on with one whose ``key`` (what its result depends on) is the same.

        Its ``kind`` is what a user calls it: one kind never replaces another. Raises RunError where
        the folder cannot be written, or holds something else, or another configuration's run.
        """
        run = cls(folder, key, kind)
        journal = folder / _JOURNAL
        _require_writable(folder)
        entries = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        if not journal.is_file() and entries in ([], [".orecast"]):
            return run  # nothing there, or killed before the first stage ended
        if not journal.is_file():
            raise RunError(
                "the folder exists and is no run", where=str(folder), remedy="name another output"
            )
        try:
            state = json.loads(journal.read_text(encoding="utf-8"))
            key_there, stages, files = state["key"], list(state["stages"]), dict(state["files"])
            kind_there = str(state.get("kind", "run"))
        except (OSError, ValueError, KeyError, TypeError):
            if not overwrite:
                raise RunError(
                    "the journal cannot be read, so nobody knows which stages were finished",
                    where=str(journal),
                    remedy="--overwrite begins again",
                ) from None
            key_there, stages, files, kind_there = "", [], {}, kind
        if kind_there != kind:
            raise RunError(
                f"a {kind_there} stands here, and is not replaced by a {kind}",
                where=str(folder),
                remedy="name another output",
            )
        if resume and key_there != key:
            raise RunError(
                "the configuration, its options or the input files are not those of this run",
                where=str(folder),
                remedy="give the options it was begun with, begin again with --overwrite, or name "
                "another output",
            )
        if resume:
            run._stages, run._files = stages, files
            return run
        if not overwrite:
            raise RunError(
                f"a {kind} stands here already",
                where=str(folder),
                remedy="--resume goes on with it, --overwrite begins again",
            )
        run._clear_scratch()
        run._stale = list(files)
        return run

    def done(self, name: str) -> bool:
        """Whether a stage has been finished, and all that it wrote is still there."""
        wrote = (file for file, stage in self._files.items() if stage == name)
        return name in self._stages and all((self.folder / file).exists() for file in wrote)

    @contextmanager
    def stage(self, name: str) -> Iterator[Path]:
        """Yield a folder to write into; its entries replace the run's own when the block ends.

        Where the block fails nothing of the run changes. Raises RunError where the disk does.
        """
        part = self.folder / ".orecast" / f"{name}.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            self._clear_overwritten()
            for entry in sorted(part.iterdir()):
                self._replace(entry, self.folder / entry.name)
                self._files[entry.name] = name
            part.rmdir()
            self._stages = [s for s in self._stages if s != name] + [name]
            self._write_journal()
        except OSError as error:
            raise RunError(
                f"cannot write ({error.strerror or error})",
                where=error.filename if isinstance(error.filename, str) else str(self.folder),
                remedy="free space or name a writable output folder",
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
            self._remove_if_empty()

    def carry(self, name: str, part: Path) -> None:
        """Make a folder in a stage's, with what an earlier try of this run has put there since."""
        if (self.folder / name).is_dir() and name not in self._stale:
            shutil.copytree(self.folder / name, part / name)
        else:
            (part / name).mkdir()

    def scratch(self, name: str) -> Path:
        """Return a folder for what only a resumed run needs, such as checkpoints.

        It belongs to the run's key: another configuration never finds it.
        """
        path = self._scratch / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot write ({error.strerror})", where=str(path)) from error
        return path

    def finish(self) -> None:
        """Remove what only a resumed run would have needed."""
        self._clear_scratch()

    def _clear_scratch(self) -> None:
        for scratch in (self.folder / ".orecast").glob("scratch-*"):
            shutil.rmtree(scratch, ignore_errors=True)

    @property
    def _scratch(self) -> Path:
        name = hashlib.sha256(self._key.encode()).hexdigest()[:16]
        return self.folder / ".orecast" / f"scratch-{name}"

    def _clear_overwritten(self) -> None:
        """Remove the run that this one replaces, the journal first: no half of it is resumed."""
        if not self._stale:
            return
        self._write_journal()
        for name in self._stale:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self._stale = []

    def _replace(self, new: Path, target: Path) -> None:
        if target.is_dir():
            old = new.with_name(new.name + ".old")
            target.rename(old)
            new.rename(target)
            shutil.rmtree(old)
        else:
            os.replace(new, target)

    def _write_journal(self) -> None:
        journal = self.folder / _JOURNAL
        state = {
            "kind": self._kind,
            "key": self._key,
            "stages": self._stages,
            "files": self._files,
        }
        write_json(journal, state)

    def _remove_if_empty(self) -> None:
        for path in (self.folder / ".orecast", self.folder):
            try:
                path.rmdir()
            except OSError:
                return


def _require_writable(folder: Path) -> None:
    """Raise RunError where the folder could not be made, or nothing written into it."""
    place = folder.resolve()
    while not os.path.lexists(place):
        place = place.parent
    remedy = "name another output"
    if not place.is_dir():
        raise RunError("is a file, and no folder to write into", where=str(place), remedy=remedy)
    if not os.access(place, os.W_OK | os.X_OK):
        raise RunError("cannot be written into", where=str(place), remedy=remedy)


def write_json(path: Path, content: Any) -> None:
    """Write JSON beside and rename; NaN becomes null."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(
        json.dumps(_finite(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    os.replace(beside, path)


def why_broken(error: Exception) -> str:
    """What is wrong with a file's content, in one line, from what reading it raised.

    >>> why_broken(KeyError("training"))
    "it lacks 'training'"
    >>> why_broken(FileNotFoundError(2, "No such file or directory", "model/network.json"))
    'it is not there'
    """
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "it is no JSON"
    if isinstance(error, zipfile.BadZipFile | zlib.error | NotImplementedError | EOFError):
        return "it is no archive of arrays"
    if "allow_pickle" in str(error):
        return "it is no archive of plain arrays; pickled objects are never loaded"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, TypeError):
        return "it is not built as such files are"
    return str(error)


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
