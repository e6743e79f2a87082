"""Lines of a text file, plain or compressed by gzip: UTF-8, each of bounded length, or an error that says where."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from typing import IO, cast

from labelfree.documents.stores.remote_file import File
from labelfree.errors import SourceError

LONGEST = 1 << 26
"""Bytes of a line from which on it is refused: what a bomb of gzip may unpack to in memory."""
BROKEN = (OSError, EOFError, zlib.error)
"""What the reading of a damaged file raises."""


def raw_lines(file: File, longest: int | None = None) -> Iterator[bytes]:
    """The lines of a file as bytes, each with its end; a byte order mark of UTF-8 is left out.

    longest: bytes of a line that may be, LONGEST unless given.
    """
    number, longest = 0, longest or LONGEST
    try:
        with ExitStack() as stack:
            stream = stack.enter_context(byte_stream(file))
            while line := stream.readline(longest + 1):
                number += 1
                if number == 1:
                    line = _without_mark(line, file)
                if len(line) > longest:
                    raise SourceError(
                        f"{file}: line {number} is longer than {longest >> 20} MiB; expected one text or record on "
                        "each line: cut it up, or write them to a Parquet file"
                    )
                yield line
    except BROKEN as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else f"{error}, after line {number}"
        raise SourceError(f"{file}: cannot be read ({said}); it may be truncated: write or copy it again") from error


@contextmanager
def byte_stream(file: File) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where it is compressed by gzip."""
    with ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(file.open("rb"))
        if file.suffix.lower() == ".gz":
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=stream))
            stream = stack.enter_context(BufferedReader(cast("IO[bytes]", unpacked), 1 << 20))  # type: ignore[type-var]
        yield stream


def decoded(line: bytes, number: int, file: File) -> str:
    """Line `number` (from 1) as text, with its end."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file}: expected text in UTF-8, found the byte 0x{line[error.start]:02x} at byte {error.start} of line "
            f"{number}; convert it first, for instance: iconv -f LATIN1 -t UTF-8"
        ) from error


def _without_mark(line: bytes, file: File) -> bytes:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(
            f"{file}: expected text in UTF-8, found the byte order mark of UTF-16 at byte 0 of line 1; convert it "
            "first: iconv -f UTF-16 -t UTF-8"
        )
    return line.removeprefix(b"\xef\xbb\xbf")
