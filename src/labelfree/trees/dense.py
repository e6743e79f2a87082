"""The minimum spanning tree of few points: all distances at once, grown point by point."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Index, Rows
from labelfree.kernels.numpy_trees import facing, lifted
from labelfree.trees.exact import distances, rounding

COARSE = 1e-3
"""Share of a squared distance that counts as a tie where a coarse tree is enough."""
_STRIP = 256
_CLOSE = 64  # pairs per row that may be measured one by one; with more of them the tree is better proved


def coarse_tree(points: Rows) -> tuple[Index, Index] | None:
    """Both ends (n - 1,) of every edge of a spanning tree of (n, d) centered points that is all but the shortest.

    n^2 d flop and n^2 numbers in the precision of the points, whose rounding may be COARSE of a squared distance: pairs
    that are closer are measured from differences; None where there are too many of them.
    """
    n = len(points)
    squared, least = squares(points), rounding(points) / COARSE
    np.fill_diagonal(squared, np.inf)
    if squared.min() < least:
        close = np.flatnonzero(squared < least)
        if len(close) > _CLOSE * n:
            return None
        one, other = np.divmod(close, n)
        squared[one, other] = distances(points, one, other) ** 2
    return grown(squared)


def squares(points: Rows) -> Rows:
    """Squared distances (n, n) of (n, d) points, to the rounding of a matrix product over half of the pairs."""
    n, flat = len(points), lifted(points)
    found = np.empty((n, n), points.dtype)
    for start in range(0, n, _STRIP):
        strip, after = slice(start, min(start + _STRIP, n)), slice(start + _STRIP, n)
        np.matmul(facing(flat[strip]), flat[start:].T, out=found[strip, start:])
        found[after, strip] = found[strip, after].T
    return found


def grown(squared: Rows) -> tuple[Index, Index]:
    """Both ends (n - 1,) of every edge of the minimum spanning tree of all squared distances (n, n), by Prim."""
    n = len(squared)
    best, parent = np.full(n, np.inf, squared.dtype), np.zeros(n, np.int64)
    outside, closer = np.ones(n, bool), np.empty(n, bool)
    left, right = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64)
    at = 0
    for step in range(n - 1):
        outside[at], best[at] = False, np.inf
        np.less(squared[at], best, out=closer)
        closer &= outside
        where = closer.nonzero()[0]
        best[where] = squared[at, where]
        parent[where] = at
        at = int(best.argmin())
        left[step], right[step] = parent[at], at
    return left, right
