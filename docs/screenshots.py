"""Take the README's pictures of the pages from the running app.

python -m docs.screenshots                # rewrites docs/images/
python -m docs.screenshots video live     # these two only

The only person on them is scikit-image's astronaut (Eileen Collins; NASA, public domain).
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import skimage.data
from PIL import Image, ImageEnhance, ImageOps
from playwright.sync_api import FilePayload, Locator, Page, sync_playwright

from tools.camera import HEIGHT as FACE_HEIGHT
from tools.camera import SMILE, before_camera, film, playing
from tools.faces import drawn
from tools.running import CHROMIUM_FLAGS, chromium, served
from tools.videos import RATE, encode, steady

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1240, 2400  # of the window, in CSS pixels
MARGIN = 12  # less than what lies between two things on a page
COLOURS = 256  # of a picture: a palette takes a third of the bytes, and text stays sharp
PATIENCE = 180_000  # milliseconds


def album() -> dict[str, Image.Image]:
    """Return photos for a batch by name: the astronaut in many ways, and drawn faces."""
    photo = Image.fromarray(skimage.data.astronaut())
    face = photo.crop((130, 10, 330, 210))
    return {
        "astronaut.jpg": photo,
        "brighter.jpg": ImageEnhance.Brightness(face).enhance(1.5),
        "darker.jpg": ImageEnhance.Brightness(photo.crop((90, 0, 390, 260))).enhance(0.35),
        "drawn frown.jpg": drawn(brows=-45, mouth=-60),
        "drawn gasp.jpg": drawn(mouth=90, opened=True, eyes=80),
        "drawn smile.jpg": drawn(mouth=110),
        "drawn worry.jpg": drawn(brows=45, mouth=-40, eyes=44),
        "flag.jpg": photo.crop((0, 0, 120, 250)),
        "grey.jpg": ImageOps.grayscale(photo.crop((120, 0, 360, 230))).convert("RGB"),
        "mirrored.jpg": ImageOps.mirror(photo),
        "tilted.jpg": photo.rotate(14, Image.Resampling.BICUBIC).crop((60, 60, 420, 360)),
        "twice.jpg": twice(face),
    }


def twice(face: Image.Image) -> Image.Image:
    """Return one photo of two faces."""
    picture = Image.new("RGB", (2 * face.width, face.height))
    picture.paste(face, (0, 0))
    picture.paste(ImageOps.mirror(face), (face.width, 0))
    return picture


def two_people() -> Iterator[tuple[float, Image.Image]]:
    """Film the astronaut and a drawn face whose mood changes twice, for nine seconds."""
    gasp, frown = drawn(mouth=90, opened=True, eyes=80), drawn(brows=-45, mouth=-60)
    moods = (gasp, frown, gasp)
    for time in steady(9):
        frame = before_camera(SMILE, 0.25)
        face = moods[int(time / 3)]
        frame.paste(face.resize((FACE_HEIGHT, FACE_HEIGHT)), (350, 110))
        yield time, frame


def payload(name: str, image: Image.Image) -> FilePayload:
    """Encode a photo as a browser's upload."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return {"name": name, "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def save(page: Page, name: str, first: Locator, last: Locator) -> None:
    """Write what lies between two things on a page, with some space around."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(2_000)  # what moves or fades comes to rest
    above, below = first.bounding_box(), last.bounding_box()
    assert above is not None
    assert below is not None
    top = max(0, above["y"] - MARGIN)
    height = min(below["y"] + below["height"] + MARGIN, HEIGHT) - top
    shot = page.screenshot(clip={"x": 0, "y": top, "width": WIDTH, "height": height})
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS)
    path = IMAGES / name
    picture.save(path, optimize=True)
    print(f"{name}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB")


def upload(page: Page, address: str) -> None:
    """Show a photo and what its face shows."""
    page.goto(address)
    photo = Image.fromarray(skimage.data.astronaut()).crop((0, 0, 460, 330))
    page.locator("input[type=file]").set_input_files([payload("astronaut.jpg", photo)])
    page.get_by_role("button", name="Download CSV", exact=True).wait_for()
    chart = page.locator(".js-plotly-plot")
    chart.wait_for()
    save(page, "upload.png", page.get_by_role("link").first, chart)


def compare(page: Page, address: str) -> None:
    """Show the short answer, and the leaderboard."""
    page.goto(f"{address}/compare")
    page.get_by_role("heading", name="Beside what others report").wait_for()
    table = page.get_by_test_id("stDataFrame").first
    save(page, "compare.png", page.get_by_role("heading").first, table)


def trust(page: Page, address: str) -> None:
    """Show when to trust two models and another project's, by the FER+ votes."""
    asked = {
        "view": "When to trust it",
        "measure": "FER+ votes",
        "models": ["mobilenet", "cnn-votes", "rivals/human"],
    }
    page.goto(f"{address}/compare?{urlencode(asked, doseq=True)}")
    chart = page.locator(".js-plotly-plot")
    chart.wait_for()
    save(page, "trust.png", page.get_by_test_id("stSlider"), chart)


def batch(page: Page, address: str) -> None:
    """Show a finished batch."""
    page.goto(f"{address}/batch")
    photos = [payload(name, image) for name, image in album().items()]
    page.locator("input[type=file]").set_input_files(photos)
    page.get_by_role("button", name=f"Score {len(photos)} photos").click()
    page.get_by_role("heading", name="Faces and files").wait_for()
    page.locator(".js-plotly-plot").wait_for()
    captions = page.get_by_test_id("stImageCaption")
    save(page, "batch.png", page.get_by_role("heading").first, captions.last)


def video(page: Page, address: str) -> None:
    """Show the timelines of two people in a video."""
    page.goto(f"{address}/video")
    film: FilePayload = {
        "name": "two people.mp4",
        "mimeType": "video/mp4",
        "buffer": encode(two_people()),
    }
    page.locator("input[type=file]").set_input_files([film])
    page.get_by_role("button", name="Score", exact=True).click()
    heading = page.get_by_role("heading", name="People")
    heading.wait_for()
    charts = page.locator(".js-plotly-plot")
    charts.last.wait_for()
    save(page, "video.png", page.get_by_role("heading").first, charts.last)


def live(page: Page, address: str) -> None:
    """Show the live page answering its camera, whose film is `two_people`."""
    page.goto(f"{address}/live")
    page.get_by_role("button", name="Open the camera").click()
    page.locator(".face").first.wait_for()
    page.wait_for_timeout(20_000)  # a timeline worth seeing
    save(page, "live.png", page.get_by_role("heading").first, page.locator(".live"))


@contextmanager
def window(camera: Path) -> Iterator[Page]:
    """Open a window of a light theme, whose camera shows a film."""
    with sync_playwright() as playwright:
        flags = [*CHROMIUM_FLAGS, playing(camera)]
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="light",
            device_scale_factor=1.5,
        )
        page.set_default_timeout(PATIENCE)
        yield page
        browser.close()


def main() -> None:
    """Take them all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        camera = film(folder / "camera.mjpeg", ((1 / RATE, frame) for _, frame in two_people()))
        with served(ROOT, folder / "log") as server, window(camera) as page:
            take_all(page, server.address)


def take_all(page: Page, address: str) -> None:
    """Take the pictures that the command line names, or all."""
    for take in (upload, compare, trust, batch, video, live):
        if take.__name__ in sys.argv[1:] or len(sys.argv) == 1:
            take(page, address)


if __name__ == "__main__":
    main()
