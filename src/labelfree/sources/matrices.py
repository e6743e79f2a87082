"""Matrices without named columns: arrays in memory or mapped from a file."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from labelfree.arrays import Rows, as_rows
from labelfree.errors import ArrayError, ColumnError
from labelfree.sources.block import Block, Columns, Source, Values, dtype_of


def check_matrix(shape: Sequence[int], dtype: np.dtype[Any], where: str) -> None:
    """Refuses what is not a matrix of real numbers."""
    if len(shape) != 2 or shape[1] == 0:
        raise ArrayError(
            f"{where}: expected an (n, d) matrix, one row per item, found shape {tuple(shape)}; "
            "reshape it, or pool token embeddings to one row per item first"
        )
    if dtype.kind not in "fiu":
        raise ArrayError(f"{where}: expected real numbers, found dtype {dtype}")


def no_columns(name: str, chosen: Columns) -> None:
    """Refuses options that name columns where there are none."""
    wanted = sorted(chosen.named | ({chosen.embedding} if chosen.embedding else set()))
    if wanted:
        raise ColumnError(f"{name}: a plain matrix has no columns by name, but {wanted[0]!r} was asked for")


def matrix_source(
    arrays: Sequence[Values],
    name: str,
    *,
    files: tuple[str, ...] = (),
    column: str = "",
    layout: str = "matrix",
    dtype: str | None = None,
    size: int = 0,
    convert: Callable[[Values], Rows] = as_rows,
) -> Source:
    """The rows of these matrices of one width, in this order."""
    first = arrays[0]

    def read(rows: int) -> Iterator[Block]:
        offset = 0
        for array in arrays:
            yield from _row_blocks(array, rows, offset, convert)
            offset += len(array)

    dtype = dtype or dtype_of(str(array.dtype) for array in arrays)
    total = sum(len(array) for array in arrays)
    counts = tuple(len(array) for array in arrays)
    return Source(name, files, column, f"{layout}<{dtype}>", dtype, first.shape[1], total, size, read, counts=counts)


def _row_blocks(array: Values, rows: int, offset: int, convert: Callable[[Values], Rows]) -> Iterator[Block]:
    """Blocks of a matrix; mapped pages that were read are given back, so that memory stays bounded."""
    mapping = getattr(array, "_mmap", None)
    mapped = isinstance(mapping, mmap.mmap)
    for start in range(0, len(array), rows):
        part = array[start : start + rows]
        part = convert(np.array(part, order="C") if mapped else np.ascontiguousarray(part))
        yield Block(part, np.arange(offset + start, offset + start + len(part), dtype=np.int64))
        if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)
