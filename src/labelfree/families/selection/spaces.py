"""The space of a candidate: its directions, the neighbors and clusters of its rows, how alike two spaces are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.evidence.scaling import centered, directions, in_range
from labelfree.kernels import Kernels, numpy_kernels

NEIGHBORS = 10
STARTS, ROUNDS = 2, 50
"""Starts of k-means, and its iterations at most."""
_ROUNDING = 1e-12  # deviations over means that rounding can make of equal numbers


def unit_rows(rows: Rows) -> Float:
    """Rows (n, d) about their mean, each of length one: no rotation, offset or scale of the space changes an angle.

    Columns that are constant but for rounding are zero, and a row in the middle stays zero.
    """
    (checked,), _ = in_range(("rows", rows))
    about = centered(checked)
    about[np.abs(about) <= _ROUNDING * np.abs(checked).max(axis=0)] = 0.0
    return directions(about)


def neighbor_lists(unit: Float, kernels: Kernels = numpy_kernels) -> Index:
    """The nearest NEIGHBORS rows by cosine of each unit row (n, d), itself left out, as (n, 10), the nearest first.

    Fewer where there are fewer rows. Cost: 2 n^2 d flop.
    """
    return kernels.nearest(unit, min(NEIGHBORS, len(unit) - 1))[1].astype(np.int32)


def cluster_labels(unit: Float, k: int, seed: int) -> Index:
    """Clusters (n,) of unit rows (n, d) by k-means: the tighter of STARTS starts, repeatable by its seed."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # fewer distinct rows than clusters leave clusters empty, which is no failure
        found = KMeans(min(k, len(unit)), n_init=STARTS, max_iter=ROUNDS, random_state=seed).fit(unit)
    return np.asarray(found.labels_, dtype=np.int64)


def shared(one: Index, other: Index) -> float:
    """The share of neighbors that rows have in both of two lists (n, k)."""
    return sum(int((one == other[:, r : r + 1]).sum()) for r in range(one.shape[1])) / one.size


def likeness(lists: Sequence[Index]) -> Float:
    """How alike C spaces are, (C, C) in [0, 1]: the share of neighbors that rows have in both, beyond chance.

    lists: neighbor lists (n, k) of the same rows. S_ij = (mean share - c) / (1 - c) with c = k / (n - 1), clipped.
    Cost: C^2 n k^2 / 2 comparisons.
    """
    count, (n, k) = len(lists), lists[0].shape
    chance = k / (n - 1)
    found = np.eye(count)
    for i, one in enumerate(lists):
        for j in range(i):
            share = shared(one, lists[j])
            found[i, j] = found[j, i] = min(max((share - chance) / (1 - chance), 0.0), 1.0) if chance < 1 else 1.0
    return found


def vote_weights(alike: Float) -> Float:
    """The weight (C,) of each space: 1 / sum over spaces of likeness^2, so that near copies share one vote.

    >>> vote_weights(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])).tolist()
    [0.5, 0.5, 1.0]
    """
    return np.asarray(1 / (alike**2).sum(axis=1))


def weights_of_others(weights: Float, voting: NDArray[np.bool_]) -> Float:
    """(C, C) weights with which candidate i hears space j: never its own, those that vote, of sum one.

    All zero in a row where nobody else votes.
    """
    heard = np.where(voting, weights, 0.0) * (1 - np.eye(len(weights)))
    total = heard.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(heard, total, out=np.zeros_like(heard), where=total > 0))


def neighbor_plurality(labels: Index, neighbors: Index) -> Index:
    """The label (n,) that most neighbors of each row have; of equal numbers the label of nearer neighbors.

    The k-th neighbor adds 2^-(k+1) of a vote, which no two sets of neighbors share: names of labels do not matter.
    """
    near = np.ascontiguousarray(labels[neighbors].T)
    k = len(near)
    votes = (1 + 0.5 ** np.arange(1, k + 1)).astype(np.float32)  # sums of these are exact in float32
    found = np.zeros(near.shape, np.float32)
    for r in range(k):
        found += votes[r] * (near == near[r])
    return np.asarray(near[found.argmax(axis=0), np.arange(near.shape[1])])
