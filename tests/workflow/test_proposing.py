"""The comments of a proposed configuration, which hold names that others have chosen."""

import os
import re

import numpy as np
import pandas as pd
import pytest

from orecast.config import read
from orecast.errors import ConfigError, InputError, RunError
from orecast.workflow import propose_run


@pytest.fixture
def samples(tmp_path):
    rng = np.random.default_rng(0)
    place = {"lon": 88 + 0.1 * rng.random(20), "lat": 42 + 0.1 * rng.random(20)}
    table = pd.DataFrame(place | {e: rng.lognormal(1, 1, 20) for e in ("Au", "Cu", "Zn")})
    table.to_csv(tmp_path / "samples.csv", index=False)
    return tmp_path / "samples.csv"


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\x7f", "\x00", "\u2028", "[/b]", '"'])
def test_a_header_of_any_letters_leaves_the_configuration_readable(samples, name):
    table = pd.read_csv(samples)
    table[f"{name}remark"] = 1
    table.to_csv(samples, index=False)

    notes = propose_run([samples], samples.with_name("run.toml"))

    assert read(samples.with_name("run.toml")).samples.path == samples
    assert not [note for note in notes if re.search(r"[\x00-\x1f\x7f]", note)]


@pytest.mark.parametrize("name", ["a\nb = 1\n[model]\nname = 'x'", "a\rb", "a\x1b[31m", "a\tb"])
def test_a_file_of_any_name_does_too(samples, name):
    other = samples.with_name(name + ".csv")
    other.write_bytes(samples.read_bytes())

    propose_run([samples, other], samples.with_name("run.toml"))

    config = read(samples.with_name("run.toml"))
    assert config.samples.path == samples
    assert config.model.name == "auto"


def test_where_it_cannot_be_written_the_old_one_stays(samples, monkeypatch):
    output = samples.with_name("run.toml")
    output.write_text("mine", encoding="utf-8")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match=r"No space left on device.*--output"):
        propose_run([samples], output, overwrite=True)
    with pytest.raises(RunError, match=r"No space left on device.*--output"):
        propose_run([samples], samples.parent / "new" / "one" / "run.toml")
    assert output.read_text(encoding="utf-8") == "mine"
    assert sorted(samples.parent.iterdir()) == [output, samples]


def test_a_folder_that_is_missing_is_made(samples):
    output = samples.parent / "new" / "one" / "run.toml"
    propose_run([samples], output)
    assert read(output).samples.path == samples


def test_a_name_that_is_no_utf8_is_refused_and_nothing_is_written(samples):
    other = samples.with_name(os.fsdecode(b"a\xff.csv"))
    samples.rename(other)

    with pytest.raises(InputError, match=r"udcff.*not UTF-8.*rename") as caught:
        propose_run([other], samples.with_name("run.toml"))
    str(caught.value).encode("utf-8")
    assert not samples.with_name("run.toml").exists()


def test_a_name_that_cannot_be_the_configuration_is_refused_by_its_cause(samples):
    with pytest.raises(ConfigError, match=r"not a \.toml file"):
        propose_run([samples], samples.with_name("run.txt"))
    own = samples.with_name("own.toml")
    with pytest.raises(ConfigError, match="one of the survey's own files"):
        propose_run([own], own)


def with_deposits(samples, **columns):
    path = samples.with_name("deposits.csv")
    pd.DataFrame(columns).to_csv(path, index=False)
    return propose_run([samples, path], samples.with_name("run.toml"))


def test_init_tells_what_reading_the_proposed_survey_finds(samples):
    lon, lat = np.linspace(88.02, 88.08, 8), np.linspace(42.02, 42.08, 8)
    away = np.where(np.arange(8) < 3, 5.0, 0.0)

    notes = with_deposits(samples, lon=lon + away, lat=lat)
    asked = "; ".join(note for note in notes if note.startswith("To decide: deposits.csv: "))

    assert "5 deposits are too few for a conclusion" in asked
    assert "ignored 3 of 8 deposits outside the survey's extent: row 2, 3, 4" in asked
    assert "rename [deposits] to [held_back]" in asked  # they lie within three sample spacings


@pytest.mark.parametrize(
    ("lon", "says"),
    [([1.0, 2.0, 3.0, 4.0], "all 4 deposits lie outside"), ([88.05, 88.06], "too few deposits: 2")],
)
def test_an_error_that_a_run_would_end_with_is_a_question_of_init(samples, lon, says):
    notes = with_deposits(samples, lon=lon, lat=[42.05] * len(lon))

    assert any(note.startswith("To decide: ") and says in note for note in notes)
    assert samples.with_name("run.toml").exists()
