import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from orecast.config import Training
from orecast.errors import RunError
from orecast.run import (
    Run,
    content_hash,
    file_hash,
    read_sealed,
    require_own,
    why_broken,
    write_json,
    write_sealed,
)


def begin(folder, key="k", **options):
    """A run that was begun and let go of: the next one in the test may begin."""
    run = Run.begin(folder, key, **({"resume": False} | options))
    run.close()
    return run


def half_done(run):
    with run.stage("map") as part:
        (part / "map.tif").write_text("half")
        raise ZeroDivisionError


def test_a_stage_is_done_or_absent(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(ZeroDivisionError), Run.begin(folder, "k", resume=False) as run:
        half_done(run)
    assert not folder.exists()
    run = begin(folder)
    with run.stage("map") as part:
        (part / "map.tif").write_text("whole")
        (part / "model").mkdir()
        (part / "model" / "weights").write_text("1")
    assert (folder / "map.tif").read_text() == "whole"
    assert run.done("map")
    assert not list((folder / ".orecast").glob("*.part"))


def test_a_failed_second_time_keeps_the_first(tmp_path):
    run = begin(tmp_path / "run")
    for text in ("old", "new"):
        with run.stage("map") as part:
            (part / "map.tif").write_text(text)
            (part / "model").mkdir()
            (part / "model" / "weights").write_text(text)
    with pytest.raises(ZeroDivisionError):
        half_done(run)
    assert (run.folder / "map.tif").read_text() == "new"
    assert (run.folder / "model" / "weights").read_text() == "new"


def test_resuming_goes_on_and_beginning_again_must_be_asked_for(tmp_path):
    run = begin(tmp_path / "run")
    with run.stage("evidence") as part:
        (part / "a").write_text("a")
    assert begin(run.folder, resume=True).done("evidence")
    with pytest.raises(RunError, match="--resume"):
        begin(run.folder)
    assert not begin(run.folder, overwrite=True).done("evidence")


def test_a_stage_whose_file_is_gone_is_done_again(tmp_path):
    run = begin(tmp_path / "run")
    for name in ("evidence", "map"):
        with run.stage(name) as part:
            (part / f"{name}.tif").write_text(name)
    (run.folder / "map.tif").unlink()
    again = begin(run.folder, resume=True)
    assert again.done("evidence")
    assert not again.done("map")


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ("layers/Au", []),
        ("metrics.json", ["evidence"]),  # of two stages
        ("folds.tif", ["evidence"]),
        ("map.tif", ["evidence", "validation"]),
        ("report.html", ["evidence", "validation", "map"]),
    ],
)
def test_what_depends_on_a_stage_whose_file_is_gone_is_done_again_too(tmp_path, gone, left):
    run = begin(tmp_path / "run")
    written(run, "evidence", layers__Au="gold")
    written(run, "validation", **{"metrics.json": "some", "folds.tif": "folds"})
    written(run, "map", **{"metrics.json": "all", "map.tif": "map"})
    written(run, "report", **{"report.html": "report"})
    (run.folder / gone).unlink()
    again = begin(run.folder, resume=True)
    stages = ("evidence", "validation", "map", "report")
    assert [name for name in stages if again.done(name)] == left
    assert ("report.html" in again.hashes()) is ("report" in left)
    assert ("metrics.json" in again.hashes()) is ("validation" in left)


def test_what_cells_have_put_there_is_carried_over_unless_all_begins_again(tmp_path):
    run = begin(tmp_path / "run")

    def prepare(run):
        with run.stage("survey") as part:
            run.carry("cells", part)

    prepare(run)
    (run.folder / "cells" / "a.json").write_text("{}")
    prepare(begin(run.folder, resume=True))
    assert [p.name for p in (run.folder / "cells").iterdir()] == ["a.json"]
    prepare(begin(run.folder, overwrite=True))
    assert not list((run.folder / "cells").iterdir())


def test_a_place_that_cannot_hold_a_folder_is_refused_first(tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "deep" / "run"):
        with pytest.raises(RunError, match="file: is a file, and no folder to write into"):
            begin(place)


def test_what_is_kept_for_resuming_belongs_to_one_configuration(tmp_path):
    run = begin(tmp_path / "run")
    with run.stage("evidence") as part:
        (part / "a").write_text("a")
    (run.scratch("folds") / "fold-0").write_text("mine")
    assert (begin(run.folder, resume=True).scratch("folds") / "fold-0").exists()
    other = begin(run.folder, key="other", overwrite=True)
    assert not (other.scratch("folds") / "fold-0").exists()
    assert not (begin(run.folder, overwrite=True).scratch("folds") / "fold-0").exists()
    run.finish()
    assert not list((run.folder / ".orecast").glob("scratch-*/folds"))


def test_another_configuration_is_not_resumed(tmp_path):
    run = begin(tmp_path / "run")
    with run.stage("evidence") as part:
        (part / "a").write_text("a")
    with pytest.raises(RunError, match="not those of this run"):
        begin(run.folder, key="other", resume=True)


def test_an_overwritten_run_leaves_nothing_of_its_own(tmp_path):
    run = begin(tmp_path / "run")
    with run.stage("map") as part:
        (part / "tiles.csv").write_text("old")
        (part / "model").mkdir()
    again = begin(run.folder, key="other", overwrite=True)
    assert (run.folder / "tiles.csv").exists()  # until there is something to replace it
    with again.stage("evidence") as part:
        (part / "a").write_text("a")
    assert {p.name for p in run.folder.iterdir()} == {".orecast", "a"}
    with pytest.raises(RunError, match="not those of this run"):
        begin(run.folder, resume=True)  # the old configuration finds no half of itself


def test_a_run_killed_in_its_first_stage_is_begun_again(tmp_path):
    (tmp_path / "run" / ".orecast" / "evidence.part").mkdir(parents=True)
    for options in ({}, {"resume": True}, {"overwrite": True}):
        assert not begin(tmp_path / "run", **options).done("evidence")


def test_a_folder_that_is_no_run_is_left_alone(tmp_path):
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(RunError, match="is no run"):
        begin(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.docx").read_text() == "mine"


def test_a_broken_journal_is_named(tmp_path):
    (tmp_path / ".orecast").mkdir()
    (tmp_path / ".orecast" / "journal.json").write_text("{")
    with pytest.raises(RunError, match=r"journal\.json"):
        begin(tmp_path, resume=True)
    assert not begin(tmp_path, overwrite=True).done("map")


def test_a_full_disk_ends_in_a_message_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(RunError, match="No space left"),
        Run.begin(tmp_path / "run", "k", resume=False) as run,
        run.stage("map"),
    ):
        raise OSError(28, "No space left on device")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_at_the_lock_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(path, *arguments, **options):
        stream = opened(path, *arguments, **options)
        stream.flush = no_space
        return stream

    def no_space():
        raise OSError(28, "No space left on device")

    opened, folder = Path.open, tmp_path / "deep" / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(RunError, match=r"run: cannot write \(No space left.*free space"):
            begin(folder)
    assert not list(tmp_path.iterdir())
    with Run.begin(folder, "k", resume=False) as run:
        written(run, "map", a="a")
    assert run.done("map")


def test_a_full_disk_between_the_stages_is_named_too(tmp_path):
    folder = tmp_path / "run"
    run = Run.begin(folder, "k", resume=False)
    (run.scratch("folds") / "fold").write_text("half")
    (folder / ".orecast" / "journal.json.part").write_text("half")
    with pytest.raises(RunError, match=r"run: cannot write \(No space left"), run:
        raise OSError(28, "No space left on device")
    assert not folder.exists()
    with pytest.raises(OSError, match="another"), Run.begin(folder, "k", resume=False):
        raise OSError(5, "another")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="writable"), begin(tmp_path / "run").stage("map"):
        pass


def test_a_file_in_the_folders_place_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunError):
        begin(tmp_path / "run")


def test_json_holds_no_nan(tmp_path):
    write_json(tmp_path / "m.json", {"a": float("nan"), "b": [1.5, float("inf")], "c": {2: "é"}})
    content = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert content == {"a": None, "b": [1.5, None], "c": {"2": "é"}}


def test_file_hash(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert file_hash(tmp_path / "x").startswith("ba7816bf8f01cfea")  # FIPS 180-2, appendix B.1


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_one_kind_never_replaces_another(tmp_path, how):
    with begin(tmp_path / "run").stage("map") as part:
        (part / "map.tif").write_text("mine")
    with pytest.raises(RunError, match="a run stands here, and is not replaced by a comparison"):
        begin(tmp_path / "run", kind="comparison", **{how: True})
    assert (tmp_path / "run" / "map.tif").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it is not there"),
        (b"", "it is no archive of arrays"),
        (b"PK\x03\x04 cut short", "it is no archive of arrays"),
        (b"words", "it is no archive of plain arrays; pickled objects are never loaded"),
    ],
)
def test_a_broken_archive_is_told_in_plain_words(tmp_path, content, words):
    path = tmp_path / "model.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((OSError, EOFError, ValueError, zipfile.BadZipFile)) as caught:
        np.load(path, allow_pickle=False)
    assert why_broken(caught.value) == words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it is no JSON"),
        ("{}", "it lacks 'training'"),
        ("[]", "it is not built as such files are"),
        (
            '{"training": {"batch": 0}}',
            "'batch': cannot be used",
        ),
    ],
)
def test_a_broken_description_is_told_in_plain_words(content, words):
    with pytest.raises((ValueError, KeyError, TypeError)) as caught:
        Training.model_validate(json.loads(content)["training"])
    assert why_broken(caught.value) == words


def written(run, name, **files):
    """Finish a stage that writes ``files``, text by name; __ stands for a slash."""
    with run.stage(name) as part:
        for file, text in files.items():
            path = part / file.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)


HOLD = """
import sys
from pathlib import Path
from orecast.run import Run
with Run.begin(Path(sys.argv[1]), "k", resume=False) as run:
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has begun a run in ``tmp_path / "run"``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", ["resume", "overwrite", ""])
def test_two_processes_never_write_into_one_folder(tmp_path, holder, how):
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    with pytest.raises(RunError, match=rf"in use by process {holder.pid} on .*, {since}"):
        begin(tmp_path / "run", **({how: True} if how else {}))
    holder.communicate("")
    assert not (tmp_path / "run").exists()
    begin(tmp_path / "run")


def test_the_lock_of_a_dead_process_does_not_block(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / "run" / ".orecast" / "lock").exists()
    begin(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_gives_its_folder_back_when_it_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), Run.begin(tmp_path / "run", "k", resume=False) as run:
        half_done(run)
    with Run.begin(tmp_path / "run", "k", resume=False) as run:
        written(run, "map", a="a")
    assert sorted(p.name for p in (run.folder / ".orecast").iterdir()) == ["journal.json"]


@pytest.mark.parametrize("damage", [b"", b"a longer text", b"wHole"])
@pytest.mark.parametrize("file", ["map.tif", "model/weights"])
def test_a_damaged_file_of_a_finished_stage_is_named_and_computed_again(tmp_path, damage, file):
    run = begin(tmp_path / "run")
    written(run, "evidence", layers__Au="gold")
    written(run, "map", **{"map.tif": "whole", "model__weights": "whole"})
    (run.folder / file).write_bytes(damage)
    with pytest.raises(RunError, match=f"1 file is not as the run wrote them: {file}.*delete"):
        begin(run.folder, resume=True)
    (run.folder / file).unlink()
    again = begin(run.folder, resume=True)
    assert again.done("evidence")
    assert not again.done("map")


def test_all_damaged_files_are_counted_in_one_message(tmp_path):
    run = begin(tmp_path / "run")
    written(run, "evidence", **{f"layers__{k}": f"{k}" for k in range(8)})
    for k in range(7):
        (run.folder / "layers" / f"{k}").write_text("other")
    with pytest.raises(RunError, match=r"7 files are .*layers/4 …"):
        begin(run.folder, resume=True)


def geopackage(path, note="gossan"):
    """Write what of a GeoPackage matters here: a layer, and a table into which QGIS writes."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE gpkg_contents (table_name TEXT, last_change TEXT)")
        database.execute("INSERT INTO gpkg_contents VALUES ('targets', '2026-01-01')")
        database.execute("CREATE TABLE targets (fid INTEGER PRIMARY KEY, geom BLOB, note TEXT)")
        rows = [(b"outline" * 200, f"{note} {k}") for k in range(20)]
        database.executemany("INSERT INTO targets (geom, note) VALUES (?, ?)", rows)


@pytest.fixture
def packed(tmp_path):
    """A run whose only stage has written ``targets.gpkg``; its folder."""
    run = begin(tmp_path / "run")
    with run.stage("map") as part:
        geopackage(part / "targets.gpkg")
    return run.folder


def test_a_geopackage_that_was_only_opened_is_not_damaged(packed):
    path = packed / "targets.gpkg"
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE gpkg_contents SET last_change = '2026-02-02'")
        database.execute("CREATE TABLE layer_styles (styleQML TEXT)")
    assert path.read_bytes() != before
    assert begin(packed, resume=True).done("map")
    assert {p.name for p in packed.iterdir()} == {".orecast", "targets.gpkg"}


def damaged(content, how):
    """Bytes of a file, cut short or altered."""
    middle = len(content) // 2
    if how == "cut short":
        return content[:middle]
    if how == "empty":
        return b""
    return content[:middle] + bytes(b ^ 255 for b in content[middle:][:8]) + content[middle + 8 :]


@pytest.mark.parametrize("how", ["cut short", "empty", "altered", "edited"])
def test_a_damaged_geopackage_is_named(packed, how):
    path = packed / "targets.gpkg"
    if how == "edited":
        path.unlink()
        geopackage(path, note="mine")
    else:
        path.write_bytes(damaged(path.read_bytes(), how))
    with pytest.raises(RunError, match=r"1 file is not as the run wrote them: targets\.gpkg"):
        begin(packed, resume=True)
    path.unlink()
    assert not begin(packed, resume=True).done("map")


def test_the_hash_of_a_geopackage_is_that_of_its_layers(tmp_path):
    for name, note in (("a", "gossan"), ("b", "gossan"), ("c", "none")):
        geopackage(tmp_path / f"{name}.gpkg", note)
    first, second, other = (content_hash(tmp_path / f"{name}.gpkg") for name in "abc")
    assert first == second != other


def test_a_run_s_own_configuration_is_compared_as_its_other_files_are(tmp_path):
    run = begin(tmp_path / "run")
    written(run, "evidence", **{"run.toml": "seed = 0"})
    path = run.folder / "run.toml"
    require_own(path)
    path.write_text("seed = ")
    with pytest.raises(RunError, match=r"1 file is not as the run wrote them: run\.toml"):
        begin(run.folder, resume=True)
    with pytest.raises(RunError, match=r"run\.toml: is not as the run wrote it.*--overwrite"):
        require_own(path)
    path.unlink()
    assert not begin(run.folder, resume=True).done("evidence")
    (tmp_path / "run.toml").write_text("seed = ")
    require_own(tmp_path / "run.toml")  # of no run


@pytest.mark.parametrize("change", ["format", "numpy", "orecast"])
def test_a_run_of_another_format_or_by_other_versions_is_not_resumed(tmp_path, change):
    run = begin(tmp_path / "run")
    written(run, "map", a="a")
    journal = run.folder / ".orecast" / "journal.json"
    state = json.loads(journal.read_text())
    if change == "format":
        state["format"] = 1
    else:
        state["versions"][change] = "0.0.1"
    journal.write_text(json.dumps(state))
    said = "format 1" if change == "format" else rf"{change} 0\.0\.1, now"
    with pytest.raises(RunError, match=rf"{said}.*--overwrite in place of --resume"):
        begin(run.folder, resume=True)
    assert not begin(run.folder, overwrite=True).done("map")


class Killed(BaseException):
    """What stands for SIGKILL: no later call changes the folder."""


def kill_at(step, patch):
    """Raise Killed at the call number ``step`` that changes files, and at all after it."""
    calls = iter(range(10**6))

    def counted(function):
        def call(*arguments, **options):
            if next(calls) >= step:
                raise Killed
            return function(*arguments, **options)

        return call

    for module, name in [
        *[(os, "replace"), (shutil, "rmtree")],
        *[(Path, "rename"), (Path, "unlink"), (Path, "rmdir")],
    ]:
        patch.setattr(module, name, counted(getattr(module, name)))


@pytest.mark.parametrize("overwritten", [False, True])
@pytest.mark.parametrize("step", range(14))
def test_a_stage_lands_whole_wherever_it_is_killed(tmp_path, monkeypatch, step, overwritten):
    old = begin(tmp_path / "run", key="old")
    written(old, "evidence", layers__Au="gold", checks="first")
    written(old, "tiles", tiles="only the old run's")
    before = {"layers/Au": "gold", "checks": "first", "tiles": "only the old run's"}
    after = {"layers/Au": "other", "checks": "second", "map": "new"}
    if not overwritten:
        after["tiles"] = before["tiles"]
    how = {"key": "new", "overwrite": True} if overwritten else {"key": "old", "resume": True}
    with monkeypatch.context() as patch, suppress(Killed):
        kill_at(step, patch)
        written(begin(old.folder, **how), "map", layers__Au="other", checks="second", map="new")
    key = json.loads((old.folder / ".orecast" / "journal.json").read_text())["key"]
    again = begin(old.folder, key=key, resume=True)
    found = {
        path.relative_to(old.folder).as_posix(): path.read_text()
        for path in old.folder.rglob("*")
        if path.is_file() and ".orecast" not in path.parts
    }
    assert found == (after if again.done("map") else before)
    assert step < 10 or again.done("map")
    assert again.done("map") or again.done("evidence")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"auc": 0.5}'])
def test_a_sealed_file_is_read_as_it_was_written_or_named(tmp_path, text):
    path = tmp_path / "cell.json"
    assert read_sealed(path) is None
    content = {"auc": 0.7, "é": [1, None], "row": {"b": 2, "a": float("nan")}}
    write_sealed(path, content)
    assert read_sealed(path) == content | {"row": {"b": 2, "a": None}}
    changed = path.read_text(encoding="utf-8").replace("0.7", "0.8")
    for damage in (text, changed):
        path.write_text(damage, encoding="utf-8")
        with pytest.raises(RunError, match=r"cell\.json: the file is damaged.*delete it"):
            read_sealed(path)


def test_a_file_that_cannot_be_written_whole_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "checks.json"
    write_json(path, {"a": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"a": 2})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
