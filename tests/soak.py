"""Kill commands at random moments, go on with them, and compare with what undisturbed ones wrote.

    python tests/soak.py [--kills 20] [--seed 0] [--only run,compare,reproduce,predict]
                         [--cell-size 400]

Each command runs once undisturbed. Then it is begun anew, its whole process group gets SIGKILL at a
random moment, it is begun again (``predict`` with --overwrite, the others with --resume) and killed
again, up to four times for each result. A result must be that of the undisturbed command, file by
file and byte by byte, with no file more. Of the bytes these are left out, as they hold times or
memory, or hash a file that does:

- in JSON the keys ``seconds``, ``total_seconds``, ``started`` and ``peak_memory_mib``, hashes of
  the kinds of files that are named here (in ``provenance.json`` and ``.orecast/journal.json``), and
  a cell's ``sha256`` of its own content, its seconds among it;
- in ``report.html`` when the run was begun, how long it took and its memory;
- of a comparison's tables the column of seconds, which is the last, and the sum of them;
- in GeoPackages when a table was changed;
- the content of a lock.

A line is printed for each kill and each result. Where a result differs the script exits with 1, and
the differing folder and the undisturbed one are kept.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLS_A_RESULT = 4
OUT = "out"  # what every command writes, so that no path tells one result from another

SMALL = """
[evidence]
cell_size = {cell_size}
radius = 1500

[sampling]
window = 5

[training]
epochs = 2

[validation]
folds = 3
baselines = false
"""
BOTH = (
    "model={name='ensemble', options={members=['random-forest', 'resnet18'], "
    "member_options={random-forest={trees=20}, resnet18={width=4}}}}"
)
RUN = ("run", "district/run.toml", "--set", BOTH)


@dataclass(frozen=True)
class Command:
    """A command line that writes ``OUT``, and the option with which it is begun again."""

    words: tuple[str, ...]
    again: str = "--resume"


COMMANDS = {
    "run": Command(RUN),
    "compare": Command(
        (
            *("compare", "district/run.toml", "--models"),
            *("random-forest:trees=20,resnet18:width=4", "--no-baselines"),
            *("--seeds", "2", "--jobs", "2"),
        )
    ),
    "reproduce": Command(
        ("reproduce", "resgcn", "--smoke", "--tables", "folds-resgcn", "--jobs", "2")
    ),
    "predict": Command(("predict", "trained", "other/run.toml"), "--overwrite"),
}

TIMES = ("seconds", "total_seconds", "started", "peak_memory_mib")
TIMES_IN_TEXT = {
    "report.html": r"<div><dt>(Begun|Duration before this page|By stage|Peak memory)</dt>.*?</div>"
    r"|\d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC",
    "comparison.html": r'<td class="num">[^<]*</td>(?=\s*</tr>)|, [^,<]* in all(?=</dd>)',
    "comparison.md": r"[^|\n]*\|$",
}
TIMED = (".json", ".html", ".md", ".csv", ".gpkg")
HASH = r"[0-9a-f]{64}"
CHANGED = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"
LEFT_OVER = r"\.(part|old|tmp)$|(^|/)(\.part-|scratch-)"


def main() -> int:
    """Soak the commands that are asked for; 1 where a result differs."""
    sys.stdout.reconfigure(line_buffering=True)
    asked = parsed_arguments()
    work = Path(tempfile.mkdtemp(prefix="orecast-soak-"))
    prepare(asked.only, asked.cell_size, work)
    rng = random.Random(asked.seed)
    differing = 0
    for name in asked.only:
        differing += soak(name, COMMANDS[name], asked.kills, rng, work)
    if differing:
        print(f"{differing} results differ; they are kept in {work}")
    else:
        shutil.rmtree(work)
    return 1 if differing else 0


def parsed_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="kills of each command")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=list(COMMANDS), metavar="NAME,…"
    )
    parser.add_argument("--cell-size", type=int, default=400, help="of the demo district, metres")
    asked = parser.parse_args()
    if unknown := set(asked.only) - set(COMMANDS):
        parser.error(f"--only {', '.join(sorted(unknown))}: name {', '.join(COMMANDS)}")
    return asked


def prepare(names: list[str], cell_size: int, work: Path) -> None:
    """Make the districts, and the run that ``predict`` reads."""
    finish(("simulate", "demo", "--output", "district"), work)
    with (work / "district/run.toml").open("a", encoding="utf-8") as stream:
        stream.write(SMALL.format(cell_size=cell_size))
    if "predict" in names:
        finish(("simulate", "demo", "--seed", "1", "--output", "other"), work)
        finish((*RUN, "--output", "trained"), work)


def soak(name: str, command: Command, kills: int, rng: random.Random, work: Path) -> int:
    """Kill a command so many times and compare each of its results; how many differ."""
    place, reference = work / name, work / f"{name}-undisturbed"
    words = (*command.words, "--output", f"{name}/{OUT}")
    begun = time.perf_counter()
    finish(words, work)
    duration = time.perf_counter() - begun
    (place / OUT).rename(reference)
    print(f"{name}: {duration:.1f} s undisturbed")
    done = results = differing = 0
    while done < kills:
        left, code, again = min(KILLS_A_RESULT, kills - done), None, ()
        while code is None:
            moment = rng.uniform(0, duration) if left else None
            begun = time.perf_counter()
            code, said = attempt((*words, *again), work, moment)
            if code == 0 and not again:  # the machine has become faster
                duration = min(duration, time.perf_counter() - begun)
            if code is None:
                left, done, again = left - 1, done + 1, (command.again,)
                print(f"{name}: kill {done} after {moment:.1f} s; {standing(place / OUT)}")
        results += 1
        problems = [f"ends with {code}: {said}"] if code else list(differences(reference, place))
        print(f"{name}: result {results} {'differs' if problems else 'is equal'}")
        for problem in problems:
            print(f"    {problem}")
        if problems:
            differing += 1
            place.rename(work / f"{name}-differing-{differing}")
        else:
            shutil.rmtree(place)
    print(f"{name}: {done} kills, {results} results, {differing} differ")
    return differing


def finish(words: tuple[str, ...], work: Path) -> None:
    """Run a command undisturbed; ends the script where it fails."""
    code, said = attempt(words, work, None)
    if code:
        sys.exit(f"orecast {' '.join(words)} ended with {code}:\n{said}")


def attempt(words: tuple[str, ...], work: Path, moment: float | None) -> tuple[int | None, str]:
    """Run a command, and kill its process group at a moment, in seconds; None where it was killed.

    Returns when no process is left that holds its output.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "orecast", *words],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        return None, said
    return process.returncode, said


def standing(folder: Path) -> str:
    """What a killed command has finished, in words."""
    try:
        stages = json.loads((folder / ".orecast/journal.json").read_text("utf-8"))["stages"]
    except (OSError, ValueError):
        return "nothing finished"
    cells = len(list(folder.glob("cells/*.json")))
    return f"finished: {', '.join(stages)}" + (f", {cells} cells" if cells else "")


def differences(reference: Path, place: Path) -> Iterator[str]:
    """Files and folders in which a result is not the undisturbed one, and what was left over."""
    yield from (f"{p.name}: stands beside the result" for p in place.iterdir() if p.name != OUT)
    expected, found = entries(reference), entries(place / OUT)
    yield from (f"{name}: missing" for name in sorted(expected - found))
    yield from (f"{name}: not in the undisturbed result" for name in sorted(found - expected))
    yield from (f"{name}: left over" for name in sorted(found) if re.search(LEFT_OVER, name))
    for name in sorted(expected & found):
        if without_times(reference / name) != without_times(place / OUT / name):
            yield f"{name}: differs"


def entries(folder: Path) -> set[str]:
    """All files and folders below, relative, but for locks."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return {name for name in names if "lock" not in Path(name).name}


def without_times(path: Path) -> Any:
    """What a file holds, without what the module's docstring names."""
    if path.is_dir():
        return "folder"
    if path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as database:
            return re.sub(CHANGED, "", "\n".join(database.iterdump()))
    if path.name == "comparison.csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [row | {"seconds": None} for row in csv.DictReader(stream)]
    if path.name in TIMES_IN_TEXT:
        return re.sub(TIMES_IN_TEXT[path.name], "", path.read_text("utf-8"), flags=re.MULTILINE)
    if path.suffix == ".json":
        return timeless(json.loads(path.read_text("utf-8")))
    return path.read_bytes()


def timeless(content: Any) -> Any:
    """JSON content without times, memory and hashes of files that hold such."""
    if isinstance(content, dict):
        sealed = ("sha256",) if "seconds" in content else ()
        return {
            key: timeless(value)
            for key, value in content.items()
            if key not in (*TIMES, *sealed)
            and not (key.endswith(TIMED) and re.fullmatch(HASH, str(value)))
        }
    if isinstance(content, list):
        return [timeless(value) for value in content]
    return content


if __name__ == "__main__":
    sys.exit(main())
