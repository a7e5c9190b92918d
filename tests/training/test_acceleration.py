import pytest
import torch

from orecast.errors import ConfigError
from orecast.models.networks.resnet import ResNet18, ResNet50
from orecast.training.acceleration import (
    acceleration,
    best_device,
    suited_process,
    suits_channels_last,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def test_a_gpu_trains_in_bfloat16_with_channels_last():
    settings = acceleration(GPU)
    assert (settings.trainer_precision, settings.channels_last) == ("bf16-mixed", True)


def test_a_cpu_stays_in_float32():
    settings = acceleration(CPU)
    assert (settings.trainer_precision, settings.compiled) == ("32-true", False)


@pytest.mark.parametrize("last", [True, False])
def test_channels_first_are_for_a_cpu_alone(last):
    assert acceleration(CPU, channels_last=last).channels_last is last
    assert acceleration(GPU, channels_last=last).channels_last


@pytest.mark.parametrize(
    ("net", "size", "last"),
    [
        (ResNet18(3, 9, width=16), 9, True),
        (ResNet18(3, 9, width=33), 9, False),  # 264 channels in its last stage
        (ResNet18(3, 33, width=33), 33, True),
        (ResNet50(3, 9, width=32), 9, True),  # 1,024 channels, under kernels of one cell
        (torch.nn.Linear(3, 1), 1, True),
    ],
)
def test_wide_kernels_on_small_maps_want_channels_first(net, size, last):
    assert suits_channels_last(net, size) is last


def test_precision_and_compilation_can_be_chosen():
    assert acceleration(GPU, precision="float32").trainer_precision == "32-true"
    assert acceleration(CPU, precision="bfloat16").trainer_precision == "bf16-mixed"
    assert acceleration(CPU, compiled=True).compiled


def test_an_unknown_precision_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean bfloat16"):
        acceleration(CPU, precision="bfloat61")


def test_compiled_is_true_or_false():
    with pytest.raises(ConfigError, match=r"model\.options\.compiled: must be true or false"):
        acceleration(CPU, compiled="yes")


@pytest.mark.parametrize("last", [True, False])
def test_batches_and_modules_get_the_memory_order_and_keep_their_values(last):
    settings = acceleration(CPU)
    settings = type(settings)(CPU, "float32", channels_last=last)
    x = torch.randn(2, 3, 4, 5)
    conv = torch.nn.Conv2d(3, 4, 3)
    weight = conv.weight.clone()
    order = torch.channels_last if last else torch.contiguous_format
    assert settings.arrange(x).is_contiguous(memory_format=order)
    assert torch.equal(settings.arrange(x), x)
    assert settings.arrange_module(conv) is conv
    assert conv.weight.is_contiguous(memory_format=order)
    assert torch.equal(conv.weight, weight)


def test_the_device_is_the_gpu_where_there_is_one(monkeypatch):
    for there, device in ((True, GPU), (False, CPU)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert best_device() == device


@pytest.mark.parametrize(
    ("width", "size", "alone"), [(16, 9, True), (64, 9, False), (16, 64, False)]
)
def test_narrow_networks_on_small_windows_run_on_one_thread(width, size, alone):
    net = ResNet18(3, size, width=width)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with suited_process(net, size):
            assert torch.get_num_threads() == (1 if alone else 2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
