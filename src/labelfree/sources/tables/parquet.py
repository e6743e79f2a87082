"""Parquet: a file, a directory of files or a glob, read in blocks whatever the size of the row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from labelfree.documents.wording import in_unicode
from labelfree.errors import ColumnError, SourceError, in_short, option
from labelfree.sources.block import Block, Columns, Source, Values, dtype_of
from labelfree.sources.guards.decoding import check_pages, rows_at_once
from labelfree.sources.guards.footers import Footer, footer
from labelfree.sources.tables.arrow import block_of, output_column, plain, roles_of, widths
from labelfree.sources.tables.columns import Candidate, choose, choose_outputs, unread_labels

BUFFER = 1 << 20
"""Bytes read ahead, over all columns. Without a buffer pyarrow holds whole column chunks of a row group in memory."""
_LEAST_BUFFER = 1 << 13
_FIRST_ROWS = 64
_VALUES = 1 << 16
_NULL_VECTORS = 26
"""The first pyarrow that reads null rows of a fixed_size_list."""


@dataclass(frozen=True)
class _Part:
    """One file of a data set and what is read of it."""

    file: Path
    total: int
    embedding: Candidate
    roles: dict[str, str]
    notes: tuple[str, ...]
    widths: list[int]
    outputs: Candidate | None
    classes: list[int]
    memory: int | None

    def blocks(self, rows: int, d: int, classes: int, offset: int) -> Iterator[Block]:
        """The rows of this file, the first of which is row `offset` of the data set."""
        done = 0
        scores = (self.outputs, classes) if self.outputs else None
        vectors = [self.embedding, self.outputs] if self.outputs else [self.embedding]
        columns = [*(name for one in vectors for name in one.fields), *self.roles.values()]
        for batch in batches(self.file, vectors, columns, rows, memory=self.memory):
            yield block_of(batch, self.embedding, self.roles, d, offset + done, str(self.file), scores)
            done += batch.num_rows
        if done != self.total:
            raise SourceError(f"{self.file}: its footer claims {self.total} rows, found {done}; the file is damaged")


def parquet_source(name: str, files: list[Path], chosen: Columns) -> Source:
    """The data set in these Parquet files, in this order."""
    size = 0
    counts: list[int] = []
    parts: list[_Part] = []
    for file in files:
        with checked(file) as (parquet, claimed):
            counts.append(claimed.rows)
            if counts[-1] or (file is files[-1] and not parts):  # a file without rows may lack types
                parts.append(_part(file, parquet.schema_arrow, claimed, chosen))
            size += file.stat().st_size
    if not parts:
        raise SourceError(f"{name}: expected Parquet files, found none")
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
            offset += part.total

    def values(column: str) -> Iterator[Values]:
        for part in parts:
            for batch in batches(part.file, [], [column], _VALUES, memory=chosen.memory):
                yield plain(batch.column(column), column, "epoch", str(part.file))

    return Source(
        name=name,
        files=tuple(map(str, files)),
        column=first.embedding.name,
        layout=first.embedding.layout,
        dtype=dtype_of(part.embedding.dtype for part in parts),
        d=d,
        total=sum(part.total for part in parts),
        size=size,
        read=read,
        roles=first.roles,
        notes=first.notes,
        outputs=output_column(first.outputs, classes) if first.outputs else None,
        values=values,
        counts=tuple(counts),
    )


def _part(file: Path, schema: Any, claimed: Footer, chosen: Columns) -> _Part:
    embedding = choose(schema, chosen, str(file))

    def first(one: Candidate) -> Iterator[Any]:
        return batches(file, [one], one.fields, _FIRST_ROWS, memory=chosen.memory)

    found = widths(first(embedding), embedding, str(file))
    roles, notes = roles_of(schema, chosen, embedding), unread_labels(schema, chosen, embedding)
    outputs = choose_outputs(schema, chosen, str(file))
    check_pages(
        file, claimed, [*embedding.fields, *roles.values(), *(outputs.fields if outputs else ())], chosen.memory
    )
    classes = widths(first(outputs), outputs, str(file)) if outputs else []
    return _Part(file, claimed.rows, embedding, roles, notes, found, outputs, classes, chosen.memory)


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


def batches(
    file: Path,
    read: Sequence[Candidate],
    columns: Sequence[str],
    rows: int,
    start: int = 0,
    *,
    memory: int | None = None,
) -> Iterator[Any]:
    """Record batches of these columns, `rows` at a time, from row `start` on; row groups before it are not read.

    Fewer rows at a time where so many would decode to more than a batch may hold. read: which of the columns hold
    vectors; memory: bytes that reading may take.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(columns))
    with ExitStack() as stack:
        parquet, claimed = stack.enter_context(checked(file, len(columns)))
        rows = rows_at_once(file, claimed, names, rows, memory)
        if any("fixed_size_list" in one.layout for one in read) and int(pa.__version__.split(".")[0]) < _NULL_VECTORS:
            parquet = stack.enter_context(opened(file, _as_lists(parquet.metadata), len(columns)))
        groups, skip = _groups_from(parquet.metadata, start)
        found = parquet.iter_batches(batch_size=rows, row_groups=groups, columns=names)
        while True:
            with explained(file):
                batch = next(found, None)
            if batch is None:
                return
            if skip < batch.num_rows:
                yield batch.slice(skip)
            skip = max(skip - batch.num_rows, 0)


def _groups_from(metadata: Any, start: int) -> tuple[list[int], int]:
    """The row groups from the one that holds row `start` on, and how many of their rows come before it."""
    for group in range(metadata.num_row_groups):
        held = metadata.row_group(group).num_rows
        if start < held:
            return list(range(group, metadata.num_row_groups)), start
        start -= held
    return [], 0


def _as_lists(metadata: Any) -> Any:
    """The metadata without the Arrow schema, so that a fixed_size_list is read as the list that Parquet stores."""
    import pyarrow.parquet as pq

    footer = BytesIO()
    metadata.write_metadata_file(footer)
    return pq.read_metadata(BytesIO(footer.getvalue().replace(b"ARROW:schema", b"ARROW-schema")))


@contextmanager
def checked(file: Path, columns: int = 1) -> Iterator[tuple[Any, Footer]]:
    """The file, opened for so many columns at once, and what its footer claims."""
    claimed = footer(file)
    with opened(file, columns=columns) as parquet:
        if claimed is None:
            raise SourceError(f"{file}: its footer cannot be read; the file is damaged: write or copy it again")
        yield parquet, claimed


@contextmanager
def opened(file: Path, metadata: Any = None, columns: int = 1) -> Iterator[Any]:
    """The file, with little read ahead; closed at the end."""
    import pyarrow.parquet as pq

    buffer = max(BUFFER // columns, _LEAST_BUFFER)
    with ExitStack() as stack:
        with explained(file):
            named: Any = file if in_unicode(str(file)) == str(file) else stack.enter_context(file.open("rb"))
            parquet = pq.ParquetFile(named, metadata=metadata, pre_buffer=False, buffer_size=buffer)
        yield stack.enter_context(parquet)


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turns what pyarrow and the system say of a bad file into what to do about it."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.strerror:  # the system's; Arrow has OSErrors of its own
            raise SourceError(f"{file}: cannot be read ({error.strerror})") from error
        raise SourceError(
            f"{file}: expected a complete Parquet file, but it cannot be read ({in_short(error)}); it may be "
            "truncated, still being written, or of another format: write or copy it again"
        ) from error
