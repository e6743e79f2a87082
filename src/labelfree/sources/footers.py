"""What a Parquet file claims, checked before Arrow believes it: how deep types are nested, what pages unpack to.

Arrow walks nested types by recursion and unpacks a page whole; neither is bounded by the size of the file. Both claims
are written in Thrift's compact protocol, of which the little that is needed is read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from labelfree.errors import SourceError

_SMALL = 512
"""Bytes of a footer in which no type can be nested deep enough to matter."""
_DEEPEST = 100
_MOST_FIELDS = 1 << 18
_MOST_HEADER = 1 << 16
_RATIO = 100
_MOST_UNPACKED = 1 << 28
"""Bytes of pages that are held at once where they are packed by more than that ratio."""
_MOST_DECODED = 1 << 34
_DECODED_RATIO = 1 << 20
_PACKS = {"GZIP": 1100, "LZ4": 300, "LZ4_RAW": 300, "LZO": 300, "ZSTD": 1 << 16, "BROTLI": 1 << 30}
"""How many bytes a codec may make of one; SNAPPY makes 21."""
_WIDTHS = {"INT32": 4, "INT64": 8, "FLOAT": 4, "DOUBLE": 8}
_BOOLS, _BYTE, _INTS, _DOUBLE, _BINARY, _LISTS, _MAP, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 11, 12


def check_types(file: Path) -> None:
    """Refuse types that are nested deeper than any table needs."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(size - 8, 0))
            end = stream.read(8)
            length = int.from_bytes(end[:4], "little")
            if end[4:] != b"PAR1" or not _SMALL < length <= size - 8:
                return  # Arrow says what is wrong
            stream.seek(size - 8 - length)
            depth = _depth(_Thrift(stream.read(length)))
    except (OSError, IndexError, ValueError):
        return
    if depth > _DEEPEST:
        raise SourceError(
            f"{file}: expected columns of numbers, text or lists of them, found types nested more than {_DEEPEST} "
            "deep, or too many to be columns; the file is damaged or forged"
        )


def check_pages(file: Path, metadata: Any, columns: Sequence[str]) -> None:
    """Refuse pages of these columns that would unpack to far more memory than the file explains."""
    size, names, schema = file.stat().st_size, set(columns), metadata.schema
    leaves = [i for i in range(metadata.num_columns) if schema.column(i).path.split(".")[0] in names]
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    chunks = {i: [group.column(i) for group in groups] for i in leaves}
    for column in chunks.values():
        decoded = sum(max(chunk.num_values, 0) * _WIDTHS.get(chunk.physical_type, 1) for chunk in column)
        if decoded > max(_MOST_DECODED, _DECODED_RATIO * size):
            raise SourceError(
                f"{file}: claims {decoded:,} bytes in a file of {size:,}: one row, again and again; it is refused: "
                "take some of the rows"
            )
    if sum(max(map(_most, column), default=0) for column in chunks.values()) <= _MOST_UNPACKED:
        return
    with file.open("rb") as stream:
        unpacked = 0
        for column in chunks.values():
            unpacked += max((size for chunk in column for size in _packed(stream, chunk)), default=0)
            if unpacked > _MOST_UNPACKED:
                raise SourceError(
                    f"{file}: its pages would take {unpacked:,} bytes of memory at once, packed more than {_RATIO}:1 "
                    f"in a file of {size:,}; where it is no bomb, write it again with smaller pages"
                )


def _most(chunk: Any) -> int:
    """What the pages of a column chunk may unpack to, if its codec packs as well as it can."""
    return int(_PACKS.get(chunk.compression, 0) * max(chunk.total_compressed_size, 0))


def _depth(thrift: _Thrift) -> int:
    """How deep the schema of a footer is nested, up to a little more than what is refused."""
    for field, kind in thrift.fields():
        if field != 2 or kind not in _LISTS:
            thrift.skip(kind)
            continue
        count, inner = thrift.sized()
        if inner != _STRUCT:
            return 0
        if count > _MOST_FIELDS:
            return _DEEPEST + 1
        open_types: list[int] = []
        deepest = 0
        for _ in range(count):
            while open_types and open_types[-1] == 0:
                open_types.pop()
            if open_types:
                open_types[-1] -= 1
            children = thrift.struct().get(5, 0)
            if children > 0:
                open_types.append(children)
                deepest = max(deepest, len(open_types))
        return deepest
    return 0


def _packed(stream: BinaryIO, chunk: Any) -> Iterator[int]:
    """The unpacked sizes of the pages of a column chunk that are packed by more than the ratio."""
    begins = [chunk.data_page_offset, chunk.dictionary_page_offset if chunk.has_dictionary_page else None]
    at = min(offset for offset in begins if offset)
    end = at + chunk.total_compressed_size
    while 0 <= at < end:
        page = None
        for length in (256, _MOST_HEADER):
            stream.seek(at)
            thrift = _Thrift(stream.read(length))
            try:
                page = thrift.struct()
                break
            except (IndexError, ValueError):
                continue
        if page is None or not isinstance(page.get(3), int) or page[3] < 0:
            return  # Arrow says what is wrong
        unpacked, held = page.get(2, 0), page[3]
        if unpacked > _RATIO * held:
            yield unpacked
        at += thrift.at + held


class _Thrift:
    """A reader of the compact protocol; IndexError where the bytes end, ValueError where they are none of it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError

    def number(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field; the value of each must be read before the next."""
        field = 0
        while (byte := self.byte()) != 0:
            field = field + (byte >> 4) if byte >> 4 else self.number()
            yield field, byte & 15

    def sized(self) -> tuple[int, int]:
        """How many items a list has, and of which type."""
        byte = self.byte()
        return (byte >> 4 if byte >> 4 < 15 else self.varint()), byte & 15

    def struct(self, depth: int = 0) -> dict[int, int]:
        """The whole numbers of a struct by the number of their field."""
        found = {}
        for field, kind in self.fields():
            if kind in _INTS:
                found[field] = self.number()
            else:
                self.skip(kind, depth)
        return found

    def skip(self, kind: int, depth: int = 0) -> None:
        """Read over a value."""
        if depth > _DEEPEST:
            raise ValueError
        if kind in _INTS:
            self.varint()
        elif kind == _BINARY:
            length = self.varint()
            self.at += length
        elif kind in (_BYTE, _DOUBLE):
            self.at += 1 if kind == _BYTE else 8
        elif kind == _STRUCT:
            self.struct(depth + 1)
        elif kind in _LISTS:
            count, inner = self.sized()
            self.items([inner], count, depth)
        elif kind == _MAP:
            if count := self.varint():
                pair = self.byte()
                self.items([pair >> 4, pair & 15], count, depth)
        elif kind not in _BOOLS:
            raise ValueError
        if self.at > len(self.content):
            raise IndexError

    def items(self, kinds: Sequence[int], count: int, depth: int) -> None:
        """Read over the items of a list or map, each at least a byte long."""
        if count * len(kinds) > len(self.content) - self.at:
            raise IndexError
        for _ in range(count):
            for kind in kinds:
                self.skip(_BYTE if kind in _BOOLS else kind, depth + 1)
