"""The rule as the textbook has it: loops over rows and candidates, scikit-learn's scores, nothing of labelfree."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

Labels = list[int]
Matrix = NDArray[np.float64]


def unit(rows: Matrix) -> Matrix:
    """Centered rows of length one."""
    about = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
    return np.asarray(about / np.linalg.norm(about, axis=1, keepdims=True))


def nearest(rows: Matrix, k: int = 10) -> list[list[int]]:
    """The k rows of the highest cosine, the highest first, for each row."""
    z = unit(rows)
    found = []
    for i in range(len(z)):
        cosines = z @ z[i]
        others = [j for j in range(len(z)) if j != i]
        found.append(sorted(others, key=lambda j: -cosines[j])[:k])
    return found


def likeness(one: list[list[int]], other: list[list[int]]) -> float:
    """(mean share of common neighbors - c) / (1 - c), clipped."""
    n, k = len(one), len(one[0])
    share = sum(len(set(a) & set(b)) / k for a, b in zip(one, other, strict=True)) / n
    c = k / (n - 1)
    return min(max((share - c) / (1 - c), 0.0), 1.0)


def vote_weights(lists: list[list[list[int]]]) -> list[float]:
    """1 / sum over all spaces of likeness^2."""
    return [1 / sum((1.0 if a is b else likeness(a, b)) ** 2 for b in lists) for a in lists]


def plurality(labels: Labels, neighbors: list[list[int]]) -> Labels:
    """The label that most neighbors have; of equal ones that with the nearest neighbor the other does not match."""
    found = []
    for near in neighbors:
        count = Counter(labels[j] for j in near)
        most = [c for c in count if count[c] == max(count.values())]
        found.append(min(most, key=lambda c: [r for r, j in enumerate(near) if labels[j] == c]))
    return found


def ridge(rows: Matrix, source: Matrix, labels: NDArray[np.int64], k: int) -> Matrix:
    """Kernel ridge of one-hot labels less 1 / k, with the penalty of the sheet on the source's Gram matrix."""
    mean = np.vstack([rows, source]).astype(np.float64).mean(axis=0)
    x, z = source - mean, rows - mean
    scale = np.sqrt((x**2).sum(axis=1).mean())
    x, z = x / scale, z / scale
    gram = x @ x.T
    penalty = 0.05 * np.trace(gram) / len(x) + 0.02
    wanted = np.array([[float(c == y) - 1 / k for c in range(k)] for y in labels])
    return np.asarray(z @ x.T @ np.linalg.inv(gram + penalty * np.eye(len(x))) @ wanted)


def left_out_accuracy(rows: Matrix, source: Matrix, labels: NDArray[np.int64], k: int) -> float:
    """Share of source rows that the classifier predicts right when it is fitted without them; center and scale stay."""
    mean = np.vstack([rows, source]).astype(np.float64).mean(axis=0)
    x = source - mean
    x = x / np.sqrt((x**2).sum(axis=1).mean())
    penalty, right = 0.05 * np.trace(x @ x.T) / len(x) + 0.02, 0
    for i in range(len(x)):
        rest = [j for j in range(len(x)) if j != i]
        wanted = np.array([[float(c == labels[j]) - 1 / k for c in range(k)] for j in rest])
        weights = np.linalg.inv(x[rest].T @ x[rest] + penalty * np.eye(x.shape[1])) @ x[rest].T @ wanted
        right += int((x[i] @ weights).argmax() == labels[i])
    return right / len(x)


def contrast(one: Labels, other: Labels, c: int) -> float:
    """How much more often `other` says c where `one` says it than where it does not, at least 0."""
    inside = [b == c for a, b in zip(one, other, strict=True) if a == c]
    outside = [b == c for a, b in zip(one, other, strict=True) if a != c]
    if not inside or not outside:
        return 0.0
    return max(sum(inside) / len(inside) - sum(outside) / len(outside), 0.0)


def mean_contrast(one: Labels, other: Labels, k: int) -> float:
    """All classes count the same."""
    return sum(contrast(one, other, c) for c in range(k)) / k


def rooted_contrast(one: Labels, other: Labels, k: int) -> float:
    """A class counts by the root of its share of `one`, over the root of k."""
    return sum(contrast(one, other, c) * float(np.sqrt(one.count(c) / len(one))) for c in range(k)) / float(np.sqrt(k))


def told(one: Labels, other: Labels) -> float:
    """The part of the entropy of `one` that `other` tells."""
    return float(mutual_info_score(one, other) / mutual_info_score(one, one))


def vote(labelings: list[Labels], weights: list[float]) -> Labels:
    """The class with the most weight among the labelings."""
    found = []
    for row in zip(*labelings, strict=True):
        count: dict[int, float] = {}
        for said, weight in zip(row, weights, strict=True):
            count[said] = count.get(said, 0.0) + weight
        found.append(max(sorted(count), key=lambda c: count[c]))
    return found


def evenness(labels: Labels, k: int) -> float:
    """Entropy over that of equal classes."""
    return float(mutual_info_score(labels, labels) / np.log(k))


def information(logits: Matrix) -> float:
    """Entropy of the mean probabilities less the mean entropy, over the former."""
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(1 - np.mean([entropy(row) for row in p]) / entropy(p.mean(axis=0)))


def clusters(rows: Matrix, k: int, seed: int) -> Labels:
    """k-means of unit rows: 2 starts, 50 iterations."""
    found: Labels = KMeans(k, n_init=2, max_iter=50, random_state=seed).fit(unit(rows)).labels_.tolist()
    return found


class Parts(NamedTuple):
    """What the scores are made of, a number for each candidate.

    told: the part of the entropy of the predictions that their plurality over the neighbors of others tells.
    """

    weights: list[float]
    clusters: list[float]
    neighbors: list[float]
    own: list[float]
    told: list[float]
    heard: list[list[float]]


def parts(spaces: list[Matrix], predictions: list[Labels], k: int, seed: int) -> Parts:
    """Vote weights, agreement with the clusters and neighbors of others, and with the own neighbors."""
    lists = [nearest(rows) for rows in spaces]
    weights = vote_weights(lists)
    z = [clusters(rows, k, seed) for rows in spaces]
    found = Parts(weights, [], [], [], [], [])
    for i, y in enumerate(predictions):
        total = sum(weights) - weights[i]
        heard = [0.0 if j == i else weights[j] / total for j in range(len(spaces))]
        near = [plurality(y, other) for other in lists]
        found.heard.append(heard)
        found.clusters.append(sum(h * adjusted_mutual_info_score(y, c) for h, c in zip(heard, z, strict=True)))
        found.neighbors.append(sum(h * mean_contrast(y, v, k) for h, v in zip(heard, near, strict=True)))
        found.told.append(sum(h * told(y, v) for h, v in zip(heard, near, strict=True)))
        found.own.append(mean_contrast(y, near[i], k))
    return found
