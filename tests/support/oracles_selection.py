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


def consensus(refits: list[Matrix], weights: list[float]) -> Labels:
    """The class with the most weight among the refits."""
    found = []
    for i in range(len(refits[0])):
        count: Counter[int] = Counter()
        for scores, weight in zip(refits, weights, strict=True):
            count[int(scores[i].argmax())] += weight  # type: ignore[assignment]
        found.append(max(count, key=lambda c: count[c]))
    return found


def information(logits: Matrix) -> float:
    """Entropy of the mean probabilities less the mean entropy."""
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(entropy(p.mean(axis=0)) - np.mean([entropy(row) for row in p]))


def clusters(rows: Matrix, k: int, seed: int) -> Labels:
    """k-means of unit rows: 2 starts, 50 iterations."""
    found: Labels = KMeans(k, n_init=2, max_iter=50, random_state=seed).fit(unit(rows)).labels_.tolist()
    return found


class Parts(NamedTuple):
    """What the scores are made of, a number for each candidate."""

    weights: list[float]
    clusters: list[float]
    neighbors: list[float]
    own: list[float]


def parts(spaces: list[Matrix], predictions: list[Labels], k: int, seed: int) -> Parts:
    """Vote weights, agreement with the clusters and neighbors of others, and with the own neighbors."""
    lists = [nearest(rows) for rows in spaces]
    weights = vote_weights(lists)
    z = [clusters(rows, k, seed) for rows in spaces]
    ca, xm, own = [], [], []
    for i, y in enumerate(predictions):
        others = [j for j in range(len(spaces)) if j != i]
        total = sum(weights[j] for j in others)
        ca.append(sum(weights[j] * adjusted_mutual_info_score(y, z[j]) for j in others) / total)
        xm.append(sum(weights[j] * mutual_info_score(y, plurality(y, lists[j])) for j in others) / total)
        own.append(float(mutual_info_score(y, plurality(y, lists[i]))))
    return Parts(weights, ca, xm, own)
