"""A video file -> its frames, upright and with their times, one at a time.

PyAV (FFmpeg's libraries) decodes it; an animated WebP, which those cannot, is Pillow's. A time is
the container's own presentation time, counted from the beginning that players show, never a
frame's number over a rate.
"""

import io
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, NamedTuple, Self

import av
import pandas as pd
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from fer.errors import UnreadableVideo
from fer.faces.images import MAX_PIXELS, Photo, flatten
from fer.files import LFS_POINTER, is_lfs_pointer, open_regular

EXTENSIONS = ("mp4", "m4v", "mov", "3gp", "mkv", "webm", "avi", "ts", "mpg", "gif", "webp")

DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,gif"
"""What FFmpeg is allowed to try: its playlists and scripts open other files and addresses."""

SHORT = 0.5
"""Seconds by which a video may end before the time that it states without being cut off."""

QUICK, USUAL = 0.02, 0.1
"""Browsers and FFmpeg alike show an animation's frames of less than the first for the second."""


class Moment(NamedTuple):
    """A frame and when it is shown."""

    number: int
    """Of the frame in its stream, in the order in which they are shown, from 0."""
    time: float
    """Seconds since the beginning."""
    frame: "av.VideoFrame | Image.Image"


@dataclass(frozen=True)
class Every:
    """How many of the frames are looked at."""

    seconds: float | None = None
    """The first frame of each span of so many seconds; or else"""
    frames: int | None = None
    """each so manieth frame."""

    @classmethod
    def parse(cls, text: str) -> "Every":
        """Read `0.2s` or `5f`.

        >>> Every.parse("0.2s"), Every.parse("5f")
        (Every(seconds=0.2, frames=None), Every(seconds=None, frames=5))

        Raises:
            UnreadableVideo: if it is neither.
        """
        with suppress(ValueError):
            if text.endswith("s") and 0.001 <= (seconds := float(text[:-1])) <= 86_400:
                return cls(seconds=seconds)
            if text.endswith("f") and (frames := int(text[:-1])) >= 1:
                return cls(frames=frames)
        raise UnreadableVideo(
            f"{text!r} is no distance between frames: give seconds, as 0.2s, or frames, as 5f."
        )

    def span(self, moment: Moment) -> int:
        """Return the number of the span that a frame lies in; its first frame is looked at."""
        if self.frames:
            return moment.number // self.frames
        assert self.seconds
        # A thousandth of a frame's time, lest 0.6 in binary is just before 3 x 0.2.
        return math.floor(moment.time / self.seconds + 1e-6)


class Video:
    """An open video; a context manager that closes it."""

    def __init__(self, source: str | os.PathLike[str] | bytes) -> None:
        """Open a video.

        Args:
            source: a path, or the bytes of a file.

        Raises:
            UnreadableVideo: if it cannot be opened, or shows nothing that moves.
        """
        self.problem: str | None = None
        """What is wrong with it: known once its frames have been read to the end."""
        self._file: IO[bytes]
        if isinstance(source, bytes):
            self._file = io.BytesIO(source)
        else:
            try:
                self._file = open_regular(source)
            except OSError as error:
                raise UnreadableVideo(f"{source!s} cannot be opened: {error.strerror}.") from error
        try:
            self._reader: _Streams | _Pictures
            head = self._file.read(len(LFS_POINTER))
            self._file.seek(0)
            if not head:
                raise UnreadableVideo("The file is empty.")
            if is_lfs_pointer(head):
                raise UnreadableVideo(
                    "The file is a Git LFS pointer, not the video: run `git lfs pull`."
                )
            if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
                self._reader = _Pictures(self._file)
            else:
                self._reader = _Streams(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
        self._file.close()

    @property
    def duration(self) -> float | None:
        """Seconds that the file states of its picture, or else of all; `None` where of neither."""
        return self._reader.duration

    @property
    def rate(self) -> Fraction:
        """Frames a second on average, as the container states or FFmpeg guesses."""
        return self._reader.rate

    def decode(self) -> Iterator[Moment]:
        """Yield all frames in the order in which they are shown; once.

        What is damaged is left out, and `problem` says so afterwards.
        """
        last = end = -1.0
        usual = 1 / self.rate
        for number, (time, frame) in enumerate(self._reader.decode()):
            # Streams joined by copying may jump back; a clock does not.
            last = max(time, last)
            held = usual
            if isinstance(frame, av.VideoFrame) and frame.time_base:  # the last may be for long
                held = max(held, frame.duration * frame.time_base)
            end = last + float(held)
            yield Moment(number, last, frame)
        self.problem = self._reader.problem
        if last < 0:
            self.problem = "No frame of the video can be decoded: it is damaged or empty."
        elif not self.problem and self.duration and end < self.duration - SHORT:
            self.problem = (
                f"The video is cut off: it ends at {last:.1f} of {self.duration:.1f} seconds."
            )

    def sample(self, every: Every, after: int = -1) -> Iterator[Moment]:
        """Yield the frames to look at that come after frame number `after`."""
        last = -1
        for moment in self.decode():
            span = every.span(moment)
            if span > last and moment.number > after:
                yield moment
            last = max(span, last)

    def frame_at(self, time: float) -> Moment | None:
        """Return the frame that is shown at a time, or the last; its number is not known.

        Args:
            time: in seconds, as `decode` gives it; rounded to a thousandth at least.
        """
        found = None
        for moment_time, frame in self._reader.decode(time):
            if found is not None and moment_time > time + 1e-3:
                break
            found = Moment(-1, moment_time, frame)
        return found


class _Streams:
    """What FFmpeg reads."""

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self.container = av.open(file, "r", options={"format_whitelist": DEMUXERS})
        # FFmpeg seeks in what is too short, and Python's files each refuse that in their own way.
        except (av.FFmpegError, ValueError, OSError) as error:
            raise UnreadableVideo(
                "This is not a video that can be read, or it lacks its end: "
                "give mp4, mov, mkv, webm, avi, GIF or WebP."
            ) from error
        stream = self.container.streams.best("video")
        if (
            not isinstance(stream, VideoStream)
            or stream.codec_context is None
            or stream.disposition & Disposition.attached_pic  # a record's cover
        ):
            self.container.close()
            raise UnreadableVideo("There is no moving picture in this file.")
        self.stream = stream
        self.tick = stream.time_base or Fraction(1, av.time_base)
        """Seconds of its unit of time."""
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
            self.container.close()
            raise UnreadableVideo(
                f"The video is too large: {MAX_PIXELS // 1_000_000} million pixels are the limit."
            )
        self.problem: str | None = None

    def close(self) -> None:
        self.container.close()

    @property
    def start(self) -> float:
        """Seconds at which the container's clock begins."""
        return (self.container.start_time or 0) / av.time_base

    @property
    def duration(self) -> float | None:
        # Of a file that is cut off, an AVI's container states what is left of it.
        if self.container.format.name == "avi" and self.stream.frames:
            return float(self.stream.frames / self.rate)
        # Sound may go on after the picture: how long each is stands in the stream, Matroska's in
        # a tag, in which anything may stand.
        if self.stream.duration:
            end = (self.stream.start_time or 0) + self.stream.duration
            return float(end * self.tick) - self.start
        # Matroska states its end by a clock that need not begin at 0.
        start = self.start if "matroska" in self.container.format.name else 0.0
        with suppress(ValueError):
            stated = pd.Timedelta(self.stream.metadata.get("DURATION", "NaT")).total_seconds()
            if stated > start:
                return stated - start
        known = (self.container.duration or 0) / av.time_base
        return known - start if known > start else None

    @property
    def rate(self) -> Fraction:
        return self.stream.average_rate or self.stream.guessed_rate or Fraction(25)

    def decode(self, near: float = 0.0) -> Iterator[tuple[float, av.VideoFrame | Image.Image]]:
        """Yield frames with their times, from the last before `near` on that needs no other."""
        start = self.start
        # AVI knows no presentation times, only which frame of its steady rate a packet is for.
        clock = _Steps() if self.container.format.name == "avi" else None
        if near and not clock:
            with suppress(av.FFmpegError):  # what knows no places is read from its beginning
                self.container.seek(round((near + start) * av.time_base))
        broken = 0
        packets = self.container.demux(self.stream)
        last = 0.0
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, OSError) as error:  # the latter is the disk's
                self.problem = f"The video is damaged after {last:.1f} seconds: {error.strerror}."
                break
            try:
                frames = packet.decode()
            except av.FFmpegError:
                broken += 1
                continue
            for frame in frames:
                ticks = clock.of(frame) if clock else frame.pts
                if ticks is None:
                    last += float(1 / self.rate)
                else:
                    last = max(0.0, float(ticks * self.tick) - start * (not clock))
                yield last, frame
        if broken and not self.problem:
            self.problem = f"The video is damaged: {broken} of its packets cannot be decoded."


class _Steps:
    """Counts the steps of an AVI's frames, which say when they were decoded."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last = -1

    def of(self, frame: av.VideoFrame) -> int:
        # The last few come out of the decoder without.
        now = self.last + 1 if frame.dts is None else frame.dts - (self.first or 0)
        if self.first is None and frame.dts is not None:
            self.first, now = frame.dts, 0
        self.last = max(now, self.last + 1)
        return self.last


class _Pictures:
    """An animation that Pillow reads."""

    problem: str | None = None

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self.image = Image.open(file, formats=("WEBP",))
        except Exception as error:  # Pillow's decoders fail in as many ways as there are
            raise UnreadableVideo("The animation is damaged.") from error
        self.count = getattr(self.image, "n_frames", 1)
        self.shown = 0.0

    def close(self) -> None:
        self.image.close()

    duration: float | None = None

    @property
    def rate(self) -> Fraction:
        return Fraction(1 / USUAL).limit_denominator()

    def decode(self, near: float = 0.0) -> Iterator[tuple[float, av.VideoFrame | Image.Image]]:
        time = 0.0
        for number in range(self.count):
            try:
                self.image.seek(number)
                self.image.load()
            except Exception as error:
                self.problem = f"The animation is damaged after {time:.1f} seconds: {error}."
                return
            yield time, flatten(self.image)
            lasts = self.image.info.get("duration", 0) / 1000
            time += lasts if lasts >= QUICK else USUAL


def upright(moment: Moment, at_least: int | None = None) -> Photo:
    """Return a frame as a photo: upright, RGB, and no larger than is needed.

    Args:
        moment: from `Video.decode`.
        at_least: pixels that its longer side keeps where it is shrunk, by whole factors.

    Raises:
        UnreadableVideo: if FFmpeg cannot make RGB of it.
    """
    frame = moment.frame
    factor = max(1, max(frame.width, frame.height) // at_least) if at_least else 1
    if isinstance(frame, Image.Image):
        return Photo(frame.reduce(factor) if factor > 1 else frame, frame.size)
    size = (frame.width, frame.height)
    width, height = max(1, frame.width // factor), max(1, frame.height // factor)
    try:
        if any(part.is_alpha for part in frame.format.components):
            pixels = frame.to_ndarray(format="rgba", width=width, height=height)
            image = flatten(Image.fromarray(pixels))
        else:
            image = frame.reformat(width, height, "rgb24").to_image()
    except av.FFmpegError as error:
        raise UnreadableVideo(
            f"A frame of {size[0]} x {size[1]} pixels cannot be converted: {error.strerror}."
        ) from error
    if turns := round(frame.rotation / 90) % 4:
        image = image.transpose(_TURNS[turns])
        size = size[::-1] if turns % 2 else size
    return Photo(image, size)


_TURNS = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
