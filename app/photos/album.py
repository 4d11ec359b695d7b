"""A visitor's photos, kept for their session: what was found in each, and what each model says.

Faces are looked for once a photo, whatever the model; a model's answers are kept for each photo.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PIL import Image

from app.server.uploads import MEGABYTE, SENT, distinct
from fer.errors import TooMuch, UnreadableImage
from fer.faces.boxes import Box
from fer.faces.detection import Detection
from fer.faces.images import Photo
from fer.faces.preprocessing import Crops, Framing
from fer.recognizer import Face, Place, Recognizer
from fer.scoring.rows import Rows, error_row, photo_rows

FILES = 500
BYTES = 500 * MEGABYTE
"""What a visitor's album may hold; more is the batch page's to score."""

PICTURE_SIDE = 1600
"""Longest side in pixels of the pictures shown and downloaded."""
PORTRAIT_SIDE = 192  # pixels; shown at half of that, sharp on dense screens too

TURNS = (90, 270, 180)
"""Degrees, clockwise, by which a photo without a face is turned to look again."""
TRANSPOSED = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Shot:
    """A photo in the album."""

    name: str
    """Its own among the album's."""
    digest: str
    given: str
    """The file's name as it came, which others may have as well."""

    @property
    def key(self) -> str:
        """What its widgets are told from others' by."""
        return hashlib.sha256(f"{self.digest}/{self.name}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Found:
    """What was found in a photo; its pixels are let go, but for small pictures."""

    size: tuple[int, int]
    """Width and height of the photo, upright by its own account."""
    turn: int
    """Degrees, clockwise, by which it was turned to find a face; 0 where it was not."""
    detections: list[Detection]
    """In pixels of the turned photo as it was decoded."""
    picture: bytes
    """JPEG of the turned photo, at most `PICTURE_SIDE` pixels wide and high."""
    cuts: dict[Framing, tuple[list[Place], Crops]]
    """By how a model wants faces framed: their places in the turned photo, and the crops."""
    portraits: list[Image.Image]
    """The faces to be shown."""

    def fits(self, recognizer: Recognizer) -> bool:
        """Say whether the faces are at hand as a model wants them."""
        cut = self.cuts.get(recognizer.config.preprocessing.framing)
        return cut is not None and recognizer.crop_sizes <= set(cut[1].by_size)

    def open(self, side: int = PICTURE_SIDE) -> Image.Image:
        """Decode the picture, as RGB; it may come smaller, but no side below so many pixels."""
        picture = Image.open(io.BytesIO(self.picture))
        picture.draft("RGB", (side, side))  # a JPEG at a half decodes in a third of the time
        return picture.convert("RGB")

    def upright(self, box: Box) -> Box:
        """Bring a box of the turned photo back to the photo as it was handed in."""
        width, height = self.size
        if self.turn == 90:
            return Box(box.y1, height - box.x2, box.y2, height - box.x1)
        if self.turn == 270:
            return Box(width - box.y2, box.x1, width - box.y1, box.x2)
        if self.turn == 180:
            return Box(width - box.x2, height - box.y2, width - box.x1, height - box.y1)
        return box

    @property
    def turned_size(self) -> tuple[int, int]:
        """Width and height of the photo as it was turned."""
        width, height = self.size
        return (height, width) if self.turn in (90, 270) else self.size

    def shown(self, faces: Sequence[Face], width: int) -> list[Face]:
        """Return faces with their places in pixels of the picture, at so many pixels' width."""
        scale = width / self.turned_size[0]
        return [_moved(face, face.box.scaled(scale, scale)) for face in faces]


def _moved(face: Face, box: Box) -> Face:
    return Face(box, box, face.detection, face.probabilities, face.threshold)


Result = Found | UnreadableImage


@dataclass
class Album:
    """All photos of one visitor, in the order in which they came."""

    shots: list[Shot] = field(default_factory=list)
    data: dict[str, bytes] = field(default_factory=dict)
    """The files' bytes by digest: another model may want the faces cut in another way."""
    results: dict[str, Result] = field(default_factory=dict)
    """What was found, by digest."""
    answers: dict[tuple[str, str], list[Face]] = field(default_factory=dict)
    """The faces of a photo, by model and digest."""

    def add(self, name: str, data: bytes) -> None:
        """Put a photo behind the others; the same file under the same name is there once.

        Another file of a name that is there already gets a number behind it.

        Raises:
            TooMuch: if the album is full.
        """
        digest = hashlib.sha256(data).hexdigest()
        if any((shot.given, shot.digest) == (name, digest) for shot in self.shots):
            return
        size = sum(map(len, self.data.values())) + len(data)
        if len(self.shots) >= FILES or size > BYTES:
            raise TooMuch(
                f"{name} and what follows it are left out: this page holds {FILES} photos of "
                f"{BYTES // MEGABYTE} MB together. The batch page takes more."
            )
        shot = Shot(distinct([*(shot.name for shot in self.shots), name])[-1], digest, name)
        self.shots.append(shot)
        if len(data) > SENT.file_bytes:
            self.results[shot.digest] = UnreadableImage(
                f"The file is not read: {SENT.file_too_large}."
            )
            data = b""
        self.data[shot.digest] = data

    def remove(self, shot: Shot) -> None:
        """Take a photo out, and let go of all that was kept of it."""
        self.shots.remove(shot)
        if all(other.digest != shot.digest for other in self.shots):
            del self.data[shot.digest]
            self.results.pop(shot.digest, None)
            for key in [key for key in self.answers if key[1] == shot.digest]:
                del self.answers[key]

    @property
    def pending(self) -> Counter[str]:
        """How many photos have each digest for which no face was looked for yet."""
        return Counter(shot.digest for shot in self.shots if shot.digest not in self.results)

    def looked_at(self) -> "Album":
        """Return the album of the photos in which faces were looked for."""
        return replace(self, shots=[shot for shot in self.shots if shot.digest in self.results])

    def faces(self, shot: Shot, model: str) -> list[Face]:
        """Return a model's answers to a photo's faces, in pixels of the photo as turned."""
        return self.answers.get((model, shot.digest), [])

    def rows(self, shot: Shot, model: str) -> Rows:
        """Return a photo's rows of the table, as `fer score` would write them."""
        found = self.results[shot.digest]
        if isinstance(found, UnreadableImage):
            return [error_row(shot.name, found, model)]
        faces = [_moved(face, found.upright(face.box)) for face in self.faces(shot, model)]
        return photo_rows(shot.name, found.size, faces, model)


def examine(recognizer: Recognizer, data: bytes) -> Result:
    """Find and cut out the faces of a photo, turning it if there is none as it stands."""
    try:
        photo = recognizer.read(data)
    except UnreadableImage as error:
        return UnreadableImage(str(error))  # which has no hold on the file
    turn, found = 0, recognizer.detector.detect([photo.image])[0]
    size = photo.size
    places, crops = recognizer.cut_out(photo, found)
    if not places:
        turn, found = _turned(recognizer, photo.image)
        photo = _turn(photo, turn)
        places, crops = recognizer.cut_out(photo, found)
    factors = (photo.image.width / photo.size[0], photo.image.height / photo.size[1])
    side = (PORTRAIT_SIDE, PORTRAIT_SIDE)
    portraits = [photo.image.resize(side, box=crop.scaled(*factors)) for _, crop, _ in places]
    picture = photo.image.copy()
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    framing = recognizer.config.preprocessing.framing
    cuts = {framing: (places, crops)}
    return Found(size, turn, found, buffer.getvalue(), cuts, portraits)


def _turned(recognizer: Recognizer, image: Image.Image) -> tuple[int, list[Detection]]:
    """Return the turn in which the detector is surest of its faces; 0 and none if none has one."""
    by_turn = {
        turn: recognizer.detector.detect([image.transpose(TRANSPOSED[turn])])[0] for turn in TURNS
    }
    best = max(TURNS, key=lambda turn: sum(face.score for face in by_turn[turn]))
    return (best, by_turn[best]) if by_turn[best] else (0, [])


def _turn(photo: Photo, turn: int) -> Photo:
    if not turn:
        return photo
    size = photo.size[::-1] if turn in (90, 270) else photo.size
    return Photo(photo.image.transpose(TRANSPOSED[turn]), size)


def cut_again(recognizer: Recognizer, data: bytes, found: Found) -> None:
    """Cut the faces out as another model wants them; none is looked for again."""
    photo = _turn(recognizer.read(data), found.turn)
    framing = recognizer.config.preprocessing.framing
    places, crops = recognizer.cut_out(photo, found.detections)
    known = found.cuts.get(framing)
    by_size = dict(known[1].by_size) if known else {}
    found.cuts[framing] = (places, Crops(by_size | dict(crops.by_size)))
