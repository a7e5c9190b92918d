import pytest
import torch
from torch import nn

from orecast.config import Training
from orecast.errors import CapacityError, ConfigError
from orecast.training import build_model
from orecast.training.acceleration import WITH_ADAM, WITH_GRADIENT, outline, weights


def square(*, width=4, depth=1, heads=1, deep=True):
    if width % heads:
        raise ConfigError("heads do not divide the width")
    return nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(depth)))


def outlined(**options):
    return outline(square, options, a_weight=WITH_ADAM, name="net", where="model.options")


def test_an_outline_has_shapes_and_no_memory():
    net = outlined(width=6)
    assert weights(net) == 36
    assert net[0].weight.device.type == "meta"


@pytest.mark.parametrize(
    ("options", "where", "remedy"),
    [
        ({"width": 10**6}, "width", "set width to 128 or less"),
        ({"width": 1000, "heads": 8}, "width", "set width to 128 or less"),
        ({"depth": 99, "width": 64}, "depth", "set depth to 4 or less"),
        ({"width": 10**6, "depth": 50}, "width", "set width to 16 or less"),
        ({"depth": 20, "width": 999, "heads": 3}, "width", "choose another model"),
        ({"deep": True, "width": 2000}, "width", "set width to 128 or less"),
    ],
)
def test_the_option_that_weighs_most_is_named_with_what_fits(options, where, remedy, monkeypatch):
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 600_000.0)
    with pytest.raises(CapacityError, match=r"for net of [\d,]+ weights") as caught:
        outlined(**options)
    assert (caught.value.where, caught.value.remedy) == (f"model.options.{where}", remedy)
    if remedy.startswith("set"):
        outlined(**options | {where: int(remedy.split()[3])})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet50", {"width": 10**6}),
        ("mfaf", {"width": 500_000}),
        ("vit", {"width": 2**16}),
        ("vit", {"depth": 50, "width": 8192}),
        ("ssgsnet", {"width": 10_000}),
        ("gk-dcn", {"width": 2**20}),
        ("mnasnet", {"width": 80_000}),
        ("resgcn", {"layers": 100, "width": 2**14}),
        ("autoencoder", {"code": 2**20, "width": 2**20}),
    ],
)
def test_every_kind_of_network_is_refused_before_it_is_built(name, options, monkeypatch):
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 8e9)
    option = max(options, key=options.__getitem__) if len(set(options.values())) > 1 else None
    with pytest.raises(CapacityError, match=rf"for {name} of [\d,]+ weights") as caught:
        build_model(name, options, Training())
    assert option is None or caught.value.where == f"model.options.{option}"
    changed, value = caught.value.remedy.removeprefix("set ").split(" to ")
    build_model(name, options | {changed: int(value.split()[0])}, Training())


def test_gradient_descent_holds_less_than_adam(monkeypatch):
    options = {"width": 64}
    count = 11_170_753  # of resnet18 on one layer
    for optimiser, bytes_ in (("sgd", WITH_GRADIENT), ("adam", WITH_ADAM)):
        training = Training(optimiser=optimiser)
        monkeypatch.setattr("orecast.capacity.available_memory", lambda b=bytes_: b * count)
        net = build_model("resnet18", options, training)
        assert net is not None
        monkeypatch.setattr("orecast.capacity.available_memory", lambda b=bytes_: b * count * 0.9)
        with pytest.raises(CapacityError):
            build_model("resnet18", options, training)


def test_an_outline_draws_no_random_number():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    build_model("resnet18", {"width": 8}, Training())
    assert torch.equal(torch.get_rng_state(), before)
