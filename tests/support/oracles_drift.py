"""Definitions of the metrics of drift, slow and sharing no code with src; and the reference inputs of their values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def data(
    n: int = 300, m: int = 200, d: int = 16, seed: int = 0, shift: float = 0.0, scale: float = 1.0
) -> tuple[Matrix, Matrix]:
    """Reference and current rows of a frozen stream of numbers: column j has the deviation 1 / sqrt j."""
    r = np.random.RandomState(seed)
    L = 1 / np.sqrt(np.arange(1, d + 1))
    X = r.standard_normal((n, d)) * L
    Y = r.standard_normal((m, d)) * L * scale
    Y[:, 0] += shift
    return X, Y


CASES = {"D0": data(), "D1": data(shift=0.5), "D2": data(scale=1.5)}
"""Nothing changed; the mean moved; the spread grew."""


def distances(A: Matrix, B: Matrix) -> Matrix:
    """All distances, row by row."""
    return np.array([np.linalg.norm(B - a, axis=1) for a in A])


def energy(X: Matrix, Y: Matrix) -> float:
    """Energy distance over different rows."""
    m, n = len(X), len(Y)
    inside = distances(X, X).sum() / (m * (m - 1)) + distances(Y, Y).sum() / (n * (n - 1))
    return float(2 * distances(X, Y).mean() - inside)


def cauchy_schwarz(X: Matrix, Y: Matrix) -> float:
    """With one kernel whose bandwidth is the median squared distance of the pooled rows, over different rows."""
    Z = np.vstack([X, Y])
    squared = distances(Z, Z) ** 2
    k = np.exp(-squared / np.median(squared[np.triu_indices(len(Z), 1)]))
    m, n = len(X), len(Y)
    one = (k[:m, :m].sum() - m) / (m * (m - 1))
    two = (k[m:, m:].sum() - n) / (n * (n - 1))
    return float(np.log(one) + np.log(two) - 2 * np.log(k[:m, m:].mean()))


def same_side(X: Matrix, Y: Matrix, k: int = 5) -> float:
    """Share of the k nearest pooled rows that are of the same side."""
    Z, side = np.vstack([X, Y]), np.repeat([0, 1], [len(X), len(Y)])
    total = 0.0
    for i, row in enumerate(distances(Z, Z)):
        near = [j for j in np.argsort(row, kind="stable") if j != i][:k]
        total += float((side[near] == side[i]).mean())
    return total / len(Z)


def ledoit_wolf_distance(fitted: Matrix, rows: Matrix) -> Matrix:
    """Squared Mahalanobis distances by scikit-learn's shrunken covariance."""
    from sklearn.covariance import LedoitWolf

    return np.asarray(LedoitWolf().fit(fitted).mahalanobis(rows))
