"""What tables of counts hold: the screening of elements, as the paper means an AUC and as such."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from orecast.composition.screening import svm_auc, z_auc
from orecast.papers.cells import count_facts
from orecast.papers.experiments import read_experiment

RNG = np.random.default_rng(3)
ORE = np.arange(40) < 20
LAYERS = {
    "Au": RNG.normal(size=40) + 1.5 * ORE,
    "Ag": RNG.normal(size=40) + 0.6 * ORE,
    "faults": ORE * 1.0,
}


@dataclass(frozen=True)
class Known:
    """A recipe whose places are the cells of one row, the first half of ore."""

    shift: int = 3
    ratio: float = 5.0
    barren: tuple[int, ...] | None = (1,)

    def labelled_rows(self, *_):
        assert (self.shift, self.ratio, self.barren) == (0, 1.0, None)
        at = np.column_stack([np.zeros(40, int), np.arange(40)])
        return SimpleNamespace(at=at, y=ORE.astype(float)), ""


def test_a_screening_has_the_auc_of_labels_and_that_of_decision_values():
    evidence = SimpleNamespace(
        names=tuple(LAYERS),
        kind=lambda name: "fault" if name == "faults" else "element",
        layer=lambda name: LAYERS[name][None],
        valid=None,
    )
    plan = SimpleNamespace(experiment=read_experiment("resnet50"), entries=[None])
    job = SimpleNamespace(evidence=evidence, places=SimpleNamespace(sampling=None))
    study = SimpleNamespace(plan=plan, job=job, recipe=lambda entry, seed: Known())
    found = count_facts(study, [])["screening"]
    assert set(found) == {"Au", "Ag"}
    for name, result in found.items():
        labels = svm_auc(LAYERS[name], ORE, "labels")
        assert result["AUC"] == labels
        assert result["AUC, standard"] == svm_auc(LAYERS[name], ORE, "decision") != labels
        z = float(z_auc(labels, 20, 20))
        assert (result["ZAUC"], result["kept"]) == (pytest.approx(z), z > 2.58)
        assert result["SE"] == pytest.approx((labels - 0.5) / z)
