"""The minimum spanning tree of a cloud, proved: every pair that could be in it is measured.

A spanning tree that is nearly the shortest bounds all pairs: one that is longer than the longest edge of the way
between its ends is in no minimum spanning tree. A pass over all pairs lists those that may be shorter, some ten a
point. They are measured to the last digit, and the best of all of them is the tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.kernels import Kernels
from labelfree.progress import Advance, still
from labelfree.trees.cloud import Cloud
from labelfree.trees.edges import Edges
from labelfree.trees.exact import Precision
from labelfree.trees.heights import Heights

_CLEAR = 128.0  # times the rounding of a squared distance: shorter steps are looked at from nearby

SMALL = 48
"""Points all of whose pairs are measured."""
_WAITING = 1 << 21  # near pairs that are held
_MARGIN = 1 + 1e-12  # of a squared length, for its own rounding


@dataclass(frozen=True)
class Sides:
    """Points (m,) and others (p,), of which pairs are wanted: all pairs of two points where both are the same."""

    one: Index
    other: Index

    @property
    def same(self) -> bool:
        """Whether all pairs of points are wanted."""
        return self.one is self.other


def settled(
    cloud: Cloud, found: Edges, sides: Sides, kernels: Kernels, advance: Advance = still
) -> tuple[Edges, list[Index]]:
    """The best spanning tree of the edges of a spanning tree and of the wanted pairs; and the points of clumps.

    Inside a clump, which is too tight for the rounding of a product, no pair has been looked at.
    """
    found = found.take(found.order())
    heights = Heights.of(found.left, found.right, found.length)
    limit = (heights.step / cloud.scale) ** 2 * _MARGIN
    dtype, tight = _precision(cloud, limit)
    clumps = _clumps(heights, tight)
    limit[tight] = -np.inf
    waiting: list[tuple[Index, Index, Float]] = []
    count = 0
    for near in _near(cloud, heights, limit, sides, kernels, dtype, advance):
        waiting.append(near)
        count += len(near[0])
        if count > _WAITING:
            found, waiting, count = _best(cloud, found, waiting), [], 0
    return _best(cloud, found, waiting), clumps


def _precision(cloud: Cloud, limit: Float) -> tuple[Precision, Index]:
    """The dtype of the products, and which steps are too short for it: float64 where all are for float32.

    Products that can be exact are.
    """
    if cloud.exact:
        return np.float64 if cloud.share(np.float32) else np.float32, np.empty(0, np.int64)
    for dtype in (np.float32, np.float64):
        tight = limit < _CLEAR * cloud.share(dtype) * cloud.largest
        if not tight.all():
            return dtype, np.flatnonzero(tight)
    return np.float64, np.empty(0, np.int64)


def _clumps(heights: Heights, tight: Index) -> list[Index]:
    """The points of each run of tight steps."""
    if len(tight) == 0:
        return []
    cut = np.flatnonzero(np.diff(tight) > 1) + 1
    return [heights.order[run[0] : run[-1] + 2] for run in np.split(tight, cut)]


def _near(
    cloud: Cloud, heights: Heights, limit: Float, sides: Sides, kernels: Kernels, dtype: Precision, advance: Advance
) -> Iterator[tuple[Index, Index, Float]]:
    """Pairs of points that may be shorter than their way in the tree, with a lower bound of the squared distance."""
    at = np.sort(heights.place[sides.one])
    to = at if sides.same else np.sort(heights.place[sides.other])
    if len(at) == 0 or len(to) == 0:
        return
    left = cloud.points(heights.order[at], dtype)
    right = left if sides.same else cloud.points(heights.order[to], dtype)
    tiles = kernels.below(left, right, at, to, limit, cloud.share(dtype), forward=sides.same, advance=advance)
    for tile in tiles:
        if len(tile) == 3:
            row, column, squared = tile
            yield heights.order[at[row]], heights.order[to[column]], squared.astype(np.float64)
            continue
        own, other = at[tile[0]], to[tile[1]]
        again = kernels.below(
            cloud.points(heights.order[own], np.float64), cloud.points(heights.order[other], np.float64), own, other,
            limit, cloud.share(np.float64), forward=sides.same, whole=True,
        )  # fmt: skip
        for part in again:
            assert len(part) == 3
            row, column, squared = part
            yield heights.order[own[row]], heights.order[other[column]], squared.astype(np.float64)


def _best(cloud: Cloud, found: Edges, waiting: list[tuple[Index, Index, Float]]) -> Edges:
    """The minimum spanning tree of the edges of a tree and of pairs with a lower bound of their squared distance."""
    if not waiting:
        return found
    one, other, bound = (np.concatenate(column) for column in zip(*waiting, strict=True))
    n = len(cloud)
    if cloud.exact:
        return lightest_of(cloud, [found, Edges.of(one, other, cloud.length_of(bound))])
    if len(one) > n:  # those first that are in the tree of the bounds: ways grow shorter, and most others drop out
        guess = Edges.joined([found, Edges.of(one, other, cloud.length_of(bound))])
        chosen = guess.lightest(n, cloud.which)
        first = chosen[chosen >= len(found)] - len(found)
        ahead = Edges.joined([found.take(chosen[chosen < len(found)]), _measured(cloud, one[first], other[first])])
        ahead = ahead.take(ahead.order())
        heights = Heights.of(ahead.left, ahead.right, ahead.length)
        reach = (heights.between(one, other) / cloud.scale) ** 2 * _MARGIN
        wanted = bound <= reach
        wanted[first] = False
        found = Edges.joined([found, ahead])
        one, other = one[wanted], other[wanted]
    return lightest_of(cloud, [found, _measured(cloud, one, other)])


def _measured(cloud: Cloud, one: Index, other: Index) -> Edges:
    return Edges.of(one, other, cloud.length(one, other))


def all_pairs(cloud: Cloud) -> Edges:
    """The minimum spanning tree of few points, of all their pairs."""
    one, other = np.triu_indices(len(cloud), 1)
    return lightest_of(cloud, [_measured(cloud, one, other)])


def lightest_of(cloud: Cloud, parts: list[Edges]) -> Edges:
    """The minimum spanning tree of edges between points of a cloud, in order."""
    edges = Edges.joined(parts)
    return edges.take(edges.lightest(len(cloud), cloud.which))
