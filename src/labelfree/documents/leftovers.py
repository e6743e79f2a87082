"""Temporary files and directories that are held by their writer, so that the next one removes those of the dead.

A writer holds the lock of its temporary file (flock) as long as it lives, and the system frees it with the process,
however that ends. Whoever gets the lock may remove the file. Its name says which machine made it since which boot: a
lock of another machine may be invisible here, so that its files must have lain untouched for a day as well.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without these locks: nothing is held there, and nothing removed
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"\.labelfree-(?P<machine>[0-9a-f]{8})-[a-z0-9_]{8}(\.[^/]*)?")
_DIRECTORY_NAME = re.compile(r"labelfree-(?P<machine>[0-9a-f]{8})-[a-z0-9_]{8}")
_UNTOUCHED = 86_400.0
"""Seconds after which a temporary file of another machine, or of an earlier boot, has no writer any more."""


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """A new file beside a target, to be written and renamed; gone in the end where it was not. OSError as it comes.

    Before, what killed writers left in that directory is removed.
    """
    import tempfile

    _sweep(path.parent, _NAME, _remove_file)
    prefix = f".labelfree-{_machine()}-"
    name, handle = _held(lambda: tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix))
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A new directory where the system has its temporary files; gone in the end, with all that is in it.

    Before, what killed processes left there is removed.
    """
    import tempfile

    def made() -> tuple[int, str]:
        name = tempfile.mkdtemp(prefix=f"labelfree-{_machine()}-")
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), name

    _sweep(Path(tempfile.gettempdir()), _DIRECTORY_NAME, _remove_directory)
    name, handle = _held(made)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _held(made: Callable[[], tuple[int, str]]) -> tuple[str, int | None]:
    """A new file or directory and the descriptor that holds its lock; None where there are no such locks."""
    while True:
        handle, name = made()
        if fcntl is None:
            os.close(handle)
            return name, None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another writer has found it without its lock, and removes it
            os.close(handle)
            continue
        except OSError:  # a file system without locks, where nobody else gets one either
            return name, handle
        if _is_at(handle, name):
            return name, handle
        os.close(handle)


def _sweep(directory: Path, pattern: re.Pattern[str], remove: Callable[[os.DirEntry[str], bool], None]) -> None:
    """Remove what dead writers left in a directory; what cannot be removed stays."""
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if found := pattern.fullmatch(entry.name):
                with suppress(OSError):
                    remove(entry, found["machine"] == _machine())


def _remove_file(entry: os.DirEntry[str], here: bool) -> None:
    handle = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        untouched = time.time() - found.st_mtime >= _UNTOUCHED
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and (here or untouched):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, entry.path):
                os.unlink(entry.path)
    finally:
        os.close(handle)


def _remove_directory(entry: os.DirEntry[str], here: bool) -> None:
    """One of another machine is never removed: how long ago it was touched says nothing of what is in it."""
    handle = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if here and os.fstat(handle).st_uid == os.geteuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, entry.path):
                shutil.rmtree(entry.path, ignore_errors=True)
    finally:
        os.close(handle)


def _is_at(handle: int, name: str) -> bool:
    """Whether what a descriptor was opened on still has its name."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(name))
    except FileNotFoundError:
        return False


@cache
def _machine() -> str:
    """Eight digits that tell one running system from every other, and from itself before it was started."""
    try:
        known = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        import platform

        known = platform.node().encode()
    return f"{zlib.crc32(known):08x}"
