"""What pages of Parquet unpack to, counted without Arrow: widths of rows, lengths of texts.

A page is unpacked here only where its header does not tell enough, and never more of it than Arrow would unpack.
"""

from __future__ import annotations

import struct
from typing import IO

import numpy as np
from numpy.typing import NDArray

from labelfree.sources.guards.pages import V2, Page, content
from labelfree.sources.guards.thrift import Reader

MOST = 1 << 26
"""Bytes of a page that are unpacked here."""
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_HADOOP = 5
_LENGTH = struct.Struct("<I").unpack_from
_BYTES = 16
"""Bytes of levels from which on numpy looks at them."""
_MOST_TEXTS = 1 << 22
"""Texts of a page that continue each other."""


class Unclear(Exception):
    """A page that does not say what it must, and may hold whatever its header allows."""


def unpacked(stream: IO[bytes], page: Page, codec: int) -> bytes:
    """The bytes of a page without its packing; the levels ahead of a page of the second version are left out."""
    import pyarrow as pa

    first = sum(page.ahead)
    held, size = content(stream, page, first), page.unpacked - first
    if codec == 0 or not page.packed or not held:
        return held
    if size > MOST or size < 0:
        raise Unclear
    try:
        if codec == _HADOOP:
            return _hadoop(held, size)
        return bytes(pa.Codec(_CODECS[codec]).decompress(held, decompressed_size=size, asbytes=True))
    except (KeyError, OSError, ValueError, NotImplementedError) as error:
        raise Unclear from error


def _hadoop(held: bytes, size: int) -> bytes:
    """LZ4 in the frames of Hadoop, or without any."""
    import pyarrow as pa

    codec, at = pa.Codec("lz4_raw"), 0
    parts: list[bytes] = []
    while at + 8 <= len(held):
        whole, part = int.from_bytes(held[at : at + 4]), int.from_bytes(held[at + 4 : at + 8])
        if at + 8 + part > len(held) or sum(len(one) for one in parts) + whole > size:
            return bytes(codec.decompress(held, decompressed_size=size, asbytes=True))
        parts.append(bytes(codec.decompress(held[at + 8 : at + 8 + part], decompressed_size=whole, asbytes=True)))
        at += 8 + part
    return b"".join(parts)


class RowWidths:
    """How many values the rows of a chunk hold, by its repetition levels; a row begins where the level is 0.

    rows: so far; widest: at least as many as any row holds, at most 8 times `_BYTES` more.
    """

    def __init__(self, repeated: int) -> None:
        self.bits = repeated.bit_length()
        self.rows = self.widest = self._open = 0

    def add(self, stream: IO[bytes], page: Page, codec: int) -> None:
        """Take in a page."""
        if page.kind == V2:
            levels = content(stream, page._replace(held=page.ahead[0]))
        else:
            if page.levels != 3:
                raise Unclear
            values = unpacked(stream, page, codec)
            levels = values[4 : 4 + int.from_bytes(values[:4], "little")]
        self._count(levels, page.values)
        self.widest = max(self.widest, self._open)

    def _count(self, levels: bytes, left: int) -> None:
        at, bits, end = 0, self.bits, len(levels)
        while left > 0:
            if at >= end:
                raise Unclear
            head = levels[at]
            if head > 127:
                head, at = _varint(levels, at)
            at, count = at + 1, head >> 1
            if not head & 1:  # one level, again and again
                if count > left:
                    count = left
                left -= count
                if at < end and levels[at]:
                    self._open += count
                elif count:
                    self.widest = max(self.widest, self._open)
                    self.rows, self._open = self.rows + count, 1
                at += 1
                continue
            packed = levels[at : at + count * bits]
            at, count = at + count * bits, min(8 * count, left)
            left -= count
            if bits > 1 or len(packed) >= _BYTES or count < 8 * len(packed):
                self._each(packed, count)
            elif full := packed.lstrip(b"\xff"):  # exact to the byte
                self.widest = max(self.widest, self._open + 8 * (len(packed) - len(full) + 1), 8 * len(full))
                self.rows += 8 * len(full) - int.from_bytes(full).bit_count()
                self._open = 8 * (len(full) - len(full.rstrip(b"\xff")) + 1)
            else:
                self._open += count

    def _each(self, packed: bytes, count: int) -> None:
        """Levels one by one."""
        if not count:
            return
        flat = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: count * self.bits]
        if len(flat) < count * self.bits:
            raise Unclear
        starts = np.flatnonzero(~flat.reshape(count, self.bits).any(axis=1))
        if not len(starts):
            self._open += count
            return
        self.widest = max(self.widest, self._open + int(starts[0]), int(np.diff(starts).max(initial=0)))
        self.rows, self._open = self.rows + len(starts), count - int(starts[-1])


def _varint(levels: bytes, at: int) -> tuple[int, int]:
    """A number of several bytes, and the place of its last one."""
    value = shift = 0
    while at < len(levels) and shift < 40:
        value |= (levels[at] & 127) << shift
        if levels[at] < 128:
            return value, at
        at, shift = at + 1, shift + 7
    raise Unclear


def widest_entry(stream: IO[bytes], page: Page, codec: int) -> int:
    """Bytes of the longest text in a dictionary."""
    values = unpacked(stream, page, codec)
    step = int.from_bytes(values[:4], "little") + 4
    if page.values and len(values) == step * page.values:  # all of one length, as hashes are
        heads = np.frombuffer(values, np.uint8).reshape(page.values, step)[:, :4]
        if (heads == heads[0]).all():
            return step - 4
    at = widest = 0
    try:
        for _ in range(page.values):
            (length,) = _LENGTH(values, at)
            at += 4 + length
            if length > widest:
                widest = length
    except struct.error as error:
        raise Unclear from error
    if at > len(values):
        raise Unclear
    return widest


def delta_lengths(stream: IO[bytes], page: Page, codec: int, repeated: int, optional: int) -> tuple[int, int]:
    """Bytes of the longest text of a page whose texts continue the one before them, and of all of them together."""
    values, at = unpacked(stream, page, codec), 0
    for there in () if page.kind == V2 else (repeated, optional):
        if there:
            at += 4 + int.from_bytes(values[at : at + 4], "little")
    thrift = Reader(values)
    thrift.at = at
    try:
        lengths = _delta(thrift, page.values) + _delta(thrift, page.values)
    except (IndexError, ValueError) as error:
        raise Unclear from error
    return int(lengths.max(initial=0)), int(lengths.sum())


def _delta(thrift: Reader, most: int) -> NDArray[np.int64]:
    """Whole numbers as their differences, packed in blocks of bits."""
    block, parts, count, first = thrift.varint(), thrift.varint(), thrift.varint(), thrift.number()
    if count > min(most, _MOST_TEXTS) or not 0 < parts <= block <= 1 << 16 or block % parts or (block // parts) % 8:
        raise ValueError("no block of numbers")
    steps: list[NDArray[np.int64]] = []
    left, size = count - 1, block // parts
    while left > 0:
        least = thrift.number()
        widths = thrift.content[thrift.at : thrift.at + parts]
        thrift.at += parts
        for bits in widths:
            if left <= 0:
                break
            nbytes = bits * size // 8
            if bits > 32 or thrift.at + nbytes > len(thrift.content):
                raise IndexError("a block ends early")
            if bits:
                flat = np.frombuffer(thrift.content, np.uint8, nbytes, thrift.at)
                found = np.unpackbits(flat, bitorder="little").reshape(size, bits) @ (1 << np.arange(bits))
            else:
                found = np.zeros(size, np.int64)
            steps.append(found[:left] + least)
            thrift.at += nbytes
            left -= size
    if not count:
        return np.zeros(0, np.int64)
    found = np.concatenate([np.array([first], np.int64), *steps])
    return np.cumsum(found, dtype=np.int64)


def delta_memory(values: int) -> int:
    """Bytes that Arrow takes for the lengths of so many texts."""
    return 8 * values
