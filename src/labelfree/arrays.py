"""The array types used throughout, and the only validation of arrays that live in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.errors import ArrayError

Float: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.floating[Any]]
"""(m, d) rows as they are read: float32 or float64."""
Index: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]


def as_rows(values: NDArray[Any]) -> Rows:
    """(m, d) real numbers of any width as float32, or float64 where float32 could not hold them exactly."""
    if values.dtype == np.float64 or values.dtype == np.float32:
        return values
    if values.dtype.kind not in "fiu":
        raise ArrayError(f"expected real numbers, found dtype {values.dtype}")
    small = values.dtype.itemsize <= (4 if values.dtype.kind == "f" else 2)
    return values.astype(np.float32 if small else np.float64)


def positions(keys: Keys, among: Keys) -> Index:
    """Where each of the keys (n,) stands in `among` (m,), which holds each once; -1 where it does not."""
    order = np.argsort(among)
    ordered = among[order]
    first = np.searchsorted(ordered, keys)
    there = np.searchsorted(ordered, keys, side="right") > first
    found = np.full(len(keys), -1, np.int64)
    found[there] = order[first[there]]
    return found


def as_array(X: Any) -> NDArray[Any]:
    """What a user calls an array as one of numpy: bfloat16 as float32, a tensor without its graph and its device."""
    if hasattr(X, "detach"):
        X = X.detach().cpu()
        X = X.float() if str(X.dtype) == "torch.bfloat16" else X
    return np.asarray(X)


def matrix(X: Any, name: str = "X") -> Rows:
    """X as an (n, d) matrix of finite numbers, d >= 1, or an ArrayError that says what it is instead."""
    array = as_array(X)
    if array.ndim != 2:
        raise ArrayError(
            f"{name}: expected an (n, d) matrix, one row per item, found shape {array.shape}; "
            "reshape it, or pool token embeddings to one row per item first"
        )
    if array.shape[1] == 0:
        raise ArrayError(f"{name}: expected at least one column, found shape {array.shape}")
    rows = as_rows(array)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ArrayError(
            f"{name}: {len(bad)} of {len(rows)} rows hold NaN or infinity, first at row {bad[0]}; "
            "remove them, for instance X[np.isfinite(X).all(axis=1)]"
        )
    return np.ascontiguousarray(rows)


def blocks_of(rows: Rows, size: int = 1 << 21) -> Iterator[Rows]:
    """Consecutive blocks of at most `size` numbers."""
    step = max(1, size // max(rows.shape[1], 1))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
