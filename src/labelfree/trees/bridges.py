"""The tree between components: the nearest rows of every two of them, proved where it matters."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.progress import Advance
from labelfree.trees.exact import distances, rounding
from labelfree.trees.forest import Forest
from labelfree.trees.neighbors import Neighbors

_CHUNK = 1 << 16
_ELEMENTS = 1 << 22


def bridged(points: Float, forest: Forest, near: Neighbors, advance: Advance) -> tuple[list[int], list[int]]:
    """The edges, shortest first, of a minimum spanning tree of the components of a forest.

    A float32 pass gives every two components a distance that is right up to rounding. Pairs are then taken by their
    lower bound and measured exactly only when one could be next (a lazy Kruskal).
    """
    order = np.argsort(forest.labels, kind="stable")
    starts = np.searchsorted(forest.labels[order], np.arange(forest.count))
    score = near.kernels.between(near.coarse[order], starts, advance)
    pairs = _by_score(score, near.noise)
    joined = Forest(forest.count)
    members = np.split(order, starts[1:])
    heap: list[tuple[float, int, int, int, int]] = []
    left, right = [], []
    bound, a, b = next(pairs)
    while joined.count > 1:
        while a >= 0 and bound <= (heap[0][0] if heap else np.inf):
            if joined.root(a) != joined.root(b):
                exact = _nearest(points, near, members[a], members[b], float(score[a, b]))
                heapq.heappush(heap, (*exact, a, b))
            bound, a, b = next(pairs, (np.inf, -1, -1))
        _, i, j, one, other = heapq.heappop(heap)
        if joined.root(one) != joined.root(other):
            joined.join([one], [other])
            left.append(i)
            right.append(j)
    return left, right


def _by_score(score: Float, noise: float) -> Iterator[tuple[float, int, int]]:
    """Lower bounds of the distances of component pairs, ascending."""
    one, other = np.triu_indices(len(score), 1)
    flat = score[one, other]
    order = np.argsort(flat, kind="stable")
    for start in range(0, len(order), _CHUNK):
        part = order[start : start + _CHUNK]
        bound = np.sqrt(np.maximum(flat[part] - noise, 0.0))
        yield from zip(bound.tolist(), one[part].tolist(), other[part].tolist(), strict=True)


def _nearest(points: Float, near: Neighbors, one: Index, other: Index, score: float) -> tuple[float, int, int]:
    """Length and ends of the shortest way between two components; ties by the lower ends."""
    left, right = _candidates(near.coarse, one, other, score + 2 * near.noise)
    if len(left) > len(one) + len(other):
        noise = rounding(points)
        exact = _lowest(points, one, other)
        left, right = _candidates(points, one, other, exact + 2 * noise)
    length = distances(points, left, right)
    at = np.lexsort((np.maximum(left, right), np.minimum(left, right), length))[0]
    return float(length[at]), int(left[at]), int(right[at])


def _candidates(points: Rows, one: Index, other: Index, limit: float) -> tuple[Index, Index]:
    """Pairs whose squared distance, up to rounding, is within the limit."""
    left, right = [], []
    for start, tile in _tiles(points, one, other):
        rows, columns = np.nonzero(tile <= limit)
        left.append(one[rows + start])
        right.append(other[columns])
    return np.concatenate(left), np.concatenate(right)


def _lowest(points: Rows, one: Index, other: Index) -> float:
    return min(float(tile.min()) for _, tile in _tiles(points, one, other))


def _tiles(points: Rows, one: Index, other: Index) -> Iterator[tuple[int, Rows]]:
    """Squared distances of strips of the first set to the second."""
    far = points[other]
    squares = np.einsum("ij,ij->i", far, far)
    step = max(1, _ELEMENTS // len(other))
    for start in range(0, len(one), step):
        strip = points[one[start : start + step]]
        tile = strip @ far.T
        tile *= -2.0
        tile += squares
        tile += np.einsum("ij,ij->i", strip, strip)[:, None]
        yield start, tile
