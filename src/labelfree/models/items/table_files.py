"""One file of a table of items, whatever its format: its schema, its rows, and batches from any row on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from labelfree.documents.stores.remote_file import File
from labelfree.models.items.batches import Wish
from labelfree.sources.block import ARROW, PARQUET, SEPARATED, Columns
from labelfree.sources.paths import suffix_of
from labelfree.sources.tables.columns import Candidate
from labelfree.sources.tables.parts import Table

_COUNTED = 1 << 12
Batches: TypeAlias = Callable[[Sequence[Candidate], Sequence[str], int, int], Iterator[Any]]
"""Record batches: which columns hold vectors, all columns that are read, how many rows at a time, from which row on."""


@dataclass(frozen=True)
class TableFile:
    """A file as it was opened. nulls: how many items of a column of texts or images are null."""

    file: File
    schema: Any
    rows: int
    batches: Batches
    nulls: Callable[[str], int]


def table_file(file: File, wish: Wish) -> TableFile:
    """The file, opened by its suffix; Parquet alone knows its nulls and reads on from a row without those before."""
    if suffix_of(file) in PARQUET:
        return _parquet(file, wish.memory)
    table = _table(file, wish)

    def batches(read: Sequence[Candidate], columns: Sequence[str], rows: int, start: int) -> Iterator[Any]:
        for found in table.batches(read, list(dict.fromkeys(columns)), rows):
            batch = _without_views(found)
            if start < batch.num_rows:
                yield batch.slice(start)
            start = max(start - batch.num_rows, 0)

    def nulls(column: str) -> int:
        return sum(_stored(batch.column(0)).null_count for batch in batches([], [column], _COUNTED, 0))

    return TableFile(file, table.schema, table.rows, batches, nulls)


def _table(file: File, wish: Wish) -> Table:
    others = tuple(name for name in wish.keep if name != wish.column)
    chosen = Columns(wish.column, wish.id, others=others, memory=wish.memory)
    if suffix_of(file) in ARROW:
        from labelfree.sources.tables.ipc import arrow_table

        return arrow_table(file, chosen)
    if suffix_of(file) in SEPARATED:
        from labelfree.sources.tables.separated import separated_table

        return separated_table(file, chosen)
    from labelfree.sources.tables.json_lines import lines_table

    return lines_table(file, chosen)


def _parquet(file: File, memory: int | None) -> TableFile:
    from labelfree.sources.tables.parquet import batches, checked, explained

    with checked(file) as (parquet, claimed), explained(file):
        schema, leaves = parquet.schema_arrow, parquet.schema
        paths = [leaves.column(i).path.removesuffix(".bytes") for i in range(len(leaves))]

    def nulls(column: str) -> int:
        own = [leaf for path, leaf in zip(paths, claimed.leaves, strict=True) if path == column]
        return sum(chunk.nulls for leaf in own for chunk in leaf.chunks)

    def read(vectors: Sequence[Candidate], columns: Sequence[str], rows: int, start: int) -> Iterator[Any]:
        return batches(file, vectors, columns, rows, start, memory=memory)

    return TableFile(file, schema, claimed.rows, read, nulls)


def _without_views(batch: Any) -> Any:
    """The batch with texts and bytes that rows can be taken of, which Arrow cannot do to views."""
    import pyarrow as pa

    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    if not any(field.type in plain for field in batch.schema):
        return batch
    columns = [column.cast(plain.get(column.type, column.type)) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _stored(column: Any) -> Any:
    """What is null where an item is: the bytes of struct<bytes, path>."""
    import pyarrow as pa

    return column.flatten()[column.type.get_field_index("bytes")] if pa.types.is_struct(column.type) else column
