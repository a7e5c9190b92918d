import pytest
import torch
from torch.optim import lr_scheduler

from orecast.config import Training
from orecast.training.trainer import build_optimiser, rate_at

RATE = {"epochs": 20, "rate": 0.03}


@pytest.mark.parametrize(
    ("recipe", "oracle"),
    [
        (Training(**RATE, schedule="constant"), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
        (
            Training(**RATE, schedule="cosine", final_rate=0.002),
            lambda o: lr_scheduler.CosineAnnealingLR(o, 20, eta_min=0.002),
        ),
        (
            Training(**RATE, schedule="step", step_epochs=6, step_factor=0.3),
            lambda o: lr_scheduler.StepLR(o, 6, gamma=0.3),
        ),
    ],
)
def test_rates_are_those_of_torchs_schedulers(recipe, oracle):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.03)
    scheduler = oracle(optimiser)
    for epoch in range(20):
        assert rate_at(epoch, recipe) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        scheduler.step()


def after_steps(optimiser, weight):
    for step in range(5):
        optimiser.zero_grad()
        ((weight - step) ** 2).sum().backward()
        optimiser.step()
    return weight.detach()


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_optimisers_are_torchs_with_the_recipes_constants(name, momentum):
    recipe = Training(optimiser=name, rate=0.05, momentum=momentum, decay=0.1)
    ours, theirs = (torch.nn.Parameter(torch.tensor([1.0, -2.0])) for _ in range(2))
    oracle = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=momentum, weight_decay=0.1),
        "adam": lambda p: torch.optim.Adam(p, 0.05, (momentum, 0.999), weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, 0.05, (momentum, 0.999), weight_decay=0.1),
    }[name]([theirs])
    torch.testing.assert_close(
        after_steps(build_optimiser([ours], recipe), ours), after_steps(oracle, theirs)
    )
