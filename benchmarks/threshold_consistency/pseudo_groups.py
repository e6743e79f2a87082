"""Groups made by k-means where nobody named any: of half the dimensions, of the pixels, of the judged space itself."""

from __future__ import annotations

import numpy as np


def clusters(X: np.ndarray, k: int, seed: int) -> np.ndarray:
    """k-means of the unit rows of X."""
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(k, n_init=2, random_state=seed).fit(unit(X)).labels_)


def halves(X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the columns of the unit rows after a random rotation: one to cluster, the other to judge."""
    d = X.shape[1]
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    turned = unit(X) @ turn
    return turned[:, : d // 2], turned[:, d // 2 :]


def unit(X: np.ndarray) -> np.ndarray:
    """Rows of length one, in double precision."""
    X = np.asarray(X, np.float64)
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-300)


def stability(labels: list[np.ndarray]) -> float:
    """Mean adjusted Rand index over pairs of clusterings."""
    from sklearn.metrics import adjusted_rand_score

    pairs = [(a, b) for i, a in enumerate(labels) for b in labels[:i]]
    return float(np.mean([adjusted_rand_score(a, b) for a, b in pairs]))
