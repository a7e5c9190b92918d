"""Tables as laboratories and agencies write them are read to the values that they were made from.

Headers, units, marks, layouts, encodings and languages are combined at random.
"""

import csv
import io
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from orecast.config import parse
from orecast.survey import propose, read_survey

UTM = "EPSG:32750"  # zone 50 south
LIMITS = {"Au": 1.0, "Cu": 2.0, "Zn": 5.0, "As": 0.5, "Fe": 0.01, "Mo": 0.1, "Ag": 0.05}
UNITS = {"Au": "ppb", "Fe": "%"}
NAMES = {
    "Au": "Gold",
    "Cu": "Copper",
    "Zn": "Zinc",
    "As": "Arsenic",
    "Fe": "Iron",
    "Mo": "Molybdenum",
    "Ag": "Silver",
}

METRES = [
    ("Easting", "Northing"),
    ("EASTING", "NORTHING"),
    ("X", "Y"),
    ("x_coord", "y_coord"),
    ("UTM_E", "UTM_N"),
    ("Este", "Norte"),
    ("Leste", "Norte"),
    ("Rechtswert", "Hochwert"),
    ("Ostwert", "Nordwert"),
    ("Est", "Nord"),
    ("X (m)", "Y (m)"),
    ("Est_UTM50", "Nord_UTM50"),
    ("东坐标", "北坐标"),
]
DEGREES = [
    ("Longitude", "Latitude"),
    ("LON", "LAT"),
    ("long_wgs84", "lat_wgs84"),
    ("Longitud", "Latitud"),
    ("Länge", "Breite"),
    ("долгота", "широта"),
    ("经度", "纬度"),
    ("Long_dd", "Lat_dd"),
    ("XCOO", "YCOO"),
]
HEADERS = [
    "{s}_{u}",
    "{s} ({u})",
    "{s} {u}",
    "{s} [{u}]",
    "{s}_ICPMS_{u}",
    "{s}_MS61_{u}",
    "{s} {u} ME-ICP61",
    "{N} ({u})",
    "{S}_{U}",
    "{s}{u}",
]
WORDS = {"%": ["%", "pct", "wt%"], "ppb": ["ppb", "ug/kg", "µg/kg"], "ppm": ["ppm", "mg/kg", "g/t"]}
BELOW = ["<{v}", "< {v}", "-{v}", "{v}<", "<{v} {u}", "＜{v}", "less than {v}"]
MISSING = ["", "-9999", "NA", "n.a.", "--", "LNR", "IS", "#N/A", "NaN", "not analysed"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]


@dataclass(frozen=True)
class Dialect:
    """How one table is written."""

    seed: int
    place: tuple[str, str]
    degrees: bool
    dms: bool
    thousands: bool
    header: str
    unit_row: bool
    below: str
    missing: str
    delimiter: str
    comma: bool  # as the decimal mark
    preamble: tuple[str, ...]
    footer: bool
    encoding: str
    workbook: bool


@st.composite
def dialects(draw):
    degrees = draw(st.booleans())
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    return Dialect(
        seed=draw(st.integers(0, 10_000)),
        place=draw(st.sampled_from(DEGREES if degrees else METRES)),
        degrees=degrees,
        dms=degrees and draw(st.booleans()),
        thousands=not degrees and draw(st.booleans()),
        header=draw(st.sampled_from(HEADERS)),
        unit_row=draw(st.booleans()),
        below=draw(st.sampled_from(BELOW)),
        missing=draw(st.sampled_from(MISSING)),
        delimiter=delimiter,
        comma=delimiter != "," and draw(st.booleans()),
        preamble=draw(
            st.sampled_from(
                [
                    (),
                    ("Soil survey of 2019",),
                    ("Certificate: PH19012345", "Client: Some Company", ""),
                    ("# exported by a program", "# another line"),
                    ("sep=%s",),
                ]
            )
        ),
        footer=draw(st.booleans()),
        encoding=draw(st.sampled_from(ENCODINGS)),
        workbook=draw(st.integers(0, 9)) == 0,
    )


def truth(seed):
    """Positions in degrees, symbols, values in their units, what is censored and missing."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 60))
    xy = np.column_stack(
        [rng.uniform(420_000, 430_000, n), rng.uniform(7_000_000, 7_010_000, n)]
    ).round(1)
    symbols = rng.permutation(list(LIMITS))[: int(rng.integers(3, 7))].tolist()
    values = np.column_stack(
        [np.exp(rng.normal(np.log(6 * LIMITS[s]), 1.2, n)) for s in symbols]
    ).round(3)
    limits = np.array([LIMITS[s] for s in symbols])
    censored = values < limits
    values = np.where(censored, limits, values)
    missing = rng.random(values.shape) < 0.06
    return xy, symbols, np.where(missing, np.nan, values), censored & ~missing, missing


def number(value, dialect):
    text = f"{value:.10g}"
    return text.replace(".", ",") if dialect.comma else text


def sexagesimal(value, letters):
    letter = letters[0] if value >= 0 else letters[1]
    seconds = round(abs(value) * 3600, 3)
    minutes, seconds = divmod(seconds, 60)
    degrees, minutes = divmod(int(minutes), 60)
    return f"{degrees}°{minutes:02d}'{seconds:06.3f}\"{letter}"


def rows_of(dialect):
    """The cells of the table, from the header to the last row, as text."""
    xy, symbols, values, censored, missing = truth(dialect.seed)
    header, units = ["SampleID", *dialect.place], ["", "", ""]
    for s in symbols:
        unit = UNITS.get(s, "ppm")
        words = WORDS[unit]
        word = words[dialect.seed % len(words)]
        form = dialect.header
        if form == "{s}{u}" and not word.isalpha():
            form = "{s}_{u}"  # nobody writes Agg/t
        name = form.format(s=s, S=s.upper(), u=word, U=word.upper(), N=NAMES[s])
        if dialect.unit_row:
            name = (NAMES[s] if "{N}" in dialect.header else s) + (
                "_ICPMS" if "ICP" in dialect.header else ""
            )
        header.append(name)
        units.append(word)
    table = [header, *([units] if dialect.unit_row else [])]
    lon, lat = Transformer.from_crs(UTM, 4326, always_xy=True).transform(*xy.T)
    for i, (x, y) in enumerate(xy):
        if dialect.dms:
            place = [sexagesimal(lon[i], "EW"), sexagesimal(lat[i], "NS")]
        elif dialect.degrees:
            place = [number(lon[i], dialect), number(lat[i], dialect)]
        else:
            place = [number(x, dialect), number(y, dialect)]
            if dialect.thousands:
                place = [f"{x:,.1f}", f"{y:,.1f}"]
                if dialect.comma:
                    place = [p.translate(str.maketrans(",.", ".,")) for p in place]
        cells = []
        for k, s in enumerate(symbols):
            if missing[i, k]:
                cells.append(dialect.missing)
            elif censored[i, k]:
                text = number(LIMITS[s], dialect)
                cells.append(dialect.below.format(v=text, u=units[3 + k] or "ppm"))
            else:
                cells.append(number(values[i, k], dialect))
        table.append([f"S{i + 1:03d}", *place, *cells])
    return table


def write(dialect, folder):
    table = rows_of(dialect)
    if dialect.workbook:
        from openpyxl import Workbook

        book = Workbook()
        for line in dialect.preamble[:1]:
            book.active.append([line])
        for row in table:
            book.active.append(row)
        book.save(folder / "samples.xlsx")
        return
    stream = io.StringIO(newline="")
    for line in dialect.preamble:
        stream.write((line.replace("%s", dialect.delimiter)) + "\n")
    csv.writer(stream, delimiter=dialect.delimiter, lineterminator="\n").writerows(table)
    if dialect.footer:
        stream.write("\nEnd of report\n")
    (folder / "samples.csv").write_bytes(stream.getvalue().encode(dialect.encoding))


def read(folder):
    table, _ = propose([folder], folder)
    samples = table["samples"]
    samples.setdefault("crs", UTM)  # what only a person can decide
    samples.setdefault("medium", "soil")
    return read_survey(parse(table, where="run.toml", folder=folder))


def require_truth(survey, dialect):
    xy, symbols, values, censored, _ = truth(dialect.seed)
    assert sorted(survey.symbols) == sorted(symbols)
    order = [survey.symbols.index(s) for s in symbols]
    to_ppm = np.array([e.to_ppm for e in survey.elements])[order]
    of_truth = np.array([{"%": 1e4, "ppb": 1e-3}.get(UNITS.get(s, "ppm"), 1.0) for s in symbols])
    np.testing.assert_array_equal(survey.censored[:, order], censored)
    np.testing.assert_allclose(survey.values[:, order] * to_ppm, values * of_truth, rtol=1e-9)
    points = survey.samples.to_crs(UTM).geometry
    found = np.column_stack([points.x, points.y])
    np.testing.assert_allclose(found, xy, atol=0.1)


@given(dialect=dialects())
@settings(max_examples=40, deadline=None)
def test_a_table_is_read_to_its_values(dialect, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    write(dialect, folder)
    require_truth(read(folder), dialect)


@pytest.mark.slow
@given(dialect=dialects())
@settings(max_examples=300, deadline=None)
def test_three_hundred_tables_are_read_to_their_values(dialect, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    write(dialect, folder)
    require_truth(read(folder), dialect)
