"""numpy files: .npy mapped from the disk, members of .npz read as a stream; never a pickle."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from tokenize import TokenError
from typing import IO, Any

import numpy as np

from labelfree.arrays import as_rows
from labelfree.documents.files import check_regular
from labelfree.documents.stores.remote_file import File, RemoteFile, side_by_side, watched
from labelfree.errors import ArrayError, ColumnError, SourceError, UnsafeCheckpoint, in_short
from labelfree.sources.arrays.matrices import check_matrix, matrix_source, no_columns
from labelfree.sources.arrays.stored import in_memory, stored_matrix
from labelfree.sources.block import Block, Columns, Source, Values
from labelfree.sources.guards.archives import DAMAGED, Member, check_unpacked, members
from labelfree.sources.row_groups import refuse_part
from labelfree.sources.tensor import Tensor

_LONGEST_HEADER = 10_000
"""Bytes of the header of an array, which numpy reads as a Python literal."""
_DAMAGED = (*DAMAGED, TypeError, TokenError, SyntaxError)


def npy_source(name: str, files: list[File], chosen: Columns) -> Source:
    """The rows of these .npy files, in this order, as one data set."""
    no_columns(name, chosen)
    arrays = list(side_by_side(_mapped, files))
    for file, array in zip(files, arrays, strict=True):
        check_matrix(array.shape, array.dtype, file.name)
        if array.shape[1] != arrays[0].shape[1]:
            raise ArrayError(
                f"{file.name}: expected {arrays[0].shape[1]} columns as in {files[0].name}, found {array.shape[1]}"
            )
    size = sum(file.stat().st_size for file in files)
    return matrix_source(
        arrays, name, files=tuple(map(str, files)), layout="npy", size=size, amount=chosen.amount
    )  # fmt: skip


def _mapped(file: File) -> Values:
    check_regular(file)
    try:
        with file.open("rb", buffering=0 if isinstance(file, RemoteFile) else -1) as stream:
            shape, fortran, dtype = _header(stream)
            offset = stream.tell()
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror or error})") from error
    except _DAMAGED as error:
        raise SourceError(_incomplete(file, ".npy file", error)) from error
    if dtype.hasobject:
        raise UnsafeCheckpoint(
            f"{file}: holds Python objects, which only run code can read; save plain numbers with np.save"
        )
    if not dtype.itemsize:
        raise SourceError(_incomplete(file, ".npy file", f"numbers of no bytes, dtype {dtype}"))
    expected, held = offset + math.prod(shape) * dtype.itemsize, file.stat().st_size
    if held < expected:
        raise SourceError(_incomplete(file, ".npy file", f"its header claims {expected} bytes, the file holds {held}"))
    if held > expected:
        raise SourceError(
            f"{file}: its header claims {expected} bytes, the file holds {held}; it is damaged, or holds several "
            "arrays: save each to a file of its own"
        )
    try:
        if held == offset:
            return np.empty(shape, dtype)
        if isinstance(file, RemoteFile):
            matrix: Values = stored_matrix(file, offset, shape, dtype, fortran=fortran)
            return matrix
        return np.memmap(file, dtype, "r", offset, shape, "F" if fortran else "C")
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise SourceError(_incomplete(file, ".npy file", error)) from error


def npz_source(name: str, file: File, member: str | None, chosen: Columns) -> Source:
    """One array of an .npz file, named as file.npz::member when there are several."""
    no_columns(name, chosen)
    refuse_part(str(file), chosen.amount, "an array in an .npz, which is read from its start", "save it as .npy")
    found = _arrays(file)
    if member is None:
        usable = [key for key, array in found.items() if len(array.shape) == 2 and array.dtype.kind in "fiu"]
        if not usable and any(array.dtype.hasobject for array in found.values()):
            raise UnsafeCheckpoint(_objects(file))
        if len(usable) != 1:
            listed = ", ".join(f"{key} {array.shape} {array.dtype}" for key, array in found.items())
            raise ColumnError(
                f"{file}: expected one matrix, found {len(usable)} among: {listed}; "
                f"choose one as {file}::{usable[0] if usable else 'name'}"
            )
        member = usable[0]
    if member not in found:
        raise ColumnError(f"{file}: no array {member!r}; it holds {', '.join(found)}")
    shape, dtype, fortran = found[member].shape, found[member].dtype, found[member].fortran
    if dtype.hasobject:
        raise UnsafeCheckpoint(_objects(file))
    check_matrix(shape, dtype, f"{file.name}::{member}")
    check_unpacked(file, found[member].member, (math.prod(shape) if fortran else shape[1]) * dtype.itemsize)

    def read(rows: int) -> Iterator[Block]:
        with watched(file), _archive(file) as archive, archive.open(f"{member}.npy") as stream:
            if _header(stream) != (shape, fortran, dtype):
                raise SourceError(f"{file}: holds another array than when it was opened; measure it again")
            if fortran:
                columns = _numbers(file, stream, math.prod(shape), dtype).reshape(shape[::-1])
                yield from matrix_source([columns.T], name).read(rows)
                return
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                part = _numbers(file, stream, count * shape[1], dtype)
                yield Block(as_rows(part.reshape(count, -1)), np.arange(start, start + count, dtype=np.int64))

    return Source(
        name, (str(file),), member, f"npz<{dtype}>", str(dtype), shape[1], shape[0], file.stat().st_size, read
    )


def array_tensors(file: File) -> dict[str, Tensor]:
    """The array of an .npy file under the name "", or all of an .npz file by name; not read yet."""
    if file.suffix.lower() == ".npy":
        array = _mapped(file)
        read = partial(in_memory, array) if isinstance(file, RemoteFile) else partial(np.asarray, array)
        return {"": Tensor("", array.shape, array.dtype.name, file, read)}
    found = _arrays(file)
    if any(array.dtype.hasobject for array in found.values()):
        raise UnsafeCheckpoint(_objects(file))

    def member(name: str) -> Values:
        array = found[name]
        check_unpacked(file, array.member, array.member.size)
        with _archive(file) as archive, archive.open(array.member.name) as stream:
            _header(stream)
            values = _numbers(file, stream, math.prod(array.shape), array.dtype)
            return values.reshape(array.shape, order="F" if array.fortran else "C")

    return {
        name: Tensor(name, array.shape, array.dtype.name, file, partial(member, name)) for name, array in found.items()
    }


@dataclass(frozen=True)
class _Array:
    """What the header of an array says, and the member of the archive that holds it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    member: Member


def _arrays(file: File) -> dict[str, _Array]:
    """Every array of an .npz file by name, from the headers alone."""
    found = {}
    check_regular(file)
    entries = {
        name: entry for name, entry in members(file, ".npz file of numpy arrays").items() if name.endswith(".npy")
    }
    with _archive(file) as archive:
        for name, entry in entries.items():
            with archive.open(name) as stream:
                shape, fortran, dtype = _header(stream)
                held = entry.size - stream.tell()
            claimed = math.prod(shape) * dtype.itemsize
            if not dtype.hasobject and claimed != held:
                raise SourceError(
                    f"{file}: the header of {name} claims shape {shape}, {claimed} bytes, but the archive "
                    f"holds {held}; it is damaged or forged"
                )
            found[name.removesuffix(".npy")] = _Array(shape, dtype, fortran, entry)
    return found


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, column order and dtype of an array, from a stream that is left at its first number."""
    layout: Any = np.lib.format
    version = layout.read_magic(stream)
    prefix = stream.read(2 if version == (1, 0) else 4)
    length = int.from_bytes(prefix, "little")
    if version > (3, 0) or length > _LONGEST_HEADER:
        raise ValueError(f"version {version[0]}.{version[1]}, a header of {length} bytes")
    reader = layout.read_array_header_1_0 if version == (1, 0) else layout.read_array_header_2_0
    try:
        shape, fortran, dtype = reader(BytesIO(prefix + stream.read(length)))
    except (MemoryError, RecursionError):  # of the parser
        raise ValueError("its header is nested too deep") from None
    if min(shape, default=0) < 0 or any(type(n) is not int for n in shape):
        raise ValueError(f"its header claims shape {shape}")
    return shape, fortran, dtype


def _numbers(file: File, stream: IO[bytes], count: int, dtype: np.dtype[Any]) -> Values:
    """The next numbers of a stream."""
    with _explained(file):
        content = stream.read(count * dtype.itemsize)
        if len(content) < count * dtype.itemsize:
            raise EOFError("an array ends early")
        return np.frombuffer(content, dtype, count)


@contextmanager
def _archive(file: File) -> Iterator[zipfile.ZipFile]:
    with _explained(file), file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        yield archive


@contextmanager
def _explained(file: File) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror or error})") from error
    except (zlib.error, *_DAMAGED) as error:
        raise SourceError(_incomplete(file, ".npz file of numpy arrays", error)) from error


def _incomplete(file: File, expected: str, error: Exception | str) -> str:
    return f"{file}: expected a complete {expected} ({in_short(error)}); it may be truncated"


def _objects(file: File) -> str:
    return f"{file}: holds Python objects, which only run code can read; save plain numbers with np.savez"
