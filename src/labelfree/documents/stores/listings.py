"""The files that a remote name means: one file, those that match a pattern, or all of a directory."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from pathlib import PurePosixPath
from typing import Any

from labelfree.documents.stores.faults import copying
from labelfree.documents.stores.names import WEB, parsed_name
from labelfree.documents.stores.remote_file import RemoteFile
from labelfree.documents.stores.store import store_of
from labelfree.errors import SourceError

_MAGIC = re.compile(r"[*?[]")


def remote_files(
    name: str,
    known: Callable[[PurePosixPath], bool],
    rows: Callable[[Sequence[str]], list[str]],
    saved: Callable[[RemoteFile, Set[str]], list[str] | None],
    key: Callable[[RemoteFile], Any],
) -> list[RemoteFile]:
    """The files of one data set in a store, sorted by a key.

    known: whether a path can be a file by its name; rows: those of the visible files of a directory that hold rows;
    saved: of the document of a data set that was saved to a directory the files that it lists, in its order, given all
    that are there; None where it is no such document.
    """
    found, ordered = _remote_files(name, known, rows, saved)
    return found if ordered else sorted(found, key=key)


def _remote_files(
    name: str,
    known: Callable[[PurePosixPath], bool],
    rows: Callable[[Sequence[str]], list[str]],
    saved: Callable[[RemoteFile, Set[str]], list[str] | None],
) -> tuple[list[RemoteFile], bool]:
    """The files, and whether they have an order of their own."""
    place = parsed_name(name)
    store = store_of(place)
    if place.scheme in WEB:
        if "*" in place.path or not known(PurePosixPath(place.path)):
            raise SourceError(
                f"{place.shown}: expected a file whose suffix says what it holds; a web server does not list its "
                "files: name each of them"
            )
        return [RemoteFile(place, store)], True
    assert store.listed is not None
    if _MAGIC.search(place.path):
        fixed = re.split(_MAGIC, place.path)[0].rpartition("/")[0]
        rest = place.path[len(fixed) :].lstrip("/")
        wanted = pattern_of(place.path)
        deep = "/" in rest or "**" in rest
        found = [path for path, _ in store.listed(place.at(fixed), deep) if wanted.fullmatch(path)]
        found = [path for path in found if not (_last(path).startswith("_") and "." not in _last(path))]
        if not found:
            raise SourceError(f"{place.shown}: no file matches the pattern")
        return [RemoteFile(place.at(path), store) for path in found], False
    if known(PurePosixPath(place.path)) and not place.path.endswith("/"):
        return [RemoteFile(place, store)], True
    base = place.path.strip("/")
    listed = [path for path, _ in store.listed(place.at(base), True)]
    if not listed:
        raise SourceError(f"{place.shown}: no such file or directory, or an empty one")
    inside = {path: path[len(base) :].lstrip("/") for path in listed}
    for document in ("dataset_dict.json", "state.json"):
        if document in inside.values():
            paths = {rest: path for path, rest in inside.items()}
            names = saved(RemoteFile(place.at(paths[document]), store), {*paths})
            if names is not None:
                return [RemoteFile(place.at(paths[one]), store) for one in names], True
    if any(path.endswith((".safetensors", "pytorch_model.bin")) for path in listed):
        raise SourceError(
            f"{place.shown}: expected files of rows, found a checkpoint; name a tensor of one of its files, "
            f"{place.at(listed[0]).shown}::name, or copy it first: {copying(place, directory=True)}"
        )
    visible = [path for path, rest in inside.items() if not any(p.startswith((".", "_")) for p in rest.split("/"))]
    found = rows(visible)
    if not found:
        raise SourceError(
            f"{place.shown}: expected Parquet, Arrow, .npy, CSV or JSON lines in the directory, found {len(listed)} "
            "other files"
        )
    return [RemoteFile(place.at(path), store) for path in found], False


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def pattern_of(path: str) -> re.Pattern[str]:
    """A shell pattern as a regular expression: * stays in one directory, ** does not."""
    parts: list[str] = []
    at = 0
    while at < len(path):
        one = path[at]
        if path.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif path.startswith("**", at):
            parts.append(".*")
            at += 2
        elif one == "[" and (end := path.find("]", at + 2)) > 0:
            inner = path[at + 1 : end].replace("\\", "\\\\")
            parts.append(f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            at = end + 1
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(one, re.escape(one)))
            at += 1
    return re.compile("".join(parts))
