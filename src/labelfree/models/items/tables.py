"""Tables as data: a column of texts, of images or of arrays, with ids and the columns to carry along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from labelfree.arrays import Index
from labelfree.documents.stores.remote_file import File
from labelfree.errors import ColumnError, RowsError, SourceError
from labelfree.models.items.arrays import vector_chunks
from labelfree.models.items.batches import Bad, Chunk, Data, Wish, refused
from labelfree.models.items.columns import candidates, carried, check_named, id_column, the_only
from labelfree.models.items.content_hash import content_hash
from labelfree.models.items.ids import Identities
from labelfree.models.items.images import image_chunk
from labelfree.models.items.kinds import ItemKind
from labelfree.models.items.table_files import TableFile, table_file
from labelfree.sources.block import Columns
from labelfree.sources.tables.arrow import plain, widths
from labelfree.sources.tables.columns import Candidate
from labelfree.sources.tables.columns import candidates as vector_columns

_ROWS: dict[str, int] = {"text": 200, "image": 16}
_IDS = 1 << 16
_FIRST_ROWS = 64
_MISSING = {"text": "have no text", "image": "have no image"}


def table_data(name: str, files: Sequence[File], wish: Wish, on_bad: Literal["error", "drop"]) -> Data:
    """The items in a column of these tables, in this order, as one data set."""
    parts = [table_file(file, wish) for file in files]
    schema = parts[0].schema
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
    read = (*(vector.fields if vector else (column,)), *beside.values())
    types = [_types(part.schema, read) for part in parts]
    for part, own in zip(parts[1:], types[1:], strict=True):
        if odd := next((c for c, type in types[0].items() if own.get(c) != type), None):
            raise ColumnError(
                f"{part.file}: expected column {odd!r} to be {types[0][odd]} as in {files[0]}, found "
                f"{own.get(odd, 'none')}; give all files the same columns"
            )
    total = sum(part.rows for part in parts)
    if not total:
        raise SourceError(f"{name}: expected rows to embed, found none in {len(files)} file(s)")
    if id:
        _check_ids(name, id, parts)
    nulls = 0 if vector or on_bad == "drop" else sum(part.nulls(column) for part in parts)
    if nulls:
        first = next((row for row, there in enumerate(_valid(parts, column)) if not there), None)
        if first is None:
            raise SourceError(
                f"{name}: its statistics claim {nulls:,} nulls in column {column!r}, found none; write it again"
            )
        raise RowsError(refused(f"{name}: {column}", [Bad(_MISSING[kind], nulls, first)], total))
    d = _width(parts, vector, name) if vector else 0

    def chunks(start: int) -> Iterator[Chunk]:
        offset = 0
        for part in parts:
            if start < offset + part.rows:
                skip = max(start - offset, 0)
                if vector is not None:
                    yield from vector_chunks(part, vector, d, beside, skip, offset)
                else:
                    yield from _chunks(part, column, kind, beside, skip, offset)
            offset += part.rows

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


def _width(parts: Sequence[TableFile], vector: Candidate, name: str) -> int:
    """How many numbers the first row holds that holds any; 1 where none does."""
    found = (part.batches([vector], vector.fields, _FIRST_ROWS, 0) for part in parts)
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


def _types(schema: Any, columns: Sequence[str]) -> dict[str, Any]:
    return {name: schema.field(name).type for name in columns if schema.names.count(name) == 1}


def _valid(parts: Sequence[TableFile], column: str) -> Iterator[bool]:
    """Whether each item is there."""
    for part in parts:
        for batch in part.batches([], [column], _ROWS["image"], 0):
            yield from (item is not None for item in _items(batch.column(0), part.file, 0))


def _check_ids(name: str, id: str, parts: Sequence[TableFile]) -> None:
    identities = Identities()

    def ids() -> Iterator[Any]:
        for part in parts:
            for batch in part.batches([], [id], _IDS, 0):
                yield plain(batch.column(0), id, "id", str(part.file))

    for values in ids():
        identities.add(values)
    identities.check(name, id, lambda: (value for values in ids() for value in values.tolist()))


def _chunks(
    part: TableFile, column: str, kind: ItemKind, beside: dict[str, str], skip: int, offset: int
) -> Iterator[Chunk]:
    import pyarrow as pa

    row = offset + skip
    for batch in part.batches([], [column, *beside.values()], _ROWS[kind], skip):
        items = _items(batch.column(column), part.file, row - offset)
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


def _items(column: Any, file: File, row: int) -> list[Any]:
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
