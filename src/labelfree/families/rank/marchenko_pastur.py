"""The Marchenko-Pastur law: what the spectrum of pure noise looks like."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from labelfree.arrays import Float

_NODES = 1 << 14


@lru_cache(maxsize=1)
def _nodes() -> tuple[Float, Float]:
    """Cosines and squared sines of the angles at which every law is taken."""
    theta = (np.arange(_NODES) + 0.5) * np.pi / _NODES
    return np.cos(theta), np.sin(theta) ** 2


def _law(gamma: float) -> tuple[Float, Float]:
    """Support points (ascending) and weights (sum 1) of the law with ratio 0 < gamma <= 1 and unit variance."""
    cosine, squared_sine = _nodes()
    x = 1 + gamma - 2 * np.sqrt(gamma) * cosine
    weight = squared_sine / x
    return x, weight / weight.sum()


@lru_cache(maxsize=64)
def noise_rank(n: int, d: int) -> float:
    """RankMe (eps 0) that n rows of isotropic Gaussian noise of width d reach, in the limit of large n and d."""
    x, weight = _law(min(n, d) / max(n, d))
    sigma = np.sqrt(x)
    mean = float(weight @ sigma)
    entropy_share = float(weight @ (sigma * np.log(sigma))) / mean
    return min(n, d) * mean * float(np.exp(-entropy_share))


@lru_cache(maxsize=64)
def noise_median(gamma: float) -> float:
    """Median of the non-zero eigenvalues of the covariance of unit-variance noise with d / n = gamma."""
    x, weight = _law(min(gamma, 1 / gamma))
    median = float(np.interp(0.5, np.cumsum(weight) - weight / 2, x))
    return median * max(gamma, 1.0)


def noise_edge(n: int, d: int) -> float:
    """Eigenvalue that the largest of unit-variance noise exceeds with probability 1 % (Tracy-Widom)."""
    bulk = (1 + np.sqrt(d / n)) ** 2
    root_n, root_d = np.sqrt(n - 1), np.sqrt(d)
    spread = (root_n + root_d) * (1 / root_n + 1 / root_d) ** (1 / 3) / n
    return float(bulk + 2.02345 * spread)
