"""Tables of one number of rows, from record batches of any; the same however the batches were cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_CHUNK = 1000


def groups(batches: Iterable[Any], schema: Any, rows: int) -> Iterator[Any]:
    """Arrow tables of `rows` rows, the last one of what is left, in chunks of 1,000 rows that lie in one piece.

    The codes of a dictionary are given in the order in which its values come, but for ordered ones.
    """
    import pyarrow as pa

    held: list[Any] = []
    for chunk in _cut(batches, schema):
        held.append(chunk)
        if len(held) * _CHUNK >= rows:
            yield _coded(pa.concat_tables(held), schema)
            held = []
    if held:
        yield _coded(pa.concat_tables(held), schema)


def _cut(batches: Iterable[Any], schema: Any) -> Iterator[Any]:
    """Tables of 1,000 rows, the last one of what is left."""

    held: list[Any] = []
    waiting = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, _CHUNK - waiting)
            held.append(piece)
            start, waiting = start + piece.num_rows, waiting + piece.num_rows
            if waiting == _CHUNK:
                yield _whole(held)
                held, waiting = [], 0
    if held:
        yield _whole(held)


def _whole(pieces: list[Any]) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches(pieces).unify_dictionaries().combine_chunks()


def _coded(table: Any, schema: Any) -> Any:
    import pyarrow as pa

    for i, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            column = table.column(i)
            if not field.type.ordered:
                column = pa.chunked_array([column.cast(field.type.value_type).combine_chunks().cast(field.type)])
            table = table.set_column(i, field, column)
    return table.cast(schema)
