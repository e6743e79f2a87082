"""How predictions agree with structure in the spaces of other candidates: the parts of the rule `consensus`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.families.selection.information import Information, contrasts, counted, joint_counts, places, sizes
from labelfree.families.selection.spaces import neighbor_plurality
from labelfree.summaries.probabilities import entropy_of, log_softmax

HALVES = 50
SHUFFLES = 20
"""Permutations of the best candidate's predictions that its agreement with clusters has to exceed."""
_HALVES, _SHUFFLES = 0x4A1F, 0x5AFF
_LEAST = 1e-3  # of an evenness, so that a half-sample with one class alone does not divide by zero


@dataclass(frozen=True, eq=False)
class Agreement:
    """How the predictions of C candidates agree with the spaces of all C, on all rows and on H half-samples of them.

    All are (1 + H, C, C), predictions of i and the space of j. others: adjusted mutual information with the clusters
    of j, or where every candidate has a refit the contrast of its predictions by the refit of j, in which a class
    counts by the root of its share; told: the part of the entropy of the predictions that their plurality over the
    neighbors in space j tells; contrast: that of this plurality by the predictions, all classes counting the same.
    """

    others: Float
    told: Float
    contrast: Float

    @property
    def own(self) -> Float:
        """The contrast of the plurality over neighbors in a candidate's own space, (1 + H, C)."""
        return np.asarray(np.diagonal(self.contrast, axis1=1, axis2=2))


def heard(part: Float, weights: Float) -> Float:
    """A part (1 + H, C, C) of the agreement with others under weights (C, C): (1 + H, C), at least 0."""
    return np.asarray(np.maximum(np.einsum("hij,ij->hi", part, weights), 0.0))


def samples(n: int, seed: int) -> list[Index]:
    """All rows, then half-samples of n // 2 rows without replacement in ascending order: 1 + HALVES."""
    rng = np.random.default_rng((seed, _HALVES))
    return [np.arange(n), *(np.sort(rng.permutation(n)[: n // 2]) for _ in range(HALVES))]


def agreement(
    predictions: Index,
    clusters: Index,
    refits: Index | None,
    neighbors: Sequence[Index],
    k: int,
    rows: Sequence[Index],
) -> Agreement:
    """Predictions (C, n) against clusters (C, n), or refits (C, n) where there are some, and neighbor lists (n, 10).

    Cost: C^2 (n + H n / 2) table entries and C^2 n neighbor votes; the chance part of mutual information is worked out
    once for each pair of class sizes. Memory: (H + 3) C^2 numbers and C n labels.
    """
    count = len(predictions)
    shared = {len(some): Information(len(some)) for some in rows}
    others, told, contrast = (np.zeros((len(rows), count, count)) for _ in range(3))
    beside = clusters if refits is None else refits
    for i, one in enumerate(predictions):
        compared = np.concatenate([beside, [neighbor_plurality(one, lists) for lists in neighbors]])
        place = places(one, compared, k)
        for t, some in enumerate(rows):
            joint = counted(place[some], 2 * count, k)
            known = shared[len(some)]
            own = float(known.entropy(joint[:1].sum(axis=2))[0])
            told[t, i] = known.mutual(joint[count:]) / own if own > 0 else 0.0
            contrast[t, i] = contrasts(joint[count:]).mean(axis=1)
            if refits is None:
                others[t, i] = known.mutual(joint[:count])
            else:
                share = np.sqrt(joint[0].sum(axis=1) / len(some))
                others[t, i] = (contrasts(joint[:count]) * share).sum(axis=1) / np.sqrt(k)
    if refits is None:
        for t, some in enumerate(rows):
            there = sizes(predictions[:, some], k), sizes(clusters[:, some], k)
            others[t] = shared[len(some)].adjusted(others[t], *there)
    return Agreement(others, told, contrast)


def vote_contrast(predictions: Index, votes: Float, k: int, rows: Sequence[Index]) -> Float:
    """How predictions (C, n) agree with the plurality of all of them under votes (C,), (1 + H, C).

    That is the contrast of a prediction by the class with the most votes, all classes counting the same.
    """
    most = weighted_plurality(predictions, votes, k)
    tables = (joint_counts(most[some], predictions[:, some], k) for some in rows)
    return np.stack([contrasts(joint).mean(axis=1) for joint in tables])


def weighted_plurality(labels: Index, weights: Float, k: int) -> Index:
    """The class (n,) with the most weight among labelings (m, n) of weights (m,), the first of equal ones."""
    votes = np.zeros((labels.shape[1], k))
    for said, weight in zip(labels, weights, strict=True):
        votes[np.arange(len(said)), said] += weight
    return np.asarray(votes.argmax(axis=1))


def evenness(predictions: Index, k: int, rows: Sequence[Index]) -> Float:
    """Entropy of the predicted classes as a part of that of equal ones, (1 + H, C)."""
    found = [Information(len(some)).entropy(sizes(predictions[:, some], k)) for some in rows]
    return np.asarray(np.maximum(np.stack(found) / np.log(max(k, 2)), _LEAST))


def information(logits: Rows, rows: Sequence[Index]) -> Float:
    """The part of the entropy of the mean probabilities that single rows do not have, on samples of the rows."""
    log_p = log_softmax(logits)
    p, each = np.exp(log_p), entropy_of(log_p)
    found = []
    for some in rows:
        mean = p[some].mean(axis=0, keepdims=True)
        whole = float(entropy_of(np.log(np.maximum(mean, np.finfo(np.float64).tiny)))[0])
        found.append(max(1 - float(each[some].mean()) / whole, 0.0) if whole > 0 else 0.0)
    return np.asarray(found)


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
