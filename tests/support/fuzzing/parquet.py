"""A Parquet file taken apart into footer, chunks and pages, changed in one,
and put together so that the rest is true."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pyarrow as pa

from fuzzing.damage import damaged
from fuzzing.thrift import I32, Reader, Struct, changed, written

CODEC_NAMES = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
HEADS = {0: 5, 2: 7, 3: 8}
"""The field of a page header that says more, by the type of the page."""


@dataclass
class Page:
    """Its header and what follows it."""

    head: Struct
    body: bytes


@dataclass
class Chunk:
    """What the footer says of a column chunk, and its pages."""

    about: Struct
    pages: list[Page] = field(default_factory=list)


def taken_apart(content: bytes) -> tuple[Struct, list[Chunk]]:
    """The footer and all chunks in the order of the footer, which they share their structs with."""
    length = struct.unpack("<I", content[-8:-4])[0]
    footer = Reader(content[-8 - length : -8]).struct()
    chunks = []
    for group in footer[4][1][1]:
        for column in group[1][1][1]:
            about = column[3][1]
            at = about[11][1] if 11 in about else about[9][1]
            chunk, reader = Chunk(about), Reader(content, at)
            while reader.at < at + about[7][1]:
                head = reader.struct()
                chunk.pages.append(Page(head, reader.taken(head[3][1])))
            chunks.append(chunk)
    return footer, chunks


def put_together(footer: Struct, chunks: list[Chunk]) -> bytes:
    """The file, its offsets and sizes of chunks as its pages are."""
    out = bytearray(b"PAR1")
    for chunk in chunks:
        begin, data = len(out), 0
        for page in chunk.pages:
            if page.head.get(1, (0, 0))[1] != 2 and not data:
                data = len(out)
            out += written(page.head) + page.body
        about = chunk.about
        for number, value in ((7, len(out) - begin), (9, data or begin), (11, begin)):
            if number in about:
                about[number] = (about[number][0], value)
        for number in (10,):
            about.pop(number, None)
    end = written(footer)
    return bytes(out) + end + struct.pack("<I", len(end)) + b"PAR1"


def mutated(content: bytes, chance: Random, other: bytes) -> tuple[bytes, str]:
    """The file with something changed in it, and what: bytes, the footer, the heads, bodies or order of its pages."""
    if chance.random() < 0.3:
        length = struct.unpack("<I", content[-8:-4])[0]
        parts = {
            "bytes": None,
            "footer bytes": (len(content) - 8 - length, len(content) - 8),
            "pages": (4, len(content) - 8 - length),
        }
        part = chance.choice(list(parts))
        return damaged(content, chance, other, parts[part]), part
    footer, chunks = taken_apart(content)
    how, change = chance.choice(WAYS)
    end = change(footer, chunks, chance)
    return (put_together(footer, chunks) if end is None else end), how


def _footer(footer: Struct, chunks: list[Chunk], chance: Random) -> bytes:
    whole = put_together(footer, chunks)
    length = struct.unpack("<I", whole[-8:-4])[0]
    end = written(changed(footer, chance, chance.choice((1, 1, 2, 5))))
    size = len(end) if chance.random() < 0.95 else chance.choice((0, 1, len(end) + 1, 2**31, 2**32 - 1))
    return whole[: -8 - length] + end + struct.pack("<I", size) + b"PAR1"


def _head(footer: Struct, chunks: list[Chunk], chance: Random) -> None:
    page = _page(chunks, chance)
    if page is not None:
        page.head.update(changed(page.head, chance, chance.choice((1, 1, 2))))


def _size(footer: Struct, chunks: list[Chunk], chance: Random) -> None:
    """One of the numbers that memory is taken by."""
    page = _page(chunks, chance)
    if page is None:
        return
    value = chance.choice((0, -1, 1, 2**20, 2**28, 10**9, 2**31 - 1, -(2**31)))
    inner = HEADS.get(page.head[1][1], 5)
    if chance.random() < 0.5 or inner not in page.head:
        page.head[chance.choice((2, 3))] = (I32, value)
        return
    number = chance.choice([key for key, (kind, _) in page.head[inner][1].items() if kind == I32])
    page.head[inner][1][number] = (I32, value)


def _body(footer: Struct, chunks: list[Chunk], chance: Random) -> None:
    """Other values, levels and codes, in a page that is packed as it should be."""
    chunk = chance.choice(chunks) if chunks else None
    if chunk is None or not chunk.pages:
        return
    page = chance.choice(chunk.pages)
    codec = CODEC_NAMES.get(chunk.about.get(4, (0, 0))[1])
    plain = _plain(page, codec)
    changed_ = damaged(plain, chance)
    page.body = bytes(pa.compress(changed_, codec, asbytes=True)) if codec else changed_
    page.head[2], page.head[3] = (I32, len(changed_)), (I32, len(page.body))
    if page.head[1][1] == 3:  # version 2 leaves its levels unpacked: now all of it is
        page.head[8][1].pop(7, None)


def _plain(page: Page, codec: str | None) -> bytes:
    if codec is None or not page.body:
        return page.body
    try:
        return bytes(pa.decompress(page.body, page.head[2][1], codec, asbytes=True))
    except (OSError, ValueError):
        return page.body


def _order(footer: Struct, chunks: list[Chunk], chance: Random) -> None:
    """Pages that are gone, there twice, in another chunk."""
    chunk = chance.choice(chunks) if chunks else None
    if chunk is None or not chunk.pages:
        return
    at, how = chance.randrange(len(chunk.pages)), chance.random()
    if how < 0.3:
        del chunk.pages[at]
    elif how < 0.6:
        chunk.pages[at:at] = [chunk.pages[at]] * chance.choice((1, 2, 100))
    else:
        other = chance.choice(chunks)
        other.pages, chunk.pages = chunk.pages, other.pages


def _counts(footer: Struct, chunks: list[Chunk], chance: Random) -> None:
    """More rows, said everywhere alike: in the footer, its groups, its chunks and their pages."""
    times = chance.choice((2, 10, 1000, 10**6, 10**9))
    footer[3] = (footer[3][0], footer[3][1] * times)
    for group in footer[4][1][1]:
        group[3] = (group[3][0], group[3][1] * times)
    for chunk in chunks:
        chunk.about[5] = (chunk.about[5][0], chunk.about[5][1] * times)
        for page in chunk.pages:
            inner = HEADS.get(page.head[1][1], 5)
            if inner in page.head and page.head[1][1] != 2:
                for number in (1, 3) if inner == 8 else (1,):
                    count = min(page.head[inner][1][number][1] * times, 2**31 - 1)
                    page.head[inner][1][number] = (I32, count)


def _page(chunks: list[Chunk], chance: Random) -> Page | None:
    pages = [page for chunk in chunks for page in chunk.pages]
    return chance.choice(pages) if pages else None


WAYS: tuple[tuple[str, Callable[[Struct, list[Chunk], Random], Any]], ...] = (
    ("footer", _footer), ("footer", _footer), ("heads of pages", _head), ("sizes of pages", _size),
    ("bodies of pages", _body), ("order of pages", _order), ("counts", _counts),
)  # fmt: skip
