"""What a result depends on: configuration, input files, versions; and what it cost."""

from __future__ import annotations

import glob
import hashlib
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orecast.config import Config, Section, to_toml
from orecast.run import FORMAT, file_hash, versions
from orecast.survey.rasters import matches

_BESIDE = (".dbf", ".shx", ".prj", ".cpg", ".tfw", ".wld", ".aux.xml")


@dataclass
class Provenance:
    """Inputs with their hashes, and the stages' durations as they pass."""

    config: Config
    inputs: list[dict[str, Any]]
    seconds: dict[str, float] = field(default_factory=dict)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def of(cls, config: Config) -> Provenance:
        """Hash the configuration's input files."""
        inputs = [
            {"path": path.as_posix(), "bytes": path.stat().st_size, "sha256": file_hash(path)}
            for path in input_files(config)
        ]
        return cls(config, inputs)

    @property
    def key(self) -> str:
        """Hash of the configuration and the input files: a resumed run must have the same."""
        text = to_toml(self.config.model_copy(update={"output": Path("run")}))
        parts = [text, *(i["sha256"] for i in self.inputs)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 2)

    def as_dict(self, outputs: dict[str, str]) -> dict[str, Any]:
        """As ``provenance.json`` holds it; ``outputs`` are hashes of the files but the report's."""
        libraries = versions()
        return {
            "format": FORMAT,
            "orecast": libraries.pop("orecast"),
            "python": libraries.pop("Python"),
            "platform": platform.platform(),
            "libraries": libraries,
            "seed": self.config.seed,
            "started": self.started,
            "seconds": self.seconds,
            "total_seconds": round(sum(self.seconds.values()), 2),
            "peak_memory_mib": peak_memory_mib(),
            "inputs": self.inputs,
            "outputs": outputs,
            "key": self.key,
        }


def input_files(config: Section) -> list[Path]:
    """Every existing file that a configuration names, in a stable order.

    Globs and folders are resolved as the readers do; the parts of a shapefile and the world files
    of a raster are among them.
    """
    found: list[Path] = []
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Section):
            found += input_files(value)
        elif isinstance(value, list) and value and isinstance(value[0], Section):
            for item in value:
                found += input_files(item)
        elif isinstance(value, Path) and name != "output":
            found += _files_of(value)
    return found


def _files_of(path: Path) -> list[Path]:
    """The files behind a path, a folder or a glob, with those that stand beside them."""
    files = [path] if path.is_file() else matches(path) if _may_match(path) else []
    beside = [
        other
        for file in files
        for other in sorted(file.parent.glob(glob.escape(file.stem) + ".*"))
        if other.name.lower().endswith(_BESIDE)
    ]
    return list(dict.fromkeys([*files, *beside]))


def _may_match(path: Path) -> bool:
    return path.is_dir() or glob.has_magic(str(path))


def peak_memory_mib() -> float | None:
    """Peak resident memory of this process in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
