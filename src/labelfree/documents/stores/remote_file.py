"""A file in a store, with as much of a path's surface as the readers of files use: a name, a size, bytes to seek in."""

from __future__ import annotations

import io
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, TypeAlias, TypeVar, cast

from labelfree.documents.stores.names import Name, parsed_name
from labelfree.documents.stores.store import Handle, Store, store_of
from labelfree.errors import SourceError

PIECES = 1 << 26
"""Bytes of a file that are held while it is read: pieces that were read, and one that is read ahead."""
LARGEST, _SMALLEST = 1 << 23, 1 << 16
AHEAD = 2
"""Pieces that are read ahead where a file is read in order: measured by benchmarks/remote.py."""
_SMALL = 1 << 16
"""Bytes of a piece that a check of claims reads, which looks here and there."""
_KEPT = 256
_AT_ONCE, _OPENED = 8, 16
"""Pieces that are read at a time, and files that are opened."""
T = TypeVar("T")


class Stat(NamedTuple):
    """What is known of a file: its size, and a number that another version of it has otherwise, as a time would be."""

    st_size: int
    st_mtime_ns: int


class RemoteFile:
    """A file in a store. `str` is the name that may be shown."""

    def __init__(self, name: Name, store: Store) -> None:
        self._name, self._store = name, store
        self._seen: tuple[int, str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _seen_before, (self._name, self._seen)

    def __str__(self) -> str:
        return self._name.shown

    def __repr__(self) -> str:
        return f"RemoteFile({self._name.shown!r})"

    @property
    def location(self) -> Name:
        """Where it is, with what must not be shown."""
        return self._name

    @property
    def name(self) -> str:
        """The last part of its name."""
        return PurePosixPath(self._name.path).name

    @property
    def suffix(self) -> str:
        """The end of its name, from the last point on."""
        return PurePosixPath(self._name.path).suffix

    @property
    def suffixes(self) -> list[str]:
        """All ends of its name, from the first point on."""
        return PurePosixPath(self._name.path).suffixes

    def beside(self, pattern: str) -> list[RemoteFile]:
        """The files directly below this directory that match a pattern; refused where none does."""
        if self._store.listed is None:
            raise SourceError(f"{self}: a web server does not list its files; name one of them")
        base = self._name.path.rstrip("/")
        found = sorted(path for path, _ in self._store.listed(self._name.at(base), False))
        kept = [path for path in found if fnmatchcase(PurePosixPath(path).name, pattern)]
        if not kept:
            raise SourceError(
                f"{self}: expected {pattern} in the directory, found {f'{len(found)} other files' if found else 'none'}"
            )
        return [RemoteFile(self._name.at(path), self._store) for path in kept]

    def handle(self) -> Handle:
        """The file opened anew; a SourceError where it is not the one that was seen first."""
        found = self._store.look(self._name)
        if self._seen is None:
            self._seen = found.size, found.etag
        elif self._seen != (found.size, found.etag):
            raise SourceError(f"{self}: changed while it was read; measure it again when it is at rest")
        return found

    def stat(self) -> Stat:
        """Its size and fingerprint when it was seen first."""
        if self._seen is None:
            self.handle()
        assert self._seen is not None
        return Stat(self._seen[0], zlib.crc32(self._seen[1].encode()))

    def open(self, mode: str = "rb", buffering: int = -1) -> IO[bytes]:
        """Its bytes, to be read in any order; buffering 0: by one who looks here and there."""
        if mode != "rb":
            raise ValueError("remote files are read as bytes")
        if buffering == 0:
            handle = self.handle()
            small = _Small(self._name, handle.etag, handle.size, self._store)
            return cast("IO[bytes]", _Ranges(small, handle.size))
        return self.streamed()

    def streamed(self, places: int = 1, spans: Sequence[tuple[int, int]] = ()) -> IO[bytes]:
        """Its bytes, read ahead in pieces; places: how many of them are read side by side, as columns are.

        spans: from and up to which bytes will be read, where these are a part of it: pieces are then smaller than the
        least of them, and no other is read ahead.
        """
        handle = self.handle()
        return cast("IO[bytes]", io.BufferedReader(_Ranges(_Pieces(handle, places, spans), handle.size), 1 << 16))

    def read_at(self, offset: int, length: int) -> bytes:
        """Some bytes of it, as a check of claims reads them."""
        size = self.stat().st_size
        assert self._seen is not None
        small = _Small(self._name, self._seen[1], size, self._store)
        return small.read(offset, max(min(length, size - offset), 0))


File: TypeAlias = Path | RemoteFile
"""A file here or in a store."""


def remote_file(name: str) -> RemoteFile:
    """A file in a store by its name; nothing is asked of the store yet."""
    parsed = parsed_name(name)
    return RemoteFile(parsed, store_of(parsed))


def _seen_before(name: Name, seen: tuple[int, str] | None) -> RemoteFile:
    """A file that another process has seen: the same version of it, opened with what this process may open."""
    found = RemoteFile(name, store_of(name))
    found._seen = seen
    return found


def side_by_side(opened: Callable[[File], T], files: Sequence[File]) -> Iterator[T]:
    """What opening each file gives, in their order; several remote ones at a time, since each waits for its store."""
    if not any(isinstance(file, RemoteFile) for file in files):
        yield from map(opened, files)
        return
    with ThreadPoolExecutor(_OPENED) as pool:
        try:
            yield from pool.map(opened, files)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def watched(file: File) -> Iterator[None]:
    """Hold a remote file against what was seen first when its reading ends, well or badly."""
    try:
        yield
    except SourceError:
        if isinstance(file, RemoteFile):
            file.handle()  # says so where it changed
        raise
    if isinstance(file, RemoteFile):
        file.handle()


class Octets:
    """The bytes of a remote file as a mapping of a local one has them: by slices."""

    def __init__(self, file: RemoteFile) -> None:
        self.file, self.size = file, file.stat().st_size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> bytes:
        begin, end, _ = part.indices(self.size)
        return self.file.read_at(begin, end - begin)


class _Ranges(io.RawIOBase):
    """A stream over what gives ranges."""

    def __init__(self, held: Any, size: int) -> None:
        self.held, self.size, self.at = held, size, 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def read(self, count: int | None = -1) -> bytes:
        """The next bytes, all that are asked for as long as there are any."""
        left = max(self.size - self.at, 0)
        length = left if count is None or count < 0 else min(count, left)
        found: bytes = self.held.read(self.at, length)
        self.at += len(found)
        return found

    def readinto(self, target: Any) -> int:
        """Fill a buffer."""
        found = self.read(len(target))
        target[: len(found)] = found
        return len(found)


class _Pieces:
    """Pieces of a file as they are asked for, the next one of a place that is read in order ahead."""

    def __init__(self, handle: Handle, places: int, spans: Sequence[tuple[int, int]] = ()) -> None:
        self.handle, self.spans = handle, spans
        least = min((stop - start for start, stop in spans), default=8 * LARGEST)
        self.size = min(max(min(PIECES, least) // (8 * places) // _SMALLEST * _SMALLEST, _SMALLEST), LARGEST)
        self.most = max(PIECES // self.size, 2 * places + 2)
        self.ahead = max(min(AHEAD, self.most // (2 * places)), 1)
        self.held: OrderedDict[int, Future[bytes]] = OrderedDict()

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from a place on."""
        parts = []
        end = offset + length
        while offset < end:
            i, begin = divmod(offset, self.size)
            part = self._piece(i)[begin : begin + end - offset]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _piece(self, i: int) -> bytes:
        self._ask(i)
        if i - 1 in self.held:
            for further in range(i + 1, min(i + self.ahead, (self.handle.size - 1) // self.size) + 1):
                if self._wanted(further):
                    self._ask(further)
            self.held.move_to_end(i)
        while len(self.held) > self.most:
            self.held.popitem(last=False)
        return self.held[i].result()

    def _wanted(self, i: int) -> bool:
        """Whether a piece is of the part that is read."""
        begin, end = i * self.size, (i + 1) * self.size
        return not self.spans or any(start < end and stop > begin for start, stop in self.spans)

    def _ask(self, i: int) -> None:
        if i in self.held:
            self.held.move_to_end(i)
            return
        begin = i * self.size
        length = min(self.size, self.handle.size - begin)
        self.held[i] = _pool().submit(self.handle.read, begin, length)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="labelfree-remote")


class _Small:
    """Small pieces that checks of claims look at, kept between checks of one version of a file."""

    def __init__(self, name: Name, etag: str, size: int, store: Store) -> None:
        self.name, self.etag, self.size, self.store = name, etag, size, store

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from a place on."""
        if length > 4 * _SMALL:
            return _handle(self.name, self.etag, self.store).read(offset, length)
        parts = []
        end = offset + length
        while offset < end:
            i, begin = divmod(offset, _SMALL)
            part = _small(self.name, self.etag, self.size, i, self.store)[begin : begin + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)


@lru_cache(maxsize=_KEPT)
def _small(name: Name, etag: str, size: int, i: int, store: Store) -> bytes:
    begin = i * _SMALL
    return _handle(name, etag, store).read(begin, min(_SMALL, size - begin))


@lru_cache(maxsize=64)
def _handle(name: Name, etag: str, store: Store) -> Handle:
    """A handle for small reads; etag: of the version that is looked at."""
    return store.look(name)
