"""What a user names, as a data set that yields blocks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelfree.documents.files import check_regular
from labelfree.documents.stores.faults import copying
from labelfree.documents.stores.names import is_remote, shown
from labelfree.documents.stores.remote_file import PIECES, File, RemoteFile, remote_file
from labelfree.errors import SourceError, UsageError, option
from labelfree.sources.block import ARROW, CHECKPOINT, LINES, PARQUET, SEPARATED, SUMMARY, Columns, Source
from labelfree.sources.conversions import conversion
from labelfree.sources.paths import (
    READABLE,
    check_named,
    files_of,
    missing,
    natural,
    rows_within,
    suffix_of,
)

_KINDS = {
    **dict.fromkeys(PARQUET, "parquet"),
    **dict.fromkeys(ARROW, "arrow"),
    **dict.fromkeys(SEPARATED, "separated"),
    **dict.fromkeys(LINES, "lines"),
    **dict.fromkeys(CHECKPOINT, "checkpoint"),
    **dict.fromkeys(SUMMARY, "summary"),
}
_WIDEST = 1 << 16
"""Numbers a row that a file may claim whatever its size; of more, one row must fit into it."""


def open_source(source: Any, columns: Columns | None = None) -> Source:
    """The data set that `source` names.

    source: a path, a glob, `path::tensor`, a list of paths (one data set in many files), an (n, d) array or
    tensor, a data frame, a dict of arrays, or a source that is open already.
    """
    if isinstance(source, Source):
        return source
    found = _opened(source, columns or Columns())
    for what, width in (("rows", found.d), ("class scores", found.outputs.classes if found.outputs else 0)):
        if width > max(_WIDEST, found.size):
            raise SourceError(
                f"{found.name}: its header claims {what} of {width:,} numbers, and it holds {found.size:,} bytes; "
                "it is damaged or forged"
            )
    return found


def _opened(source: Any, columns: Columns) -> Source:
    paths = source if isinstance(source, list | tuple) else [source]
    if paths and all(isinstance(path, str | os.PathLike) for path in paths):
        names = [os.fspath(path) for path in paths]
        for name in names:
            check_named(name)
        try:
            if paths is not source:
                return _open_path(names[0], columns)
            files = [file for name in names for file in files_of(name)]
            return _open_files(" + ".join(map(shown, names)), files, columns)
        except OSError as error:  # a name too long, a directory that we may not enter
            raise SourceError(f"{' + '.join(map(shown, names))}: cannot be read ({error.strerror or error})") from error
    from labelfree.sources.tables.frames import array_source, dataset_source, frame_source, refuse_lazy, table_of

    refuse_lazy(source)
    if isinstance(source, Mapping):
        return frame_source(table_of(source), columns)

    if type(source).__module__ == "datasets.arrow_dataset":
        return dataset_source(source, columns)
    framed = hasattr(source, "__arrow_c_stream__") or type(source).__module__.split(".")[0] == "pandas"
    return frame_source(source, columns) if framed else array_source(source, columns)


def _open_path(name: str, columns: Columns) -> Source:
    if not name:
        raise SourceError(f"expected {READABLE}, found an empty path")
    if is_remote(name):
        return _open_remote(name, columns)
    path, member = (name, None) if "::" not in name or Path(name).exists() else name.rsplit("::", 1)
    check_regular(Path(path))
    if member is None and Path(path).is_dir() and (tensors := _checkpoint_files(Path(path))):
        if rows := rows_within(Path(path), text=False)[0]:
            raise SourceError(_mixed(path, rows, tensors))
        from labelfree.sources.checkpoints.tensors import checkpoint_source

        return checkpoint_source(Path(path), None, columns)
    if member is not None:
        return _open_member(Path(path), member, columns)
    return _open_files(name, files_of(name), columns)


def _open_remote(name: str, columns: Columns) -> Source:
    place, separator, member = name.rpartition("::")
    if not separator:
        found = _open_files(shown(name), files_of(name), columns)
    else:
        file = remote_file(place)
        if file.suffix.lower() == ".npz":
            from labelfree.sources.arrays.numpy_files import npz_source

            found = npz_source(f"{file}::{member}", file, member, columns)
        elif not file.suffix or file.suffix.lower() in CHECKPOINT:
            from labelfree.sources.checkpoints.tensors import checkpoint_source

            found = checkpoint_source(file, member, columns)
        else:
            raise SourceError(
                f"{file}: expected a .safetensors or .npz file, or a directory, before ::{member}, found {file.suffix}"
            )
    return replace(found, buffers=found.buffers + PIECES)


def _open_member(path: Path, member: str, columns: Columns) -> Source:
    if not path.exists():
        raise SourceError(missing(str(path)))
    if path.suffix.lower() == ".npz":
        from labelfree.sources.arrays.numpy_files import npz_source

        return npz_source(f"{path}::{member}", path, member, columns)
    if path.is_dir() or path.suffix.lower() in CHECKPOINT:
        from labelfree.sources.checkpoints.tensors import checkpoint_source

        return checkpoint_source(path, member, columns)
    raise UsageError(
        f"{path}: only checkpoints and .npz files hold tensors by name; for a column use {option('column', member)}"
    )


def _open_files(name: str, files: list[File], columns: Columns) -> Source:
    suffixes = sorted({suffix_of(file) for file in files})
    kinds = {_KINDS.get(suffix, suffix) for suffix in suffixes}
    if len(kinds) > 1 and "summary" in kinds:
        raise SourceError(
            f"{name}: expected summaries, or files of rows, found both ({', '.join(suffixes)}); summarize the rows "
            f"first, labelfree summarize {next(shown(str(f)) for f in files if suffix_of(f) not in SUMMARY)} -o "
            "more.summary, and take the summaries as one"
        )
    if len(kinds) > 1:
        raise SourceError(
            f"{name}: expected files of one kind, found {', '.join(suffixes)}; name one kind by a glob that "
            f"ends in its suffix, such as '*{suffixes[0]}'"
        )
    kind = kinds.pop()
    if kind in ("parquet", "arrow", "separated", "lines"):
        return _open_tables(kind, name, files, columns)
    if kind == "summary":
        from labelfree.sources.summary_files import summary_source

        return summary_source(name, files, columns)
    if kind == ".npy":
        from labelfree.sources.arrays.numpy_files import npy_source

        return npy_source(name, files, columns)
    first = files[0]
    if isinstance(first, RemoteFile) and kind not in (".npz", "checkpoint"):
        raise SourceError(
            f"{first}: expected {READABLE}, found {first.suffix or 'no suffix'!r}; what is not read can be converted "
            f"once it is here: {copying(first.location)}"
        )
    if isinstance(first, Path) and (line := conversion(first)):
        raise SourceError(f"{files[0]}: expected {READABLE}, found {line}")
    if len(files) > 1:
        raise SourceError(f"{name}: {len(files)} {suffixes[0]} files cannot be one data set; give each as a source")
    if kind == ".npz":
        from labelfree.sources.arrays.numpy_files import npz_source

        return npz_source(name, files[0], None, columns)
    if kind == "checkpoint":
        from labelfree.sources.checkpoints.tensors import checkpoint_source

        return checkpoint_source(files[0], None, columns)
    raise SourceError(f"{files[0]}: expected {READABLE}, found {files[0].suffix or 'no suffix'!r}")


def _open_tables(kind: str, name: str, files: list[File], columns: Columns) -> Source:
    if kind == "parquet":
        from labelfree.sources.tables.parquet import parquet_source

        return parquet_source(name, files, columns)
    if kind == "arrow":
        from labelfree.sources.tables.ipc import ipc_source

        return ipc_source(name, files, columns)
    if kind == "separated":
        from labelfree.sources.tables.separated import separated_source

        return separated_source(name, files, columns)
    from labelfree.sources.tables.json_lines import lines_source

    return lines_source(name, files, columns)


def _checkpoint_files(path: Path) -> list[Path]:
    """The files of a Hugging Face directory that hold its tensors."""
    ends = (".safetensors", ".safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
    return sorted(p for p in path.iterdir() if p.name.endswith(ends))


def _mixed(path: str, rows: list[Path], tensors: list[Path]) -> str:
    """What to say of a directory that is a data set and a checkpoint at once."""
    first, suffixes = min(rows, key=natural), sorted({file.suffix for file in rows})
    pattern = f"'{path.rstrip('/')}/{'' if first.parent == Path(path) else '**/'}*{first.suffix}'"
    return (
        f"{path}: expected rows or a checkpoint in the directory, found both: {len(rows)} {' and '.join(suffixes)} "
        f"files (such as {first.name}) and {tensors[0].name}; name the rows by a pattern, {pattern}, or a tensor as "
        f"{path.rstrip('/')}::name"
    )
