"""How predictions agree with structure in the spaces of other candidates: the parts of the rule consensus/v1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.families.selection.candidates import Kept
from labelfree.families.selection.information import Information, joint_counts, sizes
from labelfree.families.selection.spaces import neighbor_plurality

HALVES = 50
SHUFFLES = 20
"""Permutations of the best candidate's predictions that its agreement with clusters has to exceed."""
_HALVES, _SHUFFLES = 0x4A1F, 0x5AFF


@dataclass(frozen=True, eq=False)
class Agreement:
    """How the predictions of C candidates agree with the spaces of all C, on all rows and on H half-samples of them.

    clusters: (1 + H, C, C) adjusted mutual information of the predictions of i and the clusters of j; neighbors:
    (1 + H, C, C) mutual information of the predictions of i and their plurality over neighbors in space j, nats;
    refits: (1 + H, C) share of rows that i predicts as the plurality of the refits does, None without source rows.
    """

    clusters: Float
    neighbors: Float
    refits: Float | None

    def scores(self, heard: Float) -> tuple[Float, Float, Float]:
        """Scores, agreement with clusters and agreement with neighbors, (1 + H, C) each, under weights heard (C, C)."""
        clusters = np.einsum("hij,ij->hi", self.clusters, heard)
        neighbors = np.einsum("hij,ij->hi", self.neighbors, heard)
        score = np.maximum(clusters, 0) * (np.maximum(neighbors, 0) if self.refits is None else self.refits)
        return score, clusters, neighbors


def half_samples(n: int, seed: int) -> Index:
    """Rows (HALVES, n // 2) of half-samples without replacement, each in ascending order."""
    rng = np.random.default_rng((seed, _HALVES))
    return np.sort(np.stack([rng.permutation(n)[: n // 2] for _ in range(HALVES)]), axis=1)


def agreement(
    predictions: Index, clusters: Index, kept: Sequence[Kept], k: int, consensus: Index | None, seed: int
) -> Agreement:
    """Predictions (C, n) against clusters (C, n) and neighbors of every space; consensus: (n,) what the refits say.

    Cost: C^2 (n + H n / 2) table entries and C^2 n neighbor votes; the chance part of mutual information is worked out
    once for each pair of class sizes. Memory: (H + 3) C^2 numbers and C n labels.
    """
    count, n = predictions.shape
    samples: list[Index] = [np.arange(n), *half_samples(n, seed)]
    shared = [Information(n), *[Information(n // 2)] * HALVES]
    with_clusters, with_neighbors = (np.zeros((len(samples), count, count)) for _ in range(2))
    for i, one in enumerate(predictions):
        others = np.concatenate([clusters, [neighbor_plurality(one, c.neighbors) for c in kept]])
        for t, rows in enumerate(samples):
            found = shared[t].mutual(joint_counts(one[rows], others[:, rows], k))
            with_clusters[t, i], with_neighbors[t, i] = found[:count], found[count:]
    for t, rows in enumerate(samples):
        there = sizes(predictions[:, rows], k), sizes(clusters[:, rows], k)
        with_clusters[t] = shared[t].adjusted(with_clusters[t], *there)
    refits = None
    if consensus is not None:
        refits = np.stack([(predictions[:, rows] == consensus[rows]).mean(axis=1) for rows in samples])
    return Agreement(with_clusters, with_neighbors, refits)


def beyond_shuffled(predictions: Index, clusters: Index, heard: Float, k: int, seed: int) -> bool:
    """Whether predictions (n,) agree more with clusters (C, n), under weights heard (C,), than shuffled ones do."""
    rng = np.random.default_rng((seed, _SHUFFLES))
    shared = Information(len(predictions))
    tried = (predictions, *(rng.permutation(predictions) for _ in range(SHUFFLES)))
    found = [float(shared.mutual(joint_counts(one, clusters, k)) @ heard) for one in tried]
    return found[0] > max(found[1:])
