"""Each kind of leak planted alone is found; where there is none, none is."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from orecast.config import read
from orecast.errors import InputError, OrecastError, RunError
from orecast.workflow import auditing_runs, run_survey
from orecast.workflow.auditing import Severity, write_audit
from orecast.workflow.auditing_runs import audit_run
from orecast.workflow.auditing_windows import audit_windows

DATA = Path(os.environ.get("ORECAST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SIZE, SIDE = 5, 120


class Survey:
    """A rough map of six channels, and windows of it that touch but share no cell."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        field = [gaussian_filter(rng.normal(size=(SIDE, SIDE)), 1.5) for _ in range(6)]
        self.field = np.stack(field, axis=-1).astype(np.float32)
        self.field = 30 + 7 * self.field / self.field.std(axis=(0, 1))
        steps = np.arange(6, SIDE - 12, SIZE)
        at = np.array([(r, c) for r in steps for c in steps])
        self.at = at[rng.permutation(len(at))][:120]
        signal = self.cut(self.at)[:, 2, 2, 0]
        self.y = (signal + rng.normal(0, 7, 120) > 30).astype(np.int64)
        self.rng = rng

    def cut(self, at):
        return np.stack([self.field[r : r + SIZE, c : c + SIZE] for r, c in at])

    def parts(self):
        windows = self.cut(self.at)
        return windows[:80], windows[80:], self.y[:80], self.y[80:]


@pytest.fixture
def audited(tmp_path):
    def audit(train, test, y=None, y_test=None):
        names = ["train", "test"] + (["y", "y_test"] if y is not None else [])
        paths = [tmp_path / f"{name}.npy" for name in names]
        for path, values in zip(paths, (train, test, y, y_test), strict=False):
            np.save(path, values)
        return audit_windows(tuple(paths[:2]), tuple(paths[2:]) or None)

    return audit


def codes(audit, severity):
    return {check.code for check in audit.among(severity)}


@pytest.mark.parametrize("seed", range(4))
def test_in_a_clean_pair_nothing_is_found(audited, seed):
    audit = audited(*Survey(seed).parts())
    assert not audit.leaks
    assert codes(audit, Severity.SUSPICIOUS) == set()
    assert codes(audit, Severity.UNKNOWN) == {"shared-samples", "scaling"}
    assert audit.verdict.startswith("No leak was found: nothing")


@pytest.mark.parametrize(
    "turned", [lambda w: w, lambda w: w[:, ::-1], lambda w: np.rot90(w, 1, (1, 2))]
)
def test_equal_windows_flipped_or_turned_are_found(audited, turned):
    train, test, y, y_test = Survey().parts()
    test[:3], y_test[:3] = turned(train[:3]), 0
    audit = audited(train, test, y, y_test)
    assert audit.of("equal-windows").data["equal"] == 3
    assert audit.of("sharing-windows").data["sharing"] == 3
    assert audit.of("seen-cells").data["share"] == pytest.approx(3 / 40)
    assert codes(audit, Severity.LEAK) >= {"equal-windows", "sharing-windows", "seen-cells"}
    assert "near-copies" not in codes(audit, Severity.LEAK)
    assert "cannot be trusted" in audit.verdict


def test_deposits_slid_by_a_cell_are_found(audited):
    survey = Survey()
    train, test, y, y_test = survey.parts()
    mine = np.flatnonzero(y == 1)[:5]
    test[:5], y_test[:5] = survey.cut(survey.at[mine] + [1, -1]), 1
    audit = audited(train, test, y, y_test)
    found = audit.of("positives-apart")
    assert found.severity is Severity.LEAK
    assert found.data["within_one_cell"] == 5
    assert sorted(found.data["cells"])[:5] == [1] * 5
    assert audit.of("equal-windows").severity is Severity.CLEAN


def test_a_single_shared_corner_is_found(audited):
    survey = Survey()
    train, test, y, y_test = survey.parts()
    at = survey.at[0] + [SIZE - 1, SIZE - 1]
    test[0] = survey.cut([at])[0]
    audit = audited(train, test, y, y_test)
    assert "sharing-windows" in codes(audit, Severity.LEAK)
    assert audit.of("equal-windows").severity is Severity.CLEAN


def test_copies_grown_by_noise_are_found_and_no_cell_is(audited):
    survey = Survey()
    train, test, y, _ = survey.parts()
    test = train[:40] + survey.rng.normal(0, 0.2, test.shape).astype(np.float32)
    audit = audited(train, test, y, y[:40])
    assert audit.of("near-copies").data["near_copies"] == 40
    assert audit.of("seen-cells").data["share"] == 0
    assert codes(audit, Severity.LEAK) <= {"near-copies", "random-split"}


def test_a_scaling_that_knew_the_test_windows_is_found_alone(audited):
    train, test, y, y_test = Survey().parts()
    both = np.concatenate([train, test])
    mean, spread = both.mean(axis=(0, 1, 2)), both.std(axis=(0, 1, 2))
    audit = audited((train - mean) / spread, (test - mean) / spread, y, y_test)
    assert codes(audit, Severity.LEAK) == {"scaling"}
    mean, spread = train.mean(axis=(0, 1, 2)), train.std(axis=(0, 1, 2))
    assert not audited((train - mean) / spread, (test - mean) / spread, y, y_test).leaks


def test_copies_inside_the_test_part_are_doubted_and_no_leak(audited):
    train, test, y, y_test = Survey().parts()
    test[20:], y_test[20:] = test[:20, ::-1], y_test[:20]
    audit = audited(train, test, y, y_test)
    assert not audit.leaks
    found = audit.of("copies-in-test")
    assert found.severity is Severity.SUSPICIOUS
    assert found.data["equal"] == 20
    assert found.data["places"] == 20
    assert "No leak was found, but" in audit.verdict


def test_what_one_cell_tells_is_doubted_and_no_leak(audited):
    train, test, y, y_test = Survey().parts()
    for windows, labels in ((train, y), (test, y_test)):
        windows[:, 2, 2, 5] += 100 * labels
    audit = audited(train, test, y, y_test)
    assert codes(audit, Severity.LEAK) == set()
    assert codes(audit, Severity.SUSPICIOUS) == {"one-cell"}
    assert audit.of("one-cell").data["auc"] == 1


def test_slid_windows_in_training_alone_are_sound(audited):
    survey = Survey()
    train, test, y, y_test = survey.parts()
    train = np.concatenate([train, survey.cut(survey.at[:2] + np.array([1, 0]))])
    kept = audited(train, test[-10:], np.concatenate([y, y[:2]]), y_test[-10:])
    assert kept.of("copies-in-training").severity is Severity.CLEAN
    assert kept.of("copies-in-training").data["places"] < len(train)


def test_padding_is_no_place(audited):
    train, test, y, y_test = Survey().parts()
    train[:10, :2], test[:10, :, :2] = 0, 0
    audit = audited(train, test, y, y_test)
    assert not audit.leaks
    assert audit.of("seen-cells").data["share"] > 0
    assert "padding" in audit.of("seen-cells").meaning


def test_cells_that_repeat_everywhere_tell_nothing(audited):
    rng = np.random.default_rng(0)
    audit = audited(*(rng.integers(0, 3, (n, 5, 5, 2)) for n in (30, 10)))
    assert audit.of("seen-cells").severity is Severity.UNKNOWN
    assert not audit.leaks


def test_without_labels_and_with_channels_first(audited):
    train, test, *_ = Survey().parts()
    test[0] = train[0]
    audit = audited(train.transpose(0, 3, 1, 2), test.transpose(0, 3, 1, 2).astype(np.float64))
    assert audit.of("equal-windows").data["equal"] == 1
    assert codes(audit, Severity.UNKNOWN) >= {"positives-apart", "one-cell", "random-split"}


def test_one_hot_labels_are_read(audited):
    train, test, y, y_test = Survey().parts()
    plain = audited(train, test, y, y_test).of("one-cell").data
    assert audited(train, test, np.eye(2)[y], np.eye(2)[y_test]).of("one-cell").data == plain


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(test=a["test"][..., :4]), "6 channels"),
        (lambda a: a.update(test=a["test"][:, :3, :3]), "3 x 3 cells"),
        (lambda a: a.update(train=a["train"][:, :, 0]), "has shape"),
        (lambda a: a.update(train=a["train"][:, :3]), "no squares"),
        (lambda a: a.update(train=a["train"][:0]), "has shape"),
        (lambda a: a["test"].__setitem__((4, 0, 0, 0), np.nan), "1 of 40 windows hold missing"),
        (lambda a: a.update(test=np.array([{}, 1], dtype=object)), "Python objects"),
        (lambda a: a.update(test=np.array(["a", "b"])), "no numbers"),
        (lambda a: a.update(y=a["y"][:-1]), "labels of shape (79,) for 80 windows"),
        (lambda a: a.update(y_test=a["y_test"] + 1), "not 1 (ore) and 0 (barren)"),
        (lambda a: a.update(y_test=np.full(40, np.nan)), "not 1 (ore) and 0 (barren)"),
    ],
)
def test_what_cannot_be_audited_is_refused_in_one_message(audited, change, words):
    arrays = dict(zip(("train", "test", "y", "y_test"), Survey().parts(), strict=True))
    change(arrays)
    with pytest.raises(InputError) as caught:
        audited(*arrays.values())
    assert words in str(caught.value)
    assert caught.value.where.endswith(".npy")


def test_files_that_are_no_arrays_are_refused(tmp_path):
    text, several = tmp_path / "a.npy", tmp_path / "b.npz"
    text.write_text("no array")
    np.savez(several, a=np.zeros(3))
    for path, words in ((text, "no .npy"), (several, "several"), (tmp_path / "c", "no such file")):
        with pytest.raises(InputError, match=words):
            audit_windows((path, path))


@pytest.mark.skipif(
    not (DATA / "tianshan").is_dir(), reason="the public surveys are not here: set ORECAST_DATA"
)
def test_the_published_windows_of_tianshan_leak():
    here = DATA / "tianshan"
    audit = audit_windows(
        (here / "train_data.npy", here / "verify_data.npy"),
        (here / "train_labels.npy", here / "verify_labels.npy"),
    )
    assert audit.of("seen-cells").data["share"] == pytest.approx(0.992, abs=5e-4)
    assert audit.of("sharing-windows").data["sharing"] == 32
    assert audit.of("positives-apart").data["cells"] == [1] * 16
    assert audit.of("one-cell").data["accuracy"] == 1
    claims = audit.of("random-split").data
    assert claims["random"] > 0.99
    assert 0.54 <= claims["grouped"] <= 0.59
    assert claims["groups"] == 19  # nine places of ore, ten of barren ground
    assert audit.of("near-copies").severity is Severity.CLEAN
    for figure in ("99.2 %", "16 of 16", "from 1.00 to 0.57"):
        assert figure in audit.verdict


@pytest.fixture(scope="module")
def finished(district, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited") / "run"
    settings = [
        f"output='{folder.as_posix()}'",
        "evidence.cell_size=1000",
        "evidence.radius=1500",
        "sampling.window=3",
        "validation.folds=3",
        "validation.baselines=false",
        "model={name='logistic-regression'}",
    ]
    return run_survey(read(district, settings)).folder


def test_in_our_own_folds_nothing_is_found(finished):
    audit = audit_run(finished)
    assert not audit.leaks
    assert codes(audit, Severity.SUSPICIOUS) == set()
    assert codes(audit, Severity.UNKNOWN) == set()
    samples = audit.of("shared-samples").data
    assert samples["shared"] == [0] * len(samples["shared"])
    assert samples["nearest_m"] > 2 * samples["reach_m"] > 0
    assert audit.of("positives-apart").data["nearest_m"] > 3000 + 2 * samples["reach_m"]
    claims = audit.of("random-split").data
    assert claims["random"] > claims["spatial"]


def test_folds_without_a_buffer_are_caught(finished, monkeypatch):
    build = auditing_runs._protocol

    class Bare:
        def __init__(self, inner, hide):
            self.inner, self.hide = inner, hide
            self.grow_first, self.words = inner.grow_first, ""

        def folds(self, sampling, reach):
            return [replace(f, hidden=self.hide(f)) for f in self.inner.folds(sampling, reach)]

    def leaky(hide):
        def built(name, *rest):
            protocol = build(name, *rest)
            return Bare(protocol, hide) if name == "spatial" else protocol

        monkeypatch.setattr(auditing_runs, "_protocol", built)
        return audit_run(finished)

    nothing = leaky(lambda fold: np.zeros_like(fold.hidden))
    assert codes(nothing, Severity.LEAK) >= {"seen-cells", "shared-samples"}
    assert nothing.of("same-folds").severity is Severity.SUSPICIOUS
    region = leaky(
        lambda fold: auditing_runs._covered(np.argwhere(fold.region), 3, fold.region.shape)
    )
    assert region.of("seen-cells").severity is Severity.CLEAN
    assert region.of("shared-samples").severity is Severity.LEAK
    assert sum(region.of("shared-samples").data["shared"]) > 0


def test_a_moved_run_is_judged_by_distance_where_its_samples_are_gone(finished, tmp_path):
    moved = shutil.copytree(finished, tmp_path / "elsewhere")
    provenance = json.loads((moved / "provenance.json").read_text(encoding="utf-8"))
    provenance["inputs"][0]["sha256"] = "0"
    (moved / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    audit = audit_run(moved)
    assert not audit.leaks
    assert audit.of("shared-samples").data["shared"] is None
    assert "too far apart" in audit.of("shared-samples").meaning


def test_what_the_run_noted_is_passed_on(finished, tmp_path):
    noted = shutil.copytree(finished, tmp_path / "noted")
    checks = json.loads((noted / "checks.json").read_text(encoding="utf-8"))
    for code in ("fitted-on-all", "assumed-reach"):
        checks["findings"].append({"code": code, "what": f"said of {code}", "level": "warning"})
    (noted / "checks.json").write_text(json.dumps(checks), encoding="utf-8")
    audit = audit_run(noted)
    assert codes(audit, Severity.SUSPICIOUS) == {"scaling"}
    assert codes(audit, Severity.UNKNOWN) == {"assumed-reach"}
    assert "said of fitted-on-all" in audit.of("scaling").meaning


@pytest.mark.parametrize(
    "missing", ["run.toml", "metrics.json", "evidence", "targets.gpkg", "checks.json"]
)
def test_a_folder_that_is_no_finished_run_is_refused(finished, tmp_path, missing):
    half = shutil.copytree(finished, tmp_path / "half")
    gone = half / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    with pytest.raises(OrecastError, match="no finished run"):
        audit_run(half)


def test_an_audit_is_written_and_no_other_file_is_touched(audited, tmp_path):
    audit = audited(*Survey().parts())
    path, mine = tmp_path / "audit.json", tmp_path / "mine.json"
    for _ in range(2):
        write_audit(audit, path)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["leak"] is False
    assert written["verdict"] == audit.verdict
    assert [c["severity"] for c in written["audit"]] == [c.severity.value for c in audit.checks]
    mine.write_text("{}")
    with pytest.raises(RunError, match="another file"):
        write_audit(audit, mine)
    assert mine.read_text() == "{}"
