"""Scores of class probabilities without one row: what the jackknife of their intervals needs."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.targets import sampled_logits
from labelfree.summaries.predictions import Predictions
from labelfree.summaries.probabilities import log_softmax

_STEP = 0.5
_BEYOND = 8.0
_ROOM = 1 << 20


def sampled_log_p(e: Evidence) -> Float | None:
    """Logarithms of the probabilities of the sampled rows (m, K), m >= 2, or None."""
    logits = sampled_logits(e)
    return log_softmax(logits) if logits is not None and len(logits) > 1 else None


def sampled_p(e: Evidence) -> Float | None:
    """Probabilities of the sampled rows (m, K), m >= 2, or None."""
    log_p = sampled_log_p(e)
    return None if log_p is None else np.exp(log_p, out=log_p)


def share_spread(p: Predictions) -> float:
    """Half the trace of (H S / n)^2 for the entropy of the mean: second derivatives H = -1 / mean, S the covariance."""
    mean = p.total / p.n
    scale = np.divide(1.0, np.sqrt(mean), out=np.zeros_like(mean), where=mean > 0)
    relative = (p.gram / p.n - np.outer(mean, mean)) * scale * scale[:, None]
    return float((relative**2).sum()) / (2 * p.n**2)


def spread_of_few(p: Predictions) -> float:
    """`share_spread` where classes may have few rows each: times 1 - (K - 1) / n where they are even and rows certain.

    An entropy bends less over 0, 1 or 2 rows of a class than the quadratic form says; by how much was found on
    populations with one to three rows per class (benchmarks/intervals/outputs.py), not derived.
    """
    mean = p.total / p.n
    scale = np.divide(1.0, mean, out=np.zeros_like(mean), where=mean > 0)
    trace = float((np.diagonal(p.gram) / p.n - mean**2) @ scale)
    return max(share_spread(p) - trace**2 / (2 * p.n**3), 0.0)


def diversity_without(p: Predictions, rows: Float) -> Float:
    """Entropy (m,) of the mean probabilities of all rows but one, for each of the sampled rows (m, K)."""
    found = np.empty(len(rows))
    step = max(1, _ROOM // p.classes)
    for start in range(0, len(rows), step):
        mean = np.maximum(p.total - rows[start : start + step], 0.0) / (p.n - 1)
        found[start : start + step] = -np.einsum("ij,ij->i", mean, np.log(np.maximum(mean, 1e-300)))
    return found


def nuclear_without(values: Float, vectors: Float, rows: Float, n: int) -> Float:
    """Sum of the roots of the eigenvalues of P^T P / (n - 1) without each of the sampled rows (m, K), exactly.

    values, vectors: eigenvalues of P^T P / n, from the lowest, and eigenvectors. With q(t) = p^T (P^T P + t)^-1 p the
    sum of the singular values loses (1 / pi) times the integral of -log(1 - q(t^2)) over t > 0 without the row p, by
    the determinant lemma and sqrt(x) = (1 / 2 pi) integral of log(1 + x / t) / sqrt(t): the trapezoidal rule in log t.
    """
    there = values > 1e-12 * values[-1]
    sigma = np.sqrt(values[there])
    nodes = np.exp(np.arange(np.log(sigma[0]) - _BEYOND, np.log(sigma[-1]) + _BEYOND, _STEP))
    weight = 1 / (n * (values[there][:, None] + nodes**2))
    squares = (rows @ vectors[:, there]) ** 2
    loss = np.empty(len(rows))
    step = max(1, _ROOM // max(len(nodes), len(sigma)))
    for start in range(0, len(rows), step):
        leverage = np.minimum(squares[start : start + step] @ weight, 1 - 1e-12)
        loss[start : start + step] = -np.log1p(-leverage) @ nodes * (_STEP / np.pi)
    return np.asarray((n / (n - 1)) ** 0.5 * (sigma.sum() - loss))


def correlation_without(p: Predictions, rows: Float) -> Float:
    """SoftmaxCorr (m,) without each of the sampled rows (m, K)."""
    own = np.einsum("ij,ij->i", rows, rows)
    through = np.einsum("ij,ij->i", rows @ p.gram, rows)
    square = np.maximum(float((p.gram**2).sum()) - 2 * through + own**2, 1e-300)
    return np.asarray(np.minimum((np.trace(p.gram) - own) / np.sqrt(square * p.classes), 1.0))


def confusion_without(p: Predictions, rows: Float, weight: Float) -> Float:
    """Class confusion (m,) without each of the sampled rows (m, K); weight: (m,) of the rows."""
    kept, whole = np.diagonal(p.weighted), p.weighted.sum(axis=1)
    alone = (rows > 0).sum(axis=0) < 2
    found = np.empty(len(rows))
    step = max(1, _ROOM // p.classes)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        share = part * weight[start : start + step, None]
        left = whole - share
        some = left > 1e-9 * whole
        ratio = np.divide(kept - share * part, left, out=np.zeros_like(left), where=some)
        found[start : start + step] = 1 - np.where(some | ~alone, np.clip(ratio, 0.0, 1.0), 1.0).mean(axis=1)
    return found


def confusion_influence(p: Predictions, rows: Float, weight: Float) -> Float:
    """Influence (m,) of the sampled rows (m, K) on the class confusion, to first order."""
    confusion = p.weighted / p.n
    whole = confusion.sum(axis=1)
    seen = whole > 0
    there = np.where(seen, whole, 1.0)
    kept = np.where(seen, np.diagonal(confusion) / there, 1.0)
    # d value = -1/K sum_k (d C_kk / r_k - C_kk / r_k^2 d r_k), and a row adds w p_k to r_k
    gradient = (rows**2) @ (seen / there) - rows @ (seen * kept / there)
    return np.asarray(-weight * gradient / p.classes)
