"""numpy files: .npy mapped from the disk, members of .npz read as a stream; never a pickle."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from labelfree.arrays import as_rows
from labelfree.errors import ArrayError, ColumnError, SourceError, UnsafeCheckpoint
from labelfree.sources.block import Block, Columns, Source, Values
from labelfree.sources.checkpoints import Tensor
from labelfree.sources.matrices import check_matrix, matrix_source, no_columns


def npy_source(name: str, files: list[Path], chosen: Columns) -> Source:
    """The rows of these .npy files, in this order, as one data set."""
    no_columns(name, chosen)
    arrays = [_mapped(file) for file in files]
    for file, array in zip(files, arrays, strict=True):
        check_matrix(array.shape, array.dtype, file.name)
        if array.shape[1] != arrays[0].shape[1]:
            raise ArrayError(
                f"{file.name}: expected {arrays[0].shape[1]} columns as in {files[0].name}, found {array.shape[1]}"
            )
    size = sum(file.stat().st_size for file in files)
    return matrix_source(arrays, name, files=tuple(map(str, files)), layout="npy", size=size)


def _mapped(file: Path) -> Values:
    layout: Any = np.lib.format
    try:
        array: np.memmap[Any, Any] = layout.open_memmap(file, mode="r")  # reads .npy only: no pickle, no archive
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, OverflowError, TokenError, SyntaxError) as error:
        if "Python objects" in str(error):
            raise UnsafeCheckpoint(
                f"{file}: holds Python objects, which only run code can read; save plain numbers with np.save"
            ) from error
        raise SourceError(f"{file}: expected a complete .npy file ({error}); it may be truncated") from error
    expected, held = array.offset + array.nbytes, file.stat().st_size
    if held != expected:
        raise SourceError(
            f"{file}: its header claims {expected} bytes, the file holds {held}; it is damaged, or holds several "
            "arrays: save each to a file of its own"
        )
    return array


def npz_source(name: str, file: Path, member: str | None, chosen: Columns) -> Source:
    """One array of an .npz file, named as file.npz::member when there are several."""
    no_columns(name, chosen)
    with _explained(file):
        found = _members(file)
    if member is None:
        usable = [key for key, (shape, dtype, _) in found.items() if len(shape) == 2 and dtype.kind in "fiu"]
        if not usable and any(dtype.hasobject for _, dtype, _ in found.values()):
            raise UnsafeCheckpoint(_objects(file))
        if len(usable) != 1:
            listed = ", ".join(f"{key} {shape} {dtype}" for key, (shape, dtype, _) in found.items())
            raise ColumnError(
                f"{file}: expected one matrix, found {len(usable)} among: {listed}; "
                f"choose one as {file}::{usable[0] if usable else 'name'}"
            )
        member = usable[0]
    if member not in found:
        raise ColumnError(f"{file}: no array {member!r}; it holds {', '.join(found)}")
    shape, dtype, fortran = found[member]
    if dtype.hasobject:
        raise UnsafeCheckpoint(_objects(file))
    check_matrix(shape, dtype, f"{file.name}::{member}")

    def read(rows: int) -> Iterator[Block]:
        with zipfile.ZipFile(file) as archive, archive.open(f"{member}.npy") as stream:
            _header(stream)
            if fortran:
                with _explained(file):
                    columns = np.frombuffer(stream.read(), dtype).reshape(shape[::-1])
                yield from matrix_source([columns.T], name).read(rows)
                return
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                with _explained(file):
                    part = np.frombuffer(stream.read(count * shape[1] * dtype.itemsize), dtype)
                yield Block(as_rows(part.reshape(count, -1)), np.arange(start, start + count, dtype=np.int64))

    return Source(
        name, (str(file),), member, f"npz<{dtype}>", str(dtype), shape[1], shape[0], file.stat().st_size, read
    )


def array_tensors(file: Path) -> dict[str, Tensor]:
    """The array of an .npy file under the name "", or all of an .npz file by name; not read yet."""
    if file.suffix.lower() == ".npy":
        array = _mapped(file)
        return {"": Tensor("", array.shape, array.dtype.name, file, partial(np.asarray, array))}
    with _explained(file):
        found = _members(file)
    if any(dtype.hasobject for _, dtype, _ in found.values()):
        raise UnsafeCheckpoint(_objects(file))

    def member(name: str) -> Values:
        with _explained(file), np.load(file, allow_pickle=False) as archive:
            return np.asarray(archive[name])

    return {
        name: Tensor(name, shape, dtype.name, file, partial(member, name)) for name, (shape, dtype, _) in found.items()
    }


def _members(file: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any], bool]]:
    """Shape, dtype and column order of every array, from the headers alone."""
    found = {}
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith(".npy"):
                continue
            with archive.open(entry) as stream:
                shape, fortran, dtype = _header(stream)
                held = entry.file_size - stream.tell()
            claimed = math.prod(shape) * dtype.itemsize
            if not dtype.hasobject and (claimed != held or min(shape, default=0) < 0):
                raise SourceError(
                    f"{file}: the header of {entry.filename} claims shape {shape}, {claimed} bytes, but the archive "
                    f"holds {held}; it is damaged or forged"
                )
            found[entry.filename.removesuffix(".npy")] = (shape, dtype, fortran)
    return found


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    layout: Any = np.lib.format
    reader = layout.read_array_header_1_0 if layout.read_magic(stream) == (1, 0) else layout.read_array_header_2_0
    shape, fortran, dtype = reader(stream)
    return tuple(map(int, shape)), fortran, dtype


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    damaged = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, TokenError, SyntaxError)
    try:
        yield
    except (OSError, RuntimeError, *damaged) as error:  # RuntimeError: encrypted, or compressed in an unknown way
        raise SourceError(
            f"{file}: expected a complete .npz file of numpy arrays ({error}); it may be truncated"
        ) from error


def _objects(file: Path) -> str:
    return f"{file}: holds Python objects, which only run code can read; save plain numbers with np.savez"
