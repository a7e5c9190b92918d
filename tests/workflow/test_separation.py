"""Shorter distances between training and test, where the folds of a survey need them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from orecast.config import parse, read
from orecast.errors import SamplingError
from orecast.survey import read_survey
from orecast.workflow.choosing import resolve_auto
from orecast.workflow.run.running import run_survey
from orecast.workflow.separation import build_separable

SPACING = 1000.0
CELL, RADIUS = 500.0, 1500.0  # proposed for samples so far apart


def survey_of(folder, deposits, **sections):
    """Samples every kilometre on 40 x 40 km, and deposits at km ``(n, 2)``."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(40) * SPACING, np.arange(40) * SPACING)
    samples = pd.DataFrame({"x": x.ravel() + 400_000, "y": y.ravel() + 6_000_000})
    for symbol in ("Au_ppb", "As_ppm", "Cu_ppm", "Zn_ppm"):
        samples[symbol] = np.exp(rng.normal(2, 0.5, len(samples))).round(3)
    samples.to_csv(folder / "samples.csv", index=False)
    places = np.asarray(deposits, dtype=float) * 1000 + [400_000, 6_000_000]
    pd.DataFrame(places, columns=["x", "y"]).to_csv(folder / "deposits.csv", index=False)
    content = {
        "samples": {"path": "samples.csv", "crs": "EPSG:32650"},
        "deposits": {"path": "deposits.csv", "crs": "EPSG:32650"},
        **sections,
    }
    config = resolve_auto(parse(content, where="run.toml", folder=folder))
    return SimpleNamespace(survey=read_survey(config), config=config)


def built(made):
    return build_separable(made.survey, made.config)


def spread_out(n=12):
    """Deposits 10 km apart."""
    return [(5 + 10 * (k % 4), 5 + 10 * (k // 4)) for k in range(n)]


def clustered(apart):
    """Two clusters of six deposits each, so many km apart."""
    return [(10 + east, 20 + k) for east in (0, apart) for k in range(6)]


def test_deposits_far_apart_keep_the_window_and_the_radius(tmp_path):
    made = survey_of(tmp_path, spread_out())
    found = built(made)
    assert found.config == made.config
    assert found.buffer == 9 * CELL + 2 * RADIUS
    assert not made.survey.findings.of("shorter-buffer")


def test_clusters_too_near_for_the_window_get_a_smaller_one(tmp_path):
    """4 km lie between the clusters; a window of 1 and the radius need 3.5."""
    made = survey_of(tmp_path, clustered(8))
    found = built(made)
    assert found.config.sampling.window < 9
    assert found.config.sampling.distance is None  # negatives follow the window
    (warned,) = made.survey.findings.of("shorter-buffer")
    assert f"sampling.window from 9 to {found.config.sampling.window}" in warned.what
    assert warned.data == {"longest": 9 * CELL + 2 * RADIUS, "buffer": found.buffer}
    assert len(made.survey.findings.of("cell-size-proposed")) == 1


def test_windows_that_join_all_deposits_get_smaller(tmp_path):
    """Two rows of deposits 3 km apart: two groups of windows of 4.5 km, but 24 of 2.5 km."""
    made = survey_of(tmp_path, [(2 + 3 * k, north) for k in range(12) for north in (10, 30)])
    found = built(made)
    assert found.config.sampling.window == 5
    assert len(np.unique(found.places.sampling.group)) == 24
    assert "join 24 deposit cells to 2 groups" in made.survey.findings.of("shorter-buffer")[0].what


def test_a_shorter_radius_is_tried_after_the_smallest_window(tmp_path):
    """Samples of the east lie 4 km apart, so the proposed radius is too long for the west."""
    made = survey_of(tmp_path, clustered(5))
    thinned = (made.survey.samples.geometry.x < 425_000) | (
        (made.survey.samples.geometry.x % 4000 == 0) & (made.survey.samples.geometry.y % 4000 == 0)
    )
    frame = pd.read_csv(tmp_path / "samples.csv")[thinned.to_numpy()]
    frame.to_csv(tmp_path / "samples.csv", index=False)
    made.survey = read_survey(made.config)
    found = built(made)
    assert found.config.sampling.window == 1
    assert found.config.evidence.radius is not None
    assert "evidence.radius from " in made.survey.findings.of("shorter-buffer")[0].what


@pytest.mark.parametrize(
    "sections",
    [
        {"sampling": {"window": 7}},  # not the default: chosen
        {"model": {"name": "resnet18"}},  # reads the whole window
        {"model": {"name": "random-forest"}, "training": {"trim": 1}},
    ],
)
def test_a_chosen_window_and_one_that_is_read_stay(sections, tmp_path):
    evidence = {"radius": 1500.0}
    made = survey_of(tmp_path, clustered(5), evidence=evidence, **sections)
    with pytest.raises(SamplingError, match="cannot be cut into two folds"):
        built(made)


def test_one_cluster_is_refused(tmp_path):
    made = survey_of(tmp_path, [(20, 20), (20.6, 20), (21.2, 20), (20, 20.6)])
    with pytest.raises(SamplingError, match="cannot be cut into two folds"):
        built(made)


def test_a_resumed_run_keeps_the_smaller_window(tmp_path, monkeypatch):
    sections = {
        "validation": {"baselines": False, "repetitions": 0},
        "output": str(tmp_path / "run"),
    }
    made = survey_of(tmp_path, clustered(8), **sections)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("orecast.workflow.run.running.draw_map", killed)
        with pytest.raises(KeyboardInterrupt):
            run_survey(made.config)
    begun = read(tmp_path / "run" / "run.toml").sampling
    assert begun.window < 9
    summary = run_survey(made.config, resume=True)
    assert read(summary.folder / "run.toml").sampling == begun
    assert any("reduced sampling.window from" in text for text in summary.warnings)
