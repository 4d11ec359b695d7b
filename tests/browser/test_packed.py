"""What is served goes packed over the wire."""

import re
import urllib.request

import pytest

pytestmark = pytest.mark.browser


def loaded(url: str) -> tuple[str | None, bytes]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        return answer.headers["Content-Encoding"], answer.read()


def test_the_pages_code_is_packed(address):
    with urllib.request.urlopen(address) as answer:
        page = answer.read().decode()
    (script,) = re.findall(r'src="\./(static/js/index\.[^"]+\.js)"', page)
    encoding, packed = loaded(f"{address}/{script}")
    with urllib.request.urlopen(f"{address}/{script}") as answer:
        whole = answer.read()
    assert encoding == "gzip"
    assert len(packed) < len(whole) / 2
