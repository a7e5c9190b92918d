"""Choices that name numbers of the code: they are those that it has."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

from orecast.models.classical.classifiers import Clusters, NearestNeighbours, SupportVectors
from orecast.models.classical.trees import RandomForest
from orecast.models.networks.gkdcn import CNN, DCN
from orecast.models.networks.mfaf import MFAF
from orecast.models.networks.resgcn import Autoencoder, DiffPool, ResGAT, ResGCN
from orecast.models.networks.resnet import (
    GoogLeNet,
    MNASNet,
    MobileNetV2,
    ResNet18,
    ResNet50,
    ShuffleNetV2,
)
from orecast.models.networks.ssgsnet import DualBranchNet, SSGSNet
from orecast.papers.experiments import read_experiment
from orecast.sampling.augmentation import GaussianNoise, Smote
from orecast.training.generators.generator import AdversarialNetwork, VariationalAutoencoder
from orecast.training.inner_parts import search_epochs, trials


def taken(system: str, what: str) -> str:
    """What was taken; the test fails where there is no such choice."""
    (choice,) = [c for c in read_experiment(system).choices if c.what == what]
    return choice.taken


def default(factory: type, option: str) -> object:
    return inspect.signature(factory).parameters[option].default


def modules(net: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    return [module for module in net.modules() if isinstance(module, kind)]


@pytest.mark.parametrize(
    ("system", "networks"),
    [
        ("mfaf", {"GoogLeNet": GoogLeNet, "MobileNetV2": MobileNetV2, "MnasNet": MNASNet}),
        ("resnet50", {"GoogLeNet": GoogLeNet, "MobileNet": MobileNetV2}),
    ],
)
def test_dropout_of_the_comparators(system: str, networks: dict[str, type]) -> None:
    dropped, none = taken(system, "dropout").split("none in")
    for name, network in networks.items():
        assert name in dropped
        assert name not in none
        assert f"{default(network, 'dropout')} on" in dropped
    assert default(ShuffleNetV2, "dropout") == 0
    assert default(ResNet18, "dropout") == default(ResNet50, "dropout") == 0
    assert not modules(MFAF(10, 50), nn.Dropout)


def test_comparators_of_mfaf() -> None:
    assert "ten channels" in taken("mfaf", "form of the comparators")
    assert "0.1 in all" in taken("mfaf", "momentum of the batch normalisation")
    norms = modules(MNASNet(10, 64), nn.BatchNorm2d)
    assert {norm.momentum for norm in norms} == {0.1}
    assert not any("aux" in name for name, _ in GoogLeNet(10, 64).named_modules())
    assert MNASNet(10, 64).head.linear.out_features == 1


def test_form_of_a_scale() -> None:
    net = MFAF(10, 50)
    assert len(net.scales) % 2 == 1  # never an even vote
    for scale in net.scales:
        conv, attention = scale
        assert (conv.in_channels, conv.out_channels, conv.bias) == (10, 10, None)
        assert conv.padding == conv.dilation
        assert attention.squeeze.out_features == 10 // int(
            taken("mfaf", "reduction of the channel attention")
        )
        assert (attention.squeeze.weight >= 0).all()
        assert attention.squeeze.bias is attention.excite.bias is None
    assert net.classifier.out_features == 2


def test_graph_networks() -> None:
    assert taken("resgcn", "heads of ResGAT").startswith("eight of eight")
    assert default(ResGAT, "heads") == 8
    assert default(ResGAT, "width") == 64
    net = ResGCN(16, 1)
    assert net.shortcut.bias is None
    assert len(modules(net, nn.Dropout)) == 1
    assert net.head.linear.out_features == 1
    assert "16 elements to 4 clusters" in taken("resgcn", "DiffPool")
    assert DiffPool(16, 1).assign.layers[-1].linear.out_features == 4


def test_search_for_alpha() -> None:
    assert "a fifth of the epochs" in taken("resgcn", "search for alpha")
    assert search_epochs({}, 100, ResGCN.searched) == 20
    assert trials(ResGCN.searched) == 21


def test_generators() -> None:
    for name, generator in (("GAN", AdversarialNetwork), ("VAE", VariationalAutoencoder)):
        result = taken("resgcn", name)
        built = generator()
        mantissa, exponent = f"{built.rate:.0e}".split("e")
        for words in (
            f"{built.epochs} epochs in batches of {built.batch}",
            f"Adam {mantissa}e{int(exponent)}",
            f"{built.latent} latent",
            f"hidden layers of {built.width}",
        ):
            assert words in result
    assert f"gamma of {AdversarialNetwork().penalty:g}" in taken("resgcn", "GAN")
    result = taken("resgcn", "random noise and SMOTE")
    assert f"variance {default(GaussianNoise, 'variance')}" in result
    assert f"{default(Smote, 'neighbours')} neighbours" in result
    assert f"{default(Smote, 'neighbours')}," in taken("mfaf", "neighbours of SMOTE")


def test_other_models_of_resgcn() -> None:
    width, code = default(Autoencoder, "width"), default(Autoencoder, "code")
    assert f"16-{width}-{code}-{width}-16" in taken("resgcn", "autoencoder")
    assert default(Autoencoder, "reconstruction") == 1
    result = taken("resgcn", "SVM and random forest")
    assert f"cost {default(SupportVectors, 'cost'):g}" in result
    assert f"{default(RandomForest, 'trees')} trees" in result
    assert default(RandomForest, "leaf") == 1
    assert f"{default(NearestNeighbours, 'neighbours')} neighbours" in taken("resgcn", "KNN")
    assert default(NearestNeighbours, "votes") == "distance"
    assert taken("resgcn", "k-means").startswith("five clusters")
    assert default(Clusters, "clusters") == 5


def test_ssgsnet() -> None:
    net = SSGSNet(15, 32)
    assert taken("ssgsnet", "dropout") == "none"
    assert all(dropout.p == 0 for dropout in modules(net, nn.Dropout))
    for attention in (net.branch.spectral_attention, net.branch.spatial_attention):
        assert attention.squeeze.bias is attention.excite.bias is None
    assert "64 and 128 channels" in taken("ssgsnet", "DualBranchNet")
    convolutions = modules(DualBranchNet(15, 32), nn.Conv2d)
    assert [c.out_channels for c in convolutions] == [64, 128]
    assert not modules(DualBranchNet(15, 32), nn.BatchNorm2d)


def test_gk_dcn() -> None:
    assert taken("gk-dcn", "biases of the convolutions").startswith("none")
    for network in (CNN, DCN):
        assert all(conv.bias is None for conv in modules(network(38, 9), nn.Conv2d))
