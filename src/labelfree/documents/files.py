"""Files that are there whole or not at all, a lock beside a file for those who change it, and text of bounded size."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from labelfree.documents.leftovers import temporary_directory, temporary_file
from labelfree.documents.stores.names import is_remote, parsed_name, shown
from labelfree.errors import OutputError, SourceError, option

if TYPE_CHECKING:
    from labelfree.documents.stores.remote_file import File

MOST_TEXT = 1 << 29
"""Bytes of a document that are read: half a gigabyte."""
MOST_PIPED = 1 << 26
"""Bytes of a document that are read from standard input, where the reports of thousands of data sets fit."""


def check_regular(path: File) -> None:
    """Refuse a pipe or a device: reading it may never end."""
    if not isinstance(path, Path):  # in a store
        return
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SourceError(
            f"{path}: expected a file or directory, found a pipe or device; rows are read more than once: write them "
            "to a file first"
        )


def there(path: Path) -> bool:
    """Whether a file exists, here or in a store."""
    if is_remote(path):
        from labelfree.documents.stores.writing import fingerprint

        return fingerprint(path) is not None
    return path.exists()


def read_text(path: Path, most: int = MOST_TEXT, *, piped: bool = False) -> str:
    """The text of a file in UTF-8, of at most this many bytes; OSError and UnicodeDecodeError as `open` raises them.

    A pipe or a device is refused at once, since reading it may never end. piped: take what the shell hands over as a
    pipe, `<(command)`, which has a writer; a pipe that has a name may have none.
    """
    if is_remote(path):
        from labelfree.documents.stores.writing import remote_text

        return remote_text(path, most)
    _check_document(path, os.stat(path).st_mode, piped)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # not to wait for a writer
    with open(handle, "rb") as stream:
        _check_document(path, os.fstat(handle).st_mode, piped)
        os.set_blocking(handle, True)
        return _bounded(stream, str(path), most)


def read_stdin(most: int = MOST_PIPED) -> str:
    """The text of standard input in UTF-8, of at most this many bytes."""
    if sys.stdin is None:
        raise SourceError("standard input: expected a document, found it closed; name a file")
    buffer = getattr(sys.stdin, "buffer", None)
    return sys.stdin.read() if buffer is None else _bounded(buffer, "standard input", most)


def _check_document(path: Path, mode: int, piped: bool) -> None:
    """Refuse what is no file to read a document from; a directory is refused by `open` itself."""
    handed = piped and stat.S_ISFIFO(mode) and str(path).startswith(("/dev/", "/proc/"))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or handed):
        found = "pipe" if stat.S_ISFIFO(mode) else "device"
        raise SourceError(f"{path}: expected a file, found a {found}, which may never end; write it to a file first")


def _bounded(stream: IO[bytes], where: str, most: int) -> str:
    parts: list[bytes] = []
    left = most
    while left >= 0 and (part := stream.read(min(1 << 20, left + 1))):
        parts.append(part)
        left -= len(part)
    if left < 0:
        raise SourceError(f"{where}: expected a document of at most {most:,} bytes, found more; it is refused")
    return b"".join(parts).decode("utf-8")


def atomically(path: Path, writes: Callable[[Path], object]) -> None:
    """Write to a temporary file beside the target and rename it; what killed writers left there is removed.

    A target in a store is written here first, and put there at once.
    """
    if is_remote(path):
        from labelfree.documents.stores.writing import put

        with temporary_directory() as directory:
            writes(temporary := directory / path.name)
            put(path, temporary.read_bytes())
        return
    try:
        with temporary_file(path) as temporary:
            writes(temporary)
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def check_targets(paths: Sequence[Path], suffixes: Iterable[str], name: str = "output") -> None:
    """Refuse what could not be written, before any work is done; name: of the option that named it."""
    for path in paths:
        if is_remote(path) and PurePosixPath(parsed_name(path).path).suffix in suffixes:
            from labelfree.documents.stores.writing import check_replaceable

            check_replaceable(path)
            continue
        if path.suffix not in suffixes:
            raise OutputError(
                f"{option(name, shown(path))}: expected a suffix among {' '.join(suffixes)}, found "
                f"{PurePosixPath(shown(path)).suffix or 'none'!r}"
            )
        if not path.parent.is_dir():
            raise OutputError(f"{option(name, path)}: the directory {path.parent} does not exist; make it first")
        if path.is_dir():
            raise OutputError(f"{option(name, path)}: is a directory; name a file in it")


def check_apart(outputs: Sequence[Path], others: Mapping[str, Iterable[str | Path]], name: str = "output") -> None:
    """Refuse an output that would overwrite another one, or one of the other files, given by what they are."""
    for i, path in enumerate(outputs):
        for what, files in {**others, option("output"): outputs[:i]}.items():
            same = next((file for file in files if _one_file(path, Path(file))), None)
            if same is not None:
                raise OutputError(
                    f"{option(name, shown(path))}: would overwrite {what} {shown(same)}, which is the same file; "
                    "name another"
                )


def _one_file(one: Path, other: Path) -> bool:
    """Whether two paths, which need not exist, lead to one file."""
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


@contextmanager
def locked(path: Path, *, wait: bool = True, lock: Path | None = None) -> Iterator[None]:
    """Hold the lock of a file: one writer at a time, freed by the system if we die.

    wait: for another writer, else OutputError; lock: the lock file, else `<file>.lock` beside it. It stays: to remove
    it would let two writers hold two locks of the same name. Only its holder may, as the last act. A store has no
    locks: there `rewritten` refuses to replace what another writer has changed.
    """
    if lock is None and is_remote(path):
        from labelfree.documents.stores.writing import changing

        with changing(path):
            yield
        return
    handle = _taken(path, lock or path.with_name(path.name + ".lock"), wait)
    try:
        yield
    finally:
        os.close(handle)


def _taken(path: Path, lock: Path, wait: bool) -> int:
    import fcntl

    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: its lock {lock.name} cannot be made ({error.strerror or error})") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if os.fstat(handle).st_nlink:
                return handle
        except BlockingIOError as error:
            os.close(handle)
            raise OutputError(f"{path}: another process is at work on it; let it finish, or name another") from error
        except OSError as error:
            os.close(handle)
            raise OutputError(f"{path}: its lock {lock.name} cannot be held ({error.strerror or error})") from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its last holder has removed it since


def rewritten(path: Path, text: str) -> None:
    """Replace the content of a file whose lock we hold, and not return before it is on the disk.

    The temporary file has one fixed name, since only the holder of the lock writes it: what a killed writer
    leaves behind is overwritten by the next.
    """
    if is_remote(path):
        from labelfree.documents.stores.writing import replaced

        return replaced(path, text)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)  # follows no link
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); it holds what it held before"
        ) from error
