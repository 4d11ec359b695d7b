"""The networks of other face detectors, from the files that packages of PyPI and npm hold.

Each `open_…` takes such a file and returns what proposes boxes for one photo. `bench.detectors`
measures them, and says where the files come from.
"""

import json
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tflite
import torch
import torch.nn.functional as F
from onnx.tools.update_model_dims import update_inputs_outputs_dims
from torch import Tensor

LEAST = 0.1
"""Scores below are dropped at once."""

Propose = Callable[[Tensor], Tensor]
"""Takes uint8 `[1, 3, h, w]`, sides multiples of 32; returns `[boxes, 5]`: edges and score."""


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
