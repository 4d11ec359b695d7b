"""The command as people use it: on whole and broken videos, killed, and gone on with."""

import io
import json
import math
import shutil
import signal
import subprocess
import sys

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from fer.cli import app
from fer.columns import PROBABILITIES
from fer.faces.boxes import Box
from fer.scoring.rows import COLUMNS
from fer.video.annotated import draw
from fer.video.reading import Video, upright
from fer.video.run import score_frames
from fer.video.timeline import SMOOTHED, TIMELINE, Timeline
from tools.videos import SCENE, SIZE, crossing, encode, filmed, person_at, scene, steady

DISTURBED = """
import json, os, sys, time
import fer.recognizer, fer.video.run, fer.video.annotated
from fer.cli import app

file, output, *signals = sys.argv[1:]

def size():
    return os.path.getsize(output) if os.path.exists(output) else 0

def run(number):
    before, child = size(), os.fork()
    if child == 0:
        app(["video", file, "--output", output, "--model", "cnn", "--workers", "1"])
        os._exit(99)
    while number:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if size() > before + 300:
            os.kill(child, number)
            break
        time.sleep(0.001)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

print(json.dumps([run(int(number)) for number in signals]))
"""
"""Runs the command once for each signal, which it gets once it has written something more."""


def score(file, output, *options):
    arguments = ["video", str(file), "--output", str(output), "--model", "cnn", *options]
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Two people who cross within three seconds, with sound; 0.1 s before anything is shown."""
    path = tmp_path_factory.mktemp("video") / "crossing.mp4"
    path.write_bytes(filmed(crossing, steady(3), sound="aac", seconds=3))
    return path


@pytest.fixture(scope="module")
def undisturbed(video):
    """The table of a run that nothing happened to."""
    output = video.with_suffix(".csv")
    done = score(video, output)
    assert done.exit_code == 0, done.stderr
    return output


def test_the_table_says_when_where_and_who(undisturbed):
    table = pd.read_csv(undisturbed)
    assert tuple(table.columns) == TIMELINE.columns
    assert set(COLUMNS) <= set(table.columns)
    assert table["time"].unique().tolist() == pytest.approx([n / 5 for n in range(15)])
    assert table["frame"].unique().tolist() == [5 * n for n in range(15)]
    assert set(table["path"]) == {"crossing.mp4"}
    for names in (list(PROBABILITIES), list(SMOOTHED)):
        assert table[names].sum(axis=1).between(0.9999, 1.0001).all()
    assert (table["emotion"] == "happy").mean() > 0.8


def test_two_who_cross_keep_their_tracks(undisturbed):
    table = pd.read_csv(undisturbed)
    people = {}
    for row in table.to_dict("records"):
        box = Box(row["x1"], row["y1"], row["x2"], row["y2"])
        person = person_at(box, crossing(row["time"]))
        assert people.setdefault(row["track"], person) == person
    assert sorted(people.values()) == [0, 1]


def test_killed_and_stopped_it_ends_as_if_nothing_had_happened(video, undisturbed, tmp_path):
    output = tmp_path / "faces.csv"
    signals = [signal.SIGKILL.value, signal.SIGTERM.value, signal.SIGKILL.value, 0]
    arguments = [sys.executable, "-c", DISTURBED, str(video), str(output), *map(str, signals)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600, check=True)
    statuses = json.loads(done.stdout)
    assert statuses[0] == -signal.SIGKILL
    assert statuses[-1] == 0
    assert output.read_bytes() == undisturbed.read_bytes()


def test_a_finished_table_is_left_as_it_is(video, undisturbed):
    before = undisturbed.read_bytes()
    done = score(video, undisturbed)
    assert "0 frames, 0 faces of 2 tracks; earlier frames had been done before." in done.stderr
    assert undisturbed.read_bytes() == before


def test_parquet_has_the_same_table(video, undisturbed, tmp_path):
    assert score(video, tmp_path / "faces.parquet").exit_code == 0
    parquet, csv = pd.read_parquet(tmp_path / "faces.parquet"), pd.read_csv(undisturbed)
    pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)


def test_the_annotated_video_keeps_speed_and_sound(video, undisturbed, tmp_path):
    out = tmp_path / "out.mp4"
    done = score(video, f"file://{undisturbed}", "--annotated", str(out))
    assert done.stderr.endswith(f"\nfer: The video with boxes and names is {out}.\n")
    assert done.exit_code == 0, done.stderr
    with av.open(str(video)) as before, av.open(str(out)) as after:
        assert packets(after, "audio") == packets(before, "audio")
    with av.open(str(out)) as after:
        frames = list(after.decode(video=0))
    assert [float(frame.time) for frame in frames] == pytest.approx(steady(3), abs=1e-3)
    boxed = frames[30].to_ndarray(format="rgb24").astype(float)
    plain = np.asarray(scene(crossing(30 / 25)), float)
    changed = np.abs(boxed - plain).max(axis=2) > 60
    assert 500 < changed.sum() < 0.2 * SIZE[0] * SIZE[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4"]


def packets(container, kind):
    """The sound's packets, with their times in seconds."""
    stream = container.streams.best(kind)
    return [
        (round(float(packet.pts * packet.time_base), 4), bytes(packet))
        for packet in container.demux(stream)
        if packet.size
    ]


def test_sound_that_mp4_does_not_take_becomes_aac(tmp_path):
    (tmp_path / "in.avi").write_bytes(
        filmed(crossing, steady(1), kind="avi", codec="mpeg4", sound="pcm_s16le", seconds=1)
    )
    out = tmp_path / "out.mp4"
    done = score(tmp_path / "in.avi", tmp_path / "t.csv", "--every", "25f", "--annotated", str(out))
    assert done.exit_code == 0, done.stderr
    with av.open(str(out)) as after:
        sound = after.streams.best("audio")
        assert sound.codec_context.name == "aac"
        heard = np.concatenate([f.to_ndarray()[0] for f in after.decode(sound)])
    assert len(heard) == pytest.approx(48_000, abs=3000)
    assert np.abs(heard[4000:40_000]).mean() > 0.05


def test_a_picture_larger_than_players_take_is_drawn_smaller(tmp_path):
    data = encode([(0, Image.new("RGB", (4800, 2400))), (1, Image.new("RGB", (4800, 2400)))])
    drawn = io.BytesIO()
    with Video(data) as video:
        assert list(draw(data, video, [], drawn)) == [0, 1]
    with Video(drawn.getvalue()) as video:
        size = upright(next(video.decode())).size
    assert 0.99 * 4096 * 2304 < math.prod(size) <= 4096 * 2304
    assert size[0] / size[1] == pytest.approx(2, abs=0.01)


def test_times_that_no_mp4_holds_are_a_sentence_and_the_table_stays(tmp_path):
    years = encode([(time * 3e6, SCENE) for time in range(3)], "matroska")
    (tmp_path / "in.mkv").write_bytes(years)
    done = score(tmp_path / "in.mkv", tmp_path / "t.csv", "--annotated", str(tmp_path / "out.mp4"))
    assert done.exit_code == 2
    assert "The annotated video cannot be made" in done.stderr.splitlines()[-1]
    assert pd.read_csv(tmp_path / "t.csv")["time"].tolist() == [0, 3e6, 6e6]
    assert not list(tmp_path.glob("out.mp4*"))


def test_of_a_video_cut_off_what_is_there_is_scored_and_the_rest_is_said(tmp_path):
    data = filmed(crossing, steady(3), kind="matroska")
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 3 // 4])
    for _ in range(2):  # going on adds nothing
        done = score(tmp_path / "cut.mkv", tmp_path / "t.csv")
        assert done.exit_code == 3
        assert "The video is cut off" in done.stderr
        table = pd.read_csv(tmp_path / "t.csv")
        assert table["status"].tolist()[-1] == "error"
        assert (table["status"] == "error").sum() == 1
        assert (table["status"] == "ok").sum() >= 2


def test_what_is_wrong_has_the_last_frame_s_time_also_where_nothing_else_was_left(recognizer):
    data = filmed(crossing, steady(2), kind="matroska")

    def frames(timeline):
        with Video(data[: len(data) * 3 // 4]) as video:
            return list(score_frames(video, recognizer, timeline, path="cut.mkv"))

    *scored, last = frames(Timeline())
    assert (last[0]["status"], last[0]["time"]) == ("error", scored[-1][0]["time"])
    begun = Timeline()
    begun.go_on(row for rows in scored for row in rows)
    assert frames(begun) == [last]


def test_who_leaves_and_returns(tmp_path):
    def places(time):
        return [(300 + 20 * time, 180)] if time < 1 or 1.6 <= time < 2.4 or time >= 5 else [None]

    (tmp_path / "v.mp4").write_bytes(filmed(places, steady(6, rate=5)))
    assert score(tmp_path / "v.mp4", tmp_path / "t.csv").exit_code == 0
    table = pd.read_csv(tmp_path / "t.csv")
    assert (table["status"] == "no_face").sum() == 16
    assert table[table["time"] < 5]["track"].dropna().unique().tolist() == [1]
    assert table[table["time"] >= 5]["track"].unique().tolist() == [2]


def test_mistakes_are_one_sentence(video, undisturbed, tmp_path):
    before = undisturbed.read_bytes()
    other = tmp_path / "other.mp4"
    named_csv = tmp_path / "film.csv"
    for copy in (other, named_csv):
        shutil.copyfile(video, copy)
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    for file, output, options, sentence in (
        (tmp_path / "nowhere.mp4", tmp_path / "a.csv", (), "nowhere.mp4 cannot be opened: No such"),
        (other, undisturbed, (), f"was made of {video.resolve()}"),
        (video, tmp_path / "a.txt", (), "must end in .csv"),
        (video, undisturbed, ("--every", "1s"), "other settings"),
        (video, undisturbed, ("--every", "now"), "no distance between frames"),
        (video, undisturbed, ("--annotated", "out.gif"), "must end in .mp4"),
        (other, tmp_path / "a.csv", ("--annotated", str(other)), "would replace its source"),
        (video, tmp_path / "a.csv", ("--annotated", f"{tmp_path}/no/o.mp4"), "There is no folder"),
        (video, tmp_path / "a.csv", ("--annotated", str(folder)), "is a folder: give a file"),
        (named_csv, named_csv, ("--no-resume",), "would replace what is scored"),
        *(
            (video, output, ("--annotated", "out.mp4"), "give --output a file")
            for output in ("-", tmp_path / "t.jsonl", f"{tmp_path}/faces/", f"{tmp_path}/t.csv/")
        ),
    ):
        done = score(file, output, *options)
        assert done.exit_code == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith("fer: ")
        assert sentence in line
    assert undisturbed.read_bytes() == before
    assert other.read_bytes() == named_csv.read_bytes() == video.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "film.csv", "folder.mp4", "other.mp4",
    ]  # fmt: skip
