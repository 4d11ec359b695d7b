"""Bytes or a path -> an upright RGB image, or an `UnreadableImage` that says why not."""

import io
import math
import os
import random
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import register_heif_opener

from fer.errors import UnreadableImage, first_line
from fer.faces import tiff
from fer.files import is_lfs_pointer, read_regular
from fer.together import Together

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "HEIF")
"""What Pillow is allowed to try: its other decoders are rare and less hardened."""

EXTENSIONS = (
    "jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjp", "mpo", "png", "apng", "webp",
    "avif", "avifs", "bmp", "dib", "tif", "tiff", "gif", "heic", "heif", "hif", "heics", "heifs",
)  # fmt: skip
"""How photos' names end, after the dot and in lower case. Windows saves JPEGs as jfif, Canon and
Sony HEIC as hif, stereo cameras JPEGs as mpo."""

HEAD = 32
"""Bytes of a file's beginning by which `looks_like_photo` tells."""
SIGNATURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|II\*\0|MM\0\*|II\+\0|MM\0\+|RIFF....WEBP"
    rb"|....ftyp(?:avi[fs]|hei[cfmsx]|hev[cmsx]|mif1|msf1)"
    rb"|BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}",  # after BM the size of its header
    re.DOTALL,
)
"""How the files of `FORMATS` begin."""

# A file of a few bytes can ask for any amount of memory or time. What is allowed below takes less
# than a gigabyte and some seconds, whatever the format.
MAX_PIXELS = 64_000_000
"""Largest photo read: 256 MB as RGB."""

MAX_WEBP_PIXELS = 40_000_000
"""The decoder of WebP holds a photo three times."""

LARGE = 25_000_000
"""Photos of more pixels are decoded one at a time, and shrunk where their pixels are not needed."""

MAX_SCANNED = 1_000_000_000
"""Pixels times passes of a progressive JPEG: ten passes are usual, and an empty one costs a few
bytes but goes over all pixels."""

MAX_BMP_RUNS = 4_000_000
"""Pixels, and pairs of bytes, of a run-length coded BMP, which Pillow decodes in Python."""

MAX_READS = 1_000_000
"""Reads of a file. Pillow reads pixels in large pieces, and metadata piece by piece in Python."""

MAX_EXIF_PARTS, MAX_EXIF = 16, 1_000_000
"""Parts of a JPEG's EXIF, which Pillow joins in time that grows with their square; and bytes of
EXIF in which the orientation is looked for. All of it has 65 kB in cameras' photos. The photos
behind the first, of a burst or a stereo camera, have their own."""

MAX_SEGMENTS = 10_000
"""Segments before a JPEG's pixels, of up to 65 kB each; and of one that breaks off, in all."""

MAX_TIFF_VALUES = 1_000_000
"""Numbers in one tag of a TIFF. The places of a photo's strips are the longest list it needs."""

SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""Begins a JPEG's pass over all pixels."""

MARKER = re.compile(rb"\xff([^\0\x01\xff\xd0-\xd9])")
"""Begins a JPEG's next segment, also behind pixels, in which 0xFF is followed by 0 or a restart;
what stands alone (TEM, SOI, EOI) begins none. Any number of 0xFF may stand before it: a pattern
that took them along would go over a run of them once for each."""
SOI, EOI, SOS, APP1 = 0xD8, 0xD9, 0xDA, 0xE1
FRAMES = (0xC0, 0xC1, 0xC2)
"""Markers of a JPEG's size and channels: baseline, extended and progressive."""

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras and scanners fill of the 16 they write."""

SEEN = 2
"""Least opacity of 255 that shows anything. Some programs never set it, or to 1 of 1."""

BLOCK = 64 * 2**20
"""Bytes that Pillow asks for at a time. The C library gives blocks over 32 MiB back at once; of
Pillow's own 16 MiB each thread would keep those of the largest photo it has seen."""

TILE = 1024
"""Pixels are converted in squares of this side, so that no copy is as large as the photo."""

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn a photo upright, by this EXIF tag; from 5 on, it lies on its side."""

_one_large_photo = threading.Lock()

_warnings_ignored = Together(partial(warnings.catch_warnings, action="ignore"))
"""Pillow warns of large images, and of odd metadata: the limit here is this library's answer to the
first, and pixels do not depend on the second."""


@dataclass(frozen=True)
class Photo:
    """A photo as it was decoded, which may be smaller than it is."""

    image: Image.Image
    """Upright and RGB."""
    size: tuple[int, int]
    """Width and height of the upright photo in its own pixels."""


Source = Photo | Image.Image | np.ndarray | bytes | str | os.PathLike[str]


def looks_like_photo(head: bytes) -> bool:
    """Say whether a file is one of `FORMATS`, by its first `HEAD` bytes."""
    return SIGNATURE.match(head) is not None


def is_one(photos: object) -> bool:
    """Say whether this is one photo, also in a form that is not read, where several are meant.

    An array `[N, H, W, 3]` is several.
    """
    one = (Photo, Image.Image, str, bytes, bytearray, memoryview, os.PathLike, io.IOBase)
    return isinstance(photos, one) or getattr(photos, "ndim", 4) < 4  # an array or a tensor


def read_image(source: Source) -> Image.Image:
    """Read a photo at its full size; see `read_photo`."""
    return read_photo(source).image


def read_photo(source: Source, at_least: int | None = None) -> Photo:
    """Read a photo, turn it upright and flatten it to RGB.

    EXIF orientation is honoured; of an animation the first frame counts, of a TIFF the first
    page that is no preview; transparency is laid on white, but where no pixel at all shows, the
    colours are taken as they are; deeper grey is scaled to 8 bits; CMYK and palettes are
    converted. A JPEG that lacks only its end marker is whole.

    Args:
        source: a path, the bytes of a file, a PIL image, or a uint8 array `[H, W]`,
            `[H, W, 3]` (RGB) or `[H, W, 4]` (RGBA).
        at_least: a JPEG is decoded at a half, quarter or eighth of its size, in a fraction of
            the time, where that leaves its longer side so many pixels; other large photos are
            shrunk likewise once they are decoded.

    Raises:
        UnreadableImage: if it is none of these, is damaged, or would take too much memory or
            time.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, Image.Image):
        samples = tiff.UNSAID
        with _decoding():  # what was opened may not have been read yet
            if isinstance(source, TiffImageFile):
                tiff.prepare(source)
                samples = tiff.samples(source)
            return _whole(flatten(_upright(source), samples))
    if isinstance(source, np.ndarray):
        channels_fit = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
        if source.dtype != np.uint8 or not channels_fit or 0 in source.shape:
            raise UnreadableImage(
                "An array must be uint8 [H, W], [H, W, 3] or [H, W, 4], "
                f"not {source.dtype} {list(source.shape)}."
            )
        return _whole(flatten(Image.fromarray(source)))
    try:
        if isinstance(source, str | os.PathLike):
            data = read_regular(source)
        elif isinstance(source, bytes | bytearray | memoryview):
            data = bytes(source)
        else:
            raise UnreadableImage(
                "A photo is a path, a file's bytes, a PIL image or a uint8 array, not "
                f"{type(source).__name__}."
            )
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        if isinstance(error, UnreadableImage):
            raise
        reason = getattr(error, "strerror", None) or error
        raise UnreadableImage(f"The file cannot be opened: {reason}.") from error
    if not data:
        raise UnreadableImage("The file is empty.")
    if is_lfs_pointer(data):
        raise UnreadableImage("The file is a Git LFS pointer, not the photo: run `git lfs pull`.")
    return _decode(data, at_least)


def _whole(image: Image.Image) -> Photo:
    return Photo(image, image.size)


class _Reads(io.BytesIO):
    """A file in memory that may be read so many times."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = MAX_READS

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise _too_many_pieces()
        return super().read(size)


def _decode(data: bytes, at_least: int | None) -> Photo:
    register_heif_opener()  # adds itself once, however often it is called
    Image.core.set_block_size(BLOCK)
    with _decoding(), _warnings_ignored:
        if _has_many_parts(data) or tiff.most_values(data) > MAX_TIFF_VALUES:
            raise _too_many_pieces()
        try:
            image = _open(data)
        except UnidentifiedImageError as error:
            if data[:4] in tiff.PREFIXES:
                raise UnreadableImage(
                    "The TIFF is damaged or of a kind that is not read: save it as PNG or JPEG."
                ) from error
            raise UnreadableImage(
                f"This is not an image that can be read ({', '.join(FORMATS)})."
            ) from error
        try:
            return _load(image, at_least)
        except OSError:
            if isinstance(image, JpegImageFile) and (photo := _endless(data, at_least)):
                return photo
            raise


@contextmanager
def _decoding() -> Iterator[None]:
    """Raise whatever a decoder raises in the block as an `UnreadableImage`.

    They fail on damaged bytes in as many ways as there are formats (OSError, SyntaxError,
    struct.error, KeyError, zlib.error …), and all mean the same here.
    """
    try:
        yield
    except UnreadableImage:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(MAX_PIXELS) from error
    except Exception as error:
        raise UnreadableImage(f"The image is damaged: {first_line(error)}.") from error


def _open(data: bytes) -> Image.Image:
    image = Image.open(_Reads(data), formats=FORMATS)
    if isinstance(image, TiffImageFile):
        tiff.prepare(image)
    _check_cost(image, data)
    return image


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield a JPEG's segments: each one's marker and what it holds, without the pixels behind."""
    place = 2
    while found := MARKER.search(data, place):
        marker, place = found[1][0], found.end()
        length = int.from_bytes(data[place : place + 2])
        yield marker, data[place + 2 : place + length]
        place += max(length, 2)


def _has_many_parts(data: bytes) -> bool:
    """Say whether more stands before a JPEG's pixels than any photo has."""
    if not data.startswith(bytes((0xFF, SOI))):
        return False
    parts = 0
    for count, (marker, body) in enumerate(_segments(data)):
        if marker == SOS:
            return False
        parts += marker == APP1 and body.startswith(b"Exif\0\0")
        if parts > MAX_EXIF_PARTS or count > MAX_SEGMENTS:
            return True
    return False


def _endless(data: bytes, at_least: int | None) -> Photo | None:
    """Read a JPEG that breaks off, if it lacks no more than its end marker.

    Then its pixels do not depend on what is put behind them; missing ones would be made of it.
    """
    if not _has_all_coefficients(data):
        return None
    # Zeros, with which rescued files are filled up, must not pass for the last pixels' bits; but
    # pixels may end in 0xFF, which is followed by one.
    rest = data.rstrip(b"\0\xff")
    rest += b"\xff\0" if data.startswith(b"\xff\0", len(rest)) else b""
    end = bytes((0xFF, EOI))
    noise = random.Random(0).randbytes(2**12).replace(b"\xff", b"")
    plain, noisy = (_load(_open(rest + more + end), at_least) for more in (b"", noise))
    same = all(
        plain.image.crop(place).tobytes() == noisy.image.crop(place).tobytes()
        for place in _tiles(plain.image)
    )
    return plain if same else None


def _has_all_coefficients(data: bytes) -> bool:
    """Say whether a JPEG's passes have begun to give every coefficient of every channel in full."""
    channels: set[int] = set()
    left: dict[tuple[int, int], int] = {}
    for count, (marker, body) in enumerate(_segments(data)):
        if count > MAX_SEGMENTS:
            return False
        if marker in FRAMES and len(body) > 5:
            channels = set(body[6 : 6 + 3 * body[5] : 3])
        elif marker == SOS and 4 < len(body) <= 12:  # of one to four channels
            first, last, bits = body[-3:]
            for channel in body[1 : 1 + 2 * body[0] : 2]:
                left |= {(channel, number): bits & 15 for number in range(first, last + 1)}
    return bool(channels) and all(
        left.get((channel, number)) == 0 for channel in channels for number in range(64)
    )


def _check_cost(image: Image.Image, data: bytes) -> None:
    """Refuse an opened image whose decoding would take too much memory or time."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise _too_large(MAX_PIXELS)
    if image.format == "WEBP" and pixels > MAX_WEBP_PIXELS:
        raise _too_large(MAX_WEBP_PIXELS, " for WebP")
    run_length_coded = any(tile[0] == "bmp_rle" for tile in getattr(image, "tile", ()))
    if run_length_coded and max(pixels, len(data) // 2) > MAX_BMP_RUNS:
        raise _too_large(MAX_BMP_RUNS, " for run-length coded BMP")
    if image.info.get("progressive") and len(SCAN.findall(data)) * pixels > MAX_SCANNED:
        raise UnreadableImage("The image is coded in too many passes over its pixels to be read.")


def _too_large(limit: int, of: str = "") -> UnreadableImage:
    return UnreadableImage(
        f"The image is too large: {limit // 1_000_000} million pixels are the limit{of}."
    )


def _too_many_pieces() -> UnreadableImage:
    return UnreadableImage("The image consists of too many pieces to be read.")


def _load(image: Image.Image, at_least: int | None) -> Photo:
    """Decode an opened image, as small as is good for `at_least`."""
    size = image.size
    if at_least and isinstance(image, JpegImageFile):
        scale = at_least / max(size)
        image.draft(None, (math.ceil(size[0] * scale), math.ceil(size[1] * scale)))
    # Of a progressive JPEG all coefficients are held, however small it is decoded.
    held = size if image.info.get("progressive") else image.size
    large = held[0] * held[1] > LARGE
    samples = tiff.samples(image) if isinstance(image, TiffImageFile) else tiff.UNSAID
    high_bytes = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    with _one_large_photo if large else nullcontext():
        image.load()
        if high_bytes and not image.mode.startswith("I"):
            _check_high_bytes(image)
        # Asked once it is loaded: a TIFF is upright from then on, and no longer says that it lay.
        if _orientation(image) >= 5:
            size = size[::-1]
        flat = flatten(_upright(image), samples)
        if large and at_least and max(flat.size) >= 2 * at_least:
            flat = flat.reduce(max(flat.size) // at_least)
        return Photo(flat, size)


def _orientation(image: Image.Image) -> int:
    if len(image.info.get("exif") or b"") > MAX_EXIF:
        return 1
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # damaged metadata, which fails as variously as pixels do, spoils no pixels
        return 1
    return orientation if orientation in TURNS else 1


def _upright(image: Image.Image) -> Image.Image:
    orientation = _orientation(image)
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _check_high_bytes(image: Image.Image) -> None:
    """Refuse colours of 16 bits if the upper eight, which Pillow keeps, hold too little."""
    extrema = np.reshape(image.getextrema(), (-1, 2)).tolist()
    bands = zip(image.getbands(), extrema, strict=True)
    largest = max(high for band, (_, high) in bands if band not in "Aa")
    if largest < 64:
        raise UnreadableImage(
            "The colours fill less than 15 of their 16 bits, and how many is not said: save the "
            "photo with 8 bits."
        )


def flatten(image: Image.Image, samples: tiff.Samples = tiff.UNSAID) -> Image.Image:
    """Return a new image that is 8-bit and RGB."""
    clear = image.has_transparency_data and not any(
        np.asarray(_rgba(image.crop(place)))[..., 3].max() >= SEEN for place in _tiles(image)
    )
    if image.mode == "RGB" and not image.has_transparency_data and samples.bits is None:
        return image.copy()
    white = _white(image, samples)
    flat = Image.new("RGB", image.size)
    for place in _tiles(image):
        tile = image.crop(place)
        if white:
            tile = _to_eight_bits(tile, white, samples)
        elif samples.bits and tile.mode in ("L", "RGB"):
            top = 2**samples.bits - 1
            tile = tile.point(
                [min(value * 255 // top, 255) for value in range(256)] * len(tile.mode)
            )
        if tile.has_transparency_data:
            tile = _rgba(tile)
            if not clear:
                tile = Image.alpha_composite(Image.new("RGBA", tile.size, "white"), tile)
        flat.paste(tile.convert("RGB"), place)
    return flat


def _rgba(image: Image.Image) -> Image.Image:
    # Pillow turns grey that is multiplied by its opacity into no other mode.
    return (image.convert("LA") if image.mode == "La" else image).convert("RGBA")


def _tiles(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, image.height, TILE):
        for left in range(0, image.width, TILE):
            right, bottom = min(left + TILE, image.width), min(top + TILE, image.height)
            yield left, top, right, bottom


def _white(image: Image.Image, samples: tiff.Samples) -> float | None:
    """Return the value of white in deeper grey; `None` for an image of 8 bits.

    Raises:
        UnreadableImage: if much of it is below zero.
    """
    if not image.mode.startswith(("I", "F")):
        return None
    darkest, brightest = 0.0, 0.0
    for place in _tiles(image):
        values = _values(image.crop(place), samples)
        finite = values[np.isfinite(values)]
        darkest = min(darkest, finite.min(initial=0))
        brightest = max(brightest, finite.max(initial=0))
    if darkest < -brightest / 10:  # less is what a filter leaves beside an edge
        raise UnreadableImage(
            f"The grey values reach from {darkest:g} to {brightest:g}, and which is black is not "
            "said: save the photo with 8 bits."
        )
    if image.mode.startswith("I;16"):
        # Many write 10 to 14 bits into 16 and do not say so. A quarter of white as the brightest
        # pixel would be a photo on which nothing is seen, so that no other is taken for one.
        bits = samples.bits or next(depth for depth in DEPTHS if brightest < 2**depth)
        return max(2.0**bits - 1, brightest)
    return brightest or 1.0  # wider and floating grey has no other white


def _values(image: Image.Image, samples: tiff.Samples) -> np.ndarray:
    """Return grey values as they are, float64 `[H, W]`."""
    values = np.asarray(image)
    if image.mode == "I" and samples.unsigned:
        values = values.view(np.uint32)
    return values.astype(np.float64)


def _to_eight_bits(image: Image.Image, white: float, samples: tiff.Samples) -> Image.Image:
    """Scale deeper grey to 8 bits; `convert` alone would cut it off at 255."""
    values = np.nan_to_num(_values(image, samples), posinf=white).clip(0, white)
    grey = (values * (255 / white)).round().astype(np.uint8)
    return Image.fromarray(255 - grey if samples.negative else grey)
