import io
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from PIL import Image
from streamlit.elements.lib import policies
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


def jpeg(image: Image.Image) -> bytes:
    """Encode a photo as a user's camera would."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def new_visitor() -> AppTest:
    """Return the app before its first page opens."""
    return AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)


def open_app() -> AppTest:
    """Open the app as a new visitor."""
    return new_visitor().run()


def open_page(page: str, **address: object) -> AppTest:
    """Open one of `pages/` as a new visitor, by a link with these parameters."""
    app = new_visitor()
    app.query_params.update(address)
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


@pytest.fixture
def app() -> AppTest:
    """The app, freshly opened."""
    return open_app()


@pytest.fixture(autouse=True)
def no_widget_has_two_values(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where a widget has a default and a value of the session's, which Streamlit logs."""
    warned: list[str] = []
    # It looks for that only where a server runs.
    monkeypatch.setattr(policies, "runtime", SimpleNamespace(exists=lambda: True))
    monkeypatch.setattr(policies, "_shown_default_value_warning", False)
    monkeypatch.setattr(policies._LOGGER, "warning", lambda text, key, **_: warned.append(key))
    yield
    assert not warned
