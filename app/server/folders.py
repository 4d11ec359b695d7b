"""Which folders of the server a visitor may name, and the photos of one, never outside it."""

import errno
import ipaddress
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from app.server.uploads import Batch, Limits
from fer.errors import FolderRefused
from fer.faces.images import Photo
from fer.files import read_regular
from fer.scoring.folder import Entry, list_folder

VARIABLE = "FER_BATCH_ROOT"
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")
"""Headers that a proxy adds: behind one, `localhost` is anybody."""


def allowed_folder(
    address: str | None, headers: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> Path | None:
    """Return the folder inside which a visitor may name folders, or `None` if they may not.

    `FER_BATCH_ROOT` names it. Without it the whole disk is open to a visitor who sits at this
    machine: the app listens on localhost only, was asked for by that name, and not by a proxy.

    Args:
        address: what the app listens on (Streamlit's `server.address`).
        headers: of the visitor's request; a mapping that ignores case.
        environ: environment variables.
    """
    if named := environ.get(VARIABLE):
        path = Path(named).expanduser().resolve()
        return path if path.is_dir() else None
    # A proxy may hide behind `Host: localhost`, but not what the browser has in its address bar.
    asked = (f"//{headers.get('Host', '')}", headers.get("Origin", ""))
    behind_proxy = any(name in headers for name in FORWARDED)
    if is_loopback(address) and all(map(is_loopback, map(_host, asked))) and not behind_proxy:
        return Path("/").resolve()
    return None


def is_loopback(host: str | None) -> bool:
    """Say whether a host is this machine, reached from itself.

    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("::1")
    (True, True, True)
    >>> is_loopback("0.0.0.0"), is_loopback("example.com"), is_loopback("")
    (False, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def find_folder(name: str, allowed: Path) -> Path:
    """Return the folder that a visitor named, resolved.

    Args:
        name: absolute, or relative to the allowed folder; `~` is the home of who runs the app.
        allowed: from `allowed_folder`.

    Raises:
        FolderRefused: if there is no such folder inside the allowed one; the same sentence whether
            it does not exist or lies elsewhere, so that nothing is told about elsewhere.
    """
    where = "" if allowed == allowed.parent else f" in {allowed}"
    refused = FolderRefused(
        f"There is no folder {name!r}{where}: give its path, as the server sees it."
    )
    try:
        folder = Path(os.path.realpath(allowed / Path(name.strip()).expanduser(), strict=True))
    except (OSError, ValueError, RuntimeError) as error:
        # Missing, a loop of links, a null byte, the home of nobody.
        raise refused from error
    if not name.strip() or not folder.is_relative_to(allowed) or not folder.is_dir():
        raise refused
    if not os.access(folder, os.R_OK | os.X_OK):
        raise FolderRefused(f"The server may not read the folder {name!r}: change its permissions.")
    return folder


def server_folder(folder: Path, allowed: Path, limits: Limits) -> Batch:
    """List a folder's photos, deep; each is read from the disk when its turn comes.

    A link out of the allowed folder becomes an error row, and so does what cannot be read by then.

    Args:
        folder: from `find_folder`.
        allowed: from `allowed_folder`.
        limits: what is accepted; the total of bytes does not count, for they stay on the disk.

    Raises:
        TooMuch: if it holds more files.
    """
    entries = []
    listing = list_folder(folder, within=allowed)
    for entry in listing:
        entries.append(Entry(entry.path, partial(_read, entry, folder, allowed, limits)))
        limits.check_count(len(entries) + listing.skipped)
    limits.check_count(len(entries) + listing.skipped)  # those after the last photo, too
    return Batch(folder.name or "folder", entries, listing.skipped)


def _read(entry: Entry, folder: Path, allowed: Path, limits: Limits) -> bytes | Photo:
    """Read a listed file if it lies inside the allowed folder now, at the moment of reading."""
    path = folder / entry.path
    if path.is_dir():
        return entry.read()  # which says why it was not listed
    if not os.path.lexists(path):
        raise FileNotFoundError(errno.ENOENT, "it has gone, or its name is not UTF-8")
    real = Path(os.path.realpath(path, strict=True))
    if not real.is_relative_to(allowed):
        raise PermissionError(errno.EPERM, "it is a link out of the folder that may be read")
    # Not followed: a link put there since it was resolved.
    return read_regular(
        real, limits.file_bytes, follow_links=False, too_large=limits.file_too_large
    )


def _host(url: str) -> str | None:
    """Return the host of a URL, in lower case.

    >>> _host("//localhost:8501"), _host("http://[::1]:8501"), _host("https://Example.com")
    ('localhost', '::1', 'example.com')
    >>> _host("null"), _host("//[broken")
    (None, None)
    """
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
