"""Arrow columns as rows of numbers, with every null and every odd length accounted for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, as_rows
from labelfree.errors import ColumnError
from labelfree.sources.block import Block, Columns, Values
from labelfree.sources.columns import Candidate


def block_of(batch: Any, candidate: Candidate, roles: dict[str, str], d: int, offset: int) -> Block:
    """A record batch whose first row is row `offset` of the data set."""
    values, null, ragged = _vectors(batch, candidate, d)
    good = ~(null | ragged)
    positions = np.arange(offset, offset + batch.num_rows, dtype=np.int64)
    extra = {}
    for role, name in roles.items():
        column = plain(batch.column(name), name)
        extra[role] = column if good.all() else column[good]
    return Block(as_rows(values), positions[good], extra, positions[null], positions[ragged])


def plain(column: Any, name: str) -> Values:
    """An id, group or epoch column as a numpy array; nulls become None."""
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_floating(kind):
        raise ColumnError(f"column {name!r} is {kind}; expected integers or text there")
    if column.null_count or not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        return np.array(column.to_pylist(), dtype=object)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def width(batch: Any, candidate: Candidate) -> int | None:
    """Numbers in the first row that is there, for layouts that do not fix it; None when all rows are null."""
    import pyarrow.compute as pc

    if candidate.d:
        return candidate.d
    lengths = pc.list_value_length(_storage(batch.column(candidate.name))).drop_null()
    return int(lengths[0].as_py()) if len(lengths) else None


def _storage(column: Any) -> Any:
    import pyarrow as pa

    return column.storage if isinstance(column.type, pa.BaseExtensionType) else column


def _vectors(batch: Any, candidate: Candidate, d: int) -> tuple[Values, NDArray[np.bool_], NDArray[np.bool_]]:
    """Whole rows (m, d), and which of the batch's rows are null (or hold a null) and which are ragged."""
    if candidate.run:
        return _wide(batch, candidate)
    column = _storage(batch.column(candidate.name))
    null = ~_mask(column)
    counts = _numbers(column, candidate.shape)
    ragged = ~null & (counts != d)
    if null.any() or ragged.any():
        column = _only(column, ~(null | ragged))
    while _nested(column.type):
        column = column.flatten()  # without nulls this respects slices, and drops nothing
    if column.null_count == 0:
        return column.to_numpy(zero_copy_only=False).reshape(-1, d), null, ragged
    whole = _mask(column).reshape(-1, d).all(axis=1)
    null[np.flatnonzero(~(null | ragged))[~whole]] = True
    return column.fill_null(0).to_numpy(zero_copy_only=False).reshape(-1, d)[whole], null, ragged


def _nested(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _mask(column: Any) -> NDArray[np.bool_]:
    """Which entries are there."""
    if column.null_count == 0:
        return np.ones(len(column), bool)
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _only(column: Any, keep: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return column.filter(pa.array(keep))


def _numbers(column: Any, shape: tuple[int, ...] | None) -> Index:
    """How many numbers each entry of a list column holds, null vectors counting none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    valid = _mask(column)
    if pa.types.is_fixed_size_list(column.type):
        lengths = np.where(valid, column.type.list_size, 0)
    else:
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    if not _nested(column.type.value_type):
        return lengths
    inner = _numbers((column if valid.all() else _only(column, valid)).flatten(), shape[1:] if shape else None)
    if shape and len(shape) > 1:  # 3 x 2 is not 2 x 3, though both are 6 numbers
        inner = np.where(inner == np.prod(shape[1:]), inner, -(1 << 40))
    ends = np.cumsum(lengths)
    numbers = np.concatenate([[0], np.cumsum(inner)])
    return np.asarray(numbers[ends] - numbers[ends - lengths])


def _wide(batch: Any, candidate: Candidate) -> tuple[Values, NDArray[np.bool_], NDArray[np.bool_]]:
    """One column per dimension; a row with a null in any of them is null."""
    null = np.zeros(batch.num_rows, bool)
    dtype = np.dtype(candidate.dtype)
    rows = np.empty((batch.num_rows, len(candidate.fields)), dtype)
    for j, name in enumerate(candidate.fields):
        column = batch.column(name)
        if column.null_count:
            null |= ~_mask(column.is_valid())
            column = column.fill_null(0)
        rows[:, j] = column.to_numpy(zero_copy_only=False)
    return rows[~null], null, np.zeros(batch.num_rows, bool)


def roles_of(schema: Any, chosen: Columns, embedding: Candidate) -> dict[str, str]:
    """Which columns to read beside the embeddings: those named by options, and `id` and `epoch` where they exist."""
    roles = {}
    if chosen.id or ("id" in schema.names and "id" not in embedding.fields):
        roles["id"] = chosen.id or "id"
    if chosen.group:
        roles["group"] = chosen.group
    if "epoch" in schema.names and "epoch" not in (*chosen.named, *embedding.fields):
        roles["epoch"] = "epoch"
    return roles
