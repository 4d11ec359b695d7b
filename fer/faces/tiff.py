"""What a TIFF's directories announce: before Pillow makes Python objects of it, and beyond what it
understands. Tags and their meaning: TIFF 6.0, Adobe 1992."""

import struct
from dataclasses import dataclass

import numpy as np
from PIL import ImagePalette
from PIL.TiffImagePlugin import TiffImageFile

from fer.errors import UnreadableImage

PREFIXES = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
"""What Pillow takes for a TIFF, two wrong ones included."""

BYTES_OR_TEXT = (1, 2, 7)
"""Types of values that stay one string of bytes, however many they are."""

MAX_PAGES = 32
"""Pages looked at for one that is the photo and no preview of it."""

NEW_SUBFILE_TYPE, SUBFILE_TYPE = 254, 255
BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 258, 259, 262, 266
MAX_SAMPLE_VALUE, PLANAR_CONFIGURATION, COLOR_MAP = 281, 284, 320
INK_SET, DOT_RANGE, SAMPLE_FORMAT, YCBCR_SUBSAMPLING = 332, 336, 339, 530

PREVIEW_OR_MASK = 1 | 4
"""Bits of NewSubfileType; the other one says that it is a page of many."""
REDUCED = 2
"""The older SubfileType of a preview."""
WHITE_IS_ZERO, SEPARATED, YCBCR = 0, 5, 6
SEPARATE = 2
"""PlanarConfiguration: each channel in a plane of its own."""
SIGNED = 2
"""SampleFormat: integers below zero, too."""
OLD_JPEG = 6


def most_values(data: bytes) -> int:
    """Return how many numbers the longest tag of a file's first directories has.

    0 for what is no TIFF. Pillow makes a Python object of some 30 bytes of each of them.

    Raises:
        struct.error: if the file ends before the first directory begins.
    """
    if data[:4] not in PREFIXES:
        return 0
    order = "<" if data[:2] == b"II" else ">"
    wide = b"+" in data[2:4]  # BigTIFF
    place, length = ("Q", "Q") if wide else ("I", "H")
    fields = {"tag": "H", "type": "H", "count": place, "value": place}
    entry = np.dtype([(name, order + kind) for name, kind in fields.items()])
    (start,) = struct.unpack_from(order + place, data, 8 if wide else 4)
    most = 0
    for page in range(MAX_PAGES):
        if page and not 0 < start <= len(data) - struct.calcsize(order + length):
            break
        (number,) = struct.unpack_from(order + length, data, start)
        start += struct.calcsize(order + length)
        # A directory that the end of the file cuts off counts as far as it goes.
        number = min(number, (len(data) - start) // entry.itemsize)
        entries = np.frombuffer(data, entry, number, start)
        counts = entries["count"][~np.isin(entries["type"], BYTES_OR_TEXT)]
        most = max(most, int(counts.max(initial=0)))
        start += number * entry.itemsize
        if start + struct.calcsize(order + place) > len(data):
            break
        (start,) = struct.unpack_from(order + place, data, start)
    return most


def prepare(image: TiffImageFile) -> None:
    """Go to the photo among an opened file's pages, and refuse what Pillow would read wrongly.

    Each of these kinds was made and read, big- and little-endian, plain and compressed; what is
    not refused here or by Pillow came out right.

    Raises:
        UnreadableImage: if it is one of these kinds.
    """
    _find_photo(image)
    tags = image.tag_v2
    plain = image.info["compression"] == "raw"
    bits = tags.get(BITS_PER_SAMPLE, (1,))
    photometric = tags.get(PHOTOMETRIC)
    deep_plane = set(bits) != {8} or photometric == WHITE_IS_ZERO or tags.get(FILL_ORDER) == 2
    wrong = {
        "it does not say whether 0 is black or white": (
            photometric is None and tags.get(COMPRESSION) != OLD_JPEG
        ),
        "its 8-bit values are signed": max(bits) == 8 and SIGNED in tags.get(SAMPLE_FORMAT, ()),
        "its channels lie apart in an unusual way": tags.get(PLANAR_CONFIGURATION) == SEPARATE
        and (deep_plane if plain else image.mode in ("LA", "La", "PA")),
        "its values are wider than 16 bits, big-endian and compressed": (
            image.mode in ("I", "F") and tags.prefix == b"MM" and not plain
        ),
        "its colours have fewer pixels and no compression": (
            photometric == YCBCR and plain and tuple(tags.get(YCBCR_SUBSAMPLING, ())) != (1, 1)
        ),
        "its inks are not cyan, magenta, yellow and black": (
            photometric == SEPARATED and tags.get(INK_SET, 1) != 1
        ),
        "its inks are written from full to none": (
            photometric == SEPARATED and tuple(tags.get(DOT_RANGE, (0, 255)))[:2] == (255, 0)
        ),
    }
    if reason := next((reason for reason, holds in wrong.items() if holds), None):
        raise UnreadableImage(f"This kind of TIFF is not read ({reason}): save it as PNG or JPEG.")
    if image.mode in ("P", "PA") and max(tags[COLOR_MAP]) < 256:
        # Colours have 16 bits here; some programs write 8, which Pillow takes for black.
        image.palette = ImagePalette.raw("RGB;L", bytes(tags[COLOR_MAP]))


def _find_photo(image: TiffImageFile) -> None:
    """Go to the first page that is neither a preview nor a mask."""
    for page in range(MAX_PAGES):
        try:
            image.seek(page)
        except EOFError:
            break
        kind = image.tag_v2.get(NEW_SUBFILE_TYPE, 0) & PREVIEW_OR_MASK
        if not kind and image.tag_v2.get(SUBFILE_TYPE) != REDUCED:
            return
    raise UnreadableImage(
        "This TIFF shows only a preview of its photo, as camera raw does: save it as PNG or JPEG."
    )


@dataclass(frozen=True)
class Samples:
    """What a file says of its samples beyond the mode in which Pillow holds them."""

    bits: int | None = None
    """Of white, where they are fewer than the samples could hold."""
    negative: bool = False
    """Whether 0 is white, and Pillow, which turns 8 bits over itself, leaves that to us."""
    unsigned: bool = False
    """Whether values of 32 bits, which Pillow holds with a sign, have none."""


UNSAID = Samples()
"""What other files say."""


def samples(image: TiffImageFile) -> Samples:
    """Read what a TIFF's tags say of its samples."""
    tags = image.tag_v2
    bits = max(tags.get(BITS_PER_SAMPLE, (1,)))
    largest = tags.get(MAX_SAMPLE_VALUE, 0)
    largest = int(max(largest) if isinstance(largest, tuple) else largest)
    stated = largest.bit_length() or bits
    return Samples(
        bits=stated if stated < bits or 8 < bits < 16 else None,
        negative=tags.get(PHOTOMETRIC) == WHITE_IS_ZERO and image.mode in ("I;16", "F"),
        unsigned=SIGNED not in tags.get(SAMPLE_FORMAT, (1,)),
    )
