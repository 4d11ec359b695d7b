"""Files that no camera made: damaged, lying, enormous and oddly named, from one seed.

Nothing is stored: every file is made anew from one drawn or real photo, and the same seed makes the
same bytes on a machine with the same encoders.
"""

import io
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import skimage.data
from PIL import Image
from pillow_heif import register_heif_opener

ENDINGS = {
    "JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif",
    "BMP": "bmp", "TIFF": "tiff", "GIF": "gif", "HEIF": "heic",
}  # fmt: skip
FLIPS = 12  # files of each format with flipped bytes

RIGHT_TO_LEFT = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u061c"
MARKUP = "<img src=x onerror=window.hit=1>"
NAMES = {
    "control": [f"c{chr(code)}d.jpg" for code in (*range(1, 32), 127, 128, 133, 155, 159)],
    "direction": [f"a{mark}gpj.exe.jpg" for mark in RIGHT_TO_LEFT],
    "invisible": [f"a{mark}b.jpg" for mark in "\u200b\u2028\u2029\u00ad\ufeff\ufffe"],
    "markup": [
        f"{MARKUP}.jpg",
        "<script>window.hit=1<⧸script>.jpg",
        "<b>bold.jpg",
        "<svg onload=window.hit=1>.jpg",
        "&lt;b&gt;.jpg",
        "\"><h1 class='made'>x.jpg",
        "[x](javascript:window.hit=1).jpg",
        ":red[x] **y** `z` $a^2$ :material⧸home:.jpg",
    ],
    "formula": [
        "=1+1.jpg",
        "+1+1.jpg",
        "-1+1.jpg",
        "@SUM(1).jpg",
        "\t=1.jpg",
        "\r=1.jpg",
        "\n=1.jpg",
        "＝1+1.jpg",
        "＋1.jpg",
        "－1.jpg",
        "＠x.jpg",
        "=cmd|' ⧸C calc'!A0.jpg",
        '=HYPERLINK("http:⧸⧸x.invalid","y").jpg',
        '"=1+1".jpg',
    ],
    "long": ["n" * 1020 + ".jpg", "é" * 510 + ".jpg", "😀" * 255 + ".jpg", "a.jpg" * 204 + ".jpg"],
    "odd": ["a\"b,c;d'e.jpg", " .jpg", "con.jpg", "%2e%2e%2fx.jpg", "a\\b.jpg", "Z̸̡̢a͜͝.jpg"],
}
"""Names of photos by what is nasty about them."""


@dataclass(frozen=True)
class Made:
    """One file."""

    name: str
    data: bytes
    valid: bool | None
    """Whether it is a photo that has to be read; `None` where a flipped byte may spare it."""


@cache
def face() -> Image.Image:
    """A small photo of one face."""
    photo = Image.fromarray(skimage.data.astronaut())
    return photo.crop((100, 0, 360, 260)).resize((160, 160))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image as a file."""
    register_heif_opener()
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def whole(kind: str) -> bytes:
    """Return the face as a valid file of a format."""
    return encoded(face(), kind)


def corpus(seed: int = 20) -> list[Made]:
    """Make all single files, with a valid photo after every tenth."""
    chance = random.Random(seed)
    files: list[Made] = []
    for number, made in enumerate(
        [*flipped(chance), *_cut(), *_misnamed(), *_giant(), *_deep(), *_costly(), *_named()]
    ):
        files.append(made)
        if number % 10 == 9:
            files.append(Made(f"neighbour-{number}.jpg", whole("JPEG"), True))
    return files


def flipped(chance: random.Random) -> Iterator[Made]:
    """Flip bits of each format: 1, 4 or 30 of them."""
    for kind, ending in ENDINGS.items():
        for number in range(FLIPS):
            data = bytearray(whole(kind))
            # Half of them in the header, where a byte means most.
            end = len(data) if number % 2 else min(len(data), 400)
            for _ in range(chance.choice((1, 1, 4, 30))):
                data[chance.randrange(end)] ^= 1 << chance.randrange(8)
            yield Made(f"flipped-{number}.{ending}", bytes(data), None)


def _cut() -> Iterator[Made]:
    for kind, ending in ENDINGS.items():
        data = whole(kind)
        for end in sorted({end for end in BOUNDARIES[kind](data) if end < len(data)}):
            # What is behind the last boundary may be a trailer that no decoder misses.
            valid = None if end > len(data) - 20 else False
            yield Made(f"cut-{end}.{ending}", data[:end], valid)


def _jpeg_boundaries(data: bytes) -> Iterator[int]:
    place = 2
    while data[place + 1] != 0xDA:
        yield place
        yield place + 4
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    yield place
    yield place + 2 + int.from_bytes(data[place + 2 : place + 4])


def _png_boundaries(data: bytes) -> Iterator[int]:
    place = 8
    while place < len(data):
        yield place
        yield place + 8
        place += 12 + int.from_bytes(data[place : place + 4])


def _riff_boundaries(data: bytes) -> Iterator[int]:
    yield from (4, 8)
    place = 12
    while place < len(data):
        yield place
        yield place + 8
        place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")


def _box_boundaries(data: bytes) -> Iterator[int]:
    place = 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4])
        yield from (place, place + 8)
        if data[place + 4 : place + 8] == b"meta":
            inner = place + 12
            while inner < place + size:
                yield inner
                inner += int.from_bytes(data[inner : inner + 4])
        place += size


def _tiff_boundaries(data: bytes) -> Iterator[int]:
    yield from (4, 8)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    yield from range(start, start + 2 + 12 * count, 12)


BOUNDARIES = {
    "JPEG": _jpeg_boundaries,
    "PNG": _png_boundaries,
    "WEBP": _riff_boundaries,
    "AVIF": _box_boundaries,
    "HEIF": _box_boundaries,
    "TIFF": _tiff_boundaries,
    "BMP": lambda data: (2, 6, 10, 14, 18, 22, 26, 30, 34, 54),
    "GIF": lambda data: (3, 6, 10, 13, 13 + 768, 13 + 768 + 10, 13 + 768 + 11),
}


def _misnamed() -> Iterator[Made]:
    endings = list(ENDINGS.values())
    for index, kind in enumerate(ENDINGS):
        for step in (1, 3, 5):  # the content counts, not the ending
            ending = endings[(index + step) % len(endings)]
            yield Made(f"is-{kind.lower()}.{ending}", whole(kind), True)
    others = {
        "empty": b"",
        "byte": b"\xff",
        "text": b"I am a text file.",
        "html": b"<!doctype html><script>alert(1)</script>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "pdf": b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop",
        "exe": b"MZ" + bytes(200),
        "zip": packed([("a.jpg", whole("JPEG"))]),
        "movie": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100),
        "zeros": bytes(10_000),
        "ones": b"\xff" * 10_000,
    }
    for name, data in others.items():
        for ending in ("jpg", "png", "heic"):
            yield Made(f"{name}.{ending}", data, False)


def _giant() -> Iterator[Made]:
    """Headers of giant dimensions with next to nothing behind, and large photos that are valid."""
    sizes = ((65_535, 65_535), (20_000, 20_000), (2**31 - 1, 2**31 - 1), (2**30, 1), (0, 0))
    png, bmp, gif, jpeg = (whole(kind) for kind in ("PNG", "BMP", "GIF", "JPEG"))
    frame = jpeg.index(b"\xff\xc0") + 5
    for width, height in sizes:
        name = f"giant-{width}x{height}"
        header = struct.pack(">II", width, height) + png[24:29]
        yield Made(f"{name}.png", png[:8] + chunk(b"IHDR", header) + png[33:], False)
        size = struct.pack("<ii", width, height)
        yield Made(f"{name}.bmp", bmp[:18] + size + bmp[26:], False)
        yield Made(f"{name}.tiff", tiff(width, height, bytes(100)), False)
        if width <= 65_535:
            # A GIF's canvas may be larger than its picture, which is then all of it that is there.
            canvas = struct.pack("<HH", width, height)
            yield Made(f"{name}.gif", gif[:6] + canvas + gif[10:], False if width else None)
            sides = struct.pack(">HH", height, width)
            yield Made(f"{name}.jpg", jpeg[:frame] + sides + jpeg[frame + 4 :], False)
        for kind, ending in (("AVIF", "avif"), ("HEIF", "heic")):
            data = whole(kind)
            place = data.index(b"ispe") + 8
            sides = struct.pack(">II", width, height)
            yield Made(f"{name}.{ending}", data[:place] + sides + data[place + 8 :], False)
    canvas = struct.pack("<I", 16_382)[:3]
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + canvas
    body = b"WEBP" + extended + whole("WEBP")[12:]
    yield Made("giant.webp", b"RIFF" + struct.pack("<I", len(body)) + body, False)
    yield Made("large-grey.png", flat_png(8000, 8000, 1, 0), True)
    yield Made("large-deep.png", flat_png(8000, 8000, 16, 0), True)
    yield Made("large-clear.png", flat_png(8000, 8000, 8, 6), True)
    yield Made("large-strip.png", flat_png(60_000_000, 1, 8, 2), True)
    yield Made("too-large.png", flat_png(8001, 8000, 8, 2), False)
    progressive = encoded(Image.new("L", (8000, 8000)), "JPEG", progressive=True)
    yield Made("large-progressive.jpg", progressive, True)


def _deep() -> Iterator[Made]:
    """Metadata that is damaged, endless or lies, beside pixels that are whole."""
    nested = exif([(0x8769, 4, 1, 8)])  # its Exif directory is the directory itself
    sideways = exif([(0x0112, 3, 1, 6)])
    blocks = {
        "itself": nested,
        "nested": _nested_exif(2000),
        "garbage": b"Exif\0\0" + bytes(range(256)) * 20,
        "short": b"Exif\0\0II*\0",
        "beyond": exif([(0x0112, 3, 1, 6), (0x010F, 2, 2**32 - 1, 8)]),
        "array": exif([(0x0112, 3, 20_000, 26)], bytes(40_000)),
        "text": exif([(0x0112, 2, 4, 0x313233)]),
        "rational": exif([(0x0112, 5, 1, 26), (0x011A, 5, 1, 26)], bytes(8)),
        "cyclic": exif([(0x0112, 3, 1, 6)], next_=8),
        "wide": exif([(0x0112 + n, 4, 2**31, 2**31) for n in range(4000)]),
        "sideways": sideways,
    }
    for name, block in blocks.items():
        yield Made(f"exif-{name}.jpg", with_segment(0xE1, block), True)
        png = whole("PNG")
        yield Made(f"exif-{name}.png", png[:33] + chunk(b"eXIf", block[6:]) + png[33:], True)
    yield Made("exif-large.png", _png_with(chunk(b"eXIf", _large_exif())), True)
    yield Made("profile.jpg", with_segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(9000)), True)
    yield Made("long-text.png", _png_with(chunk(b"tEXt", b"a\0" + bytes(900_000))), True)
    bomb = zlib.compress(bytes(100_000_000))
    yield Made("bomb-text.png", _png_with(chunk(b"zTXt", b"a\0\0" + bomb)), None)
    yield Made("bomb-profile.png", _png_with(chunk(b"iCCP", b"a\0\0" + bomb)), None)


def _costly() -> Iterator[Made]:
    """Small or valid files that would keep a naive reader at work for minutes."""
    jpeg, gif = whole("JPEG"), whole("GIF")
    progressive = encoded(Image.new("L", (4000, 4000), 128), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    yield Made("scans.jpg", progressive[:-2] + scan * 1000 + b"\xff\xd9", False)
    yield Made("junk.jpg", jpeg[:2] + b"\xff" * 20_000_000 + jpeg[2:], False)
    yield Made("comments.jpg", jpeg[:2] + b"\xff\xfe\0\2" * 3_000_000 + jpeg[2:], False)
    yield Made("exif-parts.jpg", jpeg[:2] + segment(0xE1, b"Exif\0\0abc") * 300_000, False)
    yield Made("chunks.png", _png_with(chunk(b"prVt", b"") * 2_000_000), False)
    yield Made("comments.gif", gif[:781] + b"\x21\xfe\1a\0" * 4_000_000 + gif[781:], False)
    yield Made("line.bmp", run_length_bmp(60_000_000, 1, b"\1\1\0\0"), False)
    yield Made("lines.bmp", run_length_bmp(7000, 7000, b"\1\1\0\0" * 7000), False)
    yield Made("runs.bmp", run_length_bmp(10, 10, b"\1\1" * 10_000_000), False)
    yield Made("runs-few.bmp", run_length_bmp(200, 200, b"\xc8\1\0\0" * 200 + b"\0\1"), True)
    offsets = struct.pack("<I", 8) * 2_000_000
    yield Made("strips.tiff", tiff(64, 64, offsets, strips=2_000_000), False)
    pixels, long = b"\x80" * 4096, bytes(48_000_000)
    for number, (tag, kind, count) in enumerate([(258, 3, 24_000_000), (282, 5, 6_000_000)]):
        data = tiff(64, 64, pixels + long, more=[(tag, kind, count, 8 + 4096)])
        yield Made(f"list-{number}.tiff", data, False)
    # Photoshop keeps its layers like this.
    layers = tiff(64, 64, pixels + long, more=[(37724, 7, 48_000_000, 8 + 4096)])
    yield Made("layers.tiff", layers, True)


def _named() -> Iterator[Made]:
    for names in NAMES.values():
        for name in names:
            yield Made(name, whole("JPEG"), True)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_with(chunks: bytes) -> bytes:
    png = whole("PNG")
    return png[:33] + chunks + png[33:]


def flat_png(width: int, height: int, depth: int, colour: int) -> bytes:
    """Return a valid PNG of nothing but zeros, made without holding them."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    packer, row = zlib.compressobj(1), bytes(1 + (width * channels * depth + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def segment(marker: int, data: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def with_segment(marker: int, data: bytes) -> bytes:
    """Return the face as a JPEG with one more segment."""
    return whole("JPEG")[:2] + segment(marker, data) + whole("JPEG")[2:]


Tag = tuple[int, int, int, int]
"""Number, type, count, and value or place."""


def exif(tags: list[Tag], rest: bytes = b"", next_: int = 0) -> bytes:
    """Return EXIF of these tags."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return b"Exif\0\0" + head + entries + struct.pack("<I", next_) + rest


def _nested_exif(depth: int) -> bytes:
    """EXIF whose directories hold one another."""
    head = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    return head + b"".join(
        struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8 + 18 * (level + 1), 0) for level in range(depth)
    )


def _large_exif() -> bytes:
    """EXIF of 40 MB whose orientation is an array of numbers over all of it."""
    return exif([(0x0112, 3, 20_000_000, 26)], b"\x08\x07" * 20_000_000)[6:]


def tiff(width: int, height: int, data: bytes, strips: int = 1, more: Sequence[Tag] = ()) -> bytes:
    """Return a grey TIFF; of many strips, `data` are their offsets. `more` tags come on top."""
    place = 8 + 4096 if strips > 1 else 8
    usual = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, strips, place), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    tags = sorted({tag[0]: tag for tag in (*usual, *more)}.values())
    body = bytes(4096) * (strips > 1) + data
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory + bytes(4)


def run_length_bmp(width: int, height: int, body: bytes) -> bytes:
    """Return a run-length coded BMP."""
    start = 54 + 1024
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + sizes + bytes(1024) + body


def packed(files: list[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    """Return files as a zip."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # one of them has two files of one name
        for name, data in files:
            archive.writestr(name, data, zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()
