"""How predictions agree with structure in the spaces of other candidates: the parts of the rule `consensus`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.families.selection.information import Information, joint_counts, sizes
from labelfree.families.selection.spaces import neighbor_plurality
from labelfree.summaries.probabilities import softmax

HALVES = 50
SHUFFLES = 20
"""Permutations of the best candidate's predictions that its agreement with clusters has to exceed."""
_HALVES, _SHUFFLES = 0x4A1F, 0x5AFF


@dataclass(frozen=True, eq=False)
class Agreement:
    """How the predictions of C candidates agree with the spaces of all C, on all rows and on H half-samples of them.

    clusters: (1 + H, C, C) adjusted mutual information of the predictions of i and the clusters of j; neighbors:
    (1 + H, C, C) mutual information of the predictions of i and their plurality over neighbors in space j, nats.
    """

    clusters: Float
    neighbors: Float

    def heard(self, weights: Float) -> tuple[Float, Float]:
        """Agreement with the clusters and with the neighbors of others, (1 + H, C) each, under weights (C, C)."""
        found = (np.einsum("hij,ij->hi", part, weights) for part in (self.clusters, self.neighbors))
        clusters, neighbors = (np.maximum(part, 0.0) for part in found)
        return clusters, neighbors

    @property
    def own(self) -> Float:
        """Mutual information of predictions and their plurality over neighbors in their own space, (1 + H, C)."""
        return np.asarray(np.diagonal(self.neighbors, axis1=1, axis2=2))


def samples(n: int, seed: int) -> list[Index]:
    """All rows, then half-samples of n // 2 rows without replacement in ascending order: 1 + HALVES."""
    rng = np.random.default_rng((seed, _HALVES))
    return [np.arange(n), *(np.sort(rng.permutation(n)[: n // 2]) for _ in range(HALVES))]


def agreement(
    predictions: Index, clusters: Index, neighbors: Sequence[Index], k: int, rows: Sequence[Index]
) -> Agreement:
    """Predictions (C, n) against clusters (C, n) and neighbor lists (n, 10) of every space, on samples of the rows.

    Cost: C^2 (n + H n / 2) table entries and C^2 n neighbor votes; the chance part of mutual information is worked out
    once for each pair of class sizes. Memory: (H + 3) C^2 numbers and C n labels.
    """
    count = len(predictions)
    shared = {len(some): Information(len(some)) for some in rows}
    with_clusters, with_neighbors = (np.zeros((len(rows), count, count)) for _ in range(2))
    for i, one in enumerate(predictions):
        others = np.concatenate([clusters, [neighbor_plurality(one, lists) for lists in neighbors]])
        for t, some in enumerate(rows):
            found = shared[len(some)].mutual(joint_counts(one[some], others[:, some], k))
            with_clusters[t, i], with_neighbors[t, i] = found[:count], found[count:]
    for t, some in enumerate(rows):
        there = sizes(predictions[:, some], k), sizes(clusters[:, some], k)
        with_clusters[t] = shared[len(some)].adjusted(with_clusters[t], *there)
    return Agreement(with_clusters, with_neighbors)


def information(logits: Rows, rows: Sequence[Index]) -> Float:
    """Entropy of the mean of the probabilities less the mean of their entropies, nats, on samples of the rows."""
    p = softmax(logits)
    each = _entropy(p)
    found = [float(_entropy(p[some].mean(axis=0, keepdims=True))[0]) - float(each[some].mean()) for some in rows]
    return np.maximum(found, 0.0)


def _entropy(p: Float) -> Float:
    return np.asarray(-(p * np.log(np.maximum(p, 1e-300))).sum(axis=1))


def shares_met(predictions: Index, shares: Float, rows: Sequence[Index]) -> Float:
    """How far the predicted shares of the classes are those given (K,): 1 less half their distance, (1 + H, C)."""
    found = [sizes(predictions[:, some], len(shares)) / len(some) for some in rows]
    return np.asarray([1 - np.abs(part - shares).sum(axis=1) / 2 for part in found])


def beyond_shuffled(predictions: Index, clusters: Index, heard: Float, k: int, seed: int) -> bool:
    """Whether predictions (n,) agree more with clusters (C, n), under weights heard (C,), than shuffled ones do."""
    rng = np.random.default_rng((seed, _SHUFFLES))
    shared = Information(len(predictions))
    tried = (predictions, *(rng.permutation(predictions) for _ in range(SHUFFLES)))
    found = [float(shared.mutual(joint_counts(one, clusters, k)) @ heard) for one in tried]
    return found[0] > max(found[1:])
