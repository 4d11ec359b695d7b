import io
import os

import pytest
from PIL import Image

BROKEN = {
    "empty.jpg": lambda photo: b"",
    "text.jpg": lambda photo: b"not a photo at all",
    "half.jpg": lambda photo: photo[: len(photo) // 2],
    "head.jpg": lambda photo: photo[:20],
    "zeros.jpg": lambda photo: bytes(1000),
    "markup.png": lambda photo: b"<!doctype html><title>404</title>",
    "signature.png": lambda photo: b"\x89PNG\r\n\x1a\n" + photo[:50],
    "riff.webp": lambda photo: b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(20),
}
"""Damaged files by name; a link that leads nowhere and one to itself come on top."""


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def mixed(tmp_path_factory, astronaut):
    """120 files to account for in two levels, of which 40 are damaged in ten ways; and others."""
    root = tmp_path_factory.mktemp("mixed")
    small = astronaut.resize((160, 160))
    photos = {
        "face.jpg": encoded(small, "JPEG"),
        "crop.png": encoded(astronaut.crop((185, 70, 262, 168)).resize((48, 48)), "PNG"),
        "two.webp": encoded(pair(small), "WEBP"),
        "none.bmp": encoded(Image.new("RGB", (300, 60), "gray"), "BMP"),
    }
    for number in range(4):
        folder = root / f"folder {number}"
        folder.mkdir()
        for name, make in BROKEN.items():
            (folder / name).write_bytes(make(photos["face.jpg"]))
        (folder / "nowhere.gif").symlink_to("/nowhere/at/all.gif")
        (folder / "itself.tiff").symlink_to("itself.tiff")
        for copy in range(5):
            for name, data in photos.items():
                (folder / f"{copy} {name}").write_bytes(data)
        (folder / "notes.txt").write_text("no photo")
    (root / "folder 0" / "0 face.jpg").rename(root / "=1+1, cmd.jpg")
    os.link(root / "=1+1, cmd.jpg", root / "folder 0" / '0 "face"\n.jpg')
    (root / "folder 0" / "1 face.jpg").unlink()
    return root


def pair(photo: Image.Image) -> Image.Image:
    two = Image.new("RGB", (2 * photo.width, photo.height))
    two.paste(photo, (0, 0))
    two.paste(photo, (photo.width, 0))
    return two
