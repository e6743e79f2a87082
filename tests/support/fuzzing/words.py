"""Names that steer a terminal, break a line, are no text, or mean something to whoever prints them."""

from __future__ import annotations

from random import Random

NAMES = (
    b"a\x1b[31mred", b"\x1b]0;title\x07", b"a\x1b[2J", "a\u2028b".encode(), "a\u2029b".encode(), "a\u0085b".encode(),
    "\u202egnp.exe".encode(), "a\u200bb".encode(), b"\xff\xfe", b"caf\xe9", b"\xc3\x28", b"\xed\xa0\x80", b"a\nb",
    b"a\rb", b"a\tb", b"a\x7fb", b"a\x00b", b"", b" ", b"a b", b"-q", b"--json", b"a,b", b'a"b', b"a'b", b"a|b|c",
    b"<script>alert(1)</script>", b"<b>a</b>", b"[link](http://x)", b"`code`", b"**bold**", b"[red]a[/red]",
    b"[/]", b"[bold", b"a::b", b"a*b", b"a?b", b"[a-z]", b"a%sb", b"{0}", b"$HOME", b"::error::x", b"::set-output a::b",
    b"a" * 200, b"a" * 5000, "\U0001f600".encode(), "e\u0301".encode(), "\u0130".encode(), "\u4e2d\u6587".encode(),
    b"CON", b".", b"..", b"../x", b"/etc/passwd", b"emb_0", b"emb_99999999999999999999", b"embedding", b"logits", b"id",
    b"label", b"epoch_99999999999999999999999999", b"step_1e999", b"step_-1", b"step_007", b"1", b"null", b"NaN",
    b"\\u001b[0m", b"a\\", b"#", b"~", b"a;b", b"a&&b", b"a>b",
)  # fmt: skip


def strange_name(chance: Random) -> bytes:
    """One of them, now and then two."""
    name = chance.choice(NAMES)
    return name if chance.random() < 0.8 else name + chance.choice(NAMES)


def text(name: bytes) -> str:
    """The name as Python holds what is no text."""
    return name.decode("utf-8", "surrogateescape")


def file_name(chance: Random, suffix: str) -> str:
    """A name that a file can have: no slash, no NUL, at most 250 bytes."""
    name = strange_name(chance).replace(b"/", b"_").replace(b"\x00", b"0")[:200]
    return text(name + suffix.encode()) if name not in (b"", b".", b"..") else f"a{suffix}"
