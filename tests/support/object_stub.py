"""A stub of S3 on loopback that lists any number of keys page by page, and refuses as S3 refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from labelfree.documents.stores import faults
from loopback import listening

PAGE = 1000


@dataclass
class Objects:
    """What the stub holds: keys with contents, how often it listed, and what it refuses with (code, status).

    sent: the ranges of bytes that were read of each key.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    pages: int = 0
    refuses: tuple[str, int] | None = None
    url: str = ""
    sent: dict[str, list[range]] = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    held: Objects

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        key = unquote(parts.path).lstrip("/").partition("/")[2]
        if self.held.refuses is not None:
            code, status = self.held.refuses
            return self._send(status, f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode())
        if not key:
            return self._send(200, self._page(parse_qs(parts.query)).encode()) if parts.query else self._send(200, b"")
        if key not in self.held.files:
            return self._send(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")
        content = self.held.files[key]
        asked = self.headers["Range"]
        if asked is None:
            return self._send(200, content)
        first, last = asked.removeprefix("bytes=").split("-")
        part = content[int(first) : int(last) + 1]
        self.held.sent.setdefault(key, []).append(range(int(first), int(first) + len(part)))
        return self._send(206, part, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"})

    def _page(self, asked: dict[str, list[str]]) -> str:
        prefix, after = asked.get("prefix", [""])[0], asked.get("continuation-token", [""])[0]
        most = min(int(asked.get("max-keys", ["1000"])[0]), PAGE)
        keys = [key for key in sorted(self.held.files) if key.startswith(prefix) and key > after]
        self.held.pages += 1
        page, more = keys[:most], len(keys) > most
        listed = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.held.files[key])}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>{token}{listed}"
            "</ListBucketResult>"
        )

    def _send(self, status: int, content: bytes, said: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"ETag": '"0"', "Content-Type": "application/xml", **(said or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@contextmanager
def stubbed() -> Iterator[Objects]:
    """The stub while the block runs."""
    held = Objects()
    with listening(type("Handler", (_Handler,), {"held": held})) as held.url:
        yield held


@contextmanager
def stub_of_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    """The stub while the block runs, where the environment points to; it is asked again without much waiting."""
    monkeypatch.setattr(faults, "FIRST_WAIT", 0.01)
    with stubbed() as held:
        for name, value in {
            "AWS_ENDPOINT_URL": held.url, "AWS_ACCESS_KEY_ID": "ID", "AWS_SECRET_ACCESS_KEY": "S3CR3T",
            "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        yield held
