"""The textbook definitions, slow and plain, sharing no code with labelfree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def _entropy_exp(p: list[float]) -> float:
    return math.exp(-sum(x * math.log(x) for x in p if x > 0))


def singular_values(X: Any, *, centered: bool = False) -> list[float]:
    Z = np.array(X, dtype=np.float64)
    if centered:
        Z = Z - Z.mean(axis=0)
    values = np.linalg.svd(Z, compute_uv=False)
    return [float(v) for v in values[: min(Z.shape[0] - centered, Z.shape[1])]]


def rankme(X: Any, *, centered: bool = False, eps: float = 1e-7) -> float:
    s = singular_values(X, centered=centered)
    return _entropy_exp([v / sum(s) + eps for v in s])


def effective_rank(X: Any) -> float:
    return rankme(X, eps=0.0)


def rankme_centered(X: Any) -> float:
    return rankme(X, centered=True)


def variances(X: Any) -> list[float]:
    return [v * v for v in singular_values(X, centered=True)]


def erank_variance(X: Any) -> float:
    lam = variances(X)
    return _entropy_exp([v / sum(lam) for v in lam])


def participation_ratio(X: Any) -> float:
    lam = variances(X)
    return sum(lam) ** 2 / sum(v * v for v in lam)


def isoscore(X: Any) -> float:
    return float((participation_ratio(X) - 1) / (np.shape(X)[1] - 1))


def stable_rank(X: Any) -> float:
    s = singular_values(X)
    return sum(v * v for v in s) / s[0] ** 2


def nesum(X: Any) -> float:
    lam = variances(X)
    return sum(lam) / lam[0]


def alpha_req(X: Any, first: int = 11, last: int = 100) -> float:
    lam = variances(X)
    j = np.arange(first, min(last, len(lam)) + 1)
    design = np.stack([-np.log(j), np.ones(len(j))], axis=1)
    weights = np.sqrt(1 / j)
    target = np.log([lam[i - 1] for i in j])
    return float(np.linalg.lstsq(design * weights[:, None], target * weights, rcond=None)[0][0])


def condition_number(X: Any) -> float:
    s = singular_values(X)
    return s[0] / s[-1]


def unit_rows(X: Any) -> list[Matrix]:
    rows = [np.array(row, dtype=np.float64) for row in X]
    return [row / math.sqrt(sum(v * v for v in row)) for row in rows if any(row)]


def _pairs(X: Any) -> list[float]:
    w = unit_rows(X)
    return [float(w[i] @ w[j]) for i in range(len(w)) for j in range(i)]


def self_cluster(X: Any) -> float:
    cosines, chance = _pairs(X), 1 / np.shape(X)[1]
    squared = sum(c * c for c in cosines) / len(cosines)
    return float((squared - chance) / (1 - chance))


def mean_cosine(X: Any) -> float:
    cosines = _pairs(X)
    return sum(cosines) / len(cosines)


def std_l2(X: Any) -> float:
    return float(np.std(np.stack(unit_rows(X)), axis=0, ddof=1).mean())


def coding_rate(X: Any, eps2: float = 0.5) -> float:
    W = np.stack(unit_rows(X))
    n, d = W.shape
    return 0.5 * float(np.linalg.slogdet(np.eye(n) + d / (n * eps2) * W @ W.T)[1])


def uniformity(X: Any, t: float = 2.0) -> float:
    terms = [math.exp(-t * (2 - 2 * c)) for c in _pairs(X)]
    return math.log(sum(terms) / len(terms))


def neighbor_distances(X: Any) -> list[list[float]]:
    rows = sorted({tuple(float(v) for v in row) for row in X})
    return [sorted(math.dist(a, b) for b in rows if b != a) for a in rows]


def twonn(X: Any) -> float:
    distances = neighbor_distances(X)
    return (len(distances) - 1) / sum(math.log(r[1] / r[0]) for r in distances)


def id_mle(X: Any, k: int = 20) -> float:
    distances = neighbor_distances(X)
    inverse = [sum(math.log(r[k - 1] / r[j]) for j in range(k - 1)) / (k - 1) for r in distances]
    return len(inverse) / sum(inverse)


def lidar(X: Any, group: Any, delta: float = 1e-4) -> float:
    X, group = np.array(X, dtype=np.float64), np.asarray(group)
    names = [g for g in sorted(set(group.tolist())) if (group == g).sum() > 1]
    means = {g: X[group == g].mean(axis=0) for g in names}
    grand = sum(means.values()) / len(names)
    rows = [(x, g) for x, g in zip(X, group.tolist(), strict=True) if g in means]
    between = sum(np.outer(m - grand, m - grand) for m in means.values()) / (len(names) - 1)
    within = sum(np.outer(x - means[g], x - means[g]) for x, g in rows) / (len(rows) - len(names))
    within = within + delta * np.eye(X.shape[1])
    values, vectors = np.linalg.eigh(within)
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    lam = np.maximum(np.linalg.eigvalsh(root @ between @ root), 0.0)
    return _entropy_exp([float(v / lam.sum()) for v in lam])


def alignment(X: Any, group: Any) -> float:
    X, group = np.asarray(X, dtype=np.float64), np.asarray(group)
    W = X / np.linalg.norm(X, axis=1, keepdims=True)
    terms = [float(((W[i] - W[j]) ** 2).sum()) for i in range(len(W)) for j in range(i) if group[i] == group[j]]
    return sum(terms) / len(terms)


def scatter(X: Any) -> tuple[Matrix, Matrix]:
    X = np.asarray(X, dtype=np.longdouble)
    mean = X.mean(axis=0)
    Z = X - mean
    return mean.astype(np.float64), np.einsum("ij,ik->jk", Z, Z).astype(np.float64)


def single_linkage(X: Any) -> list[tuple[float, int, int]]:
    """(death, rows on the smaller side, rows on the larger) of every merge: all pairs by length, one value at a time.

    Where several components join at one length, the one with the lowest row takes in the others by their lowest rows.
    """
    X = np.array(X, dtype=np.float64)
    n = len(X)
    length = np.array([[math.dist(a, b) for b in X] for a in X]).reshape(n, n)
    lowest = np.arange(n)  # of the component of each row
    merges = []
    for death in np.unique(length[np.triu_indices(n, 1)]):
        before = lowest.copy()
        for i, j in np.argwhere(np.triu(length == death, 1)):
            a, b = sorted((lowest[i], lowest[j]))
            lowest[lowest == b] = a
        size = {int(a): int((before == a).sum()) for a in np.unique(before)}
        for a in sorted(size):
            into = int(lowest[a])
            if into != a:
                merges.append((float(death), min(size[into], size[a]), max(size[into], size[a])))
                size[into] += size[a]
        if not lowest.any():
            break
    return merges


def separability(deaths: Any) -> float:
    longest = max(deaths)
    return 1 - float(sum(p / longest for p in deaths)) / len(deaths)


def separability_robust(merges: list[tuple[float, int, int]]) -> float | None:
    n = len(merges) + 1
    large = [death for death, smaller, _ in merges if smaller >= 0.02 * n]
    apart = sorted(death for death, _, _ in merges if death > 0)
    if not large or max(large) == 0:
        return None
    middle = (apart[(len(apart) - 1) // 2] + apart[len(apart) // 2]) / 2
    return max(0.0, 1 - middle / max(large))


def persistence_entropy(deaths: Any) -> float:
    total = sum(deaths)
    return -float(sum(p / total * math.log2(p / total) for p in deaths if p > 0))


def diameter(X: Any) -> float:
    return max(math.dist(a, b) for a in X for b in X)
