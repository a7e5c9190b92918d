"""Each case spoils one thing; the message must name the place and the remedy."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import Affine
from shapely.geometry import LineString, Point, box

from orecast.errors import AlignmentError, CapacityError, ConfigError, InputError, SamplingError

WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0
UTM = "EPSG:32645"


def _write(d, name, text, encoding="utf-8"):
    (d.folder / name).write_bytes(text.encode(encoding))


def _cell(column, row, value):
    def spoil(d):
        d.samples[column] = d.samples[column].astype(object)
        d.samples.loc[row - 2, column] = value

    return spoil


def _set(section, **changes):
    return lambda d: d.table[section].update(changes)


def _column(name, values):
    return lambda d: d.samples.__setitem__(name, values)


def _wanted_column(name, values):
    """A column that the configuration names; without that it is left out."""
    wanted = _set("samples", elements=["Au_ppb", "Cu (ppm)", "Fe2O3 %", name])
    return lambda d: (_column(name, values)(d), wanted(d))


def _samples_file(name, content):
    def spoil(d):
        (d.folder / name).write_bytes(content)
        d.table["samples"]["path"] = name

    return spoil


def _folder(section, suffix=".csv"):
    def spoil(d):
        path = d.folder / f"folder{suffix}"
        path.mkdir()
        (path / "inside.csv").touch()
        if section == "layers":
            d.table["layers"] = [{"path": path.name}]
        else:
            d.table[section]["path"] = path.name

    return spoil


def _link(target):
    def spoil(d):
        (d.folder / "folder.csv").symlink_to(target)
        d.table["samples"]["path"] = "folder.csv"

    return spoil


def _lonlat(x, y):
    def spoil(d):
        d.samples = d.samples.rename(columns={"X": "lon", "Y": "lat"})
        d.samples["lon"], d.samples["lat"] = x, y
        d.table["samples"]["crs"] = "EPSG:4326"

    return spoil


def _ragged(d):
    lines = d.samples.to_csv(index=False).splitlines()
    lines[6] += ",surplus"
    _write(d, "ragged.csv", "\n".join(lines))
    d.table["samples"]["path"] = "ragged.csv"


def _deposits(keep=None, shift=0.0):
    def spoil(d):
        if keep is not None:
            d.deposits = d.deposits.iloc[:keep]
        d.deposits["X"] += shift

    return spoil


def _vector(section, geometry, crs=UTM, columns=None, **settings):
    def spoil(d):
        frame = gpd.GeoDataFrame(columns or {"unit": ["a"] * len(geometry)}, geometry=geometry)
        name = f"{section}.{'gpkg' if crs else 'shp'}"
        frame.set_crs(crs or UTM).to_file(d.folder / name)
        if crs is None:
            (d.folder / f"{section}.prj").unlink()
        d.table[section] = {"path": name, **settings}

    return spoil


def _own_crs(d, section, geometry, **settings):
    """A shapefile in an engineering CRS, from which nothing leads to any other."""
    _vector(section, geometry, None, **settings)(d)
    (d.folder / f"{section}.prj").write_text('LOCAL_CS["mine",UNIT["metre",1]]')


def _broken_gpkg(section, **settings):
    def spoil(d):
        (d.folder / "broken.gpkg").write_bytes(b"SQLite format 3\x00" + b"\x07" * 3000)
        d.table[section] = {"path": "broken.gpkg", **settings}

    return spoil


def _layer(name="magnetics.tif", settings=None, **options):
    def spoil(d):
        d.raster(name, **options)
        d.table["layers"] = [{"path": name, **(settings or {})}]

    return spoil


def _rewrite(path, **changes):
    with rasterio.open(path) as source:
        values, profile = source.read(), source.profile | changes
    with rasterio.open(path, "w", **profile) as target:
        target.write(values.astype(profile["dtype"]))


def _sparse(path, side):
    """A few kilobytes that claim side x side cells."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": UTM, "sparse_ok": True}
    profile |= {"height": side, "width": side, "transform": Affine(5, 0, WEST, 0, -5, SOUTH)}
    rasterio.open(path, "w", tiled=True, blockxsize=4096, blockysize=4096, **profile).close()
    assert path.stat().st_size < 10_000


def _gridded(*spoils):
    def spoil(d):
        d.gridded()
        for s in spoils:
            s(d)

    return spoil


def _labels(settings=None, **options):
    def spoil(d):
        d.gridded()
        labels = np.zeros((20, 20))
        labels[[3, 9, 15], [4, 10, 16]] = 1
        d.raster("labels.tif", values=labels, **options)
        d.table["gridded"]["ignore"] = ["labels"]
        d.table["deposits"] = {"path": "labels.tif", **(settings or {})}

    return spoil


ELSEWHERE = Affine(500, 0, WEST + 67_000, 0, -500, SOUTH + 95_000)
FAR_LINE = [LineString([(WEST + 90_000, SOUTH), (WEST + 95_000, SOUTH)])]
HERE = [box(WEST, SOUTH, WEST + SIDE, SOUTH + SIDE)]
FAR = [box(WEST + 90_000, SOUTH, WEST + 95_000, SOUTH + 9000)]

# name: (spoil, kind of error, what the message must say)
CASES = {
    # files
    "missing file": (_set("samples", path="sample.csv"), InputError, "sample.csv", "samples.csv"),
    "a name that is too long": (_set("samples", path="x" * 5000), InputError, "cannot be read"),
    "a long name of a layer": (
        lambda d: d.table.update(layers=[{"path": "x" * 5000 + ".tif"}]),
        InputError,
        ".tif",
        "cannot be read",
    ),
    "a long name of a Parquet file": (
        _set("deposits", path="x" * 5000 + ".parquet"),
        InputError,
        "cannot be read",
    ),
    "a long name of rasters": (
        _gridded(_set("gridded", path="x" * 5000)),
        InputError,
        "no file matches",
    ),
    "missing deposits": (_set("deposits", path="no.csv"), InputError, "no.csv", "no such file"),
    "folder as samples": (
        _folder("samples"),
        InputError,
        "folder.csv",
        "is a folder",
        "inside.csv",
    ),
    "folder as deposits": (_folder("deposits", ".gpkg"), InputError, "folder.gpkg", "is a folder"),
    "folder as a layer": (_folder("layers", ".tif"), InputError, "folder.tif", "is a folder"),
    "link to itself": (_link("folder.csv"), InputError, "folder.csv", "leads back to itself"),
    "link to nothing": (_link("gone.csv"), InputError, "folder.csv", "a link to gone.csv"),
    "columns of a missing file": (
        _set("deposits", path="no.gpkg", x="X", y="Y"),
        InputError,
        "no.gpkg",
        "no such file",
    ),
    "columns of a broken file": (
        _broken_gpkg("deposits", x="X", y="Y"),
        InputError,
        "broken.gpkg",
        "cannot be opened",
    ),
    "labels in a missing file": (
        _set("deposits", path="no.csv", align="pixels"),
        InputError,
        "no.csv",
        "no such file",
    ),
    "empty file": (_samples_file("e.csv", b""), InputError, "e.csv", "empty"),
    "header alone": (_samples_file("h.csv", b"X,Y,Au_ppb\n"), InputError, "h.csv", "no rows"),
    "one column": (_samples_file("o.csv", b"Au\n1\n2\n"), InputError, "o.csv", "delimiter"),
    "unknown kind": (_samples_file("s.xyz", b"1"), InputError, "s.xyz", ".csv"),
    "no text": (
        _samples_file("b.csv", b"X,Y,Au\n\x81\x8d\x8f,1,2\n"),
        InputError,
        "b.csv",
        "UTF-8",
    ),
    "broken workbook": (_samples_file("b.xlsx", b"PK\x03\x04no"), InputError, "b.xlsx", ".xlsx"),
    "broken parquet": (_samples_file("b.parquet", b"PAR1no"), InputError, "b.parquet", "again"),
    "broken GeoPackage of samples": (_broken_gpkg("samples"), InputError, "broken.gpkg", "again"),
    "broken GeoPackage of geology": (
        _broken_gpkg("geology", column="unit"),
        InputError,
        "broken.gpkg",
        "export it again",
    ),
    "surplus cells": (_ragged, InputError, "row 7", "6 cells", "quote"),
    "sheet of a csv": (_set("samples", layer="a"), InputError, "samples.csv", "remove"),
    # columns
    "missing column x": (_set("samples", x="Xx", y="Y"), InputError, "'Xx'", "did you mean X"),
    "x without y": (_set("samples", x="X"), ConfigError, "samples", "set both"),
    "x and y set swapped": (_set("samples", x="Y", y="X"), InputError, "far outside", "exchange"),
    "no positions": (
        lambda d: setattr(d, "samples", d.samples.rename(columns={"X": "a", "Y": "b"})),
        InputError,
        "samples.csv",
        "set samples.x",
    ),
    "unknown element column": (
        _set("samples", elements=["Au_ppm"]),
        InputError,
        "'Au_ppm'",
        "did you mean Au_ppb",
    ),
    "unrecognised element": (
        _set("samples", elements=["ID"]),
        InputError,
        "'ID'",
        "samples.rename",
    ),
    "unknown ignored column": (_set("samples", ignore=["Cuu"]), InputError, "'Cuu'", "Remedy"),
    "renamed to no element": (
        _set("samples", rename={"ID": "Aux"}),
        ConfigError,
        "samples.rename.ID",
        "did you mean Au",
    ),
    "no element": (
        _set("samples", ignore=["Au_ppb", "Cu (ppm)", "Fe2O3 %"]),
        InputError,
        "samples.csv",
        "no column is recognised",
        "rename",
    ),
    "an element twice": (
        lambda d: (
            _column("Au_FA_ppb", 1.0)(d),
            _set("samples", elements=["Au_ppb", "Au_FA_ppb"])(d),
        ),
        InputError,
        "'Au_ppb'",
        "'Au_FA_ppb'",
        "samples.ignore",
    ),
    "unknown unit": (_set("samples", units={"Au": "oz"}), ConfigError, "samples.units.Au", "ppb"),
    "unit of what is not there": (
        _set("samples", units={"Zn": "ppm"}),
        ConfigError,
        "samples.units.Zn",
        "choose one of Au, Cu, Fe2O3",
    ),
    "limit of what is not there": (
        _set("samples", detection_limits={"Zn": 1.0}),
        ConfigError,
        "samples.detection_limits.Zn",
        "Au",
    ),
    "several limits, of which one is zero": (
        _set("samples", detection_limits={"Au": [0.5, 0.0]}),
        ConfigError,
        "samples.detection_limits.Au",
        "above zero",
    ),
    "codes of what is not there": (
        _set("samples", missing_in={"Au_ppm": [-1]}),
        ConfigError,
        "samples.missing_in.Au_ppm",
        "did you mean Au_ppb",
    ),
    "qualifiers of what is not there": (
        _set("samples", qualifiers={"Au_ppm": "ID"}),
        ConfigError,
        "samples.qualifiers.Au_ppm",
        "did you mean Au_ppb",
    ),
    "a qualifier that is not there": (
        _set("samples", qualifiers={"Au": "Au_Q"}),
        InputError,
        "'Au_Q'",
        "samples.qualifiers.Au",
    ),
    "limit of zero": (
        _set("samples", detection_limits={"Au": 0.0}),
        ConfigError,
        "samples.detection_limits.Au",
        "above zero",
    ),
    # cells
    "text among numbers": (
        _cell("Au_ppb", 9, "see report"),
        InputError,
        "samples.csv, row 9, column 'Au_ppb'",
        "'see report'",
        'samples.missing = [-9999, -999, "see report"]',
    ),
    "text among positions": (_cell("X", 5, "88E"), InputError, "row 5, column 'X'", "'88E'"),
    "infinite value": (_cell("Au_ppb", 4, "inf"), InputError, "row 4, column 'Au_ppb'", "infin"),
    "position of 300 figures": (
        _cell("X", 6, "1e300"),
        InputError,
        "row 6, columns 'X' and 'Y'",
        "lies 1e+297 km from",
    ),
    "deposits at 300 figures": (
        lambda d: d.deposits.__setitem__("Y", [1e300, 2e300, 3e300, 4e300]),
        InputError,
        "deposits.csv",
        "area of use",
    ),
    "infinite position": (_cell("X", 6, "-inf"), InputError, "row 6, column 'X'", "infinite"),
    "limit that is none": (_cell("Au_ppb", 8, "<0"), InputError, "row 8", "'<0'", "missing"),
    "n.d.": (
        _cell("Au_ppb", 8, "n.d."),
        InputError,
        "row 8",
        "'n.d.'",
        'samples.not_detected = ["n.d."]',
    ),
    "refused negative": (
        lambda d: (_cell("Au_ppb", 7, -0.5)(d), _set("samples", negatives="refuse")(d)),
        InputError,
        "row 7, column 'Au_ppb'",
        'negatives = "below"',
    ),
    "refused zero": (
        lambda d: (_cell("Au_ppb", 7, 0)(d), _set("samples", zeros="refuse")(d)),
        InputError,
        "row 7, column 'Au_ppb'",
        'zeros = "below"',
    ),
    "constant element": (
        _wanted_column("Zn_ppm", 5.0),
        InputError,
        "'Zn_ppm'",
        "are the same",
        "ignore",
    ),
    "all-missing element": (
        _wanted_column("Zn_ppm", -9999),
        InputError,
        "'Zn_ppm'",
        "no value",
        "ignore",
    ),
    "all-censored element": (
        _wanted_column("Zn_ppm", "<5"),
        InputError,
        "'Zn_ppm'",
        "below",
        "ignore",
    ),
    "several all-censored elements": (
        lambda d: (
            _column("Zn_ppm", "<5")(d),
            _column("Tl_ppm", 0.0)(d),
            _set("samples", elements=["Au_ppb", "Cu (ppm)", "Fe2O3 %", "Zn_ppm", "Tl_ppm"])(d),
        ),
        InputError,
        "samples.csv",
        "2 of 5 elements",
        "Zn 40 of 40, Tl 40 of 40",
        "add 'Zn_ppm', 'Tl_ppm' to samples.ignore",
    ),
    "every element all-censored": (
        lambda d: [_column(c, "<5")(d) for c in ("Au_ppb", "Cu (ppm)", "Fe2O3 %")],
        InputError,
        "samples.csv",
        "3 of 3 elements",
        "Au 40 of 40, Cu 40 of 40, Fe2O3 40 of 40",
        "use a survey with detected elements",
    ),
    "every element under a limit": (
        _set("samples", detection_limits={"Au": 1e6, "Cu": 1e6, "Fe2O3": 1e6}),
        InputError,
        "3 of 3 elements",
        "Remedy: use",
    ),
    "all-zero element": (
        _wanted_column("Zn_ppm", 0.0),
        InputError,
        "'Zn_ppm'",
        "below detection: Zn 40 of 40",
        "ignore",
    ),
    "no row with a position": (_column("X", np.nan), InputError, "samples.csv", "no row"),
    "samples on one line": (_column("X", 500_000.0), InputError, "samples.csv", "the same x"),
    "two samples": (
        lambda d: setattr(d, "samples", d.samples.iloc[:2]),
        InputError,
        "samples.csv",
        "too few samples: 2",
    ),
    # places
    "no CRS": (
        lambda d: d.table["samples"].pop("crs"),
        InputError,
        "samples.csv",
        "set samples.crs",
    ),
    "no such CRS": (_set("samples", crs="EPSG:0"), ConfigError, "samples.crs", "EPSG:32645"),
    "working CRS in degrees": (
        lambda d: d.table.update(crs="EPSG:4326"),
        ConfigError,
        "crs: EPSG:4326",
        "UTM",
    ),
    "no such place in the working CRS": (
        lambda d: (
            _lonlat(np.linspace(87, 88, 40), np.linspace(10, 11, 40))(d),
            d.table.update(crs="ESRI:102038"),  # the globe as seen from above 72.5° west
        ),
        AlignmentError,
        "samples.csv",
        "The_World_From_Space",
        "check the file's CRS",
    ),
    "working CRS of another continent": (
        lambda d: d.table.update(crs="EPSG:26910"),
        InputError,
        "samples.csv",
        "far outside",
        "EPSG:26910",
        "delete crs",
    ),
    "working CRS in feet": (
        lambda d: d.table.update(crs="EPSG:2225"),
        ConfigError,
        "crs: EPSG:2225",
        "foot",
        "set crs",
    ),
    "degrees called metres": (
        lambda d: (
            _lonlat(np.linspace(87, 88, 40), np.linspace(41, 42, 40))(d),
            _set("samples", crs=UTM, x="lon", y="lat")(d),
        ),
        InputError,
        "look like degrees",
        "EPSG:4326",
    ),
    "lon and lat swapped": (
        _lonlat(np.linspace(41, 42, 40), np.linspace(120, 121, 40)),
        InputError,
        "'lon' and 'lat'",
        "swapped",
        "exchange",
    ),
    "latitudes of the pole": (
        _lonlat(np.linspace(87, 88, 40), np.linspace(-89.99, -90, 40)),
        InputError,
        "out of range",
        "latitudes -90 to -89.99",
    ),
    "one sample far east": (_cell("X", 12, 4e9), InputError, "row 12", "3,999,49", "remove"),
    "one sample of no degrees": (
        lambda d: (
            _lonlat(np.linspace(87, 88, 40), np.linspace(41, 42, 40))(d),
            _cell("lon", 12, 4e9)(d),
        ),
        InputError,
        "samples.csv, row 12",
        "is not a longitude and latitude",
    ),
    "degrees without CRS": (
        lambda d: (
            setattr(d, "samples", d.samples.assign(X=np.linspace(87, 88, 40), Y=41.0)),
            d.table["samples"].pop("crs"),
        ),
        InputError,
        "look like degrees",
        'set samples.crs = "EPSG:4326"',
    ),
    "lon out of range": (
        _lonlat(np.linspace(400, 401, 40), np.linspace(41, 42, 40)),
        InputError,
        "out of range",
        "set samples.crs",
    ),
    # deposits
    "deposits elsewhere": (
        _deposits(shift=50_000),
        AlignmentError,
        "deposits.csv",
        "x 552000 to 558000",
        "x 500",
        "deposits.crs",
    ),
    "two deposits": (_deposits(keep=2), SamplingError, "deposits.csv", "at least 3", "add"),
    "filter leaves two": (
        _set("deposits", where={"name": ["Alpha", "Beta"]}),
        SamplingError,
        "too few deposits: 2",
        "deposits.where",
    ),
    "filter by no column": (
        _set("deposits", where={"metal": "Au"}),
        InputError,
        "'metal'",
        "choose one of",
    ),
    "filter by no value": (
        _set("deposits", where={"commodity": "Ag"}),
        InputError,
        "deposits.csv, column 'commodity'",
        "use one of Au, Cu",
    ),
    "pixels of a table": (
        _set("deposits", align="pixels"),
        AlignmentError,
        "deposits.csv",
        "remove deposits.align",
    ),
    "no labelled cell": (
        _labels({"value": 7.0}),
        InputError,
        "labels.tif",
        "set deposits.value to one of 0, 1",
    ),
    "labels misregistered": (
        _labels(transform=ELSEWHERE),
        AlignmentError,
        "labels.tif",
        "67 km east and 85 km north",
        "x 567000 to 577000",
        "x 500000 to 510000",
        'deposits.align = "pixels"',
    ),
    # vector layers
    "faults elsewhere": (
        _vector("faults", FAR_LINE),
        AlignmentError,
        "faults.gpkg",
        "x 590000",
        "x 500",
        "faults.crs",
    ),
    "faults are polygons": (_vector("faults", HERE), InputError, "faults.gpkg", "lines"),
    "geology elsewhere": (
        _vector("geology", FAR, column="unit"),
        AlignmentError,
        "geology.gpkg",
        "x 590000",
    ),
    "geology's column": (
        _vector("geology", HERE, column="units"),
        InputError,
        "geology.gpkg",
        "'units'",
        "did you mean unit",
    ),
    "geology without names": (
        _vector("geology", HERE, columns={"unit": [""]}, column="unit"),
        InputError,
        "geology.gpkg, column 'unit'",
        "no polygon has a rock unit",
        "geology.column",
    ),
    "geology without CRS": (
        _vector("geology", HERE, crs=None, column="unit"),
        InputError,
        "geology.shp",
        "no coordinate reference system",
        "set geology.crs",
    ),
    "CRS said twice": (
        lambda d: (
            _vector("faults", FAR_LINE)(d),
            d.table["faults"].update(crs="EPSG:32646"),
        ),
        InputError,
        "faults.gpkg",
        "EPSG:32645",
        "EPSG:32646",
        "remove faults.crs",
    ),
    "no such layer": (
        lambda d: (
            d.geology(),
            d.table.update(geology={"path": "geology.gpkg", "column": "unit", "layer": "geologie"}),
        ),
        InputError,
        "geology.gpkg",
        "did you mean geology",
    ),
    "area without samples": (_vector("area", FAR), AlignmentError, "area.gpkg", "area.crs"),
    "area without deposits": (
        _vector("area", [box(WEST, SOUTH + 8500, WEST + SIDE, SOUTH + SIDE)]),
        AlignmentError,
        "deposits.csv",
        "outside the study area",
    ),
    "points that are polygons": (_vector("samples", HERE), InputError, "samples.gpkg", "points"),
    "columns of a vector file": (
        _vector("samples", [Point(WEST, SOUTH)] * 4, x="X", y="Y"),
        ConfigError,
        "samples.gpkg",
        "remove samples.x",
    ),
    # rasters
    "layer without CRS": (
        _layer(crs=None),
        InputError,
        "magnetics.tif",
        "no coordinate reference system",
        "set layers[0].crs",
    ),
    "rotated layer": (
        _layer(transform=Affine(500, 50, WEST, 50, -500, SOUTH + SIDE)),
        AlignmentError,
        "magnetics.tif",
        "rotated",
        "gdalwarp",
    ),
    "layer elsewhere": (
        _layer(transform=ELSEWHERE),
        AlignmentError,
        "layer magnetics",
        "x 567000",
        "x 500",
    ),
    "infinite layer": (
        _layer(values=np.where(np.eye(20) > 0, np.inf, 1.0)),
        InputError,
        "layer magnetics",
        "row 0, column 0",
        "nodata",
    ),
    "void layer": (_layer(values=np.full((20, 20), np.nan)), InputError, "magnetics", "nodata"),
    "two bands": (_layer(values=np.ones((2, 20, 20))), InputError, "magnetics.tif", "2 bands"),
    "geology in a CRS of its own": (
        lambda d: _own_crs(d, "geology", HERE, column="unit"),
        AlignmentError,
        "geology.shp",
        "'mine' is a local grid",
        "set geology.crs",
    ),
    "deposits in a CRS of their own": (
        lambda d: _own_crs(d, "deposits", [Point(WEST + i, SOUTH + i) for i in range(9)]),
        InputError,
        "deposits.shp",
        "'mine' is a local grid",
    ),
    "a layer in a CRS of its own": (
        _layer(
            crs='ENGCRS["mine",EDATUM["x"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],'
            'LENGTHUNIT["metre",1]]'
        ),
        AlignmentError,
        "magnetics.tif",
        "'mine' is a local grid",
    ),
    "complex numbers": (
        lambda d: (_layer()(d), _rewrite(d.folder / "magnetics.tif", dtype="complex64")),
        InputError,
        "magnetics.tif",
        "complex",
    ),
    "a layer without a place": (
        _layer(transform=Affine(np.nan, 0, np.nan, 0, np.nan, 0)),
        AlignmentError,
        "magnetics.tif",
        "no valid position",
        "georeference",
    ),
    "a layer of infinite cells": (
        _layer(transform=Affine(np.inf, 0, 0, 0, -np.inf, 0)),
        AlignmentError,
        "magnetics.tif",
        "no valid position",
    ),
    "a layer of 40,000 x 40,000 cells": (
        lambda d: (_layer()(d), _sparse(d.folder / "magnetics.tif", 40_000)),
        CapacityError,
        "magnetics.tif",
        "40,000 x 40,000 cells",
        "gdalwarp",
    ),
    "no raster": (
        lambda d: (_write(d, "m.tif", "no raster"), d.table.update(layers=[{"path": "m.tif"}])),
        InputError,
        "m.tif",
        "GeoTIFF",
    ),
    "two layers of one name": (
        lambda d: (_layer()(d), d.table["layers"].append({"path": "magnetics.tif"})),
        ConfigError,
        "layers[1]",
        "'magnetics'",
        "another name",
    ),
    "pixels without a grid": (
        _layer(settings={"align": "pixels"}),
        AlignmentError,
        "layer magnetics",
        "gridded",
        'align = "crs"',
    ),
    # gridded surveys
    "no rasters": (_gridded(_set("gridded", path="no/*.tif")), InputError, "no", "*.tif"),
    "odd grid": (
        _gridded(lambda d: d.raster("Zn.tif", values=np.ones((20, 19)) + np.eye(20)[:, :19])),
        AlignmentError,
        "layer Zn",
        "20 x 19",
        "Au.tif",
        "gridded.ignore",
    ),
    "constant raster": (
        _gridded(lambda d: d.raster("Zn.tif", values=np.ones((20, 20)))),
        InputError,
        "layer Zn",
        "the same value",
        "gridded.ignore",
    ),
    "raster of zeros": (
        _gridded(lambda d: d.raster("Zn.tif", values=np.zeros((20, 20)))),
        InputError,
        "layer Zn",
        "above zero",
    ),
    "raster in degrees": (
        lambda d: (
            d.raster(
                "Au.tif",
                values=np.arange(1, 401).reshape(20, 20),
                crs="EPSG:4326",
                transform=Affine(0.01, 0, 87, 0, -0.01, 42),
            ),
            d.table.pop("samples"),
            d.table.update(gridded={"path": "Au.tif"}),
        ),
        InputError,
        "Au.tif",
        "EPSG:4326",
        "gdalwarp -t_srs EPSG:32645",
    ),
    "another CRS asked for": (
        _gridded(lambda d: d.table.update(crs="EPSG:32646")),
        InputError,
        "Au.tif",
        "EPSG:32646",
        "remove crs",
    ),
    "ignored raster missing": (
        _gridded(_set("gridded", ignore=["Cuu"])),
        InputError,
        "'Cuu'",
        "did you mean Cu",
    ),
    "an element in two rasters": (
        _gridded(lambda d: d.raster("AU_ppb.tif")),
        InputError,
        "Au.tif",
        "AU_ppb.tif",
        "gridded.ignore",
    ),
    "no raster of an element": (
        lambda d: (
            d.raster("height.tif"),
            d.table.pop("samples"),
            d.table.update(gridded={"path": "*.tif"}),
        ),
        InputError,
        "height.tif",
        "Au.tif",
    ),
    "shapes too far apart": (
        _gridded(
            lambda d: (
                d.raster("wide.tif", values=np.ones((20, 40))),
                d.table["gridded"].update(ignore=["wide"]),
                d.table.update(layers=[{"path": "wide.tif", "align": "pixels"}]),
            )
        ),
        AlignmentError,
        "layer wide",
        "20 x 40",
        "20 x 20",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_is_refused_with_the_place_and_the_remedy(district, name, monkeypatch):
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 8e9)
    spoil, kind, *says = CASES[name]
    spoil(district)

    with pytest.raises(kind) as caught:
        district.read()

    message = str(caught.value)
    missing = [text for text in says if text not in message]
    assert not missing, message
    assert "Remedy: " in message, message
    assert "\n" not in message


def test_what_is_not_spoilt_is_read(district):
    survey = district.read()

    assert survey.symbols == ("Au", "Cu", "Fe2O3")
    assert len(survey.deposits) == 4


def test_there_are_at_least_forty_cases():
    assert len(CASES) >= 40


def test_every_sample_is_named_by_the_row_of_the_file(district):
    """Blank lines count, as an editor shows them."""
    district.write()
    lines = (district.folder / "samples.csv").read_text().splitlines()
    lines.insert(3, "")
    lines[10] = lines[10].replace(lines[10].split(",")[3], "what")
    (district.folder / "blank.csv").write_text("\n".join(lines))
    district.table["samples"]["path"] = "blank.csv"

    with pytest.raises(InputError, match="row 11, column 'Au_ppb'"):
        district.read()


def test_rows_of_a_workbook_are_counted_as_the_sheet_shows_them(district):
    district.samples = district.samples.astype({"Au_ppb": object})
    district.samples.loc[4, "Au_ppb"] = "see report"
    with pd.ExcelWriter(district.folder / "samples.xlsx") as book:
        district.samples.to_excel(book, index=False)
    district.table["samples"]["path"] = "samples.xlsx"

    with pytest.raises(InputError, match="row 6, column 'Au_ppb'"):
        district.read()
