"""How fast `fer video` is, what memory it takes, and how often it mistakes one face for another.

python -m bench.video speed                     # 30 s of 1080p, two faces, the default model
python -m bench.video memory [--minutes 2,120]  # a short video, and one made by repeating it
python -m bench.video switches [--seconds 60]   # four people whose places are known

The videos are made of scikit-image's astronaut (NASA, public domain).
"""

import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import av
import pandas as pd
import typer

from fer.artifacts import DEFAULT_MODEL
from fer.faces.boxes import Box
from fer.recognizer import Recognizer
from fer.video.annotated import annotate_video, read_table
from fer.video.reading import Every, Video
from fer.video.run import score_video
from tools.machine import conditions
from tools.videos import SIDE, Place, crossing, encode, filmed, person_at, scene, steady

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)

Model = Annotated[str, typer.Option(help="A name in models/.")]

PEAK = """
import re, sys
from pathlib import Path
from fer.recognizer import Recognizer
from fer.video.run import score_video
file, output, model = sys.argv[1:]
print(score_video(file, output, Recognizer.from_pretrained(model)).sentence())
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[0])
"""
"""Scores a video in a process of its own, and says what memory it took at most."""


def paths(at: float) -> list[Place | None]:
    """Return where four people are: each sways, they cross each other, and two leave for a while.

    The picture is `WIDE`; whoever comes later in the list is in front.
    """
    width, height = WIDE
    places: list[Place | None] = []
    for number, (period, phase) in enumerate(((9, 0.0), (11, 1.7), (7, 3.1), (13, 4.4))):
        turn = 2 * math.pi * at / period + phase
        x = width / 2 + (width / 2 - SIDE) * math.sin(turn)
        y = height / 2 + (height / 2 - SIDE) * math.sin(0.37 * turn + number)
        gone = number < 2 and (at / 4 + number) % 5 < 1
        places.append(None if gone else (x, y))
    return places


WIDE = (1280, 720)


@app.command()
def speed(model: Model = DEFAULT_MODEL, seconds: float = 30) -> None:
    """Time the scoring of 1080p with two faces, and what it is made of."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "video.mp4"
        frames = (
            (at, scene(crossing(at % 3), (960, 540)).resize((1920, 1080))) for at in steady(seconds)
        )
        file.write_bytes(encode(frames, sound="aac", seconds=seconds))
        recognizer = Recognizer.from_pretrained(model, device="cpu")
        print(f"{conditions()}; {seconds:.0f} s of 1920 x 1080 at 25 frames/s, model {model}")

        def decode() -> None:
            with Video(file) as video:
                for _ in video.decode():
                    pass

        table = Path(name) / "faces.csv"
        for what, job in (
            ("decode all frames", decode),
            ("score 5 frames a second", lambda: score_video(file, table, recognizer)),
            (
                "draw all frames",
                lambda: annotate_video(file, read_table(table), Path(name) / "out.mp4"),
            ),
        ):
            start = time.perf_counter()
            job()
            took = time.perf_counter() - start
            print(f"{what:26}{took:8.1f} s{seconds / took:8.2f} x as fast as it plays")
        scored = pd.read_csv(table)
        print(f"{scored['frame'].nunique()} frames scored, {scored['emotion'].count()} faces")


@app.command()
def memory(minutes: str = "2,120", model: Model = "cnn") -> None:
    """Print the most memory that videos of several lengths take."""
    print(f"{conditions()}; 640 x 360, model {model}")
    with tempfile.TemporaryDirectory() as name:
        short = Path(name) / "minute.mp4"
        short.write_bytes(filmed(lambda at: crossing(at % 3), steady(60)))
        for count in map(int, minutes.split(",")):
            file = Path(name) / f"{count}.mp4"
            repeat(short, file, count)
            command = [sys.executable, "-c", PEAK, str(file), f"{file}.csv", model]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            peak = re.search(r"VmHWM:\s+(\d+)", said)
            assert peak, said
            print(
                f"{count:4} minutes: {int(peak[1]) / 1000:7.0f} MB at most; {said.splitlines()[0]}"
            )


def repeat(file: Path, longer: Path, count: int) -> None:
    """Write a video several times behind itself, packet by packet."""
    with av.open(str(longer), "w") as output:
        target = None
        for turn in range(count):
            with av.open(str(file), "r") as video:
                stream = video.streams.video[0]
                target = target or output.add_stream_from_template(stream)
                assert stream.duration is not None
                for packet in video.demux(stream):
                    if packet.pts is None or packet.dts is None:
                        continue
                    packet.pts += turn * stream.duration
                    packet.dts += turn * stream.duration
                    packet.stream = target
                    output.mux(packet)


@app.command()
def switches(seconds: float = 60, every: str = "0.1s,0.2s,0.5s", model: Model = "cnn") -> None:
    """Count how often a person's track changes, as the CLEAR MOT metrics do (Bernardin 2008)."""
    print(f"{conditions()}; four people, {seconds:.0f} s of {WIDE[0]} x {WIDE[1]}")
    print(f"{'every':>6}{'seen':>8}{'of':>8}{'tracks':>8}{'switches':>10}{'a minute':>10}")
    recognizer = Recognizer.from_pretrained(model, device="cpu")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "four.mp4"
        file.write_bytes(encode((at, scene(paths(at), WIDE)) for at in steady(seconds)))
        for text in every.split(","):
            table = Path(name) / f"{text}.csv"
            score_video(file, table, recognizer, every=Every.parse(text))
            rows = pd.read_csv(table)
            count, seen = changes(rows)
            there = sum(place is not None for at in rows["time"].unique() for place in paths(at))
            tracks = rows["track"].nunique()
            rate = count / seconds * 60
            print(f"{text:>6}{seen:8}{there:8}{tracks:8}{count:10}{rate:10.1f}", flush=True)


def changes(rows: pd.DataFrame) -> tuple[int, int]:
    """Return how often a person is given another track than before, and how often one is seen."""
    track_of: dict[int, int] = {}
    count = seen = 0
    for row in rows[rows["track"].notna()].to_dict("records"):
        box = Box(row["x1"], row["y1"], row["x2"], row["y2"])
        person = person_at(box, paths(row["time"]))
        if person is None:
            continue
        seen += 1
        count += track_of.get(person, row["track"]) != row["track"]
        track_of[person] = row["track"]
    return count, seen


if __name__ == "__main__":
    app()
