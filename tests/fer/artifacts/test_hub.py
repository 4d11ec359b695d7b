"""Whatever the Hub's client raises is one sentence."""

import pytest
from huggingface_hub import constants

from fer.artifacts import hub
from fer.errors import HubError


class InvalidURL(Exception):
    """As the HTTP client's, which is no kind of its other errors."""


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ImportError("Using SOCKS proxy, but the 'socksio' package is not installed."), "socksio"),
        (InvalidURL("Invalid port: 'x'"), "Invalid port"),
        (KeyError("url"), "url"),
        (TypeError("a\nb"), "a"),
        (AssertionError(), "AssertionError"),
        (ValueError("Unknown scheme for proxy URL 'socks9://x'"), "Unknown scheme"),
        (OSError(28, "No space left on device"), "No space left"),
    ],
)
@pytest.mark.parametrize("offline", [False, True])
def test_any_error_is_one_sentence(error, sentence, offline, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(hub, "snapshot_download", fail)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(HubError, match=sentence) as caught:
        hub.fetch("org/name", ["config.json"])
    assert "\n" not in str(caught.value)


def test_a_socks_proxy_without_its_package_says_what_to_do():
    said = hub.explain(ImportError("'socksio' is not installed. Install it."), "org/name")
    assert "ALL_PROXY" in said
    assert "HF_HUB_OFFLINE=1" in said


def test_an_interrupt_stays_one(monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(hub, "snapshot_download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        hub.fetch("org/name", ["config.json"])
