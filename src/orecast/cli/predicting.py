"""The command that predicts another area with the model of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orecast.cli.show import path

if TYPE_CHECKING:
    from orecast.workflow import Prediction


def predict(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", parser=path, help="A finished run's folder.")
    ],
    other: Annotated[
        Path,
        typer.Argument(metavar="OTHER.toml", parser=path, help="The other survey's configuration."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=path, help="Folder to write.")
    ] = Path("prediction"),
    rescale: Annotated[
        bool,
        typer.Option("--rescale", help="Standardise by the other area's own means and spreads."),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of OTHER.toml."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again.")] = False,
) -> None:
    """Map another area with a trained model, and show where the model applies.

    The run's values fill what OTHER.toml leaves out of composition, evidence, faults and geology.
    Training settings (model, sampling, training and others) are always the run's; --set cannot
    change them. Deposits that OTHER.toml names are scored only: the model never saw them.

    Example: orecast predict run north.toml --output north
    """
    from orecast.cli.show import progress_bar
    from orecast.config import read
    from orecast.workflow import run_prediction

    config = read(other, settings)
    with progress_bar() as report:
        found = run_prediction(
            *(run, config, output),
            rescale=rescale,
            overwrite=overwrite,
            settings=settings or (),
            progress=report,
        )
    show(found)


def show(found: Prediction) -> None:
    """Print how far the model applies, what it scored, the first targets, and the files."""
    from orecast.cli.show import say, table, warn

    metrics = found.metrics
    share = 100 * metrics["applicability"]["share_inside"]
    say(
        f"\n{share:.3g} % of the area lies in the model's area of applicability; the rest is "
        "unlike the training area, so do not trust the map there."
    )
    caveats = [f"Note on {metrics['model']}: {words}" for words in metrics["caveats"]]
    for warning in [*found.warnings, *caveats]:
        warn(warning)
    say()
    for title, rows, words in (
        ("Deposits", metrics["scores"], metrics["protocol"]["deposits"]),
        ("Deposits held back", metrics["undiscovered"], metrics["protocol"]["held_back"]),
    ):
        if words:
            say(f"{title}: {words}.")
        if rows:
            columns = ["map", "percentile", "95 % interval", "AUC", "top 5 %", "top 10 %"]
            table("Percentile among all cells of the map (%)", columns, [_row(r) for r in rows])
    say(f"{metrics['classes']['sentence']}\n")
    if found.targets:
        columns = ["rank", "class", "area_km2", "score_max", "top_elements", "lon", "lat"]
        first = [[target[c] for c in columns] for target in found.targets[:5]]
        table("First targets", columns, first, right=0)
    for name, file in (("Map", "prospectivity.tif"), ("Targets", "targets.gpkg")):
        say(f"{name:<12} {found.folder / file}")


def _row(row: dict[str, Any]) -> list[str]:
    p, top = row["percentile"], row["top_area"]
    return [
        row["name"],
        _percent(p["value"]),
        f"{_percent(p['low'])} to {_percent(p['high'])}",
        f"{row['auc']['value']:.2f}",
        _percent(top["0.05"]["value"]),
        _percent(top["0.1"]["value"]),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
