"""Where a data set is cut: into files, shards of them and parts of these, by the data alone.

Whoever sums a part, in whatever thread, process or node, has the same rows to sum; so reports do not tell by whom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np

from labelfree.evidence.evidence import WIDE
from labelfree.sources.block import Block, Source, Values
from labelfree.sources.row_groups import Chosen
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


def _shards_of_part(part: Chosen, counts: Sequence[int], most: int) -> Iterator[Shard]:
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


def parts_of(source: Source, blocks: Iterable[Block]) -> Iterator[tuple[Part, Block]]:
    """The rows of a source, read in blocks of any size, as blocks that are the same however they were read.

    Up to width WIDE every block is a part of its own; of wider rows a shard is one part of many blocks. Where texts
    beside the rows are so long that they do not wait, a block ends where the reader's did.
    """
    step = block_rows(source.d)
    waiting: list[Block] = []
    shards = shards_of(source)
    shard = next(shards)
    stop = min(shard.start + step, shard.stop)
    part = heavy = 0

    def full() -> Iterator[tuple[Part, Block]]:
        nonlocal part, heavy
        if waiting:
            yield (shard.file, shard.number, 0 if source.d > WIDE else part), _whole(waiting)
            waiting.clear()
            part, heavy = part + 1, 0

    for block in blocks:
        left: Block | None = block
        while left is not None:
            here, left = _cut(left, stop)
            if here is not None:
                waiting.append(here)
                heavy += sum(map(_letters, here.extra.values()))
                if heavy > _HEAVY:
                    yield from full()
            if left is not None:
                yield from full()
                if stop == shard.stop:
                    shard, part = next(shards), 0
                    stop = shard.start
                stop = min(stop + step, shard.stop)
    yield from full()


def _letters(values: Values) -> int:
    """Letters of a column of texts, some of which may be missing."""
    return sum(len(one) for one in values if isinstance(one, str | bytes)) if values.dtype == object else 0


def _cut(block: Block, stop: int) -> tuple[Block | None, Block | None]:
    """The rows of a block before row `stop` of the data set, and those from it on; None where there are none."""
    at, null, ragged = (int(np.searchsorted(where, stop)) for where in (block.index, block.null, block.ragged))
    if (at, null, ragged) == (len(block.index), len(block.null), len(block.ragged)):
        return block, None
    if not (at or null or ragged):
        return None, block

    def part(which: slice, null: slice, ragged: slice) -> Block:
        extra = {role: values[which] for role, values in block.extra.items()}
        return Block(block.rows[which], block.index[which], extra, block.null[null], block.ragged[ragged])

    return (
        part(slice(at), slice(null), slice(ragged)),
        part(slice(at, None), slice(null, None), slice(ragged, None)),
    )


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
