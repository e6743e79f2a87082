"""Arrays as data: .npy and .npz files, and vectors or tensors in the columns of tables."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index
from labelfree.documents.stores.remote_file import File
from labelfree.errors import ArrayError, SourceError, UsageError
from labelfree.models.items.batches import Bad, Chunk, Data, Wish
from labelfree.models.items.content_hash import content_hash
from labelfree.models.items.kinds import ITEMS
from labelfree.models.items.table_files import TableFile
from labelfree.sources.arrays.numpy_files import array_tensors
from labelfree.sources.tables.arrow import block_of
from labelfree.sources.tables.columns import Candidate

_NUMBERS = 1 << 20


def array_data(name: str, file: Path, wish: Wish, on_bad: Literal["error", "drop"]) -> Data:
    """The rows of the array of an .npy file, or of the only array of an .npz file, of any number of dimensions."""
    if wish.kind not in (None, "array"):
        raise UsageError(
            f"{name}: expected {ITEMS[wish.kind]}, found a file of arrays; name a file or directory of them"
        )
    if wish.named:
        raise UsageError(f"{name}: an array has no columns, but {wish.named[0]!r} was asked for; leave the option out")
    found = array_tensors(file)
    if len(found) != 1:
        listed = ", ".join(f"{key} {one.shape}" for key, one in found.items())
        raise SourceError(f"{name}: expected one array, found {listed or 'none'}; save the one to embed with np.save")
    tensor = next(iter(found.values()))
    if len(tensor.shape) < 2 or 0 in tensor.shape[1:] or not tensor.dtype.startswith(("float", "int", "uint")):
        raise ArrayError(
            f"{name}: expected numbers of shape (n, ...), one row per item, found {tensor.dtype} of shape "
            f"{tensor.shape}; reshape or convert the array first"
        )
    if not tensor.shape[0]:
        raise SourceError(f"{name}: expected rows to embed, found an array of shape {tensor.shape}")
    rows = max(1, _NUMBERS // int(np.prod(tensor.shape[1:])))

    def chunks(start: int) -> Iterator[Chunk]:
        array = tensor.load()
        mapping = getattr(array.base, "_mmap", None)
        for row in range(start, len(array), rows):
            yield _chunk(row, array[row : row + rows], None)
            if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                mapping.madvise(mmap.MADV_DONTNEED)

    return Data(
        name=name,
        files=(str(file),),
        kind="array",
        column="",
        total=tensor.shape[0],
        ids=False,
        kept=(),
        fingerprint=content_hash([file], ("array",)),
        chunks=chunks,
        on_bad=on_bad,
    )


def vector_chunks(
    part: TableFile, vector: Candidate, d: int, beside: dict[str, str], skip: int, offset: int
) -> Iterator[Chunk]:
    """The vectors of a file from row `skip` on, d numbers each; its row 0 is row `offset` of the data."""
    rows, row = max(1, _NUMBERS // d), offset + skip
    tables = _Rows(part.file, part.batches([], list(beside.values()), rows, skip)) if beside else None
    for batch in part.batches([vector], vector.fields, rows, skip):
        block = block_of(batch, vector, {}, d, row, str(part.file))
        table = None
        if tables is not None:
            table = tables.next(batch.num_rows).select(list(beside.values())).rename_columns(list(beside))
        bad = [
            Bad(what, len(at), int(at[0])) for what, at in
            (("are null or hold a null", block.null), (f"do not hold {d} numbers", block.ragged)) if len(at)
        ]  # fmt: skip
        values = block.rows.reshape(len(block.rows), *vector.shape) if vector.shape else block.rows
        yield _chunk(row, values, table, batch.num_rows, block.index, bad)
        row += batch.num_rows


def _chunk(
    row: int, values: NDArray[Any], beside: Any, count: int = 0, index: Index | None = None, bad: Sequence[Bad] = ()
) -> Chunk:
    """Rows as float32; those with NaN or infinity are bad. index: their positions, unless all follow row `row`."""
    with np.errstate(over="ignore"):
        items = np.array(values, np.float32, order="C")
    index = row + np.arange(len(items), dtype=np.int64) if index is None else index
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(items).all(axis=tuple(range(1, items.ndim))))
    found = list(bad)
    if not finite.all():
        found.append(Bad("hold NaN or infinity", int((~finite).sum()), int(index[int(np.argmin(finite))])))
        items, index = items[finite], index[finite]
    count = count or len(finite)
    if beside is not None and len(index) < count:
        beside = beside.take(index - row)
    return Chunk(row, count, items, index, beside, tuple(found))


class _Rows:
    """Tables of as many rows as asked for, from batches of any size."""

    def __init__(self, file: File, found: Iterator[Any]) -> None:
        self._file, self._found, self._held, self._rows = file, found, list[Any](), 0

    def next(self, count: int) -> Any:
        """The next `count` rows."""
        import pyarrow as pa

        while self._rows < count:
            batch = next(self._found, None)
            if batch is None:
                raise SourceError(f"{self._file}: its columns hold different numbers of rows; the file is damaged")
            self._held.append(pa.Table.from_batches([batch]))
            self._rows += self._held[-1].num_rows
        whole = pa.concat_tables(self._held)
        self._held, self._rows = [whole.slice(count)], self._rows - count
        return whole.slice(0, count)
