"""Measure whole photos with their networks under PyTorch, OpenVINO and ONNX Runtime, in turns.

    pip install openvino onnx onnxruntime onnxscript
    python -m bench.runtimes --faces DIR [--turns 2]

Reading, the detector's cascade and the classifier, by the engine of `fer score` on one core and on
two, on the photos of `bench.scoring` and on photos of which no two have one size. All networks
compute in float32. DIR is as `bench.scoring` has it. A ratio is the median over the turns, in each
of which the runtimes follow each other at once, so that other work on the machine slows all; that
of the processor's time leaves out what the machine did for others meanwhile.
"""

import io
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import onnx
import onnxruntime
import openvino
import torch
import typer
from facenet_pytorch import MTCNN
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from bench.scoring import FACES, SIZES, frame, heads, make_frames, matched, plain_loop
from fer.columns import Status
from fer.faces.detection import Detector
from fer.faces.preprocessing import Crops
from fer.recognizer import Recognizer
from fer.scoring.folder import Entry, list_folder
from fer.scoring.local import BATCH, classify, score_entries
from tools.machine import conditions

ROUNDS = 8
"""How often each classifier is asked."""
MODELS = ("mobilenet", "cnn")
CORES = (1, 2)
EDGES = ("x1", "y1", "x2", "y2")
USUAL, ALL_SIZES = "PyTorch", "all sizes"
MIXED = (480, 1600)
"""Sides in pixels of the photos of all sizes."""

Rows = list[dict[str, Any]]
Compile = Callable[[nn.Module, Tensor, set[int]], Callable[[Tensor], Any]]
"""Takes a network, an example of its input and the dimensions that vary, and returns it again
under another runtime."""


class Proposals(nn.Module):
    """MTCNN's first network as `fer.faces.mtcnn.Cascade` asks it, with pooling in one piece."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map float `[N, 3, H, W]`, of even sides, to shifts and scores of all places."""
        net: Any = self.network
        x = max_pool2d(net.prelu1(net.conv1(pixels)), 2)
        x = net.prelu3(net.conv3(net.prelu2(net.conv2(x))))
        return net.conv4_2(x), net.conv4_1(x).softmax(1)[:, 1]


class Elsewhere(nn.Module):
    """A classifier under another runtime, in the place of the network it was made of."""

    def __init__(self, network: nn.Module, ask: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network = network  # whose parameters say where it runs
        self.ask = ask

    def forward(self, faces: Tensor) -> Tensor:
        """Map the network's input to logits `[N, 7]`."""
        return self.ask(faces)[0]


def under_openvino(network: nn.Module, example: Tensor, varying: set[int]) -> Callable[..., Any]:
    """Compile a network by OpenVINO: a stream of one thread for each core that asks."""
    shape = [-1 if place in varying else side for place, side in enumerate(example.shape)]
    model = openvino.convert_model(network, example_input=example, input=[shape])
    prepared = openvino.preprocess.PrePostProcessor(model)
    # Colours lie together in the cascade's pixels; they would be copied apart otherwise.
    prepared.input().tensor().set_layout(openvino.Layout("NHWC"))
    prepared.input().model().set_layout(openvino.Layout("NCHW"))
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": max(CORES),
        "INFERENCE_NUM_THREADS": max(CORES),
        "ENABLE_CPU_PINNING": False,
    }
    compiled = openvino.Core().compile_model(prepared.build(), "CPU", settings)
    idle = [compiled.create_infer_request() for _ in CORES]

    def ask(inputs: Tensor) -> tuple[Tensor, ...]:
        pixels = openvino.Tensor(inputs.permute(0, 2, 3, 1).contiguous().numpy(), True)
        request = idle.pop()
        try:
            request.set_input_tensor(pixels)
            request.infer()
            # A request's memory is written over by its next answer.
            return tuple(torch.from_numpy(out.data.copy()) for out in request.output_tensors)
        finally:
            idle.append(request)

    return ask


def under_onnxruntime(network: nn.Module, example: Tensor, varying: set[int]) -> Callable[..., Any]:
    """Export a network and open it in ONNX Runtime, which computes in the thread that asks."""
    dynamic = dict.fromkeys(varying, torch.export.Dim.DYNAMIC)
    file = io.BytesIO()
    program = torch.onnx.export(
        network, (example,), dynamo=True, dynamic_shapes=(dynamic,), verbose=False
    )
    assert program is not None
    onnx.save(program.model_proto, file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def ask(inputs: Tensor) -> tuple[Tensor, ...]:
        found = session.run(None, {name: inputs.contiguous().numpy()})
        return tuple(torch.from_numpy(out) for out in found)

    return ask


RUNTIMES: dict[str, Compile | None] = {
    USUAL: None,
    "OpenVINO": under_openvino,
    "ONNX Runtime": under_onnxruntime,
}


def detector_under(compiles: Compile | None) -> Detector:
    """Load the detector, with its networks under a runtime."""
    detector = Detector()
    cascade: Any = detector.cascade
    if compiles:
        cascade._pnet = compiles(Proposals(cascade.pnet), torch.zeros(2, 3, 60, 80), {0, 2, 3})
        cascade.rnet = compiles(cascade.rnet, torch.zeros(2, 3, 24, 24), {0})
        cascade.onet = compiles(cascade.onet, torch.zeros(2, 3, 48, 48), {0})
    return detector


def load(model: str, detector: Detector, compiles: Compile | None) -> Recognizer:
    """Load a model, with its network under a runtime."""
    recognizer = Recognizer.from_pretrained(model, detector=detector, device="cpu")
    if compiles:
        wanted = recognizer.config.preprocessing
        example = torch.zeros(2, wanted.channels, wanted.size, wanted.size)
        ask = compiles(recognizer.network, example, {0})
        recognizer.network = Elsewhere(recognizer.network, ask).eval()
    return recognizer


def mixed(folder: Path, faces: list[Image.Image]) -> Iterator[list[Entry]]:
    """Yield photos of which no two have one size, others each time."""
    rng = random.Random(0)
    for turn in count():
        shelf = folder / f"mixed {turn}"
        shelf.mkdir()
        for number, pasted in enumerate(FACES):
            size = (rng.randint(*MIXED), rng.randint(*MIXED))
            frame(size, pasted, faces, rng).save(shelf / f"{number:03}.jpg", quality=88)
        yield list(list_folder(shelf))


class Scored(NamedTuple):
    """What a runtime made of some photos."""

    seconds: float
    processor: float
    """Seconds of all cores' time."""
    photos: list[Rows]


def score(entries: list[Entry], recognizer: Recognizer, cores: int) -> Scored:
    """Score photos by the engine of `fer score`."""
    start, worked = time.perf_counter(), time.process_time()
    photos = list(score_entries(entries, recognizer, workers=cores))
    return Scored(time.perf_counter() - start, time.process_time() - worked, photos)


def faces_of(photo: Rows) -> list[dict[str, Any]]:
    """Return a photo's rows that are faces."""
    return [row for row in photo if row["status"] == Status.OK]


def boxes(photo: Rows) -> list[list[float]]:
    """Return the boxes of a photo's faces."""
    return [[row[edge] for edge in EDGES] for row in faces_of(photo)]


def apart(usual: list[Rows], other: list[Rows]) -> tuple[int, float, float]:
    """Say how far the rows of two runtimes lie apart.

    Returns:
        Photos in which other faces are found; of the rest the largest distance between edges, in
        pixels, and between probabilities.
    """
    photos, pixels, shares = 0, 0.0, 0.0
    for mine, theirs in zip(usual, other, strict=True):
        if len(faces_of(mine)) != len(faces_of(theirs)):
            photos += 1
            continue
        for a, b in zip(faces_of(mine), faces_of(theirs), strict=True):
            pixels = max(pixels, *(abs(a[edge] - b[edge]) for edge in EDGES))
            shares = max(shares, *(abs(a[key] - b[key]) for key in a if key.startswith("p_")))
    return photos, pixels, shares


def main(
    faces: Annotated[Path, typer.Option(help="Photos of one face each.")], turns: int = 2
) -> None:
    """Print tables in Markdown."""
    print(f"{conditions()}; openvino {openvino.__version__.split('-')[0]}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}; {turns} turns of {len(FACES)} photos")
    pasted = heads(faces)
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(size[0])) for size in SIZES]
        for folder, size in zip(folders, SIZES, strict=True):
            make_frames(folder, size, pasted)
        sets = {
            f"{size[0]} x {size[1]}": list(list_folder(folder))
            for folder, size in zip(folders, SIZES, strict=True)
        }
        unseen = mixed(Path(name), pasted)
        warm_up = next(unseen)
        detectors = {runtime: detector_under(compiles) for runtime, compiles in RUNTIMES.items()}
        for model in MODELS:
            recognizers = {
                runtime: load(model, detectors[runtime], compiles)
                for runtime, compiles in RUNTIMES.items()
            }
            for recognizer in recognizers.values():
                score(warm_up, recognizer, max(CORES))
            table(model, recognizers, sets, unseen, turns)
            classifiers(model, recognizers)
        recall(recognizers, folders)


def table(
    model: str,
    recognizers: dict[str, Recognizer],
    sets: dict[str, list[Entry]],
    unseen: Iterator[list[Entry]],
    turns: int,
) -> None:
    """Print what a model's photos take under each runtime, for each kind of photos and cores."""
    print(f"\n| {model} | cores | runtime | photos/s | x PyTorch | x, processor | apart |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for cores in CORES:
        for kind in (*sets, ALL_SIZES):
            runs: dict[str, list[Scored]] = {runtime: [] for runtime in recognizers}
            for _ in range(turns):
                entries = sets[kind] if kind in sets else next(unseen)
                for runtime, recognizer in recognizers.items():
                    runs[runtime].append(score(entries, recognizer, cores))
            for runtime, scored in runs.items():
                pairs = list(zip(runs[USUAL], scored, strict=True))
                wall = statistics.median(usual.seconds / run.seconds for usual, run in pairs)
                work = statistics.median(usual.processor / run.processor for usual, run in pairs)
                distances = [apart(usual.photos, run.photos) for usual, run in pairs]
                photos, pixels, shares = (max(found) for found in zip(*distances, strict=True))
                speed = len(FACES) / min(run.seconds for run in scored)
                print(
                    f"| {kind} | {cores} | {runtime} | {speed:.2f} | {wall:.2f} | {work:.2f} | "
                    f"{photos} photos, {pixels:.4f} px, {shares:.5f} |",
                    flush=True,
                )


def classifiers(model: str, recognizers: dict[str, Recognizer]) -> None:
    """Print what the classifier alone takes, in PyTorch also with each channel's pixels apart."""
    planes = Recognizer.from_pretrained(model, detector=recognizers[USUAL].detector, device="cpu")
    planes.network.to(memory_format=torch.contiguous_format)
    ways = {f"{USUAL}, channels apart": planes, **recognizers}
    side = planes.config.preprocessing.crop_size
    crops = [Crops({side: torch.randint(256, (BATCH, 1, side, side), dtype=torch.uint8)})]
    taken: dict[str, list[float]] = {way: [] for way in ways}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(ROUNDS):
        for way, recognizer in ways.items():
            worked = time.process_time()
            classify(recognizer, crops)
            taken[way].append(time.process_time() - worked)
    torch.set_num_threads(threads)
    print(f"\n| {model}, {BATCH} faces | processor, ms a face | x {USUAL} |\n| --- | --- | --- |")
    for way, times in taken.items():
        ratio = statistics.median(a / b for a, b in zip(taken[USUAL], times, strict=True))
        print(f"| {way} | {1000 * min(times) / BATCH:.2f} | {ratio:.2f} |", flush=True)


def recall(recognizers: dict[str, Recognizer], folders: list[Path]) -> None:
    """Print how many of the plain loop's faces each runtime finds, as `bench.scoring` counts."""
    detector = MTCNN(keep_all=True)
    print()
    for folder in folders:
        theirs = plain_loop(sorted(folder.glob("*.jpg")), detector, recognizers[USUAL])
        for runtime, recognizer in recognizers.items():
            rows = score(list(list_folder(folder)), recognizer, max(CORES)).photos
            counts = [matched(a, boxes(b)) for a, b in zip(theirs, rows, strict=True)]
            here, there = (sum(numbers) for numbers in zip(*counts, strict=True))
            print(f"{folder.name}, {runtime}: {here} of the plain loop's {there} faces", flush=True)


if __name__ == "__main__":
    typer.run(main)
