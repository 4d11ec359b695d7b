"""A picture from a web address, fetched so that no address leads into the server's own network.

`fer score --files-from` reads addresses, too, for who runs it and may reach what they name; here a
stranger names them.
"""

import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import anyio
import httpx2

from app.server.uploads import SENT, Limits
from fer import __version__
from fer.errors import AddressRefused
from fer.faces.images import HEAD, looks_like_photo

VARIABLE = "FER_WEB_ADDRESSES"
LENGTH = 2_000
"""Characters of an address at most."""
SECONDS = 20.0
"""What a picture may take, from the question for its server's name to its last byte."""
REDIRECTS = 4
SERVERS = 3
"""Of the addresses that a name has, how many are tried."""
CONNECT_SECONDS = 5.0
"""What each of them may take to be there."""
PORTS = {"http": 80, "https": 443}
"""Schemes, and the only port of each: behind others is what was never meant for browsers."""
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NO_ADDRESS = "Give a whole address of the web, which begins with https:// or http://."
HEADERS = {
    "User-Agent": f"fer-studio/{__version__}",
    "Accept": "image/*",
    "Accept-Encoding": "identity",  # a packed body would be as large as it likes
}


def addresses_allowed(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether visitors may have pictures fetched: only where `FER_WEB_ADDRESSES` is 1."""
    return environ.get(VARIABLE) == "1"


def is_public(address: str, port: int) -> bool:
    """Say whether an IP address is one of the public web, asked at a port of the web.

    Neither this machine nor its network, nor what only stands for another address: an IPv4
    address inside of an IPv6 one may be any.

    >>> is_public("93.184.215.14", 443), is_public("2606:4700::1111", 80)
    (True, True)
    >>> is_public("93.184.215.14", 22), is_public("10.0.0.1", 80), is_public("::ffff:8.8.8.8", 80)
    (False, False, False)
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and (
        ip not in GLOBAL_UNICAST or ip.sixtofour or ip.teredo
    ):
        return False
    return port in PORTS.values() and ip.is_global and not ip.is_multicast and not ip.is_reserved


def fetch_picture(
    address: str,
    limits: Limits = SENT,
    *,
    seconds: float = SECONDS,
    may_reach: Callable[[str, int], bool] = is_public,
    resolve: Callable[..., list[tuple[Any, ...]]] = socket.getaddrinfo,
) -> tuple[str, bytes]:
    """Fetch a picture that a visitor names by its address.

    Each name is resolved once, and the connection goes to the very address that was checked; each
    redirect is a new address, checked like the first. No proxy and no `.netrc` is used.

    Args:
        address: `http://…` or `https://…`.
        limits: what is accepted; of one file.
        seconds: how long it may take in all.
        may_reach: says of an IP address and a port whether they may be asked.
        resolve: as `socket.getaddrinfo`.

    Returns:
        The last part of the address, as a file's name, and the bytes, which begin like a photo.

    Raises:
        AddressRefused: if it cannot be had. The sentence is the same whether a server does not
            exist or may not be asked, so that nothing is told about the server's own network.
    """
    return anyio.run(partial(_fetch, address.strip(), limits, seconds, may_reach, resolve))


async def _fetch(
    address: str,
    limits: Limits,
    seconds: float,
    may_reach: Callable[[str, int], bool],
    resolve: Callable[..., list[tuple[Any, ...]]],
) -> tuple[str, bytes]:
    try:
        first = url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise AddressRefused(NO_ADDRESS) from error
    try:
        with anyio.fail_after(seconds):
            for _ in range(REDIRECTS + 1):
                servers = await _servers(url, may_reach, resolve)
                async with _asked(url, servers) as answer:
                    if not answer.has_redirect_location:
                        return _file_name(first), await _read(answer, url, limits)
                    url = url.join(answer.headers["Location"])
    except TimeoutError as error:
        raise AddressRefused(
            f"The picture did not come within {seconds:.0f} seconds: save it and drop the file."
        ) from error
    except (httpx2.InvalidURL, httpx2.HTTPError) as error:
        raise AddressRefused(
            "This address leads to no picture: a server on the way breaks off."
        ) from error
    raise AddressRefused("This address leads on and on: give the picture's own.")


async def _servers(
    url: httpx2.URL,
    may_reach: Callable[[str, int], bool],
    resolve: Callable[..., list[tuple[Any, ...]]],
) -> list[str]:
    """Return the IP addresses of a URL's server, all of which may be asked."""
    if url.scheme not in PORTS or not url.host:
        raise AddressRefused(NO_ADDRESS)
    if url.userinfo:
        raise AddressRefused("Give an address without a user's name and password in it.")
    port = PORTS[url.scheme] if url.port is None else url.port
    host = url.raw_host.decode("ascii")
    refused = AddressRefused(
        f"There is no {_shown(url)} among the servers that may be asked: those of the public web, "
        "at its usual ports."
    )
    try:
        # In a thread that is left behind: no resolver can be told how long it may take.
        found = await anyio.to_thread.run_sync(
            partial(resolve, host, port, type=socket.SOCK_STREAM), abandon_on_cancel=True
        )
    except (OSError, ValueError, OverflowError) as error:
        # Unknown, or what cannot be a server's name or port.
        raise refused from error
    servers = list(dict.fromkeys(str(info[4][0]) for info in found))
    if not servers or not all(may_reach(server, port) for server in servers):
        raise refused
    return servers[:SERVERS]


@asynccontextmanager
async def _asked(url: httpx2.URL, servers: list[str]) -> AsyncIterator[httpx2.Response]:
    """Ask the first of the servers that answers; the body is still to come."""
    host = url.raw_host.decode("ascii")
    timeout = httpx2.Timeout(SECONDS, connect=CONNECT_SECONDS)
    # A client for each URL: two names on one server would share a connection, and the certificate
    # be that of the first.
    async with httpx2.AsyncClient(trust_env=False, timeout=timeout) as client:
        for server in servers:
            request = client.build_request(
                "GET",
                url.copy_with(host=server),
                headers=HEADERS | {"Host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": host},
            )
            try:
                answer = await client.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
            try:
                yield answer
            finally:
                await answer.aclose()
            return
    raise AddressRefused(f"{_shown(url)} does not answer, or cannot prove that it is the one.")


async def _read(answer: httpx2.Response, url: httpx2.URL, limits: Limits) -> bytes:
    """Read a picture's bytes, no more than may be."""
    if answer.status_code != 200:
        raise AddressRefused(
            f"{_shown(url)} answers with {answer.status_code} and no picture: is the address right?"
        )
    if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise AddressRefused(
            "This is the address of a web page: open the picture by itself, and give the address "
            "that the browser then shows."
        )
    data = bytearray()
    async for part in answer.aiter_raw():
        data += part
        if len(data) >= HEAD and not looks_like_photo(bytes(data[:HEAD])):
            break
        if len(data) > limits.file_bytes:
            raise AddressRefused(f"The picture is not taken: {limits.file_too_large}.")
    if not looks_like_photo(bytes(data[:HEAD])):
        raise AddressRefused(f"What {_shown(url)} sends is no picture that can be read.")
    return bytes(data)


def _shown(url: httpx2.URL) -> str:
    """Return a server's name for a sentence, as code: nothing in it is Markdown."""
    return f"`{url.netloc.decode('ascii').replace('`', '')}`"


def _file_name(url: httpx2.URL) -> str:
    """Return the last part of an address as the name of a file."""
    name = PurePosixPath(unquote(url.path).replace("\\", "/")).name
    return "".join(filter(str.isprintable, name))[-200:] or "picture"
