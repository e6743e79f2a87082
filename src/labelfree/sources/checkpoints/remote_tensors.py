"""The header of a safetensors file in a store, with the checks that the safetensors library makes of a local one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.documents.reading import parsed
from labelfree.documents.stores.remote_file import RemoteFile
from labelfree.errors import SourceError, in_short
from labelfree.sources.arrays.stored import stored_matrix
from labelfree.sources.block import Values
from labelfree.sources.tensor import Tensor

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}  # fmt: skip
"""How numpy spells the types of numbers that are read, by their code in safetensors."""
_MOST_HEADER = 100_000_000
"""Bytes of a header, as the safetensors library has it."""


def number_type(code: str) -> str:
    """The name of the type of numbers with this code in safetensors; the code itself where they are not read."""
    return "bfloat16" if code == "BF16" else str(np.dtype(DTYPES[code])) if code in DTYPES else code


def remote_tensors(file: RemoteFile) -> dict[str, Tensor]:
    """Every tensor of a safetensors file in a store, not read yet."""
    try:
        start, header = _header(file)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{file}: expected a complete safetensors file ({in_short(error)}); it may be truncated"
        ) from error
    found = {}
    for name, (code, shape, begin) in header.items():
        dtype = number_type(code)
        found[name] = Tensor(name, shape, dtype, file, _loader(file, code, shape, start + begin, name))
    return found


def _header(file: RemoteFile) -> tuple[int, dict[str, tuple[str, tuple[int, ...], int]]]:
    """Where the numbers begin, and of each tensor its type, shape and place; ValueError where they cannot be."""
    size = file.stat().st_size
    length = int.from_bytes(file.read_at(0, 8), "little")
    if size < 8 or length > min(size - 8, _MOST_HEADER):
        raise ValueError(f"its header claims {length:,} bytes, the file holds {size:,}")
    document = parsed(file.read_at(8, length).decode(), unique=True)
    document.pop("__metadata__", None)
    found, spans = {}, []
    for name, entry in document.items():
        code, shape, (begin, end) = str(entry["dtype"]), tuple(entry["shape"]), entry["data_offsets"]
        if any(type(n) is not int or n < 0 for n in (*shape, begin, end)):
            raise ValueError(f"the tensor {name!r} claims shape {shape} at {begin} to {end}")
        if code in DTYPES and math.prod(shape) * np.dtype(DTYPES[code]).itemsize != end - begin:
            raise ValueError(f"the tensor {name!r} claims {code} of shape {shape} in {end - begin:,} bytes")
        found[name] = code, shape, begin
        spans.append((begin, end))
    at = 0
    for begin, end in sorted(spans):
        if begin != at or end < begin:
            raise ValueError("its tensors overlap, or leave gaps")
        at = end
    if 8 + length + at != size:
        raise ValueError(f"its tensors end at byte {8 + length + at:,}, the file at {size:,}")
    return 8 + length, found


def _loader(file: RemoteFile, code: str, shape: tuple[int, ...], offset: int, name: str) -> Callable[[], Values]:
    def load() -> Values:
        if code not in DTYPES:
            raise SourceError(unreadable(file, name, code))
        found: Any = stored_matrix(file, offset, shape, np.dtype(DTYPES[code]))
        return found  # type: ignore[no-any-return]

    return load


def unreadable(path: Path | RemoteFile, name: str, found: str) -> str:
    """What to say of a tensor of other numbers than are read."""
    return f"{path.name}::{name}: expected real numbers of 8 to 64 bits, dense, found {found}; save it as float32"
