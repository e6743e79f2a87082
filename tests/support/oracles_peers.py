"""Definitions of the accuracy estimates, distances and comparisons, slow and plain, sharing no code with labelfree."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def probabilities(logits: Any) -> list[list[float]]:
    rows = []
    for row in np.asarray(logits, dtype=np.float64).tolist():
        powers = [math.exp(z - max(row)) for z in row]
        rows.append([v / math.fsum(powers) for v in powers])
    return rows


def _best(row: list[float]) -> int:
    return max(range(len(row)), key=lambda k: (row[k], -k))


def right(logits: Any, labels: Any) -> list[bool]:
    return [_best(row) == int(y) for row, y in zip(np.asarray(logits).tolist(), labels, strict=True)]


def source_accuracy(logits: Any, labels: Any) -> float:
    hits = right(logits, labels)
    return sum(hits) / len(hits)


def doc(logits: Any, source_logits: Any, labels: Any) -> float:
    source = [max(row) for row in probabilities(source_logits)]
    target = [max(row) for row in probabilities(logits)]
    gap = math.fsum(source) / len(source) - math.fsum(target) / len(target)
    return source_accuracy(source_logits, labels) - gap


def scores(logits: Any, kind: str) -> list[float]:
    rows = probabilities(logits)
    if kind == "mc":
        return [max(row) for row in rows]
    return [math.fsum(p * math.log(p) for p in row if p > 0) for row in rows]


def atc(logits: Any, source_logits: Any, labels: Any, kind: str) -> float:
    """The first threshold among the source scores whose count below is nearest to the number of errors."""
    source, errors = scores(source_logits, kind), right(source_logits, labels).count(False)
    candidates = [*sorted(set(source)), math.inf]
    t = min(candidates, key=lambda t: (abs(sum(s < t for s in source) - errors), t))
    found = scores(logits, kind)
    return sum(s >= t for s in found) / len(found)


def atc_released(logits: Any, source_logits: Any, labels: Any, kind: str) -> tuple[float, float]:
    """Threshold and estimate by the loop that the authors' code describes: misses left above, hits taken in below."""
    source = scores(source_logits, kind)
    hits = right(source_logits, labels)
    above, below, t, least = hits.count(False), 0, 0.0, float(hits.count(False))
    for i in sorted(range(len(source)), key=lambda i: source[i]):
        if hits[i]:
            below += 1
        else:
            above -= 1
        if abs(above - below) < least:
            least, t = abs(above - below), source[i]
    found = scores(logits, kind)
    return t, sum(s >= t for s in found) / len(found)


def cot_error(logits: Any, sizes: list[int]) -> float:
    """By the assignment of n rows to n labels."""
    from scipy.optimize import linear_sum_assignment

    p = np.array(probabilities(logits))
    one_hot = np.eye(p.shape[1])[np.repeat(np.arange(p.shape[1]), sizes)]
    cost = np.abs(p[:, None, :] - one_hot[None]).sum(axis=2) / 2
    return float(cost[linear_sum_assignment(cost)].mean())


def best_by_trial(weight: Any, sizes: list[int]) -> float:
    """The largest total weight over every way to give the rows their classes."""
    labels = [k for k, size in enumerate(sizes) for _ in range(size)]
    return float(max(sum(weight[i][k] for i, k in enumerate(order)) for order in set(itertools.permutations(labels))))


def mmd(X: Any, Y: Any, scales: Any) -> tuple[float, float]:
    """MMD^2 without and with the pairs of a row with itself."""
    X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)

    def squared(a: Any, b: Any) -> float:
        return math.fsum((u - v) ** 2 for u, v in zip(a.tolist(), b.tolist(), strict=True))

    pooled = [*X, *Y]
    median = float(np.median([squared(a, b) for a, b in itertools.combinations(pooled, 2)]))

    def k(a: Any, b: Any) -> float:
        return math.fsum(math.exp(-squared(a, b) / (s * median)) for s in scales) / len(scales)

    def within(rows: Any) -> tuple[float, float]:
        n, off = len(rows), sum(k(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j)
        return off / (n * (n - 1)), (off + n) / n**2

    across = sum(k(a, b) for a in X for b in Y) / (len(X) * len(Y))
    (x, x_biased), (y, y_biased) = within(X), within(Y)
    return x + y - 2 * across, x_biased + y_biased - 2 * across


def coral(X: Any, Y: Any) -> float:
    gap = np.cov(X, rowvar=False) - np.cov(Y, rowvar=False)
    return float((np.atleast_2d(gap) ** 2).sum() / (4 * np.shape(X)[1] ** 2))


def frechet(X: Any, Y: Any) -> float:
    from scipy.linalg import sqrtm

    X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)
    one, two = np.atleast_2d(np.cov(X, rowvar=False)), np.atleast_2d(np.cov(Y, rowvar=False))
    shift = X.mean(axis=0) - Y.mean(axis=0)
    return float(shift @ shift + np.trace(one) + np.trace(two) - 2 * np.trace(sqrtm(one @ two)).real)


def ensv(candidates: Any) -> list[float]:
    every = [probabilities(z) for z in candidates]
    ensemble = [_best([math.fsum(c) for c in zip(*rows, strict=True)]) for rows in zip(*every, strict=True)]
    return [sum(_best(row) == e for row, e in zip(p, ensemble, strict=True)) / len(ensemble) for p in every]


def disagreements(candidates: Any) -> list[list[float]]:
    """For each candidate and row: the share of the other candidates that predict another class."""
    votes = [[_best(row) for row in np.asarray(z).tolist()] for z in candidates]
    others = len(votes) - 1
    return [[sum(v[i] != own[i] for v in votes) / others for i in range(len(own))] for own in votes]
