"""The minimum spanning tree of many points in many dimensions, exactly, without an n x n matrix.

One pass over all pairs lists each point's nearest others. Components then join along their shortest way out as long
as the lists prove it shortest (Boruvka; the largest component never needs a way out of its own). Where a list is
spent, either the few rows concerned look again, or one pass over half the pairs finds the nearest rows of every two
components. Every choice is proved in float64: the same edges as from all exact distances, up to ties.
"""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.kernels import Kernels
from labelfree.progress import Progress
from labelfree.trees.bridges import bridged
from labelfree.trees.forest import Forest
from labelfree.trees.neighbors import Neighbors

NEIGHBORS = 10
_FEW = 8  # up to a share of 1/8 of all rows look again; more of them cost more than the pass over components
_MOST_COMPONENTS = 4096  # of that pass: a matrix of their pairs is held


def sparse_tree(points: Float, kernels: Kernels, progress: Progress) -> tuple[Index, Index]:
    """Both ends (n - 1,) of every edge of a minimum spanning tree of (n, d) distinct, centered points.

    Fastest where their order is random.
    """
    n = len(points)
    near = Neighbors(points, kernels, NEIGHBORS)
    near.fill(np.arange(n), None, lambda done: progress("finding neighbors", done))
    forest = Forest(n)
    while forest.count > 1:
        unproved = _grow(forest, near)
        if len(unproved) == 0:
            continue
        if len(unproved) > n // _FEW and forest.count <= _MOST_COMPONENTS:
            left, right = bridged(points, forest, near, lambda done: progress("joining components", done))
            forest.join(left, right)
            break
        near.fill(unproved, forest.labels, lambda done: progress("looking again", done))
    return np.array(forest.left), np.array(forest.right)


def _grow(forest: Forest, near: Neighbors) -> Index:
    """Join every component whose shortest way out is proved; if there is none, the rows that have to look again."""
    labels = forest.labels
    target, reach = near.outside(labels)
    rows = np.arange(len(labels))
    order = np.lexsort((np.maximum(rows, target), np.minimum(rows, target), reach, labels))
    first = order[np.flatnonzero(np.diff(labels[order], prepend=-1))]
    best = reach[first]
    lowest = np.full(forest.count, np.inf)
    np.minimum.at(lowest, labels, np.minimum(reach, near.beyond))
    proved = np.flatnonzero((lowest >= best) & np.isfinite(best))
    if len(proved):
        edge = first[proved[np.argsort(best[proved], kind="stable")]]
        forest.join(edge.tolist(), target[edge].tolist())
        forest.relabel()
        return rows[:0]
    largest = np.bincount(labels).argmax()
    return np.flatnonzero((np.minimum(reach, near.beyond) < best[labels]) & (labels != largest))
