import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from orecast.config import Training
from orecast.errors import CapacityError, ConfigError, ModelError, RunError, SamplingError
from orecast.sampling.windows import Windows
from orecast.training import Network

RECIPE = Training(epochs=2, batch=16)


def fitted(district, seed=0, recipe=RECIPE, **options):
    return Network("resnet18", {"width": 2}, recipe, **options).fit(*district, seed=seed)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(7)
    X = Windows(
        rng.normal(size=(2, 20, 20)).astype("f4"), ("Au", "As"), rng.integers(3, 17, (20, 2)), 5
    )
    return Network("resnet18", {"width": 2}, RECIPE).fit(
        X, np.arange(20.0) % 2, np.full(20, -1), seed=0
    ), X


def test_scores_are_probabilities_and_repeat(model):
    network, X = model
    scores = network.predict(X)
    assert scores.shape == (20,)
    assert scores.dtype == np.float64
    assert ((scores > 0) & (scores < 1)).all()
    np.testing.assert_array_equal(network.predict(X), scores)


def test_prediction_streams_and_does_not_depend_on_its_company(model, monkeypatch):
    network, X = model
    many = X.at_cells(np.argwhere(np.ones((14, 14))) + 3)
    whole = network.predict(many)
    monkeypatch.setattr("orecast.training.data.windows_at_once", lambda size: 5)
    asked = []
    batch = Windows.batch
    monkeypatch.setattr(
        Windows, "batch", lambda X, rows: asked.append(len(X.at[rows])) or batch(X, rows)
    )
    np.testing.assert_allclose(network.predict(many), whole, atol=1e-6)
    assert asked == [5] * 39 + [1]
    assert network.predict(many.take(slice(0, 0))).shape == (0,)


def test_the_state_follows_from_what_was_visible(district):
    """Whatever stands in hidden cells, weights are bit for bit the same."""
    X, y, group = district
    hidden = np.zeros((30, 30), dtype=bool)
    hidden[:, 15:] = True
    stack = X.stack.copy()
    stack[:, hidden] = np.random.default_rng(1).normal(size=stack[:, hidden].shape) * 50
    first, second = (
        fitted((replace(X, stack=values, hidden=hidden), y, group)).net_.state_dict()
        for values in (X.stack, stack)
    )
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_global_random_numbers_neither_matter_nor_move(district):
    torch.manual_seed(1)
    first = fitted(district).net_.state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = fitted(district).net_.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize(
    "recipe", [RECIPE, RECIPE.model_copy(update={"trim": 2, "flips": "alone"})]
)
def test_resumes_from_a_folder_shared_by_folds(district, tmp_path, recipe):
    class Killed(Exception):
        pass

    X, y, group = district
    other = (X, 1 - y, group)
    whole, whole_other = fitted(district, recipe=recipe), fitted(other, recipe=recipe)
    reports = []

    def progress(done, epochs, loss):
        reports.append(done)
        if len(reports) == 1:
            raise Killed

    with pytest.raises(Killed):
        fitted(district, recipe=recipe, checkpoints=tmp_path, progress=progress)
    fitted(other, recipe=recipe, checkpoints=tmp_path, progress=progress)
    resumed = fitted(district, recipe=recipe, checkpoints=tmp_path, progress=progress)
    assert reports == [1, 1, 2, 2]
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    again = fitted(other, recipe=recipe, checkpoints=tmp_path, progress=progress)
    np.testing.assert_array_equal(again.predict(X), whole_other.predict(X))
    assert reports == [1, 1, 2, 2]  # finished, and not trained again
    assert len(list(tmp_path.iterdir())) == 2


def test_an_epoch_in_ten_is_checkpointed(district, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "orecast.training.trainer.write_checkpoint",
        lambda path, net, opt, done: written.append(done),
    )
    recipe = Training(epochs=22, batch=64)
    Network("resnet18", {"width": 1}, recipe, checkpoints=tmp_path).fit(*district, seed=0)
    assert written == [*range(2, 23, 2)]


def test_saved_and_loaded(model, tmp_path):
    network, X = model
    network.save(tmp_path / "model")
    loaded = Network.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), network.predict(X))
    assert (loaded.name, loaded.options, loaded.training) == ("resnet18", {"width": 2}, RECIPE)
    content = json.loads((tmp_path / "model" / "network.json").read_text())
    assert (content["layers"], content["channels"], content["size"]) == (["Au", "As"], 2, 5)
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "network.json",
        "network.safetensors",
    }


def test_other_layers_than_the_surveys_are_refused_with_both_lists(model, tmp_path):
    network, X = model
    network.save(tmp_path)
    loaded = Network.load(tmp_path)
    with pytest.raises(ModelError, match="on the layers Au, As, not on As, Au"):
        loaded.predict(replace(X, names=("As", "Au")))
    with pytest.raises(ModelError, match="As, not on Au, As, Sb"):
        loaded.predict(replace(X, names=("Au", "As", "Sb"), stack=np.zeros((3, 20, 20), "f4")))


def test_another_size_of_window_is_refused(model):
    network, X = model
    with pytest.raises(ModelError, match="windows of 5 cells, not 9"):
        network.predict(X.of_size(9))


def test_missing_values_are_refused_with_their_layer(model):
    network, X = model
    with pytest.raises(ModelError, match="layer Au, As: a network cannot read missing"):
        network.predict(X.at_cells([[0, 0]]))


def test_not_fitted(tmp_path, model):
    network = Network("resnet18", {}, RECIPE)
    with pytest.raises(ModelError, match="resnet18 has not been fitted"):
        network.predict(model[1])
    with pytest.raises(ModelError, match="has not been fitted"):
        network.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_one_class_alone(district):
    X, y, group = district
    with pytest.raises(SamplingError, match="no positive training"):
        Network("resnet18", {}, RECIPE).fit(X, y * 0, group, seed=0)


def test_a_window_too_small(district):
    X, y, group = district
    with pytest.raises(ModelError, match=r"sampling\.window: resnet18 needs windows of at least 3"):
        Network("resnet18", {}, RECIPE).fit(X.of_size(2), y, group, seed=0)


def test_a_last_batch_of_one_does_no_harm(district):
    X, y, group = district
    recipe = Training(epochs=1, batch=13)
    network = Network("resnet18", {"width": 2}, recipe).fit(X, y, group, seed=0)  # 40 = 3 * 13 + 1
    assert all(value.isfinite().all() for value in network.net_.state_dict().values())
    assert len(np.unique(network.predict(X))) > 1


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("network.json", None, "description cannot be read: it is not there"),
        ("network.json", "{", "description cannot be read: it is no JSON"),
        ("network.json", "{}", "description cannot be read: it lacks 'training'"),
        ("network.json", '{"training": {"epochs": 0}}', "cannot be read: 'epochs'"),
        ("network.json", '{"name": "resnet81", "options": {}, "training": {}}', "did you mean"),
        ("network.safetensors", None, "broken or missing"),
        ("network.safetensors", "\x80\x04.", "broken or missing"),
    ],
)
def test_broken_files_are_refused(model, tmp_path, file, content, words):
    model[0].save(tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_text(content, encoding="latin-1")
    with pytest.raises(ModelError, match=words) as caught:
        Network.load(tmp_path)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_width_are_refused(model, tmp_path):
    model[0].save(tmp_path)
    path = tmp_path / "network.json"
    path.write_text(path.read_text().replace('"width": 2', '"width": 3'))
    with pytest.raises(ModelError, match="belong to another network") as caught:
        Network.load(tmp_path)
    assert "network.safetensors" in str(caught.value)
    assert "state_dict" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_said_so(model, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def full(*args):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("orecast.training.network.save_file", full)
    with pytest.raises(RunError, match="No space left on device"):
        model[0].save(tmp_path)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"width": 0}, "width"),
        ({"width": 10**9}, "width"),
        ({"passes": 10**9, "dropout": 0.2}, "passes"),
        ({"dropout": 2}, "dropout"),
        ({"precision": "half"}, "precision"),
        ({"compiled": 1}, "compiled"),
    ],
)
def test_impossible_options(options, where):
    with pytest.raises(ConfigError, match=rf"model\.options\.{where}"):
        Network("resnet18", options, RECIPE).check_options()


def test_weights_that_fit_for_one_layer_and_not_for_the_surveys_are_refused_before_training(
    district, monkeypatch
):
    X, y, group = district
    network = Network("autoencoder", {"width": 2000}, RECIPE)
    network.check_options()
    a_layer = 16 * 2000
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 12.5 * a_layer)
    network.check_options()  # 11 numbers a hidden unit with one layer, and one more for each
    many = replace(X, stack=np.repeat(X.stack[:1], 4, axis=0), names=("a", "b", "c", "d"))
    with pytest.raises(CapacityError, match="for autoencoder of") as caught:
        network.check_fit(many, y, group, seed=0)
    assert caught.value.where == "model.options.width"
    assert caught.value.remedy == "set width to 512 or less"


def test_precision_is_that_of_training(district):
    X, *_ = district
    exact, fast = (
        Network("resnet18", {"width": 2, "precision": p}, RECIPE).fit(*district, seed=0)
        for p in ("float32", "bfloat16")
    )
    assert not np.array_equal(exact.predict(X), fast.predict(X))
    np.testing.assert_allclose(exact.predict(X), fast.predict(X), atol=0.1)


def test_labels_are_the_networks_own_or_from_a_half(model, district, monkeypatch):
    network, X = model
    np.testing.assert_array_equal(network.labels(X), network.predict(X) >= 0.5)
    X, y, group = district
    framework = Network("mfaf", {"dilations": [1, 2], "width": 4}, Training(epochs=1))
    framework.fit(X, y, group, seed=0)
    with torch.inference_mode():
        expected = framework.net_.labels(torch.from_numpy(X.batch())).numpy() == 1
        votes = framework.net_.votes(torch.from_numpy(X.batch())).numpy()
    monkeypatch.setattr("orecast.training.data.windows_at_once", lambda size: 7)
    called = framework.labels(X)
    np.testing.assert_array_equal(called, expected)
    assert called.dtype == bool
    np.testing.assert_array_equal(called[votes != 0.5], votes[votes != 0.5] > 0.5)
    assert framework.labels(X.take(slice(0, 0))).shape == (0,)
    with pytest.raises(ModelError, match="has not been fitted"):
        Network("mfaf", {}, Training()).labels(X)
