"""Sums over rows of two sources side by side: shards of them, cut by the data, that merge in a fixed tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from labelfree.arrays import Float, Index, Keys, Rows
from labelfree.commands.row_streams import Stream
from labelfree.evidence.pair import block_rows
from labelfree.evidence.scaling import in_range
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.kernels.threads import limited_threads
from labelfree.sources.block import Source
from labelfree.summaries.fields import Fields
from labelfree.summaries.hashing import hash_ids, mix
from labelfree.summaries.pair_moments import PairMoments
from labelfree.summaries.sample import Sample
from labelfree.survey.pieces import Piece
from labelfree.survey.shards import Shard

_SHARD_ROWS = 1 << 20
Blocks = Iterator[tuple[int, Index, Rows, Rows]]
"""Where a block ends, and of the rows that both sides hold the positions in the first, and both sides."""


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums of rows of both sides, the sample of both side by side, and rows that are bad on one side."""

    moments: PairMoments
    drawn: Sample
    bad: int = 0

    def merge(self, other: PairSums) -> PairSums:
        """The sums of both sets of rows."""
        return PairSums(self.moments.merge(other.moments), self.drawn.merge(other.drawn), self.bad + other.bad)


@dataclass(frozen=True, eq=False)
class PairPass:
    """What is summed of two sources of the same rows in the same order.

    keys: (n,) of the rows, None where they are their positions; pivot: (a + b,) that sums are taken about; scales:
    exponents of two that rows of each side are divided by; as `paired_rows.paired` takes the others.
    """

    one: Source
    other: Source
    keys: Keys | None
    sample: int | None
    seed: int
    on_bad: Literal["error", "drop"]
    pivot: Float | None = None
    scales: tuple[int, int] = (0, 0)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is read."""
        return self.one, self.other

    @property
    def step(self) -> int:
        """Rows of a block."""
        return block_rows(self.one.d + self.other.d)

    @property
    def total(self) -> int:
        """Rows of the first source."""
        return self.one.total if self.keys is None else len(self.keys)

    def pieces(self) -> list[Piece]:
        """The shards: whole blocks, a million rows."""
        rows = self.step * max(1, _SHARD_ROWS // self.step)
        starts = range(0, self.total, rows)
        return [
            Piece((Shard(0, i, start, min(start + rows, self.total)),), ((1, 0),)) for i, start in enumerate(starts)
        ]

    def about(self, a: Rows, b: Rows) -> PairPass:
        """This pass with pivot and scales from its first rows."""
        (a_scaled,), e = in_range((self.one.name, a))
        (b_scaled,), f = in_range((self.other.name, b))
        pivot = np.concatenate([rows.mean(axis=0, dtype=np.float64) for rows in (a_scaled, b_scaled)])
        return replace(self, pivot=pivot, scales=(e, f))

    def settled(self) -> PairPass:
        """This pass with pivot and scales, for which its first usable rows are read; without any it stays as it is."""
        for _, index, a, b in self.blocks(self.streams(0, self.total), 0, self.total):
            if len(index):
                return self.about(a, b)
        return self

    def streams(self, start: int, stop: int) -> tuple[Stream, Stream]:
        """Both sources from row `start` to `stop`."""
        one, other = (
            Stream(source, source.between(self.step, start, stop), self.on_bad, start)
            for source in (self.one, self.other)
        )
        return one, other

    def blocks(self, streams: tuple[Stream, Stream], start: int, stop: int) -> Blocks:
        """The rows that are usable on both sides, a block at a time."""
        for begin in range(start, stop, self.step):
            end = min(begin + self.step, stop)
            (index, a), (held, b) = (stream.upto(end) for stream in streams)
            if not np.array_equal(index, held):
                there = np.isin(index, held, assume_unique=True)
                b = b[np.isin(held, index, assume_unique=True)]
                index, a = index[there], a[there]
            yield end, index, a, b

    def summed(self, blocks: Blocks, kernels: Kernels, told: Callable[[int], None] = lambda row: None) -> PairSums:
        """The sums of blocks, one after the other; told: the row at which each of them ends."""
        assert self.pivot is not None
        moments, drawn = PairMoments.empty(self.one.d, self.pivot), Sample.empty(self.sample)
        for end, index, a, b in blocks:
            told(end)
            if len(index) == 0:
                continue
            keys = hash_ids(index) if self.keys is None else self.keys[index]
            a, b = scaled(a, self.scales[0]), scaled(b, self.scales[1])
            moments = moments.update(a, b, keys, kernels, reuse=True)
            mixed = mix(keys, self.seed)
            kept = mixed < drawn.cut if drawn.limit is not None else np.ones(len(mixed), bool)
            if kept.any():
                drawn = drawn.update(np.concatenate([a[kept], b[kept]], axis=1), mixed[kept], index[kept])
        return PairSums(moments, drawn)

    def states(self, piece: Piece) -> list[PairSums | None]:
        """The sums of a piece, as a worker makes them."""
        streams = self.streams(piece.start, piece.stop)
        with limited_threads(1):
            found = self.summed(self.blocks(streams, piece.start, piece.stop), numpy_kernels)
        return [replace(found, drawn=found.drawn.packed(), bad=sum(stream.bad for stream in streams))]

    def merged(self, states: Sequence[PairSums]) -> PairSums:
        """One state of several, those of the first rows first."""
        whole, *others = states
        for other in others:
            whole = whole.merge(other)
        return replace(whole, drawn=whole.drawn.packed())

    def fields(self, state: PairSums) -> Fields:
        """What a state is made of."""
        m = state.moments
        arrays = {"counts": m.counts, "totals": m.totals, "thirds": m.thirds, "fourths": m.fourths}
        arrays |= {f"scatter{i}": scatter for i, scatter in enumerate(m.scatters)}
        return Fields("pair", {"bad": state.bad, "groups": len(m.scatters)}, arrays, {"drawn": state.drawn.fields()})

    def filled(self, found: Fields) -> PairSums:
        """The state of these fields, checked."""
        found.check_kind("pair")
        assert self.pivot is not None
        g, d = found.count("groups", 1), len(self.pivot)
        shapes: dict[str, tuple[int | None, ...]] = {
            "counts": (g,), "totals": (g, d), "thirds": (2, d), "fourths": (3,)
        }  # fmt: skip
        sums = {name: found.array(name, np.float64, shape) for name, shape in shapes.items()}
        scatters = tuple(found.array(f"scatter{i}", np.float64, (d, d)) for i in range(g))
        moments = PairMoments(self.one.d, self.pivot, scatters=scatters, **sums)
        return PairSums(moments, Sample.of_fields(found.part("drawn")), found.count("bad"))


def scaled(rows: Rows, exponent: int) -> Rows:
    """Rows divided by a power of two."""
    return rows if exponent == 0 else np.asarray(np.ldexp(rows.astype(np.float64), -exponent))
