"""Parquet as data: a column of texts, of images or of arrays, with ids and the columns to carry along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labelfree.arrays import Index
from labelfree.errors import ColumnError, RowsError, SourceError
from labelfree.models.items.arrays import vector_chunks
from labelfree.models.items.batches import Bad, Chunk, Data, Wish, refused
from labelfree.models.items.columns import candidates, carried, check_named, id_column, the_only
from labelfree.models.items.content_hash import content_hash
from labelfree.models.items.ids import Identities
from labelfree.models.items.images import image_chunk
from labelfree.models.items.kinds import ItemKind
from labelfree.sources.block import Columns
from labelfree.sources.tables.arrow import plain, widths
from labelfree.sources.tables.columns import Candidate
from labelfree.sources.tables.columns import candidates as vector_columns
from labelfree.sources.tables.parquet import batches, checked, explained

_ROWS: dict[str, int] = {"text": 200, "image": 16}
_IDS = 1 << 16
_FIRST_ROWS = 64
_MISSING = {"text": "have no text", "image": "have no image"}


@dataclass(frozen=True)
class _Part:
    """One file: its rows, the types of the columns that are read, and how many texts or images are known to be null."""

    file: Path
    total: int
    types: dict[str, Any]
    nulls: int


def table_data(name: str, files: Sequence[Path], wish: Wish, on_bad: Literal["error", "drop"]) -> Data:
    """The items in a column of these Parquet files, in this order, as one data set."""
    with checked(files[0]) as (parquet, _):
        schema = parquet.schema_arrow
    vectors = _vectors(schema, wish)
    check_named(name, [*schema.names, *(v for v in vectors if v not in schema.names)], wish)
    id = id_column(schema.names, wish)
    beside = carried(wish, id)
    kinds = _kinds(schema, vectors)
    column = wish.column or the_only(
        name,
        candidates({c: kind for c, kind in kinds.items() if _offered(schema, c, vectors)}, wish, id),
        {field.name: str(field.type) for field in schema} | {v: one.layout for v, one in vectors.items() if "*" in v},
        wish,
    )
    kind = kinds.get(column)
    if kind is None or (wish.kind and kind != wish.kind):
        raise ColumnError(_wrong(name, column, schema, wish.kind))
    vector = vectors[column] if kind == "array" else None
    if vector is not None and vector.flaw:
        raise ColumnError(f"{name}: {vector.flaw}")
    parts = [_part(file, vector.fields if vector else (column,), tuple(beside.values())) for file in files]
    for part in parts[1:]:
        if odd := next((c for c, type in parts[0].types.items() if part.types.get(c) != type), None):
            raise ColumnError(
                f"{part.file}: expected column {odd!r} to be {parts[0].types[odd]} as in {files[0]}, found "
                f"{part.types.get(odd, 'none')}; give all files the same columns"
            )
    total = sum(part.total for part in parts)
    if not total:
        raise SourceError(f"{name}: expected rows to embed, found none in {len(files)} Parquet file(s)")
    if id:
        _check_ids(name, id, files, wish.memory)
    nulls = 0 if vector else sum(part.nulls for part in parts)
    if nulls and on_bad == "error":
        first = next((row for row, there in enumerate(_valid(files, column, wish.memory)) if not there), None)
        if first is None:
            raise SourceError(
                f"{name}: its statistics claim {nulls:,} nulls in column {column!r}, found none; write it again"
            )
        raise RowsError(refused(f"{name}: {column}", [Bad(_MISSING[kind], nulls, first)], total))
    d = _width(files, vector, name, wish.memory) if vector else 0

    def chunks(start: int) -> Iterator[Chunk]:
        offset = 0
        for part in parts:
            if start < offset + part.total:
                skip = max(start - offset, 0)
                if vector is not None:
                    yield from vector_chunks(part.file, vector, d, beside, skip, offset, wish.memory)
                else:
                    yield from _chunks(part.file, column, kind, beside, skip, offset, wish.memory)
            offset += part.total

    return Data(
        name=name,
        files=tuple(map(str, files)),
        kind=kind,
        column=column,
        total=total,
        ids=bool(id),
        kept=tuple(out for out in beside if out != "id"),
        fingerprint=content_hash(files, (kind, column, *beside.items())),
        chunks=chunks,
        on_bad=on_bad,
    )


def _width(files: Sequence[Path], vector: Candidate, name: str, memory: int | None) -> int:
    """How many numbers the first row holds that holds any; 1 where none does."""
    found = (batches(file, [vector], vector.fields, _FIRST_ROWS, memory=memory) for file in files)
    return next((width for one in found for width in widths(one, vector, name)), 1)


def _vectors(schema: Any, wish: Wish) -> dict[str, Candidate]:
    """Columns, and runs of columns, that hold numbers."""
    others = tuple(name for name in wish.keep if name != wish.column)
    return {one.name: one for one in vector_columns(schema, Columns(id=wish.id, others=others))}


def _kinds(schema: Any, vectors: dict[str, Candidate]) -> dict[str, ItemKind]:
    """What the items of each column would be, where they would be any."""
    kinds: dict[str, ItemKind] = {}
    for field in schema:
        if _is_text(field.type):
            kinds[field.name] = "text"
        elif _is_bytes(field.type) or _holds_bytes(field.type):
            kinds[field.name] = "image"
    return kinds | dict.fromkeys(vectors, "array")


def _offered(schema: Any, column: str, vectors: dict[str, Candidate]) -> bool:
    """Whether a column may be embedded without being named: no categories, no lists of token numbers."""
    import pyarrow as pa

    return vectors[column].offered if column in vectors else not pa.types.is_dictionary(schema.field(column).type)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _holds_bytes(kind: Any) -> bool:
    """Whether it is the layout of Hugging Face datasets: struct<bytes: binary, path: string>."""
    import pyarrow as pa

    return pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)


def _wrong(name: str, column: str, schema: Any, kind: ItemKind | None) -> str:
    wanted = {
        "text": "text; numbers are no text: write them as text, or name another column",
        "image": "images: their bytes, or struct<bytes: binary, path: string>",
        "array": "a list of numbers per row, a fixed_size_list or a tensor",
        None: "text, images (bytes, or struct<bytes, path>) or lists of numbers; single numbers cannot be embedded: "
        "write them as text, or name another column",
    }
    return f"{name}: column {column!r} is {schema.field(column).type}; expected {wanted[kind]}"


def _part(file: Path, items: tuple[str, ...], beside: tuple[str, ...]) -> _Part:
    with checked(file) as (parquet, claimed), explained(file):
        schema, leaves = parquet.schema_arrow, parquet.schema
        paths = [leaves.column(i).path.removesuffix(".bytes") for i in range(len(leaves))]
    types = {name: schema.field(name).type for name in (*items, *beside) if schema.names.count(name) == 1}
    own = [leaf for path, leaf in zip(paths, claimed.leaves, strict=True) if path == items[0]]
    nulls = sum(chunk.nulls for leaf in own for chunk in leaf.chunks)
    return _Part(file, claimed.rows, types, nulls)


def _valid(files: Sequence[Path], column: str, memory: int | None) -> Iterator[bool]:
    """Whether each item is there."""
    for file in files:
        for batch in batches(file, [], [column], _ROWS["image"], memory=memory):
            yield from (item is not None for item in _items(batch.column(0), file, 0))


def _check_ids(name: str, id: str, files: Sequence[Path], memory: int | None) -> None:
    identities = Identities()

    def ids() -> Iterator[Any]:
        for file in files:
            for batch in batches(file, [], [id], _IDS, memory=memory):
                yield plain(batch.column(0), id, "id", str(file))

    for values in ids():
        identities.add(values)
    identities.check(name, id, lambda: (value for values in ids() for value in values.tolist()))


def _chunks(
    file: Path, column: str, kind: ItemKind, beside: dict[str, str], skip: int, offset: int, memory: int | None
) -> Iterator[Chunk]:
    import pyarrow as pa

    row = offset + skip
    for batch in batches(file, [], [column, *beside.values()], _ROWS[kind], skip, memory=memory):
        items = _items(batch.column(column), file, row - offset)
        table = pa.table({out: batch.column(name) for out, name in beside.items()}) if beside else None
        if kind == "image":
            yield image_chunk(row, items, table)
        else:
            yield _text_chunk(row, items, table)
        row += batch.num_rows


def _text_chunk(row: int, items: list[str | None], beside: Any) -> Chunk:
    good: Index = np.array([i for i, item in enumerate(items) if item is not None], np.int64)
    bad: tuple[Bad, ...] = ()
    if len(good) < len(items):
        bad = (Bad(_MISSING["text"], len(items) - len(good), row + items.index(None)),)
        beside = beside and beside.take(good)
    return Chunk(row, len(items), [item for item in items if item is not None], row + good, beside, bad)


def _items(column: Any, file: Path, row: int) -> list[Any]:
    """Texts, or the bytes of images; None where there is none. row: of the file, that the first one is."""
    import pyarrow as pa

    if pa.types.is_struct(column.type):
        column = column.flatten()[column.type.get_field_index("bytes")]
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError as error:
        raise ColumnError(
            f"{file}: expected text in UTF-8, found the byte 0x{error.object[error.start]:02x} at byte {error.start} "
            f"of a text in rows {row} to {row + len(column) - 1}; mend the text where the file is written"
        ) from error
