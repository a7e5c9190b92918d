import pytest
import torch
import torchvision

from orecast.errors import ConfigError
from orecast.models.networks.resnet import ResNet18, ResNet34, ResNet50

FACTORIES = {"resnet18": ResNet18, "resnet34": ResNet34, "resnet50": ResNet50}


@pytest.mark.parametrize("name", FACTORIES)
def test_large_windows_give_torchvisions_network_to_the_bit(name):
    """With the published width and stem, the same weights in the same order: the same answer."""
    ours = FACTORIES[name](3, 64).eval()
    theirs = torchvision.models.get_model(name, weights=None, num_classes=1).eval()
    theirs.load_state_dict(
        dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)), strict=True
    )
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x)[:, 0], rtol=1e-5, atol=1e-5)


def test_weights_grow_with_the_square_of_the_width():
    count = {w: sum(p.numel() for p in ResNet18(14, 9, width=w).parameters()) for w in (16, 64)}
    assert count[64] > 11_000_000
    assert 15 < count[64] / count[16] < 16.1


@pytest.mark.parametrize(("size", "after"), [(3, 1), (8, 1), (9, 2), (33, 5), (64, 2)])
def test_features_come_before_the_head(size, after):
    net = ResNet50(4, size, width=4).eval()
    x = torch.randn(2, 4, size, size)
    features = net.forward_features(x)
    assert features.shape == (2, 4 * 8 * 4, after, after)
    assert torch.equal(net.forward_head(features), net(x))


@pytest.mark.parametrize("options", [{"width": 0}, {"width": "wide"}, {"dropout": 1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        ResNet18(4, 9, **options)
