"""What the program computes, recorded and held against later commits.

    python tests/golden/golden.py record [CASE …]             write recorded/CASE.json
    python tests/golden/golden.py compare [CASE …]            run again, compare with recorded/
    python tests/golden/golden.py against REVISION [CASE …]   run both commits here, compare

``record`` and ``compare`` run the checkout that this file stands in. ``against`` also runs the code
of another commit, in this environment, and compares maps cell by cell: this decides whether two
commits compute the same. ``compare`` is what CI runs: it knows only what is recorded, on any
machine, so that its tolerances are wider.

Of each case are recorded: exit codes, names of files, keys and numbers of JSON files, findings
(level, code, data), targets, and of each map its statistics and the values at a few cells. Wording
is not recorded. Of real surveys only statistics and scores at a few cells are recorded, no value of
theirs; their cases are left out where the data are not there (``ORECAST_DATA``, or
``../shared/data``).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECORDED = HERE / "recorded"
DATA = Path(os.environ.get("ORECAST_DATA", ROOT.parent / "shared" / "data")).resolve()

SAME = 1e-6
"""Two commits on one machine in one environment: relative difference of any number or map."""
CLASSICAL = 0.005
"""A recorded number on another machine, which may round otherwise: half a percentile."""
NETWORK = 0.1
"""Percentiles of a network trained on another machine; other figures of it are not compared."""

COARSE = (
    "--set evidence.cell_size=400 --set evidence.radius=1500 --set sampling.window=5 "
    "--set validation.folds=3"
)
PLAIN = "--set validation.baselines=false"
DISTRICT = "simulate demo -o district"


@dataclass(frozen=True)
class Case:
    """Commands of ``orecast``, run one after another in one empty folder.

    ``folders`` are what is recorded of. ``real`` names the survey of ``DATA`` that is read,
    ``network`` says that a network is trained.
    """

    commands: tuple[str, ...]
    folders: tuple[str, ...]
    real: str = ""
    network: bool = False


CASES = {
    "demo-auto": Case(
        (DISTRICT, "run district/run.toml --model auto -o run"),
        ("run",),
    ),
    "demo-forest": Case(
        (
            DISTRICT,
            f"run district/run.toml --model random-forest {COARSE} {PLAIN} -o run",
            "audit run --write audit.json",
            "simulate null --seed 1 -o other",
            f"predict run other/run.toml {COARSE} -o prediction",
        ),
        (".", "run", "prediction"),
    ),
    "demo-resnet": Case(
        (
            DISTRICT,
            f"run district/run.toml --model resnet18 --set model.options.width=4 "
            f"--set training.epochs=3 {COARSE} {PLAIN} -o run",
        ),
        ("run",),
        network=True,
    ),
    "demo-anomalies": Case(
        (DISTRICT, f"run anomalies.toml {COARSE} -o run"),
        ("run",),
    ),
    "demo-compare": Case(
        (
            DISTRICT,
            "compare district/run.toml --models random-forest,logistic-regression "
            f"--protocols paper,leave-deposit-out {COARSE} -o comparison",
        ),
        ("comparison",),
    ),
    "null-auto": Case(
        ("simulate null -o district", f"run district/run.toml --model auto {COARSE} -o run"),
        ("run",),
    ),
    "refusals": Case(
        (
            DISTRICT,
            "run absent.toml",
            "run district/run.toml --model resnet81 -o run",
            "run district/run.toml --set sampling.windows=5 -o run",
            "check district/run.toml",
            "audit district",
            "models --no-such-option",
        ),
        ("district",),
    ),
    "eskay-auto": Case(("run eskay/run.toml -o run",), ("run",), real="eskay"),
    "tianshan-auto": Case(("run tianshan/run.toml -o run",), ("run",), real="tianshan"),
}

WORDING = {
    *("what", "where", "remedy", "sentence", "words", "meaning", "figure", "verdict", "title"),
    *("sentences", "rule_words", "command", "origin", "summary", "caveats", "left_out", "why_not"),
}
"""Keys whose value is a sentence, or follows from where and when the command ran."""
COSTS = {
    *("seconds", "total_seconds", "peak_memory_mib", "started", "platform", "python", "libraries"),
    *("versions", "key", "inputs", "orecast", "sha256", "files", "folder", "subject", "bytes"),
    *("source", "outputs"),
}
OF_THE_SURVEY = {
    *("per_deposit", "names", "name_of_deposit", "x", "y", "lon", "lat", "nearest_deposit"),
    *("data", "elements", "limits", "path", "file", "nearest_deposit_km", "centroid"),
    *("extent", "half_width"),
}
"""Keys under which a real survey's own values or places stand."""
OF_A_BASELINE = ("name", "model", "role", "protocol", "seed", "percentile", "auc", "error", "row")
"""What is recorded of a baseline's scores, beside the names of all keys."""
SHORT = 8  # lists of numbers longer than this are recorded by their statistics


def main() -> int:
    """Run what the command line asks; 0 where all is equal."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=["record", "compare", "against"])
    parser.add_argument("names", nargs="*", metavar="REVISION or CASE")
    asked = parser.parse_args()
    names = list(asked.names)
    revision = names.pop(0) if asked.action == "against" and names else None
    unknown = [name for name in names if name not in CASES]
    if unknown or (asked.action == "against" and revision is None):
        parser.error(f"cases: {', '.join(CASES)}" if unknown else "against which revision?")
    here = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="orecast-golden-") as folder:
        work = Path(folder)
        old = None if revision is None else _checkout(revision, work / "old")
        try:
            for name in names or CASES:
                case = CASES[name]
                if case.real and not (DATA / case.real).is_dir():
                    print(f"{name}: left out, {DATA / case.real} is not there", flush=True)
                    continue
                begun = time.perf_counter()
                found = _differences(asked.action, name, case, old, work, here)
                took = f"{time.perf_counter() - begun:.0f} s"
                print(f"{name}: {_counted(found)}  ({took})", flush=True)
                for line in found:
                    print(f"  {line}", flush=True)
                failed += bool(found)
        finally:
            if old is not None:
                subprocess.run(["git", "worktree", "remove", "--force", str(old)], cwd=ROOT)
    return int(failed > 0)


def _counted(found: list[str]) -> str:
    return f"{len(found)} differences" if found else "equal"


def _differences(
    action: str, name: str, case: Case, old: Path | None, work: Path, here: str
) -> list[str]:
    """What differs, a line each; nothing after ``record``."""
    new = _run(case, ROOT, work / "new" / name)
    content = _digest(case, new)
    if action == "record":
        RECORDED.mkdir(exist_ok=True)
        text = json.dumps({"commit": here, **content}, indent=1, ensure_ascii=False)
        (RECORDED / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        return []
    if old is not None:
        before = _run(case, old, work / "before" / name)
        return [
            *_unequal(_digest(case, before), content, SAME),
            *_unequal_maps(case, before, new),
        ]
    recorded = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    recorded.pop("commit")
    return list(_unequal(recorded, content, CLASSICAL, network=case.network))


def _checkout(revision: str, folder: Path) -> Path:
    subprocess.run(
        ["git", "worktree", "add", "--quiet", "--detach", str(folder), revision],
        cwd=ROOT,
        check=True,
    )
    return folder


def _run(case: Case, checkout: Path, folder: Path) -> Path:
    """Run a case by the code of a checkout; the folder, with exit codes in ``exit.json``."""
    folder.mkdir(parents=True)
    for survey in ("eskay", "tianshan"):
        text = (ROOT / "examples" / survey / "run.toml").read_text(encoding="utf-8")
        (folder / survey).mkdir()
        (folder / survey / "run.toml").write_text(text, encoding="utf-8")
    codes = []
    environment = os.environ | {
        "PYTHONPATH": str(checkout / "src"),
        "ORECAST_DATA": str(DATA),
        "OMP_NUM_THREADS": "1",
    }
    for command in case.commands:
        if command.startswith("run anomalies.toml"):
            text = (ROOT / "tests" / "without-deposits.toml").read_text(encoding="utf-8")
            (folder / "district" / "anomalies.toml").write_text(text, encoding="utf-8")
            command = command.replace("anomalies.toml", "district/anomalies.toml")
        done = subprocess.run(
            [sys.executable, "-m", "orecast", *command.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        codes.append(done.returncode)
        if "Traceback" in done.stderr:
            print(done.stderr[-2000:], file=sys.stderr)
    (folder / "exit.json").write_text(json.dumps(codes))
    return folder


def _digest(case: Case, folder: Path) -> dict[str, Any]:
    """All that is recorded of a case."""
    content: dict[str, Any] = {"exit": json.loads((folder / "exit.json").read_text())}
    for name in case.folders:
        place = folder / name
        files = sorted(
            path.relative_to(place).as_posix()
            for path in place.rglob("*")
            if path.is_file() and ".orecast" not in path.relative_to(place).parts
        )
        if name == ".":  # what commands wrote beside their folders
            files = [file for file in files if file == "audit.json"]
        found: dict[str, Any] = {"files": files}
        for file in files:
            if file.startswith("cells/"):
                continue  # comparison.json repeats them
            if file.endswith(".json"):
                told = json.loads((place / file).read_text(encoding="utf-8"))
                found[file] = _thin(told, real=bool(case.real))
            elif file.endswith(".tif"):
                at_cells = not (case.real and file.startswith("evidence/"))
                found[file] = _map_digest(place / file, at_cells=at_cells)
            elif file == "targets.csv":
                found[file] = _targets(place / file, real=bool(case.real))
        content[name] = found
    return content


def _thin(value: Any, *, real: bool) -> Any:
    """JSON without wording, costs and, of a real survey, its own values; long lists as figures."""
    if isinstance(value, dict):
        dropped = WORDING | COSTS | (OF_THE_SURVEY if real else set())
        found = {
            key: None if key in dropped else _thin(inside, real=real)
            for key, inside in value.items()
        }
        if value.get("role") == "baseline" and "keys" not in value:
            kept = {key: found[key] for key in OF_A_BASELINE if key in found}
            return kept | {"keys": sorted(value)}
        return found
    if isinstance(value, list):
        if len(value) > SHORT and all(isinstance(v, int | float) or v is None for v in value):
            return _statistics(np.array([math.nan if v is None else v for v in value], float))
        return [_thin(inside, real=real) for inside in value]
    return value


def _statistics(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    known = values[np.isfinite(values)].astype(np.float64)
    if not known.size:
        return {"n": int(values.size), "known": 0}
    figures = {"mean": known.mean(), "std": known.std(), "min": known.min(), "max": known.max()}
    return {
        "n": int(values.size),
        "known": int(known.size),
        **{name: float(f"{figure:.9g}") for name, figure in figures.items()},
    }


def _read_map(path: Path) -> np.ndarray[Any, Any]:
    import rasterio

    with rasterio.open(path) as source:
        return source.read().astype(np.float64)


def _map_digest(path: Path, *, at_cells: bool) -> dict[str, Any]:
    values = _read_map(path)
    found: dict[str, Any] = {"shape": list(values.shape), **_statistics(values)}
    if at_cells:
        known = np.argwhere(np.isfinite(values))
        some = known[np.linspace(0, len(known) - 1, 5).astype(int)] if len(known) else []
        found["at"] = [[*map(int, cell), float(f"{values[tuple(cell)]:.9g}")] for cell in some]
    return found


def _targets(path: Path, *, real: bool) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    kept = [key for key in (rows[0] if rows else {}) if not (real and key in OF_THE_SURVEY)]
    return [{key: _number(row[key]) for key in kept} for row in rows]


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _unequal(
    old: Any, new: Any, tolerance: float, *, network: bool = False, place: str = ""
) -> Iterator[str]:
    """Lines on what differs, each with its place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            where = f"{place}/{key}"
            if key not in new:
                yield f"{where}: is gone"
            elif key not in old:
                yield f"{where}: is new"
            else:
                yield from _unequal(old[key], new[key], tolerance, network=network, place=where)
    elif isinstance(old, list) and isinstance(new, list):
        if network and place.endswith("targets.csv"):
            return
        if len(old) != len(new):
            yield f"{place}: {len(old)} entries, now {len(new)}"
        for k, pair in enumerate(zip(old, new, strict=False)):
            yield from _unequal(*pair, tolerance, network=network, place=f"{place}[{k}]")
    elif _is_number(old) and _is_number(new):
        if network:
            if not place.endswith("percentile/value"):
                return
            tolerance = NETWORK
        if abs(old - new) > tolerance * max(1.0, abs(old), abs(new)):
            yield f"{place}: {old!r}, now {new!r}"
    elif old != new and not (network and old is not None and new is not None):
        yield f"{place}: {old!r}, now {new!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unequal_maps(case: Case, before: Path, after: Path) -> Iterator[str]:
    """Maps of both commits, cell by cell."""
    for folder in case.folders:
        if folder == ".":
            continue
        for path in sorted((before / folder).rglob("*.tif")):
            other = after / path.relative_to(before)
            if not other.is_file():
                continue  # said with the names of files
            old, new = _read_map(path), _read_map(other)
            where = path.relative_to(before)
            if old.shape != new.shape:
                yield f"{where}: {old.shape} cells, now {new.shape}"
            elif not np.allclose(old, new, rtol=0, atol=SAME, equal_nan=True):
                apart = ~np.isclose(old, new, rtol=0, atol=SAME, equal_nan=True)
                yield f"{where}: {apart.sum()} of {old.size} cells differ"


if __name__ == "__main__":
    sys.exit(main())
