"""Videos scored in the background."""

import io
from dataclasses import dataclass

from app.server.background import CHUNK, Result, Store, Work
from app.server.jobs import CROP_SIDE
from fer.columns import Status
from fer.faces.boxes import Box
from fer.recognizer import Recognizer
from fer.scoring.parquet_output import schema
from fer.scoring.rows import Rows, safe_path
from fer.video.annotated import draw
from fer.video.reading import Every, Video, upright
from fer.video.run import score_frames
from fer.video.timeline import SMOOTHING, TIMELINE, Timeline

SCHEMA = schema(TIMELINE)
PORTRAITS = 60
"""People whose picture is kept: those who are seen longest."""


@dataclass(frozen=True)
class Progress:
    """How far a video is."""

    reached: float
    """Seconds of the video that are done, with what is being done to it."""
    total: float | None
    """Seconds of the video; `None` where it does not say."""
    frames: int
    faces: int
    seconds: float
    """Since the work began, until now or until it ended."""
    stage_seconds: float
    """Since what is being done to it began."""

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        return min(self.reached / self.total, 1.0) if self.total else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds left for what is being done; `None` as long as nobody can tell."""
        return self.stage_seconds * (1 - self.share) / self.share if self.share else None


class Watched(Result):
    """The table of a video and what is made of it, with its file: the page shows any frame."""

    def __init__(self, data: bytes) -> None:
        super().__init__(SCHEMA)
        self.data = data
        self.annotated: bytes | None = None
        """The video with boxes and names, once it is made."""
        self.portraits: dict[int, bytes] = {}
        """JPEGs of the people who are seen longest, by their track."""

    @property
    def nbytes(self) -> int:
        """Bytes that the video and all that came of it take, roughly."""
        return len(self.data) + len(self.annotated or b"") + super().nbytes


class VideoWork(Work[Watched]):
    """A video that is being scored, or was."""

    def __init__(
        self,
        name: str,
        data: bytes,
        recognizer: Recognizer,
        every: Every,
        *,
        smoothing: bool = True,
        annotated: bool = True,
    ) -> None:
        """Prepare to score a video.

        Args:
            name: of the file.
            data: its bytes.
            recognizer: the model, by whose name the table calls it.
            every: which frames are looked at.
            smoothing: whether answers are averaged over time.
            annotated: whether to draw the faces' boxes into the video as well.

        Raises:
            UnreadableVideo: if it cannot be opened.
        """
        super().__init__(name, Watched(data))
        self.model = recognizer.name
        self.every = every
        self.smoothing = smoothing
        self.drawing = False
        """Whether all is scored and the boxes are being drawn."""
        self.problem: str | None = None
        """What is wrong with the video."""
        self._annotate = annotated
        self._recognizer = recognizer
        self._reached = 0.0
        self._frames = self._faces = 0
        self._stage_began = 0.0
        with Video(data) as video:
            self.total = video.duration

    def progress(self) -> Progress:
        """Return how far it is."""
        with self._lock:
            return Progress(
                self._reached,
                self.total,
                self._frames,
                self._faces,
                self.seconds,
                self.seconds - self._stage_began,
            )

    def work(self) -> None:
        """Score the video, cut out portraits, and draw the boxes."""
        self._score()
        if not self.cancelling:
            self._cut_portraits()
        if self._annotate and not self.cancelling:
            self._draw()

    def let_go(self) -> None:
        """Nothing: the page shows frames of the video as long as the result is kept."""

    def _score(self) -> None:
        timeline = Timeline(SMOOTHING if self.smoothing else 0)
        with Video(self.result.data) as video:
            for rows in score_frames(
                video, self._recognizer, timeline,
                path=safe_path(self.name), every=self.every, stop=self._stop,
            ):  # fmt: skip
                with self._lock:
                    self.result.add(rows)
                    self._reached = rows[0]["time"]
                    self._frames += rows[0]["status"] != Status.ERROR
                    self._faces += sum(row.get("emotion") is not None for row in rows)
            self.problem = video.problem

    def _cut_portraits(self) -> None:
        """Cut each person out of the frame in which the detector was surest of them."""
        faces = self.table().to_pandas().dropna(subset=["track"])
        framing = self._recognizer.config.preprocessing.framing
        longest = faces["track"].value_counts().index[:PORTRAITS]
        best = faces[faces["track"].isin(longest)].sort_values("detection").groupby("track").tail(1)
        wanted: dict[int, Rows] = {}
        for row in best.to_dict("records"):
            wanted.setdefault(int(row["frame"]), []).append(row)
        with Video(self.result.data) as video:
            for moment in video.decode():
                if not wanted or self._stop.is_set():
                    return
                for row in wanted.pop(moment.number, ()):
                    image = upright(moment).image
                    box = Box(row["x1"], row["y1"], row["x2"], row["y2"])
                    square = framing.square(box, *image.size)
                    buffer = io.BytesIO()
                    picture = image.resize((CROP_SIDE, CROP_SIDE), box=square)
                    picture.save(buffer, "JPEG", quality=85)
                    self.result.portraits[int(row["track"])] = buffer.getvalue()

    def _draw(self) -> None:
        with self._lock:
            self.drawing, self._reached, self._stage_began = True, 0.0, self.seconds
        file = io.BytesIO()
        rows = (row for batch in self.table().to_batches(CHUNK) for row in batch.to_pylist())
        with Video(self.result.data) as video:
            for time in draw(self.result.data, video, rows, file):
                self._reached = time
                if self._stop.is_set():
                    return
        self.result.annotated = file.getvalue()


class Videos(Store[VideoWork]):
    """The videos of all visitors of a server."""

    def start(
        self,
        name: str,
        data: bytes,
        recognizer: Recognizer,
        every: Every,
        *,
        smoothing: bool,
        annotated: bool,
    ) -> VideoWork:
        """Start to score a video in the background; see `VideoWork`.

        Raises:
            UnreadableVideo: if it cannot be opened.
            TooMuch: if as many videos as may be scored at a time are.
        """
        work = VideoWork(name, data, recognizer, every, smoothing=smoothing, annotated=annotated)
        return self.admit(work, "videos")
