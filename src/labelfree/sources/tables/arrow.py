"""Arrow columns as rows of numbers, with every null and every odd length accounted for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, as_rows
from labelfree.errors import ColumnError, option
from labelfree.sources.block import AUTO, Block, Columns, OutputColumn, Values
from labelfree.sources.tables.columns import LABELS, Candidate, dtype_name, holds_probabilities


def block_of(
    batch: Any,
    candidate: Candidate,
    roles: dict[str, str],
    d: int,
    offset: int,
    where: str,
    outputs: tuple[Candidate, int] | None = None,
) -> Block:
    """A record batch of the file `where`, whose first row is row `offset` of the data set.

    outputs: the column of class scores, and how many classes.
    """
    values, null, ragged = _vectors(batch, candidate, d)
    good = ~(null | ragged)
    if outputs is not None:
        scores, null_too, ragged_too = _vectors(batch, *outputs)
        scored = ~(null_too | ragged_too)
        values, scores = values[scored[good]], scores[good[scored]]
        null, ragged, good = null | null_too, (ragged | ragged_too) & ~(null | null_too), good & scored
    positions = np.arange(offset, offset + batch.num_rows, dtype=np.int64)
    extra: dict[str, Values] = {} if outputs is None else {"outputs": as_rows(scores)}
    for role, name in roles.items():
        column = plain(batch.column(name), name, role, where)
        extra[role] = column if good.all() else column[good]
    return Block(as_rows(values), positions[good], extra, positions[null], positions[ragged])


def plain(column: Any, name: str, role: str, where: str) -> Values:
    """A column beside the embeddings as a numpy array; nulls become None. Only epochs may be fractions."""
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.dictionary_decode() if pa.types.is_integer(kind) else column  # Arrow cannot decode string_view
    if pa.types.is_nested(kind) or (pa.types.is_floating(kind) and role != "epoch"):
        another = f", or name another one with {option(role)}" if role in ("id", "group", "label") else ""
        raise ColumnError(f"{where}: column {name!r} is {kind}; expected integers or text there: cast it{another}")
    if column.null_count or not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        try:
            return np.array(column.to_pylist(), dtype=object)
        except UnicodeDecodeError as error:
            raise ColumnError(
                f"{where}: column {name!r}: expected text in UTF-8, found other bytes ({error})"
            ) from error
    return _raw(column)


def widths(batches: Iterable[Any], candidate: Candidate, where: str) -> list[int]:
    """How many numbers rows hold, in the first batch where any do: in order, each once; none when all are null."""
    import pyarrow.compute as pc

    if candidate.d:
        return [candidate.d]
    empty = False
    for batch in batches:
        lengths = _raw(pc.list_value_length(_storage(batch.column(candidate.name))).drop_null()).tolist()
        if any(lengths):
            return [length for length in dict.fromkeys(lengths) if length]
        empty = empty or bool(lengths)
    if empty:
        raise ColumnError(f"{where}: column {candidate.name!r}: expected rows of numbers, found only empty lists")
    return []


def _storage(column: Any) -> Any:
    import pyarrow as pa

    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


def _vectors(batch: Any, candidate: Candidate, d: int) -> tuple[Values, NDArray[np.bool_], NDArray[np.bool_]]:
    """Whole rows (m, d), and which of the batch's rows are null (or hold a null) and which are ragged."""
    if candidate.run:
        return _wide(batch, candidate)
    column = _storage(batch.column(candidate.name))
    counts, holes = _numbers(column, candidate.shape)
    null = ~_mask(column) | holes
    ragged = ~null & (counts != d)
    if null.any() or ragged.any():
        column = _only(column, ~(null | ragged))
    while _nested(column.type):
        column = column.flatten()  # without nulls this respects slices, and drops nothing
    rows = _raw(column).reshape(-1, d)
    if column.null_count == 0:
        return rows, null, ragged
    whole = _mask(column).reshape(-1, d).all(axis=1)
    null[np.flatnonzero(~(null | ragged))[~whole]] = True
    return rows[whole], null, ragged


def _raw(column: Any) -> Values:
    """Numbers or booleans as they lie in memory, anything where they are null. Arrow's to_numpy would import pandas."""
    import pyarrow as pa

    start, count, buffer = column.offset, len(column), column.buffers()[1] or b""
    if pa.types.is_boolean(column.type):
        first, last = start // 8, -(-(start + count) // 8)
        bits = np.unpackbits(np.frombuffer(buffer, np.uint8, last - first, first), bitorder="little")
        return bits[start % 8 : start % 8 + count].astype(bool)
    dtype = np.dtype(dtype_name(column.type))
    return np.frombuffer(buffer, dtype, count, start * dtype.itemsize) if count else np.empty(0, dtype)


def _nested(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _mask(column: Any) -> NDArray[np.bool_]:
    """Which entries are there."""
    if column.null_count == 0:
        return np.ones(len(column), bool)
    return _raw(column.is_valid())


def _only(column: Any, keep: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    bits = pa.py_buffer(np.packbits(keep, bitorder="little"))  # pa.array would import pandas
    return column.filter(pa.Array.from_buffers(pa.bool_(), len(keep), [None, bits]))


def _numbers(column: Any, shape: tuple[int, ...] | None) -> tuple[Index, NDArray[np.bool_]]:
    """How many numbers each entry of a list column holds, null vectors counting none, and which hold such vectors."""
    import pyarrow as pa
    import pyarrow.compute as pc

    valid = _mask(column)
    if pa.types.is_fixed_size_list(column.type):
        lengths = np.where(valid, column.type.list_size, 0)
    else:
        lengths = np.where(valid, _raw(pc.list_value_length(column)), 0).astype(np.int64)
    if not _nested(column.type.value_type):
        return lengths, np.zeros(len(column), bool)
    vectors = (column if valid.all() else _only(column, valid)).flatten()
    inner, holes = _numbers(vectors, shape[1:] if shape else None)
    if shape and len(shape) > 1:  # 3 x 2 is not 2 x 3, though both are 6 numbers
        inner = np.where(inner == np.prod(shape[1:]), inner, -(1 << 40))
    ends = np.cumsum(lengths)
    numbers, missing = (np.concatenate([[0], np.cumsum(x)]) for x in (inner, holes | ~_mask(vectors)))
    return numbers[ends] - numbers[ends - lengths], missing[ends] > missing[ends - lengths]


def _wide(batch: Any, candidate: Candidate) -> tuple[Values, NDArray[np.bool_], NDArray[np.bool_]]:
    """One column per dimension; a row with a null in any of them is null."""
    null = np.zeros(batch.num_rows, bool)
    dtype = np.dtype(candidate.dtype)
    rows = np.empty((batch.num_rows, len(candidate.fields)), dtype)
    for j, name in enumerate(candidate.fields):
        column = batch.column(name)
        if column.null_count:
            null |= ~_mask(column)
        rows[:, j] = _raw(column)
    return rows[~null] if null.any() else rows, null, np.zeros(batch.num_rows, bool)


def output_column(outputs: Candidate, classes: int) -> OutputColumn:
    """What is to be known of a column of class scores."""
    return OutputColumn(outputs.name, "probabilities" if holds_probabilities(outputs) else "logits", classes)


def roles_of(schema: Any, chosen: Columns, embedding: Candidate) -> dict[str, str]:
    """Which columns to read beside the embeddings: those named by options, and `id` and `epoch` where they exist."""
    roles = {}
    if chosen.id or ("id" in schema.names and "id" not in embedding.fields):
        roles["id"] = chosen.id or "id"
    if chosen.group:
        roles["group"] = chosen.group
    for role, usual in (("label", LABELS), ("domain", ("domain",))):
        name = getattr(chosen, role)
        if name == AUTO:
            name = next((n for n in usual if n in schema.names and n not in embedding.fields), None)
        if name:
            roles[role] = name
    if "epoch" in schema.names and "epoch" not in (*chosen.named, *embedding.fields):
        roles["epoch"] = "epoch"
    return roles
