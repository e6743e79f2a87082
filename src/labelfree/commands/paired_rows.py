"""Two sources of the same rows read side by side: joined by id, or by position where neither has ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, Keys, Rows
from labelfree.commands.joined_ids import join_of
from labelfree.errors import RowsError, SourceError, option
from labelfree.evidence.pair import Pair, block_rows
from labelfree.evidence.scaling import FAINT, in_range, squared_lengths, too_far
from labelfree.kernels import Kernels
from labelfree.progress import Progress
from labelfree.sources.block import Block, Source
from labelfree.summaries.hashing import hash_ids, mix
from labelfree.summaries.pair_moments import PairMoments
from labelfree.summaries.sample import Sample

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


@dataclass
class _Stream:
    """The usable rows of a source by position, so far as they were asked for."""

    source: Source
    blocks: Iterator[Block]
    on_bad: Literal["error", "drop"]
    seen: int = 0
    bad: int = 0
    waiting: list[tuple[Index, Rows]] = field(default_factory=list)

    def upto(self, stop: int) -> tuple[Index, Rows]:
        """Positions and rows below `stop` that were not given before."""
        while self.seen < stop and (block := next(self.blocks, None)) is not None:
            self._take(block)
        index: list[Index] = []
        rows: list[Rows] = []
        while self.waiting:
            where, held = self.waiting.pop(0)
            cut = int(np.searchsorted(where, stop))
            index.append(where[:cut])
            rows.append(held[:cut])
            if cut < len(where):
                self.waiting.insert(0, (where[cut:], held[cut:]))
                break
        if len(rows) == 1:
            return index[0], rows[0]
        if not rows:
            return np.empty(0, np.int64), np.empty((0, self.source.d), np.float32)
        return np.concatenate(index), np.concatenate(rows)

    def _take(self, block: Block) -> None:
        self.seen += len(block.index) + len(block.null) + len(block.ragged)
        squares, held = squared_lengths(block.rows)
        good = held | ~block.rows.any(axis=1) if not held.all() else held
        odd = np.flatnonzero(~good)
        bad = odd[~np.isfinite(block.rows[odd]).all(axis=1)]
        if len(beyond := np.setdiff1d(odd, bad)):
            place, row = self.source.place(int(block.index[beyond[0]])), squares[beyond[0]]
            raise SourceError(f"{self.source.name}: {place}: {too_far('a length', row**0.5, FAINT**0.5, 'embeddings')}")
        wrong = np.sort(np.concatenate([block.null, block.ragged, block.index[bad]]))
        if len(wrong) and self.on_bad == "error":
            raise RowsError(
                f"{self.source.name}: expected {self.source.d} finite numbers a row, found null, NaN or infinity or "
                f"another length at {self.source.place(int(wrong[0]))}; leave such rows out with "
                f"{option('on_bad', 'drop')}"
            )
        self.bad += len(wrong)
        if good.all():
            self.waiting.append((block.index, block.rows))
        else:
            self.waiting.append((block.index[good], block.rows[good]))


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
) -> Joint:
    """The evidence of two sources in one pass over both, which must hold the same rows unless `common` is set.

    Of rows only the sampled ones stay in memory; ids are 8 bytes each. Where the second source holds its rows in
    another order they are written to a file in `place` first, in the order of the first (in memory up to IN_MEMORY).
    """
    join = join_of(one, other, common)
    step = block_rows(one.d + other.d)
    first = _Stream(one, one.read(step), on_bad)
    total = one.total if join.keys is None else len(join.keys)
    drawn = Sample.empty(sample)
    moments: PairMoments | None = None
    scales = (0, 0)
    lookup = _Spooled(other, join.place, total, on_bad, place, progress) if join.place is not None else None
    second = None if lookup is not None else _Stream(other, other.read(step), on_bad)
    for start in range(0, total, step):
        stop = min(start + step, total)
        index, a = first.upto(stop)
        if lookup is not None:
            there, b = lookup.rows(index)
        else:
            assert second is not None
            held, b = second.upto(stop)
            there, index, b = _met(index, held, b)
        if not there.all():
            a, index = a[there], index[there]
        if lookup is not None:
            b = b[there]
        progress("reading", stop / max(total, 1))
        if len(index) == 0:
            continue
        keys = hash_ids(index) if join.keys is None else join.keys[index]
        if moments is None:
            (a_scaled,), e = in_range((one.name, a))
            (b_scaled,), f = in_range((other.name, b))
            scales = e, f
            pivot = np.concatenate([r.mean(axis=0, dtype=np.float64) for r in (a_scaled, b_scaled)])
            moments = PairMoments.empty(one.d, pivot)
        a, b = _scaled(a, scales[0]), _scaled(b, scales[1])
        moments = moments.update(a, b, keys, kernels, reuse=True)
        mixed = mix(keys, seed)
        kept = mixed < drawn.cut if drawn.limit is not None else np.ones(len(mixed), bool)
        if kept.any():
            both = np.concatenate([a[kept], b[kept]], axis=1)
            drawn = drawn.update(both, mixed[kept], index[kept])
    found = drawn.packed().drawn()
    if moments is None or found is None:
        raise RowsError(f"{one.name} and {other.name}: expected rows that both hold, found none that can be used")
    bad = first.bad + (second.bad if second is not None else 0) + (lookup.bad if lookup is not None else 0)
    a, b = np.ascontiguousarray(found.rows[:, : one.d]), np.ascontiguousarray(found.rows[:, one.d :])
    pair = Pair(moments, a, b, k, seed, kernels, progress)
    names = hash_ids(found.index) if join.keys is None else join.keys[found.index]
    return Joint(pair, found.index, names, join.by, join.left_out, bad, join.reordered)


def _met(index: Index, held: Index, rows: Rows) -> tuple[NDArray[np.bool_], Index, Rows]:
    """Which rows of the first side (m,) the second holds, and the rows of the second that the first holds."""
    if np.array_equal(index, held):
        return np.ones(len(index), bool), index, rows
    return np.isin(index, held, assume_unique=True), index, rows[np.isin(held, index, assume_unique=True)]


def _scaled(rows: Rows, exponent: int) -> Rows:
    return rows if exponent == 0 else np.asarray(np.ldexp(rows.astype(np.float64), -exponent))


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
        stream = _Stream(source, source.read(step), on_bad)
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
