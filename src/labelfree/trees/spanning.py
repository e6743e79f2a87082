"""The Euclidean minimum spanning tree of the rows of a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels import Kernels
from labelfree.progress import Progress, silent
from labelfree.summaries.hashing import hash_rows
from labelfree.trees.boruvka import sparse_tree
from labelfree.trees.dense import dense_tree
from labelfree.trees.exact import distances

DENSE = 3_000
"""Distinct rows up to which all distances are held at once, which is faster."""

COARSE = 1e-4
"""Share of a squared distance that counts as a tie where a coarse tree is enough."""
_SHUFFLE = 0x7EE5


@dataclass(frozen=True, eq=False)
class Tree:
    """The n - 1 edges of a minimum spanning tree, shortest first: ends left < right (n - 1,), length (n - 1,)."""

    left: Index
    right: Index
    length: Float


def spanning_tree(rows: Rows, kernels: Kernels, progress: Progress = silent, *, coarse: bool = False) -> Tree:
    """The minimum spanning tree of (n, d) finite rows, n >= 1; equal rows are joined by edges of length zero.

    Exact up to the rounding of float64: edges are chosen among proved candidates and their lengths computed from
    differences. Among equal lengths any choice is a minimum spanning tree; `merges` does not depend on it.
    coarse: choose the edges of few rows by distances in float32, which is twice as fast and may take one that is
    longer by 5e-5 of itself: for trees that only a standard deviation is taken of.
    """
    first, original = _distinct(rows)
    repeated = np.flatnonzero(first != np.arange(len(rows)))
    if len(original) > DENSE:  # the pass over all pairs is fastest where near rows are not adjacent
        original = original[np.random.default_rng(_SHUFFLE).permutation(len(original))]
    points = rows[original].astype(np.float64, copy=False)
    points -= points.mean(axis=0)
    scale = float(max(points.max(initial=0.0), -points.min(initial=0.0)))
    points /= scale or 1.0
    n = len(points)
    edges = dense_tree(points.astype(np.float32), COARSE) if coarse and n <= DENSE else None
    if edges is None and n <= DENSE:
        edges = dense_tree(points)
    left, right = edges if edges is not None else sparse_tree(points, kernels, progress)
    left, right = original[left], original[right]
    length = distances(rows, left, right)
    left, right = np.concatenate([first[repeated], left]), np.concatenate([repeated, right])
    length = np.concatenate([np.zeros(len(repeated)), length])
    left, right = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((right, left, length))
    return Tree(left[order], right[order], length[order])


def _distinct(rows: Rows) -> tuple[Index, Index]:
    """The first row (n,) that equals each row, and the rows (m,) that equal no earlier one."""
    keys = hash_rows(rows + 0.0)  # minus zero equals zero
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    first = first[which.ravel()].astype(np.int64)
    own = np.arange(len(rows))
    repeated = np.flatnonzero(first != own)
    differ = repeated[(rows[repeated] != rows[first[repeated]]).any(axis=1)]
    first[differ] = differ  # two rows of one hash that differ stay apart
    return first, np.flatnonzero(first == own)
