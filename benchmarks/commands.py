"""Time and peak memory of whole commands, each the median of several runs after one warm-up.

python benchmarks/commands.py                 # help, check, demo
python benchmarks/commands.py --eskay         # also the Eskay example (needs ORECAST_DATA)
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def measured(words: list[str], runs: int) -> tuple[float, float]:
    """Median wall seconds, and peak resident memory in MiB of the largest process."""
    seconds, peak = [], 0.0
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "orecast", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        if status:
            raise SystemExit(f"orecast {' '.join(words)} failed")
        peak = max(peak, usage.ru_maxrss / 1024)
    return statistics.median(seconds), peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--eskay", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    eskay = str(ROOT / "examples" / "eskay" / "run.toml")
    with tempfile.TemporaryDirectory() as folder:
        commands = [(["--help"], 5), (["demo", "--output", f"{folder}/demo"], given.runs)]
        if given.eskay:
            commands.insert(1, (["check", eskay, "--write", f"{folder}/checks.json"], given.runs))
            settings = ["--set", f"output={folder}/eskay", "--overwrite"]
            commands.append((["run", eskay, *settings], 1))
        print("command                                 seconds   peak MiB")
        for words, runs in commands:
            if words[0] in ("--help", "check"):
                measured(words, 1)  # warm-up
            seconds, peak = measured(words, runs)
            name = " ".join(w for w in words if folder not in w and w != "--set")
            print(
                f"{name.replace(str(ROOT) + '/', ''):<38}{seconds:>9.2f}{peak:>11.0f}", flush=True
            )


if __name__ == "__main__":
    main()
