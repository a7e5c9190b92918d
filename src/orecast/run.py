"""A run's folder: a stage is written beside and renamed, so it is either done or absent.

The folder is complete and movable. Its names are fixed (``docs/architecture.md``); what only a
resumed run needs is kept in ``.orecast/``: the lock, the journal, checkpoints.

A stage lands in three steps. Its files are written to the disk and hashed; the journal names them
as landing; they replace the run's own. A process killed in between leaves a journal by which the
next one finishes the replacement.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import shutil
import sqlite3
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, Self

from pydantic import ValidationError

from orecast import __version__
from orecast.errors import RunError

FORMAT = 3
"""Of a run's folder: what its files mean and hold. Another format is not read."""

RUN_AGAIN = "run it again with --overwrite"
LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "pandas",
    "shapely",
    "pyproj",
    "geopandas",
    "rasterio",
    "torch",
    "torchvision",
    "lightning-fabric",
)

_SCRATCH = ".orecast"
_JOURNAL = "journal.json"
_LOCK = "lock"
_GEOPACKAGE = ".gpkg"
_READERS_TABLES = (
    b"gpkg_contents",
    b"gpkg_ogr_contents",
    b"gpkg_extensions",
    b"layer_styles",
    b"qgis_",
    b"sqlite_",
)
"""How tables of a GeoPackage begin into which QGIS writes: times, counts, styles, projects."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_MOST_NAMED = 5

_log = logging.getLogger("orecast")


def versions() -> dict[str, str]:
    """Versions of all that results depend on, by name."""
    libraries = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"orecast": __version__, "Python": platform.python_version(), **libraries}


class Run:
    """A run's folder, locked for one process, and the journal of its finished stages.

    Nothing but the lock is written before the first stage ends, so that refused input leaves no
    trace. ``with Run.begin(…) as run`` gives the lock back at the end.
    """

    def __init__(self, folder: Path, key: str, kind: str = "run") -> None:
        self.folder = folder
        self._key = key
        self._kind = kind
        self._stages: dict[str, list[str]] = {}  # names in the folder that each has written
        self._hashes: dict[str, str] = {}  # of every file of theirs
        self._stale: list[str] = []  # names that an overwritten run had written
        self._carried: list[str] = []  # names whose files belong to no stage
        self._missing = _missing_folders(folder)
        self._lock: IO[str] | None = None

    @classmethod
    def begin(
        cls, folder: Path, key: str, *, resume: bool, overwrite: bool = False, kind: str = "run"
    ) -> Self:
        """Begin a run, or go on with one whose ``key`` (what its result depends on) is the same.

        Its ``kind`` is what a user calls it: one kind never replaces another. Raises RunError where
        the folder cannot be written, is written by another process, holds something else, another
        configuration's run or one by other versions, or where a finished file is damaged.
        """
        run = cls(folder, key, kind)
        _require_writable(folder)
        if not run._journal.is_file() and _entries(folder) - {_SCRATCH}:
            raise RunError(
                "the folder exists and is no run", where=str(folder), remedy="name another output"
            )
        try:
            run._lock = _lock(folder)
            run._go_on(resume=resume, overwrite=overwrite)
        except BaseException as error:
            run.__exit__(type(error), error)
            raise
        return run

    def _go_on(self, *, resume: bool, overwrite: bool) -> None:
        """Take over what is in the folder, or leave it to be overwritten."""
        if not self._journal.is_file():
            return  # nothing there, or killed before the first stage ended
        where = str(self.folder)
        try:
            state = json.loads(self._journal.read_text(encoding="utf-8"))
            kind, key, format_ = str(state.get("kind", "run")), state["key"], state.get("format", 1)
            names = [*state["stale"], *(name for of in state["stages"].values() for name in of)]
            names += state["landing"]["names"] if state["landing"] else []
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            if not overwrite:
                raise RunError(
                    "the journal cannot be read, so the finished stages are not known",
                    where=str(self._journal),
                    remedy="--overwrite begins again",
                ) from None
            self.finish()
            return
        if kind != self._kind:
            what = f"a {kind} stands here, and is not replaced by a {self._kind}"
            raise RunError(what, where=where, remedy="name another output")
        if overwrite:
            self.finish()
            self._stale = list(dict.fromkeys(names))
            return
        if not resume:
            remedy = "add --resume to continue it, or --overwrite to replace it"
            raise RunError(f"this folder already holds a {kind}", where=where, remedy=remedy)
        again = "type the same line with --overwrite in place of --resume"
        if format_ != FORMAT:
            what = f"the {kind} has format {format_}, and this version of orecast goes on with"
            raise RunError(f"{what} format {FORMAT} alone", where=where, remedy=again)
        if changed := _changed_versions(state.get("versions", {})):
            raise RunError(
                f"the {kind} was begun by other versions ({changed}), and results of two versions "
                "are not mixed",
                where=where,
                remedy=f"{again}, or install those versions",
            )
        if key != self._key:
            raise RunError(
                "the configuration, its options or the input files are not those of this run",
                where=where,
                remedy="give the options it was begun with, begin again with --overwrite, or name "
                "another output",
            )
        self._stages, self._hashes = dict(state["stages"]), dict(state["hashes"])
        self._stale = list(state["stale"])
        if state["landing"]:
            self._land(**state["landing"])
        self._keep_whole()
        if files := _damaged(self.folder, self._hashes):
            raise RunError(
                _list_files(files, f"not as the {kind} wrote them"),
                where=where,
                remedy=f"delete them and type the line that began the {kind}, with --resume: it "
                "computes them again",
            )

    def _keep_whole(self) -> None:
        """Forget the first stage that lacks a file, and all after it, which depend on it."""
        whole: dict[str, list[str]] = {}
        for stage, names in self._stages.items():
            files = [file for file in self._hashes if file.split("/")[0] in names]
            if not all((self.folder / file).exists() for file in (*names, *files)):
                break
            whole[stage] = names
        kept = {name for names in whole.values() for name in names}
        self._stages = whole
        self._hashes = {f: value for f, value in self._hashes.items() if f.split("/")[0] in kept}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        self.close()
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            raise _write_error(error, self.folder) from error

    def close(self) -> None:
        """Give the folder back to other processes; a folder without a finished stage goes."""
        scratch = self.folder / _SCRATCH
        begun = self._journal.is_file()
        if self._lock is not None:
            for name in () if begun else _entries(scratch) - {_LOCK}:
                with suppress(OSError):
                    _remove(scratch / name)
            _unlock(self._lock, scratch / _LOCK)
            self._lock = None
        if not begun:
            _remove_empty(scratch, self.folder, *self._missing)

    def done(self, name: str) -> bool:
        """Whether a stage has been finished, and it and all before it are still there."""
        return name in self._stages

    @contextmanager
    def stage(self, name: str) -> Iterator[Path]:
        """Yield a folder to write into; its entries replace the run's own when the block ends.

        Where the block fails nothing of the run changes. Raises RunError where the disk does.
        """
        part = self._part(name)
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            hashes = self.hashes(part)
            _sync_all(part)
            names = sorted(_entries(part))
            landing: dict[str, Any] = {"stage": name, "names": names, "hashes": hashes}
            if self._stale:  # no half of the run that this one replaces is resumed
                self._stages, self._hashes = {}, {}
            self._write_journal(landing)
            self._land(**landing)
        except OSError as error:
            raise _write_error(error, self.folder) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _land(self, stage: str, names: list[str], hashes: dict[str, str]) -> None:
        """Replace the run's own files by those of a stage; again where a killed process began."""
        part = self._part(stage)
        for name in self._stale:
            if name not in names:
                _remove(self.folder / name)
        for name in names:
            if (part / name).exists():
                _replace(part / name, self.folder / name)
        _sync(self.folder)
        shutil.rmtree(part, ignore_errors=True)
        self._stale = []
        self._hashes = {
            file: value for file, value in self._hashes.items() if file.split("/")[0] not in names
        } | hashes
        self._stages.pop(stage, None)
        self._stages[stage] = names
        self._write_journal(None)

    def hashes(self, part: Path | None = None) -> dict[str, str]:
        """SHA-256 of the files of all finished stages, or of those of a stage being written."""
        if part is None:
            return dict(self._hashes)
        return {
            path.relative_to(part).as_posix(): content_hash(path)
            for path in sorted(part.rglob("*"))
            if path.is_file() and path.relative_to(part).parts[0] not in self._carried
        }

    def carry(self, name: str, part: Path) -> None:
        """Make a folder in a stage's, with what an earlier try of this run has put there since."""
        self._carried.append(name)
        if (self.folder / name).is_dir() and name not in self._stale:
            shutil.copytree(self.folder / name, part / name)
        else:
            (part / name).mkdir()

    def scratch(self, name: str) -> Path:
        """Return a folder for what only a resumed run needs, such as checkpoints.

        It belongs to the run's key: another configuration never finds it.
        """
        key = hashlib.sha256(self._key.encode()).hexdigest()[:16]
        path = self.folder / _SCRATCH / f"scratch-{key}" / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _write_error(error, path) from error
        return path

    def finish(self) -> None:
        """Remove what only a resumed run would have needed."""
        for scratch in (self.folder / _SCRATCH).glob("scratch-*"):
            shutil.rmtree(scratch, ignore_errors=True)

    @property
    def _journal(self) -> Path:
        return self.folder / _SCRATCH / _JOURNAL

    def _part(self, stage: str) -> Path:
        return self.folder / _SCRATCH / f"{stage}.part"

    def _write_journal(self, landing: dict[str, Any] | None) -> None:
        state = {
            "format": FORMAT,
            "kind": self._kind,
            "key": self._key,
            "versions": versions(),
            "stages": self._stages,
            "hashes": self._hashes,
            "stale": self._stale,
            "landing": landing,
        }
        write_json(self._journal, state)


def _lock(folder: Path) -> IO[str]:
    """Lock a folder, made where absent, until the file is closed or this process ends.

    Raises RunError where another process has locked it.
    """
    path = folder / _SCRATCH / _LOCK
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise _write_error(error, folder) from error
        if not _locked(stream, folder):
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            stream.close()
            raise RunError(
                f"the folder is in use by {holder}",
                where=str(folder),
                remedy="wait until it has ended, or name another output",
            )
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                break
        stream.close()  # its file was removed by the process that ended just now
    since = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    try:
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {platform.node()}, since {since}\n")
        stream.flush()
    except OSError as error:
        _unlock(stream, path)
        raise _write_error(error, folder) from error
    return stream


def _unlock(stream: IO[str], path: Path) -> None:
    """Remove the lock's file, then close it: the lock ends with it."""
    with suppress(OSError):
        path.unlink()
    with suppress(OSError):  # of a full disk, what is not written yet
        stream.close()
    if sys.platform == "win32":
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _locked(stream: IO[str], folder: Path) -> bool:
    """Lock an open file for this process alone; False where another has locked it."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(2**20)  # beyond the text, which others must be able to read
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        stream.close()
        raise RunError(
            f"the file system cannot lock a file ({error.strerror})",
            where=str(folder),
            remedy="name an output on another file system",
        ) from error
    return True


def holds_run(folder: Path) -> bool:
    """Whether a folder is that of a run or a comparison, finished or not."""
    return (folder / _SCRATCH / _JOURNAL).is_file()


def require_own(path: Path) -> None:
    """Raise RunError where a configuration is a run's own, and not as the run wrote it."""
    try:
        state = json.loads((path.parent / _SCRATCH / _JOURNAL).read_text(encoding="utf-8"))
        damaged = state["kind"] == "run" and _damaged(
            path.parent, {path.name: state["hashes"][path.name]}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return
    if damaged:
        raise RunError(
            "is not as the run wrote it",
            where=str(path),
            remedy="delete it and type the line that began the run, with --resume; or that line "
            "with --overwrite",
        )


def read_own_json(path: Path, *keys: str) -> dict[str, Any]:
    """Content of a finished run's file; RunError where it cannot be read or lacks a key."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lacking = [key for key in keys if key not in content]
        if lacking or not isinstance(content, dict):
            raise ValueError(f"{', '.join(lacking) or 'a table'} is missing")
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=RUN_AGAIN) from None
    return content


def verify_finished(folder: Path) -> None:
    """Make sure that a finished run's files are as it wrote them.

    Raises RunError where the run is not finished, has another format, or where files are missing
    or damaged. Other versions of libraries are named in one line of the log.
    """
    path = folder / "provenance.json"
    if not path.is_file():
        raise RunError(
            "not a finished run: provenance.json is missing",
            where=str(folder),
            remedy="name a finished run's folder, or finish it by orecast run --resume",
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        format_ = content.get("format", 1)
        outputs = dict(content["outputs"]) if format_ == FORMAT else {}
        before = {
            "orecast": content["orecast"],
            "Python": content["python"],
            **content["libraries"],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"is damaged: {why_broken(error)}", where=str(path), remedy=RUN_AGAIN
        ) from None
    if format_ != FORMAT:
        what = f"the run has format {format_}, and this version of orecast reads format {FORMAT}"
        raise RunError(f"{what} alone", where=str(folder), remedy=RUN_AGAIN)
    missing = [file for file in outputs if not (folder / file).is_file()]
    if missing:
        what = f"not a finished run: {_list_files(missing, 'missing')}"
        raise RunError(what, where=str(folder), remedy=RUN_AGAIN)
    if files := _damaged(folder, outputs):
        raise RunError(
            _list_files(files, "not as the run wrote them"),
            where=str(folder),
            remedy="restore what was there, or run it again with --overwrite",
        )
    if changed := _changed_versions(before):
        _log.warning("%s was made by other versions (%s).", folder, changed)


def _changed_versions(before: dict[str, str]) -> str:
    """What has another version now, in words; empty where nothing has."""
    now = versions()
    return ", ".join(
        f"{name} {before.get(name, 'unknown')}, now {version}"
        for name, version in now.items()
        if before.get(name) != version
    )


def _damaged(folder: Path, hashes: dict[str, str]) -> list[str]:
    """Files that are there and have another hash."""
    return [
        file
        for file, value in hashes.items()
        if (folder / file).is_file() and content_hash(folder / file) != value
    ]


def _write_error(error: OSError, folder: Path) -> RunError:
    """Return the error of a file or folder that cannot be written."""
    return RunError(
        f"cannot write ({error.strerror or error})",
        where=error.filename if isinstance(error.filename, str) else str(folder),
        remedy="free space or name a writable output folder",
    )


def _list_files(files: list[str], what: str) -> str:
    """Name the files of which something is wrong; all are counted."""
    named = ", ".join(files[:_MOST_NAMED]) + (" …" if len(files) > _MOST_NAMED else "")
    return f"{len(files)} file{'s are' if len(files) > 1 else ' is'} {what}: {named}"


def _entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _replace(new: Path, target: Path) -> None:
    if target.is_dir():
        old = new.with_name(new.name + ".old")
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)
    else:
        os.replace(new, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_all(folder: Path) -> None:
    """Have the disk keep all that a folder holds, whatever happens to the machine."""
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    if sys.platform == "win32" and path.is_dir():
        return  # a folder cannot be opened there
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_writable(folder: Path) -> None:
    """Raise RunError where the folder could not be made, or nothing written into it."""
    place = Path(os.path.realpath(folder))
    while not os.path.lexists(place):
        place = place.parent
    remedy = "name another output"
    if not place.is_dir():
        raise RunError("is a file, and no folder to write into", where=str(place), remedy=remedy)
    if not os.access(place, os.W_OK | os.X_OK):
        raise RunError("cannot be written into", where=str(place), remedy=remedy)


def write_json(path: Path, content: Any) -> None:
    """Write JSON whole or not at all; NaN becomes null."""
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False) + "\n"
    with written_whole(path) as stream:
        stream.write(text.encode())


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside and rename it; a failure leaves what was there."""
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; a failure removes those that were made, if empty."""
    missing = _missing_folders(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        _remove_empty(*missing)
        raise


def _missing_folders(folder: Path) -> list[Path]:
    return [place for place in (folder, *folder.parents) if not os.path.lexists(place)]


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def naming_target(path: Path, option: str) -> Iterator[None]:
    """Turn the error of a file that cannot be written into a RunError; ``option`` names it."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror})",
            where=str(path),
            remedy=f"free space, or name a file in a writable folder with {option}",
        ) from None


def refuse_other_file(path: Path, keys: set[str], what: str) -> None:
    """Raise RunError where a file exists that is no JSON with these keys; ``what`` they hold."""
    if not path.exists():
        return
    try:  # a device, such as /dev/zero, may be endless
        same = path.is_file() and json.loads(path.read_text(encoding="utf-8")).keys() >= keys
    except (OSError, ValueError, AttributeError):
        same = False
    if not same:
        raise RunError(
            f"this file exists and holds no {what}",
            where=str(path),
            remedy="name another file with --write",
        )


def write_result(path: Path, content: dict[str, Any], keys: set[str], what: str) -> None:
    """Write JSON with these keys, and its folder; another kind of file is not overwritten.

    Raises RunError where it cannot be written, or where another kind of file exists.
    """
    refuse_other_file(path, keys, what)
    with naming_target(path, "--write"), made_folder(path.parent):
        write_json(path, content)


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    """Write JSON with the hash of its content, by which ``read_sealed`` notices damage."""
    content = _finite(content)
    write_json(path, content | {"sha256": _seal(content)})


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read what ``write_sealed`` wrote; None where there is no file, RunError if it is damaged."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        seal = content.pop("sha256")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        seal = None
    if seal is None or seal != _seal(content):
        raise damaged_file(path)
    return content


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def damaged_file(path: Path) -> RunError:
    """Return the error of a file that only an unfinished run needs, and that is damaged."""
    return RunError(
        "the file is damaged",
        where=str(path),
        remedy="delete it and go on with --resume, which computes it again",
    )


BROKEN_ARRAYS = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    RuntimeError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and zipfile raise of a damaged archive of arrays; its members carry checksums."""


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
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            return f"it lacks {place!r}"
        own = first["type"] == "value_error"
        return f"{place!r}: {first['ctx']['error'] if own else 'cannot be used'}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, TypeError):
        return "it is not built as such files are"
    return str(error)


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_hash(path: Path) -> str:
    """SHA-256 of a file; of a GeoPackage that of its layers, as QGIS writes into what it opens."""
    return _layers_hash(path) if path.suffix == _GEOPACKAGE else file_hash(path)


def _layers_hash(path: Path) -> str:
    """SHA-256 of all in a GeoPackage but what its readers write; empty where it is broken."""
    digest = hashlib.sha256()
    try:
        address = f"{path.resolve().as_uri()}?immutable=1"  # nothing is written beside it
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.text_factory = bytes
            if database.execute("PRAGMA integrity_check").fetchall() != [(b"ok",)]:
                return ""
            entries = database.execute("SELECT name, tbl_name, sql FROM sqlite_master").fetchall()
            for name, table, sql in sorted(entries, key=lambda entry: entry[:2]):
                if table.startswith(_READERS_TABLES):
                    continue
                digest.update(repr((name, table, sql)).encode())
                if name == table and not (sql or b"").startswith(b"CREATE VIRTUAL"):
                    rows = database.execute(f'SELECT * FROM "{name.decode()}"')
                    digest.update("\n".join(sorted(map(repr, rows))).encode())
    except (sqlite3.Error, ValueError):
        return ""
    return digest.hexdigest()


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
