"""Sums of the row groups that are read, while they grow."""

from __future__ import annotations

from labelfree.evidence.clusters import Clusters, bins
from labelfree.sources.block import Source
from labelfree.summaries import Moments
from labelfree.survey.shards import Shard, shards_of
from labelfree.survey.sums import Sums


class Gathering:
    """The sums of row groups in bins, taken in shard after shard."""

    def __init__(self, source: Source, matrices: int) -> None:
        assert source.part is not None
        self.part = source.part
        spans = self.part.spans
        self.count = bins(len(spans), source.d, matrices)
        self.shards = shards_of(source)
        self.at: Shard = next(self.shards)
        self.group = 0
        self.moments: dict[int, Moments] = {}
        self.unit: dict[int, Moments] = {}

    def add(self, shard: tuple[int, int], sums: Sums) -> None:
        """Take in the sums of the next shard, by its file and its number there."""
        if not self.count:
            return
        while (self.at.file, self.at.number) != shard:
            self.at = next(self.shards)
        while self.part.spans[self.group][1] <= self.at.start:
            self.group += 1
        which = self.part.order[self.group] % self.count
        for held, more in ((self.moments, sums.moments), (self.unit, sums.unit)):
            if more.n:
                held[which] = held[which].merge(more) if which in held else more

    @property
    def found(self) -> Clusters:
        """What was gathered; bins without usable rows are left out."""
        moments, unit = (tuple(held[i] for i in sorted(held)) for held in (self.moments, self.unit))
        part = self.part
        return Clusters(len(part.spans), part.of, part.rows, part.kind, moments, unit)
