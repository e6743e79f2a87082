"""The streams of the program: a reader that closed its end has seen enough."""

from __future__ import annotations

import io
import os
import select
from typing import Any, TextIO, cast


def patient(stream: TextIO, dropped: type[OSError] = BrokenPipeError) -> TextIO:
    """The stream for all that the program prints: a reader that has gone is no error and changes no exit code.

    dropped: after which errors the rest is dropped; any OSError for stderr, whose full disk says nothing of the result.
    """
    return cast(TextIO, _Patient(_steady(stream), dropped)) if stream is not None else stream


def _steady(stream: TextIO) -> TextIO:
    """The stream, or one to the same place where a write may take a part and say nothing of it.

    An unbuffered stream (PYTHONUNBUFFERED) writes what a disk still takes and drops the rest, and a pipe that does not
    wait takes what fits.
    """
    try:
        number = stream.fileno()
        parts = isinstance(stream.buffer, io.RawIOBase) or not os.get_blocking(number)
    except (OSError, ValueError, AttributeError):  # no file: a test, a notebook
        return stream
    if not parts:
        return stream
    whole = io.BufferedWriter(_Whole(number))
    return io.TextIOWrapper(whole, stream.encoding, stream.errors, line_buffering=True)


class _Whole(io.RawIOBase):
    """A file descriptor that is written to until all is written, or an error says why not."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, given: Any, /) -> int:
        left = memoryview(given).cast("B")
        while len(left):
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                select.select([], [self._number], [])
        return memoryview(given).nbytes


class _Patient:
    """A text stream that drops what nobody reads any more.

    It stands where `sys.stdout` is, since each printer below it (print, rich, the option parser) answers a closed
    pipe in a way of its own, and some of them with an exit code.
    """

    def __init__(self, stream: TextIO, dropped: type[OSError]) -> None:
        self._stream, self._dropped = stream, dropped

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:  # names of files that are no text, and characters that the terminal has not
            coding = self._stream.encoding or "utf-8"
            return self.write(text.encode(coding, "backslashreplace").decode(coding))
        except self._dropped:
            discard(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except self._dropped:
            discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def discard(stream: TextIO) -> None:
    """Send what is still to be written to a stream nowhere, so that the interpreter can end without it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
