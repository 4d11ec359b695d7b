import pytest
import torch
from torch import nn

from fer.artifacts import save_weights
from fer.config import ModelConfig
from fer.errors import FerError, UnknownModel
from fer.faces.preprocessing import Preprocessing
from fer.networks import build_network
from training.freezing import freeze, initialise, layers_in_forward_order
from training.heads import last_layer
from training.recipe import load_recipe


def starting(network: str, init: object):
    return load_recipe("cnn", {"network": network, "init": str(init)})


COLOUR = Preprocessing(size=64, channels=3)


def count(network: nn.Module, learning: bool = False) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad or not learning)


def test_resnet50_is_the_study_s_to_the_last_weight():
    network = build_network("resnet50")
    # The study's Keras network has a bias in each convolution, which the batch norm behind it
    # makes idle, and counts the batch norms' means and variances as parameters.
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    biases = sum(layer.out_channels for layer in convolutions)
    statistics = sum(
        buffer.numel() for name, buffer in network.named_buffers() if "running" in name
    )
    assert count(network) + biases == 23_548_935
    assert count(network) + biases + statistics == 23_602_055


def test_more_layers_than_there_are_is_all_of_them():
    network = build_network("cnn")
    assert freeze(network, Preprocessing(), unfreeze_last=45) == []
    assert count(network, learning=True) == count(network)


def test_frozen_efficientnet_learns_the_study_s_8967_weights():
    with torch.device("meta"):
        network = build_network("efficientnet_v2_l")
    network = network.to_empty(device="cpu")
    frozen = freeze(network, COLOUR, unfreeze_last=0)
    assert count(network, learning=True) == 8_967
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in frozen)


def test_layers_come_in_forward_order():
    network = build_network("cnn")
    layers = layers_in_forward_order(network, Preprocessing())
    assert layers == [m for m in network.modules() if not list(m.children())]
    shortcut_last = layers_in_forward_order(build_network("residual"), Preprocessing())
    assert isinstance(shortcut_last[0], nn.Conv2d)
    assert isinstance(shortcut_last[-1], nn.Linear)
    assert len(set(shortcut_last)) == len(shortcut_last)


@pytest.mark.parametrize(("last", "learning"), [(1, 3_591), (4, 3_591 + 1_024), (-1, 524_999)])
def test_the_last_layers_learn(last, learning):
    network = build_network("cnn")
    freeze(network, Preprocessing(), last)
    assert count(network, learning=True) == learning
    assert last_layer(network) == "classifier.5"


def save(folder, config: ModelConfig) -> nn.Module:
    """Leave a network with weights of its own as a model's folder to start from."""
    torch.manual_seed(1)
    network = build_network(config.network, **config.network_arguments)
    save_weights(network, folder)
    (folder / "config.json").write_text(config.to_json())
    (folder / "metrics.json").write_text(
        '{"init": "scratch", "splits": {"test": {"plain": {"accuracy": 0.5}}}}'
    )
    return network.eval()


@pytest.fixture
def source(tmp_path):
    save(tmp_path / "source", ModelConfig("cnn"))
    return tmp_path / "source"


def test_starts_from_a_model_of_this_project_but_for_its_head(source):
    torch.manual_seed(2)
    network = build_network("cnn")
    assert initialise(network, starting("cnn", str(source))) == "source (scratch)"
    torch.manual_seed(1)
    expected = build_network("cnn")
    assert torch.allclose(network.features[0].weight, expected.features[0].weight, atol=1e-3)
    assert not torch.allclose(
        network.classifier[5].weight, expected.classifier[5].weight, atol=0.01
    )


def test_a_deeper_efficientnet_begins_with_the_answers_of_the_one_it_is_grown_from(tmp_path):
    config = ModelConfig("efficientnet_v2_l", network_arguments={"blocks": 1})
    shallow = save(tmp_path / "seed", config)

    deeper = build_network("efficientnet_v2_l", blocks=3).eval()
    assert len(deeper.features[4]) == 3
    recipe = starting("efficientnet_v2_l", str(tmp_path / "seed"))
    assert initialise(deeper, recipe) == "grown from seed (scratch)"
    faces = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        # Up to the head, which starts anew, and up to the weights' being kept in fp16.
        assert torch.allclose(deeper.features(faces), shallow.features(faces), atol=1e-2)

    deeper.train()
    deeper(faces).sum().backward()
    last_norm = deeper.features[7][2].block[-1][1]
    assert last_norm.weight.grad.abs().max() > 0, "a block that passes its input on can learn"


def test_weights_that_do_not_fit_are_refused(source):
    with pytest.raises(FerError, match="holds a cnn, not a residual"):
        initialise(build_network("residual"), starting("residual", str(source)))
    with pytest.raises(FerError, match="no ImageNet weights for 'cnn'"):
        initialise(build_network("cnn"), starting("cnn", "imagenet"))
    with pytest.raises(UnknownModel, match="no model 'nope'"):
        initialise(build_network("cnn"), starting("cnn", "nope"))


def test_imagenet_out_of_reach_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://localhost:9")  # nothing listens there
    with pytest.raises(FerError, match="cannot be had"):
        initialise(build_network("resnet50"), starting("resnet50", "imagenet"))


@pytest.mark.parametrize("content", [b"", b"<html>Please log in</html>", b"PK\x03\x04 half a file"])
def test_imagenet_damaged_in_the_cache_is_a_sentence(content, monkeypatch, tmp_path):
    from torchvision.models import ResNet50_Weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    name = ResNet50_Weights.DEFAULT.url.rsplit("/", 1)[1]
    (tmp_path / "hub" / "checkpoints" / name).write_bytes(content)
    with pytest.raises(FerError, match=rf"hub/checkpoints/{name}, cannot be had"):
        initialise(build_network("resnet50"), starting("resnet50", "imagenet"))


def test_imagenet_weights_are_torchvision_s(monkeypatch, tmp_path):
    import torchvision

    torch.manual_seed(3)
    published = torchvision.models.resnet50(num_classes=1000)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    url = torchvision.models.ResNet50_Weights.DEFAULT.url
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.save(published.state_dict(), tmp_path / "hub" / "checkpoints" / url.rsplit("/", 1)[1])
    network = build_network("resnet50")
    assert initialise(network, starting("resnet50", "imagenet")) == "imagenet"
    assert torch.equal(network.layer4[2].conv3.weight, published.layer4[2].conv3.weight)
    assert network.fc.weight.shape == (7, 2048)
