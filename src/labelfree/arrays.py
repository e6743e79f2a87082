"""The array types used throughout, and the only validation of arrays that live in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.errors import ArrayError, in_short

Float: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.floating[Any]]
"""(m, d) rows as they are read: float32 or float64."""
Index: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]


_MADE_REAL = {
    "c": "take the real part, or absolute values", "b": "convert it to floating numbers", "V": "take one field of it",
}  # fmt: skip


def unreal(dtype: np.dtype[Any]) -> str | None:
    """What an array of this dtype is where real numbers are expected, and the way out; None where it holds them."""
    if dtype.kind in "fiu":
        return None
    return f"expected real numbers, found dtype {dtype}; {_MADE_REAL.get(dtype.kind, 'convert it to numbers')}"


def as_rows(values: NDArray[Any]) -> Rows:
    """(m, d) real numbers of any width as float32, or float64 where float32 could not hold them exactly."""
    if values.dtype == np.float64 or values.dtype == np.float32:
        return values
    if said := unreal(values.dtype):
        raise ArrayError(said)
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


def as_array(X: Any, name: str = "X", *, objects: str = "an array of numbers") -> NDArray[Any]:
    """What a user calls an array as one of numpy, or an ArrayError that names it.

    A tensor without its graph and its device, bfloat16 and float8 as float32, which holds them exactly; masked numbers
    as NaN. What would have to be made dense or whole first is refused with the way to do it. objects: what is expected
    where an object of another kind is found.
    """
    check_dense(X, name)
    try:
        if hasattr(X, "detach"):
            X = X.detach().cpu().resolve_conj().resolve_neg()
            X = X.float() if str(X.dtype).startswith(("torch.bfloat16", "torch.float8")) else X
        if isinstance(X, np.ma.MaskedArray):
            X = np.where(X.mask, np.nan, X.data) if np.any(X.mask) else X.data
        array = np.asarray(X)
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        raise ArrayError(
            f"{name}: expected an (n, d) matrix, rows of one length, found {type(X).__name__} ({in_short(error)}); "
            "give one dense array or tensor in memory"
        ) from error
    if array.dtype == object and array.ndim == 0:
        raise ArrayError(f"{name}: expected {objects}, found an object of type {type(X).__name__}")
    return array


def check_dense(X: Any, name: str = "X") -> None:
    """Refuse tensors and matrices that do not hold each of their numbers: sparse, quantized, nested, on no device."""
    found = ""
    if hasattr(X, "detach"):
        layout = str(getattr(X, "layout", "")).removeprefix("torch.")
        if getattr(X, "is_nested", False):
            found = "a nested tensor, whose rows have lengths of their own; pool each to one row of one length"
        elif getattr(X, "is_meta", False):
            found = "a tensor on the device meta, which holds none; load or compute it first"
        elif getattr(X, "is_quantized", False):
            found = "a quantized tensor; give its .dequantize()"
        elif hasattr(X, "full_tensor"):
            found = "a tensor that is spread over processes; give its .full_tensor(), or one process its own rows"
        elif layout not in ("strided", ""):
            found = f"a tensor of layout {layout}; give its .to_dense()"
    elif hasattr(X, "toarray") and hasattr(X, "nnz"):
        found = "a sparse matrix; give its .toarray()"
    if found:
        raise ArrayError(f"{name}: expected dense numbers, found {found}")


def matrix(X: Any, name: str = "X") -> Rows:
    """X as an (n, d) matrix of finite numbers, d >= 1, or an ArrayError that says what it is instead."""
    array = as_array(X, name)
    if array.ndim != 2:
        raise ArrayError(
            f"{name}: expected an (n, d) matrix, one row per item, found shape {array.shape}; "
            "reshape it, or pool token embeddings to one row per item first"
        )
    if array.shape[1] == 0:
        raise ArrayError(f"{name}: expected at least one column, found shape {array.shape}")
    if said := unreal(array.dtype):
        raise ArrayError(f"{name}: {said}")
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
