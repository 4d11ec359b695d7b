"""Bytes or a path -> an upright RGB image, or an `UnreadableImage` that says why not."""

import io
import math
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from pillow_heif import register_heif_opener

from fer.errors import UnreadableImage
from fer.faces import tiff

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "HEIF")
"""What Pillow is allowed to try: its other decoders are rare and less hardened."""

EXTENSIONS = ("jpg", "jpeg", "png", "webp", "avif", "bmp", "tif", "tiff", "gif", "heic", "heif")

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
EXIF in which the orientation is looked for. All of it has 65 kB in cameras' photos."""

MAX_TIFF_VALUES = 1_000_000
"""Numbers in one tag of a TIFF. The places of a photo's strips are the longest list it needs."""

SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""Begins a JPEG's pass over all pixels."""

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


@dataclass(frozen=True)
class Photo:
    """A photo as it was decoded, which may be smaller than it is."""

    image: Image.Image
    """Upright and RGB."""
    size: tuple[int, int]
    """Width and height of the upright photo in its own pixels."""


Source = Photo | Image.Image | np.ndarray | bytes | str | os.PathLike[str]


def read_image(source: Source) -> Image.Image:
    """Read a photo at its full size; see `read_photo`."""
    return read_photo(source).image


def read_photo(source: Source, at_least: int | None = None) -> Photo:
    """Read a photo, turn it upright and flatten it to RGB.

    EXIF orientation is honoured; of an animation the first frame counts; transparency is
    laid on white; 16-bit grey is scaled to 8 bits; CMYK and palettes are converted.

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
        return _whole(flatten(_upright(source)))
    if isinstance(source, np.ndarray):
        channels_fit = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
        if source.dtype != np.uint8 or not channels_fit or 0 in source.shape:
            raise UnreadableImage(
                "An array must be uint8 [H, W], [H, W, 3] or [H, W, 4], "
                f"not {source.dtype} {list(source.shape)}."
            )
        return _whole(flatten(Image.fromarray(source)))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise UnreadableImage(f"The file cannot be opened: {error.strerror}.") from error
    if not data:
        raise UnreadableImage("The file is empty.")
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
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images, and of odd metadata; the limit here is this
            # library's answer to the first, and pixels do not depend on the second.
            warnings.simplefilter("ignore")
            if data.count(b"Exif\0\0") > MAX_EXIF_PARTS or tiff.most_values(data) > MAX_TIFF_VALUES:
                raise _too_many_pieces()
            image = Image.open(_Reads(data), formats=FORMATS)
            _check_cost(image, data)
            return _load(image, at_least)
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"This is not an image that can be read ({', '.join(FORMATS)})."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(MAX_PIXELS) from error
    except Exception as error:
        # Decoders fail on damaged bytes in as many ways as there are formats (OSError,
        # SyntaxError, struct.error, KeyError, zlib.error …), and all mean the same here.
        raise UnreadableImage(f"The image is damaged: {error or type(error).__name__}.") from error


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
    with _one_large_photo if large else nullcontext():
        image.load()
        # Asked once it is loaded: a TIFF is upright from then on, and no longer says that it lay.
        if _orientation(image) >= 5:
            size = size[::-1]
        flat = flatten(_upright(image))
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


def flatten(image: Image.Image) -> Image.Image:
    """Return a new image that is 8-bit and RGB."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image.copy()
    white = _white(image)
    flat = Image.new("RGB", image.size)
    for place in _tiles(image):
        tile = image.crop(place)
        if white:
            tile = _to_eight_bits(tile, white)
        if tile.has_transparency_data:
            tile = tile.convert("RGBA")
            tile = Image.alpha_composite(Image.new("RGBA", tile.size, "white"), tile)
        flat.paste(tile.convert("RGB"), place)
    return flat


def _tiles(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    for top in range(0, image.height, TILE):
        for left in range(0, image.width, TILE):
            right, bottom = min(left + TILE, image.width), min(top + TILE, image.height)
            yield left, top, right, bottom


def _white(image: Image.Image) -> float | None:
    """Return the value of white in deeper grey; `None` for an image of 8 bits."""
    # 16-bit grey has a known white; of wider and floating grey the brightest pixel is it.
    if image.mode.startswith("I;16"):
        return 65535.0
    if image.mode in ("I", "F"):
        return max(_values(image.crop(place)).max() for place in _tiles(image)) or 1.0
    return None


def _values(image: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(image, dtype=np.float64)).clip(min=0)


def _to_eight_bits(image: Image.Image, white: float) -> Image.Image:
    """Scale deeper grey to 8 bits; `convert` alone would cut it off at 255."""
    return Image.fromarray((_values(image) * (255 / white)).round().astype(np.uint8))
