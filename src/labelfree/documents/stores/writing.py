"""Files in a store that are replaced at once: results, and histories that nobody else changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from labelfree.documents.stores.faults import NoSuchFile
from labelfree.documents.stores.names import parsed_name, shown
from labelfree.documents.stores.store import store_of
from labelfree.errors import OutputError, SourceError

_BEFORE: dict[str, str | None] = {}
"""Fingerprints of the histories that are being changed, as they were before; None of one that was not there."""


def check_replaceable(path: str | PathLike[str]) -> None:
    """Refuse a place in which no file can be replaced at once."""
    name = parsed_name(path)
    try:
        put = store_of(name).put
    except SourceError as error:
        raise OutputError(str(error)) from None
    if put is None:
        raise OutputError(
            f"{name.shown}: expected a place where a file is replaced at once (here, s3://, gs:// or abfss://), found "
            f"{name.scheme}://; write a file here, and upload it"
        )


def put(path: str | PathLike[str], content: bytes) -> None:
    """Replace a file in a store by this content, all of it or nothing."""
    check_replaceable(path)
    name = parsed_name(path)
    writes = store_of(name).put
    assert writes is not None
    try:
        writes(name, content)
    except SourceError as error:
        raise OutputError(f"{error} (while it was written)") from None


def remote_text(path: str | PathLike[str], most: int) -> str:
    """The text of a document in a store; FileNotFoundError where there is none."""
    name = parsed_name(path)
    try:
        handle = store_of(name).look(name)
    except NoSuchFile:
        raise FileNotFoundError(name.shown) from None
    if handle.size > most:
        raise SourceError(f"{name.shown}: expected a document of at most {most:,} bytes, found more; it is refused")
    return handle.read(0, handle.size).decode("utf-8")


def fingerprint(path: str | PathLike[str]) -> str | None:
    """The fingerprint of a file in a store as it is now, None where there is none."""
    name = parsed_name(path)
    try:
        return store_of(name).look(name).etag
    except NoSuchFile:
        return None


@contextmanager
def changing(path: str | PathLike[str]) -> Iterator[None]:
    """Remember how a file was, so that `replaced` refuses to overwrite what another writer made of it."""
    check_replaceable(path)
    _BEFORE[str(path)] = fingerprint(path)
    try:
        yield
    finally:
        _BEFORE.pop(str(path), None)


def replaced(path: str | PathLike[str], text: str) -> None:
    """Replace a file inside `changing`."""
    if fingerprint(path) != _BEFORE[str(path)]:
        raise OutputError(
            f"{shown(path)}: another process changed it meanwhile; nothing was written: run this again, and let one "
            "process write to it at a time"
        )
    put(path, text.encode("utf-8", "backslashreplace"))
