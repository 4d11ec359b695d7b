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
    big = data[2] == ord("+")  # the wide directory of BigTIFF
    (start,) = struct.unpack_from(f"{order}Q" if big else f"{order}L", data, 8 if big else 4)
    (number,) = struct.unpack_from(f"{order}Q" if big else f"{order}H", data, start)
    fields = {
        "tag": "u2",
        "type": "u2",
        "count": "u8" if big else "u4",
        "value": "V8" if big else "V4",
    }
    entry = np.dtype([(name, order + kind) for name, kind in fields.items()])
    start += 8 if big else 2
    # A directory that the end of the file cuts off counts as far as it goes.
    number = min(number, (len(data) - start) // entry.itemsize)
    entries = np.frombuffer(data, entry, number, start)
    return int(entries["count"][~np.isin(entries["type"], BYTES_OR_TEXT)].max(initial=0))
