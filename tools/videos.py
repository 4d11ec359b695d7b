"""Videos made of a face in the public domain, with PyAV; where each face is, is known."""

import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import skimage.data
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from fer.faces.boxes import Box

SIZE = (640, 360)
SIDE = 130  # of a face's picture, which is a little more than the face
RATE = 25

Place = tuple[float, float]
"""The centre of a face's picture."""

HEAD = Image.fromarray(skimage.data.astronaut()).crop((165, 40, 285, 190)).resize((SIDE, SIDE))
SCENE = Image.fromarray(skimage.data.coffee()).resize(SIZE)


def scene(places: Sequence[Place | None], size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw faces at places; the later ones lie over the earlier, and each second is mirrored."""
    picture = SCENE.resize(size)
    for number, place in enumerate(places):
        if place is not None:
            head = ImageOps.mirror(HEAD) if number % 2 else HEAD
            picture.paste(head, (round(place[0] - SIDE / 2), round(place[1] - SIDE / 2)))
    return picture


def encode(
    frames: Iterable[tuple[float, Image.Image]],
    kind: str = "mp4",
    codec: str = "libx264",
    *,
    rotation: int = 0,
    sound: str | None = None,
    seconds: float = 0,
) -> bytes:
    """Make a video.

    Args:
        frames: with the time of each, in seconds.
        kind: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        rotation: degrees anticlockwise by which a player turns it.
        sound: FFmpeg's name of an encoder for a tone.
        seconds: how long the tone is.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as output:
        stream = output.add_stream(codec, rate=RATE)
        assert isinstance(stream, VideoStream)
        if rotation:
            stream.set_display_rotation(rotation)
        tone = output.add_stream(sound, rate=48_000) if sound else None
        clock = Fraction(1, 1000) if kind != "avi" else Fraction(1, RATE)
        stream.codec_context.time_base = clock
        for time, image in frames:
            if not stream.codec_context.is_open:
                stream.width, stream.height = image.size
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = round(time / clock), clock
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        if tone is not None:
            assert isinstance(tone, AudioStream)
            for packet in encoded_tone(tone, seconds):
                output.mux(packet)
    return buffer.getvalue()


def encoded_tone(stream: AudioStream, seconds: float) -> Iterator[av.Packet]:
    """Yield the packets of a tone of 440 Hz."""
    count = round(48_000 * seconds)
    wave = np.sin(np.arange(count) * (2 * math.pi * 440 / 48_000)) * 8000
    for start in range(0, count, 1024):
        piece = wave[start : start + 1024].astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        yield from stream.encode(frame)
    yield from stream.encode()


def steady(seconds: float, rate: int = RATE) -> list[float]:
    """Return the times of frames at an even rate."""
    return [number / rate for number in range(round(seconds * rate))]


def crossing(time: float) -> list[Place | None]:
    """Two faces that pass each other within three seconds, the second in front."""
    share = time / 3
    return [(100 + 440 * share, 170), (540 - 440 * share, 185)]


def filmed(
    places: Callable[[float], Sequence[Place | None]], times: Sequence[float], **options: Any
) -> bytes:
    """Film faces that are at `places(time)`."""
    return encode(((time, scene(places(time))) for time in times), **options)


def person_at(box: Box, places: Sequence[Place | None]) -> int | None:
    """Return which face a box is around: the nearest to its centre, the one in front first."""
    x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    near = [
        (math.hypot(place[0] - x, place[1] - y), -number)
        for number, place in enumerate(places)
        if place is not None
    ]
    distance, number = min(near, default=(math.inf, 0))
    return -number if distance < SIDE / 2 else None
