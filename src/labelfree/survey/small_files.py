"""Small files taken together, so that a hundred thousand of them are not as many tasks.

Only what one worker is given changes, neither shards nor sums nor the tree of merges: files together are one whole node
of the tree of files, which is merged from them wherever that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby

from labelfree.sources.block import Source
from labelfree.summaries.merging import FAN
from labelfree.survey.pieces import Piece, pieces_of

TASK_BYTES = 32_000_000
"""Bytes that files of one task have together, at most."""
MOST_LEVEL = 3
"""Level of the highest node of the tree of files that is one task: 64 files, which are opened one after another."""


def tasks_of(source: Source) -> list[Piece]:
    """The pieces of a data set in the order of its rows, small files together."""
    pieces = list(pieces_of(source))
    if source.total < (sum(source.counts) or source.total):  # who knows which files hold rows of the part
        return pieces
    files = [list(found) for _, found in groupby(pieces, key=lambda piece: piece.file)]
    return list(_joined(source, files))


def _joined(source: Source, files: Sequence[Sequence[Piece]]) -> Iterator[Piece]:
    """Each whole node of the tree of files that is small enough, and what is in none as it is."""
    sizes = [_bytes(source, file) for file in files]
    first = 0
    while first < len(files):
        level = 0
        while level < MOST_LEVEL and _fits(files, sizes, first, FAN ** (level + 1)):
            level += 1
        stop = first + FAN**level
        if level == 0:
            yield from files[first]
        else:
            inner = tuple(chain.from_iterable(files[first:stop]))
            shards = tuple(chain.from_iterable(piece.shards for piece in inner))
            yield Piece(shards, ((len(shards), level),), inner=inner)
        first = stop


def _fits(files: Sequence[Sequence[Piece]], sizes: Sequence[float], first: int, count: int) -> bool:
    """Whether so many files from `first` on are a node, each in one piece, and small enough together."""
    stop = first + count
    if first % count or stop > len(files) or any(len(file) > 1 for file in files[first:stop]):
        return False
    return sum(sizes[first:stop]) <= TASK_BYTES


def _bytes(source: Source, file: Sequence[Piece]) -> float:
    """Bytes of the rows of a file, as they are stored where that is known."""
    rows = file[-1].stop - file[0].start
    return rows * (source.size / max(source.total, 1) if source.size else 8.0 * source.d)
