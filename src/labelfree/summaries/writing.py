"""A file of many records, written while they come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile

from labelfree.summaries.encoding import Record, header, payload
from labelfree.summaries.fields import Fields, Value

HELD = 1 << 26
"""Bytes that wait in memory to be written; more wait in a temporary file."""


class Writing:
    """Records that come one after another, of which no more than one is in memory: the header, made last, stands first.

    size: bytes of the file that was written.
    """

    def __init__(self) -> None:
        self._waiting = SpooledTemporaryFile(max_size=HELD)  # noqa: SIM115  (closed by `close`)
        self._records: dict[str, Record] = {}
        self.size = 0

    def add(self, name: str, fields: Fields) -> None:
        """Take in a state."""
        record, pieces = payload(fields)
        self.copy(name, record, *pieces)

    def copy(self, name: str, record: Record, *pieces: bytes) -> None:
        """Take in a record of another file, with the bytes of its arrays."""
        self._records[name] = record
        for piece in pieces:
            self._waiting.write(piece)

    def write(self, path: Path, about: Mapping[str, Value]) -> None:
        """Write them to a file; about: what else its header tells."""
        with path.open("wb") as stream:
            stream.write(header(self._records, about))
            self._waiting.seek(0)
            copyfileobj(self._waiting, stream, 1 << 20)
            self.size = stream.tell()

    def close(self) -> None:
        """Give back what waits."""
        self._waiting.close()
