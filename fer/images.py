"""Bytes or a path -> an upright RGB image, or an `UnreadableImage` that says why not."""

import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer.errors import UnreadableImage

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")
"""What Pillow is allowed to try: its other decoders are rare and less hardened."""

EXTENSIONS = ("jpg", "jpeg", "png", "webp", "avif", "bmp", "tif", "tiff", "gif")

MAX_PIXELS = 100_000_000
"""Largest photo read: 300 MB as RGB."""

Source = Image.Image | np.ndarray | bytes | str | os.PathLike[str]


def read_image(source: Source) -> Image.Image:
    """Read a photo, turn it upright and flatten it to RGB.

    EXIF orientation is honoured; of an animation the first frame counts; transparency is
    laid on white; 16-bit grey is scaled to 8 bits; CMYK and palettes are converted.

    Args:
        source: a path, the bytes of a file, a PIL image, or a uint8 array `[H, W]`,
            `[H, W, 3]` (RGB) or `[H, W, 4]` (RGBA).

    Raises:
        UnreadableImage: if it is none of these, is damaged, or has too many pixels.
    """
    if isinstance(source, Image.Image):
        return _flatten(source)
    if isinstance(source, np.ndarray):
        channels_fit = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
        if source.dtype != np.uint8 or not channels_fit or 0 in source.shape:
            raise UnreadableImage(
                "An array must be uint8 [H, W], [H, W, 3] or [H, W, 4], "
                f"not {source.dtype} {list(source.shape)}."
            )
        return _flatten(Image.fromarray(source))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise UnreadableImage(f"The file cannot be opened: {error.strerror}.") from error
    if not data:
        raise UnreadableImage("The file is empty.")
    return _decode(data)


def _decode(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images, and of odd metadata; the limit here is this
            # library's answer to the first, and pixels do not depend on the second.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            return _flatten(image)
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
