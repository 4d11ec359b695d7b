"""A video in, a table out: decodes, scores, follows, writes, and goes on where it ended."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fer.columns import Status
from fer.faces.images import Photo
from fer.recognizer import READ_SIDES, Recognizer
from fer.scoring.folder import Entry, shown_name
from fer.scoring.local import score_entries
from fer.scoring.output import Run
from fer.scoring.rows import Rows, count_faces, safe_path
from fer.scoring.run import describe, open_output, refuse_source
from fer.video.progress import progress
from fer.video.reading import Every, Video, upright
from fer.video.timeline import SMOOTHING, TIMELINE, Timeline
from fer.wording import counted

EVERY = Every(seconds=0.2)


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    frames: int
    """Scored now."""
    faces: int
    people: int
    """Numbers given to faces, those of earlier runs included."""
    resumed: bool
    """Whether the table had frames already."""
    problem: str | None
    """What is wrong with the video."""
    stopped: bool
    """Whether it was stopped before the end."""

    def sentence(self) -> str:
        """Say it to people."""
        text = (
            f"{counted(self.frames, 'frame')}, {counted(self.faces, 'face')} of "
            f"{counted(self.people, 'track')}"
        )
        if self.resumed:
            text += "; earlier frames had been done before"
        if self.stopped:
            text += "; stopped before the end: the same command goes on from here"
        return f"{text}. {self.problem}" if self.problem else f"{text}."


def score_frames(
    video: Video,
    recognizer: Recognizer,
    timeline: Timeline,
    *,
    path: str,
    every: Every = EVERY,
    workers: int | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Rows]:
    """Yield the rows of each frame that is looked at, in order; last, one of what is wrong.

    Faces are looked for in each of these frames: following a face through frames in which nobody
    looked for it would save time and miss those who come and go in between.

    Args:
        video: freshly opened.
        recognizer: the model, by whose name the table calls it.
        timeline: what follows and smooths; frames up to its last one are passed over.
        path: what stands for the video in the table.
        every: which frames are looked at.
        workers: threads that compute; as many as there are cores when left out.
        stop: once set, no further frame is begun.
    """
    stop = stop or threading.Event()
    at_least = round(READ_SIDES * recognizer.detector.max_side)
    begun: deque[tuple[int, float]] = deque()

    def entries() -> Iterator[Entry]:
        for moment in video.sample(every, after=timeline.last):
            photo = upright(moment, at_least)
            begun.append((moment.number, moment.time))
            yield Entry(path, partial(Photo, photo.image, photo.size))

    scored = score_entries(entries(), recognizer, workers=workers, readers=1, stop=stop)
    for rows in scored:
        number, time = begun.popleft()
        yield timeline.add(number, time, path, rows)
    if video.problem and not timeline.broken and not stop.is_set():
        error = {"status": Status.ERROR, "model": recognizer.name, "error": video.problem}
        yield timeline.add(timeline.last + 1, timeline.time, path, [error])


def score_video(
    source: str | Path,
    output: str | Path,
    recognizer: Recognizer,
    *,
    every: Every = EVERY,
    smoothing: float = SMOOTHING,
    workers: int | None = None,
    resume: bool = True,
    stop: threading.Event | None = None,
) -> Summary:
    """Score a video into a table, with a progress bar on stderr.

    Args:
        source: the video's path.
        output: as `fer.scoring.run.score_folder` takes it.
        recognizer: the model, by whose name the table calls it.
        every: which frames are looked at.
        smoothing: see `fer.video.timeline.SMOOTHING`.
        workers: threads that compute; as many as there are cores when left out.
        resume: go on with an output of the same run; otherwise replace what is there.
        stop: once set, the run ends after the frames that were begun.

    Raises:
        UnreadableVideo: if the video cannot be opened.
        OutputRefused: if the output belongs to another run, or is the video.
        OutputFailed: if the disk is full; what is complete is kept.
    """
    stop = stop or threading.Event()
    refuse_source(output, [source])
    with Video(source) as video:
        run = describe_video(source, recognizer, every, smoothing)
        table = open_output(output, run, resume=resume, layout=TIMELINE)
        timeline = Timeline(smoothing)
        frames = faces = 0
        problem = None
        finished = False
        try:
            timeline.go_on(table.read())
            before = timeline.last
            path = safe_path(shown_name(Path(source).name))
            with progress(video, "scored") as reached:
                for rows in score_frames(
                    video, recognizer, timeline,
                    path=path, every=every, workers=workers, stop=stop,
                ):  # fmt: skip
                    table.write(rows)
                    faces += count_faces(rows)
                    frames += rows[0]["status"] != Status.ERROR
                    reached(rows[0]["time"], frames=frames, faces=faces)
            finished = not stop.is_set()
            problem = video.problem
        finally:
            table.close(finished)
    return Summary(frames, faces, timeline.tracker.count, before >= 0, problem, not finished)


def describe_video(
    source: str | Path, recognizer: Recognizer, every: Every, smoothing: float
) -> Run:
    """Describe a run, so that its table can be told from others."""
    status = os.stat(source)
    run = describe(os.path.realpath(source), recognizer)
    settings = {
        "bytes": status.st_size,
        "every_seconds": every.seconds or 0,
        "every_frames": every.frames or 0,
        "smoothing": smoothing,
    }
    return replace(run, detector=run.detector | settings)
