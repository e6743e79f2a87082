"""A spanning tree of many points that is nearly the shortest, from a part of their pairs."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Index
from labelfree.kernels import Kernels
from labelfree.progress import Advance, still
from labelfree.trees.cloud import Cloud
from labelfree.trees.dense import grown, squares
from labelfree.trees.edges import Edges
from labelfree.trees.proof import Sides, settled

DENSE = 1_500
"""Points whose distances are held all at once."""
_PART, _LEAST = 16, 256
"""Points of which one is a landmark, and the least that are: more cost products, fewer leave more pairs to measure."""
_CHANCE = 0x1A4D


def sketched(cloud: Cloud, kernels: Kernels, advance: Advance = still) -> Edges:
    """A spanning tree of points in random order: the tree of the first of them, and the way from each other to the
    nearest of these."""
    n = len(cloud)
    if n <= DENSE:
        left, right = grown(squares(cloud.points(cloud.own, np.float32)))
        return Edges.of(left, right, cloud.length(left, right))
    first = cloud.part(np.arange(max(DENSE, n // _PART)))
    rough = sketched(first, kernels)
    tree, _ = settled(first, rough, Sides(first.own, first.own), kernels)
    near = attached(cloud, cloud.own[len(first) :], first.own, kernels, advance)
    return Edges.joined([tree, near])


def landmarks(points: Index) -> Index:
    """Some of the points, by chance."""
    some = np.random.default_rng(_CHANCE).permutation(len(points))[: max(_LEAST, len(points) // _PART)]
    return points[np.sort(some)]


def attached(cloud: Cloud, points: Index, landmarks: Index, kernels: Kernels, advance: Advance = still) -> Edges:
    """The way from each point to the nearest landmark, or one that is all but as near."""
    coarse, others = cloud.points(points, np.float32), cloud.points(landmarks, np.float32)
    nearest = landmarks[kernels.nearest_of(coarse, others, advance)]
    return Edges.of(points, nearest, cloud.length(points, nearest))
