"""Stores by their schemes: how a file in one is opened, listed and replaced."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from labelfree.documents.stores.azure import by_key
from labelfree.documents.stores.faults import CutBody, NoSuchFile, attempted, copying
from labelfree.documents.stores.names import WEB, Name
from labelfree.errors import MissingExtra, SourceError

_ARROW = ("s3", "gs", "abfss")
SCHEMES = (*_ARROW, "hf", "https")
"""Schemes that are read; http too, where the host is this machine."""
_SETTINGS = ("AWS_", "AZURE_", "GOOGLE_", "HF_")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Handle:
    """A file as it lies in a store now: its size, its fingerprint (ETag) and its bytes by range."""

    size: int
    etag: str
    read: Callable[[int, int], bytes]


@dataclass(frozen=True, eq=False)
class Store:
    """What can be done in one place.

    look: opens a file; listed: paths and sizes of the files below a path, directly or at any depth; put: replaces a
    file at once, None where the store cannot.
    """

    look: Callable[[Name], Handle]
    listed: Callable[[Name, bool], Iterator[tuple[str, int]]] | None
    put: Callable[[Name, bytes], None] | None


def store_of(name: Name) -> Store:
    """The store of a name; refused where no library knows its scheme."""
    if name.scheme not in (*SCHEMES, "http"):
        raise SourceError(
            f"{name.shown}: expected a scheme among {', '.join(f'{scheme}://' for scheme in SCHEMES)}, found "
            f"{name.scheme}://; copy the file here first, and name the copy"
        )
    if not name.authority or (not name.path and name.scheme in WEB):
        raise SourceError(f"{name.shown}: expected {name.scheme}://, a place and a file in it, found no file")
    if name.scheme == "http" and name.authority.rpartition("@")[2].partition(":")[0] not in _LOOPBACK:
        raise SourceError(
            f"{name.shown}: expected https://, found http://, which anybody on the way can read and change; http:// is "
            "for servers on this machine"
        )
    settings = tuple(sorted(pair for pair in os.environ.items() if pair[0].startswith(_SETTINGS)))
    return _made(name.scheme, name.authority, name.query if name.scheme in _ARROW else "", settings)


@lru_cache(maxsize=64)
def _made(scheme: str, authority: str, query: str, settings: tuple[tuple[str, str], ...]) -> Store:
    """The store of a place, under what the environment says of such places."""
    if scheme in _ARROW:
        return _arrow(Name(scheme, authority, "", query))
    try:
        import fsspec

        if scheme == "hf":
            import huggingface_hub  # noqa: F401
        else:
            import aiohttp  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"reading {scheme}://", "remote") from error
    web = fsspec.filesystem("https", client_kwargs={"trust_env": True}, skip_instance_cache=True)
    if scheme == "hf":
        from huggingface_hub import HfFileSystem

        return _hub(HfFileSystem(skip_instance_cache=True), web)
    return _web(web)


def _arrow(place: Name) -> Store:
    """S3, Google Cloud Storage and Azure by pyarrow."""
    from pyarrow import fs

    uri = f"{place.scheme}://{place.authority}{place.query}"
    keyed = by_key(place) if place.scheme == "abfss" else None
    system, base = keyed or attempted(lambda: fs.FileSystem.from_uri(uri), place)

    def inside(name: Name) -> str:
        return f"{base}/{name.path}".rstrip("/")

    def look(name: Name) -> Handle:
        def opened() -> tuple[Any, int, Any]:
            try:
                file = system.open_input_file(inside(name))
                return file, file.size(), file.metadata() or {}
            except OSError as error:
                if "HTTP status 400" in str(error):  # an answer without a body; one to a listing says why
                    system.get_file_info(fs.FileSelector(inside(name), allow_not_found=True))
                raise

        file, size, said = attempted(opened, name)
        held = {_text(key).lower(): _text(value) for key, value in said.items()}
        etag = held.get("etag") or held.get("last-modified") or held.get("last_modified") or ""
        return Handle(size, etag, _checked(name, lambda offset, length: file.read_at(length, offset)))

    def listed(name: Name, deep: bool) -> Iterator[tuple[str, int]]:
        wanted = fs.FileSelector(inside(name), allow_not_found=True, recursive=deep)
        found = attempted(lambda: system.get_file_info(wanted), name)
        if not found and attempted(lambda: system.get_file_info(base), name).type == fs.FileType.NotFound:
            raise NoSuchFile(f"{name.shown}: no bucket or container {base!r}; check its name and whose it is")
        for one in found:
            if one.type == fs.FileType.File:
                yield one.path.removeprefix(base).lstrip("/"), one.size

    def put(name: Name, content: bytes) -> None:
        def written() -> None:
            with system.open_output_stream(inside(name), buffer_size=0) as stream:
                stream.write(content)

        attempted(written, name)

    return Store(look, listed, put)


def _web(system: Any) -> Store:
    """Files of a web server by fsspec: each range is asked for with the fingerprint, where it is a strong one."""

    def look(name: Name) -> Handle:
        said = attempted(lambda: system.info(name.whole), name)
        if said.get("size") is None or said.get("partial") is False:
            raise SourceError(
                f"{name.shown}: expected a server that gives ranges of a file of known size, found one that does not; "
                f"copy it first: {copying(name)}"
            )
        etag = str(said.get("ETag") or said.get("Last-Modified") or "")
        held = {"Accept-Encoding": "identity"} | ({"If-Match": etag} if etag.startswith('"') else {})

        def ranged(offset: int, length: int) -> bytes:
            return bytes(system.cat_file(name.whole, start=offset, end=offset + length, headers=dict(held)))

        return Handle(int(said["size"]), etag, _checked(name, ranged))

    return Store(look, None, None)


def _hub(system: Any, web: Any) -> Store:
    """Data sets and models of the Hugging Face hub: found by its interface, read by ranges from where it resolves."""
    import huggingface_hub as hub

    api = hub.HfApi(endpoint=system.endpoint)

    def place(name: Name) -> str:
        return f"{name.authority}/{name.path}".rstrip("/")

    def look(name: Name) -> Handle:
        at = attempted(lambda: system.resolve_path(place(name)), name)
        if not hasattr(at, "path_in_repo"):
            raise SourceError(f"{name.shown}: expected a data set or a model of the hub, found another kind of place")
        where: dict[str, Any] = {"repo_type": at.repo_type, "revision": at.revision}
        found = attempted(lambda: list(api.get_paths_info(at.repo_id, [at.path_in_repo], **where)), name)
        if not found:
            raise NoSuchFile(f"{name.shown}: no such file")
        if not isinstance(found[0], hub.RepoFile):
            raise SourceError(f"{name.shown}: expected a file, found a directory")
        one, token = found[0], hub.get_token()
        url = hub.hf_hub_url(at.repo_id, at.path_in_repo, endpoint=system.endpoint, **where)
        said = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})

        def ranged(offset: int, length: int) -> bytes:
            return bytes(web.cat_file(url, start=offset, end=offset + length, headers=dict(said)))

        return Handle(one.size, one.lfs.sha256 if one.lfs else one.blob_id, _checked(name, ranged))

    def listed(name: Name, deep: bool) -> Iterator[tuple[str, int]]:
        def found() -> dict[str, Any]:
            return dict(system.find(place(name), maxdepth=None if deep else 1, detail=True, refresh=True))

        for path, said in attempted(found, name).items():
            yield path.partition("/")[2], int(said["size"])

    return Store(look, listed, None)


def _checked(name: Name, ranged: Callable[[int, int], bytes]) -> Callable[[int, int], bytes]:
    """Ranges in full, asked for again where the store is busy or the answer is cut."""

    def once(offset: int, length: int) -> bytes:
        found = ranged(offset, length)
        if len(found) != length:
            if len(found) > length:
                raise SourceError(
                    f"{name.shown}: expected a server that gives ranges, found one that sends the whole file; "
                    f"copy it first: {copying(name)}"
                )
            raise CutBody(f"{len(found):,} of {length:,} bytes")
        return found

    return lambda offset, length: attempted(lambda: once(offset, length), name) if length else b""


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
