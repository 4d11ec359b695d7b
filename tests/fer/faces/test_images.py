import io
import re
import struct
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from fer.errors import UnreadableImage
from fer.faces.images import FORMATS, read_image, read_photo
from tests.corpus import chunk, segment


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


def test_a_decoder_that_fails_without_a_word_is_named(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(UnreadableImage, match="The image is damaged: MemoryError"):
        read_image(b"anything")


def test_warnings_are_as_they_were_after_threads_have_read(astronaut):
    data = encoded(astronaut, "JPEG")
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(read_image, [data] * 200))) == 200
    assert list(warnings.filters) == before


def test_sixteen_bit_grey_keeps_its_tones():
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16)[None].repeat(4, 0)
    image = read_image(encoded(Image.fromarray(ramp), "PNG"))
    assert np.asarray(image)[0, :, 0].tolist() == list(range(256))


def test_transparency_is_laid_on_white():
    photo = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    photo.putpixel((3, 3), (0, 200, 0, 255))
    image = read_image(encoded(photo, "PNG"))
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.getpixel((3, 3)) == (0, 200, 0)


@pytest.mark.parametrize("opacity", [0, 1])
@pytest.mark.parametrize("kind", ["BMP", "PNG", "TIFF", "WEBP", "LA", "array", "image"])
def test_where_no_pixel_shows_the_colours_count(kind, opacity, astronaut):
    photo = astronaut.resize((1100, 64))  # more than one tile wide
    if kind == "LA":
        photo = photo.convert("L")
    clear = photo.copy()
    clear.putalpha(opacity)
    sources = {
        "BMP": lambda: bitmap(clear),
        "WEBP": lambda: encoded(clear, "WEBP", lossless=True, exact=True),
        "LA": lambda: encoded(clear, "PNG"),
        "array": lambda: np.asarray(clear),
        "image": lambda: clear,
    }
    source = sources.get(kind, lambda: encoded(clear, kind))()
    assert np.array_equal(read_image(source), photo.convert("RGB"))


def bitmap(photo: Image.Image) -> bytes:
    """Return a BMP whose header says that the fourth byte is opacity."""
    pixels = np.asarray(photo)[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    sizes = struct.pack("<IiiHHIIiiII", 108, *photo.size, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    head = sizes + masks + bytes(108 - len(sizes) - len(masks))
    return b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + head + pixels


def test_a_clear_palette_is_no_photo_of_nothing(astronaut):
    palette = astronaut.quantize(16)
    clear = encoded(palette, "PNG", transparency=bytes(16))
    assert np.array_equal(read_image(clear), palette.convert("RGB"))


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_grey_whose_depth_is_below_its_container_s_is_not_dark(bits, astronaut):
    grey = np.asarray(astronaut.convert("L"))
    deep = (grey.astype(np.uint16) * 257) >> (16 - bits)
    for source in (encoded(Image.fromarray(deep), "PNG"), Image.fromarray(deep)):
        assert np.abs(np.asarray(read_image(source), int)[..., 0] - grey).max() <= 1


@pytest.mark.parametrize("colour", [2, 4, 6])
def test_colours_whose_depth_is_below_their_container_s_are_refused(colour):
    channels = {2: 3, 4: 2, 6: 4}[colour]
    for bits, refused in ((12, True), (16, False)):
        pixels = np.full((8, 8, channels), 2**bits - 1, ">u2")
        pixels[..., -1] = 65535 if colour != 2 else pixels[..., -1] // 2
        rows = b"".join(b"\0" + row.tobytes() for row in pixels)
        header = struct.pack(">IIBBBBB", 8, 8, 16, colour, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        if refused:
            with pytest.raises(UnreadableImage, match="of their 16 bits"):
                read_image(data)
        else:
            assert read_image(data).getpixel((0, 0))[0] == 255


FORMS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "fine": {"subsampling": 0, "quality": 95},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_end_is_whole(form, mode, astronaut):
    photo = astronaut.resize((203, 187)).convert(mode)
    whole = encoded(photo, "JPEG", **FORMS[form])
    right = read_image(whole)
    for data in (whole[:-2], whole[:-1], whole[:-2] + bytes(5000)):
        assert np.array_equal(read_image(data), right)
    assert read_photo(whole[:-2], 50).size == (203, 187)


@pytest.mark.parametrize("form", FORMS)
def test_a_jpeg_that_lacks_pixels_is_refused(form, astronaut):
    whole = encoded(astronaut.resize((203, 187)), "JPEG", **FORMS[form])
    scans = [found.start() for found in re.finditer(rb"\xff\xda", whole)]
    cuts = [len(whole) - missing for missing in (12, 40, 300, 2000)]
    for end in (*cuts, *scans[1:]):
        for data in (whole[:end], whole[:end] + b"\xff"):
            with pytest.raises(UnreadableImage, match="damaged"):
                read_image(data)


@pytest.mark.parametrize("filled", [b"\xff" * 60_000, b"\xff" * 60_000 + b"\0"])
def test_a_jpeg_filled_up_as_erased_flash_is_takes_no_longer(filled, astronaut):
    """Each byte was once compared with all behind it: a megabyte took an hour, and the process."""
    whole = encoded(astronaut.resize((203, 187)), "JPEG")
    began = time.perf_counter()
    assert np.array_equal(read_image(whole[:-2] + filled), read_image(whole))
    with pytest.raises(UnreadableImage):
        read_image(whole[:2] + filled)
    assert time.perf_counter() - began < 5


def test_a_jpeg_of_passes_over_channels_that_it_has_not_takes_no_longer(astronaut):
    whole = encoded(astronaut.resize((203, 187)), "JPEG", progressive=True)
    bogus = segment(0xDA, b"\xff" + bytes(range(255)) * 2 + b"\0\xff\0")
    began = time.perf_counter()
    with pytest.raises(UnreadableImage):
        read_image(whole[:-2] + bogus * 6_000)
    assert time.perf_counter() - began < 5


def test_a_burst_s_exif_is_each_photo_s_own(astronaut):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = encoded(astronaut.resize((64, 32)), "JPEG", exif=exif)
    assert read_image(photo * 30).size == (32, 64)
    frames = [astronaut.resize((64, 32))] * 30
    stereo = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:], exif=exif)
    assert stereo.count(b"Exif\0\0") > 16
    assert read_image(stereo).size == (32, 64)
    hidden = photo[:2] + segment(0xFE, b"\xff\xda") + segment(0xE1, b"Exif\0\0abc") * 20 + photo[2:]
    with pytest.raises(UnreadableImage, match="too many pieces"):
        read_image(hidden)


def test_a_git_lfs_pointer_is_named():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"
    with pytest.raises(UnreadableImage, match="git lfs pull"):
        read_image(pointer)


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
