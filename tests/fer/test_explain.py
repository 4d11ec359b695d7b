import threading

import pytest
import torch
from torch import nn

from fer.config import ModelConfig
from fer.emotions import EMOTIONS
from fer.errors import UnknownModel
from fer.explain import saliency
from fer.faces.preprocessing import VIEWS, Preprocessing, crop_faces
from fer.networks import EXPLAINED_LAYERS, NETWORKS, build_network, explained_layer
from fer.recognizer import Recognizer
from tools.covering import cost_of_covering, random_heat
from training.data import load_split


@pytest.fixture(scope="module")
def smile(recognizer, astronaut):
    (face,) = recognizer.recognize([astronaut])[0]
    return crop_faces(astronaut, [face.crop])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_architecture_names_a_layer_with_maps(name):
    arguments = {"architecture": "mobilenetv1_100"} if name == "timm" else {}
    network = build_network(name, **arguments)
    maps = []
    layer = network.get_submodule(explained_layer(name, network, size=112))
    layer.register_forward_hook(lambda module, inputs, output: maps.append(output))
    channels = 1 if name in ("cnn", "residual") else 3
    size = 48 if name == "cnn" else 112
    network.eval()(torch.rand(1, channels, size, size))
    assert min(maps[0].shape[2:]) >= 7


def test_a_network_without_maps_says_so(recognizer, smile):
    network = build_network("timm", architecture="vit_tiny_patch16_224", img_size=48, in_chans=1)
    config = ModelConfig("timm", {"architecture": "vit_tiny_patch16_224"})
    tokens = Recognizer(config, network, recognizer.detector)
    with pytest.raises(UnknownModel, match="no maps by which"):
        saliency(tokens, smile, torch.tensor([3]))


def test_heat_is_of_the_faces_shape_and_scaled(recognizer, smile):
    heat = saliency(recognizer, smile, torch.tensor([EMOTIONS.index("happy")]))
    assert heat.shape == (1, 48, 48)
    assert (heat.min(), heat.max()) == (0, 1)


class Bright(nn.Module):
    """Takes every emotion for brightness, so that each pixel speaks for it by its own."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.look.weight)

    def forward(self, faces):
        return self.look(faces).sum((1, 2, 3))[:, None].expand(-1, len(EMOTIONS))


@pytest.mark.parametrize("views", VIEWS)
def test_each_view_shows_what_it_saw_where_it_is(views, recognizer, monkeypatch):
    monkeypatch.setitem(EXPLAINED_LAYERS, "cnn", "look")
    face = torch.zeros(1, 1, 48, 48, dtype=torch.uint8)
    face[..., 4:8, 38:42] = 255  # far from the middle, where enlarged middles move things most
    config = ModelConfig("cnn", preprocessing=Preprocessing(views=views))
    heat = saliency(Recognizer(config, Bright(), recognizer.detector), face, torch.tensor([3]))
    assert heat[0, 4:8, 38:42].min() > 0.5
    heat[0, 3:9, 37:43] = 0
    assert heat.max() < 0.1


def test_covering_the_hot_changes_the_answer_and_covering_the_cold_does_not(recognizer, smile):
    happy = torch.tensor([EMOTIONS.index("happy")])
    heat = saliency(recognizer, smile, happy)
    hot = cost_of_covering(recognizer, smile, happy, heat).item()
    cold = cost_of_covering(recognizer, smile, happy, -heat).item()
    assert hot > 0.1
    assert abs(cold) < hot / 2


def test_heat_costs_more_than_chance_over_many_faces(recognizer, data):
    faces = load_split(data, "validation").images[:300]
    emotions = recognizer.probabilities(faces).argmax(1)
    heat = saliency(recognizer, faces, emotions)
    hot = cost_of_covering(recognizer, faces, emotions, heat).mean()
    chance = cost_of_covering(recognizer, faces, emotions, random_heat(len(faces))).mean()
    assert hot > 2 * chance


def test_leaves_no_trace_and_serves_other_threads(recognizer, smile):
    faces = smile.repeat(4, 1, 1, 1)
    expected = recognizer.probabilities(faces)
    heat = saliency(recognizer, faces, torch.arange(4))
    stop = threading.Event()
    results = []

    def classify_meanwhile():
        while not stop.is_set():
            results.append(recognizer.probabilities(faces))

    other = threading.Thread(target=classify_meanwhile)
    other.start()
    again = [saliency(recognizer, faces, torch.arange(4)) for _ in range(20)]
    stop.set()
    other.join()
    assert all(torch.allclose(heat, map_, atol=1e-5) for map_ in again)
    assert all(torch.allclose(expected, result, atol=1e-6) for result in results)
    assert all(p.grad is None for p in recognizer.network.parameters())
    assert not recognizer.network.get_submodule(EXPLAINED_LAYERS["cnn"])._forward_hooks
