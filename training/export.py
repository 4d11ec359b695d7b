"""Write a model as ONNX, for whoever has no PyTorch, and check that it answers as it did.

python -m training export cnn --format onnx
python -m training export cnn --format onnx --int8 --data ../shared/data

All of the classifier is inside: preprocessing, all views that the model asks, and the
temperature. Faces go in, cut out as `Recognizer.crop` does; probabilities come out. What packages
this needs is the extra `export`.
"""

import contextlib
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from fer.artifacts import Artifact, whole_folder
from fer.artifacts.export import FLOAT, INT8, ONNX, REPORT, Export
from fer.config import ModelConfig
from fer.emotions import EMOTIONS
from fer.errors import FerError, first_line
from fer.faces.preprocessing import FACE_SIZE, Crops, enlarge
from fer.ferplus import NO_MAJORITY, Measure
from fer.files import sha256
from fer.networks import answer
from fer.recognizer import Recognizer
from training.data import Split, load_split, truth_to_choose_by

OPSET = 18
"""What torch's exporter writes by itself; newer ones are converted from it."""
TOLERANCE = 1e-4
"""How far a probability of the float32 file may be from the library's own."""
MOST_LOST = 0.005
"""Share of the validation images by which int8 may be less often right than float32, by the measure
that the model was chosen by."""
COMPARED = 256
"""Faces on which the float32 file is held against the library."""
CALIBRATED_BY = 128
"""Training images by which the ranges of int8 are found; all their activations are in memory, for
mobilenet 4 GB."""
PERCENTILE = 99.99
"""Share of the activations that a range of int8 covers: a few outliers would make it coarse."""
BATCH = 64


class NotExported(FerError):
    """What was written does not answer as the model does."""


class Classifier(nn.Module):
    """A model's network and all that stands around it: crops to probabilities."""

    def __init__(self, config: ModelConfig, network: nn.Module) -> None:
        super().__init__()
        self.config, self.network = config, network

    def forward(self, *crops: Tensor) -> Tensor:
        """Map uint8 `[N, side, side]`, one for each size that is wanted, to float32 `[N, 7]`."""
        faces = Crops({crop.shape[-1]: crop[:, None] for crop in crops})
        logits = answer(self.network, self.config.preprocessing, faces)
        return (logits / self.config.temperature).softmax(1)


def export(
    artifact: Artifact, folder: Path, data: Path | None = None, int8: bool = False
) -> Export:
    """Write a model's ONNX files into a folder, in the place of an older export.

    Args:
        artifact: the model; of an ensemble all members go into the one file.
        folder: `<folder>.partial` beside it is used while writing.
        data: FER-2013, see `load_split`: the file is held against the library on its test images,
            and on made ones without.
        int8: whether to write the model in int8 as well; needs the data.

    Raises:
        NotExported: if a file does not answer as the model does; nothing is written then.
        BadData: if int8 is to be judged by votes, and the data has none.
        FerError: if the folder is something else's, the network has no ONNX form, or a package
            is missing.
    """
    if folder.exists() and not (folder / REPORT).is_file():
        raise FerError(f"{folder} is there and is not an export: give another --output.")
    if int8 and data is None:
        raise FerError("--int8 is calibrated and measured on FER-2013: give --data DIR as well.")
    require_packages()
    recognizer = Recognizer.from_pretrained(artifact, device="cpu")
    sizes = sorted(recognizer.crop_sizes)
    images = load_split(data, "test").head(COMPARED).images if data else made_images(COMPARED)
    with whole_folder(folder) as partial:
        shapes = write_float(recognizer.config, recognizer.network, sizes, partial / FLOAT)
        difference = check_answers(recognizer, partial / FLOAT, images)
        right: dict[str, Any] = {}
        if int8:
            assert data is not None
            validation, by = load_split(data, "validation"), artifact.get("chosen", "measure")
            truth_to_choose_by(validation, by or "label")  # refused now, not after minutes
            write_int8(partial / FLOAT, partial / INT8, load_split(data, "train"), sizes)
            right = count_right(partial, validation, sizes)
            refuse_loss(**right, by=by or "label")
        files = sorted(partial.glob("*.onnx"))
        written = Export(
            opset=OPSET,
            inputs=shapes["inputs"],
            outputs=shapes["outputs"],
            compared=len(images),
            compared_on="test" if data else "made",
            difference=difference,
            sha256={path.name: sha256(path) for path in files},
            size={path.name: path.stat().st_size for path in files},
            **right,
        )
        (partial / REPORT).write_text(written.to_json())
    return written


def require_packages() -> None:
    """Say which package of the extra `export` is missing, if one is.

    Raises:
        FerError: if so.
    """
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise FerError(
            f"ONNX files need the package {error.name}: pip install -e '.[export]'."
        ) from error


def check_answers(recognizer: Recognizer, path: Path, images: Tensor) -> float:
    """Hold a float32 file against the library; return how far apart two probabilities are at most.

    Args:
        images: uint8 `[N, 1, 48, 48]`.

    Raises:
        NotExported: if that is more than rounding.
    """
    answers = ask(path, images, sorted(recognizer.crop_sizes))
    return farthest(answers, recognizer.probabilities(images), path, recognizer.name)


def farthest(answers: Tensor, expected: Tensor, path: Path, name: str) -> float:
    """Return how far probabilities `[N, 7]` of an export are at most from a model's.

    Args:
        answers: of the export.
        expected: of the model.
        path: of the export, and `name` of the model: for the error's sentence.

    Raises:
        NotExported: if that is more than rounding.
    """
    difference = (answers - expected).abs().max().item()
    if not difference <= TOLERANCE:  # nor is NaN
        raise NotExported(
            f"{path} answers {difference:.1e} from what {name} does, more than {TOLERANCE:.0e}."
        )
    return difference


def check_export(artifact: Artifact) -> None:
    """Check that what a model's folder holds as ONNX answers as its weights do.

    Raises:
        NotExported: if it does not: it is of other weights, or of another temperature.
        FerError: if a package is missing that this needs.
    """
    require_packages()
    recognizer = Recognizer.from_pretrained(artifact, device="cpu")
    check_answers(recognizer, artifact.path / ONNX / FLOAT, made_images(COMPARED))


def made_images(count: int) -> Tensor:
    """Make images of soft spots, from faint to strong, always the same: uint8 `[N, 1, 48, 48]`."""
    generator = torch.Generator().manual_seed(0)
    spots = torch.rand(count, 1, 6, 6, generator=generator) - 0.5
    strength = torch.linspace(0.1, 1, count)[:, None, None, None]
    grey = 0.5 + strength * F.interpolate(spots, size=(FACE_SIZE, FACE_SIZE), mode="bicubic")
    return (grey.clamp(0, 1) * 255).to(torch.uint8)


def named_inputs(sizes: list[int]) -> dict[str, int]:
    """Return the sides of the crops by the names of the inputs that take them."""
    return {"faces": sizes[0]} if len(sizes) == 1 else {f"faces_{size}": size for size in sizes}


def feeds(images: Tensor, sizes: list[int]) -> Iterator[dict[str, np.ndarray]]:
    """Yield images of FER-2013, batch by batch, as an exported file takes them."""
    for batch in images.split(BATCH):
        yield {
            name: (batch if size == FACE_SIZE else enlarge(batch, size))[:, 0].numpy()
            for name, size in named_inputs(sizes).items()
        }


def write_float(
    config: ModelConfig, network: nn.Module, sizes: list[int], path: Path
) -> dict[str, dict[str, list[str | int]]]:
    """Write a model in float32; return the shapes of its `inputs` and `outputs`.

    Raises:
        FerError: if the exporter cannot do it.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    names = named_inputs(sizes)
    example = tuple(torch.zeros(2, size, size, dtype=torch.uint8) for size in sizes)
    try:
        with warnings.catch_warnings():
            # That all crops of an ensemble are of as many faces is meant.
            warnings.filterwarnings("ignore", message="# The axis name: faces will not be used")
            program = torch.onnx.export(
                Classifier(config, network).eval(),
                example,
                input_names=list(names),
                output_names=["probabilities"],
                opset_version=OPSET,
                dynamic_shapes=(tuple({0: "faces"} for _ in sizes),),
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise FerError(
            f"Network {config.network!r} has no ONNX form: {first_line(error)}."
        ) from error
    assert program is not None
    model = program.model
    ClearMetadataAndDocStringPass()(model)  # each node says where this machine has its source
    shapes: dict[str, dict[str, list[str | int]]] = {
        "inputs": {name: ["faces", size, size] for name, size in names.items()},
        "outputs": {"probabilities": ["faces", len(EMOTIONS)]},
    }
    framing = config.preprocessing.framing
    model.producer_name = "fer-studio"
    model.metadata_props.update(
        labels=",".join(EMOTIONS),
        opset=str(OPSET),
        shapes=json.dumps(shapes),
        input=f"uint8, grey: a square of {framing.side} heights of a face's box, the box's "
        f"centre at ({framing.centre_x}, {framing.centre_y}) of it",
        temperature=str(config.temperature),
    )
    program.save(path)
    return shapes


def ask(path: Path, images: Tensor, sizes: list[int], title: str = "") -> Tensor:
    """Return an exported file's probabilities for images of FER-2013, float32 `[N, 7]`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    bar = tqdm(
        feeds(images, sizes),
        title,
        total=-(-len(images) // BATCH),
        unit="batch",
        leave=False,
        delay=2,
    )
    answers = [session.run(None, feed)[0] for feed in bar]
    return torch.from_numpy(np.concatenate(answers))


def write_int8(source: Path, path: Path, train: Split, sizes: list[int]) -> None:
    """Write a float32 file in int8: weights by channel, ranges from training images (static)."""
    import onnx_ir
    from onnx_ir.passes.common import DeduplicateInitializersPass
    from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader:
        def __init__(self) -> None:
            self.feeds = feeds(train.head(CALIBRATED_BY).images, sizes)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.feeds, None)

    prepared = path.with_suffix(".prepared")
    # Joins batch norms and their convolutions.
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    # Of grouped convolutions each channel has a range of its own, and activations have one for all.
    # On all of validation, by the votes, mobilenet, mirror images averaged, has 0.8728 in float32,
    # 0.8698 with them in int8 and 0.8722 without.
    grouped = [
        node.name
        for node in onnx_ir.load(prepared).graph
        if node.op_type == "Conv" and node.attributes.get_int("group", 1) > 1
    ]
    with contextlib.redirect_stdout(sys.stderr):  # the calibration tells what it does
        quantize_static(
            prepared,
            path,
            Reader(),
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            nodes_to_exclude=grouped,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE},
        )
    prepared.unlink()
    model = onnx_ir.load(path)
    # Each further view's weights are a copy by now.
    DeduplicateInitializersPass(size_limit=sys.maxsize)(model)
    onnx_ir.save(model, path)


def count_right(folder: Path, validation: Split, sizes: list[int]) -> dict[str, Any]:
    """Count what both files name right on validation: `images` and `correct` of an `Export`."""
    truths = validation.truths
    correct: dict[str, dict[Measure, int]] = {}
    for name in (FLOAT, INT8):
        named = ask(folder / name, validation.images, sizes, f"{name} on validation").argmax(1)
        correct[name] = {measure: int((named == truth).sum()) for measure, truth in truths.items()}
    images = {measure: int((truth != NO_MAJORITY).sum()) for measure, truth in truths.items()}
    return {"images": images, "correct": correct}


def refuse_loss(
    images: dict[Measure, int], correct: dict[str, dict[Measure, int]], by: Measure
) -> None:
    """Refuse a file in int8 that names too much less right than that in float32.

    Raises:
        NotExported: if it does.
    """
    before, after = (correct[name][by] / images[by] for name in (FLOAT, INT8))
    if before - after > MOST_LOST:
        raise NotExported(
            f"In int8 the accuracy on validation by the {by} falls from {before:.4f} to "
            f"{after:.4f}, by more than {MOST_LOST:.1%}: nothing was written, leave out --int8."
        )
