"""How many weights narrowed networks have, beside what they have in full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orecast.papers.cells import count_weights
from orecast.papers.experiments import Caps, read_experiment
from orecast.papers.plan import Reproduction


def counted(experiment, layers=(), **caps):
    capped = replace(experiment, caps={"hour": Caps(**caps)})
    found = count_weights(Reproduction.of(capped, "hour"), layers)
    return {result["run"]: (result["weights"], result["in_full"]) for result in found}


def test_networks_are_narrowed_unequally():
    found = counted(read_experiment("ssgsnet"), width=16, window=16)
    assert found["ViT"] == (24113, 4883201)
    assert found["SSGSNet"] == (1039201, 16311121)
    assert len(found) == 5  # the sixth shares SSGSNet's run


@pytest.mark.slow
def test_a_network_in_full_has_the_published_weights_but_for_input_and_output():
    # torchvision's have three channels and a thousand classes: 6,624,904 weights of GoogLeNet
    # without its side heads, 25,557,032 of ResNet-50. Both begin with 64 kernels of 7 x 7.
    found = counted(read_experiment("resnet50"), width=16, window=64)
    five_more_channels = 5 * 64 * 49
    googlenet = 6624904 + five_more_channels - 999 * (1024 + 1)
    assert found["GoogleNet"] == (googlenet, googlenet)
    narrowed, in_full = found["ResNet"]
    assert in_full == 25557032 + five_more_channels - 999 * (2048 + 1)
    assert 15 < in_full / narrowed < 16


def test_a_dual_branch_by_hand():
    # convolutions 3 x 3 of 15 layers to w and w to 2 w, linear units 15 to w and w to 2 w, and one
    # on their 4 w features
    def weights(w):
        return 9 * 15 * w + w + 18 * w * w + 2 * w + 16 * w + 2 * w * w + 2 * w + 4 * w + 1

    found = counted(read_experiment("ssgsnet"), width=16, window=16)
    assert found["DualBranchNet"] == (weights(16), weights(64))


def test_layers_are_the_surveys_where_the_experiment_names_none():
    experiment = read_experiment("ssgsnet")
    recipe = dict(experiment.recipe)
    recipe["evidence"] = {k: v for k, v in recipe["evidence"].items() if k != "layers"}
    alone = replace(experiment, recipe=recipe, models=(experiment.models[2],))
    few, more = (counted(alone, range(n), width=16)["DualBranchNet"] for n in (3, 4))
    assert more[0] - few[0] == (9 + 1) * 16
    assert more[1] - few[1] == (9 + 1) * 64


def test_nothing_is_counted_without_a_cap_nor_of_what_is_no_network():
    experiment = read_experiment("resgcn")
    assert counted(experiment, samples=100) == {}
    found = counted(experiment, width=16)
    assert "ResGAT" in found
    assert "SVM" not in found


def test_a_network_that_is_refused_is_left_out():
    experiment = read_experiment("ssgsnet")
    refused = replace(experiment.models[3], options={"heads": 3})
    both = replace(experiment, models=(refused, experiment.models[2]))
    assert list(counted(both, width=16)) == ["DualBranchNet"]
