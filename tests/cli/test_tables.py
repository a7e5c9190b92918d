from pathlib import Path

import pytest

from orecast.cli.show import show_summary
from orecast.workflow import Summary

INTERVAL = {"value": 0.7, "low": 0.6, "high": 0.8}


def score(name, role="model", protocol="spatial"):
    """A row of ``metrics.json`` as the summary reads it."""
    return {
        "name": name,
        "role": role,
        "protocol": protocol,
        "percentile": INTERVAL,
        "auc": INTERVAL,
        "top_area": {"0.05": INTERVAL, "0.1": INTERVAL},
    }


def summary(deposits, **more):
    """What a run says that held out so many deposits."""
    share = 0.25 if deposits else float("nan")
    metrics = {
        "model": "random-forest",
        "verdict": {"sentence": "A sentence.", "recommended": "random-forest"},
        "scores": [score("random-forest")] if deposits else [],
        "classes": {
            "sentence": "Classes by share of area.",
            "captured": [{"class": "A", "deposits_share": share, "of": deposits}],
        },
        "undiscovered": {"n": 24, "percentile": INTERVAL, "fault_distance": None},
    }
    return Summary(Path("run"), metrics | more, [], ["no deposits are given"], 1.0)


def shown(capsys, **more):
    """What the terminal shows, its lines kept, runs of spaces closed up."""
    show_summary(summary(**more))
    return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("deposits", [0, 8])
def test_scores_and_captures_are_shown_where_deposits_were_held_out(capsys, deposits):
    text = " ".join(shown(capsys, deposits=deposits).split())
    assert "A sentence." in text
    assert "Classes by share of area." in text
    assert "24 test-only deposits rank above 70 % of the final map (60 to 80)." in text
    assert ("Held-out deposits: percentile" in text) == bool(deposits)
    assert ("Held-out deposits in each class, by the same rule: A 25 %." in text) == bool(deposits)
    assert "nan" not in text


def test_the_recommended_map_is_named_with_its_file_before_the_models(capsys):
    verdict = {"sentence": "A sentence.", "recommended": "best-layer"}
    lines = shown(capsys, deposits=8, verdict=verdict).splitlines()[-4:]
    assert lines == [
        f"Report {Path('run/report.html')}",
        f"Recommended {Path('run/recommended.tif')} by best-layer",
        f"Map {Path('run/prospectivity.tif')} by random-forest",
        f"Targets {Path('run/targets.gpkg')} of the map by random-forest",
    ]


def test_what_a_model_declares_is_shown_before_its_scores(capsys):
    said = "the network has seen the concentrations of held-out ground"
    text = shown(capsys, deposits=8, caveats=[said])
    assert text.index(f"warning Note on random-forest: {said}") < text.index("Held-out deposits")


def test_a_model_that_is_recommended_needs_no_line_of_its_own(capsys):
    lines = shown(capsys, deposits=8).splitlines()[-3:]
    assert lines[1] == f"Map {Path('run/prospectivity.tif')} by random-forest, recommended"
    assert lines[2] == f"Targets {Path('run/targets.gpkg')}"


def test_what_area_is_safe_and_how_far_the_model_speaks(capsys):
    text = shown(
        capsys,
        deposits=8,
        conformal={"sentence": "the best 53 % of the area hold a further deposit"},
        applicability={"share_inside": 0.9984},
    )
    assert (
        "The best 53 % of the area hold a further deposit. 99.8 % of the map lies in the model's "
        "area of applicability." in text
    )


def test_other_protocols_are_the_models_and_the_published_one_is_apart(capsys):
    drawn = {
        "name": "random-forest",
        "role": "model",
        "protocol": "negative-draws",
        "auc": {"value": 0.912},
    }
    leaky = score("random-forest", protocol="paper") | {"extra": {"accuracy": 0.987}}
    rows = [
        score("random-forest"),
        score("random-forest", protocol="blocks"),
        drawn,
        drawn | {"name": "mahalanobis", "role": "baseline", "auc": {"value": 0.111}},
        leaky,
    ]
    text = shown(capsys, deposits=8, scores=rows)
    assert "blocks 70 0.70\nnegative-draws – 0.91\n" in text
    assert "0.11" not in text
    assert "as published: near-copies on both sides" in " ".join(text.split())
    assert "random-forest 0.70 0.99" in text


def test_a_map_of_anomalies_is_scored_on_the_whole_map(capsys):
    rows = [
        {"name": n, "role": role, "protocol": "unseen", "percentile": INTERVAL}
        for n, role in [("random-forest", "model"), ("contrast", "baseline")]
    ]
    text = shown(capsys, deposits=0, scores=rows, anomalies=True, undiscovered=None)
    assert "Test-only deposits: percentile among all cells of the map" in " ".join(text.split())
    assert "contrast 70 60 to 80" in text
    assert "Held-out" not in text
    assert "recommended" not in text


def test_what_was_left_out_is_listed_with_its_reason(capsys):
    left_out = {"mahalanobis": "layer La: is constant", "layer [/b]": "none lies 5 km away"}
    text = shown(capsys, deposits=8, left_out=left_out)
    assert (
        "Left out of the scores:\nmahalanobis: layer La: is constant\n"
        "layer [/b]: none lies 5 km away\n\n" in text
    )
    assert "Left out" not in shown(capsys, deposits=8, left_out={})
