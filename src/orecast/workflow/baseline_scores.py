"""Baselines scored one after the other: each is kept, and one that refuses is a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from orecast.errors import REFUSALS, OrecastError
from orecast.run import write_json
from orecast.workflow.job import Job, Progress
from orecast.workflow.recipes import Baseline

Score = TypeVar("Score")


def score_each(
    job: Job,
    baselines: Mapping[str, Baseline],
    stage: str,
    score: Callable[[str, Baseline, Path, Progress], Score],
) -> tuple[list[Score], dict[str, str]]:
    """Score the baselines; return what those say that can be computed, and why others cannot.

    ``score`` gets a baseline's name, itself, a folder of its own, in which a resumed run finds what
    an interrupted one had computed, and what reports progress. Progress within a baseline is
    reported as that of ``stage: name``.
    """

    def reporting(part: str) -> Progress:
        return lambda _, done, total: job.progress(part, done, total)

    scores: list[Score] = []
    refused: dict[str, str] = {}
    for k, (name, baseline) in enumerate(baselines.items()):
        part = f"{stage}: {name}"
        job.progress(stage, k, len(baselines))
        job.progress(part, 0, 1)
        # by a hash, since a layer may have any name
        folder = job.run.scratch(f"baselines/{hashlib.sha256(name.encode()).hexdigest()[:16]}")
        kept = folder / "refused.json"
        reason = _read_reason(kept)
        if reason is None:
            try:
                scores.append(score(name, baseline, folder, reporting(part)))
            except REFUSALS as error:
                reason = reason_of(error)
                write_json(kept, {"reason": reason})
        if reason is not None:
            refused[name] = reason
        job.progress(part, 1, 1)
    job.progress(stage, len(baselines), len(baselines))
    return scores, refused


def reason_of(error: OrecastError) -> str:
    """Why a baseline cannot be had; no option of it is named, since a run gives it none.

    >>> reason_of(OrecastError("is constant", where="layer La", remedy="leave it out"))
    'layer La: is constant'
    >>> reason_of(OrecastError("is too wide", where="model.options.gamma"))
    'is too wide'
    """
    where = error.where or ""
    return f"{where}: {error.what}" if where.startswith("layer ") else error.what


def _read_reason(path: Path) -> str | None:
    """What an interrupted run has kept; None where it has not, or the file is damaged."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
