import io
import os

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from fer.errors import UnreadableVideo
from fer.video.reading import Every, Video, upright
from tools.videos import SCENE, crossing, encode, encoded_tone, filmed, scene, steady

KINDS = [
    ("mp4", "libx264"), ("mov", "libx264"), ("matroska", "libx264"), ("webm", "libvpx-vp9"),
    ("avi", "mpeg4"), ("avi", "libx264"), ("mpegts", "libx264"),
]  # fmt: skip


def times(data, every=None):
    with Video(data) as video:
        moments = video.sample(every) if every else video.decode()
        return [round(moment.time, 3) for moment in moments]


@pytest.mark.parametrize(("kind", "codec"), KINDS)
def test_every_container_gives_its_own_times(kind, codec):
    given = steady(1.2)
    data = encode([(time, SCENE) for time in given], kind, codec)
    assert times(data) == pytest.approx(given, abs=0.002)
    with Video(data) as video:
        list(video.decode())
        assert video.problem is None
        assert video.duration == pytest.approx(1.2, abs=0.1)


@pytest.mark.parametrize("kind", ["mp4", "mov", "matroska", "mpegts"])
def test_where_the_sound_goes_on_the_picture_is_not_cut_off(kind):
    frames = [(time, SCENE) for time in steady(1)]
    with Video(encode(frames, kind, sound="aac", seconds=9)) as video:
        list(video.decode())
        assert video.problem is None
        assert video.duration == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", ["mp4", "mov", "matroska", "mpegts"])
def test_a_part_whose_clock_goes_on_from_the_part_before_is_not_cut_off(kind):
    frames = [(60 + time, SCENE) for time in steady(1)]
    with Video(encode(frames, kind)) as video:
        assert next(video.decode()).time == 0
    with Video(encode(frames, kind)) as video:
        list(video.decode())
        assert video.problem is None
        assert video.duration == pytest.approx(1, abs=0.1)


def test_an_animation_whose_last_frame_is_held_is_not_cut_off():
    pictures = [Image.new("RGB", (64, 48), (80 * number, 0, 0)) for number in range(3)]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=[100, 100, 3000]
    )
    with Video(buffer.getvalue()) as video:
        assert [round(moment.time, 3) for moment in video.decode()] == [0, 0.1, 0.2]
        assert video.problem is None


def test_a_variable_rate_is_honoured():
    given = [0, 0.04, 0.5, 0.52, 1.7, 3.0]
    assert times(encode([(time, SCENE) for time in given], "matroska")) == given


def test_frames_are_chosen_by_time_or_number():
    data = encode([(time, SCENE) for time in steady(2)])
    assert times(data, Every(seconds=0.2)) == pytest.approx([n / 5 for n in range(10)])
    assert times(data, Every(frames=20)) == pytest.approx([0, 0.8, 1.6])
    with Video(data) as video:
        assert [moment.number for moment in video.sample(Every(frames=20), after=20)] == [40]


@pytest.mark.parametrize("text", ["", "5", "0s", "-1s", "0f", "1.5f", "nans", "infs", "x"])
def test_a_distance_that_is_none_is_refused(text):
    with pytest.raises(UnreadableVideo, match="no distance between frames"):
        Every.parse(text)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_animations_keep_their_times_and_lie_on_white(kind):
    pictures = [Image.new("RGBA", (64, 48), (200, 0, 0, 255)) for _ in range(3)]
    for number, picture in enumerate(pictures):
        picture.paste((0, 0, 0, 0), (20 * number, 20, 20 * number + 20, 40))
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, kind, save_all=True, append_images=pictures[1:], duration=[70, 300, 90],
        disposal=2, lossless=True,
    )  # fmt: skip
    with Video(buffer.getvalue()) as video:
        moments = [(round(m.time, 3), upright(m).image) for m in video.decode()]
    assert [time for time, _ in moments] == [0, 0.07, 0.37]
    for number, (_, image) in enumerate(moments):
        assert image.getpixel((9, 9)) == (200, 0, 0)
        assert image.getpixel((20 * number + 9, 30)) == (255, 255, 255)


def test_what_is_tagged_as_turned_is_turned_back():
    picture = scene([(100, 120)])
    for rotation, turn in ((90, Image.Transpose.ROTATE_270), (-90, Image.Transpose.ROTATE_90)):
        data = encode([(0, picture.transpose(turn)), (0.04, picture.transpose(turn))],
                      rotation=rotation)  # fmt: skip
        with Video(data) as video:
            photo = upright(next(iter(video.decode())))
        assert photo.size == photo.image.size == picture.size
        assert difference(photo.image, picture) < 12


def difference(a, b):
    return np.abs(np.asarray(a, float) - np.asarray(b, float)).mean()


def test_large_frames_are_shrunk_by_whole_factors():
    data = encode([(0, SCENE.resize((1280, 720)))])
    with Video(data) as video:
        photo = upright(next(iter(video.decode())), at_least=600)
    assert photo.size == (1280, 720)
    assert photo.image.size == (640, 360)


@pytest.mark.parametrize(("kind", "codec"), [("matroska", "libx264"), ("avi", "mpeg4")])
def test_of_a_file_that_is_cut_off_the_beginning_is_read(kind, codec):
    data = filmed(crossing, steady(3), kind=kind, codec=codec)
    with Video(data[: len(data) * 3 // 4]) as video:
        read = [moment.time for moment in video.decode()]
        assert 0.3 < max(read) < 2.4
        assert "cut off" in video.problem
        assert "of 3.0 seconds" in video.problem


def test_damage_in_the_middle_is_said_and_the_rest_is_read():
    data = bytearray(filmed(crossing, steady(3), kind="mpegts"))
    data[len(data) // 2 : len(data) // 2 + 4000] = os.urandom(4000)
    with Video(bytes(data)) as video:
        assert max(moment.time for moment in video.decode()) > 2.5


def test_sound_alone_and_other_files_are_refused(tmp_path):
    sound = io.BytesIO()
    with av.open(sound, "w", format="mp4") as output:
        for packet in encoded_tone(output.add_stream("aac", rate=48_000), 0.5):
            output.mux(packet)
    with pytest.raises(UnreadableVideo, match="no moving picture"):
        Video(sound.getvalue())
    cut = encode([(0, SCENE)])[:-600]  # an mp4 ends with its index
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n"
    for data in (b"no video", cut, playlist, b"ffconcat version 1.0\nfile '/etc/passwd'\n"):
        with pytest.raises(UnreadableVideo, match=r"not a video|no moving picture"):
            Video(data)
    (tmp_path / "empty.mp4").touch()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    for source, sentence in (
        (b"", r"^The file is empty\.$"),
        (tmp_path / "empty.mp4", r"^The file is empty\.$"),
        (pointer, "Git LFS pointer, not the video"),
    ):
        with pytest.raises(UnreadableVideo, match=sentence):
            Video(source)
    with pytest.raises(UnreadableVideo, match="cannot be opened"):
        Video(tmp_path / "nowhere.mp4")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(UnreadableVideo, match="it is not a regular file"):
        Video(tmp_path / "pipe.mp4")


def test_a_record_with_its_cover_is_no_moving_picture():
    record = io.BytesIO()
    with av.open(record, "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=48_000)
        cover = output.add_stream("mjpeg", width=64, height=48, pix_fmt="yuvj420p")
        cover.disposition = Disposition.attached_pic
        for packet in encoded_tone(sound, 0.5):
            output.mux(packet)
        output.mux(cover.encode(av.VideoFrame.from_image(SCENE.resize((64, 48)))))
        output.mux(cover.encode())
    with pytest.raises(UnreadableVideo, match="no moving picture"):
        Video(record.getvalue())


@pytest.mark.parametrize("size", [(8192, 2), (2, 8192)])
def test_a_frame_far_longer_than_wide_is_shrunk_to_a_line(size):
    with Video(encode([(0, Image.new("RGB", size, "red"))], "matroska")) as video:
        photo = upright(next(video.decode()), at_least=512)
    assert (max(photo.image.size), min(photo.image.size)) == (512, 1)
    assert photo.size == size
