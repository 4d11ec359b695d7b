"""What is served goes packed over the wire, and the style with the document."""

import gzip
import re
import urllib.request
from email.message import Message

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.browser


def loaded(url: str, kind: str = "*/*") -> tuple[Message, bytes]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip", "Accept": kind})
    with urllib.request.urlopen(request) as answer:
        return answer.headers, answer.read()


def test_the_pages_code_is_packed(address):
    with urllib.request.urlopen(address) as answer:
        page = answer.read().decode()
    (script,) = re.findall(r'src="\./(static/js/index\.[^"]+\.js)"', page)
    headers, packed = loaded(f"{address}/{script}")
    with urllib.request.urlopen(f"{address}/{script}") as answer:
        whole = answer.read()
    assert headers["Content-Encoding"] == "gzip"
    assert len(packed) < len(whole) / 2


@pytest.mark.parametrize("path", ["", "compare"])
def test_the_style_comes_with_the_document(address, path):
    headers, packed = loaded(f"{address}/{path}", "text/html,application/xhtml+xml")
    style = (ROOT / "app" / "page.css").read_text(encoding="utf-8")
    assert f"<style>{style}</style></head>" in gzip.decompress(packed).decode()
    # A browser that asked whether the file is still the same would keep an older style.
    assert headers["ETag"] is None


def test_what_is_no_document_stays_as_it_is(address):
    headers, icon = loaded(f"{address}/favicon.png", "text/html,*/*")
    assert headers["Content-Type"] == "image/png"
    assert (gzip.decompress(icon) if headers["Content-Encoding"] else icon).startswith(b"\x89PNG")
