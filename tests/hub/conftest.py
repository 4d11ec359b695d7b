"""The Hub: a server of our own on the loopback address or, for `pytest -m hub`, a real one."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.utils import close_session

from tests.hub_server import TOKEN, HubServer, serve


@dataclass
class Hub:
    """An endpoint, and who may write where on it."""

    endpoint: str
    token: str
    namespace: str
    cache: Path
    created: set[str] = field(default_factory=set)

    def name(self, stem: str) -> str:
        """Return the id of a repository that nobody has; it is deleted after the test."""
        repo_id = f"{self.namespace}/{stem}-{uuid.uuid4().hex[:8]}"
        self.created.add(repo_id)
        return repo_id

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment in which another process sees this Hub and this cache."""
        return os.environ | {
            "HF_ENDPOINT": self.endpoint,
            "HF_TOKEN": self.token,
            "HF_HUB_CACHE": str(self.cache),
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            **more,
        }


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Point the client in this process at an endpoint, with a token and an empty cache.

    The client reads its environment once, when it is imported; here its constants change.
    """

    def point(endpoint: str, token: str | None) -> None:
        template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        # No token of whoever runs the tests is ever sent.
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        close_session()

    yield point
    close_session()


@pytest.fixture
def server(tmp_path: Path, connect: Callable[..., None]) -> Iterator[HubServer]:
    """The server on the loopback address, which tests can make fail; the client talks to it."""
    with serve(tmp_path / "hub") as server:
        connect(server.address, TOKEN)
        yield server


@pytest.fixture(params=["loopback", pytest.param("real", marks=pytest.mark.hub)])
def hub(
    request: pytest.FixtureRequest, tmp_path: Path, connect: Callable[..., None]
) -> Iterator[Hub]:
    """The loopback server and, with `-m hub`, the Hub at `$FER_HUB_ENDPOINT`."""
    if request.param == "loopback":
        server = request.getfixturevalue("server")
        yield Hub(server.address, TOKEN, "org", tmp_path / "cache")
        return
    endpoint, token = os.environ.get("FER_HUB_ENDPOINT"), os.environ.get("HF_TOKEN")
    if not endpoint or not token:
        pytest.skip("set FER_HUB_ENDPOINT and HF_TOKEN to run against a Hub")
    connect(endpoint, token)
    api = HfApi()
    real = Hub(endpoint, token, api.whoami()["name"], tmp_path / "cache")
    yield real
    connect(endpoint, token)  # whatever the test did to the connection
    for repo_id in real.created:
        api.delete_repo(repo_id, missing_ok=True)


@pytest.fixture
def artifact(cnn_folder: Path, tmp_path: Path) -> Path:
    """A copy of the shipped CNN that a test may change."""
    return Path(shutil.copytree(cnn_folder, tmp_path / "cnn"))
