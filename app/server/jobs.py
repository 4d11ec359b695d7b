"""Batches of photos scored in the background."""

import io
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from app.server.background import Result, Store, Work
from app.server.uploads import Batch
from fer.columns import Status
from fer.emotions import EMOTIONS
from fer.errors import NothingToScore, UnreadableImage
from fer.faces.boxes import Box
from fer.faces.images import EXTENSIONS, read_image
from fer.recognizer import Recognizer
from fer.scoring.csv_output import EXCEL_MARK, csv_lines, header
from fer.scoring.folder import Entry
from fer.scoring.local import score_entries
from fer.scoring.parquet_output import SCHEMA
from fer.scoring.rows import Rows, count_faces

CROPS_EACH = 200
"""Faces of each emotion that the gallery keeps a picture of: some 5 MB for all seven."""
CROP_SIDE = 112  # pixels
PICTURE_SIDE = 800  # pixels
PICTURES_BYTES = 50_000_000
"""What a batch's small pictures of its photos may take; some 800 of them."""
READERS = 2  # what is read is at hand, and may unpack to much: few at a time

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    total: int
    """Files to score."""
    done: int
    """Files scored, or found unreadable."""
    faces: int
    errors: int
    seconds: float
    """Since it began, until now or until it ended."""

    @property
    def rate(self) -> float:
        """Files a second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds left at this rate; `None` as long as there is none."""
        return (self.total - self.done) / self.rate if self.done else None


class Scored(Result):
    """The table of a batch, and pictures of its faces."""

    def __init__(self) -> None:
        super().__init__(SCHEMA)
        self.crops: dict[int, bytes] = {}
        """JPEGs of the first faces of each emotion, by their row in the table."""
        self.pictures: dict[str, bytes] = {}
        """JPEGs of the photos that these faces are of, small, by path; as many as fit in
        `PICTURES_BYTES`."""
        self.pictures_bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes that table and pictures take, roughly."""
        return super().nbytes + sum(map(len, list(self.crops.values()))) + self.pictures_bytes


class Job(Work[Scored]):
    """A batch that is being scored, or was."""

    def __init__(self, batch: Batch, recognizer: Recognizer) -> None:
        super().__init__(batch.name, Scored())
        self.skipped = batch.skipped
        self.model = recognizer.name
        self._entries: Sequence[Entry] = batch.entries
        self._total = len(batch.entries)
        self._recognizer = recognizer
        self._done = self._faces = self._errors = self._count = 0
        self._cropped: Counter[str] = Counter()

    @property
    def complete(self) -> bool:
        """Whether every file is accounted for."""
        return self._done == self._total

    def progress(self) -> Progress:
        """Return how far it is."""
        with self._lock:
            return Progress(self._total, self._done, self._faces, self._errors, self.seconds)

    def frame(self) -> pd.DataFrame:
        """Return the rows so far for pandas."""
        return to_pandas(self.table())

    def rows_of(self, path: str) -> Rows:
        """Return the rows of one photo."""
        return self.table().filter(pa.compute.field("path") == path).to_pylist()

    def work(self) -> None:
        """Score the batch."""
        scored = score_entries(self._entries, self._recognizer, readers=READERS, stop=self._stop)
        for entry, rows in zip(self._entries, scored, strict=False):
            self._add(entry, rows)

    def let_go(self) -> None:
        """Drop the photos."""
        self._entries = ()

    def _add(self, entry: Entry, rows: Rows) -> None:
        crops = self._cut(entry, rows)
        with self._lock:
            result = self.result
            result.crops |= {self._count + index: crop for index, crop in crops.items()}
            result.add(rows)
            self._count += len(rows)
            self._done += 1
            self._faces += count_faces(rows)
            self._errors += sum(row["status"] == Status.ERROR for row in rows)

    def _cut(self, entry: Entry, rows: Rows) -> dict[int, bytes]:
        """Cut out the faces that the gallery has room for; the photo is read again for them."""
        wanted = {
            index: row
            for index, row in enumerate(rows)
            if row.get("emotion") in EMOTIONS and self._cropped[row["emotion"]] < CROPS_EACH
        }
        if not wanted:
            return {}
        try:
            photo = read_image(entry.read())
        except (OSError, UnreadableImage):
            log.info("%s was scored and has gone since: no picture of its faces", entry.path)
            return {}
        framing = self._recognizer.config.preprocessing.framing
        crops = {}
        for index, row in wanted.items():
            self._cropped[row["emotion"]] += 1
            box = Box(*(row[edge] for edge in ("x1", "y1", "x2", "y2")))
            square = (
                box if row["status"] == Status.WHOLE_IMAGE else framing.square(box, *photo.size)
            )
            buffer = io.BytesIO()
            photo.resize((CROP_SIDE, CROP_SIDE), box=square).save(buffer, "JPEG", quality=80)
            crops[index] = buffer.getvalue()
        self._keep_picture(rows[0]["path"], photo)
        return crops

    def _keep_picture(self, path: str, photo: Image.Image) -> None:
        """Keep a small picture of a photo, from which its faces are shown in their place."""
        result = self.result
        if result.pictures_bytes >= PICTURES_BYTES:
            return
        small = photo.copy()
        small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=80)
        result.pictures[path] = buffer.getvalue()
        result.pictures_bytes += len(result.pictures[path])


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a job's rows for pandas, where whole numbers stay whole beside empty cells."""
    return table.to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)


def to_csv(table: pa.Table) -> bytes:
    """Return a job's rows as `fer score` writes them."""
    names = table.column_names
    return header(names) + csv_lines(table.to_pylist(), names)


def to_excel_csv(table: pa.Table) -> bytes:
    """Return a job's rows as `to_csv`, so that Excel reads names that are not ASCII."""
    return EXCEL_MARK + to_csv(table)


def to_parquet(table: pa.Table) -> bytes:
    """Return a job's rows as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


class Jobs(Store[Job]):
    """The batches of all visitors of a server."""

    def start(self, batch: Batch, recognizer: Recognizer) -> Job:
        """Start to score a batch in the background.

        Raises:
            NothingToScore: if there are no photos in it.
            TooMuch: if as many jobs as may run at a time do.
        """
        if not batch.entries:
            raise NothingToScore(
                f"There are no photos in {batch.name!r} ({batch.skipped:,} other files): "
                f"what is scored is {', '.join(EXTENSIONS)}."
            )
        return self.admit(Job(batch, recognizer), "batches")
