"""Where a data set is cut: into files, shards of them and parts of these, by the data alone.

Whoever sums a part, in whatever thread, process or node, has the same rows to sum; so reports do not tell by whom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np

from labelfree.arrays import Index
from labelfree.evidence.evidence import WIDE
from labelfree.sources.block import Block, Source
from labelfree.sources.row_groups import ChosenGroups
from labelfree.summaries.merging import levels

_BLOCK_NUMBERS = 1 << 20
_SHARD_ROWS = 1 << 16

Part: TypeAlias = tuple[int, int, int]
"""File, shard of the file, part of the shard."""

_HEAVY = 1 << 24
"""Letters of texts beside the rows that wait for a block to be full."""


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of one file, whole row groups where it has some that are small: from `start` to `stop`."""

    file: int
    number: int
    start: int
    stop: int


def block_rows(d: int) -> int:
    """Rows of a block: some megabytes, and enough of them for a matrix product to be worth its d x d result."""
    return max(_BLOCK_NUMBERS // max(d, 1), min(d, 2048), 1)


def shard_rows(d: int) -> int:
    """The most rows of a shard: whole blocks, some 65,536 rows."""
    return block_rows(d) * max(1, _SHARD_ROWS // block_rows(d))


def shards_of(source: Source) -> Iterator[Shard]:
    """The shards of a data set in the order of its rows; where nobody knows how many rows there are, without an end.

    Row groups of a file are taken together up to `shard_rows` rows; a larger one is cut, as are files without any.
    Where some row groups are read, each is on its own.
    """
    most, first, file = shard_rows(source.d), 0, -1
    if source.part is not None:
        yield from _shards_of_part(source.part, source.counts, most)
        return
    groups = list(source.groups)[::-1]
    for file, rows in enumerate(source.counts):
        pieces, left = [], rows
        while left > 0:
            size = min(left, max(groups.pop(), 0)) if groups else left
            pieces.append(size)
            left -= size
        for number, (start, stop) in enumerate(_joined(pieces, most)):
            yield Shard(file, number, first + start, first + stop)
        first += rows
    for number in count():
        yield Shard(file + 1, number, first, first + most)
        first += most


def _shards_of_part(part: ChosenGroups, counts: Sequence[int], most: int) -> Iterator[Shard]:
    """The shards of the row groups that are read; after the last of them one without rows, without an end."""
    ends = np.cumsum(counts or [part.rows])
    number, last = 0, -1
    for start, stop in part.spans:
        file = int(np.searchsorted(ends, start, side="right"))
        number = number if file == last else 0
        last = file
        for first, end in _joined([stop - start], most):
            yield Shard(file, number, first + start, end + start)
            number += 1
    while True:
        yield Shard(last, number, part.rows, part.rows)
        number += 1


def states_alive(source: Source) -> tuple[int, bool]:
    """The most sums that wait to be merged with those of later rows, and whether any are merged at all."""
    rows, files = max(source.total, 1), max(len(source.counts), 1)
    parts = 1 if source.d > WIDE else -(-min(rows, shard_rows(source.d)) // block_rows(source.d))
    groups = len(source.groups) // 2 if source.part is None else len(source.part.spans)
    shards = -(-rows // shard_rows(source.d)) + groups
    alive = levels(parts) + (levels(shards) if shards > 1 else 0) + (levels(files) if files > 1 else 0)
    return alive, parts * shards * files > 1


def _joined(pieces: list[int], most: int) -> Iterator[tuple[int, int]]:
    """The ends of shards of these row groups."""
    start = stop = 0
    for size in pieces:
        if stop > start and stop - start + size > most:
            yield start, stop
            start = stop
        stop += size
        if size > most:
            yield from ((at, min(at + most, stop)) for at in range(start, stop, most))
            start = stop
    if stop > start:
        yield start, stop


def parts_of(
    source: Source, blocks: Iterable[Block], shards: Iterable[Shard] | None = None
) -> Iterator[tuple[Part, Block]]:
    """The rows of a source, read in blocks of any size, as blocks that are the same however they were read.

    Up to width WIDE every block is a part of its own; of wider rows a shard is one part of many blocks. Where texts
    beside the rows are so long that they do not wait, a block ends at the row that made it heavy. shards: consecutive
    ones that hold all rows of the blocks, None for all.
    """
    step = block_rows(source.d)
    waiting: list[Block] = []
    following = iter(shards_of(source) if shards is None else shards)
    shard = next(following)
    stop = min(shard.start + step, shard.stop)
    part = heavy = 0

    def full() -> Iterator[tuple[Part, Block]]:
        nonlocal part, heavy
        if waiting:
            yield (shard.file, shard.number, 0 if source.d > WIDE else part), _whole(waiting)
            waiting.clear()
            part, heavy = part + 1, 0

    for block in blocks:
        left: Block | None = None if block.empty else block
        while left is not None:
            here, left = left.cut(stop)
            while here is not None:
                light, letters, here = _light(here, _HEAVY - heavy)
                waiting.append(light)
                heavy += letters
                if heavy > _HEAVY:
                    yield from full()
            if left is not None:
                yield from full()
                if stop == shard.stop:
                    shard, part = next(following), 0
                    stop = shard.start
                stop = min(stop + step, shard.stop)
    yield from full()


def _light(block: Block, most: int) -> tuple[Block, int, Block | None]:
    """The rows of a block up to the first whose texts make it hold more letters than `most`; these, and the others."""
    letters = np.cumsum(_letters(block))
    if len(letters) == 0 or letters[-1] <= most:
        return block, int(letters[-1]) if len(letters) else 0, None
    last = int(np.searchsorted(letters, most, side="right"))
    before, rest = block.cut(int(block.index[last]) + 1)
    assert before is not None
    return before, int(letters[last]), rest


def _letters(block: Block) -> Index:
    """Letters of the texts beside each row, none of a missing one."""
    texts = [values for values in block.extra.values() if values.dtype == object]
    lengths = [[len(one) if isinstance(one, str | bytes) else 0 for one in values] for values in texts]
    return np.sum(lengths, axis=0, dtype=np.int64) if lengths else np.empty(0, np.int64)


def _whole(blocks: list[Block]) -> Block:
    """Consecutive blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        np.concatenate([one.rows for one in blocks]),
        np.concatenate([one.index for one in blocks]),
        {role: np.concatenate([one.extra[role] for one in blocks]) for role in blocks[0].extra},
        np.concatenate([one.null for one in blocks]),
        np.concatenate([one.ragged for one in blocks]),
    )
