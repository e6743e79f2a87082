"""A matrix that lies in a remote file, row after row: read some rows at a time, never as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfree.arrays import Rows
from labelfree.documents.stores.faults import copying
from labelfree.documents.stores.remote_file import RemoteFile, watched
from labelfree.errors import SourceError
from labelfree.sources.block import Block, Values


@dataclass(frozen=True, eq=False)
class StoredMatrix:
    """Numbers in a file from a byte on, with what of an array is asked before they are read."""

    file: RemoteFile
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return math.prod(self.shape) * self.dtype.itemsize

    def whole(self) -> Values:
        """All of its numbers, which are then in memory."""
        with watched(self.file), self.file.streamed(spans=[(self.offset, self.offset + self.nbytes)]) as stream:
            stream.seek(self.offset)
            values: Values = np.frombuffer(stream.read(self.nbytes), self.dtype).reshape(self.shape)
        return values

    def blocks(self, within: range, first: int, convert: Callable[[Values], Rows]) -> Iterator[Block]:
        """Blocks that begin at these of its rows, the first of which is row `first` of the data set."""
        width = self.shape[1]
        begin, end = (self.offset + row * width * self.dtype.itemsize for row in (within.start, within.stop))
        part = within.stop - within.start < len(self)
        with watched(self.file), self.file.streamed(spans=[(begin, end)] if part else ()) as stream:
            stream.seek(begin)
            for start in within:
                count = min(within.step, within.stop - start)
                content = stream.read(count * width * self.dtype.itemsize)
                values = np.frombuffer(content, self.dtype).reshape(count, width)
                yield Block(convert(values), np.arange(first + start, first + start + count, dtype=np.int64))


def in_memory(values: Values) -> Values:
    """Numbers as an array: those of a remote file are read, others are as they are."""
    return values.whole() if isinstance(values, StoredMatrix) else values


def stored_matrix(
    file: RemoteFile, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], *, fortran: bool = False
) -> Any:
    """A matrix in a remote file; refused where its columns lie one after another, since no row lies together then."""
    if fortran and len(shape) > 1:
        raise SourceError(
            f"{file}: its numbers lie column after column, so that rows cannot be read by ranges; save it with "
            f"np.ascontiguousarray, or copy it first: {copying(file.location)}"
        )
    return StoredMatrix(file, offset, shape, dtype)
