"""What became of the rows: how many were read, used, or bad in which way, and where the first of each was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias, get_args

from labelfree.arrays import Float, Index

BadRow: TypeAlias = Literal["null", "ragged", "nonfinite", "overflow", "underflow", "zero", "no_id"]
DEFECTS: tuple[BadRow, ...] = get_args(BadRow)


@dataclass(frozen=True)
class Tally:
    """Counts of rows by defect with the position of the first, and the largest row norm with its position."""

    read: int = 0
    counts: Mapping[BadRow, int] = field(default_factory=dict)
    first: Mapping[BadRow, int] = field(default_factory=dict)
    longest: float = 0.0
    longest_at: int = -1

    def update(self, read: int, bad: Mapping[BadRow, Index], norms: Float, index: Index) -> Self:
        """Add a block: rows read, positions of the bad rows by defect, norms and positions of the good ones."""
        counts, first = dict(self.counts), dict(self.first)
        for defect, where in bad.items():
            if len(where):
                counts[defect] = counts.get(defect, 0) + len(where)
                first[defect] = min(first.get(defect, int(where[0])), int(where.min()))
        longest, longest_at = self.longest, self.longest_at
        if len(norms) and norms.max() > longest:
            longest, longest_at = float(norms.max()), int(index[int(norms.argmax())])
        return type(self)(self.read + read, counts, first, longest, longest_at)

    def merge(self, other: Self) -> Self:
        """The tally of both sets of rows."""
        counts = {k: self[k] + other[k] for k in DEFECTS if self[k] + other[k]}
        first = {
            k: min(t.first[k] for t in (self, other) if k in t.first)
            for k in DEFECTS
            if k in self.first or k in other.first
        }
        top = max(self, other, key=lambda t: (t.longest, -t.longest_at))
        return type(self)(self.read + other.read, counts, first, top.longest, top.longest_at)

    def __getitem__(self, defect: BadRow) -> int:
        return self.counts.get(defect, 0)
