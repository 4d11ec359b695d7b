"""A small Hugging Face Hub on the loopback address, for tests; it keeps repositories in a folder.

It answers what the real `huggingface_hub` client asks when it publishes and loads. The protocol
is read off that client's source (version 2.4): `hf_api.py` (whoami, repos/create, revision, tree,
branch, validate-yaml, collections, space variables), `_commit_api.py` (preupload, commit in
NDJSON), `lfs.py` (batch, upload, verify; after git-lfs' docs/api/batch.md), `file_download.py`
(resolve with ETag and X-Repo-Commit, a redirect for large files) and `utils/_http.py`
(X-Error-Code). Set `HF_HUB_DISABLE_XET=1`: it speaks LFS only.

python -m tests.hub_server DIR          # prints what to set, serves until interrupted

A repository's folder holds `refs/` (a file a branch, with the commit's hash), `commits/` (a JSON
file each: path -> blob) and `blobs/`, named as the Hub names them: git's SHA-1 for text files,
SHA-256 for large ones.
"""

import base64
import contextlib
import hashlib
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

TOKEN = "hf_loopback"
"""Belongs to the user `someone`, who may write to the organisation `org` too."""

NAMESPACES = ("someone", "org")
KINDS = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}


class Refusal(Exception):
    """An error answer; the client reads the two headers, not the body."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass
class HubServer:
    """The server's state, and the switches with which a test makes it fail."""

    folder: Path
    address: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers (their names in lower case) of everything that was asked."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Answer requests whose `METHOD path` contains the key with this status."""
    cut: dict[str, int | None] = field(default_factory=dict)
    """Files whose next download breaks off half way, and the status of all after it, if any."""
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def repository(self, kind: str, repo_id: str) -> "Repository":
        """Return a repository.

        Raises:
            Refusal: as the Hub refuses what is not there or is private: it does not tell which.
        """
        repository = Repository(self.folder / kind / repo_id)
        if not repository.folder.is_dir():
            raise Refusal(401, "Invalid username or password.", "RepoNotFound")
        return repository

    def asked(self, method: str, part: str) -> list[dict[str, str]]:
        """Return the headers of the requests of this method whose path contains a text."""
        return [headers for m, path, headers in self.requests if m == method and part in path]


@dataclass
class Repository:
    """A repository's folder."""

    folder: Path

    def create(self) -> None:
        """Make it with a first commit, as the Hub does."""
        for name in ("refs", "commits", "blobs"):
            (self.folder / name).mkdir(parents=True)
        self.commit("main", None, {".gitattributes": self.store(b"*.safetensors filter=lfs\n")})

    def resolve(self, revision: str) -> str:
        """Return the hash of the commit that a branch, pull request or hash names."""
        ref = self.folder / "refs" / quote(revision, safe="")
        if ref.is_file():
            return ref.read_text()
        if (self.folder / "commits" / f"{revision}.json").is_file():
            return revision
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def files(self, revision: str) -> dict[str, dict[str, Any]]:
        """Return the files of a revision: path -> oid, size and whether it is large."""
        return json.loads((self.folder / "commits" / f"{self.resolve(revision)}.json").read_text())

    def store(self, data: bytes, large: bool = False) -> dict[str, Any]:
        """Keep a file's content; return its entry."""
        if large:
            oid = hashlib.sha256(data).hexdigest()
        else:
            oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        (self.folder / "blobs" / oid).write_bytes(data)
        return {"oid": oid, "size": len(data), "large": large}

    def commit(self, branch: str, parent: str | None, files: dict[str, Any]) -> str:
        """Write a commit and move the branch to it."""
        text = json.dumps(files, sort_keys=True)
        sha = hashlib.sha1(f"{parent} {branch} {text}".encode()).hexdigest()
        (self.folder / "commits" / f"{sha}.json").write_text(text)
        (self.folder / "refs" / quote(branch, safe="")).write_text(sha)
        return sha


class Handler(BaseHTTPRequestHandler):
    """One request: find the route, answer, or refuse as the Hub does."""

    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""

    def handle_any(self) -> None:
        """Answer a request of any method."""
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else self.read_chunks()
        hub = self.hub
        headers = {key.lower(): value for key, value in self.headers.items()}
        hub.requests.append((self.command, self.path, headers))
        try:
            for part, status in list(hub.statuses.items()):
                if part in f"{self.command} {parts.path}":
                    raise Refusal(status, HTTPStatus(status).phrase)
            # One change at a time; reading goes on beside it.
            reads = self.command in ("GET", "HEAD")
            with contextlib.nullcontext() if reads else hub.lock:
                self.route([unquote(step) for step in parts.path.strip("/").split("/")])
        except Refusal as refusal:
            self.answer(
                {"error": refusal.message},
                refusal.status,
                {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message},
            )

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def read_chunks(self) -> bytes:
        """Read a body in chunked transfer encoding; nothing if there is none."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b""
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(
        self, value: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Send JSON."""
        self.send(json.dumps(value).encode(), status, {"Content-Type": "application/json"}, headers)

    def send(self, body: bytes, status: int, *headers: dict[str, str] | None) -> None:
        """Send a whole answer; a HEAD request gets the headers alone."""
        self.send_response(status)
        merged = {"Content-Length": str(len(body))}
        for more in headers:
            merged |= more or {}
        for key, value in merged.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)

    def user(self) -> str:
        """Return who asks.

        Raises:
            Refusal: without a token, or with one that is not known.
        """
        authorization = self.headers.get("Authorization")
        if authorization is None:
            raise Refusal(401, "Invalid username or password.")
        if authorization != f"Bearer {TOKEN}":
            raise Refusal(401, "Invalid credentials in Authorization header")
        return "someone"

    def writer(self, namespace: str) -> None:
        """Refuse who may not write to a user's or an organisation's repositories."""
        self.user()
        if namespace not in NAMESPACES:
            raise Refusal(403, "You don't have the rights to write under this namespace")

    def route(self, steps: list[str]) -> None:
        """Find what is asked for by the path."""
        match steps:
            case ["api", "whoami-v2"]:
                name = self.user()
                self.answer({"type": "user", "name": name, "orgs": [{"name": "org"}]})
            case ["api", "validate-yaml"]:
                self.answer({"errors": [], "warnings": []})
            case ["api", "repos", "create"]:
                self.create_repository()
            case ["api", "repos", "delete"]:
                self.delete_repository()
            case ["api", "collections", *rest]:
                self.route_collection(rest)
            case ["api", "spaces", owner, name, "variables"]:
                self.writer(owner)
                values = self.hub.variables.setdefault(f"{owner}/{name}", {})
                values[self.json()["key"]] = self.json()["value"]
                self.answer({key: {"value": value} for key, value in values.items()})
            case ["api", kind, owner, name, *rest] if kind in KINDS:
                self.route_repository(kind, f"{owner}/{name}", rest)
            case ["lfs", kind, owner, name, oid]:
                self.receive_large(self.hub.repository(kind, f"{owner}/{name}"), oid)
            case ["cdn", kind, owner, name, oid]:
                self.send_large(self.hub.repository(kind, f"{owner}/{name}"), oid)
            case ["datasets" | "spaces" as kind, owner, name, *rest]:
                self.route_files(kind, f"{owner}/{name}", rest)
            case [owner, name, *rest]:
                self.route_files("models", f"{owner}/{name}", rest)
            case _:
                raise Refusal(404, "Not found")

    def route_collection(self, steps: list[str]) -> None:
        """Create a collection, add to it, or show it."""
        collections = self.hub.collections
        match steps:
            case []:
                wanted = self.json()
                self.writer(wanted["namespace"])
                slug = f"{wanted['namespace']}/{wanted['title'].lower().replace(' ', '-')}-0"
                if slug in collections:
                    self.answer({"error": "exists", "slug": slug}, 409)
                    return
                collections[slug] = {
                    "slug": slug, "title": wanted["title"], "owner": wanted["namespace"],
                    "items": [], "lastUpdated": "2026-01-01T00:00:00.000Z", "position": 0,
                    "private": wanted["private"], "theme": "blue", "upvotes": 0,
                }  # fmt: skip
                self.answer(collections[slug])
            case [owner, name]:
                self.answer(collections[f"{owner}/{name}"])
            case [owner, name, "items"]:
                self.writer(owner)
                collection = collections[f"{owner}/{name}"]
                item = self.json()["item"]
                if any(known["id"] == item["id"] for known in collection["items"]):
                    raise Refusal(409, "Item already in collection")
                position = len(collection["items"])
                collection["items"].append({"_id": str(position), "position": position, **item})
                self.answer(collection)
            case _:
                raise Refusal(404, "Not found")

    def create_repository(self) -> None:
        """Create a repository; 409 if it is there."""
        wanted = self.json()
        user = self.user()
        kind = f"{wanted.get('type') or 'model'}s"
        repo_id = f"{wanted['organization'] or user}/{wanted['name']}"
        self.writer(repo_id.split("/")[0])
        url = f"{self.hub.address}/{KINDS[kind]}{repo_id}"
        repository = Repository(self.hub.folder / kind / repo_id)
        if repository.folder.is_dir():
            self.answer({"url": url, "error": "You already created this repo"}, 409)
            return
        repository.create()
        (repository.folder / "created.json").write_text(json.dumps(wanted))
        self.answer({"url": url, "name": repo_id})

    def delete_repository(self) -> None:
        """Delete a repository."""
        wanted = self.json()
        repo_id = f"{wanted['organization'] or self.user()}/{wanted['name']}"
        self.writer(repo_id.split("/")[0])
        kind = f"{wanted.get('type') or 'model'}s"
        shutil.rmtree(self.hub.repository(kind, repo_id).folder)
        self.answer({})

    def route_repository(self, kind: str, repo_id: str, steps: list[str]) -> None:
        """Answer the API about one repository."""
        repository = self.hub.repository(kind, repo_id)
        match steps:
            case [] | ["revision", _]:
                revision = steps[1] if steps else "main"
                files = repository.files(revision)
                self.answer(
                    {
                        "id": repo_id,
                        "sha": repository.resolve(revision),
                        "siblings": [{"rfilename": path} for path in files],
                    }
                )
            case ["tree", revision]:
                self.answer([tree_entry(*item) for item in repository.files(revision).items()])
            case ["branch", branch]:
                self.writer(repo_id.split("/")[0])
                with contextlib.suppress(Refusal):
                    repository.resolve(branch)
                    self.answer({"error": "Reference already exists"}, 409)
                    return
                start = self.json().get("startingPoint", "main")
                repository.commit(branch, repository.resolve(start), repository.files(start))
                self.answer({})
            case ["preupload", revision]:
                self.writer(repo_id.split("/")[0])
                known = repository.files(revision)
                self.answer({"files": [upload_mode(file, known) for file in self.json()["files"]]})
            case ["commit", revision]:
                self.writer(repo_id.split("/")[0])
                self.make_commit(kind, repo_id, repository, revision)
            case _:
                raise Refusal(404, "Not found")

    def make_commit(self, kind: str, repo_id: str, repository: Repository, revision: str) -> None:
        """Apply the operations of a commit, a line of JSON each, all or none."""
        parent = repository.resolve(revision)
        files = repository.files(revision)
        for line in self.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            match operation["key"]:
                case "header":
                    pass
                case "file":
                    files[value["path"]] = repository.store(base64.b64decode(value["content"]))
                case "lfsFile":
                    if not (repository.folder / "blobs" / value["oid"]).is_file():
                        raise Refusal(400, f"{value['path']} was not uploaded")
                    files[value["path"]] = {
                        "oid": value["oid"],
                        "size": value["size"],
                        "large": True,
                    }
                case "deletedFile":
                    if files.pop(value["path"], None) is None:
                        raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
                case key:
                    raise Refusal(400, f"Unknown operation {key}")
        url = f"{self.hub.address}/{KINDS[kind]}{repo_id}"
        pull_request = None
        if self.query.get("create_pr"):
            number = 1 + len(list((repository.folder / "refs").glob("refs%2Fpr%2F*")))
            revision = f"refs/pr/{number}"
            pull_request = f"{url}/discussions/{number}"
        sha = repository.commit(revision, parent, files)
        self.answer(
            {
                "success": True,
                "commitOid": sha,
                "commitUrl": f"{url}/commit/{sha}",
                "pullRequestUrl": pull_request,
            }
        )

    def route_files(self, kind: str, repo_id: str, steps: list[str]) -> None:
        """Serve a file, or say where large ones are to be sent."""
        match steps:
            case ["info", "lfs", "objects", "batch"]:
                repo_id = repo_id.removesuffix(".git")
                self.writer(repo_id.split("/")[0])
                repository = self.hub.repository(kind, repo_id)
                self.answer(
                    {
                        "transfer": "basic",
                        "objects": [
                            self.upload_actions(kind, repo_id, repository, wanted)
                            for wanted in self.json()["objects"]
                        ],
                    },
                    headers={"Content-Type": "application/vnd.git-lfs+json"},
                )
            case ["resolve", revision, *path]:
                self.send_file(kind, repo_id, revision, "/".join(path))
            case _:
                raise Refusal(404, "Not found")

    def upload_actions(
        self, kind: str, repo_id: str, repository: Repository, wanted: dict[str, Any]
    ) -> dict[str, Any]:
        """Say where to send a large file; nowhere if it is there already."""
        if (repository.folder / "blobs" / wanted["oid"]).is_file():
            return wanted
        href = f"{self.hub.address}/lfs/{kind}/{repo_id}/{wanted['oid']}"
        return wanted | {"actions": {"upload": {"href": href}, "verify": {"href": href}}}

    def receive_large(self, repository: Repository, oid: str) -> None:
        """Take a large file, or confirm that it came."""
        if self.command == "POST":
            if not (repository.folder / "blobs" / oid).is_file():
                raise Refusal(404, "Not uploaded")
        elif repository.store(self.body, large=True)["oid"] != oid:
            raise Refusal(400, "The content does not have this SHA-256")
        self.answer({})

    def send_file(self, kind: str, repo_id: str, revision: str, path: str) -> None:
        """Serve a small file; send the client elsewhere for a large one, as the Hub does."""
        repository = self.hub.repository(kind, repo_id)
        commit = {"X-Repo-Commit": repository.resolve(revision)}
        entry = repository.files(revision).get(path)
        if entry is None:
            message = "Entry not found"
            self.answer(
                {"error": message},
                404,
                commit | {"X-Error-Code": "EntryNotFound", "X-Error-Message": message},
            )
        elif entry["large"]:
            # To the client `localhost` is another host, as the Hub's storage is: no token there.
            storage = self.hub.address.replace("127.0.0.1", "localhost")
            self.send(
                b"",
                302,
                commit,
                {
                    "Location": f"{storage}/cdn/{kind}/{repo_id}/{entry['oid']}?name={path}",
                    "X-Linked-ETag": f'"{entry["oid"]}"',
                    "X-Linked-Size": str(entry["size"]),
                },
            )
        else:
            data = (repository.folder / "blobs" / entry["oid"]).read_bytes()
            self.send(data, 200, commit, {"ETag": f'"{entry["oid"]}"'})

    def send_large(self, repository: Repository, oid: str) -> None:
        """Serve a large file; half of it where a test wants the connection to break."""
        if "Authorization" in self.headers:
            raise Refusal(400, "A token was sent to the storage host")
        data = (repository.folder / "blobs" / oid).read_bytes()
        name = self.query.get("name", "")
        if name in self.hub.cut:
            if status := self.hub.cut.pop(name):
                self.hub.statuses["GET /cdn/"] = status
            self.send(data[: len(data) // 2], 200, {"Content-Length": str(len(data))})
            self.close_connection = True
        else:
            self.send(data, 200)


def upload_mode(file: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Say how a file is to be uploaded: binary files as large ones, text in the commit."""
    large = b"\0" in base64.b64decode(file["sample"]) or file["size"] > 10_000_000
    return {
        "path": file["path"],
        "uploadMode": "lfs" if large else "regular",
        "shouldIgnore": False,
        "oid": known.get(file["path"], {}).get("oid"),
    }


def tree_entry(path: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a file's line in the listing of a repository."""
    line = {"type": "file", "path": path, "size": entry["size"], "oid": entry["oid"]}
    if entry["large"]:
        line["lfs"] = {"oid": entry["oid"], "size": entry["size"], "pointerSize": 134}
    return line


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[HubServer]:
    """Run a server on a free port of the loopback address until the block ends."""
    hub = HubServer(folder)
    handler: Callable[..., BaseHTTPRequestHandler] = type("Bound", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with serve(Path(sys.argv[1])) as running:
        print(
            f"export HF_ENDPOINT={running.address} HF_TOKEN={TOKEN} HF_HUB_DISABLE_XET=1",
            flush=True,
        )
        threading.Event().wait()
