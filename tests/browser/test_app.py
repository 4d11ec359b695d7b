import csv
import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from fer.artifacts import Artifact, list_models
from tools.running import IDLE, SHIFTS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def photos(tmp_path_factory, astronaut, crowd):
    folder = tmp_path_factory.mktemp("photos")
    astronaut.save(folder / "astronaut.jpg")
    crowd.save(folder / "crowd.jpg")
    (folder / "text.jpg").write_text("not a photo")
    (folder / "<img src=x onerror=alert(1)>.jpg").write_bytes(
        (folder / "astronaut.jpg").read_bytes()
    )
    return folder


def upload(page: Page, *paths) -> None:
    page.locator("input[type=file]").set_input_files([str(path) for path in paths])
    page.get_by_role("button", name="Download CSV", exact=True).wait_for()


def test_a_photo_is_named_and_downloads(page, photos, tmp_path):
    upload(page, photos / "astronaut.jpg")
    expect(page.get_by_text("1 · happy")).to_be_visible()
    expect(page.get_by_role("img", name="1 face found")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    page.get_by_role("button", name="Picture", exact=True).click()
    for hiding in ("shown", "covered"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Faces {hiding}").click()
        download.value.save_as(tmp_path / f"{hiding}.jpg")
    shown, covered = (Image.open(tmp_path / f"{name}.jpg") for name in ("shown", "covered"))
    assert shown.size == covered.size == (512, 512)
    assert max(covered.getpixel((225, 130))) < 10 < max(shown.getpixel((225, 130)))

    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV", exact=True).click()
    download.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["path"], row["status"], row["emotion"]) == ("astronaut.jpg", "ok", "happy")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON", exact=True).click()
    download.value.save_as(tmp_path / "table.json")
    (entry,) = json.loads((tmp_path / "table.json").read_text())
    assert entry["p_happy"] == pytest.approx(float(row["p_happy"]))


def test_bad_and_good_files_together(page, photos):
    upload(page, photos / "text.jpg", photos / "crowd.jpg")
    expect(page.get_by_text("This is not an image that can be read")).to_be_visible()
    expect(page.get_by_role("img", name="crowd.jpg: 40 faces")).to_be_visible()
    # The card's; the lists to choose from have one of that name, too.
    page.get_by_test_id("stButton").get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_role("img", name="40 faces found")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(r"^Face \d+$"))).to_have_count(1 + 12)
    page.get_by_role("button", name="Show", exact=True).nth(3).click()
    expect(page.get_by_text("5 · happy").first).to_be_visible()


def test_a_box_in_the_photo_shows_its_face(browser, address, photos):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(address)
    upload(page, photos / "crowd.jpg")
    photo = page.get_by_role("img", name="40 faces found")
    box = page.get_by_role("button", name=re.compile("^Face 7: "))
    # The element is there before the picture in it is decoded; it has no height until then.
    page.wait_for_function("photo => photo.naturalHeight > 0", arg=photo.element_handle())
    around, inside = photo.bounding_box(), box.bounding_box()
    assert around["x"] <= inside["x"] < around["x"] + around["width"]
    assert around["y"] <= inside["y"] < around["y"] + around["height"]
    box.click()
    shown = page.get_by_test_id("stMarkdown").filter(has_text=re.compile("^7 · "))
    expect(shown).to_be_visible()
    expect(box).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name=re.compile("^Face 3: ")).press("Enter")
    expect(box).to_have_attribute("aria-pressed", "false")
    context.close()


def test_the_page_stays_when_looking_has_ended(page, photos):
    upload(page, photos / "crowd.jpg")
    photo = page.get_by_role("img", name="40 faces found").element_handle()
    page.get_by_role("button", name=re.compile("^Face 7: ")).click()
    expect(page.get_by_text(re.compile("^7 · ")).first).to_be_visible()
    page.wait_for_selector(IDLE)
    assert photo.evaluate("photo => photo.isConnected")


def test_a_file_name_is_text_not_markup(page, photos):
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    upload(page, photos / "<img src=x onerror=alert(1)>.jpg")
    shown = page.get_by_test_id("stText").filter(has_text="<img src=x onerror=alert(1)>.jpg")
    expect(shown).to_be_visible()
    assert not alerts


def test_the_example_is_one_click(page):
    page.get_by_role("button", name="Try an example").click()
    expect(page.get_by_text("1 · happy")).to_be_visible()


def test_the_camera_opens_and_its_picture_is_scored(page):
    page.get_by_text("Take one with the camera").click()
    # The button is there before the stream is; a click then takes no picture.
    page.wait_for_function("document.querySelector('video')?.videoWidth > 0")
    page.get_by_role("button", name="Take Photo").click()
    # Chromium's fake camera shows a green field and no face.
    expect(page.get_by_text("No face was found in this photo")).to_be_visible()


def test_fits_a_phone(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Try an example").click()
    expect(page.get_by_text("1 · happy")).to_be_visible(timeout=60_000)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
    photo = page.get_by_role("img", name="1 face found").bounding_box()
    assert photo["width"] > 300
    context.close()


def test_a_phone_shows_the_whole_line_of_a_model_and_what_it_is_for(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    longest = max((name for name in list_models() if Artifact.find(name).has_weights), key=len)
    page.goto(f"{address}/?model={longest}")
    picker = page.get_by_role("combobox", name="Model", exact=True)
    expect(picker).to_have_value(re.compile(f"^{longest} · "))
    assert picker.evaluate("e => e.scrollWidth <= e.clientWidth")
    purpose = Artifact.find(longest).config.purpose
    expect(page.get_by_text(purpose[1:])).to_be_visible()
    context.close()


def test_a_second_visitor_does_not_wait_for_a_second_load(page, browser, address):
    page.get_by_role("button", name="Try an example").click()
    expect(page.get_by_text("1 · happy")).to_be_visible()
    context = browser.new_context()
    other = context.new_page()
    other.goto(address)
    other.get_by_role("button", name="Try an example").click()
    loading = other.get_by_text("Loading the model")
    happy = other.get_by_text("1 · happy")
    expect(loading.or_(happy).first).to_be_visible(timeout=30_000)
    assert not loading.is_visible()
    context.close()


def test_visitors_at_the_same_time_see_their_own_answers_only(page, photos, browser, address):
    context = browser.new_context()
    other = context.new_page()
    other.set_default_timeout(60_000)
    other.goto(address)
    other.get_by_role("heading", name="What do these faces show?").wait_for()
    for turn in range(3):
        visits = ((page, "astronaut.jpg", 1), (other, "crowd.jpg", 40))
        for visitor, name, _ in visits:  # both are under way before the first has its answer
            data = (photos / name).read_bytes()
            file = {"name": f"{turn} {name}", "mimeType": "image/jpeg", "buffer": data}
            visitor.locator("input[type=file]").set_input_files(file)
        for visitor, name, faces in visits:
            found = visitor.get_by_role("img", name=re.compile(r"faces? found"))
            expect(found).to_have_count(1)
            expect(visitor.get_by_test_id("stText").first).to_have_text(f"{turn} {name}")
            assert found.get_attribute("alt").startswith(f"{faces} face")
            visitor.get_by_role("button", name="Clear all photos").click()
            expect(found).to_have_count(0)
    context.close()


def test_sixty_photos_are_a_page_to_look_at_and_stay_while_one_is_elsewhere(page, astronaut):
    files = []
    for number in range(60):
        buffer = io.BytesIO()
        astronaut.crop((100, 0, 360, 260)).rotate(number / 9).save(buffer, "JPEG")
        files.append(
            {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}
        )
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_text("1 to 24 of 60")).to_be_visible()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollHeight") < 6_000
    assert page.evaluate("document.querySelectorAll('*').length") < 2_500
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV", exact=True).click()
    rows = list(csv.DictReader(download.value.path().open()))
    assert [row["path"] for row in rows] == [f"{number}.jpg" for number in range(60)]

    page.get_by_role("link", name="Batch").first.click()
    page.get_by_role("heading", name="Score a whole folder").wait_for()
    page.get_by_role("link", name="Photos").first.click()
    expect(page.get_by_text("1 to 24 of 60")).to_be_visible()
    page.get_by_role("button", name="Clear all photos").click()
    expect(page.get_by_text("try the example")).to_be_visible()


def test_a_photo_as_high_as_a_scrolled_screen_leaves_room_for_the_others(page, astronaut):
    tall = Image.new("RGB", (300, 6_000), "grey")
    tall.paste(astronaut.resize((300, 300)))
    files = []
    for name, picture in (("tall.png", tall), ("astronaut.png", astronaut)):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        files.append({"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()})
    page.locator("input[type=file]").set_input_files(files)
    small = page.get_by_role("img", name=re.compile(r"^tall\.png: "))
    expect(small).to_be_visible()
    assert small.bounding_box()["height"] <= 400
    page.get_by_test_id("stButton").get_by_role("button", name="Open", exact=True).first.click()
    opened = page.get_by_role("img", name=re.compile(r"\d faces? found"))
    expect(opened).to_be_visible()
    assert opened.bounding_box()["height"] <= 1_600


def test_a_model_stands_in_the_address_by_its_name(page, address):
    page.get_by_role("combobox", name="Model").first.click()
    page.get_by_role("option", name="lite").click()
    page.wait_for_url("**/?model=lite")
    page.goto(f"{address}/?model=cnn+%C2%B7+right+on+67.7%25+of+test+images")
    page.wait_for_url("**/?model=cnn")


def test_files_that_are_no_photos_get_a_sentence_where_one_looks(page):
    files = [
        {"name": name, "mimeType": kind, "buffer": b"no photo"}
        for name, kind in (("notes.txt", "text/plain"), ("film.mp4", "video/mp4"))
    ]
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(2)


WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("", "Drop in photos, take one"),
        ("compare", "multiply-adds"),
        ("batch", "Scoring goes on in the background"),
        ("video", "Draw the boxes into the video"),
        ("live", "Open the camera"),
    ],
)
def test_nothing_moves_by_itself_while_a_page_comes(browser, address, path, last, size):
    context = browser.new_context(viewport=size)
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.add_init_script(SHIFTS)
    page.goto(f"{address}/{path}")
    page.get_by_text(last).first.wait_for()
    page.locator(IDLE).wait_for()
    page.wait_for_timeout(2_000)
    shifted = page.evaluate("window.shifted")
    context.close()
    assert shifted < 0.1


def test_nothing_moves_by_itself_while_a_photo_is_looked_at(browser, address):
    """Measure the layout shift of all that comes without a press, from the settled page on."""
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.add_init_script(SHIFTS)
    page.goto(address)
    page.get_by_role("button", name="Try an example").wait_for()
    page.wait_for_timeout(2_000)
    page.evaluate("window.shifted = 0")
    page.get_by_role("button", name="Try an example").click()
    expect(page.get_by_text("1 · happy")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    page.wait_for_timeout(2_000)
    shifted = page.evaluate("window.shifted")
    context.close()
    assert shifted < 0.1
