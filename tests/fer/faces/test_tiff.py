"""The longest list of numbers that a TIFF announces."""

import io
import struct

import pytest
from PIL import Image

from fer.errors import UnreadableImage
from fer.faces.images import MAX_TIFF_VALUES, read_image
from fer.faces.tiff import most_values
from tests.corpus import tiff, whole

PIXELS = b"\x80" * 4096


def big_tiff(order: str, tags: list[tuple[int, int, int]]) -> bytes:
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
    body = b"".join(struct.pack(f"{order}HHQQ", *tag, 0) for tag in tags)
    return head + struct.pack(f"{order}Q", len(tags)) + body


def test_only_numbers_count():
    assert most_values(tiff(64, 64, PIXELS)) == 1
    assert most_values(tiff(64, 64, PIXELS, more=[(37724, 7, 4000, 8)])) == 1
    assert most_values(tiff(64, 64, PIXELS, more=[(282, 5, 400, 8), (50000, 2, 900, 8)])) == 400


def test_both_byte_orders_and_bigtiff():
    motorola = b"MM\0*" + struct.pack(">IHHHII", 8, 1, 282, 5, 400, 8)
    assert most_values(motorola) == 400
    assert most_values(big_tiff("<", [(258, 3, 3), (273, 16, 2**40)])) == 2**40


def test_other_files_have_none():
    assert [most_values(data) for data in (b"", b"II", whole("JPEG"), whole("PNG"))] == [0] * 4


def test_a_directory_that_is_cut_off_counts_as_far_as_it_goes():
    whole_file = tiff(64, 64, PIXELS, more=[(262, 3, 77, 8)])
    assert most_values(whole_file[:-20]) == 77
    with pytest.raises(struct.error):
        most_values(whole_file[:4096])


def test_what_pillow_writes_is_read_and_longer_lists_are_refused():
    buffer = io.BytesIO()
    Image.new("RGB", (500, 3000)).save(buffer, "TIFF", compression="tiff_lzw", strip_size=1500)
    assert most_values(buffer.getvalue()) == 3000
    assert read_image(buffer.getvalue()).size == (500, 3000)
    with pytest.raises(UnreadableImage, match="too many pieces"):
        read_image(tiff(64, 64, PIXELS, more=[(282, 5, MAX_TIFF_VALUES + 1, 8)]))
