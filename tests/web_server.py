"""A web server on this machine that answers as a test wants, and names that lead to it."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Web:
    """The server, what it answers by path, and what it was asked."""

    address: str
    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """The `Host` and the path of each request."""
    broken_off: threading.Event = field(default_factory=threading.Event)
    """Set once somebody went away before the end of an answer."""

    def url(self, path: str, host: str = "pictures.example") -> str:
        return f"http://{host}:{self.port}{path}"

    def resolve(self, host: str, port: int, **_) -> list:
        """Know every name as this server's, as `socket.getaddrinfo` would."""
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, port))]

    def only(self, address: str, port: int) -> bool:
        """Say whether an IP address and a port are this server's."""
        return (address, port) == (self.address, self.port)


@contextlib.contextmanager
def web_server(address: str = "127.0.0.1", port: int = 0) -> Iterator[Web]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append((self.headers["Host"], self.path))
            try:
                web.answers[self.path](self)
            except ConnectionError:
                web.broken_off.set()

        def log_message(self, *_) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    web = Web(address, server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sends(body: bytes, kind: str = "image/jpeg", status: int = 200, **headers: str) -> Answer:
    """Answer with a body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def leads_to(url: str, status: int = 302) -> Answer:
    """Answer with another address."""
    return sends(b"", status=status, Location=url)
