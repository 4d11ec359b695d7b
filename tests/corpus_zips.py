"""Zips that bomb, escape or lie; made like the files of `tests.corpus`, and of them."""

import stat
import struct
import zipfile

from tests.corpus import NAMES, Made, packed, whole


def entry(name: str) -> zipfile.ZipInfo:
    """Return an entry whose name stays as it is; ZipInfo itself changes some."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    return info


def archives() -> list[Made]:
    """Make zips that bomb, escape or lie; `valid` says whether the photo good.jpg comes out."""
    good: tuple[str | zipfile.ZipInfo, bytes] = ("good.jpg", whole("JPEG"))
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    many = packed([(f"{number}.jpg", b"") for number in range(20_001)])
    inner = packed([("zeros.jpg", bytes(40_000_000))])
    zeros = [(f"zeros-{number}.jpg", bytes(49_000_000)) for number in range(16)]
    escapes = [
        "../up.jpg", "a/../../up.jpg", "/etc/abs.jpg", "C:/drive.jpg", "..\\up.jpg",
        "\\\\host\\share.jpg", "/../../root.jpg", "a/./../b/../../x.jpg",
    ]  # fmt: skip
    plain = packed([good, ("x.jpg", bytes(3_000_000))])
    index = plain.rindex(b"PK\x01\x02")
    size = index + 24
    names = [(entry(name), whole("JPEG")) for group in NAMES.values() for name in group]
    made = {
        "bomb": (packed([good, *zeros]), True),
        "bomb-nested": (packed([good, ("inner.zip", inner), ("inner.jpg", inner)]), True),
        "bomb-one": (packed([good, ("huge.jpg", bytes(60_000_000))]), True),
        "bomb-total": (
            packed([good, *[(f"{n}.jpg", bytes(49_000_000)) for n in range(41)]]),
            False,
        ),
        "many": (many, False),
        "lying": (plain[:size] + struct.pack("<I", 1000) + plain[size + 4 :], True),
        "lying-more": (plain[:size] + struct.pack("<I", 49_000_000) + plain[size + 4 :], True),
        "overlapping": (_overlapping(good), None),
        "escapes": (packed([good, *[(entry(name), whole("JPEG")) for name in escapes]]), True),
        "link": (packed([good, (link, b"/etc/passwd")]), True),
        "names": (packed([good, *names]), True),
        "same-names": (packed([good, (entry("good.jpg"), b"junk")]), True),
        "none": (packed([("notes.txt", b"x")]), False),
        "empty": (packed([]), False),
        "text": (b"I am no archive.", False),
        "nul": (packed([good, (entry("a.jpg\0.txt"), b"x")]), True),
    }
    cuts = {f"cut-{end}": (plain[:end], False) for end in (4, 30, index, index + 46, -22, -1)}
    return [Made(f"{name}.zip", *rest) for name, rest in (made | cuts).items()]


def _overlapping(good: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A zip whose index names the same bytes forty times."""
    data = packed([good, ("zeros.jpg", bytes(40_000_000))])
    start, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    record, first = data[start:end], data.index(b"PK\x01\x02")
    index = data[first:start] + record * 40
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 41, 41, len(index), first, 0)
    return data[:first] + index + tail
