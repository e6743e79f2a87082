"""What a spanning tree says: which components merge at which length, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.trees.edges import Edges
from labelfree.trees.forest import Forest


@dataclass(frozen=True, eq=False)
class Merges:
    """The deaths of H0, ascending: length (n - 1,), and the rows on the smaller and the larger side of each merge."""

    length: Float
    smaller: Index
    larger: Index


def merges(tree: Edges) -> Merges:
    """The merges of single linkage, the same for every minimum spanning tree of the same rows.

    Edges of equal length join a group of components all at once; they are told apart by taking the components of a
    group in the order of their lowest row.
    """
    n = len(tree.length) + 1
    forest = Forest(n)
    parent, size = forest.parent, [1] * n
    smaller, larger = [0] * (n - 1), [0] * (n - 1)
    ends = np.flatnonzero(np.diff(tree.length, append=np.inf)) + 1
    left, right = tree.left.tolist(), tree.right.tolist()
    start = 0
    for end in ends.tolist():
        if end == start + 1:  # nearly all of them: what unites two, written out
            i, j = left[start], right[start]
            while parent[i] != i:
                parent[i] = i = parent[parent[i]]
            while parent[j] != j:
                parent[j] = j = parent[parent[j]]
            a, b = size[i], size[j]
            smaller[start], larger[start] = (a, b) if a < b else (b, a)
            if j < i:
                i, j = j, i
            parent[j], size[i] = i, a + b
            start = end
            continue
        group = _group(forest, left[start:end], right[start:end])
        for step, (one, other) in enumerate(group, start):
            a, b = size[one], size[other]
            smaller[step], larger[step] = min(a, b), max(a, b)
            forest.unite(one, other)
            size[min(one, other)] = a + b
        start = end
    return Merges(tree.length, np.array(smaller, np.int64), np.array(larger, np.int64))


def _group(forest: Forest, left: list[int], right: list[int]) -> list[tuple[int, int]]:
    """Pairs of component roots (always their lowest row) to join in turn, for edges of one length."""
    together: dict[int, int] = {}

    def top(i: int) -> int:
        while together.get(i, i) != i:
            i = together[i]
        return i

    roots = set()
    for i, j in zip(left, right, strict=True):
        a, b = forest.root(i), forest.root(j)
        roots |= {a, b}
        a, b = top(a), top(b)
        together[max(a, b)] = min(a, b)
    return [(top(root), root) for root in sorted(roots) if top(root) != root]
