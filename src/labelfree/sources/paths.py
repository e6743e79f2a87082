"""Paths and patterns: the files of one data set, in natural order, and what to say where there are none."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path, PurePath

from labelfree.documents.files import check_regular
from labelfree.documents.stores.listings import remote_files
from labelfree.documents.stores.names import is_remote
from labelfree.documents.stores.remote_file import File
from labelfree.errors import SourceError
from labelfree.sources.block import ARROW, CHECKPOINT, LINES, PARQUET, SEPARATED, SUMMARY
from labelfree.sources.saved import saved_files, saved_names

READABLE = (
    "Parquet, Arrow IPC, CSV, JSON lines, .npy, .npz, .safetensors, .pt/.pth/.ckpt, .summary or a directory of them"
)
_ROWS = (*PARQUET, *ARROW, ".npy")
_TEXT = (*SEPARATED, *LINES)


def check_named(name: str, kinds: str = READABLE) -> None:
    """Refuse standard input; kinds: of files that would be read."""
    if name == "-":
        raise SourceError(f"-: rows are read more than once, which standard input cannot be; name a file ({kinds})")


def files_of(name: str) -> list[File]:
    """The files of one data set, in natural order: part_2 before part_10."""
    if is_remote(name):
        return [*remote_files(name, _known, _rows_among, saved_names, natural)]
    path = Path(name)
    if path.is_dir():
        return _inside(path)
    if path.exists():
        check_regular(path)
        return [path]
    if has_magic(name):
        files = [p for p in map(Path, glob(name, recursive=True)) if p.is_file() and not _marker(p)]
        if not files:
            raise SourceError(f"{name}: no file matches the pattern (in {Path.cwd()})")
        return sorted(files, key=natural)
    raise SourceError(missing(name))


def _marker(file: Path) -> bool:
    """Whether a writer left it beside the data, as _SUCCESS."""
    return file.name.startswith("_") and not file.suffix


def _known(path: PurePath) -> bool:
    """Whether a name says that it is a file."""
    return path.suffix.lower() in (*_ROWS, *CHECKPOINT, ".npz") or suffix_of(path) in _TEXT or bool(path.suffix)


def _rows_among(names: Sequence[str]) -> list[str]:
    """The files that hold rows; CSV and JSON lines where nothing else does, and summaries where these do not."""
    paths = {name: PurePath(name) for name in names}
    known = [name for name, path in paths.items() if path.suffix.lower() in _ROWS]
    text = [name for name, path in paths.items() if suffix_of(path) in _TEXT]
    return known or text or [name for name, path in paths.items() if path.suffix.lower() in SUMMARY]


def _inside(path: Path) -> list[File]:
    if saved := saved_files(path):
        return [*saved]
    known, others = rows_within(path)
    if not known:
        what = f"{others} other files" if others else "nothing"
        raise SourceError(f"{path}: expected Parquet, Arrow, .npy, CSV or JSON lines in the directory, found {what}")
    return [*sorted(known, key=natural)]


def suffix_of(file: PurePath | File) -> str:
    """The suffix that tells what a file holds: .csv.gz of both."""
    last = file.suffix.lower()
    return PurePath(file.name).with_suffix("").suffix.lower() + last if last == ".gz" else last


def rows_within(path: Path, *, text: bool = True) -> tuple[list[Path], int]:
    """The files of a directory that hold rows, and how many others it holds.

    text: count CSV and JSON lines among them where nothing else holds rows, and summaries where these do not; beside
    other files they are its log, and what was made of it.
    """

    def visible(file: Path) -> bool:
        return not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)

    files = [p for p in path.rglob("*") if p.is_file() and visible(p)]
    known = [p for p in files if p.suffix.lower() in _ROWS]
    if text and not known:
        known = [p for p in files if suffix_of(p) in _TEXT] or [p for p in files if p.suffix.lower() in SUMMARY]
    return known, len(files) - len(known)


def missing(name: str, usable: tuple[str, ...] = (*_ROWS, *_TEXT, *CHECKPOINT, *SUMMARY, ".npz")) -> str:
    """What to say of a path that does not exist; usable: suffixes of files that may have been meant."""
    path = Path(name)
    if path.is_symlink():
        return f"{name}: is a link to {os.readlink(path)}, which does not exist; mend the link, or name the file"
    near = []
    if path.parent.is_dir():
        from difflib import get_close_matches

        there = [
            p
            for p in path.parent.iterdir()
            if p.is_dir() or (p.is_file() and {p.suffix.lower(), suffix_of(p)} & {*usable})
        ]
        near = get_close_matches(path.name, [p.name for p in there], n=1)
    hint = f"; did you mean {path.parent / near[0]}?" if near else ""
    return f"{name}: no such file or directory{hint}"


def natural(path: PurePath | File) -> tuple[list[tuple[int, int | str]], str]:
    """A sort key in which numbers count as numbers; the text decides between part_1 and part_01."""
    parts = [part for part in re.split(r"(\d+)", str(path)) if part]
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts], str(path)
