"""numpy files: .npy mapped from the disk, members of .npz read as a stream; never a pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from labelfree.arrays import as_rows
from labelfree.errors import ArrayError, ColumnError, SourceError, UnsafeCheckpoint
from labelfree.sources.block import Block, Columns, Source, Values
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
    try:
        return np.asanyarray(np.load(file, mmap_mode="r", allow_pickle=False))
    except ValueError as error:
        if "pickle" in str(error) or "object" in str(error).lower():
            raise UnsafeCheckpoint(
                f"{file}: holds Python objects, which only run code can read; save plain numbers with np.save"
            ) from error
        raise SourceError(f"{file}: expected a complete .npy file ({error}); it may be truncated") from error
    except (OSError, EOFError) as error:
        raise SourceError(f"{file}: cannot be read as .npy ({error})") from error


def npz_source(name: str, file: Path, member: str | None, chosen: Columns) -> Source:
    """One array of an .npz file, named as file.npz::member when there are several."""
    no_columns(name, chosen)
    found = _members(file)
    if member is None:
        usable = [key for key, (shape, dtype, _) in found.items() if len(shape) == 2 and dtype.kind in "fiu"]
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
    check_matrix(shape, dtype, f"{file.name}::{member}")

    def read(rows: int) -> Iterator[Block]:
        with zipfile.ZipFile(file) as archive, archive.open(f"{member}.npy") as stream:
            _header(stream, file)
            if fortran:
                rest = np.frombuffer(stream.read(), dtype).reshape(shape[::-1]).T
                yield from matrix_source([rest], name).read(rows)
                return
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                data = stream.read(count * shape[1] * dtype.itemsize)
                if len(data) < count * shape[1] * dtype.itemsize:
                    raise SourceError(f"{file}: {member} ends after {start} of {shape[0]} rows; it may be truncated")
                part = np.frombuffer(data, dtype).reshape(count, shape[1])
                yield Block(as_rows(part), np.arange(start, start + count, dtype=np.int64))

    return Source(
        name, (str(file),), member, f"npz<{dtype}>", str(dtype), shape[1], shape[0], file.stat().st_size, read
    )


def _members(file: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any], bool]]:
    """Shape, dtype and column order of every array, from the headers alone."""
    found = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                if not entry.filename.endswith(".npy"):
                    continue
                with archive.open(entry) as stream:
                    shape, fortran, dtype = _header(stream, file)
                size = int(np.prod(shape, dtype=object)) * dtype.itemsize
                if size > entry.file_size:
                    raise SourceError(
                        f"{file}: the header of {entry.filename} claims {size} bytes, the archive holds "
                        f"{entry.file_size}; it is damaged or forged"
                    )
                found[entry.filename.removesuffix(".npy")] = (shape, dtype, fortran)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceError(f"{file}: expected a complete .npz file ({error}); it may be truncated") from error
    return found


def _header(stream: Any, file: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        layout: Any = np.lib.format
        reader = layout.read_array_header_1_0 if layout.read_magic(stream) == (1, 0) else layout.read_array_header_2_0
        shape, fortran, dtype = reader(stream)
    except ValueError as error:
        raise SourceError(f"{file}: a member is no numpy array ({error})") from error
    if dtype.hasobject:
        raise UnsafeCheckpoint(
            f"{file}: holds Python objects, which only run code can read; save plain numbers with np.savez"
        )
    return shape, fortran, dtype
