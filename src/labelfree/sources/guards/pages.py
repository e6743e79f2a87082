"""The pages of a Parquet file by their headers, each held against its chunk and its codec; nothing is unpacked.

Headers are reached by seeking over what is between them: some microseconds for a megabyte of data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

from labelfree.documents.stores.remote_file import File
from labelfree.errors import SourceError
from labelfree.sources.guards.footers import ColumnChunk
from labelfree.sources.guards.thrift import Reader

V1, DICTIONARY, V2 = 0, 2, 3
PLAIN, BY_DICTIONARY, DELTA_LENGTHS, DELTA_TEXT = 0, (2, 8), 6, 7
"""Encodings of the values of a page, by their numbers."""
_HEADERS = (96, 1 << 12, 1 << 16, 1 << 24)
"""Bytes that are read for a header, in turn until it fits: statistics make some of them long. Arrow takes 16 MiB."""
_PACKS = {0: 1, 1: 22, 2: 1100, 3: 300, 4: 1 << 30, 5: 300, 6: 1 << 16, 7: 300}
"""How many bytes a codec may make of one: none, Snappy, gzip, LZO, Brotli, LZ4, Zstandard, raw LZ4."""
_SLACK = 64
"""Bytes that a codec may take for nothing."""
_SAID = {V1: 5, DICTIONARY: 7, V2: 8}
"""Where the header of a page of each kind says what is in it."""


class Page(NamedTuple):
    """A page: where its bytes begin, and what its header says of it.

    values: with those that are null; rows: -1 where it does not say; levels: the encoding of its repetition levels;
    ahead: bytes of repetition and definition levels before the packed part (V2), packed: whether the rest is.
    """

    at: int
    kind: int
    unpacked: int
    held: int
    values: int
    rows: int
    encoding: int
    levels: int
    ahead: tuple[int, int]
    packed: bool


def pages(stream: IO[bytes], file: File, chunk: ColumnChunk, size: int, where: str) -> Iterator[Page]:
    """The pages of a chunk that Arrow would read; where: the column, for messages.

    Refused: what cannot be a header, pages that end beyond their chunk or the file, more values than their chunk has,
    and sizes that the codec cannot unpack to.
    """
    if chunk.values <= 0:
        return
    at, end, seen = chunk.begin, chunk.begin + chunk.held, 0
    if not 0 < at <= end <= size:
        raise SourceError(_damaged(file, f"{where}: pages at byte {at:,}, {chunk.held:,} of them, in {size:,} bytes"))
    while seen < chunk.values and at < end:
        header, length = _header(stream, at, end)
        if header is None:
            raise SourceError(_damaged(file, f"{where}: the header of the page at byte {at:,} cannot be read"))
        page = _page(header, at + length)
        if page.held < 0 or page.unpacked < 0 or page.values < 0 or page.at + page.held > end:
            raise SourceError(
                _damaged(
                    file, f"{where}: the page at byte {at:,} claims {page.held:,} bytes, {page.unpacked:,} unpacked, "
                    f"of {page.values:,} values, and its chunk has {end - page.at:,} bytes left"
                )
            )  # fmt: skip
        packs = _PACKS.get(chunk.codec, 1 << 30) if page.packed else 1
        most = page.held if packs == 1 else packs * page.held + _SLACK
        if page.unpacked > most:
            raise SourceError(
                _damaged(
                    file, f"{where}: the page at byte {at:,} claims {page.unpacked:,} bytes, packed in {page.held:,}, "
                    "which its codec cannot do"
                )
            )  # fmt: skip
        yield page
        if page.kind in (V1, V2):
            seen += page.values
        at = page.at + page.held


def content(stream: IO[bytes], page: Page, first: int = 0) -> bytes:
    """The bytes of a page as they lie in the file, from its byte `first` on."""
    stream.seek(page.at + first)
    return stream.read(page.held - first)


def _header(stream: IO[bytes], at: int, end: int) -> tuple[dict[int, int] | None, int]:
    """The whole numbers of a header, and its length; the fields inside its structs count from 100, 200, ..."""
    for length in _HEADERS:
        stream.seek(at)
        thrift = Reader(stream.read(min(length, end - at)))
        try:
            return thrift.numbers(_SAID.values()), thrift.at
        except (IndexError, ValueError):
            if length > end - at:
                break
    return None, 0


def _page(said: dict[int, int], at: int) -> Page:
    kind = said.get(1, -1)
    inner = 100 * _SAID.get(kind, 99)
    rows, encoding, levels, ahead, packed = -1, said.get(inner + 2, -1), said.get(inner + 4, -1), (0, 0), True
    if kind == V2:
        rows, encoding, levels = said.get(inner + 3, -1), levels, 3
        ahead, packed = (said.get(inner + 6, 0), said.get(inner + 5, 0)), bool(said.get(inner + 7, 1))
    values = said.get(inner + 1, 0 if kind not in _SAID else -1)
    return Page(at, kind, said.get(2, -1), said.get(3, -1), values, rows, encoding, levels, ahead, packed)


def _damaged(file: File, what: str) -> str:
    return (
        f"{file}: expected a complete Parquet file, but {what}; it may be truncated, still being written, or forged: "
        "write or copy it again"
    )
