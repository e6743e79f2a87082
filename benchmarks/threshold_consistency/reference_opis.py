"""OPIS after Zhang et al. (ICLR 2024), brute force over all pairs: the one place where this study computes it.

To judge with the library instead, let `scores_of` return the same three fields from labelfree.metrics.opis(X, group).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FAR = (0.01, 0.10)
"""The calibration range: from the first to the second false accept rate of all negative pairs."""
WORST = 0.1
"""Share of the groups whose mean is the worst utility."""
GRID = 257


class Scores(NamedTuple):
    """None in all three where the range of thresholds is empty: all distances equal."""

    opis: float | None
    mean_utility: float | None
    worst_utility: float | None


def scores_of(X: np.ndarray, group: np.ndarray, points: int = GRID) -> Scores:
    """OPIS, mean and worst utility of rows (n, d) in groups (n,), trapezoidal rule, equally spaced thresholds.

    L2 distance of unit rows, accepted where distance <= threshold; groups of one row are negatives only.
    """
    _, y = np.unique(group, return_inverse=True)
    size = np.bincount(y)
    X = np.asarray(X, np.float64)
    X = X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-300)
    i, j = np.triu_indices(len(X), 1)
    d = np.sqrt(np.maximum(2 - 2 * (X @ X.T)[i, j], 0.0))
    same = y[i] == y[j]
    low, high = _quantiles(d[~same])
    if not high > low:
        return Scores(None, None, None)
    t = np.linspace(low, high, points)
    near = d <= high
    i, j, same, first = i[near], j[near], same[near], np.searchsorted(t, d[near])
    positive = _accepted(y[i[same]], first[same], len(size), points)
    negative = _accepted(y[i[~same]], first[~same], len(size), points)
    negative += _accepted(y[j[~same]], first[~same], len(size), points)
    used = size >= 2
    sens = positive[used] / (size * (size - 1) / 2)[used, None]
    spec = 1 - negative[used] / (size * (len(X) - size))[used, None]
    utility = 2 * sens * spec / np.maximum(sens + spec, 1e-300)
    weight = np.full(points, 1 / (points - 1))
    weight[[0, -1]] /= 2
    worst = np.sort(utility, axis=0)[: max(1, int(np.ceil(WORST * used.sum() - 1e-12)))]
    return Scores(*(float(curve @ weight) for curve in (utility.var(0), utility.mean(0), worst.mean(0))))


def _quantiles(negatives: np.ndarray) -> tuple[float, float]:
    """The smallest distances at which FAR is reached: order statistics, not interpolated."""
    at = [max(int(np.ceil(far * len(negatives) - 1e-12)), 1) - 1 for far in FAR]
    low, high = np.partition(negatives, at)[at]
    return float(low), float(high)


def _accepted(group: np.ndarray, first: np.ndarray, groups: int, points: int) -> np.ndarray:
    """(groups, points) pairs accepted at each threshold, from the first threshold that accepts each pair."""
    return np.bincount(group * points + first, minlength=groups * points).reshape(groups, points).cumsum(1)
