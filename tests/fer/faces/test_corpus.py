"""The reader on files that no camera made: hundreds of one seed, and Hypothesis."""

import io
from contextlib import suppress
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fer.errors import UnreadableImage
from fer.faces.images import MAX_PIXELS, read_image, read_photo
from tests.corpus import ENDINGS, exif, flipped, tiff, whole, with_segment
from tests.measured import Measured, in_its_own_process, read_all

GIGABYTE = 10**9
KINDS = sorted(ENDINGS)
thorough = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def measured() -> Measured:
    return in_its_own_process(read_all)


def test_there_are_enough_of_them_and_they_come_again(measured):
    made_as = list(measured.valid.values())
    assert len(made_as) >= 300
    assert min(made_as.count(True), made_as.count(False)) > 100
    assert list(flipped(Random(1))) == list(flipped(Random(1))) != list(flipped(Random(2)))


def test_each_file_is_a_photo_or_a_sentence_and_the_valid_ones_are_photos(measured):
    assert measured.results.keys() == measured.valid.keys()
    for name, valid in measured.valid.items():
        result = measured.results[name]
        if valid is not None:
            assert isinstance(result, tuple) == valid, (name, result)
        if isinstance(result, str):
            assert result.startswith("The ") or result.startswith("This "), (name, result)
            assert result.endswith("."), (name, result)


def test_none_takes_more_than_a_gigabyte(measured):
    # The largest photo that is read takes 256 MB as RGB: less would be no measurement.
    assert 4 * MAX_PIXELS < measured.growth < GIGABYTE


def outcome(data: bytes) -> tuple[int, int] | None:
    """Read a file both ways; what is neither a photo nor the library's own error fails the test."""
    with suppress(UnreadableImage):
        photo = read_image(data)
        assert photo.mode == "RGB"
        assert read_photo(data, 64).size == photo.size
        return photo.size
    with pytest.raises(UnreadableImage, match=r"\.$"):
        read_photo(data, 64)
    return None


@thorough
@given(st.binary(max_size=2000))
def test_any_bytes_are_a_photo_or_the_library_s_own_error(data):
    outcome(data)


@thorough
@given(st.sampled_from(KINDS), st.integers(2, 40), st.binary(max_size=2000))
def test_any_bytes_behind_a_true_beginning(kind, length, rest):
    outcome(whole(kind)[:length] + rest)


@thorough
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 400),
)
def test_any_bytes_changed_and_cut_off(kind, changes, cut):
    data = bytearray(whole(kind))
    for place, value in changes:
        data[place % len(data)] = value
    outcome(bytes(data[: len(data) - cut]))


@thorough
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x0112, 0x011A, 0x0128, 0x8769, 0x8825, 0x02BC]),
            st.integers(0, 13),
            st.integers(0, 40) | st.just(2**32 - 1),
            st.integers(0, 200) | st.integers(0, 2**32 - 1),
        ),
        max_size=12,
    ),
    st.binary(max_size=200),
)
def test_no_metadata_keeps_a_photo_from_being_read(tags, rest):
    assert outcome(with_segment(0xE1, exif(tags, rest))) == (160, 160)


@thorough
@given(
    st.integers(0, 70_000),
    st.integers(0, 70_000),
    st.binary(max_size=400),
    st.sampled_from([1, 2, 50]),
)
def test_any_dimensions(width, height, data, strips):
    outcome(tiff(width, height, data, strips))


def test_a_tiff_that_lies_on_its_side_has_its_own_size():
    tags = Image.Exif()
    tags[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20)).save(buffer, "TIFF", exif=tags)
    photo = read_photo(buffer.getvalue())
    assert photo.size == photo.image.size == (20, 40)


def test_a_large_photo_is_handed_on_as_small_as_it_may_be():
    buffer = io.BytesIO()
    Image.new("1", (6000, 5000)).save(buffer, "PNG")
    photo = read_photo(buffer.getvalue(), 1000)
    assert photo.size == (6000, 5000)
    assert photo.image.size == (1000, 834)
