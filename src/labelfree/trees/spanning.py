"""The Euclidean minimum spanning tree of the rows of a matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labelfree.arrays import Index, Rows
from labelfree.kernels import Kernels
from labelfree.progress import Progress, silent
from labelfree.summaries.hashing import hash_rows
from labelfree.trees.cloud import Cloud
from labelfree.trees.dense import coarse_tree
from labelfree.trees.edges import Edges
from labelfree.trees.exact import distances
from labelfree.trees.proof import SMALL, Sides, all_pairs, lightest_of, settled
from labelfree.trees.sketch import sketched

_COARSE = 3_000
"""Rows up to which a coarse tree holds all distances at once."""
_AT_ONCE = 1 << 19  # pairs
_SHUFFLE = 0x7EE5
_BEGINNING = 16  # columns of a row by which most are told apart


def spanning_tree(rows: Rows, kernels: Kernels, progress: Progress = silent, *, coarse: bool = False) -> Edges:
    """The minimum spanning tree of (n, d) finite rows, n >= 1, shortest edges first; equal rows are joined at zero.

    Exact to the last digit of the lengths, which are computed from differences in float64, and unique: of edges of one
    length those come first whose lower row is lower, then whose higher row is.
    coarse: choose the edges of few rows by distances in float32, which is twice as fast and may take one that is
    longer by 5e-4 of itself: for trees that only a standard deviation is taken of.
    """
    found = _coarse(rows) if coarse and len(rows) <= _COARSE else None
    if found is None:
        first, original = distinct(rows)
        repeated = np.flatnonzero(first != np.arange(len(rows)))
        again = Edges(first[repeated], repeated, np.zeros(len(repeated)))
        found = Edges.joined([tree_of(rows, original, kernels, progress), again])
    return found.take(found.order())


def _coarse(rows: Rows) -> Edges | None:
    points = np.subtract(rows, rows.mean(axis=0, dtype=np.float64), dtype=np.float64)
    points /= max(float(points.max(initial=0.0)), -float(points.min(initial=0.0))) or 1.0
    ends = coarse_tree(points.astype(np.float32))
    return None if ends is None else Edges.of(*ends, distances(rows, *ends))


def tree_of(rows: Rows, which: Index, kernels: Kernels, progress: Progress = silent) -> Edges:
    """The minimum spanning tree of distinct rows (m,) of a matrix."""
    # the pairs of near rows are many where such rows are adjacent
    cloud = Cloud.of(rows, np.random.default_rng(_SHUFFLE).permutation(which))
    if len(cloud) <= SMALL:
        found = all_pairs(cloud)
    else:
        rough = sketched(cloud, kernels, lambda done: progress("finding neighbors", done))
        sides = Sides(cloud.own, cloud.own)
        found, clumps = settled(cloud, rough, sides, kernels, lambda done: progress("comparing pairs", done))
        found = with_clumps(cloud, found, clumps, kernels)
    return Edges.of(cloud.which[found.left], cloud.which[found.right], found.length)


def with_clumps(cloud: Cloud, found: Edges, clumps: list[Index], kernels: Kernels) -> Edges:
    """The tree of a cloud of which the tree outside of clumps is known: each clump is looked at from nearby."""
    if not clumps:
        return found
    place = np.empty(len(cloud.rows), np.int64)
    place[cloud.which] = cloud.own
    parts = [found, *small_clumps(cloud, [clump for clump in clumps if len(clump) <= SMALL])]
    for clump in clumps:
        if len(clump) > SMALL:
            inner = tree_of(cloud.rows, cloud.which[clump], kernels)
            parts.append(Edges.of(place[inner.left], place[inner.right], inner.length))
    return lightest_of(cloud, parts)


def small_clumps(cloud: Cloud, clumps: list[Index]) -> Iterator[Edges]:
    """All pairs inside each of many small sets of points: sets of one size together, in parts."""
    for size in sorted({len(clump) for clump in clumps}):
        points = np.array([clump for clump in clumps if len(clump) == size])
        one, other = np.triu_indices(size, 1)
        for part in np.array_split(points, 1 + len(points) * len(one) // _AT_ONCE):
            left, right = part[:, one].ravel(), part[:, other].ravel()
            yield Edges.of(left, right, cloud.length(left, right))


def distinct(rows: Rows) -> tuple[Index, Index]:
    """The first row (n,) that equals each row, and the rows (m,) that equal no earlier one."""
    own = np.arange(len(rows))
    first = own.copy()
    alike = _alike(rows[:, :_BEGINNING])  # of most data none: what follows looks at whole rows
    if len(alike):
        keys = hash_rows(rows[alike] + 0.0)  # minus zero equals zero
        _, at, which = np.unique(keys, return_index=True, return_inverse=True)
        first[alike] = alike[at[which.ravel()]]
        repeated = np.flatnonzero(first != own)
        differ = repeated[(rows[repeated] != rows[first[repeated]]).any(axis=1)]
        first[differ] = differ  # two rows of one hash that differ stay apart
    return first, np.flatnonzero(first == own)


def _alike(rows: Rows) -> Index:
    """Rows that are not the only ones of their hash, ascending."""
    _, which, counts = np.unique(hash_rows(rows + 0.0), return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[which.ravel()] > 1)
