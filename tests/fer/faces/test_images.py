import io

import numpy as np
import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from fer.errors import UnreadableImage
from fer.faces.images import FORMATS, read_image, read_photo


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    register_heif_opener()
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_reads_every_format_as_rgb(kind, astronaut):
    image = read_image(encoded(astronaut, kind))
    assert (image.mode, image.size) == ("RGB", (512, 512))
    difference = np.abs(np.asarray(image, int) - np.asarray(astronaut, int)).mean()
    assert difference < 12  # palettes and lossy formats are near, not equal


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_flattens_every_mode(mode, astronaut):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image = read_image(encoded(astronaut.convert(mode), kind))
    assert (image.mode, image.size) == ("RGB", (512, 512))


def test_sixteen_bit_grey_keeps_its_tones():
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16)[None].repeat(4, 0)
    image = read_image(encoded(Image.fromarray(ramp), "PNG"))
    assert np.asarray(image)[0, :, 0].tolist() == list(range(256))


def test_transparency_is_laid_on_white():
    image = read_image(encoded(Image.new("RGBA", (4, 4), (200, 0, 0, 0)), "PNG"))
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    image = read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image.getpixel((0, 0)) == (255, 0, 0)


def test_exif_orientation_is_honoured():
    sideways = Image.new("RGB", (40, 20), "white")
    sideways.paste("black", (0, 0, 10, 20))  # the left edge, which is the top once upright
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    image = read_image(encoded(sideways, "JPEG", quality=95, exif=exif))
    assert image.size == (20, 40)
    assert max(image.getpixel((10, 2))) < 30
    assert min(image.getpixel((10, 38))) > 225


def test_reads_paths_arrays_and_images(tmp_path, astronaut):
    astronaut.save(tmp_path / "a.png")
    for source in (str(tmp_path / "a.png"), tmp_path / "a.png", np.asarray(astronaut), astronaut):
        assert np.array_equal(read_image(source), astronaut)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (b"", "is empty"),
        (b"These are not the pixels you are looking for.", "not an image"),
        ("/nowhere/photo.jpg", "cannot be opened: No such file"),
        (np.zeros((4, 4, 2), np.uint8), "uint8"),
        (np.zeros((4, 4)), "uint8"),
        (np.zeros((0, 4), np.uint8), "uint8"),
    ],
)
def test_says_what_is_wrong(source, sentence):
    with pytest.raises(UnreadableImage, match=sentence):
        read_image(source)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "HEIF"])
def test_truncated_files_are_refused_at_every_length(kind, astronaut):
    whole = encoded(astronaut.resize((64, 64)), kind)
    for end in (1, 3, 12, 30, len(whole) // 4, len(whole) // 2):
        with pytest.raises(UnreadableImage, match=r"\.$"):
            read_image(whole[:end])


def test_gigantic_dimensions_are_refused_before_they_are_decoded():
    # One grey level deflates to a file of some 40 kB that would fill 1.2 GB as RGB.
    bomb = encoded(Image.new("1", (20_000, 20_000)), "PNG")
    with pytest.raises(UnreadableImage, match="64 million pixels"):
        read_image(bomb)


def test_a_jpeg_is_decoded_no_larger_than_needed(astronaut):
    large = astronaut.resize((2048, 1536))
    for at_least, side in ((None, 2048), (2000, 2048), (1024, 1024), (1000, 1024), (300, 512)):
        photo = read_photo(encoded(large, "JPEG"), at_least)
        assert photo.size == (2048, 1536)
        assert photo.image.size == (side, side * 3 // 4)
    assert read_photo(encoded(large, "PNG"), 300).image.size == (2048, 1536)
    assert read_photo(encoded(astronaut, "JPEG"), 2000).image.size == (512, 512)


def test_a_small_decoded_jpeg_is_upright_as_well(astronaut):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(encoded(astronaut.resize((2048, 1024)), "JPEG", exif=exif), 512)
    assert photo.size == (1024, 2048)
    assert photo.image.size == (256, 512)
