"""Are probabilities what they say? Simulated districts whose further deposits are known.

    python benchmarks/reliability.py --districts 30 --jobs 2
    python benchmarks/reliability.py --null               nothing observed has to do with ore
    python benchmarks/reliability.py --known 200          many known deposits
    python benchmarks/reliability.py --figure docs/images/reliability.png

Each district holds 24 known deposits and 300 more of the same kind, which nothing is learned from.
Probabilities are asked twice: out of fold, where each region's are those of its fold, against the
known deposits that the fold hid; and of the final map, against the further deposits. A map's
probabilities sum to the number of known places. The further ones are no part of that sum: for them
the curve is the same, and its sum their number.

Cells are put together by how many times the mean probability they are given.
Printed is the share of cells in each class, with the places expected and found; the Brier skill;
and, of several curves from rank to probability, how much more probability than the mean they give
to the places: the mean of ln(p / mean p), learned from the ranks of four folds and tested on the
fifth, and learned from all folds and tested on the further deposits of the final map.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from interval_coverage import CONFIG, WINDOW, district, survey_of, unknown
from scipy import special
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from orecast.arrays import Bools, Floats, Ints
from orecast.config import Config, parse
from orecast.evidence import build_evidence
from orecast.mapping import predict_map
from orecast.metrics import Interval, bootstrap_mean, fit_rank_curve, percentiles
from orecast.report.drawing import FAINT, INK, MODEL, RECOMMENDED, new_figure, plain_axes, to_png
from orecast.sampling import MapGeometry
from orecast.simulation import District
from orecast.splits.spatial import Spatial
from orecast.validation import Calibration, OutOfFold, cross_predict
from orecast.workflow.choosing import resolve_auto
from orecast.workflow.places import place_deposits
from orecast.workflow.recipes import model_recipe

CLASSES = np.array([0.5, 1.0, 2.0, 4.0])  # times the mean
NAMES = ("under a half", "a half to 1", "1 to 2", "2 to 4", "over 4")
_LEAST = 1e-6  # a probability, where an isotonic curve says impossible

Curve = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Cells:
    """Probabilities of all cells, and which hold a place."""

    probability: Floats
    ore: Bools

    @property
    def table(self) -> Floats:
        """Share of cells, places expected and places found, ``(5, 3)``."""
        member = np.searchsorted(CLASSES, self.probability / self.probability.mean())
        weights = (np.full(self.ore.size, 1 / self.ore.size), self.probability, self.ore)
        return np.stack([np.bincount(member, w, len(NAMES)) for w in weights], axis=1)

    @property
    def skill(self) -> float:
        """Share of the Brier score of the mean probability everywhere that is removed."""
        share = self.ore.mean()
        return 1 - brier_score_loss(self.ore, self.probability) / (share * (1 - share))


@dataclass(frozen=True)
class Found:
    """What one district's probabilities say, and what is true."""

    held_out: Cells
    further: Cells
    gains: dict[str, tuple[float, float]]  # of each curve: by folds, and on the final map


def settled(model: str) -> Config:
    """The configuration of the survey in memory, with what ``auto`` stands for."""
    table = CONFIG.model_dump(mode="json", exclude_none=True)
    table |= {"model": {"name": model}, "deposits": {"path": "deposits.csv"}}
    table["evidence"] |= {"cell_size": 500}
    return resolve_auto(parse(table | {"sampling": {"window": WINDOW}}, where="benchmark"))


def unrelated(found: District, seed: int) -> District:
    """The same district, its deposits anywhere."""
    rng = np.random.default_rng([seed, 7])
    tables = []
    for table in (found.deposits, found.undiscovered):
        cells = np.argwhere(np.ones(found.grid.shape, dtype=bool))
        xy = found.grid.xy(cells[rng.choice(len(cells), len(table), replace=False)])
        tables.append(table.assign(X=xy[:, 0], Y=xy[:, 1]))
    return replace(found, deposits=tables[0], undiscovered=tables[1])


def one(seed: int, *, model: str, known: int, further: int, biased: bool, null: bool) -> Found:
    """Map one district, and hold its probabilities against its deposits."""
    found, config = district(seed, known, further, biased), settled(model)
    if null:
        found = unrelated(found, seed)
    survey = survey_of(found)
    evidence = build_evidence(survey, config)
    ore = place_deposits(survey.deposits, evidence, WINDOW, survey.findings).sampling
    recipe = model_recipe(config, evidence, None)
    ground = MapGeometry(evidence.valid, config.evidence.cell_size, WINDOW)
    oof = cross_predict(
        recipe, evidence, ore, Spatial(ground, 5), seed=seed, inner=Spatial(ground, 2)
    )
    score = predict_map(recipe.fit(evidence, ore, hidden=None, seed=seed), evidence)
    ranks = percentiles(score[evidence.valid], score[evidence.valid])
    final = Calibration.of(oof.ranks[tuple(ore.at.T)])
    at = np.zeros(evidence.valid.shape, dtype=bool)
    at[tuple(unknown(found, evidence).T)] = True
    at[tuple(ore.at.T)] = False
    later = at[evidence.valid]
    p = final.curve(ranks, float(later.sum()))
    known = np.zeros_like(at)
    known[tuple(ore.at.T)] = True
    return Found(
        Cells(oof.probabilities[evidence.valid], known[evidence.valid]),
        Cells(p, later),
        {name: gains(fit, oof, ore.at, ranks, later) for name, fit in CURVES.items()},
    )


def ore_of(cells: Ints, at: Ints, oof: OutOfFold) -> Bools:
    """Which cells hold a known place."""
    ore = np.zeros(oof.map.shape, dtype=bool)
    ore[tuple(at.T)] = True
    return ore[tuple(cells.T)]


def gains(
    fit: Callable[[Floats, Bools], Curve], oof: OutOfFold, at: Ints, ranks: Floats, later: Bools
) -> tuple[float, float]:
    """What a curve gives the places of a fold that it has not seen, and the further ones."""
    regions = [(a.ranks, ore_of(a.cells, at, oof)) for a in oof.folds]
    total = 0.0
    for k, (own, ore) in enumerate(regions):
        others = [
            np.concatenate(both) for both in zip(*regions[:k], *regions[k + 1 :], strict=True)
        ]
        total += gained(fit(*others)(own), ore)
    every = [np.concatenate(both) for both in zip(*regions, strict=True)]
    return total / len(at), gained(fit(*every)(ranks), later) / later.sum()


def gained(p: Floats, ore: Bools) -> float:
    """Sum over the places of ``ln(p / mean p)``."""
    p = np.maximum(p, _LEAST)
    return float(np.log(p[ore] / p.mean()).sum())


def ours(ranks: Floats, ore: Bools) -> Curve:
    curve = fit_rank_curve(ranks[ore])
    return lambda r: curve(r, float(ore.mean() * r.size))


def logistic(bend: Curve) -> Callable[[Floats, Bools], Curve]:
    """A line in a function of the rank: Platt's calibration, without its prior."""

    def fit(ranks: Floats, ore: Bools) -> Curve:
        line = LogisticRegression(C=np.inf).fit(bend(ranks)[:, None], ore)
        return lambda r: np.asarray(line.predict_proba(bend(r)[:, None])[:, 1])

    return fit


def isotonic(ranks: Floats, ore: Bools) -> Curve:
    curve = IsotonicRegression(out_of_bounds="clip").fit(ranks, ore)
    return lambda r: np.asarray(curve.predict(r))


CURVES: dict[str, Callable[[Floats, Bools], Curve]] = {
    "normal score, two places at chance": ours,
    "logistic in the normal score": logistic(special.ndtri),
    "logistic in the rank": logistic(np.asarray),
    "logistic in the log-odds of the rank": logistic(special.logit),
    "logistic in -ln(1 - rank)": logistic(lambda r: -np.log1p(-r)),
    "isotonic": isotonic,
}


def in_words(found: Interval, digits: int = 2) -> str:
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def over(ratio: Floats) -> Interval:
    """Found by expected of all districts, its interval drawing districts, ``(n, 2)``."""
    rng = np.random.default_rng(0)
    drawn = ratio[rng.integers(0, len(ratio), (2000, len(ratio)))].sum(axis=1)
    drawn = drawn[drawn[:, 0] > 0]
    low, high = np.quantile(drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
    return Interval(float(ratio[:, 1].sum() / ratio[:, 0].sum()), float(low), float(high))


def report(found: list[Found]) -> None:
    """Print the two tables, skills, and the curves."""
    for title, cells in (
        ("held-out known deposits, out of fold", [f.held_out for f in found]),
        ("further deposits, final map", [f.further for f in found]),
    ):
        tables = np.stack([c.table for c in cells])
        print(f"\n{title}\ntimes the mean     cells  expected   found  found / expected")
        for k, name in enumerate(NAMES):
            share, expected, true = tables[:, k].sum(axis=0) / [len(found), 1, 1]
            ratio = in_words(over(tables[:, k, 1:])) if expected else ""
            print(f"{name:16}{share:>8.1%}{expected:>10.1f}{true:>8.0f}  {ratio}")
        expected, true = tables[:, :, 1:].sum(axis=(0, 1))
        print(f"{'all':16}{1:>8.0%}{expected:>10.1f}{true:>8.0f}")
        print(f"Brier skill {in_words(bootstrap_mean([c.skill for c in cells], seed=0), 4)}")
    print(f"\n{'curve: mean of ln(p / mean p)':38}{'fifth fold':28}further deposits")
    for name in CURVES:
        both = np.array([f.gains[name] for f in found])
        shown = [in_words(bootstrap_mean(column, seed=0), 3) for column in both.T]
        print(f"{name:38}{shown[0]:28}{shown[1]}")


def draw(found: list[Found], path: Path) -> None:
    """Places found by places expected, class by class."""
    figure = new_figure(5.6, 3.4)
    axes = figure.add_subplot()
    x = np.arange(len(NAMES))
    for off, colour, label, cells in (
        (-0.12, MODEL, "held-out known deposits, out of fold", [f.held_out for f in found]),
        (0.12, RECOMMENDED, "further deposits, final map", [f.further for f in found]),
    ):
        tables = np.stack([c.table for c in cells])
        ratios = [over(tables[:, k, 1:]) for k in range(len(NAMES))]
        axes.vlines(x + off, [r.low for r in ratios], [r.high for r in ratios], color=colour)
        axes.plot(x + off, [r.value for r in ratios], "o", color=colour, ms=4.5, label=label)
    axes.axhline(1, color=FAINT, lw=0.9, ls=":")
    axes.set_xticks(x, NAMES)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Probability of a cell, times the mean", fontsize=8.5, color=INK)
    axes.set_ylabel("Deposits found / expected", fontsize=8.5, color=INK)
    plain_axes(axes)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    path.write_bytes(to_png(figure))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--districts", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--known", type=int, default=24)
    parser.add_argument("--further", type=int, default=300)
    parser.add_argument("--biased", action="store_true", help="the easily found are known")
    parser.add_argument("--null", action="store_true", help="deposits anywhere")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    run = partial(
        one,
        model=given.model,
        known=given.known,
        further=given.further,
        biased=given.biased,
        null=given.null,
    )
    seeds = range(given.first, given.first + given.districts)
    with ProcessPoolExecutor(given.jobs) as pool:
        found = list(pool.map(run, seeds))
    print(f"{given.model}, {given.districts} districts of {given.known} known deposits")
    report(found)
    if given.figure:
        draw(found, given.figure)


if __name__ == "__main__":
    main()
