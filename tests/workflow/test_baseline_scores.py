"""Baselines one after the other: what refuses is a result, what is finished is kept."""

import hashlib
from types import SimpleNamespace

import pytest

from orecast.errors import ConfigError, InputError, ModelError, RunError, SamplingError
from orecast.run import Run
from orecast.workflow.run.validating import score_each

NAMES = ("mahalanobis", "layer Cu/Zn: [b]", "random")


@pytest.fixture
def job(tmp_path):
    """What baselines are scored for; its progress is listed."""
    seen = []
    run = Run(tmp_path / "run", "key")
    return SimpleNamespace(run=run, progress=lambda *said: seen.append(said), seen=seen)


def scored(job, score):
    return score_each(job, dict.fromkeys(NAMES), "Testing baselines", score)


@pytest.mark.parametrize("kind", [ConfigError, InputError, ModelError, SamplingError])
def test_a_refusal_is_a_result_and_the_others_are_scored(job, kind):
    def score(name, *_):
        if name == "mahalanobis":
            raise kind("is constant", where="layer La")
        return name

    assert scored(job, score) == ([*NAMES[1:]], {"mahalanobis": "layer La: is constant"})


@pytest.mark.parametrize("kind", [RunError, OSError, MemoryError, KeyboardInterrupt])
def test_what_is_no_refusal_ends_the_run_and_is_not_kept(job, kind):
    def fails(*_):
        raise kind("No space left")

    with pytest.raises(kind):
        scored(job, fails)
    assert scored(job, lambda name, *_: name) == ([*NAMES], {})


def test_a_refusal_is_kept_and_computed_again_where_its_file_is_damaged(job):
    asked = []

    def refuses(name, *_):
        asked.append(name)
        raise ModelError("is constant")

    everything = dict.fromkeys(NAMES, "is constant")
    assert scored(job, refuses) == ([], everything)
    assert scored(job, refuses) == ([], everything)
    assert asked == [*NAMES]
    for damage, kept in zip(("", "{}", "[1"), sorted(job.run.folder.rglob("*.json")), strict=True):
        kept.write_text(damage, encoding="utf-8")
    assert scored(job, refuses) == ([], everything)
    assert asked == [*NAMES, *NAMES]


def test_each_has_a_folder_of_its_own_whatever_its_name(job):
    folders = scored(job, lambda name, _, folder, __: folder)[0]
    assert len(set(folders)) == len(NAMES)
    assert all(folder.is_dir() for folder in folders)
    assert {folder.name for folder in folders} == {
        hashlib.sha256(name.encode()).hexdigest()[:16] for name in NAMES
    }


def test_progress_names_the_baseline_and_ends_full(job):
    def score(name, _, __, reporting):
        reporting("fold", 1, 3)
        if name == "random":
            raise ModelError("is constant")

    scored(job, score)
    assert job.seen[:4] == [
        ("Testing baselines", 0, 3),
        ("Testing baselines: mahalanobis", 0, 1),
        ("Testing baselines: mahalanobis", 1, 3),
        ("Testing baselines: mahalanobis", 1, 1),
    ]
    assert job.seen[-1] == ("Testing baselines", 3, 3)
    last = {what: done == total for what, done, total in job.seen}
    assert all(last.values())
