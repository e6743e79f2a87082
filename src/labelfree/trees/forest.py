"""Components that grow together, and the edges that join them."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Index


class Forest:
    """Disjoint sets of n points."""

    def __init__(self, n: int) -> None:
        self.parent = list(range(n))

    def root(self, i: int) -> int:
        """The representative of the set of i."""
        parent = self.parent
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    def unite(self, a: int, b: int) -> None:
        """Make one set of two, given by their representatives; the lower one stays."""
        self.parent[max(a, b)] = min(a, b)


def lightest(n: int, left: Index, right: Index) -> Index:
    """The places, ascending, of those edges, in the order in which they are wanted, that form a spanning forest of n
    points: what Kruskal's algorithm takes, by rounds of Boruvka's."""
    label, count = np.arange(n), n
    alive, kept = np.arange(len(left)), []
    while len(alive):
        one, other = label[left[alive]], label[right[alive]]
        out = one != other
        alive, one, other = alive[out], one[out], other[out]
        if len(alive) == 0:
            break
        first = np.full(count, len(left))
        for ends in (one, other):  # the last value that is written stays: the first edge of each tree
            own = np.full(count, len(left))
            own[ends[::-1]] = alive[::-1]
            np.minimum(first, own, out=first)
        tree = np.flatnonzero(first < len(left))
        chosen = first[tree]
        kept.append(np.unique(chosen))
        ends = label[left[chosen]], label[right[chosen]]
        above = np.arange(count)
        above[tree] = np.where(ends[0] == tree, ends[1], ends[0])
        mutual = (above[above] == np.arange(count)) & (np.arange(count) < above)
        above[mutual] = np.flatnonzero(mutual)
        while (above != above[above]).any():
            above = above[above]
        top = above == np.arange(count)
        label = (np.cumsum(top) - 1)[above][label]
        count = int(top.sum())
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, np.int64)
