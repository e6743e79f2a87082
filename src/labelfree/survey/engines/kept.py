"""States on disk, so that a driver that was killed goes on where it was: one file a piece, written whole or not at all.

A file is named by the hash of all that its state depends on: the pass with its source, the sizes and times of its
files, the rows of the piece, and the versions that sum. Another pass never takes it for its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from labelfree.documents.files import atomically
from labelfree.errors import EngineError, SummaryError, option
from labelfree.summaries.encoding import FORMAT, LAW, encoded, stored
from labelfree.summaries.fields import Fields
from labelfree.survey.engines.summing import Summing
from labelfree.survey.pieces import Piece

S = TypeVar("S")
_NONE = "none"


@dataclass(frozen=True)
class Kept:
    """Where the states of one pass are kept; digest: of all that they depend on but for their rows."""

    directory: str
    digest: str

    def path(self, piece: Piece | None) -> Path:
        """The file of a piece, or of the whole pass."""
        rows = "all" if piece is None else f"{piece.file} {piece.start} {piece.stop} {piece.nodes}"
        named = hashlib.blake2b(f"{self.digest} {rows}".encode(), digest_size=16).hexdigest()
        return Path(self.directory) / f"{'pass' if piece is None else 'piece'}-{named}.state"

    def read(self, piece: Piece | None, one: Summing[S]) -> list[S | None] | None:
        """The states that were kept, None where there are none, or none that are whole."""
        try:
            raw = self.path(piece).read_bytes()
        except OSError:
            return None
        view = memoryview(raw)
        try:
            found = stored(lambda begin, length: bytes(view[begin : begin + length]), len(raw))
            names = sorted(found.records, key=int)
            if found.about.get("states") != len(names):
                return None
            states = [None if found.records[name].kind == _NONE else found.fields(name) for name in names]
            return [None if fields is None else one.filled(fields) for fields in states]
        except SummaryError:
            return None

    def write(self, piece: Piece | None, states: Sequence[S | None], one: Summing[S]) -> None:
        """Keep states."""
        if not Path(self.directory).is_dir():
            raise EngineError(
                f"{option('work', self.directory)}: expected a directory that every node sees, found none on "
                f"{_here()}; name one on a file system that they share"
            )
        fields = {str(i): Fields(_NONE, {}) if state is None else one.fields(state) for i, state in enumerate(states)}
        raw = encoded(fields, {"states": len(states)})
        atomically(self.path(piece), lambda place: place.write_bytes(raw))

    def forget(self, pieces: Sequence[Piece]) -> None:
        """Remove the files of pieces, whose pass is kept as a whole."""
        for piece in pieces:
            with suppress(OSError):
                self.path(piece).unlink(missing_ok=True)


def kept_in(directory: str, shipped: str, one: Summing[S]) -> Kept:
    """Where the states of a pass are kept; shipped: the hash of the pass as it travels."""
    import platform

    import numpy

    from labelfree import __version__

    place = Path(directory).absolute()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(
            f"{option('work', directory)}: expected a directory, which cannot be made ({error.strerror or error}); "
            "name another"
        ) from error
    found = hashlib.blake2b(digest_size=16)
    about = (shipped, __version__, numpy.__version__, platform.machine(), FORMAT, LAW, _versions_of(one))
    found.update(repr(about).encode())
    return Kept(str(place), found.hexdigest())


def _versions_of(one: Summing[S]) -> list[tuple[str, int, int]]:
    """Size and time of each local file; of remote ones the recipe holds what was seen."""
    found = []
    for name in (file for source in one.sources for file in source.files):
        with suppress(OSError):
            seen = Path(name).stat()
            found.append((name, seen.st_size, seen.st_mtime_ns))
    return found


def _here() -> str:
    import socket

    return socket.gethostname()
