"""What a TIFF's directory announces, read before Pillow makes Python objects of it."""

import struct

import numpy as np

PREFIXES = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
"""What Pillow takes for a TIFF, two wrong ones included."""

BYTES_OR_TEXT = (1, 2, 7)
"""Types of values that stay one string of bytes, however many they are."""


def most_values(data: bytes) -> int:
    """Return how many numbers the longest tag of a file's first directory has.

    0 for what is no TIFF. Pillow makes a Python object of some 30 bytes of each of them.

    Raises:
        struct.error: if the file ends before the directory begins.
    """
    if data[:4] not in PREFIXES:
        return 0
    order = "<" if data[:2] == b"II" else ">"
    wide = data[2] == ord("+")  # BigTIFF
    place, length = ("Q", "Q") if wide else ("I", "H")
    (start,) = struct.unpack_from(order + place, data, 8 if wide else 4)
    (number,) = struct.unpack_from(order + length, data, start)
    fields = {"tag": "H", "type": "H", "count": place, "value": place}
    entry = np.dtype([(name, order + kind) for name, kind in fields.items()])
    start += struct.calcsize(order + length)
    # A directory that the end of the file cuts off counts as far as it goes.
    number = min(number, (len(data) - start) // entry.itemsize)
    entries = np.frombuffer(data, entry, number, start)
    return int(entries["count"][~np.isin(entries["type"], BYTES_OR_TEXT)].max(initial=0))
