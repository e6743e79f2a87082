"""Tables in many files as one data set: what every format of columns by names shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeAlias

from labelfree.documents.stores.remote_file import File, side_by_side, watched
from labelfree.errors import ColumnError, SourceError, option
from labelfree.sources.block import Block, Columns, Source, Values, dtype_of, part_of, within
from labelfree.sources.row_groups import Amount, ChosenGroups, chosen_groups, refuse_part
from labelfree.sources.tables.arrow import block_of, output_column, plain, roles_of, widths
from labelfree.sources.tables.columns import Candidate, choose, choose_outputs, unread_labels

_FIRST_ROWS = 64
_VALUES = 1 << 16
Batches: TypeAlias = Callable[[Sequence[Candidate], Sequence[str], int], Iterator[Any]]
"""Record batches of a file: which columns hold vectors, all columns that are read, and how many rows at a time."""


@dataclass(frozen=True)
class Table:
    """One file of a table as it was opened.

    schema: its Arrow schema; rows: how many there are; batches: reads them; check: refuses columns that would decode to
    more memory than they may; buffers: bytes that reading holds beside its batches; counted: what says how many rows;
    groups: rows of each of its row groups or batches; only: the table of some of these, by their numbers, None where a
    file is read from its start; kind: what they are called.
    """

    schema: Any
    rows: int
    batches: Batches
    check: Callable[[Sequence[str]], None] = lambda columns: None
    buffers: int = 0
    counted: str = "its footer claims"
    groups: tuple[int, ...] = ()
    only: Callable[[Sequence[int]], Table] | None = None
    kind: str = "row groups"


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

    def holding(self, start: int, stop: int) -> tuple[_Part, int]:
        """This file with the row groups alone that hold its rows `start` to `stop`, and the first row of these."""
        groups, ends = self.table.groups, list(accumulate(self.table.groups))
        held = [i for i, end in enumerate(ends) if end - groups[i] < stop and end > start]
        if self.table.only is None or len(held) == sum(rows > 0 for rows in groups):
            return self, 0
        return replace(self, table=self.table.only(held)), ends[held[0]] - groups[held[0]]

    def blocks(self, rows: int, d: int, classes: int, offset: int) -> Iterator[Block]:
        """The rows of this file, the first of which is row `offset` of the data set."""
        done = 0
        scores = (self.outputs, classes) if self.outputs else None
        vectors = [self.embedding, self.outputs] if self.outputs else [self.embedding]
        columns = [*(name for one in vectors for name in one.fields), *self.roles.values()]
        with watched(self.file):
            for batch in self.table.batches(vectors, columns, rows):
                yield block_of(batch, self.embedding, self.roles, d, offset + done, str(self.file), scores)
                done += batch.num_rows
            if done != self.table.rows:
                raise SourceError(
                    f"{self.file}: {self.table.counted} {self.table.rows} rows, found {done}; the file is damaged"
                )


def table_source(name: str, files: Sequence[File], chosen: Columns, opened: Callable[[File, Columns], Table]) -> Source:
    """The data set in these files, in this order; opened: one of them as a table."""
    size = buffers = 0
    parts: list[_Part] = []
    tables: Iterable[Table] = side_by_side(lambda one: opened(one, chosen), files)
    whole: list[Table] = []
    some = None
    if chosen.amount is not None:
        whole = list(tables)
        some = _chosen(files, whole, chosen.amount)
        tables = whole if some is None else [_only(*one) for one in zip(whole, some.groups, strict=True)]
    counts: list[int] = []
    groups: tuple[int, ...] = ()
    for file, table in zip(files, tables, strict=True):
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

    def read(rows: int) -> Iterator[Block]:
        offset = 0
        for part in parts:
            yield from part.blocks(rows, d or 1, classes, offset)
            offset += part.table.rows

    def span(rows: int, start: int, stop: int) -> Iterator[Block]:
        offset = 0
        for part in parts:
            if offset < stop and start < offset + part.table.rows:
                some, before = part.holding(start - offset, stop - offset)
                yield from within(some.blocks(rows, d or 1, classes, offset + before), start, stop)
            offset += part.table.rows

    def values(column: str) -> Iterator[Values]:
        for part in parts:
            for batch in part.table.batches([], [column], _VALUES):
                yield plain(batch.column(column), column, "epoch", str(part.file))

    found = Source(
        name=name,
        files=tuple(map(str, files)),
        column=first.embedding.name,
        layout=first.embedding.layout,
        dtype=dtype_of(part.embedding.dtype for part in parts),
        d=d,
        total=sum(part.table.rows for part in parts),
        size=size,
        read=read,
        roles=first.roles,
        notes=first.notes,
        outputs=output_column(first.outputs, classes) if first.outputs else None,
        values=values,
        counts=tuple(counts),
        buffers=buffers,
        groups=groups,
        span=span,
        in_order=any(part.table.only is None for part in parts),
    )
    return part_of(found, some, tuple(one.rows for one in whole), tuple(rows for one in whole for rows in one.groups))


def _chosen(files: Sequence[File], tables: Sequence[Table], amount: Amount) -> ChosenGroups | None:
    """The row groups to read; refused where a file is read from its start."""
    for file, table in zip(files, tables, strict=True):
        if table.rows and table.only is None:
            refuse_part(str(file), amount, "one that is read from its start", "write it as Parquet, or leave that out")
    return chosen_groups([table.groups for table in tables], amount, tables[0].kind)


def _only(table: Table, groups: Sequence[int]) -> Table:
    """A table with some of its row groups."""
    if table.only is None:  # it has no rows
        return table
    return table.only(groups)


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
