"""Candidates without logits: advice, since no rule known is much better than chance on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.families.selection.candidates import Kept
from labelfree.families.selection.information import Information, joint_counts, sizes
from labelfree.families.selection.spaces import cluster_labels, neighbor_lists, neighbor_plurality, unit_rows

COUNTS = (5, 10, 20)
SURROGATES = 2
SMOOTHING = (1.0, 2.0, 3.0, 2.0, 1.0)
LEAST = 1e-6
_SURROGATE = 0x6A05


def structure(unit: Float, neighbors: Index, seed: int) -> float:
    """How far clusters agree with neighbors, beyond Gaussian rows of equal covariance: the mean over COUNTS clusters of
    the normalized mutual information of clusters and their plurality over neighbors, less that of SURROGATES draws."""
    rng = np.random.default_rng((seed, _SURROGATE))
    n, d = unit.shape
    values, vectors = np.linalg.eigh(unit.T @ unit / n)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = [unit_rows(rng.standard_normal((n, d)) @ root.T) for _ in range(SURROGATES)]
    by_chance = [_held(rows, neighbor_lists(rows), seed) for rows in drawn]
    return _held(unit, neighbors, seed) - float(np.mean(by_chance))


def _held(unit: Float, neighbors: Index, seed: int) -> float:
    shared, found = Information(len(unit)), []
    for k in (min(k, len(unit)) for k in COUNTS):
        labels = cluster_labels(unit, k, seed)
        smooth = neighbor_plurality(labels, neighbors)
        both = shared.entropy(sizes(np.stack([labels, smooth]), k)).mean()
        mutual = float(shared.mutual(joint_counts(labels, smooth[None], k))[0])
        found.append(mutual / both if both > 0 else 0.0)
    return float(np.mean(found))


def neighbor_consensus(alike: Float, heard: Float) -> Float:
    """How much of each candidate's neighbors (C,) the others share, under weights heard (C, C)."""
    return np.asarray((alike * heard).sum(axis=1))


def ordered_scores(kept: Sequence[Kept], consensus: Float) -> Float:
    """Scores (C,) of checkpoints in order: structure times neighbor consensus, smoothed over neighbors in order.

    Zero for a candidate whose rank or consensus is below half of the median.
    """
    rank = np.array([c.rank for c in kept])
    raw = np.array([max(c.structure or 0.0, LEAST) for c in kept]) * np.maximum(consensus, LEAST)
    healthy = (rank >= np.median(rank) / 2) & (consensus >= np.median(consensus) / 2)
    raw = np.where(healthy, raw, 0.0)
    reach = len(SMOOTHING) // 2
    smooth = np.zeros(len(raw))
    for i in range(len(raw)):
        near = [j for j in range(i - reach, i + reach + 1) if 0 <= j < len(raw)]
        weights = [SMOOTHING[j - i + reach] for j in near]
        smooth[i] = np.dot(weights, raw[near]) / sum(weights)
    return np.where(healthy, smooth, 0.0)


def unordered_scores(kept: Sequence[Kept], consensus: Float) -> Float:
    """Scores (C,) in (0, 1] of candidates without order: mean rank of effective rank and neighbor consensus; of equal
    ones the greater consensus counts a little more."""
    place = [_places(np.array([c.rank for c in kept])), _places(consensus)]
    return np.asarray((place[0] + place[1] + 1e-6 * place[1]) / (2 + 1e-6) / len(kept))


def _places(values: Float) -> Float:
    """The place (C,) of each value, 1 for the lowest, equal ones sharing theirs."""
    return np.asarray([((values < v).sum() + (values <= v).sum() + 1) / 2 for v in values])


def rank_of(unit: Float) -> float:
    """Effective rank of unit rows (n, d): exp of the entropy of their singular values over the sum of these; 0 where
    all are zero."""
    n, d = unit.shape
    values = np.linalg.eigvalsh(unit.T @ unit if d <= n else unit @ unit.T)
    sigma = np.sqrt(np.maximum(values, 0))
    share = sigma[sigma > 1e-7 * max(float(sigma.max(initial=0.0)), 1e-300)]
    if len(share) == 0:
        return 0.0
    share = share / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))
