"""PyTorch files in a store: the directory of the archive and its pickle are read, then the numbers of what is measured.

The checks are those of a file here; torch is not needed, since it would read all numbers at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from pickle import UnpicklingError
from typing import Any

import numpy as np

from labelfree.documents.stores.faults import copying
from labelfree.documents.stores.remote_file import RemoteFile, watched
from labelfree.errors import SourceError, UnsafeCheckpoint, in_short
from labelfree.sources.arrays.stored import stored_matrix
from labelfree.sources.block import Values
from labelfree.sources.checkpoints.claimed_tensors import Claimed, checked, claimed
from labelfree.sources.checkpoints.remote_tensors import DTYPES, number_type, unreadable
from labelfree.sources.guards.archives import Member, members
from labelfree.sources.guards.pickles import contents, unsafe
from labelfree.sources.tensor import Tensor

_MOST_PICKLE = 1 << 28
"""Bytes of the pickle of a file: its names and shapes, a hundred for each tensor."""
_STORED = {number_type(code): np.dtype(spelled) for code, spelled in DTYPES.items()}
"""Types of numbers that are read, by name, as they are stored."""
_DAMAGED = (UnpicklingError, ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, struct.error)


def remote_state(file: RemoteFile) -> tuple[Any, Callable[[str, Claimed], Tensor]]:
    """What a PyTorch file in a store holds, `Claimed` in place of its tensors; and one of them by its name."""
    with watched(file):
        found = contents(file)
        if found.foreign is not None:
            raise UnsafeCheckpoint(unsafe(file, found.foreign))
        held = members(file, "PyTorch file")
        top = next(iter(held)).partition("/")[0]
        _check_order(file, held.get(f"{top}/byteorder"))
        pickle = held[f"{top}/data.pkl"]
        if pickle.size > _MOST_PICKLE:
            raise SourceError(f"{file}: its pickle has {pickle.size:,} bytes beside the numbers; {_copy(file)}")
        content = file.read_at(pickle.start, pickle.size)
    try:
        state = claimed(content)
    except _DAMAGED as error:
        raise SourceError(
            f"{file}: expected a complete PyTorch file ({in_short(error)}); it may be damaged: save or copy it again"
        ) from error
    return state, partial(_tensor, file, held, top)


def _check_order(file: RemoteFile, member: Member | None) -> None:
    """Refuse numbers whose bytes are the other way round."""
    order = b"little" if member is None else file.read_at(member.start, min(member.size, 16))
    if order != b"little":
        raise SourceError(f"{file}: expected numbers with the lowest byte first, found {order!r}; {_copy(file)}")


def _tensor(file: RemoteFile, held: dict[str, Member], top: str, name: str, one: Claimed) -> Tensor:
    """A tensor that is read by ranges; refused at once where it claims what the file does not hold."""
    if one.storage is None or one.dtype not in _STORED:
        return Tensor(name, one.shape, one.dtype, file, partial(_refused, file, name, one.dtype))
    dtype, member = _STORED[one.dtype], held.get(f"{top}/data/{one.storage.key}")
    try:
        one = checked(one, 0 if member is None else member.size, dtype.itemsize)
    except ValueError as error:
        raise SourceError(f"{file}: its pickle is damaged or forged: {error}; save or copy it again") from error
    start = 0 if member is None else member.start + one.offset * dtype.itemsize

    def load() -> Values:
        if not one.packed:
            raise SourceError(
                f"{file.name}::{name}: its numbers do not lie row after row, so that rows cannot be read by ranges; "
                f"save it with .contiguous(), or {_copy(file)}"
            )
        matrix: Any = stored_matrix(file, start, one.shape, dtype)
        return matrix  # type: ignore[no-any-return]

    return Tensor(name, one.shape, one.dtype, file, load)


def _refused(file: RemoteFile, name: str, dtype: str) -> Values:
    raise SourceError(unreadable(file, name, dtype))


def _copy(file: RemoteFile) -> str:
    return f"copy it first: {copying(file.location)}"
