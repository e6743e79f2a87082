"""Textbook definitions of the metrics of transfer, slow and plain, sharing no code with labelfree."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def make_case(n: int, d: int, k: int, seed: int) -> tuple[Matrix, Matrix, Matrix, NDArray[np.int64]]:
    """Head (k, d), rows (n, d), logits (n, k), labels (n,) of the reference cases: an untrained head."""
    r = np.random.RandomState(seed)
    W = r.standard_normal((k, d))
    b = 0.1 * r.standard_normal(k)
    mu = 3.0 * r.standard_normal((k, d))
    y = r.randint(0, k, size=n)
    X = mu[y] + r.standard_normal((n, d))
    return W, X, (X @ W.T + b) / np.sqrt(d), y


def probabilities(logits: Any) -> list[list[float]]:
    out = []
    for row in np.asarray(logits, dtype=np.float64).tolist():
        values = [0.0, row[0]] if len(row) == 1 else row
        powers = [math.exp(v - max(values)) for v in values]
        out.append([v / sum(powers) for v in powers])
    return out


def entropy_of(p: list[float]) -> float:
    return -sum(v * math.log(v) for v in p if v > 0)


def entropy(logits: Any) -> float:
    P = probabilities(logits)
    return sum(map(entropy_of, P)) / len(P)


def diversity(logits: Any) -> float:
    P = probabilities(logits)
    return entropy_of([sum(column) / len(P) for column in zip(*P, strict=True)])


def infomax(logits: Any) -> float:
    return diversity(logits) - entropy(logits)


def average_confidence(logits: Any) -> float:
    P = probabilities(logits)
    return sum(map(max, P)) / len(P)


def nuclear_norm(logits: Any) -> float:
    P = np.array(probabilities(logits))
    return float(np.linalg.svd(P, compute_uv=False).sum() / math.sqrt(min(P.shape) * len(P)))


def softmax_corr(logits: Any) -> float:
    P = np.array(probabilities(logits))
    second, identity = (P.T @ P).ravel(), np.eye(P.shape[1]).ravel()
    return float(second @ identity / np.linalg.norm(second) / np.linalg.norm(identity))


def mcc(logits: Any) -> float:
    P = probabilities(logits)
    k, weight = len(P[0]), [1 + math.exp(-entropy_of(p)) for p in P]
    weight = [w * len(P) / sum(weight) for w in weight]
    C = [[sum(w * p[i] * p[j] for w, p in zip(weight, P, strict=True)) for j in range(k)] for i in range(k)]
    off = sum(C[i][j] / sum(C[i]) for i in range(k) for j in range(k) if i != j and sum(C[i]) > 0)
    return off / k


def mano(logits: Any) -> float:
    P = np.array(probabilities(logits))
    if -np.log(P).mean() > 5:
        return float((P**4).mean() ** 0.25)
    rows = []
    for z in np.asarray(logits, dtype=np.float64):
        taylor = [1 + v + v * v / 2 for v in z]
        lifted = [t - min(taylor) for t in taylor]
        rows.append([t / max(sum(lifted), 1e-12) for t in lifted])
    return float((np.array(rows) ** 4).mean() ** 0.25)


def neighborhood_density(rows: Any, temperature: float = 0.05) -> float:
    unit = [np.asarray(r) / np.linalg.norm(r) for r in rows]
    total = 0.0
    for i, a in enumerate(unit):
        cosines = [float(a @ b) / temperature for j, b in enumerate(unit) if j != i]
        powers = [math.exp(c - max(cosines)) for c in cosines]
        total += entropy_of([v / sum(powers) for v in powers])
    return total / len(unit)


def adjusted_mutual_information(a: list[int], b: list[int]) -> float:
    n = len(a)
    rows, columns = sorted(set(a)), sorted(set(b))
    size_a, size_b = [a.count(r) for r in rows], [b.count(c) for c in columns]
    mutual = expected = 0.0
    for i, r in enumerate(rows):
        for j, c in enumerate(columns):
            both = sum(x == r and y == c for x, y in zip(a, b, strict=True))
            if both:
                mutual += both / n * math.log(n * both / (size_a[i] * size_b[j]))
            for m in range(max(1, size_a[i] + size_b[j] - n), min(size_a[i], size_b[j]) + 1):
                chance = math.comb(size_b[j], m) * math.comb(n - size_b[j], size_a[i] - m) / math.comb(n, size_a[i])
                expected += chance * m / n * math.log(n * m / (size_a[i] * size_b[j]))
    top = (entropy_of([s / n for s in size_a]) + entropy_of([s / n for s in size_b])) / 2
    return (mutual - expected) / (top - expected)


def class_ami(X: Any, logits: Any) -> float:
    """Lloyd's iterations from the means of the predicted classes, all of which are predicted."""
    unit = np.array([np.asarray(r) / np.linalg.norm(r) for r in X])
    predicted = [p.index(max(p)) for p in probabilities(logits)]
    centers = np.array([unit[np.array(predicted) == c].mean(axis=0) for c in sorted(set(predicted))])
    cluster: list[int] = []
    while True:
        new = [int(np.argmin([math.dist(x, c) for c in centers])) for x in unit]
        if new == cluster:
            return adjusted_mutual_information(predicted, cluster)
        cluster = new
        centers = np.array([unit[np.array(cluster) == c].mean(axis=0) for c in range(len(centers))])


def classifier_nonuniformity(weight: Any) -> float:
    rows = [np.asarray(w, dtype=np.float64) for w in weight]
    k = len(rows)
    ideal = math.acos(-1 / (k - 1))
    total = 0.0
    for i in range(k):
        for j in range(k):
            if i != j:
                cosine = float(rows[i] @ rows[j]) / math.sqrt(float(rows[i] @ rows[i]) * float(rows[j] @ rows[j]))
                total += (math.acos(max(-1.0, min(1.0, cosine))) - ideal) ** 2
    return total / (k * (k - 1))


def nearest(points: Any, rows: Any, own: Any) -> list[float]:
    """Distance of each point to the nearest row that is not the row `own` of the point itself."""
    return [
        min(math.dist(p, row) for j, row in enumerate(rows) if j != mine) for p, mine in zip(points, own, strict=True)
    ]


def hopkins(X: Any, seed: int = 0, repeats: int = 10) -> list[float]:
    """The statistic of every repeat, from the documented random stream: all draws of rows, then all points thrown."""
    X = np.asarray(X)
    n, d = X.shape
    m = max(min(n, 50), int(0.05 * n))
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0x7453,)))
    chosen = [stream.choice(n, m, replace=False) for _ in range(repeats)]
    values = []
    for index in chosen:
        thrown = X.min(axis=0) + stream.random((m, d)) * (X.max(axis=0) - X.min(axis=0))
        u, w = nearest(thrown, X, [-1] * m), nearest(X[index], X, index)
        values.append(sum(u) / (sum(u) + sum(w)))
    return values


def literal_hopkins(X: Any, seed: int = 0, repeats: int = 10) -> float:
    """Eq. 3 as printed, in exact fractions of big integers where floats would overflow."""
    from fractions import Fraction

    X = np.asarray(X)
    n, d = X.shape
    m = max(min(n, 50), int(0.05 * n))
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0x7453,)))
    chosen = [stream.choice(n, m, replace=False) for _ in range(repeats)]
    values = []
    for index in chosen:
        R = X[index]
        thrown = X.min(axis=0) + stream.random((m, d)) * (X.max(axis=0) - X.min(axis=0))
        u = sum(Fraction(v) ** d for v in nearest(thrown, R, [-1] * m))
        w = sum(Fraction(v) ** d for v in nearest(R, R, range(m)))
        values.append(float(u / (u + w)))
    return sum(values) / repeats


def official_score(X: Any, logits: Any, weight: Any, seed: int = 0) -> float:
    """The steps of the released procedure, with scikit-learn's neighbors; its loader drops the last batch."""
    from sklearn.neighbors import NearestNeighbors

    whole = len(X) // 32 * 32
    X, k = np.asarray(X, dtype=np.float64)[:whole], len(weight)
    n, d = X.shape
    m = int(n * 0.05)
    thrown = np.random.RandomState(seed).uniform(X.min(0), X.max(0), (m, d))
    index = random.Random(seed).sample(range(n), m)
    tree = NearestNeighbors(n_neighbors=2).fit(X)
    u, w = tree.kneighbors(thrown)[0][:, 0].sum(), tree.kneighbors(X[index])[0][:, 1].sum()
    P = np.array(probabilities(logits))
    gains = []
    for start in range(0, n - 31, 32):
        batch = P[start : start + 32]
        mean = batch.mean(axis=0)
        gains.append((batch * np.log(batch + 1e-5)).sum(axis=1).mean() - (mean * np.log(mean + 1e-6)).sum())
    return float(u / (u + w) + np.mean(gains) / math.log(k) - classifier_nonuniformity(weight))


def jackknife(score: Any, n: int) -> float:
    """Standard error by leaving out one row at a time; score takes the positions of the rows kept."""
    values = np.array([score(np.delete(np.arange(n), i)) for i in range(n)])
    return float(((n - 1) / n * ((values - values.mean()) ** 2).sum()) ** 0.5)
