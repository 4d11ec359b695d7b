import io

import pytest
from PIL import Image
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
