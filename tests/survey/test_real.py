"""The two real surveys, where they are at hand: every trap listed beside them is found."""

import numpy as np
import pytest

from orecast.config import parse
from orecast.errors import AlignmentError
from orecast.survey import propose, read_survey

ESKAY = ("Ag", "As", "Au", "Ba", "Co", "Cu", "Fe", "Hg", "Mn", "Mo", "Ni", "Pb", "Sb", "U", "Zn")


@pytest.fixture(scope="module")
def eskay(real_data):
    table = {
        "samples": {
            "path": "samples.csv",
            "crs": "EPSG:26910",
            "medium": "stream-sediment",
            "units": {"Fe": "%", "Au": "ppb", "Hg": "ppb"},
        },
        "deposits": {"path": "deposits_vms.csv", "crs": "EPSG:26910"},
        "geology": {"path": "geology.gpkg", "column": "ROCK_CLASS"},
        "layers": [{"path": "fd.tif"}, {"path": "mag.tif"}, {"path": "grres.tif"}],
    }
    return read_survey(parse(table, where="run.toml", folder=real_data / "eskay"))


def _tianshan(real_data, **changes):
    table = {
        "gridded": {"path": "Geochemical_data/*.tif"},
        "deposits": {"path": "label/Au_deposits0.tif", "align": "pixels"},
        "barren": {"path": "label/non_deposits.tif", "align": "pixels"},
        "layers": [{"path": "geology_weights.tif", "align": "pixels"}],
    }
    return parse(table | changes, where="run.toml", folder=real_data / "tianshan")


@pytest.fixture(scope="module")
def tianshan(real_data):
    return read_survey(_tianshan(real_data))


def test_eskay_ph_is_no_element_and_number_an_id(eskay):
    assert eskay.symbols == ESKAY
    columns = eskay.findings.of("unrecognised-columns")[0].data["columns"]
    assert columns == ["ESKAYSS", "PH", "NUMBER"]


def test_eskay_duplicates_are_counted(eskay):
    assert eskay.findings.of("duplicate-places")[0].data == {"n": 224, "places": 224}
    assert len(eskay.samples) == len(eskay.values) == 4205 - 224
    assert eskay.findings.of("precision")[0].data["pairs"]["Zn"] == 224


def test_eskay_piles_are_reported_and_not_treated_as_censored(eskay):
    piles = eskay.findings.of("piled-up-lowest")[0].data["elements"]

    assert (piles["Au"]["lowest"], piles["Au"]["n"]) == (1.0, 379)
    assert (piles["Sb"]["lowest"], piles["Sb"]["n"]) == (0.05, 20)
    assert (piles["U"]["lowest"], piles["U"]["n"]) == (0.05, 11)
    assert not eskay.censored.any()


def test_eskay_units_without_a_header_are_said(eskay):
    assumed = eskay.findings.of("assumed-units")[0].data["units"]

    assert len(assumed) == 12
    assert set(assumed.values()) == {"ppm"}
    assert not eskay.findings.of("doubtful-units")


def test_eskay_units_are_doubted_where_nobody_set_them(real_data):
    table, _ = propose([real_data / "eskay"], real_data)

    units = table["samples"]["units"]
    assert (units["Fe"], units["Au"], units["Hg"]) == ("%", "ppb", "ppb")
    assert {u for s, u in units.items() if s not in ("Fe", "Au", "Hg")} == {"ppm"}
    assert table["samples"]["crs"] == table["deposits"]["crs"] == "EPSG:26910"


def test_eskay_speaks_of_catchments_and_of_its_stretched_zone(eskay):
    assert eskay.findings.of("stream-sediment")
    assert 0.002 < eskay.findings.of("stretched-projection")[0].data["stretch"] < 0.01


def test_eskay_has_everything(eskay):
    assert len(eskay.deposits) == 51
    assert len(eskay.geology) == 969
    assert [r.grid.shape for r in eskay.rasters] == [(304, 259)] * 3
    assert not eskay.findings.of("positions-disagree")


def test_tianshan_is_39_elements_on_one_grid(tianshan):
    assert len(tianshan.symbols) == 39
    assert tianshan.gridded.shape == (117, 289)
    assert tianshan.values.shape == (117 * 289, 39)
    assert {"Y", "W", "U", "SiO2"} <= set(tianshan.symbols)


def test_tianshan_deposits_stand_on_their_pixels(tianshan):
    xy = np.column_stack([tianshan.deposits.geometry.x, tianshan.deposits.geometry.y])

    assert tianshan.gridded.cell(xy).tolist() == [
        [5, 51],
        [26, 100],
        [36, 126],
        [42, 159],
        [44, 87],
        [45, 87],
        [45, 175],
        [59, 177],
        [70, 232],
        [91, 241],
    ]
    assert tianshan.findings.of("touching-cells")[0].data == {"n": 10, "places": 9}
    assert len(tianshan.barren) == 10
    assert tianshan.rasters[0].grid == tianshan.gridded


@pytest.mark.parametrize(
    "changes",
    [
        {"deposits": {"path": "label/Au_deposits0.tif"}},
        {"barren": {"path": "label/non_deposits.tif"}},
        {"layers": [{"path": "geology_weights.tif"}]},
    ],
)
def test_tianshan_misregistered_layers_are_refused_with_both_extents(real_data, changes):
    with pytest.raises(AlignmentError) as caught:
        read_survey(_tianshan(real_data, **changes))

    message = str(caught.value)
    assert "its extent is x 49" in message
    assert "the survey's is x 565321 to 854321" in message
    assert 'align = "pixels"' in message


def test_tianshan_authors_windows_are_found_at_the_pixels_of_the_stack(tianshan, real_data):
    """The first positive window, bit for bit, around one of the deposits' cells."""
    windows = np.load(real_data / "tianshan" / "train_data.npy", allow_pickle=False)
    labels = np.load(real_data / "tianshan" / "train_labels.npy", allow_pickle=False)
    window = windows[np.flatnonzero(labels.ravel()[: len(windows)] == 1)[0]]
    stack = tianshan.values.reshape(117, 289, 39).astype(np.float32)
    gold = tianshan.symbols.index("Au")
    rows, columns = np.nonzero(stack[:, :, gold] == window[4, 4, gold])

    found = [
        np.array_equal(stack[r - 4 : r + 5, c - 4 : c + 5, gold], window[:, :, gold])
        for r, c in zip(rows, columns, strict=True)
    ]
    assert any(found)


def test_tianshan_cadmium_has_a_hole(tianshan):
    (finding,) = tianshan.findings.of("zeros")

    assert "layer Cd" in finding.where
    assert finding.data["limit"] > 0.01
    assert "nothing was measured there" in finding.what


def test_tianshan_units_are_doubted(tianshan):
    (doubt,) = tianshan.findings.of("doubtful-units")

    assert doubt.data["fits"] == dict.fromkeys(["Ag", "Au", "Cd", "Hg"], "ppb")
