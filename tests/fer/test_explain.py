import threading

import pytest
import torch
from torch.nn import functional as F

from fer.emotions import EMOTIONS
from fer.explain import look
from fer.networks import EXPLAINED_LAYERS, NETWORKS, build_network
from fer.preprocessing import crop_faces


@pytest.fixture(scope="module")
def smile(recognizer, astronaut):
    (face,) = recognizer.recognize([astronaut])[0]
    return crop_faces(astronaut, [face.crop])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_architecture_names_a_layer_with_maps(name):
    layer = build_network(name).get_submodule(EXPLAINED_LAYERS[name])
    assert layer is not None


def test_heat_is_where_covering_changes_the_answer(recognizer, smile):
    happy = torch.tensor([EMOTIONS.index("happy")])
    heat = look(recognizer, smile, happy)
    assert heat.shape == (1, 48, 48)
    assert (heat.min(), heat.max()) == (0, 1)
    # Cover the face tile by tile: the tile that costs most happiness is a hot one.
    before = recognizer.probabilities(smile)[0, happy]
    costs = torch.zeros(6, 6)
    for row in range(6):
        for column in range(6):
            covered = smile.clone()
            covered[..., 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = smile.float().mean()
            costs[row, column] = before - recognizer.probabilities(covered)[0, happy]
    tiles = F.avg_pool2d(heat[None], 8)[0, 0]
    assert tiles.flatten()[costs.argmax()] > tiles.mean()


def test_leaves_no_trace_and_serves_other_threads(recognizer, smile):
    faces = smile.repeat(4, 1, 1, 1)
    expected = recognizer.probabilities(faces)
    heat = look(recognizer, faces, torch.arange(4))
    stop = threading.Event()
    results = []

    def classify_meanwhile():
        while not stop.is_set():
            results.append(recognizer.probabilities(faces))

    other = threading.Thread(target=classify_meanwhile)
    other.start()
    again = [look(recognizer, faces, torch.arange(4)) for _ in range(20)]
    stop.set()
    other.join()
    assert all(torch.allclose(heat, map_, atol=1e-5) for map_ in again)
    assert all(torch.allclose(expected, result, atol=1e-6) for result in results)
    assert all(p.grad is None for p in recognizer.network.parameters())
    assert not recognizer.network.get_submodule(EXPLAINED_LAYERS["cnn"])._forward_hooks
