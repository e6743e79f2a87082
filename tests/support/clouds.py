"""Point clouds on which a minimum spanning tree is easily got wrong; the reference sets of the deaths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def clumps(spread: float, *, k: int = 20, m: int = 14, d: int = 12, apart: float = 10.0, seed: int = 0) -> Matrix:
    """k clumps of m points: more points in each than a list of neighbors holds."""
    rng = np.random.default_rng(seed)
    centers = apart * rng.normal(size=(k, d))
    return np.asarray(np.repeat(centers, m, axis=0) + spread * rng.normal(size=(k * m, d)))


def nested(levels: int, k: int, d: int = 10, seed: int = 0) -> Matrix:
    """Clusters of clusters, each level 30 times as tight as the one above."""
    rng = np.random.default_rng(seed)
    X, size = np.zeros((1, d)), 1000.0
    for _ in range(levels):
        X = np.repeat(X, k, axis=0) + size * rng.normal(size=(len(X) * k, d))
        size /= 30
    return X


def _with_outlier(X: Matrix, length: float) -> Matrix:
    X = X.copy()
    X[7] = length
    return X


def _ulps(seed: int) -> Matrix:
    """Clumps whose points differ in the last bits of float32."""
    rng = np.random.default_rng(seed)
    X = np.repeat(rng.normal(size=(20, 12)), 14, axis=0).astype(np.float32)
    for _ in range(2):
        X = np.where(rng.random(X.shape) < 0.5, np.nextafter(X, np.float32(9)), X)
    return X.astype(np.float64)


def _two_lattices() -> Matrix:
    """Ties inside two components that are far from each other."""
    near, far = np.random.default_rng(0).integers(0, 2, (2, 400, 12))
    return np.vstack([near, 1000.0 + far])


def far_clusters(d: int = 384) -> Matrix:
    return clumps(1.0, k=10, m=45, d=d, apart=3.0)


def clouds() -> dict[str, Matrix]:
    rng = np.random.default_rng(20240613)
    normal = rng.normal
    pairs = normal(size=(200, 12))
    return {
        "gauss": normal(size=(400, 12)),
        "duplicates": np.repeat(normal(size=(120, 12)), 3, axis=0),
        "lattice": rng.integers(0, 4, (400, 4)).astype(np.float64),
        "one-hot": np.eye(40)[rng.integers(0, 40, 300)],
        "bits": rng.integers(0, 2, (400, 12)).astype(np.float64),
        "two far lattices": _two_lattices(),
        "pairs at 1e-5": np.vstack([pairs, pairs + 1e-5 * normal(size=pairs.shape)]),
        "clumps at 1e-8": clumps(1e-7),
        "clumps at 1e-9": clumps(1e-8, seed=1),
        "a crowded clump at 1e-9": np.vstack([normal(size=(90, 12)), 1 + 1e-9 * normal(size=(200, 12))]),
        "float32 ulps": _ulps(3),
        "offset 1e4": normal(size=(300, 12)) + 1e4,
        "offset 1e6": normal(size=(300, 12)) + 1e6,
        "outlier": _with_outlier(normal(size=(300, 12)), 1e8),
        "ten far clusters": far_clusters(),
        "line": np.outer(normal(size=300), normal(size=12)),
        "one column": normal(size=(300, 1)),
        "nested": nested(3, 8),
        "deeply nested": nested(8, 2),
    }


def _lattice(n: int, steps: tuple[tuple[int, int], ...]) -> Matrix:
    return np.array([[a * i % b for a, b in steps] for i in range(n)], dtype=np.float64)


def _three_gaussians() -> Matrix:
    rng = np.random.default_rng(20240613)
    X = np.vstack([rng.normal(0, 1, (40, 16)), rng.normal(0, 1, (40, 16)), rng.normal(0, 1, (20, 16))])
    X[40:80, 0] += 8
    X[80:, 1] += 8
    return X


def reference_sets() -> dict[str, Matrix]:
    """Small sets whose deaths are known by hand or from several independent programs."""
    return {
        "T1": np.array([[0.0], [1.0], [3.0], [7.0]]),
        "T2": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
        "T3": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [5.0, 5.0], [5.0, 6.5]]),
        "T4": np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [3.0, 4.0]]),
        "T5": np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 3**0.5]]),
        "T6": np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]),
        "T7": np.eye(5),
        "T8": _lattice(20, ((37, 101), (53, 97))),
        "T9": _lattice(50, ((17, 53), (29, 59), (41, 61))),
        "T10": _three_gaussians(),
    }
