"""The page Live in Chromium, with made films as its cameras."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.conftest import watch
from tools.camera import FROWN, SMILE, before_camera, film, playing
from tools.running import CHROMIUM_FLAGS, chromium

pytestmark = pytest.mark.browser

CHANGING = [
    (4, before_camera(SMILE, 0.35)),
    (4, before_camera(FROWN, 0.35)),
    (3, before_camera(None)),
]


@contextmanager
def visitor(
    playwright: Playwright, address: str, camera: Path | None, *flags: str, init: str = ""
) -> Iterator[Page]:
    """Open the page in a browser of its own, whose camera shows a film."""
    usual = [flag for flag in CHROMIUM_FLAGS if camera or "media-stream" not in flag]
    extra = [playing(camera)] if camera else []
    browser = playwright.chromium.launch(executable_path=chromium(), args=[*usual, *extra, *flags])
    page = browser.new_page()
    problems = watch(page, address)
    if init:
        page.add_init_script(init)
    page.goto(f"{address}/live")
    page.get_by_role("button", name="Open the camera").wait_for()
    yield page
    browser.close()
    assert not problems


def shown(page: Page):
    """Return what stands at the faces over the picture."""
    return page.locator(".face")


def test_the_answer_changes_with_the_face_and_goes_with_it(playwright, diskless, tmp_path):
    camera = film(tmp_path / "changing.mjpeg", CHANGING)
    with visitor(playwright, diskless.address, camera) as page:
        assert not page.locator("video").is_visible()
        page.get_by_role("button", name="Open the camera").click()
        for _ in range(2):
            expect(shown(page)).to_have_text(re.compile(r"happy \S?\d+%"))
            expect(shown(page)).to_have_text(re.compile(r"angry \S?\d+%"))
            expect(page.get_by_text("No face is found")).to_be_visible()
            expect(shown(page)).to_have_count(0)
        # What has gone stands in the last minute, and where it was.
        past = page.get_by_role("img", name="The last minute. On average:").first
        expect(past).to_have_attribute("aria-label", re.compile("happy .*angry|angry .*happy"))
        expect(page.locator(".pace")).to_have_text(re.compile(r"\d answers a second, each \d+ ms"))

        expect(shown(page)).to_have_count(1)
        box, video = shown(page).bounding_box(), page.locator("video").bounding_box()
        middle = (box["x"] + box["width"] / 2 - video["x"]) / video["width"]
        assert middle == pytest.approx(1 - 0.35, abs=0.05)  # as in a mirror

        page.get_by_role("button", name="Close the camera").click()
        expect(page.locator("video")).to_be_hidden()
        assert page.locator("video").evaluate("video => video.srcObject") is None
        expect(page.get_by_role("button", name="Open the camera")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Person 1 · happy")).to_be_visible()


def test_two_visitors_never_see_each_others_face(playwright, diskless, tmp_path):
    films = [
        film(tmp_path / "smile.mjpeg", [(5, before_camera(SMILE, 0.3))]),
        film(tmp_path / "frown.mjpeg", [(5, before_camera(FROWN, 0.7))]),
    ]
    with (
        visitor(playwright, diskless.address, films[0]) as one,
        visitor(playwright, diskless.address, films[1]) as other,
    ):
        told = []
        for page in (one, other):
            page.get_by_role("button", name="Open the camera").click()
            expect(shown(page)).to_have_count(1)
            # Each change of what is shown is noted, not only what is there when one looks.
            page.evaluate(
                """() => {
                  const live = document.querySelector("[data-testid=stBidiComponentIsolated]")
                    .shadowRoot.querySelector(".live");
                  window.told = [];
                  new MutationObserver(() => window.told.push(
                    [...live.querySelectorAll(".face")].map((face) =>
                      [face.textContent.split(" ")[0], parseFloat(face.style.left)])
                  )).observe(live, { attributes: true, attributeFilter: ["data-answers"] });
                }"""
            )
        for page in (one, other):
            page.wait_for_function("() => window.told.length >= 20")
            told.append([face for faces in page.evaluate("window.told") for face in faces])
        assert {emotion for emotion, _ in told[0]} == {"happy"}
        assert all(left > 50 for _, left in told[0])  # 0.3 from the left, in the mirror
        assert {emotion for emotion, _ in told[1]} == {"angry"}
        assert all(left < 50 for _, left in told[1])


def test_the_rest_of_the_page_does_not_run_and_another_model_answers(
    playwright, diskless, tmp_path
):
    camera = film(tmp_path / "smile.mjpeg", [(5, before_camera(SMILE))])
    with visitor(playwright, diskless.address, camera) as page:
        page.get_by_role("button", name="Open the camera").click()
        expect(shown(page)).to_have_text(re.compile("happy"))
        page.get_by_role("combobox", name="Model").click()
        page.get_by_role("option", name="cnn ·").click()  # a list that stays open meanwhile
        page.wait_for_url("**/live?model=cnn")
        answers = page.locator(".live")
        before = int(answers.get_attribute("data-answers"))
        expect(answers).not_to_have_attribute("data-answers", str(before))
        expect(page.get_by_role("button", name="Close the camera")).to_be_visible()
        page.get_by_role("link", name="Photos").first.click()
        page.get_by_role("heading", name="What do these faces show?").wait_for()


@pytest.mark.parametrize(
    ("init", "sentence"),
    [
        ("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})", "without HTTPS"),
        ("", "no camera here"),
        (
            "navigator.mediaDevices.getUserMedia = async () => "
            "{ throw new DOMException('', 'NotAllowedError') }",
            "was not allowed",
        ),
    ],
)
def test_without_a_camera_there_is_one_sentence(playwright, diskless, init, sentence):
    with visitor(playwright, diskless.address, None, init=init) as page:
        button = page.get_by_role("button", name="Open the camera")
        if button.is_enabled():
            button.click()
        expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
        expect(page.locator("video")).to_be_hidden()


def test_fits_a_phone(playwright, diskless, tmp_path):
    camera = film(tmp_path / "smile.mjpeg", [(5, before_camera(SMILE))])
    with visitor(playwright, diskless.address, camera) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        page.get_by_role("button", name="Open the camera").click()
        expect(shown(page)).to_have_count(1)
        main = page.get_by_test_id("stMain")
        assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert page.locator("video").bounding_box()["width"] > 300


def test_who_leaves_while_the_camera_is_open_sees_no_error(playwright, diskless, tmp_path):
    camera = film(tmp_path / "smile.mjpeg", [(2, before_camera(SMILE))])
    with visitor(playwright, diskless.address, camera) as page:
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        for _ in range(3):
            page.get_by_role("button", name="Open the camera").click()
            expect(page.locator(".pace")).to_have_text(re.compile("answers a second"))
            page.get_by_role("link", name="Photos").click()
            page.get_by_role("heading", name="What do these faces show?").wait_for()
            expect(page.get_by_test_id("stException")).to_have_count(0)
            page.get_by_role("link", name="Live").click()
        assert not [text for text in complaints if "component" in text]
