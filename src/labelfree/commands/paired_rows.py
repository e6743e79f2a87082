"""Two sources of the same rows read side by side: joined by id, or by position where neither has ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, Keys, Rows
from labelfree.commands.joined_ids import join_of
from labelfree.commands.paired_sums import Blocks, PairPass, PairSums
from labelfree.commands.row_streams import Stream
from labelfree.errors import RowsError
from labelfree.evidence.pair import Pair, block_rows
from labelfree.kernels import Kernels
from labelfree.progress import Progress
from labelfree.sources.block import Source
from labelfree.summaries.hashing import hash_ids
from labelfree.summaries.merging import Tree
from labelfree.survey.engines.passes import Reducing, summed_by

IN_MEMORY = 256_000_000
"""Bytes up to which rows that stand in another order are kept in memory; more of them in a temporary file."""


@dataclass(frozen=True, eq=False)
class Joint:
    """What reading two sources side by side found.

    pair: of the rows that both hold; index: (m,) positions of the sampled rows in the first source; keys: (m,) what
    identifies them; joined: "id" or "position"; left_out: rows of each that the other does not hold, bad: rows that
    are bad in one of them; reordered: whether the second source holds its rows in another order.
    """

    pair: Pair
    index: Index
    keys: Keys
    joined: Literal["id", "position"]
    left_out: tuple[int, int] = (0, 0)
    bad: int = 0
    reordered: bool = False


def paired(
    one: Source,
    other: Source,
    *,
    k: int,
    kernels: Kernels,
    on_bad: Literal["error", "drop"] = "error",
    sample: int | None,
    seed: int = 0,
    common: bool = False,
    progress: Progress,
    place: Path,
    engine: Reducing | None = None,
    work: str | None = None,
) -> Joint:
    """The evidence of two sources in one pass over both, which must hold the same rows unless `common` is set.

    Of rows only the sampled ones stay in memory; ids are 8 bytes each. Where the second source holds its rows in
    another order they are written to a file in `place` first, in the order of the first (in memory up to IN_MEMORY);
    that this process does by itself, as all without an engine. work: a directory for what the engine has summed.
    """
    join = join_of(one, other, common)
    given = PairPass(one, other, join.keys, sample, seed, on_bad)
    spooled = None
    if join.place is not None:
        spooled = _Spooled(other, join.place, given.total, on_bad, place, progress)
    if engine is not None and spooled is None:
        given = given.settled()
        found = None if given.pivot is None else summed_by(engine, given, given.pieces(), work, progress)
    else:
        found = _summed_here(given, spooled, kernels, progress)
    drawn = None if found is None else found.drawn.packed().drawn()
    if found is None or drawn is None:
        raise RowsError(f"{one.name} and {other.name}: expected rows that both hold, found none that can be used")
    a, b = np.ascontiguousarray(drawn.rows[:, : one.d]), np.ascontiguousarray(drawn.rows[:, one.d :])
    pair = Pair(found.moments, a, b, k, seed, kernels, progress)
    names = hash_ids(drawn.index) if join.keys is None else join.keys[drawn.index]
    return Joint(pair, drawn.index, names, join.by, join.left_out, found.bad, join.reordered)


def _summed_here(given: PairPass, spooled: _Spooled | None, kernels: Kernels, progress: Progress) -> PairSums | None:
    """The sums of all rows, by this process: both sources are read once, from begin to end."""
    first = Stream(given.one, given.one.read(given.step), given.on_bad)
    second = None if spooled else Stream(given.other, given.other.read(given.step), given.on_bad)
    tree: Tree[PairSums] = Tree()
    empty = 0

    def blocks(start: int, stop: int) -> Blocks:
        if second is not None:
            yield from given.blocks((first, second), start, stop)
            return
        assert spooled is not None
        for begin in range(start, stop, given.step):
            end = min(begin + given.step, stop)
            index, a = first.upto(end)
            there, b = spooled.rows(index)
            yield (end, index, a, b) if there.all() else (end, index[there], a[there], b[there])

    def told(row: int) -> None:
        progress("reading", row / max(given.total, 1))

    for piece in given.pieces():
        found = blocks(piece.start, piece.stop)
        if given.pivot is None:
            head = next((block for block in found if len(block[1])), None)
            if head is None:
                empty += 1
                continue
            given = given.about(head[2], head[3])
            for _ in range(empty):
                tree.add(given.summed(iter(()), kernels))
            found = chain([head], found)
        tree.add(given.summed(found, kernels, told))
    total = tree.total()
    bad = first.bad + (second.bad if second is not None else 0) + (spooled.bad if spooled is not None else 0)
    return None if total is None else replace(total, bad=bad)


class _Spooled:
    """The rows of a source in the order of another: in memory, or in a file where they are many."""

    def __init__(
        self,
        source: Source,
        place: Index,
        total: int,
        on_bad: Literal["error", "drop"],
        folder: Path,
        progress: Progress,
    ) -> None:
        slots = np.full(source.total, -1, np.int64)  # where each of its rows goes
        there = np.flatnonzero(place >= 0)
        slots[place[there]] = np.arange(len(there))
        self.slot = np.full(total, -1, np.int64)
        self.slot[there] = np.arange(len(there))
        kind = np.float32 if {*source.dtype.split(", ")} <= {"float32", "float16", "bfloat16", "int8"} else np.float64
        shape = (len(there), source.d)
        if shape[0] * shape[1] * np.dtype(kind).itemsize <= IN_MEMORY:
            self.held: Rows = np.empty(shape, kind)
        else:
            self.held = np.memmap(folder / "reordered", kind, "w+", shape=shape)
        self.good = np.zeros(len(there), bool)
        step = block_rows(source.d)
        stream = Stream(source, source.read(step), on_bad)
        for start in range(0, source.total, step):
            index, rows = stream.upto(min(start + step, source.total))
            to = slots[index]
            if (to < 0).any():
                rows, to = rows[to >= 0], to[to >= 0]
            self.held[to] = rows
            self.good[to] = True
            progress("bringing rows into order", min(1.0, (start + step) / max(source.total, 1)))
        self.bad = stream.bad

    def rows(self, index: Index) -> tuple[NDArray[np.bool_], Rows]:
        """Which of these rows of the other source are there, and all of them, those that are not as any."""
        slot = self.slot[index]
        there = slot >= 0
        there[there] = self.good[slot[there]]
        return there, np.asarray(self.held[np.maximum(slot, 0)])
