"""What the footer of a Parquet file claims, read before Arrow believes it: rows, columns, where their pages are.

Arrow walks nested types by recursion, which is not bounded by the size of the file. The footer is read here and not
asked of pyarrow, in which some of what a damaged one says ends the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from labelfree.documents.stores.remote_file import File
from labelfree.errors import SourceError
from labelfree.sources.guards.thrift import BINARY, INTS, LISTS, STRUCT, Reader

_DEEPEST = 100
_MOST_FIELDS = 1 << 18
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8}
"""Bytes of a value by its physical type: a boolean, whole numbers, a time of Impala, a float, a double."""
_TEXT, _FIXED = 6, 7
_REPEATED = 2


@dataclass(frozen=True)
class ColumnChunk:
    """The pages of a column in a row group: its codec, values, bytes, where they begin, nulls, rows of the group."""

    codec: int
    values: int
    held: int
    begin: int
    nulls: int
    rows: int


@dataclass(frozen=True)
class Leaf:
    """A column of values as Parquet stores it, in the order of the schema.

    name: of the column of the table that it belongs to; width: bytes of a value, 0 where values are text of any length;
    repeated: how many lists it lies in; optional: how many of its levels may be null or empty.
    """

    name: bytes
    width: int
    repeated: int
    optional: int
    chunks: list[ColumnChunk] = field(default_factory=list)


@dataclass
class Footer:
    """What a footer claims: how deep its types are nested, its rows, those of its row groups, its leaves."""

    depth: int = 0
    rows: int = 0
    groups: list[int] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    size: int = 0

    def only(self, groups: Sequence[int]) -> Footer:
        """What it claims of some of its row groups, by their numbers in order."""
        leaves = [replace(leaf, chunks=[leaf.chunks[i] for i in groups]) for leaf in self.leaves]
        rows = [self.groups[i] for i in groups]
        return replace(self, rows=sum(rows), groups=rows, leaves=leaves)

    def spans(self, columns: set[str]) -> list[tuple[int, int]]:
        """The bytes of these columns, from and up to, of each row group."""
        leaves = self.of(columns)
        if not leaves:
            return []
        return [
            (min(chunk.begin for chunk in chunks), max(chunk.begin + chunk.held for chunk in chunks))
            for chunks in zip(*(leaf.chunks for leaf in leaves), strict=True)
        ]

    def of(self, columns: set[str]) -> list[Leaf]:
        """The leaves of these columns of the table."""
        wanted = {name.encode() for name in columns}
        return [leaf for leaf in self.leaves if leaf.name in wanted]


def footer(file: File) -> Footer | None:
    """What the footer of a file claims, or None where there is none that can be read, of which Arrow says more."""
    try:
        with file.open("rb", buffering=0) as stream:
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
    found.size = size
    return found


def _read(thrift: Reader) -> Footer:
    found = Footer()
    groups: list[tuple[int, list[tuple[int, int, int, int, int]]]] = []
    for number, kind in thrift.fields():
        if number == 2 and kind in LISTS:
            found.depth, found.leaves = _schema(thrift)
            if found.depth > _DEEPEST:
                return found
        elif number == 3 and kind in INTS:
            found.rows = thrift.number()
        elif number == 4 and kind in LISTS:
            groups = [_group(thrift) for _ in range(thrift.sized()[0])]
        else:
            thrift.skip(kind)
    for rows, chunks in groups:
        if len(chunks) != len(found.leaves):
            raise ValueError("a row group of other columns than the schema")
        found.groups.append(rows)
        for leaf, chunk in zip(found.leaves, chunks, strict=True):
            leaf.chunks.append(ColumnChunk(*chunk, rows))
    return found


def _schema(thrift: Reader) -> tuple[int, list[Leaf]]:
    """How deep a schema is nested (more than is allowed where it has too many elements to look at), and its leaves."""
    count, _ = thrift.sized()
    if count > _MOST_FIELDS:
        return _DEEPEST + 1, []
    open_groups: list[list[int]] = []  # children left, and how often what is inside is repeated and optional
    deepest = 0
    leaves: list[Leaf] = []
    top = b""
    for i in range(count):
        while open_groups and open_groups[-1][0] == 0:
            open_groups.pop()
        if open_groups:
            open_groups[-1][0] -= 1
        name, said = _element(thrift)
        repetition, children = said.get(3, 0), said.get(5, 0)
        if len(open_groups) == 1:
            top = name
        _, repeated, optional = open_groups[-1] if open_groups else (0, 0, 0)
        if i:  # what the root says of itself means nothing
            repeated, optional = repeated + (repetition == _REPEATED), optional + (repetition != 0)
        if children > 0:
            open_groups.append([children, repeated, optional])
            deepest = max(deepest, len(open_groups))
        elif i:
            physical = said.get(1, -1)
            width = max(said.get(2, 0), 1) if physical == _FIXED else _WIDTHS.get(physical, 0)
            leaves.append(Leaf(top, width, repeated, optional))
    return deepest, leaves


def _element(thrift: Reader) -> tuple[bytes, dict[int, int]]:
    """The name of an element of a schema, and its whole numbers by field."""
    name, said = b"", {}
    for number, kind in thrift.fields():
        if kind in INTS:
            said[number] = thrift.number()
        elif number == 4 and kind == BINARY:
            name = thrift.binary()
        else:
            thrift.skip(kind)
    return name, said


def _group(thrift: Reader) -> tuple[int, list[tuple[int, int, int, int, int]]]:
    """Rows of a row group and its column chunks."""
    rows, chunks = 0, []
    for number, kind in thrift.fields():
        if number == 1 and kind in LISTS:
            for _ in range(thrift.sized()[0]):
                said: dict[int, int] = {}
                for inner, type_ in thrift.fields():
                    if inner == 3 and type_ == STRUCT:
                        said = thrift.numbers((12,))
                    else:
                        thrift.skip(type_)
                begin = min((offset for offset in (said.get(9, 0), said.get(11, 0)) if offset > 0), default=0)
                chunks.append((said.get(4, 0), said.get(5, 0), said.get(7, 0), begin, said.get(1203, 0)))
        elif number == 3 and kind in INTS:
            rows = thrift.number()
        else:
            thrift.skip(kind)
    return rows, chunks
