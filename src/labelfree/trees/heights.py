"""The rows of a spanning tree on a line, such that two of them are joined where the largest step between them is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.kernels.ranges import Highest


@dataclass(frozen=True, eq=False)
class Heights:
    """n points in an `order` (n,), and the `step` (n - 1,) between neighbors in it: the longest edge on the way from
    one point to another in the tree is the largest step between them."""

    order: Index
    step: Float

    @classmethod
    def of(cls, left: Index, right: Index, length: Float) -> Heights:
        """The line of a spanning tree, of its edges in ascending order."""
        n = len(length) + 1
        parent, last, following = list(range(n)), list(range(n)), [-1] * n
        step = [0.0] * n
        for i, j, w in zip(left.tolist(), right.tolist(), length.tolist(), strict=True):
            while parent[i] != i:
                parent[i] = i = parent[parent[i]]
            while parent[j] != j:
                parent[j] = j = parent[parent[j]]
            end = last[i]  # a set is named by its first point
            following[end], step[end] = j, w
            parent[j], last[i] = i, last[j]
        order, at = [], 0
        while parent[at] != at:
            at = parent[at]
        for _ in range(n):
            order.append(at)
            at = following[at]
        line = np.array(order)
        return cls(line, np.array(step)[line[:-1]])

    @cached_property
    def place(self) -> Index:
        """Where each point stands (n,)."""
        place = np.empty(len(self.order), np.int64)
        place[self.order] = np.arange(len(self.order))
        return place

    def between(self, one: Index, other: Index) -> Float:
        """The longest edge (m,) on the ways of the tree between pairs of points."""
        return np.asarray(Highest(self.step).between(self.place[one], self.place[other]))
