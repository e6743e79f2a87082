"""Paths and patterns: the files of one data set, in natural order, and what to say where there are none."""

from __future__ import annotations

import os
import re
from glob import glob, has_magic
from pathlib import Path

from labelfree.documents.files import check_regular
from labelfree.errors import SourceError
from labelfree.sources.block import ARROW, CHECKPOINT, LINES, PARQUET, SEPARATED
from labelfree.sources.saved import saved_files

READABLE = "Parquet, Arrow IPC, CSV, JSON lines, .npy, .npz, .safetensors, .pt/.pth/.ckpt or a directory of them"
_ROWS = (*PARQUET, *ARROW, ".npy")
_TEXT = (*SEPARATED, *LINES)


def check_local(name: str, kinds: str = READABLE) -> None:
    """Refuse what is no path of a file here; kinds: of files that would be read."""
    if name == "-":
        raise SourceError(f"-: rows are read more than once, which standard input cannot be; name a file ({kinds})")
    if scheme := re.match(r"[a-z][a-z0-9+.]*://", name):
        raise SourceError(f"{name}: {scheme[0]} is not supported yet: download it first, and name the file")


def files_of(name: str) -> list[Path]:
    """The files of one data set, in natural order: part_2 before part_10."""
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


def _inside(path: Path) -> list[Path]:
    if saved := saved_files(path):
        return saved
    known, others = rows_within(path)
    if not known:
        what = f"{others} other files" if others else "nothing"
        raise SourceError(f"{path}: expected Parquet, Arrow, .npy, CSV or JSON lines in the directory, found {what}")
    return sorted(known, key=natural)


def suffix_of(file: Path) -> str:
    """The suffix that tells what a file holds: .csv.gz of both."""
    last = file.suffix.lower()
    return file.with_suffix("").suffix.lower() + last if last == ".gz" else last


def rows_within(path: Path, *, text: bool = True) -> tuple[list[Path], int]:
    """The files of a directory that hold rows, and how many others it holds.

    text: count CSV and JSON lines among them where nothing else holds rows; beside other files they are its log.
    """

    def visible(file: Path) -> bool:
        return not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)

    files = [p for p in path.rglob("*") if p.is_file() and visible(p)]
    known = [p for p in files if p.suffix.lower() in _ROWS]
    if text and not known:
        known = [p for p in files if suffix_of(p) in _TEXT]
    return known, len(files) - len(known)


def missing(name: str, usable: tuple[str, ...] = (*_ROWS, *_TEXT, *CHECKPOINT, ".npz")) -> str:
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


def natural(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """A sort key in which numbers count as numbers; the text decides between part_1 and part_01."""
    parts = [part for part in re.split(r"(\d+)", str(path)) if part]
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts], str(path)
