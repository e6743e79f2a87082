"""The minimum spanning tree of few points: all distances at once, grown point by point."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Index, Rows
from labelfree.kernels.numpy_trees import facing, lifted
from labelfree.trees.exact import TIED, distances, rounding

_CLOSE = 64  # pairs per row that may be measured one by one; with more of them the sparse way is faster


def dense_tree(points: Rows, tied: float = TIED) -> tuple[Index, Index] | None:
    """Both ends (n - 1,) of every edge of a minimum spanning tree of (n, d) points, by Prim's algorithm.

    n^2 d flop and n^2 numbers in the precision of the points, which should be centered, since the distances come from
    one matrix product. Pairs so close that its rounding shows, as more than the share `tied` of a squared distance,
    are measured again from differences; None where there are too many of them.
    """
    n = len(points)
    flat = lifted(points)
    distance: Rows = facing(flat) @ flat.T
    close = np.flatnonzero(distance < rounding(points) / tied)
    if len(close) > _CLOSE * n:
        return None
    one, other = np.divmod(close, n)
    distance[one, other] = distances(points, one, other) ** 2
    best, parent = np.full(n, np.inf, distance.dtype), np.zeros(n, np.int64)
    outside, closer = np.ones(n, bool), np.empty(n, bool)
    left, right = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64)
    at = 0
    for step in range(n - 1):
        outside[at], best[at] = False, np.inf
        np.less(distance[at], best, out=closer)
        closer &= outside
        np.copyto(best, distance[at], where=closer)
        parent[closer] = at
        at = int(best.argmin())
        left[step], right[step] = parent[at], at
    return left, right
