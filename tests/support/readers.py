"""What the tests of the readers share: layouts of rows with known defects, and all blocks of a source joined."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelfree.sources.block import Source

READ_SIZES = (1, 3, 7)


@dataclass(frozen=True)
class Joined:
    """All blocks of a source: `extra["id"][i]` names the row `rows[i]`, which is row `index[i]` of the data set."""

    rows: NDArray[Any]
    index: NDArray[np.int64]
    null: list[int]
    ragged: list[int]
    extra: dict[str, list[Any]]


def joined(source: Source, size: int = 7) -> Joined:
    """Reads the source; every row must be accounted for once, in order, in blocks no larger than asked for."""
    blocks = list(source.read(size))
    seen: list[int] = []
    for block in blocks:
        positions = sorted([*block.index.tolist(), *block.null.tolist(), *block.ragged.tolist()])
        assert len(positions) <= size
        seen += positions
        assert block.rows.shape[0] == len(block.index)
        assert block.rows.dtype in (np.float32, np.float64)
        assert all(len(values) == len(block.index) for values in block.extra.values())
        assert set(block.extra) == set(source.roles)
    assert seen == list(range(source.total))
    return Joined(
        rows=np.concatenate([block.rows for block in blocks]) if blocks else np.empty((0, source.d)),
        index=np.concatenate([np.empty(0, np.int64), *(block.index for block in blocks)]),
        null=[i for block in blocks for i in block.null.tolist()],
        ragged=[i for block in blocks for i in block.ragged.tolist()],
        extra={role: [v for block in blocks for v in block.extra[role].tolist()] for role in source.roles},
    )


@dataclass(frozen=True)
class Layout:
    """A way to store rows: the Arrow columns of rows of `width` numbers given as nested Python lists."""

    columns: Callable[[list[Any]], dict[str, Any]]
    width: int
    ragged: bool = False
    vectors: int = 0
    metadata: dict[str, str] | None = None

    def table(self, rows: list[Any], **others: Any) -> pa.Table:
        """The rows as an Arrow table, beside other columns."""
        return pa.table({**self.columns(rows), **others}).replace_schema_metadata(self.metadata)


class Evil:
    """Makes a directory when it is unpickled: proof that something was run."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.proof),)


def column(kind: Any) -> Callable[[list[Any]], dict[str, Any]]:
    """One column of this Arrow type, named `emb`."""
    return lambda rows: {"emb": pa.array(rows, kind)}


def tensor_column(rows: list[Any]) -> dict[str, Any]:
    """A fixed_shape_tensor column, null rows and elements included."""
    storage = pa.array(rows, pa.list_(pa.float32(), 6))
    return {"emb": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), (2, 3)), storage)}


def wide_columns(rows: list[Any]) -> dict[str, Any]:
    """One column per dimension, in the order of the alphabet: emb_10 before emb_9. A null row is null in each."""
    names = sorted(f"emb_{j}" for j in range(12))
    values = {f"emb_{j}": [None if row is None else row[j] for row in rows] for j in range(12)}
    return {name: pa.array(values[name], pa.float32()) for name in names}


HF_ARRAY2D = {
    "huggingface": '{"info": {"features": {"emb": {"shape": [2, 3], "dtype": "float32", "_type": "Array2D"}}}}'
}

LAYOUTS = {
    "list": Layout(column(pa.list_(pa.float32())), 6, ragged=True),
    "list float16": Layout(column(pa.list_(pa.float16())), 6, ragged=True),
    "large_list": Layout(column(pa.large_list(pa.float64())), 6, ragged=True),
    "fixed_size_list": Layout(column(pa.list_(pa.float32(), 6)), 6),
    "fixed_size_list of fixed_size_list": Layout(column(pa.list_(pa.list_(pa.float32(), 3), 2)), 6, vectors=3),
    "Array2D": Layout(column(pa.list_(pa.list_(pa.float32()))), 6, ragged=True, vectors=3, metadata=HF_ARRAY2D),
    "fixed_shape_tensor": Layout(tensor_column, 6),
    "one column per dimension": Layout(wide_columns, 12),
}


@dataclass(frozen=True)
class Damaged:
    """Rows of which some are null, hold a null or NaN, or are ragged; `X[i]` is row i where it is whole."""

    rows: list[Any]
    X: NDArray[np.float64]
    null: list[int]
    ragged: list[int]

    @property
    def good(self) -> list[int]:
        """The rows that can be read."""
        return [i for i in range(len(self.rows)) if i not in self.null and i not in self.ragged]


def damaged(layout: Layout, n: int = 23) -> Damaged:
    """Rows with every defect that the layout can hold, alone and side by side."""
    X = np.arange(n * layout.width, dtype=np.float64).reshape(n, layout.width)
    X[4, 1] = np.nan
    X[19] = np.inf
    rows: list[Any] = X.tolist()
    null = [0, 2, 3, 11, 13]
    rows[0] = rows[11] = rows[13] = None
    rows[2][layout.width - 1] = None
    rows[3] = [None] * layout.width
    ragged: list[int] = []
    if layout.vectors:
        rows = [row and [row[k : k + layout.vectors] for k in range(0, layout.width, layout.vectors)] for row in rows]
        rows[16][1] = None
        null.append(16)
    if layout.ragged and layout.vectors:
        rows[5] = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]  # as many numbers, of another shape
        rows[12] = [[1.0, 2.0, 3.0]]
        rows[22] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]
        ragged = [5, 12, 22]
    elif layout.ragged:
        rows[5], rows[12], rows[22] = [], [1.0, 2.0], [float(k) for k in range(9)]
        ragged = [5, 12, 22]
    return Damaged(rows, X, null, ragged)
