"""The kernels over pairs of groups with an engine: each pair of blocks of rows by itself, counts equal to one process.

A block is cut into the tiles that all rows are cut into, so that every product is the same to the last bit; counts
are whole numbers, and their sums have no order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels import RowsAt, numpy_kernels
from labelfree.kernels.engines import Engine, Held, batches, threads
from labelfree.kernels.numpy_pairs import ALIGNED, ends, reached_between, tail_between
from labelfree.progress import Advance, still

T = TypeVar("T")
R = TypeVar("R")

BLOCK = 4 * ALIGNED
"""Rows of a block."""
_BATCH = 8  # items of one piece


@dataclass(frozen=True, eq=False)
class Pair:
    """Two blocks of rows, and where they begin among all rows, whose groups end at `end` (n,)."""

    one: Held[Rows]
    other: Held[Rows]
    at: int
    to: int
    end: Held[Index]

    def rows(self) -> tuple[Rows, Rows, int, int, Index]:
        """What the kernels take: the same array twice for a block and itself."""
        left = self.one.value()
        right = left if self.at == self.to else self.other.value()
        return left, right, self.at, self.to, self.end.value()


@dataclass(frozen=True, eq=False)
class Blocks:
    """Rows in blocks elsewhere, of which any can be taken."""

    held: tuple[Held[Rows], ...]
    block: int

    def __getitem__(self, index: Index) -> Rows:
        """The rows at these places, in an array of the shape of `index` and the columns."""
        flat = index.ravel()
        which = flat // self.block
        parts = {i: self.held[i].value() for i in np.unique(which).tolist()}
        first = next(iter(parts.values()))
        out = np.empty((len(flat), first.shape[1]), first.dtype)
        for i, rows in parts.items():
            here = which == i
            out[here] = rows[flat[here] - i * self.block]
        return out.reshape(*index.shape, -1)


class PairedKernels:
    """See Kernels: those of numpy, with the pairs of blocks of rows handed out by an engine."""

    def __init__(self, engine: Engine = threads, block: int = BLOCK) -> None:
        if block % ALIGNED:
            raise ValueError(f"expected a block of a multiple of {ALIGNED} rows, found {block}")
        self.engine, self.block = engine, block
        self.scatter, self.potential = numpy_kernels.scatter, numpy_kernels.potential
        self.nearest, self.nearest_of, self.below = numpy_kernels.nearest, numpy_kernels.nearest_of, numpy_kernels.below
        self._last: tuple[Rows, tuple[Held[Rows], ...]] | None = None

    def held(self, rows: Rows) -> tuple[Held[Rows], ...]:
        """The blocks of these rows, put once for the calls that follow with the same ones."""
        if self._last is None or self._last[0] is not rows:
            starts = range(0, len(rows), self.block)
            self._last = rows, tuple(self.engine.put(rows[start : start + self.block]) for start in starts)
        return self._last[1]

    def _pairs(self, rows: Rows, group: Index) -> list[Pair]:
        """The pairs of blocks that hold pairs of rows of different groups."""
        held, end = self.held(rows), ends(group)
        known = self.engine.put(end)
        last = [min((i + 1) * self.block, len(rows)) for i in range(len(held))]
        return [
            Pair(held[i], held[j], i * self.block, j * self.block, known)
            for i in range(len(held))
            for j in range(i, len(held))
            if end[i * self.block] < last[j]
        ]

    def tail(
        self, unit: Rows, group: Index, windows: Float, bins: int, advance: Advance = still
    ) -> tuple[Index, Index, Rows]:
        """See Kernels.tail."""
        above, counts = np.zeros(len(windows), np.int64), np.zeros((len(windows), bins), np.int64)
        nearest = np.full(len(unit), -np.inf, unit.dtype)
        pairs = self._pairs(unit, group)
        found = self.engine.map(partial(_tail, windows=windows, bins=bins), pairs)
        for done, (pair, (more, count, one, other)) in enumerate(zip(pairs, found, strict=True), start=1):
            above += more
            counts += count
            for start, part in ((pair.at, one), (pair.to, other)):
                own = nearest[start : start + len(part)]
                np.maximum(own, part, out=own)
            advance(done / len(pairs))
        return above, counts, nearest

    def accepted(self, unit: Rows, group: Index, levels: Float, advance: Advance = still) -> NDArray[np.int32]:
        """See Kernels.accepted."""
        counts = np.zeros((len(unit), len(levels)), np.int32)
        pairs = self._pairs(unit, group)
        found = self.engine.map(partial(_reached, levels=levels), pairs)
        for done, (pair, (one, other)) in enumerate(zip(pairs, found, strict=True), start=1):
            counts[pair.at : pair.at + len(one)] += one
            if pair.to != pair.at:
                counts[pair.to : pair.to + len(other)] += other
            advance(done / len(pairs))
        np.cumsum(counts, axis=1, dtype=np.int32, out=counts)
        return counts

    def over(self, rows: Rows, work: Callable[[RowsAt, T], R], items: Iterable[T]) -> Iterator[R]:
        """See Kernels.over."""
        there = Blocks(self.held(rows), self.block)
        for batch in self.engine.map(partial(_each, rows=there, work=work), batches(items, _BATCH)):
            yield from batch


def _tail(pair: Pair, windows: Float, bins: int) -> tuple[Index, Index, Rows, Rows]:
    return tail_between(*pair.rows(), windows, bins)


def _reached(pair: Pair, levels: Float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return reached_between(*pair.rows(), levels)


def _each(items: Sequence[T], rows: RowsAt, work: Callable[[RowsAt, T], R]) -> list[R]:
    return [work(rows, item) for item in items]
