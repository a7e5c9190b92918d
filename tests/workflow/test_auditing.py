"""Each kind of leak planted alone is found; where there is none, none is."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from orecast.config import read, to_toml
from orecast.errors import InputError, OrecastError, RunError, SamplingError
from orecast.grid import window_rows, windows_over, windows_touching
from orecast.splits import build_protocol
from orecast.splits.spatial import Spatial
from orecast.survey.concentrations import lowest_seen
from orecast.workflow import run_survey
from orecast.workflow.audit import folds as auditing_folds
from orecast.workflow.audit import runs as auditing_runs
from orecast.workflow.audit.auditing import Severity, write_audit
from orecast.workflow.audit.folds import protocol_of, read_finished
from orecast.workflow.audit.runs import audit_run
from orecast.workflow.audit.windows import audit_windows
from orecast.workflow.run import running

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
    assert audit.verdict.startswith("No leak was found. Not every check was possible; missing: ")
    assert "samples shared through interpolation" in audit.verdict


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
    for hidden in ("seen-cells", "sharing-windows"):
        assert audit.of(hidden).severity is Severity.UNKNOWN
        assert "near-copies" in audit.of(hidden).meaning
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


def test_a_high_score_of_one_cell_is_suspicious_and_no_leak(audited):
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


def test_cells_that_repeat_everywhere_show_nothing(audited):
    rng = np.random.default_rng(0)
    windows = [rng.integers(0, 3, (n, 5, 5, 2)) for n in (30, 10)]
    audit = audited(*windows, np.arange(30) % 2, np.arange(10) % 2)
    by_place = {"seen-cells", "sharing-windows", "positives-apart", "random-split"}
    assert codes(audit, Severity.UNKNOWN) == by_place | {"shared-samples", "scaling"}
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
        (lambda a: a.update(train=a["train"][:, :3]), "not square"),
        (lambda a: a.update(train=a["train"][:0]), "has shape"),
        (lambda a: a["test"].__setitem__((4, 0, 0, 0), np.nan), "1 of 40 windows hold missing"),
        (lambda a: a.update(test=np.array([{}, 1], dtype=object)), "Python objects"),
        (lambda a: a.update(test=np.array(["a", "b"])), "no numbers"),
        (lambda a: a.update(y=a["y"][:-1]), "labels of shape (79,) for 80 windows"),
        (lambda a: a.update(y_test=a["y_test"] + 1), "not 1 (ore) and 0 (negative)"),
        (lambda a: a.update(y_test=np.full(40, np.nan)), "not 1 (ore) and 0 (negative)"),
        (lambda a: a.update(y=np.array(["ore"] * 80)), "no numbers"),
        (lambda a: a.update(y=a["y"] * 0), "the training labels are all 0"),
    ],
)
def test_what_cannot_be_audited_is_refused_in_one_message(audited, change, words):
    arrays = dict(zip(("train", "test", "y", "y_test"), Survey().parts(), strict=True))
    change(arrays)
    with pytest.raises(InputError) as caught:
        audited(*arrays.values())
    assert words in str(caught.value)
    assert caught.value.where.endswith(".npy")


@pytest.mark.parametrize("label", [0, 1])
def test_a_test_part_of_one_class_ranks_nothing(audited, label):
    train, test, y, y_test = Survey().parts()
    audit = audited(train, test, y, np.full_like(y_test, label))
    unknown = codes(audit, Severity.UNKNOWN)
    assert unknown >= {"one-cell"}
    assert ("positives-apart" in unknown) == (label == 0)
    assert 0 <= audit.of("one-cell").data["accuracy"] <= 1


def test_a_random_split_that_claims_what_whole_places_do_not_is_found(audited):
    """Places, each of one label that says nothing of it, whose slid copies stand on both sides."""
    survey = Survey()
    steps = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)])
    at = (survey.at[:20, None] + steps).reshape(-1, 2)
    windows, y = survey.cut(at), np.repeat(np.arange(20) % 2, 9)
    windows += survey.rng.normal(0, 60, (20, 6)).repeat(9, axis=0)[:, None, None].astype("float32")
    mixed = survey.rng.permutation(180)
    audit = audited(windows[mixed[:120]], windows[mixed[120:]], y[mixed[:120]], y[mixed[120:]])
    found = audit.of("random-split")
    assert found.severity is Severity.LEAK
    assert found.data["groups"] == 20
    assert found.data["random"] - found.data["grouped"] > 0.1


def test_files_that_are_no_arrays_are_refused(tmp_path):
    text, several = tmp_path / "a.npy", tmp_path / "b.npz"
    text.write_text("no array")
    np.savez(several, a=np.zeros(3))
    files = {text: "not a .npy", several: "several", tmp_path / "c": "no such", tmp_path: "folder"}
    for path, words in files.items():
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
    assert claims["groups"] == 19  # nine deposit cells, ten of barren rock
    assert audit.of("near-copies").severity is Severity.CLEAN
    for figure in ("99.2 %", "16 of 16", "AUC 1.00 on a random split and 0.57"):
        assert figure in audit.verdict


SETTINGS = (
    "evidence.cell_size=1000",
    "evidence.radius=1500",
    "sampling.window=3",
    "validation={folds=3, inner_folds=0, baselines=false, repetitions=0}",
    "model={name='logistic-regression'}",
)


@pytest.fixture(scope="session")
def run(district):
    """Run the small district with settings, but for its report."""

    def run(folder, *settings):
        config = read(district, [*SETTINGS, *settings, f"output='{folder.as_posix()}'"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, "write_report", lambda *_, **__: None)
            return run_survey(config).folder

    return run


@pytest.fixture(scope="session")
def finished(run, once):
    return once("audited", run)


@pytest.fixture
def edited(finished, tmp_path, reseal):
    """A copy of the finished run that says it was run with other settings."""

    def edit(*settings):
        folder = shutil.copytree(finished, tmp_path / "edited")
        config = read(folder / "run.toml", list(settings))
        (folder / "run.toml").write_text(to_toml(config), encoding="utf-8")
        return reseal(folder)

    return edit


def test_in_our_own_folds_nothing_is_found(finished):
    audit = audit_run(finished)
    assert {check.severity for check in audit.checks} == {Severity.CLEAN}
    assert audit.verdict == "No leak was found: the training data held no part of the test data."
    samples = audit.of("shared-samples").data
    assert samples["shared"] == [0] * 3
    assert samples["nearest_m"] > 2 * samples["reach_m"] > 0
    assert audit.of("positives-apart").data["nearest_m"] > 3000 + 2 * samples["reach_m"]
    claims = audit.of("random-split").data
    assert claims["random"] > claims["spatial"]
    assert audit.of("fitted-evidence").data["of"] > 100


def test_a_random_split_that_cannot_be_cut_is_reported(finished, monkeypatch):
    def refuse(*_):
        raise SamplingError("the rows cannot be split")

    monkeypatch.setattr(auditing_runs, "_regressed", refuse)
    audit = audit_run(finished)
    assert codes(audit, Severity.UNKNOWN) == {"random-split"}
    assert audit.of("random-split").meaning == "Not computed: the rows cannot be split."
    assert not audit.leaks


@pytest.fixture
def planted(finished, monkeypatch):
    """Audit the finished run as if its protocol had changed every fold like this."""

    def audit(change):
        class Changed(Spatial):
            def folds(self, sampling, reach):
                return [change(fold) for fold in super().folds(sampling, reach)]

        def built(done, name, **options):
            found = protocol_of(done, name, **options)
            return Changed(done.geometry, 3) if name == "spatial" else found

        monkeypatch.setattr(auditing_folds, "protocol_of", built)
        return audit_run(finished)

    return audit


def test_folds_that_hide_nothing_are_caught(planted):
    audit = planted(lambda fold: replace(fold, hidden=np.zeros_like(fold.hidden)))
    assert codes(audit, Severity.LEAK) == {
        "seen-cells",
        "shared-samples",
        "scaling",
        "fitted-evidence",
    }
    assert audit.of("same-folds").severity is Severity.SUSPICIOUS
    assert "cannot be trusted" in audit.verdict


def test_folds_that_hide_the_windows_and_not_the_samples_behind_them_are_caught(planted):
    audit = planted(lambda fold: replace(fold, hidden=windows_over(fold.region, 3)))
    assert codes(audit, Severity.LEAK) == {"shared-samples", "fitted-evidence"}
    assert sum(audit.of("shared-samples").data["shared"]) > 0


def test_a_deposit_learned_from_beside_the_tested_one_is_caught(planted):
    audit = planted(lambda fold: replace(fold, train=np.append(fold.train, fold.test[0])))
    assert "positives-apart" in codes(audit, Severity.LEAK)
    assert audit.of("positives-apart").data["overlapping"] >= 3


def test_evidence_fitted_to_all_samples_is_caught_alone(edited, monkeypatch):
    kriged = edited("evidence={cell_size=1000, radius=1500, interpolator='kriging', neighbours=4}")
    assert not audit_run(kriged).leaks
    monkeypatch.setattr(auditing_folds, "refitted", lambda evidence, *_: evidence)
    audit = audit_run(kriged)
    assert codes(audit, Severity.LEAK) == {"fitted-evidence"}
    found = audit.of("fitted-evidence").data
    assert 0.5 < found["moved"] / found["of"] <= 1
    assert f"{found['moved']} of {found['of']} training cells changed" in audit.verdict


def test_zeros_below_the_lowest_value_of_all_are_refitted(edited, monkeypatch):
    folder = edited()
    read_again = auditing_folds.read_survey

    def with_zeros(config):
        survey = read_again(config)
        zeros = np.random.default_rng(0).random(survey.values.shape) < 0.05
        values = np.where(zeros, lowest_seen(survey.values, zeros), survey.values)
        return replace(survey, values=values, zeros=zeros, censored=survey.censored | zeros)

    monkeypatch.setattr(auditing_folds, "read_survey", with_zeros)
    assert not audit_run(folder).leaks
    monkeypatch.setattr(auditing_folds, "refitted", lambda evidence, *_: evidence)
    assert codes(audit_run(folder), Severity.LEAK) == {"fitted-evidence"}


def test_the_regression_reads_evidence_that_is_refitted_in_each_fold(edited, monkeypatch):
    hidden = []

    def refit(evidence, survey, config, mask):
        hidden.append(mask.sum())
        return evidence

    monkeypatch.setattr(auditing_runs, "refitted", refit)
    audit = audit_run(edited())
    assert len(hidden) == 3
    assert min(hidden) > 0
    assert audit.of("random-split").data["refitted"] is True


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("leave-deposit-out", "{}"),
        ("leave-pair-out", "{pairs=30}"),
        ("nearest-neighbour-distance", "{}"),
        ("blocks", "{block=12000}"),
    ],
)
def test_a_sound_protocol_beside_the_default_is_clean(edited, rewrite, name, options):
    asked = f"validation={{folds=3, protocol='{name}', options={options}}}"
    folder = edited(asked)
    done = read_finished(folder)
    protocol = build_protocol(
        name, done.config.validation.options, done.geometry, n_folds=3, seed=done.config.seed
    )
    protocol.folds(done.places.sampling, done.evidence.reach)
    row = {"role": "model", "name": "m", "protocol": name, "sentence": protocol.words}
    rewrite(folder / "metrics.json", lambda content: content["scores"].append(row))
    audit = audit_run(folder)
    assert {check.severity for check in audit.checks} == {Severity.CLEAN}
    assert audit.protocols == ["spatial", name]


def test_scores_that_the_run_does_not_hold_are_doubted(edited):
    audit = audit_run(edited("validation={folds=3, protocol='blocks', options={block=12000}}"))
    assert audit.of("same-folds", "blocks").severity is Severity.SUSPICIOUS
    assert audit.of("same-folds", "spatial").severity is Severity.CLEAN
    assert "Run it again" in audit.verdict


def test_a_paper_protocol_is_found_leaking_and_the_default_beside_it_is_not(run, tmp_path):
    audit = audit_run(run(tmp_path / "run", "validation.protocol=paper"))
    leaks = {(check.protocol, check.code) for check in audit.among(Severity.LEAK)}
    kinds = ("seen-cells", "shared-samples", "positives-apart", "scaling", "fitted-evidence")
    assert leaks == {("paper", code) for code in kinds}
    assert audit.of("same-folds", "paper").severity is Severity.CLEAN
    assert 0.3 < audit.of("seen-cells", "paper").data["share"] < 1
    assert "Under spatial no leak was found: the training" in audit.verdict
    assert "The scores under paper cannot be trusted" in audit.verdict


@pytest.mark.slow
def test_windows_grown_by_a_plan_before_the_cut_are_cut_again_as_they_were(run, tmp_path):
    asked = "sampling={window=3, shift=0, grow=[{method='slide'}, {method='turns', times=2}]}"
    audit = audit_run(run(tmp_path / "run", "validation={folds=3, protocol='paper'}", asked))
    assert audit.of("same-folds", "paper").severity is Severity.CLEAN
    assert audit.of("seen-cells", "paper").data["share"] > 0.9
    assert audit.of("seen-cells", "spatial").severity is Severity.CLEAN


def test_what_is_scored_without_folds_is_declared(edited):
    audit = audit_run(edited("validation.protocol=negative-draws", "model={name='mahalanobis'}"))
    assert not audit.leaks
    assert codes(audit, Severity.DECLARED) == {"nothing-hidden"}


def test_pretraining_on_held_out_areas_is_declared_and_no_leak(edited):
    network = "model={name='resnet18', options={width=8}}"
    audit = audit_run(edited(network, "training={pretrain=1, pretrain_on='all'}"))
    assert not audit.leaks
    assert codes(audit, Severity.DECLARED) == {"declared"}
    first = "No leak was found. Declared: The network was pretrained on windows of the whole map"
    assert audit.verdict.startswith(first)


@given(st.integers(0, 1000), st.integers(1, 9))
@settings(deadline=None, max_examples=30)
def test_windows_cover_and_touch_the_cells_that_are_read(seed, size):
    mask = np.random.default_rng(seed).random((7, 11)) < 0.05
    covered, touching = np.zeros_like(mask), np.zeros_like(mask)
    for row, column in np.ndindex(mask.shape):
        rows, columns = window_rows(np.array([[row, column]]), size)
        inside = [r for r in rows[0] if 0 <= r < 7], [c for c in columns[0] if 0 <= c < 11]
        window = np.ix_(*inside)
        touching[row, column] = mask[window].any()
        covered[window] |= mask[row, column]
    assert np.array_equal(covered, windows_over(mask, size))
    assert np.array_equal(touching, windows_touching(mask, size))


def test_a_moved_run_is_judged_by_distance_where_its_samples_are_gone(finished, tmp_path, rewrite):
    moved = shutil.copytree(finished, tmp_path / "elsewhere")
    rewrite(moved / "provenance.json", lambda said: said["inputs"][0].update(sha256="0"))
    audit = audit_run(moved)
    assert not audit.leaks
    assert codes(audit, Severity.UNKNOWN) == {"fitted-evidence"}
    assert audit.of("shared-samples").data["shared"] is None
    assert "not refitted" in audit.of("random-split").meaning
    assert "too far apart" in audit.of("shared-samples").meaning


def test_a_reach_that_was_assumed_is_passed_on(edited, rewrite):
    folder = edited()
    noted = {"code": "assumed-reach", "what": "said of the reach", "level": "warning"}
    rewrite(folder / "checks.json", lambda content: content["findings"].append(noted))
    audit = audit_run(folder)
    assert codes(audit, Severity.UNKNOWN) == {"assumed-reach"}
    assert audit.of("assumed-reach").meaning == "said of the reach."
    assert audit.verdict.startswith("No leak was found. Not every check was possible")


def test_a_run_that_learned_from_no_deposits_is_refused(edited, rewrite):
    folder = edited()
    rewrite(folder / "metrics.json", lambda content: content.update(anomalies=True))
    with pytest.raises(RunError, match="used no deposits") as caught:
        audit_run(folder)
    assert "[deposits]" in caught.value.remedy


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("metrics.json", "{"),
        ("metrics.json", "[]"),
        ("metrics.json", '{"folds": []}'),
        ("checks.json", "{}"),
        ("provenance.json", "{}"),
        ("evidence/evidence.json", "{}"),
        ("run.toml", "model ="),
        ("targets.gpkg", "no database"),
    ],
)
@pytest.mark.parametrize("sealed", [True, False])
def test_a_run_with_a_broken_file_is_refused_in_one_message(edited, reseal, file, text, sealed):
    folder = edited()
    (folder / file).write_text(text, encoding="utf-8")
    if sealed and file != "provenance.json":
        reseal(folder)
    with pytest.raises(OrecastError) as caught:
        audit_run(folder)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("evidence/Au.tif", "evidence/Cu.tif"),  # one layer copied over another
        ("out_of_fold.tif", "prospectivity.tif"),
        ("model/places.npz", None),
        ("checks.json", None),
    ],
)
def test_a_damaged_file_is_named(edited, file, source):
    folder = edited()
    content = (folder / (source or file)).read_bytes()
    (folder / file).write_bytes(content if source else content + b" ")
    with pytest.raises(RunError, match=f"1 file is not as the run wrote them: {file}"):
        audit_run(folder)


def test_a_run_of_another_format_is_refused(edited, rewrite):
    folder = edited()
    rewrite(folder / "provenance.json", lambda said: said.update(format=1))
    with pytest.raises(RunError, match=r"format 1, .* reads format 3 alone.*--overwrite"):
        audit_run(folder)


def test_a_run_by_other_versions_is_read_with_a_warning(edited, rewrite, caplog):
    folder = edited()
    audit_run(folder)
    assert not caplog.messages
    rewrite(folder / "provenance.json", lambda said: said["libraries"].update(numpy="1.0"))
    audit_run(folder)
    (line,) = caplog.messages
    assert line.startswith(f"{folder} was made by other versions (numpy 1.0, now ")


@pytest.mark.parametrize(
    "missing", ["run.toml", "metrics.json", "evidence", "targets.gpkg", "checks.json"]
)
def test_a_folder_that_is_no_finished_run_is_refused(finished, tmp_path, missing):
    half = shutil.copytree(finished, tmp_path / "half")
    gone = half / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    with pytest.raises(OrecastError, match=f"not a finished run: .* missing: .*{missing}"):
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
    with pytest.raises(RunError, match="holds no audit"):
        write_audit(audit, mine)
    assert mine.read_text() == "{}"
