"""A server of ranges on loopback: files with ETags, the reading part of the hub's interface, faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from loopback import listening

PAGE = 100
"""Entries of a page of a listing of the hub."""


@dataclass
class Ranges:
    """What a server holds and how it misbehaves.

    files: contents by path; faults: what to do to the next requests for bytes, in turn: a status, "cut" or "slow";
    statuses: what every request for a path gets; ranges: whether it knows ranges; seen: requests by method and path;
    sent: bytes of files.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[int | str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    token: str | None = None
    ranges: bool = True
    after: Callable[[str], None] = lambda path: None
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    sent: int = 0
    url: str = ""

    def etag(self, path: str) -> str:
        """The fingerprint of a file as it is now."""
        return f'"{hashlib.sha1(self.files[path]).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    held: Ranges

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(/revision/[^/]+)?", path):
            self._json({"id": match[1], "sha": "0" * 40, "private": False, "tags": [], "downloads": 0})
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/[^/]+(?:/(.*))?", path):
            self._tree(f"/datasets/{match[1]}/", match[2] or "")
        else:
            self._file(body=True)

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        match = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/paths-info/[^/]+", unquote(urlsplit(self.path).path))
        if match is None:
            return self._status(404)
        document = json.loads(asked) if asked[:1] == b"{" else {}
        paths = document.get("paths") or re.findall(rb"paths=([^&]+)", asked)
        names = [unquote(one.decode()) if isinstance(one, bytes) else one for one in paths]
        base = f"/datasets/{match[1]}/"
        entries = [self._entry(base, name) for name in names if base + name in self.held.files]
        entries += [
            {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
            for name in names if any(path.startswith(f"{base}{name}/") for path in self.held.files)
        ]  # fmt: skip
        return self._json(entries)

    def _entry(self, base: str, name: str) -> dict[str, object]:
        content = self.held.files[base + name]
        return {"type": "file", "path": name, "oid": hashlib.sha1(content).hexdigest(), "size": len(content)}

    def _tree(self, base: str, inside: str) -> None:
        query = urlsplit(self.path).query
        begin = int((re.search(r"cursor=(\d+)", query) or ("", "0"))[1])
        prefix = base + (f"{inside}/" if inside else "")
        names = [path.removeprefix(base) for path in sorted(self.held.files) if path.startswith(prefix)]
        if not names:
            return self._status(404, {"X-Error-Code": "EntryNotFound"})
        entries = [self._entry(base, name) for name in names[begin : begin + PAGE]]
        more = {}
        if begin + PAGE < len(names):
            where = f"{self.held.url}{urlsplit(self.path).path}?recursive=true&cursor={begin + PAGE}"
            more = {"Link": f'<{where}>; rel="next"'}
        return self._json(entries, more)

    def _file(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"(/datasets/[^/]+/[^/]+)/resolve/[^/]+/(.*)", path):
            path = f"{match[1]}/{match[2]}"
        held = self.held
        held.seen[self.command, path] += 1
        if path in held.statuses:
            return self._status(held.statuses[path])
        if path not in held.files:
            return self._status(404)
        if held.token is not None and held.token not in self.path + (self.headers["Authorization"] or ""):
            return self._status(403)
        fault = held.faults.pop(0) if body and held.faults else None
        if isinstance(fault, int):
            return self._status(fault)
        content, etag, status, first = held.files[path], held.etag(path), 200, 0
        total = len(content)
        if self.headers["If-Match"] not in (None, etag):
            return self._status(412)
        said = {"ETag": etag, "Accept-Ranges": "bytes"} if held.ranges else {"ETag": etag}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        if asked and held.ranges:
            first = int(asked[1])
            if first >= total:
                return self._status(416)
            content, status = content[first : int(asked[2] or total - 1) + 1], 206
            said["Content-Range"] = f"bytes {first}-{first + len(content) - 1}/{total}"
        if fault == "slow":
            time.sleep(0.5)
        self.send_response(status)
        for name, value in said.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            held.sent += len(content)
            self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)
            self.close_connection = fault == "cut"
        held.after(path)
        return None

    def _json(self, document: object, said: dict[str, str] | None = None) -> None:
        content = json.dumps(document).encode()
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", **(said or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _status(self, status: int, said: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (said or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving() -> Iterator[Ranges]:
    """A server while the block runs."""
    held = Ranges()
    with listening(type("Handler", (_Handler,), {"held": held})) as held.url:
        yield held
