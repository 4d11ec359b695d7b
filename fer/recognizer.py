"""Photos -> faces with their emotions: detector, crop and network behind one call.

>>> recognizer = Recognizer.from_pretrained("cnn")
>>> faces = recognizer.recognize(["photo.jpg"])[0]
>>> faces[0].emotion, faces[0].confidence, faces[0].box
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn

from fer.artifacts import DEFAULT_MODEL, Artifact
from fer.config import ModelConfig
from fer.emotions import EMOTIONS
from fer.ensemble import Ensemble
from fer.errors import FerError, UnreadableImage, first_line
from fer.faces.boxes import Box
from fer.faces.detection import Detection, Detector
from fer.faces.images import Photo, Source, is_one, read_photo
from fer.faces.preprocessing import VIEWS, Crops, Faces, crop_faces
from fer.networks import predict_logits

# A picture in which no face is found but that may itself be cut around one, as the images
# of FER-2013 are: this small, and nearly square.
CROP_SIDES = (24, 224)
CROP_ASPECT = 1.25

READ_SIDES = 1.5
"""A photo is decoded at so many of the detector's longest sides or more: its smallest faces then
still have the pixels that a crop needs."""

BATCH_PHOTOS = 32
BATCH_PIXELS = 25_000_000
"""Of so many photos, or of so many pixels if that is fewer, the faces are found and classified
together: what is decoded at a time."""


class Place(NamedTuple):
    """Where a face is."""

    box: Box
    """In pixels of the upright photo, inside it."""
    crop: Box
    """The square around it that is classified, in the same pixels."""
    detection: float | None
    """The detector's confidence; `None` where the whole picture is taken for one face."""


@dataclass(frozen=True)
class Face:
    """A face and the emotion it shows."""

    box: Box
    """See `Place`, as the next two."""
    crop: Box
    detection: float | None
    probabilities: tuple[float, ...]
    """Calibrated, one for each of `fer.emotions.EMOTIONS`; they sum to 1."""
    threshold: float = 0.0
    """The model's: see `fer.config.ModelConfig.threshold`."""
    embedding: tuple[float, ...] | None = None
    """What the network's last layer decides by, if it was asked for."""

    @property
    def emotion(self) -> str:
        """The most probable emotion."""
        return EMOTIONS[self.probabilities.index(self.confidence)]

    @property
    def confidence(self) -> float:
        """Probability of that emotion."""
        return max(self.probabilities)

    @property
    def certain(self) -> bool:
        """Whether it is probable enough to be named; otherwise two emotions should be said."""
        return self.confidence >= self.threshold

    @property
    def by_emotion(self) -> dict[str, float]:
        """The probabilities by the emotions' names."""
        return dict(zip(EMOTIONS, self.probabilities, strict=True))

    @property
    def whole_image(self) -> bool:
        """Whether no face was found and the picture was taken for a face crop."""
        return self.detection is None

    def to_dict(self) -> dict[str, Any]:
        """Return the face as plain values for JSON."""
        return {
            "emotion": self.emotion,
            "confidence": self.confidence,
            "certain": self.certain,
            "box": list(self.box),
            "detection": self.detection,
            "whole_image": self.whole_image,
            "probabilities": self.by_emotion,
        }


class Recognizer:
    """Finds faces and names their emotions, batch first: one photo is a batch of one."""

    def __init__(
        self,
        config: ModelConfig,
        network: nn.Module,
        detector: Detector | None = None,
        device: torch.device | str = "cpu",
        name: str | None = None,
    ) -> None:
        """Put a recognizer together; `from_pretrained` does for a model's folder.

        Args:
            config: how the network wants its faces, and what its answers mean.
            network: with its weights.
            detector: one to share between recognizers; a new one when left out.
            device: where the network runs.
            name: the model's, as tables have it; the network's when left out.
        """
        self.name = name or config.network
        self.config = config
        self.device = torch.device(device)
        # Colours and channels together: on a CPU most convolutions are faster so.
        self.network = network.eval().to(self.device).to(memory_format=torch.channels_last)
        self.detector = detector or Detector(self.device)

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | Artifact = DEFAULT_MODEL,
        *,
        revision: str | None = None,
        detector: Detector | None = None,
        device: torch.device | str | None = None,
        min_face: int | None = None,
    ) -> "Recognizer":
        """Load a model.

        Args:
            model: a name in `models/` or `runs/`, a model's folder, or the id of a model on the
                Hugging Face Hub (`organisation/name`), which is downloaded once and then taken
                from the cache. The recognizer's `name` is what was given.
            revision: a branch, tag or commit of the Hub's repository; its newest when left out.
            detector: one to share between recognizers; a new one when left out.
            device: a GPU if there is one, when left out.
            min_face: of a new detector, see `fer.faces.detection.Detector`.

        Raises:
            UnknownModel: if there is no such model or it is damaged.
            FerError: if there is no such device, or `min_face` is too small.
            HubError: if the Hub cannot give it, or gives something else.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.empty(1, device=device)
        except (RuntimeError, AssertionError) as error:
            raise FerError(f"There is no device {device} here: {first_line(error)}.") from error
        if min_face is not None:
            detector = detector or Detector(device, min_face)
        artifact = model if isinstance(model, Artifact) else Artifact.find(model, revision)
        network = artifact.load_network()
        return cls(artifact.config, network, detector, device, artifact.name)

    def recognize(self, photos: Sequence[Source], *, embeddings: bool = False) -> list[list[Face]]:
        """Find the faces of each photo and name their emotions.

        Args:
            photos: PIL images, uint8 arrays, paths or the bytes of files.
            embeddings: whether each face gets its `embedding`.

        Returns:
            For each photo its faces in reading order. A small square picture in which no
            face is found is scored whole, as the one face it may be a crop of.

        Raises:
            UnreadableImage: if a photo cannot be read; `recognize_each` goes on with the rest.
            FerError: if embeddings are asked of an ensemble.
        """
        results = []
        for number, found in enumerate(self.recognize_each(photos, embeddings=embeddings), 1):
            if isinstance(found, UnreadableImage):
                raise UnreadableImage(f"Photo {number}: {found}")
            results.append(found)
        return results

    def recognize_each(
        self, photos: Iterable[Source], *, embeddings: bool = False
    ) -> Iterator[list[Face] | UnreadableImage]:
        """Yield the faces of each photo, in order, or what is wrong with it.

        Photos are read, and their faces found and classified, a batch at a time.

        Args:
            photos: as for `recognize`; taken as they are needed.
            embeddings: as for `recognize`.

        Raises:
            UnreadableImage: if it is a photo itself, whose bytes or lines would pass for photos.
            FerError: as `recognize`.
        """
        if is_one(photos):
            raise UnreadableImage("Several photos are expected, one after the other: give [photo].")
        batch: list[Photo | UnreadableImage] = []
        pixels = 0
        for source in photos:
            try:
                photo = self.read(source)
                batch.append(photo)
                pixels += photo.image.width * photo.image.height
            except UnreadableImage as error:
                # A new one: that which was raised holds on to the file and its pixels.
                batch.append(UnreadableImage(str(error)))
            if len(batch) >= BATCH_PHOTOS or pixels >= BATCH_PIXELS:
                yield from self._recognize_batch(batch, embeddings)
                batch, pixels = [], 0
        yield from self._recognize_batch(batch, embeddings)

    def _recognize_batch(
        self, batch: Sequence[Photo | UnreadableImage], embeddings: bool
    ) -> Iterator[list[Face] | UnreadableImage]:
        readable = [photo for photo in batch if isinstance(photo, Photo)]
        detections = self.detector.detect([photo.image for photo in readable])
        cut = [self.cut_out(*pair) for pair in zip(readable, detections, strict=True)]
        crops = Crops.join([crops for _, crops in cut]) if cut else None
        with self._watched(embeddings) as seen:
            shares = iter(self.probabilities(crops).tolist() if crops else [])
        vectors = iter(self._embeddings(seen).tolist() if seen else [])
        places = iter([places for places, _ in cut])
        for photo in batch:
            if isinstance(photo, UnreadableImage):
                yield photo
            else:
                faces = [self.face(place, next(shares)) for place in next(places)]
                yield [
                    replace(face, embedding=tuple(next(vectors))) if embeddings else face
                    for face in faces
                ]

    @contextmanager
    def _watched(self, wanted: bool) -> Iterator[list[Tensor]]:
        """Gather what goes into the network's last layer in the block, call by call."""
        seen: list[Tensor] = []
        if not wanted:
            yield seen
            return
        if isinstance(self.network, Ensemble):
            raise FerError("An ensemble has no embeddings of its own: ask one of its members.")
        last = [layer for layer in self.network.modules() if isinstance(layer, nn.Linear)][-1]
        thread = threading.get_ident()

        def keep(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            # The network may be serving other threads at the same time.
            if threading.get_ident() == thread:
                seen.append(given[0].cpu())

        hook = last.register_forward_pre_hook(keep)
        try:
            yield seen
        finally:
            hook.remove()

    def _embeddings(self, seen: Sequence[Tensor]) -> Tensor:
        """Return float32 `[N, D]`; of a model that asks several views, their mean."""
        views = len(VIEWS[self.config.preprocessing.views])
        return torch.stack([torch.cat(list(seen[view::views])) for view in range(views)]).mean(0)

    def face(self, place: Place, probabilities: Sequence[float]) -> Face:
        """Return a face with this model's answer to it, a row of `probabilities`."""
        return Face(*place, tuple(probabilities), self.config.threshold)

    def read(self, photo: Source) -> Photo:
        """Read a photo as large as is good for finding and classifying its faces.

        Raises:
            UnreadableImage: if it cannot be read.
        """
        return read_photo(photo, at_least=round(READ_SIDES * self.detector.max_side))

    def cut_out(self, photo: Photo, found: Sequence[Detection]) -> tuple[list[Place], Crops]:
        """Cut out what to classify of a photo: its detected faces, or itself if it may be one.

        Args:
            photo: from `read`.
            found: what the detector found in its image.

        Returns:
            The faces' places in the photo's own pixels, and their crops.
        """
        image = photo.image
        if not found and looks_like_a_face_crop(image):
            whole = Box(0, 0, *image.size)
            return [Place(whole, whole, None)], self.crop(image, [whole])
        squares = [self.config.preprocessing.framing.square(box, *image.size) for box, _ in found]
        factors = (photo.size[0] / image.width, photo.size[1] / image.height)
        places = [
            Place(box.clipped(*image.size).scaled(*factors), square.scaled(*factors), score)
            for (box, score), square in zip(found, squares, strict=True)
        ]
        return places, self.crop(image, squares)

    @property
    def crop_sizes(self) -> set[int]:
        """The sides in pixels at which the model wants a face; an ensemble may want several."""
        if isinstance(self.network, Ensemble):
            return self.network.crop_sizes
        return {self.config.preprocessing.crop_size}

    def crop(self, image: Image.Image, squares: Sequence[Box]) -> Crops:
        """Cut faces out of a photo at each size that the model wants.

        Args:
            image: the upright photo, mode RGB or L.
            squares: what to cut, in its pixels and inside it.
        """
        return Crops({side: crop_faces(image, squares, side) for side in sorted(self.crop_sizes)})

    @torch.inference_mode()
    def probabilities(self, faces: Faces, batch_size: int | None = None) -> Tensor:
        """Classify face crops.

        Args:
            faces: as `crop` makes them, or images of FER-2013.
            batch_size: see `fer.networks.predict_logits`.

        Returns:
            float32 `[N, 7]` on the CPU: softmax of the logits over the model's temperature.
        """
        logits = predict_logits(self.network, self.config.preprocessing, faces, batch_size)
        return (logits / self.config.temperature).softmax(1).cpu()


def looks_like_a_face_crop(image: Image.Image) -> bool:
    """Say whether a picture without a detected face is small and square enough to be one."""
    short, long = sorted(image.size)
    return CROP_SIDES[0] <= short and long <= CROP_SIDES[1] and long <= CROP_ASPECT * short
