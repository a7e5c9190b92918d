"""A fabricated run's folder, as small as it can be while it still looks like one."""

import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from scipy.ndimage import gaussian_filter
from shapely.geometry import Point, box

from orecast.config import parse, to_toml
from orecast.metrics import conformal_area, prediction_area_of, reliability
from orecast.run import write_json

CRS_NAME = "EPSG:32645"
CELL = 500.0
ORIGIN = (412_000.0, 4_705_000.0)
ELEMENTS = [
    *("Ag", "As", "Au", "B", "Ba", "Be", "Bi", "Cd", "Co", "Cr", "Cu", "F", "Hg", "La", "Li"),
    *("Mn", "Mo", "Nb", "Ni", "P", "Pb", "Sb", "Sn", "Sr", "Th", "Ti", "U", "V", "W", "Y"),
    *("Zn", "Zr", "SiO2", "Al2O3", "Fe2O3", "K2O", "Na2O", "CaO", "MgO"),
]


def estimate(value, half=0.08):
    if value is None:
        return {"value": None, "low": None, "high": None}
    low, high = (None, None) if half is None else (max(0, value - half), min(1, value + half))
    return {"value": value, "low": low, "high": high}


def curve(percentiles):
    """Deposits within the best share of their held-out regions, drawn as steps."""
    area = np.sort(1 - np.asarray(percentiles))
    share = np.arange(1, len(area) + 1) / max(1, len(area))
    steps = np.column_stack([np.r_[0, share[:-1]], share]).ravel()
    return {"area": [0, *np.repeat(area, 2), 1], "captured": [0, *steps, 1]}


def score(name, role, percentile, *, half=0.08, protocol="spatial", per_deposit=(), extra=None):
    values = [d["percentile"] for d in per_deposit]
    return {
        "name": name,
        "role": role,
        "protocol": protocol,
        "percentile": estimate(percentile, half),
        "auc": estimate(None if percentile is None else percentile - 0.01, half),
        "average_precision": estimate(0.0123, None),
        "top_area": {str(a): estimate(min(1.0, 3 * a), half) for a in (0.01, 0.05, 0.1)},
        "per_fold": [],
        "per_deposit": list(per_deposit),
        "success_rate": curve(values) if values else None,
        "extra": extra or {},
        **(judged(values, role) if values else {}),
    }


THRESHOLD_SCORES = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity")
THRESHOLD_SCORES += ("f1", "macro_f1", "mcc", "kappa")
NEW_IN_SCORES = ("average_precision", "threshold_scores", "prediction_area", "brier", "brier_skill")
NEW_IN_SCORES += ("reliability", "expected_deposits", "paired")
MEASURES = ["held_out_percentile", "conformal_p", "applicable_share", "expected_deposits"]
NEW = ("left_out", "layer_null", "conformal", "calibration", "held_out_classes", "applicability")


def judged(values, role):
    """What a spatial row holds beside its ranks: calls, prediction-area, calibrated chances."""
    plot = prediction_area_of(values).as_dict()
    if role == "baseline":
        plot = {k: v for k, v in plot.items() if k not in ("threshold", "captured", "area")}
    random = np.random.default_rng(3)
    chance = random.uniform(0.001, 0.02, 2000)
    table = reliability(random.uniform(size=2000) < chance, chance, bins=10).as_dict()
    made = {
        "threshold_scores": {name: estimate(0.6) for name in THRESHOLD_SCORES},
        "prediction_area": plot,
        "brier": estimate(0.0103, None),
        "brier_skill": {"value": 0.012, "low": 0.002, "high": 0.03},
        "reliability": table,
        "expected_deposits": 21.04,
    }
    if role == "baseline":
        made["paired"] = {
            "value": -0.05, "low": -0.12, "high": 0.021, "p": 0.1234, "n": 14, "groups": 9,
        }  # fmt: skip
    return made


def write_tif(path, values, *, dtype="float32", nodata=math.nan, description="", **tags):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = values.shape
    with rasterio.open(
        path,
        "w",
        driver="COG",
        dtype=dtype,
        count=1,
        height=rows,
        width=columns,
        crs=CRS.from_string(CRS_NAME),
        transform=Affine(CELL, 0, ORIGIN[0], 0, -CELL, ORIGIN[1]),
        nodata=nodata,
        compress="DEFLATE",
    ) as target:
        target.write(values.astype(dtype), 1)
        target.update_tags(**tags)
        target.set_band_description(1, description or path.stem)


def unseen(name, role, percentiles):
    """Rows of one map of anomalies: its ranks over the whole map, and against drawn negatives."""
    value = float(np.mean(percentiles)) if len(percentiles) else None
    drawn = {"mean": 0.66, "spread": 0.053, "low": 0.5, "high": 0.8, "distinct": 7, "auc": [0.66]}
    yield {
        "name": name,
        "role": role,
        "protocol": "unseen",
        "percentile": estimate(value),
        "places": list(percentiles),
    }
    yield {
        "name": name,
        "role": role,
        "protocol": "negative-draws",
        "auc": {"value": 0.66, "low": 0.5, "high": 0.8},
        "sentence": "nothing learned from deposits; 8 deposit cells",
        "extra": drawn,
    }


class Fabricated:
    """Writes a run's folder; each part can be changed before it is written."""

    def __init__(
        self, folder: Path, *, shape=(60, 84), deposits=14, baselines=20, layers=9, seed=0
    ):
        self.folder, self.shape = folder, shape
        self.random = np.random.default_rng(seed)
        self.title = "Pangxidong Au–Ag, 1:50 000 stream sediments"
        rows, columns = shape
        field = gaussian_filter(self.random.normal(size=shape), 5)
        self.field = (field - field.min()) / np.ptp(field)
        self.field[: rows // 6, : columns // 4] = np.nan
        west, north = ORIGIN
        best = np.argwhere(self.field > np.nanquantile(self.field, 0.7))
        at = best[self.random.choice(len(best), deposits, replace=False)]
        self.points = [(west + (c + 0.5) * CELL, north - (r + 0.5) * CELL) for r, c in at]
        self.names = [f"Deposit {chr(65 + i % 26)}{i // 26 or ''}" for i in range(deposits)]
        self.layers = (ELEMENTS * 3)[:layers]
        self.folds = 5
        self.maps = ("recommended", "applicability", "probability", "folds")
        self.metrics = self._metrics(baselines)
        self.findings = self._findings()
        self.targets = self._targets()
        self.provenance = {
            "orecast": "0.1.0",
            "python": "3.11.9",
            "platform": "Linux",
            "libraries": {"numpy": "2.2.1", "torch": "2.11.0"},
            "seed": 0,
            "started": "2026-03-14T09:26:00+00:00",
            "seconds": {"evidence": 3.24, "validation": 101.0},
            "total_seconds": 104.24,
            "peak_memory_mib": 2150.4,
            "inputs": [{"path": "samples.csv", "bytes": 2_345_678, "sha256": "ab12" * 16}],
            "key": "cd34" * 16,
        }

    def _per_deposit(self, shift=0.0):
        return [
            {
                "deposit": i,
                "name": name,
                "x": x,
                "y": y,
                "fold": i % self.folds,
                "percentile": float(np.clip(self.random.beta(5, 2) + shift, 0, 1)),
            }
            for i, (name, (x, y)) in enumerate(zip(self.names, self.points, strict=True))
        ]

    def _metrics(self, baselines):
        names = ["deposit-distance", "random-forest", "logistic-regression", "fault-distance"]
        names += [f"layer {e}{n or ''}" for n in range(4) for e in ELEMENTS]
        names.remove("layer Ba")
        rows = [score("resnet18", "model", 0.71, per_deposit=self._per_deposit())]
        rows.append(score("layer Ba", "baseline", 0.76, per_deposit=self._per_deposit(0.05)))
        for name in names[: baselines - 1]:
            value = round(float(self.random.uniform(0.35, 0.74)), 3)
            rows.append(score(name, "baseline", value, per_deposit=self._per_deposit(value - 0.7)))
        n = len(self.points)
        return {
            "model": "resnet18",
            "protocol": {
                "name": "spatial",
                "folds": self.folds,
                "sentence": "Deposits were held out in 5 groups; deposits whose windows share a "
                "cell stayed together.",
                "hidden_buffer_m": 13000.0,
            },
            "folds": [
                {
                    "fold": k,
                    "deposits": list(range(k, n, self.folds)),
                    "training_deposits": n - len(range(k, n, self.folds)),
                    "hidden_cells": 1520 + k,
                    "region_cells": 1000 + k,
                }
                for k in range(self.folds)
            ],
            "scores": rows,
            "training_fit": curve(np.linspace(0.9, 0.999, n)),
            "classes": {
                "rule": "area",
                "sentence": "Classes by share of the mapped area, at most 1 % in A.",
                "thresholds": [0.9, 0.8, 0.7],
                "captured": [
                    {
                        "class": "A",
                        "area_share": 0.01,
                        "deposits_share": 0.1,
                        "deposits": 1,
                        "of": 14,
                    },
                    {"class": "B", "area_share": 0.04, "deposits_share": 0.2},
                    {"class": "C", "area_share": 0.05, "deposits_share": None},
                ],
            },
            "verdict": {
                "recommended": "layer Ba",
                "sentence": "Ba alone ranks the held-out deposits better than resnet18: the map "
                "of Ba at 0.76 (0.68 to 0.84), picked afterwards as the best of 39 layers.",
            },
            "undiscovered": None,
            "left_out": {"sampling-density": "a gridded survey has no samples"},
            "layer_null": {
                "layer": "Ba",
                "sign": -1,
                "value": 0.76,
                "mean": 0.622,
                "high": 0.674,
                "p": 0.004,
                "draws": 1000,
                "layers": 39,
            },
            "conformal": conformal_area(
                [d["percentile"] for d in rows[0]["per_deposit"]], 0.6
            ).as_dict(),
            "calibration": {"threshold": 0.6, "slope": 1.1},
            "held_out_classes": {"rule": "area", "captured": []},
            "applicability": {
                "threshold": 0.6,
                "share_inside": 0.873,
                "median_dissimilarity": 0.31,
            },
        }

    def grow_old(self):
        """Become a run of before these figures and maps were known."""
        for key in NEW:
            self.metrics.pop(key)
        for row in self.metrics["scores"]:
            for key in NEW_IN_SCORES:
                row.pop(key, None)
        self.targets = self.targets.drop(columns=MEASURES)
        self.maps = ()
        return self

    def forget_deposits(self, kept=8):
        """Become a map of anomalies, scored on so many deposits that were kept back."""
        percentiles = self.random.beta(4, 2, kept)
        self.metrics = {
            "model": "isolation-forest",
            "anomalies": True,
            "protocol": {
                "name": "unseen",
                "folds": 0,
                "sentence": "no deposit was learned from; every cell is scored by one model",
                "hidden_buffer_m": None,
            },
            "folds": [],
            "scores": [
                row
                for name, role in [("isolation-forest", "model"), ("mahalanobis", "baseline")]
                for row in unseen(name, role, percentiles)
                if kept
            ],
            "training_fit": None,
            "undiscovered": None,
            "classes": self.metrics["classes"]
            | {"captured": [{"class": "A", "area_share": 0.01, "deposits_share": None}]},
            "verdict": {
                "recommended": "isolation-forest",
                "sentence": "A map of anomalies: no deposit was learned from. "
                + ("It never saw them." if kept else "Nothing tells how well it finds ore."),
            },
        }
        self.points, self.names, self.folds, self.maps = [], [], 0, ()
        self.targets = self.targets.drop(columns=MEASURES).assign(nearest_deposit_km=math.nan)
        return self

    def _findings(self):
        return [
            {
                "level": "warning",
                "code": "duplicate-places",
                "where": "samples.csv",
                "what": "224 samples share a place",
                "remedy": "they were averaged; set samples.duplicates to keep them",
                "data": {},
            },
            {
                "level": "refusal",
                "code": "constant",
                "where": "samples.csv, column 'Te_ppb'",
                "what": "every value is <10",
                "remedy": "",
                "data": {},
            },
            {
                "level": "info",
                "code": "unit",
                "where": "samples.csv",
                "what": "39 elements were recognised",
                "remedy": "",
                "data": {},
            },
        ]

    def _targets(self):
        score_map = np.nan_to_num(self.field)
        rows, west, north = [], *ORIGIN
        for rank, (r, c) in enumerate(
            [np.unravel_index(i, self.shape) for i in np.argsort(-score_map.ravel())[:1200:100]], 1
        ):
            x, y, half = west + c * CELL, north - r * CELL, CELL * (2.5 - rank % 3 / 2)
            rows.append(
                {
                    "rank": rank,
                    "class": "ABC"[min(2, (rank - 1) // 4)],
                    "ground": "new",
                    "area_km2": (2 * half / 1000) ** 2,
                    "score_max": float(score_map[r, c]),
                    "score_mean": float(score_map[r, c]) - 0.05,
                    "reasons": "Au high (+0.12), As high (+0.05)",
                    "nearest_deposit": "Snip",
                    "caution": "",
                    "nearest_deposit_km": 1.5 * rank,
                    "held_out_percentile": 0.98 - rank / 50,
                    "conformal_p": 0.8 - rank / 20,
                    "applicable_share": 1.0,
                    "expected_deposits": 0.4321,
                    "geometry": box(x - half, y - half, x + half, y + half),
                }
            )
        columns = [*rows[0]]
        return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=CRS_NAME)

    def write(self) -> Path:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        config = parse(
            {
                "title": self.title,
                "samples": {"path": "samples.csv"},
                "deposits": {"path": "deposits.csv"},
            },
            where="run.toml",
        )
        (folder / "run.toml").write_text(to_toml(config), encoding="utf-8")
        write_json(folder / "provenance.json", self.provenance)
        survey = {
            "kind": "points",
            "crs": CRS_NAME,
            "samples": 7234,
            "duplicates": 224,
            "elements": [
                {
                    "symbol": e,
                    "column": f"{e}_ppm",
                    "unit": "ppm",
                    "n": 7230,
                    "missing": 4,
                    "censored": 31,
                    "min": 0.05,
                    "median": 12.5,
                    "max": 18450.0,
                    "at_lowest": 31,
                    "share_at_lowest": 31 / 7230,
                }
                for e in self.layers
            ],
            "deposits": {"n": len(self.points), "outside": 2, "half_width": 0.151},
            "barren": None,
            "layers": [
                {
                    "layer": "faults",
                    "kind": "faults",
                    "what": "118 lines",
                    "extent": "",
                    "source": "",
                }
            ],
        }
        write_json(folder / "checks.json", {"survey": survey, "findings": self.findings})
        write_json(folder / "metrics.json", self.metrics)
        write_tif(folder / "prospectivity.tif", self.field)
        if not self.metrics.get("anomalies"):
            write_tif(folder / "out_of_fold.tif", 0.8 * self.field + 0.1)
        write_tif(folder / "uncertainty.tif", 0.2 * (1 - self.field) ** 2)
        self._write_maps()
        best = np.nanquantile(self.field, [0.99, 0.95, 0.9])
        classes = sum((self.field >= t).astype(int) for t in best)
        classes = np.where(np.isnan(self.field), 255, np.array([0, 3, 2, 1])[classes])
        write_tif(folder / "classes.tif", classes, dtype="uint8", nodata=255)
        for number, name in enumerate(self.layers):
            values = gaussian_filter(self.random.normal(size=self.shape), 3)
            file = folder / "evidence" / f"{number:02d}_{name}.tif"
            write_tif(
                file,
                values,
                description=name,
                kind="element",
                unit="clr",
                reach="2000",
                origin="clr, then inverse distance",
            )
        self._write_targets()
        return folder

    def _write_maps(self):
        """The maps that only some runs have."""
        blank = np.isnan(self.field)
        across = np.broadcast_to(np.arange(self.shape[1]), self.shape)
        quarters = np.where(blank, 255, across * 4 // self.shape[1])
        values = {
            "recommended": self.field**2,
            "applicability": 1 - self.field,
            "probability": 0.02 * self.field**3,
        }
        for name in self.maps:
            if name == "folds":
                write_tif(self.folder / "folds.tif", quarters, dtype="uint8", nodata=255)
            else:
                write_tif(self.folder / f"{name}.tif", values[name])

    def _write_targets(self):
        path = self.folder / "targets.gpkg"
        self.targets.to_file(path, layer="targets", driver="GPKG")
        deposits = gpd.GeoDataFrame(
            {"name": self.names}, geometry=[Point(p) for p in self.points], crs=CRS_NAME
        )
        pyogrio.write_dataframe(
            deposits, path, layer="deposits", driver="GPKG", geometry_type="Point"
        )
        table = self.targets.drop(columns="geometry")
        centres = self.targets.geometry.centroid.to_crs(4326)
        table = table.assign(lon=centres.x, lat=centres.y)
        table.to_csv(self.folder / "targets.csv", index=False)


@pytest.fixture(scope="session")
def new_score():
    """Return a maker of one entry of ``scores``."""
    return score


@pytest.fixture(scope="session")
def fabricate(tmp_path_factory):
    """Return a maker of fabricated runs; ``.write()`` gives the folder."""

    def make(**options):
        return Fabricated(tmp_path_factory.mktemp("run") / "run", **options)

    return make


@pytest.fixture(scope="session")
def run_folder(fabricate):
    """An ordinary run, written once; tests must not change it."""
    return fabricate().write()
