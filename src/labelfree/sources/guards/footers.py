"""What a Parquet file claims, checked before Arrow believes it: how deep types are nested, what pages unpack to.

Arrow walks nested types by recursion and unpacks a page whole; neither is bounded by the size of the file. The footer
is read here and not asked of pyarrow, in which some of what a damaged one says ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path

from labelfree.errors import SourceError
from labelfree.sources.guards.thrift import INTS, LISTS, STRUCT, Reader

_DEEPEST = 100
_MOST_FIELDS = 1 << 18
_MOST_HEADER = 1 << 16
_RATIO = 100
_MOST_UNPACKED = 1 << 28
"""Bytes of pages that are held at once where they are packed by more than that ratio."""
_MOST_DECODED = 1 << 34
_DECODED_RATIO = 1 << 20
_PACKS = {2: 1100, 3: 300, 4: 1 << 30, 5: 300, 6: 1 << 16, 7: 300}
"""How many bytes a codec may make of one: gzip, LZO, Brotli, LZ4, Zstandard, raw LZ4; Snappy makes 21."""
_WIDTHS = {1: 4, 2: 8, 4: 4, 5: 8}


@dataclass(frozen=True)
class ColumnChunk:
    """The pages of a column in a row group: bytes of a value, codec, values, bytes in the file and where they begin."""

    width: int
    codec: int
    values: int
    held: int
    begin: int

    @property
    def most(self) -> int:
        """Bytes that its pages unpack to, if its codec packs as well as it can."""
        return _PACKS.get(self.codec, 0) * max(self.held, 0)


@dataclass
class Footer:
    """What a footer claims: how deep its types are nested, its rows, those of its row groups, its chunks by column."""

    depth: int = 0
    rows: int = 0
    groups: list[int] = field(default_factory=list)
    columns: dict[bytes, list[list[ColumnChunk]]] = field(default_factory=dict)


def footer(file: Path) -> Footer | None:
    """What the footer of a file claims, or None where there is none that can be read, of which Arrow says more."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(size - 8, 0))
            end = stream.read(8)
            length = int.from_bytes(end[:4], "little")
            if end[4:] != b"PAR1" or length > size - 8:
                return None
            stream.seek(size - 8 - length)
            found = _read(Reader(stream.read(length)))
    except (OSError, IndexError, ValueError):
        return None
    if found.depth > _DEEPEST:
        raise SourceError(
            f"{file}: expected columns of numbers, text or lists of them, found types nested more than {_DEEPEST} "
            "deep, or too many to be columns; the file is damaged or forged"
        )
    if not 0 <= found.rows == sum(found.groups):
        raise SourceError(
            f"{file}: its footer claims {found.rows} rows, and its row groups {sum(found.groups)}; the file is damaged"
        )
    return found


def check_pages(file: Path, claimed: Footer, columns: Sequence[str]) -> None:
    """Refuse pages of these columns that would unpack to far more memory than the file explains."""
    size = file.stat().st_size
    wanted = {name.encode() for name in columns}
    leaves = [chunks for name, below in claimed.columns.items() if name in wanted for chunks in below]
    for chunks in leaves:
        decoded = sum(max(chunk.values, 0) * chunk.width for chunk in chunks)
        if decoded > max(_MOST_DECODED, _DECODED_RATIO * size):
            raise SourceError(
                f"{file}: claims {decoded:,} bytes in a file of {size:,}: one row, again and again; it is refused: "
                "take some of the rows"
            )
    if sum(max((chunk.most for chunk in chunks), default=0) for chunks in leaves) <= _MOST_UNPACKED:
        return
    with file.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        unpacked = 0
        for chunks in leaves:
            unpacked += max((page for chunk in chunks for page in _packed(content, chunk)), default=0)
            if unpacked > _MOST_UNPACKED:
                raise SourceError(
                    f"{file}: its pages would take {unpacked:,} bytes of memory at once, packed more than {_RATIO}:1 "
                    f"in a file of {size:,}; where it is no bomb, write it again with smaller pages"
                )


def _read(thrift: Reader) -> Footer:
    found = Footer()
    for number, kind in thrift.fields():
        if number == 2 and kind in LISTS:
            found.depth = _depth(thrift)
            if found.depth > _DEEPEST:
                return found
        elif number == 3 and kind in INTS:
            found.rows = thrift.number()
        elif number == 4 and kind in LISTS:
            columns: dict[tuple[bytes, ...], list[ColumnChunk]] = {}
            for _ in range(thrift.sized()[0]):
                _group(thrift, found, columns)
            for path, chunks in columns.items():
                found.columns.setdefault(path[0], []).append(chunks)
        else:
            thrift.skip(kind)
    return found


def _depth(thrift: Reader) -> int:
    """How deep a schema is nested; more than is allowed where it has too many elements to look at."""
    count, _ = thrift.sized()
    if count > _MOST_FIELDS:
        return _DEEPEST + 1
    left: list[int] = []
    deepest = 0
    for _ in range(count):
        while left and left[-1] == 0:
            left.pop()
        if left:
            left[-1] -= 1
        children = thrift.numbers().get(5, 0)
        if children > 0:
            left.append(children)
            deepest = max(deepest, len(left))
    return deepest


def _group(thrift: Reader, found: Footer, columns: dict[tuple[bytes, ...], list[ColumnChunk]]) -> None:
    for number, kind in thrift.fields():
        if number == 1 and kind in LISTS:
            for _ in range(thrift.sized()[0]):
                for inner, type_ in thrift.fields():
                    if inner == 3 and type_ == STRUCT:
                        path, chunk = _chunk(thrift)
                        columns.setdefault(path, []).append(chunk)
                    else:
                        thrift.skip(type_)
        elif number == 3 and kind in INTS:
            found.groups.append(thrift.number())
        else:
            thrift.skip(kind)


def _chunk(thrift: Reader) -> tuple[tuple[bytes, ...], ColumnChunk]:
    path: tuple[bytes, ...] = (b"",)
    said: dict[int, int] = {}
    for number, kind in thrift.fields():
        if kind in INTS:
            said[number] = thrift.number()
        elif number == 3 and kind in LISTS:
            path = tuple(thrift.binary() for _ in range(thrift.sized()[0])) or path
        else:
            thrift.skip(kind)
    begin = min((offset for offset in (said.get(9, 0), said.get(11, 0)) if offset > 0), default=0)
    return path, ColumnChunk(_WIDTHS.get(said.get(1, 0), 1), said.get(4, 0), said.get(5, 0), said.get(7, 0), begin)


def _packed(content: mmap, chunk: ColumnChunk) -> Iterator[int]:
    """The unpacked sizes of the pages of a chunk that are packed by more than the ratio."""
    at, end = chunk.begin, chunk.begin + chunk.held
    while chunk.codec in _PACKS and 0 < at < end:
        for length in (128, _MOST_HEADER):
            thrift = Reader(content[at : at + length])
            try:
                page = thrift.numbers()
                break
            except (IndexError, ValueError):
                page = {}
        unpacked, held = page.get(2, 0), page.get(3, -1)
        if held < 0:
            return  # Arrow says what is wrong
        if unpacked > _RATIO * held:
            yield unpacked
        at += thrift.at + held
