"""The kinds of TIFF: each is read right or refused, and none takes more than it may."""

import io
import struct
from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image

from fer.errors import UnreadableImage
from fer.faces.images import MAX_TIFF_VALUES, read_image
from fer.faces.tiff import most_values
from tests.corpus import face, tiff, whole

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
    for order in "<>":
        assert most_values(big_tiff(order, [(258, 3, 3), (273, 16, 2**40)])) == 2**40


def test_later_pages_count_as_well():
    data = pages(PREVIEW, RGB, first={}, byteorder="<", compression="zlib", rowsperstrip=1)
    assert most_values(data) == len(RGB)


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


def made(pixels: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def pages(*images: np.ndarray, first: dict, **options) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=options.pop("byteorder")) as writer:
        for number, pixels in enumerate(images):
            more = first if number == 0 else {}
            writer.write(pixels, photometric="rgb", **more, **options)
    return buffer.getvalue()


RGB = np.asarray(face())
GREY = np.asarray(face().convert("L"))
GREY_16, RGB_16 = GREY.astype(np.uint16) * 257, RGB.astype(np.uint16) * 257
OPAQUE = np.full_like(GREY, 255)
LOW_MAXIMUM = [(281, 3, 1, 63, True)]  # MaxSampleValue
INFINITE = GREY / np.float32(255)
INFINITE[0, 0], INFINITE[1, 1] = np.inf, np.nan
PREVIEW = np.zeros((40, 40, 3), np.uint8)
RAMP = np.arange(256, dtype=np.uint16)
GREY_KINDS = {
    "8 bits": (GREY, {}),
    "8 bits, 0 is white": (255 - GREY, {"photometric": "miniswhite"}),
    "16 bits": (GREY_16, {}),
    "16 bits, 0 is white": (65535 - GREY_16, {"photometric": "miniswhite"}),
    "12 bits in 16": (GREY_16 >> 4, {}),
    "10 bits in 16": (GREY_16 >> 6, {}),
    "6 bits in 8, as a tag says": (GREY >> 2, {"extratags": LOW_MAXIMUM}),
    "16 signed bits": (GREY_16.astype(int) - 32768, {"dtype": np.int16}),
    "16 signed bits, none below 0": (GREY_16 >> 1, {"dtype": np.int16}),
    "8 signed bits": (GREY.astype(int) - 128, {"dtype": np.int8}),
    "32 bits": (GREY.astype(np.uint32) * 16843009, {}),
    "32 signed bits": (GREY.astype(np.int32) * 8000000, {}),
    "16-bit floats": (GREY / 255, {"dtype": np.float16}),
    "32-bit floats": (GREY / 255, {"dtype": np.float32}),
    "64-bit floats": (GREY / 255, {}),
    "floats, 0 is white": (1 - GREY / 255, {"dtype": np.float32, "photometric": "miniswhite"}),
    "floats that are none": (INFINITE, {}),
    "floats from -1": (GREY / 127.5 - 1, {"dtype": np.float32}),
    "palette": (GREY, {"photometric": "palette", "colormap": np.stack([RAMP * 257] * 3)}),
    "8-bit palette": (GREY, {"photometric": "palette", "colormap": np.stack([RAMP] * 3)}),
    "opacity": (np.dstack([GREY, OPAQUE]), {"extrasamples": ["unassalpha"]}),
    "multiplied opacity": (np.dstack([GREY, OPAQUE]), {"extrasamples": ["assocalpha"]}),
    "a second channel": (np.dstack([GREY, OPAQUE]), {"extrasamples": ["unspecified"]}),
}
PLANES, PLANES_16 = RGB.transpose(2, 0, 1), RGB_16.transpose(2, 0, 1)
FOUR = np.stack([*PLANES, OPAQUE])
APART = {"planarconfig": "separate"}
CMYK = np.asarray(face().convert("CMYK"))
COLOUR_KINDS = {
    "8 bits": (RGB, {}),
    "16 bits": (RGB_16, {}),
    "12 bits in 16": (RGB_16 >> 4, {}),
    "planes": (PLANES, APART),
    "planes in strips": (PLANES, APART | {"rowsperstrip": 16}),
    "planes in tiles": (PLANES, APART | {"tile": (32, 32)}),
    "16-bit planes": (PLANES_16, APART),
    "16-bit planes in strips": (PLANES_16, APART | {"rowsperstrip": 16}),
    "16-bit planes in tiles": (PLANES_16, APART | {"tile": (32, 32)}),
    "planes and opacity": (FOUR, APART | {"extrasamples": ["unassalpha"]}),
    "planes and multiplied opacity": (FOUR, APART | {"extrasamples": ["assocalpha"]}),
    "planes and infrared": (FOUR, APART | {"extrasamples": ["unspecified"]}),
    "inks": (CMYK, {"photometric": "separated"}),
    "16-bit inks": (CMYK.astype(np.uint16) * 257, {"photometric": "separated"}),
    "planes of inks": (CMYK.transpose(2, 0, 1), APART | {"photometric": "separated"}),
    "other inks": (CMYK, {"photometric": "separated", "extratags": [(332, 3, 1, 2, True)]}),
    "BigTIFF": (RGB, {"bigtiff": True}),
}
GREY_REFUSED = {
    "16 signed bits", "8 signed bits", "16-bit floats", "64-bit floats", "floats from -1",
}  # fmt: skip
COLOUR_REFUSED = {"12 bits in 16", "other inks"}
"""What is never read; of the other kinds the usual form is, little-endian and compressed."""


@pytest.mark.parametrize(
    ("kind", "order", "compression"), list(product(GREY_KINDS, "<>", (None, "zlib"))), ids=str
)
def test_every_kind_of_grey_is_read_right_or_refused(kind, order, compression):
    pixels, options = GREY_KINDS[kind]
    pixels = pixels.astype(options.get("dtype", pixels.dtype))
    rest = {name: value for name, value in options.items() if name != "dtype"}
    usual = {"photometric": "minisblack", "byteorder": order, "compression": compression}
    check(made(pixels, **usual | rest), GREY, kind in GREY_REFUSED, f"{order}{compression}")


@pytest.mark.parametrize(
    ("kind", "order", "compression"), list(product(COLOUR_KINDS, "<>", (None, "zlib"))), ids=str
)
def test_every_kind_of_colour_is_read_right_or_refused(kind, order, compression):
    pixels, options = COLOUR_KINDS[kind]
    usual = {"photometric": "rgb", "byteorder": order, "compression": compression}
    check(made(pixels, **usual | options), RGB, kind in COLOUR_REFUSED, f"{order}{compression}")


def check(data: bytes, right: np.ndarray, refused: bool, form: str) -> None:
    """Read a file: refused, or right to the few levels that its own depth leaves."""
    try:
        read = np.asarray(read_image(data), int)
    except UnreadableImage:
        read = None
    assert (read is None) == refused or (read is None and form != "<zlib")
    if read is None:
        return
    right = right if right.ndim == 3 else np.dstack([right] * 3)
    assert np.abs(read - right).mean() < 3


@pytest.mark.parametrize("order", "<>")
def test_the_photo_is_found_behind_its_preview(order):
    options = {"byteorder": order, "compression": "zlib"}
    behind = pages(PREVIEW, RGB, first={"subfiletype": 1}, **options)
    assert np.array_equal(read_image(behind), RGB)
    assert np.array_equal(read_image(Image.open(io.BytesIO(behind))), RGB)
    document = pages(RGB, PREVIEW, first={"subfiletype": 2}, **options)
    assert np.array_equal(read_image(document), RGB)  # a page of many is no preview
    below = pages(PREVIEW, RGB, first={"subfiletype": 1, "subifds": 1}, **options)
    with pytest.raises(UnreadableImage, match="only a preview"):
        read_image(below)


def test_without_a_word_on_what_0_is_it_is_refused():
    whole_file = made(GREY, photometric="minisblack")
    place = whole_file.index(struct.pack("<HHI", 262, 3, 1))
    nameless = whole_file[:place] + struct.pack("<H", 263) + whole_file[place + 2 :]
    with pytest.raises(UnreadableImage, match="0 is black or white"):
        read_image(nameless)
