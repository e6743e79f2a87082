"""What is to be embedded: texts, images or arrays, from whatever a user names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal

from labelfree.documents.files import check_regular
from labelfree.documents.stores.faults import check_here, copying
from labelfree.documents.stores.listings import remote_files
from labelfree.documents.stores.names import is_remote, parsed_name, shown
from labelfree.errors import SourceError, UsageError, option
from labelfree.models.items.arrays import array_data
from labelfree.models.items.batches import Batch, Data, Wish
from labelfree.models.items.images import IMAGES, image_data
from labelfree.models.items.kinds import ITEMS, ItemKind
from labelfree.models.items.records import JSON_LINES, LINES, SEPARATED, form
from labelfree.models.items.tables import table_data
from labelfree.models.items.texts import text_data
from labelfree.sources.block import ARROW, PARQUET
from labelfree.sources.paths import check_named, missing, natural
from labelfree.sources.saved import saved_files, saved_names

__all__ = ["Batch", "Data", "open_data"]

_ARRAYS = (".npy", ".npz")
_USABLE = (*PARQUET, *ARROW, *LINES, *_ARRAYS, *IMAGES)
_KINDS = "Parquet, Arrow IPC, .txt, .csv, .tsv, .jsonl (or .gz of them), .npy, image files or a directory"


def open_data(
    path: str | os.PathLike[str],
    *,
    kind: Literal["auto"] | ItemKind = "auto",
    column: str | None = None,
    id: str | None = None,
    keep: Sequence[str] = (),
    on_bad: Literal["error", "drop"] = "error",
    memory: int | None = None,
) -> Data:
    """What a model is to embed.

    path: a Parquet or Arrow IPC file (texts, images or arrays in a column), a text file (.txt: a text a line; .csv,
    .tsv: with a header; .jsonl: an object a line; each also as .gz; of these arrays too where the model takes them), an
    image, an array (.npy, .npz), a glob of files of one kind, or a directory of images (all below it, in natural
    order), of files of one kind, or that Hugging Face datasets saved; kind: what the model takes;
    column: that holds the items, else the only candidate; id: the column of ids, else `id` where there is one; images
    in a directory have their paths as ids; keep: columns to carry along; on_bad: what to do about rows without an
    item, images that cannot be decoded, and arrays with NaN or infinity; memory: bytes that reading tables may take.

    Cost: text files are read once here (rows, types, repeated ids), of Parquet files the ids, of Arrow files the items
    too unless bad ones are dropped.
    """
    if kind != "auto" and kind not in ITEMS:
        raise UsageError(f"kind: expected auto, {', '.join(ITEMS)}, found {kind!r}")
    if on_bad not in ("error", "drop"):
        raise UsageError(f"{option('on_bad')}: expected error or drop, found {on_bad!r}")
    name = os.fspath(path)
    wish = Wish(None if kind == "auto" else kind, column, id, tuple(dict.fromkeys(keep)), memory)
    check_named(name, _KINDS)
    try:
        if is_remote(name):
            return _remote(name, wish, on_bad)
        root, files, others = _listed(name, wish)
        suffixes = sorted({form(file) for file in files})
        if suffixes[0] in IMAGES:
            if wish.kind not in (None, "image"):
                raise UsageError(
                    f"{name}: expected {ITEMS[wish.kind]}, found image files; name a file of {ITEMS[wish.kind]}"
                )
            return image_data(name, root, files, wish, on_bad, others)
        tables = (*PARQUET, *ARROW, *((*SEPARATED, *JSON_LINES) if wish.kind == "array" else ()))
        if suffixes[0] in tables:
            return table_data(name, files, wish, on_bad)
        if suffixes[0] in LINES:
            return text_data(name, files, wish, on_bad)
        if len(files) > 1:
            raise SourceError(f"{name}: expected one array, found {len(files)} files; join them with np.concatenate")
        return array_data(name, files[0], wish, on_bad)
    except OSError as error:
        raise SourceError(f"{name}: cannot be read ({error.strerror or error})") from error


def _remote(name: str, wish: Wish, on_bad: Literal["error", "drop"]) -> Data:
    """The items of tables and text files in a store, read by ranges; images and arrays are read from files here."""
    usable = (*PARQUET, *ARROW, *LINES)
    if (suffix := PurePosixPath(parsed_name(name).path).suffix.lower()) in (*IMAGES, *_ARRAYS):
        check_here(name, f"{'images' if suffix in IMAGES else 'arrays'} that a model is run over")

    def among(names: Sequence[str]) -> list[str]:
        return [one for one in names if _suffix(one) in usable]

    files = remote_files(
        name, lambda path: _suffix(path.name) in usable or bool(path.suffix), among, saved_names, natural
    )
    kinds = {_kind(form(file)) for file in files}
    if len(kinds) > 1 or not kinds & {"Parquet", "Arrow", *LINES}:
        raise SourceError(
            f"{shown(name)}: expected Parquet, Arrow or text files of one kind in a store, found "
            f"{', '.join(sorted(kinds))}; name one kind by a pattern in quotes, or copy them: "
            f"{copying(parsed_name(name))}"
        )
    tables = (*PARQUET, *ARROW, *((*SEPARATED, *JSON_LINES) if wish.kind == "array" else ()))
    made = table_data if form(files[0]) in tables else text_data
    return made(shown(name), files, wish, on_bad)


def _suffix(name: str) -> str:
    """The suffix that tells the format of a file of this name."""
    path = PurePath(name)
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def _listed(name: str, wish: Wish) -> tuple[Path, list[Path], list[Path]]:
    """Below what the files lie, the files of one kind in natural order, and the other files that lie there too."""
    path = Path(name)
    if not name:
        raise SourceError(f"expected {_KINDS}, found an empty path")
    check_regular(path)
    if path.is_dir() and (saved := saved_files(path)):
        return path, saved, []
    if path.is_dir():
        known, others = _inside(path, wish)
        if not known:
            what = f"{len(others)} other files, such as {others[0].name}" if others else "nothing"
            raise SourceError(f"{name}: expected images, Parquet, Arrow or text files in the directory, found {what}")
    elif path.exists() or not has_magic(name):
        if not path.exists():
            raise SourceError(missing(name, _USABLE))
        known, others, path = [path], [], path.parent
        if not _known(known[0]):
            hint = "; write one object a line: jq -c '.[]'" if form(known[0]) == ".json" else ""
            raise SourceError(f"{name}: expected {_KINDS}, found {known[0].suffix or 'no suffix'!r}{hint}")
    else:
        found = [file for file in map(Path, glob(name, recursive=True)) if file.is_file()]
        known, others = [file for file in found if _known(file)], [file for file in found if not _known(file)]
        if not known:
            raise SourceError(f"{name}: no file matches the pattern (in {Path.cwd()})")
        path = Path(os.path.commonpath([file.parent for file in known]))
    known, others = sorted(known, key=natural), sorted(others, key=natural)
    kinds = {_kind(form(file)) for file in known}
    if len(kinds) > 1:
        raise SourceError(
            f"{name}: expected files of one kind, found {', '.join(sorted(kinds))}; name one kind by a pattern in "
            f"quotes, such as '{path}/*{known[0].suffix}'"
        )
    return path, known, others


def _kind(suffix: str) -> str:
    """What files of a suffix are called: those of one kind can be one data set."""
    return "images" if suffix in IMAGES else "Parquet" if suffix in PARQUET else "Arrow" if suffix in ARROW else suffix


def _inside(path: Path, wish: Wish) -> tuple[list[Path], list[Path]]:
    """The files of a directory that can be embedded, and the others; beside images only binary tables are data."""
    files = [
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    images = any(form(file) in IMAGES for file in files) and wish.kind in (None, "image")
    data = (*IMAGES, *PARQUET, *ARROW) if images else (*PARQUET, *ARROW, *LINES, *_ARRAYS)
    return [file for file in files if form(file) in data], [file for file in files if form(file) not in data]


def _known(file: Path) -> bool:
    return form(file) in _USABLE
