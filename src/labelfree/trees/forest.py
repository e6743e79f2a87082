"""Components that grow together, and the edges that joined them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from labelfree.arrays import Index


class Forest:
    """Disjoint sets of n points. `labels` (n,) names the set of each point as of the last `relabel`."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))
        self.labels: Index = np.arange(n, dtype=np.int64)
        self.count = n
        self.left: list[int] = []
        self.right: list[int] = []

    def root(self, i: int) -> int:
        """The representative of the set of i."""
        parent = self.parent
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    def join(self, left: Iterable[int], right: Iterable[int]) -> None:
        """Join along edges in the order given; an edge inside one set, which would close a cycle, is left out."""
        for i, j in zip(left, right, strict=True):
            a, b = self.root(i), self.root(j)
            if a != b:
                self.unite(a, b)
                self.left.append(i)
                self.right.append(j)

    def unite(self, a: int, b: int) -> None:
        """Make one set of two, given by their representatives; the lower one stays."""
        self.parent[max(a, b)] = min(a, b)
        self.count -= 1

    def relabel(self) -> None:
        """Bring `labels` up to date: 0..count-1."""
        roots = np.array(self.parent)
        while True:
            above = roots[roots]
            if (above == roots).all():
                break
            roots = above
        self.labels = np.unique(roots, return_inverse=True)[1].astype(np.int64)
