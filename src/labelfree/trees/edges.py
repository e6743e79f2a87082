"""Edges between rows in the one order that makes the minimum spanning tree of any rows unique."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.trees.forest import lightest


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges by their ends left < right (m,) and length (m,)."""

    left: Index
    right: Index
    length: Float

    @classmethod
    def of(cls, one: Index, other: Index, length: Float) -> Edges:
        """Edges whose ends stand in any order."""
        return cls(np.minimum(one, other), np.maximum(one, other), length)

    @classmethod
    def joined(cls, parts: Iterable[Edges]) -> Edges:
        """All edges of several."""
        found = [(part.left, part.right, part.length) for part in parts]
        return cls(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def __len__(self) -> int:
        return len(self.length)

    def take(self, which: Index) -> Edges:
        """Some of the edges."""
        return Edges(self.left[which], self.right[which], self.length[which])

    def order(self, rows: Index | None = None) -> Index:
        """The order (m,) of the edges: shorter ones first, those of one length by the lower end, then by the higher.

        rows: which row (n,) each end stands for, where it does not stand for itself.
        """
        if rows is None:
            return np.asarray(np.lexsort((self.right, self.left, self.length)))
        one, other = rows[self.left], rows[self.right]
        return np.asarray(np.lexsort((np.maximum(one, other), np.minimum(one, other), self.length)))

    def lightest(self, n: int, rows: Index | None = None) -> Index:
        """The places, in order, of the edges of the minimum spanning forest over n ends.

        The order of the rows makes it unique: that of a union is that of the union of the forests of its parts.
        """
        order = self.order(rows)
        return order[lightest(n, self.left[order], self.right[order])]
