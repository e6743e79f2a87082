"""What one worker sums elsewhere: consecutive shards of a file, or small files, as whole nodes of the tree of merges.

A piece is cut by the data alone, and how it is cut changes no digit: a node is merged from its shards wherever that is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from labelfree.sources.block import Source
from labelfree.summaries.merging import FAN
from labelfree.survey.shards import Shard, shards_of

MOST_PIECES = 1024
"""Pieces of a file, of which larger ones take several shards each."""


@dataclass(frozen=True)
class Piece:
    """Consecutive shards of one file; nodes: how many of them, one after another, each state is of, and its level.

    groups: the first and the last row group of the file that hold them, None where it has none; inner: the pieces of
    several whole files that are one, whose state is a node of the tree of files, none where it is of one file.
    """

    shards: tuple[Shard, ...]
    nodes: tuple[tuple[int, int], ...]
    groups: tuple[int, int] | None = None
    inner: tuple[Piece, ...] = ()

    @property
    def file(self) -> int:
        """The number of the file, or of the first."""
        return self.shards[0].file

    @property
    def start(self) -> int:
        """Its first row in the data set."""
        return self.shards[0].start

    @property
    def stop(self) -> int:
        """The row after its last."""
        return self.shards[-1].stop


def pieces_of(source: Source) -> Iterator[Piece]:
    """The pieces of a data set in the order of its rows.

    No row group is read for two of them; of a file that is read from its start there is one piece.
    """
    total = sum(source.counts) or source.total
    filtered = source.total < total
    groups = _groups(source)
    for file, found in groupby(_finite(source, total), key=lambda shard: shard.file):
        shards = list(found)
        own = groups[file] if file < len(groups) else []
        ends = set(own)
        most = 1
        while len(shards) > most * MOST_PIECES:
            most *= FAN
        first = 0
        for i, shard in enumerate(shards, 1):
            apart = not source.in_order and (not own or shard.stop in ends) and i - first >= most
            if apart or i == len(shards):
                nodes = ((1, 0),) * (i - first) if filtered else tuple(_nodes(first, i))
                held = (bisect_right(own, shards[first].start), bisect_left(own, shard.stop)) if own else None
                yield Piece(tuple(shards[first:i]), nodes, held)
                first = i


def _finite(source: Source, total: int) -> Iterator[Shard]:
    """The shards that hold rows."""
    for shard in shards_of(source):
        if shard.start >= total:
            return
        yield Shard(shard.file, shard.number, shard.start, min(shard.stop, total))


def _groups(source: Source) -> list[list[int]]:
    """The rows of the data set at which each row group ends, by file; none where there are no row groups."""
    found: list[list[int]] = []
    groups, at = deque(source.groups), 0
    for rows in source.counts if groups else ():
        own, end = list[int](), at + rows
        while groups and at < end:
            at += max(groups.popleft(), 0)
            own.append(at)
        found.append(own)
        at = end
    return found


def _nodes(first: int, stop: int) -> Iterator[tuple[int, int]]:
    """The largest whole nodes of the tree of a file that shards `first` to `stop` fill, in order: shards, and level.

    >>> list(_nodes(0, 6)), list(_nodes(3, 9))
    ([(4, 1), (1, 0), (1, 0)], [(1, 0), (4, 1), (1, 0)])
    """
    while first < stop:
        size, level = 1, 0
        while first % (size * FAN) == 0 and first + size * FAN <= stop:
            size, level = size * FAN, level + 1
        yield size, level
        first += size
