"""A video and its table -> the video with boxes and names, its sound and its speed.

A second pass over the video, once its table is whole: between two frames that were scored a box
moves evenly from one place to the next, and a run that was killed loses no more than this pass.
"""

import io
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Event
from typing import IO, Any

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from PIL import Image

from fer.drawing import Label, draw_labels
from fer.errors import UnreadableVideo
from fer.faces.boxes import Box
from fer.files import replacing, same_file
from fer.scoring.csv_output import read_csv
from fer.scoring.output import check_beside, writing
from fer.scoring.parquet_output import read_parquet
from fer.scoring.rows import Rows
from fer.video.progress import progress
from fer.video.reading import DEMUXERS, Moment, Video, upright
from fer.video.timeline import TIMELINE, answer

ENDINGS = (".mp4", ".mov", ".mkv")
CLOCK = Fraction(1, 90_000)
"""The encoder's unit of time: fine enough for any rate, steady or not."""

MAX_MACROBLOCKS = 36_864
"""Of 16 x 16 pixels in a frame: H.264's level 5.2, which is 4096 x 2304 and what players take. The
encoder holds dozens of frames: of 63 million pixels each they took more than four gigabytes."""

QUALITY = {"crf": "21", "preset": "veryfast"}

COPIED = {"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus", "vorbis"}
"""Sound that is kept as it is. Raw sound in mp4 is new, and few players know it."""

HELD = 1.0
"""Seconds for which a face keeps its box after it was last found, at most."""

Heard = tuple[float, av.Packet]
"""A packet of sound and when it is heard, in seconds."""


def read_table(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a video's table as it stands, CSV or Parquet."""
    return read_parquet(path) if path.suffix.lower() == ".parquet" else read_csv(path, TIMELINE)


def check_name(source: str | Path, path: Path) -> None:
    """Check before a run that a video's annotated one can be written under such a name.

    Raises:
        UnreadableVideo: if its ending is unknown, or it is the video itself.
        OutputRefused: if that is no place for a file.
        OutputFailed: if nothing can be written there.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UnreadableVideo(f"The annotated video {path} must end in {', '.join(ENDINGS)}.")
    if same_file(source, path):
        raise UnreadableVideo(f"The annotated video {path} would replace its source: name another.")
    check_beside(path)


def annotate_video(
    source: str | Path, rows: Iterable[dict[str, Any]], path: Path, stop: Event | None = None
) -> None:
    """Write a video with its faces boxed and named, under its name once it is whole.

    Args:
        source: the video.
        rows: of its table, in their order.
        path: what to write; H.264 with the sound as it is, or as AAC where it must be.
        stop: once set, nothing is left of it.

    Raises:
        UnreadableVideo: if the video cannot be opened, or is what would be written.
        OutputRefused: if there is no place for a file.
        OutputFailed: if the disk is full.
    """
    check_name(source, path)
    with (
        suppress(_Stopped),
        writing(path),
        replacing(path) as partial,
        open(partial, "wb") as file,
        Video(source) as video,
        progress(video, "drawn") as reached,
    ):
        for time in draw(source, video, rows, file, path.suffix.lower()):
            reached(time)
            if stop and stop.is_set():
                raise _Stopped


class _Stopped(Exception):
    """Nothing is to take the file's place."""


def draw(
    source: str | Path | bytes,
    video: Video,
    rows: Iterable[dict[str, Any]],
    file: IO[bytes],
    ending: str = ".mp4",
) -> Iterator[float]:
    """Write the annotated video into an open file; yield the time of each frame once it is drawn.

    Args:
        source: the video, from which the sound is read.
        video: freshly opened from it.
        rows: of its table, in their order.
        file: open for writing, and seekable.
        ending: one of `ENDINGS`.

    Raises:
        UnreadableVideo: if the encoder or the container takes it not, say for its times.
    """
    kind = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}[ending]
    try:
        with av.open(file, "w", format=kind) as output:
            picture = _Picture(output, video.rate)
            sound = _Sound(source, output)
            for moment, labels in with_labels(video.decode(), rows):
                if not picture.started:
                    picture.start(upright(moment).size)
                    sound.start()
                sound.write_until(moment.time)
                picture.write(moment, labels)
                yield moment.time
            picture.end()
            sound.write_until(math.inf)
    except av.FFmpegError as error:
        if isinstance(error, OSError):  # the disk's, which names itself
            raise
        raise UnreadableVideo(
            f"The annotated video cannot be made: {error.strerror}. The table is whole."
        ) from error


def with_labels(
    moments: Iterable[Moment], rows: Iterable[dict[str, Any]]
) -> Iterator[tuple[Moment, list[Label]]]:
    """Pair each frame with its faces' boxes, in pixels of the upright frame.

    Args:
        moments: all frames, in their order.
        rows: of the table, in their order.
    """
    scored = (list(frame) for _, frame in groupby(rows, itemgetter("frame")))
    now: Rows = []
    following = next(scored, [])
    for moment in moments:
        while following and following[0]["frame"] <= moment.number:
            now, following = following, next(scored, [])
        yield moment, labels_at(moment.time, now, following)


def labels_at(time: float, now: Rows, following: Rows | None = None) -> list[Label]:
    """Return what is drawn around each face at a time.

    Args:
        time: in seconds.
        now: the rows of the last frame that was scored.
        following: those of the next.
    """
    later = {row["track"]: row for row in following or () if row.get("emotion")}
    labels = []
    for row in now:
        if not row.get("emotion") or time - row["time"] > HELD:
            continue
        box = _box(row)
        if (then := later.get(row["track"])) and then["time"] > row["time"]:
            share = min((time - row["time"]) / (then["time"] - row["time"]), 1.0)
            pairs = zip(box, _box(then), strict=True)
            box = Box(*(start + share * (end - start) for start, end in pairs))
        labels.append(Label(box, f"{row['track']} {answer(row)}", answer(row)))
    return labels


def _box(row: dict[str, Any]) -> Box:
    return Box(*(row[edge] for edge in ("x1", "y1", "x2", "y2")))


class _Picture:
    """The annotated picture's stream."""

    def __init__(self, output: OutputContainer, rate: Fraction) -> None:
        self.output = output
        self.stream = output.add_stream("libx264", rate=rate.limit_denominator(100_000))
        self.stream.options = dict(QUALITY)
        self.started = False
        self.last = -1

    def start(self, size: tuple[int, int]) -> None:
        """Fix the size: even, as H.264's half-sized colour planes need it, and within the limit."""
        shrunk = min(1.0, math.sqrt(MAX_MACROBLOCKS * 16**2 / math.prod(size)))
        width, height = (int(side * shrunk) for side in size)
        self.size = (max(2, width - width % 2), max(2, height - height % 2))
        self.stream.width, self.stream.height = self.size
        self.stream.pix_fmt = "yuv420p"
        self.stream.codec_context.time_base = CLOCK
        self.started = True

    def write(self, moment: Moment, labels: list[Label]) -> None:
        image = upright(moment).image
        draw_labels(image, labels)
        if image.size != self.size:  # odd, or a stream that changes its size midway
            image = (
                image.crop((0, 0, *self.size))
                if all(0 <= a - b <= 1 for a, b in zip(image.size, self.size, strict=True))
                else image.resize(self.size, Image.Resampling.BILINEAR)
            )
        frame = av.VideoFrame.from_image(image)
        self.last = max(round(moment.time / CLOCK), self.last + 1)
        frame.pts, frame.time_base = self.last, CLOCK
        self.output.mux(self.stream.encode(frame))

    def end(self) -> None:
        if self.started:
            self.output.mux(self.stream.encode())


class _Sound:
    """The sound's stream."""

    def __init__(self, source: str | Path | bytes, output: OutputContainer) -> None:
        self.output = output
        self.packets = _sound(source, output)
        self.waiting: tuple[float, av.Packet] | None = None

    def start(self) -> None:
        """Ask for the first of it, once the picture has its size: then the file can begin."""
        self.waiting = next(self.packets, None)

    def write_until(self, time: float) -> None:
        """Write what is heard before a time."""
        while self.waiting and self.waiting[0] <= time:
            self.output.mux(self.waiting[1])
            self.waiting = next(self.packets, None)


def _sound(source: str | Path | bytes, output: OutputContainer) -> Iterator[Heard]:
    """Add a stream for a video's sound, and return its packets with their times."""
    opened = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        container = av.open(opened, "r", options={"format_whitelist": DEMUXERS})
    except av.FFmpegError:  # an animated WebP, which is silent
        return iter(())
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        container.close()
        return iter(())
    start = Fraction(container.start_time or 0, av.time_base)
    if stream.codec_context.codec.canonical_name in COPIED & output.supported_codecs:
        return _copied(container, stream, output.add_stream_from_template(stream), start)
    return _encoded(container, stream, output.add_stream("aac", rate=stream.rate), start)


def _copied(
    container: InputContainer, stream: AudioStream, target: AudioStream, start: Fraction
) -> Iterator[Heard]:
    with container:
        for packet in _packets(container, stream):
            if packet.pts is None or packet.dts is None:
                continue  # the marker of the end
            tick = packet.time_base
            packet.pts -= round(start / tick)
            packet.dts -= round(start / tick)
            packet.stream = target
            yield float(packet.pts * tick), packet


def _encoded(
    container: InputContainer, stream: AudioStream, target: AudioStream, start: Fraction
) -> Iterator[Heard]:
    resampler = AudioResampler("fltp", stream.layout, stream.rate)
    time = 0.0
    with container:
        for packet in _packets(container, stream):
            with suppress(av.FFmpegError):  # a damaged piece is silent
                for frame in stream.codec_context.decode(packet):
                    if frame.pts is not None and frame.time_base:
                        time = float(frame.pts * frame.time_base - start)
                        frame.pts -= round(start / frame.time_base)
                    for piece in resampler.resample(frame):
                        for made in target.encode(piece):
                            yield time, made
        for made in target.encode():
            yield time, made


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[av.Packet]:
    with suppress(av.FFmpegError):  # cut off, as the picture is, and the table says so
        yield from container.demux(stream)
