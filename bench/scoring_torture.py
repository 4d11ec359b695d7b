"""Kill `fer score` five times with -9 and hold its table against an undisturbed one.

python -m bench.scoring_torture [--files 2000] [--kills 5]

The folder: mixed kinds of photos with none, one and two faces, of which 40 files are damaged in
ten ways (links that lead nowhere or in a circle among them), and some that are no photos.
"""

import argparse
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skimage.data
from PIL import Image

DAMAGED = 40


def encoded(image: Image.Image, kind: str) -> bytes:
    """Return an image as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def make_folder(root: Path, files: int) -> None:
    """Write the folder."""
    photo = Image.fromarray(skimage.data.astronaut())
    small = photo.resize((200, 200))
    two = Image.new("RGB", (400, 200))
    two.paste(small, (0, 0))
    two.paste(small, (200, 0))
    jpeg = encoded(small, "JPEG")
    good = {
        "one.jpg": jpeg,
        "crop.png": encoded(photo.crop((185, 70, 262, 168)).resize((48, 48)), "PNG"),
        "two.webp": encoded(two, "WEBP"),
        "none.bmp": encoded(Image.new("RGB", (300, 60), "gray"), "BMP"),
        "one.gif": encoded(small, "GIF"),
        "one.tiff": encoded(small, "TIFF"),
        "one.avif": encoded(small, "AVIF"),
        "one.heic": encoded_heic(small),
    }
    bad = {
        "empty.jpg": b"",
        "text.jpg": b"not a photo at all",
        "half.jpg": jpeg[: len(jpeg) // 2],
        "head.jpg": jpeg[:20],
        "zeros.jpg": bytes(1000),
        "markup.png": b"<!doctype html><title>404</title>",
        "signature.png": b"\x89PNG\r\n\x1a\n" + jpeg[:50],
        "riff.webp": b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(20),
    }
    for name, data in (good | bad).items():
        (root.parent / name).write_bytes(data)
    for number in range(files):
        shelf = root / f"{number % 20:02}"
        shelf.mkdir(parents=True, exist_ok=True)
        if number < DAMAGED:
            kind = (*bad, "nowhere.jpg", "itself.jpg")[number % 10]
            path = shelf / f"{number:05} {kind}"
            if kind in bad:
                os.link(root.parent / kind, path)
            else:
                path.symlink_to("/nowhere/at/all.jpg" if kind == "nowhere.jpg" else path.name)
        else:
            kind = random.Random(number).choice(list(good))
            os.link(root.parent / kind, shelf / f"{number:05} {kind}")
    (root / "notes.txt").write_text("no photo")


def encoded_heic(image: Image.Image) -> bytes:
    """Return an image as a phone stores it."""
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return encoded(image, "HEIF")


def start(folder: Path, output: Path) -> "subprocess.Popen[bytes]":
    """Run the command."""
    command = [sys.executable, "-m", "fer", "score", str(folder), "--output", str(output)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def size(path: Path) -> int:
    """Return a file's size, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def main(files: int, kills: int) -> None:
    """Run it all and print what came out."""
    with tempfile.TemporaryDirectory() as name:
        folder, clean, killed = Path(name) / "in", Path(name) / "clean.csv", Path(name) / "out.csv"
        make_folder(folder, files)
        _, said = start(folder, clean).communicate()
        print("undisturbed:", said.decode().splitlines()[-1])
        moments = random.Random()
        for _ in range(kills):
            before = size(killed)
            run = start(folder, killed)
            while size(killed) <= before and run.poll() is None:
                time.sleep(0.01)
            # A third of what is left on average, so that five kills hit a run that has work left.
            goal = size(killed) + moments.uniform(0, 0.3) * (size(clean) - size(killed))
            while size(killed) < goal and run.poll() is None:
                time.sleep(0.001)
            run.kill()
            print(f"killed at {size(killed) / size(clean):.1%} of the table: {run.wait()}")
        _, said = start(folder, killed).communicate()
        print("gone on:", said.decode().splitlines()[-1])
        lines = [sorted(path.read_bytes().splitlines()) for path in (clean, killed)]
        rows = [line.split(b",") for line in lines[0][:-1]]
        errors = sum(row[1] == b"error" for row in rows)
        print(
            f"{len({row[0] for row in rows})} paths, {errors} errors, equal: {lines[0] == lines[1]}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    arguments = parser.parse_args()
    main(arguments.files, arguments.kills)
