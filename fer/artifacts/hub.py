"""The Hugging Face Hub: fetch files of a repository into its cache; errors as sentences.

Where the Hub is, the token, the cache and whether to go online at all are `huggingface_hub`'s
own settings: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import constants, snapshot_download

# `HTTPError` is that of the HTTP client, whichever this release of huggingface_hub is built on.
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import tqdm

from fer.errors import FerError, HubError, first_line

Progress = Callable[[int, int], None]
"""Called with the bytes that have come and the bytes there are; from other threads."""

LOG_IN = (
    "log in with `hf auth login`, or set HF_TOKEN to a token from huggingface.co/settings/tokens"
)


def fetch(
    repo_id: str,
    patterns: Sequence[str],
    revision: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download files of a model repository, unless they are in the Hub's cache; return the folder.

    Args:
        repo_id: `organisation/name`.
        patterns: the files that may be downloaded; nothing else is, and nothing out of folders.
        revision: a branch, a tag or a commit; the newest of `main` when left out. Without a
            network the one fetched last is taken.
        progress: told how far it is; a bar on stderr when left out.

    Raises:
        HubError: with a sentence that says what is wrong and what to do.
    """
    with hub_errors(repo_id, revision), _byte_bar(repo_id, progress) as bar:
        return Path(
            snapshot_download(
                repo_id,
                revision=revision,
                allow_patterns=list(patterns),
                # To the client `*` stands for `/`, too: *.safetensors would bring those of exports.
                ignore_patterns="*/*",
                library_name="fer-studio",
                # One file after the other: where the connection breaks, the client renews its
                # session, and a request of another thread that is just using it fails oddly.
                max_workers=1,
                tqdm_class=bar,
            )
        )


@contextlib.contextmanager
def _byte_bar(repo_id: str, progress: Progress | None) -> Iterator[type[tqdm]]:
    """Give the client one bar to draw: of bytes, and only where something is downloaded.

    Of itself it draws three, also for what is in the cache already, and does not close them.
    """
    bars: list[tqdm] = []

    class ByteBar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.drawn = False
            ours: dict[str, Any] = {"desc": f"Downloading {repo_id}", "bar_format": None}
            ours |= {"delay": 0.01, "position": 0}
            if kwargs.get("name") != "huggingface_hub.snapshot_download":
                ours["disable"] = True
            elif progress:
                ours["disable"] = False
            super().__init__(*args, **kwargs | ours)
            bars.append(self)

        def set_description(self, desc: str | None = None, refresh: bool | None = True) -> None:
            """Keep the description."""

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if progress and not self.disable and self.total:
                progress(int(self.n), int(self.total))
            return shown

        def display(self, msg: str | None = None, pos: int | None = None) -> bool | None:
            if progress:
                return True
            self.drawn = True
            return super().display(msg, pos)

        def close(self) -> None:
            if self.drawn:
                self.delay = 0  # so that the last state is drawn, and the line ended
            super().close()

    try:
        yield ByteBar
    finally:
        for bar in bars:
            bar.close()


@contextlib.contextmanager
def hub_errors(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Turn what `huggingface_hub` raises inside the block into a `HubError` of one sentence."""
    try:
        yield
    except FerError:
        raise
    except Exception as error:
        # The client, and the client below it, raise what comes: ImportError for a SOCKS proxy, an
        # InvalidURL of its own for a proxy's misspelt address, KeyErrors of odd answers …
        raise HubError(explain(error, repo_id, revision)) from error


def explain(error: BaseException, repo_id: str, revision: str | None = None) -> str:
    """Say in a sentence what an error of `huggingface_hub` means and what to do about it."""
    offline = constants.is_offline_mode()
    match error:
        case HFValidationError():
            return f"{repo_id!r} is not the name of a Hub repository: it reads organisation/name."
        case LocalTokenNotFoundError():
            return f"Not logged in to the Hub: {LOG_IN}."
        case GatedRepoError():
            return f"{repo_id} is gated: ask for access on its page on the Hub, then {LOG_IN}."
        case RepositoryNotFoundError():
            return (
                f"There is no model repository {repo_id} on the Hub, or it is private: check the "
                f"name, or {LOG_IN}."
            )
        case RevisionNotFoundError():
            return f"{repo_id} has no revision {revision or 'main'!r}: it is gone, or never was."
        case IncompleteSnapshotError() | LocalEntryNotFoundError() if offline:
            what = f"{repo_id} at revision {revision!r}" if revision else repo_id
            return (
                f"{what} is not whole in the cache ({constants.HF_HUB_CACHE}), and HF_HUB_OFFLINE "
                "is set: load it once without."
            )
        case IncompleteSnapshotError():
            return (
                f"The download of {repo_id} was broken off and the Hub cannot be reached to finish "
                "it: try again later."
            )
        case OfflineModeIsEnabled():
            return f"HF_HUB_OFFLINE is set: unset it to reach {repo_id} on the Hub."
        case HfHubHTTPError():
            return _explain_status(error, repo_id)
        case LocalEntryNotFoundError() | RuntimeError() if error.__cause__ is not None:
            return explain(error.__cause__, repo_id, revision)
        case OSError() if "Consistency check failed" in str(error):
            return f"The download of {repo_id} was cut short: load it again."
        case ImportError():
            return (
                f"The Hub cannot be reached ({first_line(error)}): install that, or unset the "
                "proxy (ALL_PROXY, HTTPS_PROXY); what was downloaded before loads with "
                "HF_HUB_OFFLINE=1."
            )
        case HTTPError():
            return (
                f"The Hub at {constants.ENDPOINT} cannot be reached ({first_line(error)}): check "
                "the network; what was downloaded before loads with HF_HUB_OFFLINE=1."
            )
    return f"{repo_id}: {first_line(error)}."


def _explain_status(error: HfHubHTTPError, repo_id: str) -> str:
    status = error.response.status_code
    if status == 401:
        return f"The Hub does not accept the token for {repo_id}: {LOG_IN}."
    if status == 403:
        return (
            f"The token has no right to do this with {repo_id}: use a name of your own or of an "
            f"organisation you may write to, and a token with write access ({LOG_IN})."
        )
    if status == 429 or status >= 500:
        return f"The Hub answered {status} for {repo_id}: it is busy or down; try again later."
    said = error.server_message or first_line(error)
    return f"The Hub refused {repo_id} ({status}): {said}"
