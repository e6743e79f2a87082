"""Matrices without named columns: arrays in memory or mapped from a file."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from io import RawIOBase
from itertools import chain
from typing import Any

import numpy as np

from labelfree.arrays import Rows, as_rows, unreal
from labelfree.errors import ArrayError, ColumnError, SourceError
from labelfree.sources.arrays.stored import StoredMatrix
from labelfree.sources.block import Block, Columns, Source, Values, dtype_of
from labelfree.sources.row_groups import Amount, chosen_ranges


def check_matrix(shape: Sequence[int], dtype: np.dtype[Any], where: str) -> None:
    """Refuses what is not a matrix of real numbers."""
    if len(shape) != 2 or shape[1] == 0:
        raise ArrayError(
            f"{where}: expected an (n, d) matrix, one row per item, found shape {tuple(shape)}; "
            "reshape it, or pool token embeddings to one row per item first"
        )
    if said := unreal(dtype):
        raise ArrayError(f"{where}: {said}")


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
    amount: Amount | None = None,
) -> Source:
    """The rows of these matrices of one width, in this order; amount: of ranges of them, in place of all."""
    first = arrays[0]
    counts = tuple(len(array) for array in arrays)
    part = None if amount is None else chosen_ranges(counts, amount)

    def span(rows: int, start: int, stop: int) -> Iterator[Block]:
        offset = 0
        for array in arrays:
            within = range(max(start - offset, 0), min(stop - offset, len(array)), rows)
            if len(within):
                yield from _row_blocks(array, within, offset, convert)
            offset += len(array)

    dtype = dtype or dtype_of(str(array.dtype) for array in arrays)
    spans = ((0, sum(counts)),) if part is None else part.spans
    return Source(
        name, files, column, f"{layout}<{dtype}>", dtype, first.shape[1], sum(stop - start for start, stop in spans),
        size, lambda rows: chain.from_iterable(span(rows, *one) for one in spans), counts=counts, part=part, span=span,
    )  # fmt: skip


def _row_blocks(array: Any, within: range, offset: int, convert: Callable[[Values], Rows]) -> Iterator[Block]:
    """Blocks of a matrix that begin at these of its rows. Those of a mapped file are read, so that no pages stay in
    memory, and a file that is cut meanwhile is an error where a mapping would end the process; columns that lie apart
    are copied from the mapping.
    """
    mapping = getattr(array, "_mmap", None)
    if isinstance(array, StoredMatrix):
        yield from array.blocks(within, offset, convert)
        return
    with open(array.filename, "rb", buffering=0) if _is_the_file(array) else nullcontext() as file:
        for start in within:
            part = array[start : min(start + within.step, within.stop)]
            if file is not None:
                values = _read(file, array, start, part.shape)
            else:
                values = np.ascontiguousarray(part) if mapping is None else np.array(part, order="C")
            yield Block(convert(values), np.arange(offset + start, offset + start + len(part), dtype=np.int64))
            if file is None and isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                mapping.madvise(mmap.MADV_DONTNEED)


def _is_the_file(array: Any) -> bool:
    """Whether an array is a mapping of consecutive rows of a file, unchanged and no part of another."""
    mapped = isinstance(array, np.memmap) and array.mode == "r" and array.filename is not None
    return mapped and isinstance(array.base, mmap.mmap) and array.flags.c_contiguous


def _read(file: RawIOBase, array: Any, start: int, shape: tuple[int, ...]) -> Values:
    """Rows of a mapped matrix, from its file."""
    values: Values = np.empty(shape, array.dtype)
    octets: Any = values.reshape(-1).view(np.uint8)
    left = memoryview(octets)
    file.seek(array.offset + start * array.strides[0])
    while left:
        if not (count := file.readinto(left)):
            raise SourceError(
                f"{array.filename}: ended while it was read; it was cut or written anew: measure it again"
            )
        left = left[count:]
    return values
