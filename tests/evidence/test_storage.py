import errno
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import CRS

from orecast.errors import AlignmentError, InputError, RunError
from orecast.evidence import Evidence, read_evidence, write_evidence
from orecast.grid import Bounds, Grid

GRID = Grid.covering(Bounds(500_000, 4_000_000, 530_000, 4_020_000), 100, CRS("EPSG:32645"))


@pytest.fixture
def evidence() -> Evidence:
    values = np.random.default_rng(0).normal(size=(3, *GRID.shape))
    values[0, :5, 7] = np.nan
    made = Evidence.empty(GRID)
    for name, layer, kind, reach in (
        ("Zn", values[0], "element", 5000.0),
        ("Au/Al", values[1], "element", 1234.5),
        ("geology=α", values[2], "lithology", 0.0),
    ):
        made = made.adding(
            name, layer, kind=kind, origin=f"how {name} came", reach=reach, unit="log-ratio"
        )
    return made


def test_round_trip(evidence, tmp_path):
    write_evidence(evidence, tmp_path)
    again = read_evidence(tmp_path)
    assert again.grid == evidence.grid
    assert again.names == evidence.names  # not the order of the alphabet
    np.testing.assert_array_equal(again.stack, evidence.stack)
    for name in evidence.names:
        assert again.data[name].attrs == evidence.data[name].attrs
    assert again.data.identical(evidence.data)


def test_files_are_tiled_compressed_and_say_what_they_are(evidence, tmp_path):
    files = write_evidence(evidence, tmp_path)
    assert [f.name for f in files] == ["Zn.tif", "Au_Al.tif", "geology=α.tif"]
    with rasterio.open(files[1]) as source:
        assert source.profile["tiled"]
        assert source.compression.value == "DEFLATE"
        assert source.dtypes == ("float32",)
        assert np.isnan(source.nodata)
        assert source.crs.to_epsg() == 32645
        assert tuple(source.bounds) == (500_000, 4_000_000, 530_000, 4_020_000)
        assert source.descriptions == ("Au/Al",)
        tags = source.tags()
    assert (tags["kind"], tags["reach"], tags["unit"]) == ("element", "1234.5", "log-ratio")
    assert tags["origin"] == "how Au/Al came"


def test_names_that_differ_by_case_do_not_share_a_file(tmp_path):
    made = Evidence.empty(GRID)
    for k, name in enumerate(("Co", "CO", "C/O", "C O")):
        layer = np.full(GRID.shape, float(k))
        made = made.adding(name, layer, kind="element", origin="", reach=0)
    files = write_evidence(made, tmp_path)
    assert len({f.name.lower() for f in files}) == 4
    assert read_evidence(tmp_path).layer("CO")[0, 0] == 1


def test_a_layer_of_any_name_is_written_within_the_folder(tmp_path):
    names = ["../../x", "/etc/x", "..", "", "<script>", "[/b]", "a\nb", "\x00", "C:\\x", "岩" * 300]
    names += ["x" * 400, "x" * 401]
    made = Evidence.empty(GRID)
    for k, name in enumerate(names):
        layer = np.full(GRID.shape, float(k))
        made = made.adding(name, layer, kind="lithology", origin="", reach=0)
    folder = tmp_path / "a" / "b" / "evidence"

    files = write_evidence(made, folder)

    assert {p for p in tmp_path.rglob("*") if p.is_file()} == {*files, folder / "evidence.json"}
    again = read_evidence(folder)
    assert [again.layer(n)[0, 0] for n in names] == list(range(len(names)))


def test_missing_and_broken_files_are_refused(evidence, tmp_path):
    with pytest.raises(InputError, match=r"evidence\.json"):
        read_evidence(tmp_path)
    write_evidence(evidence, tmp_path)
    (tmp_path / "Zn.tif").write_bytes(b"not a raster")
    with pytest.raises(InputError, match=r"Zn\.tif"):
        read_evidence(tmp_path)
    (tmp_path / "Zn.tif").unlink()
    with pytest.raises(InputError, match=r"Zn\.tif"):
        read_evidence(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "spell"},
        {"reach": "far"},
        {"file": "../Zn.tif"},
        {"file": None},
        {"origin": ...},
    ],
)
def test_an_index_that_was_tampered_with_is_refused(evidence, tmp_path, entry):
    write_evidence(evidence, tmp_path)
    path = tmp_path / "evidence.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    for key, value in entry.items():
        if value is ...:
            del index["layers"][0][key]
        else:
            index["layers"][0][key] = value
    path.write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(InputError, match="not a list of layers"):
        read_evidence(tmp_path)


def test_layers_of_differing_grids_are_refused(evidence, tmp_path):
    write_evidence(evidence, tmp_path)
    other = Grid.covering(Bounds(0, 0, 1000, 1000), 100, GRID.crs)
    strange = Evidence.empty(other).adding(
        "Zn", np.zeros(other.shape), kind="element", origin="", reach=0
    )
    write_evidence(strange, tmp_path / "other")
    (tmp_path / "Zn.tif").write_bytes((tmp_path / "other" / "Zn.tif").read_bytes())
    with pytest.raises(AlignmentError, match=r"Au_Al\.tif"):
        read_evidence(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(evidence, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(RunError, match="cannot be written"):
        write_evidence(evidence, blocked)


def test_a_full_disk_is_refused(evidence, tmp_path, monkeypatch):
    """GDAL itself may leave a file cut short and raise nothing."""

    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match="No space left"):
        write_evidence(evidence, tmp_path)
