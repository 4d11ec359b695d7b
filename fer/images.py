"""Bytes or a path -> an upright RGB image, or an `UnreadableImage` that says why not."""

import io
import math
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from pillow_heif import register_heif_opener

from fer.errors import UnreadableImage

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "HEIF")
"""What Pillow is allowed to try: its other decoders are rare and less hardened."""

EXTENSIONS = ("jpg", "jpeg", "png", "webp", "avif", "bmp", "tif", "tiff", "gif", "heic", "heif")

MAX_PIXELS = 100_000_000
"""Largest photo read: 300 MB as RGB."""

ORIENTATION = 0x0112
"""EXIF tag; from 5 on, the photo lies on its side."""


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
            the time, where that leaves its longer side so many pixels.

    Raises:
        UnreadableImage: if it is none of these, is damaged, or has too many pixels.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, Image.Image):
        return _whole(_flatten(source))
    if isinstance(source, np.ndarray):
        channels_fit = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
        if source.dtype != np.uint8 or not channels_fit or 0 in source.shape:
            raise UnreadableImage(
                "An array must be uint8 [H, W], [H, W, 3] or [H, W, 4], "
                f"not {source.dtype} {list(source.shape)}."
            )
        return _whole(_flatten(Image.fromarray(source)))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise UnreadableImage(f"The file cannot be opened: {error.strerror}.") from error
    if not data:
        raise UnreadableImage("The file is empty.")
    return _decode(data, at_least)


def _whole(image: Image.Image) -> Photo:
    return Photo(image, image.size)


def _decode(data: bytes, at_least: int | None) -> Photo:
    register_heif_opener()  # adds itself once, however often it is called
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images, and of odd metadata; the limit here is this
            # library's answer to the first, and pixels do not depend on the second.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            width, height = image.size
            if at_least and isinstance(image, JpegImageFile):
                scale = at_least / max(width, height)
                image.draft(None, (math.ceil(width * scale), math.ceil(height * scale)))
            if image.getexif().get(ORIENTATION, 1) >= 5:
                width, height = height, width
            return Photo(_flatten(image), (width, height))
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"This is not an image that can be read ({', '.join(FORMATS)})."
        ) from error
    except Image.DecompressionBombError as error:
        raise UnreadableImage(
            f"The image is too large: {MAX_PIXELS // 1_000_000} million pixels are the limit."
        ) from error
    except Exception as error:
        # Decoders fail on damaged bytes in as many ways as there are formats (OSError,
        # SyntaxError, struct.error, KeyError, zlib.error …), and all mean the same here.
        raise UnreadableImage(f"The image is damaged: {error or type(error).__name__}.") from error


def _flatten(image: Image.Image) -> Image.Image:
    """Turn an opened image upright, 8-bit and RGB."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale deeper grey to 8 bits; `convert` alone would cut it off at 255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64)).clip(min=0)
    # 16-bit grey has a known white; of wider and floating grey the brightest pixel is it.
    white = 65535.0 if image.mode.startswith("I;16") else values.max() or 1.0
    return Image.fromarray((values * (255 / white)).round().astype(np.uint8))
