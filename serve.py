"""The app as it is best served: its pages' code packed, and their style there before they are.

streamlit run serve.py

Streamlit packs what it sends but for the scripts and styles of its pages, which are most of a first
visit, and leaves those to a proxy. Here they are packed anew for each first visit. And the style
that the app's script sends comes after the page's first elements, which then move: here it comes
with the document.
"""

from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.server.memory import share_arenas

STYLE = Path(__file__).parent / "app" / "page.css"


class Styled:
    """Put a style into the head of the document that a browser opens."""

    def __init__(self, app: ASGIApp, style: str) -> None:
        self.app = app
        self.head = f"<style>{style}</style></head>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a document is held until it is whole."""
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("Accept", ""):
            await self.app(scope, receive, send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        # Streamlit would pack the document before it is here.
        del headers["Accept-Encoding"]
        start: Message = {}
        document = b""

        async def hold(message: Message) -> None:
            nonlocal start, document
            if message["type"] == "http.response.start":
                start = message
                return
            document += message.get("body", b"")
            if message.get("more_body"):
                return
            answer = MutableHeaders(raw=start["headers"])
            if answer.get("Content-Type", "").startswith("text/html"):
                document = document.replace(b"</head>", self.head, 1)
                answer["Content-Length"] = str(len(document))
                # They are the file's, which stays as it is when the style changes.
                del answer["ETag"], answer["Last-Modified"]
            await send({**start, "headers": answer.raw})
            await send({"type": "http.response.body", "body": document})

        await self.app({**scope, "headers": headers.raw}, receive, hold)


# Here, before there are threads: with the first page it did too little (bench/RESULTS.md).
share_arenas()
app = st.App(
    "streamlit_app.py",
    middleware=[
        Middleware(GZipMiddleware, compresslevel=5),
        Middleware(Styled, style=STYLE.read_text(encoding="utf-8")),
    ],
)
