"""Tables in many files as one data set: what every format of columns by names shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from labelfree.documents.stores.remote_file import File, side_by_side, watched
from labelfree.errors import ColumnError, SourceError, option
from labelfree.sources.block import Block, Columns, Source, Values, dtype_of
from labelfree.sources.tables.arrow import block_of, output_column, plain, roles_of, widths
from labelfree.sources.tables.columns import Candidate, choose, choose_outputs, unread_labels

_FIRST_ROWS = 64
_VALUES = 1 << 16


class Batches(Protocol):
    """Reads a file: which columns hold vectors, all columns that are read, how many rows at a time, from which on."""

    def __call__(self, read: Sequence[Candidate], columns: Sequence[str], rows: int, start: int = 0) -> Iterator[Any]:
        """Record batches of the file from row `start` on."""


@dataclass(frozen=True)
class Table:
    """One file of a table as it was opened.

    schema: its Arrow schema; rows: how many there are; batches: reads them; check: refuses columns that would decode to
    more memory than they may; buffers: bytes that reading holds beside its batches; counted: what says how many rows;
    groups: rows of each of its row groups or batches; in_order: whether all rows before the first that is asked for are
    read too.
    """

    schema: Any
    rows: int
    batches: Batches
    check: Callable[[Sequence[str]], None] = lambda columns: None
    buffers: int = 0
    counted: str = "its footer claims"
    groups: tuple[int, ...] = ()
    in_order: bool = False


@dataclass(frozen=True)
class _Part:
    """One file of a data set and what is read of it."""

    file: File
    table: Table
    embedding: Candidate
    roles: dict[str, str]
    notes: tuple[str, ...]
    widths: list[int]
    outputs: Candidate | None
    classes: list[int]

    def blocks(self, rows: int, d: int, classes: int, offset: int, start: int, stop: int) -> Iterator[Block]:
        """The rows `start` to `stop` of this file, the first row of which is row `offset` of the data set."""
        done = start
        scores = (self.outputs, classes) if self.outputs else None
        vectors = [self.embedding, self.outputs] if self.outputs else [self.embedding]
        columns = [*(name for one in vectors for name in one.fields), *self.roles.values()]
        with watched(self.file):
            for batch in self.table.batches(vectors, columns, rows, start):
                last = stop < self.table.rows and done + batch.num_rows >= stop
                batch = batch.slice(0, stop - done) if last else batch
                yield block_of(batch, self.embedding, self.roles, d, offset + done, str(self.file), scores)
                done += batch.num_rows
                if last:
                    return
            if done != self.table.rows:
                raise SourceError(
                    f"{self.file}: {self.table.counted} {self.table.rows} rows, found {done}; the file is damaged"
                )


def table_source(name: str, files: Sequence[File], chosen: Columns, opened: Callable[[File, Columns], Table]) -> Source:
    """The data set in these files, in this order; opened: one of them as a table."""
    size = buffers = 0
    counts: list[int] = []
    groups: tuple[int, ...] = ()
    parts: list[_Part] = []
    for file, table in zip(files, side_by_side(lambda one: opened(one, chosen), files), strict=True):
        counts.append(table.rows)
        if counts[-1] or (file is files[-1] and not parts):  # a file without rows may lack types
            parts.append(_part(file, table, chosen))
        groups += table.groups
        size, buffers = size + file.stat().st_size, max(buffers, table.buffers)
    if not parts:
        raise SourceError(f"{name}: expected files of rows, found none")
    first = parts[0]
    filled = next((part for part in parts if part.widths), first)
    for part in parts:
        _agree(part, first, filled)
    d = next(iter(filled.widths), 0)
    classes = next((part.classes[0] for part in parts if part.classes), 1)

    def span(rows: int, start: int, stop: int) -> Iterator[Block]:
        offset = 0
        for part in parts:
            first, last = max(start - offset, 0), min(stop - offset, part.table.rows)
            if first < last or first == last == 0 == part.table.rows:
                yield from part.blocks(rows, d or 1, classes, offset, first, last)
            offset += part.table.rows

    total = sum(part.table.rows for part in parts)

    def values(column: str) -> Iterator[Values]:
        for part in parts:
            for batch in part.table.batches([], [column], _VALUES):
                yield plain(batch.column(column), column, "epoch", str(part.file))

    return Source(
        name=name,
        files=tuple(map(str, files)),
        column=first.embedding.name,
        layout=first.embedding.layout,
        dtype=dtype_of(part.embedding.dtype for part in parts),
        d=d,
        total=total,
        size=size,
        read=lambda rows: span(rows, 0, total),
        roles=first.roles,
        notes=first.notes,
        outputs=output_column(first.outputs, classes) if first.outputs else None,
        values=values,
        counts=tuple(counts),
        buffers=buffers,
        groups=groups,
        span=span,
        in_order=any(part.table.in_order for part in parts),
    )


def _part(file: File, table: Table, chosen: Columns) -> _Part:
    schema = table.schema
    embedding = choose(schema, chosen, str(file))

    def first(one: Candidate) -> Iterator[Any]:
        return table.batches([one], one.fields, _FIRST_ROWS)

    found = widths(first(embedding), embedding, str(file))
    roles, notes = roles_of(schema, chosen, embedding), unread_labels(schema, chosen, embedding)
    outputs = choose_outputs(schema, chosen, str(file))
    table.check([*embedding.fields, *roles.values(), *(outputs.fields if outputs else ())])
    classes = widths(first(outputs), outputs, str(file)) if outputs else []
    return _Part(file, table, embedding, roles, notes, found, outputs, classes)


def _agree(part: _Part, first: _Part, filled: _Part) -> None:
    """Refuses files that are not parts of one data set."""
    if part.embedding.fields != first.embedding.fields:
        raise ColumnError(
            f"{part.file}: the embeddings are in {part.embedding}, but in {first.embedding} in {first.file}; "
            f"give each file as a source of its own, or name the column with {option('column')}"
        )
    if part.widths and filled.widths[0] not in part.widths:
        raise ColumnError(
            f"{part.file}: expected {filled.widths[0]} numbers per row as in {filled.file}, found {part.widths[0]}; "
            "give each file as a source of its own"
        )
    if (part.outputs and part.outputs.fields) != (first.outputs and first.outputs.fields):
        raise ColumnError(
            f"{part.file}: expected the class scores in {first.outputs or 'no column'} as in {first.file}, found them "
            f"in {part.outputs or 'no column'}; give each file as a source of its own"
        )
    if part.roles != first.roles:
        has, lacks = (part, first) if part.roles.keys() - first.roles.keys() else (first, part)
        column = next(name for role, name in has.roles.items() if role not in lacks.roles)
        raise ColumnError(
            f"{lacks.file}: expected a column {column!r} as in {has.file}, found none; give it to every file or to none"
        )


def of_rows(batches: Iterator[Any], rows: int) -> Iterator[Any]:
    """The rows of batches, `rows` to a record batch, and the rest in the last one."""
    import pyarrow as pa

    waiting: list[Any] = []
    held = 0
    for batch in batches:
        while held + batch.num_rows >= rows:
            waiting.append(batch.slice(0, rows - held))
            yield waiting[0] if len(waiting) == 1 else pa.concat_batches(waiting)
            batch, waiting, held = batch.slice(waiting[-1].num_rows), [], 0
        if batch.num_rows:
            waiting.append(batch)
            held += batch.num_rows
    if held:
        yield pa.concat_batches(waiting)


def from_row(batches: Iterator[Any], start: int) -> Iterator[Any]:
    """The rows of batches from row `start` on."""
    for batch in batches:
        if start < batch.num_rows:
            yield batch.slice(start) if start else batch
        start = max(start - batch.num_rows, 0)
