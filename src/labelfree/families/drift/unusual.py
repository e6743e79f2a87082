"""How unusual a row is beside a reference: a score, and what share of the reference is as unusual (conformal).

The sampled rows of the reference are split in their random order: one half fixes the score, the other says what scores
are usual. A row that neither half has seen is then as unusual as any of the second half, by chance alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.scaling import directions
from labelfree.summaries.probabilities import log_softmax, two_classes

Method: TypeAlias = Literal["combined", "distance", "direction", "mahalanobis", "energy", "msp"]
"""distance: to the 10th nearest reference row; direction: that of rows of length one; mahalanobis: from the mean in
units of the covariance; combined: the largest of these three; of class scores energy, minus the logarithm of their
summed exponentials, and msp, one minus the highest probability."""
USED: Method = "combined"
"""How unusual rows are told from usual ones: the best measured (docs/evidence/drift.md)."""
RESPECTS: tuple[Method, ...] = ("distance", "direction", "mahalanobis")
K = 10
_STRIP = 1 << 21


@dataclass(frozen=True, eq=False)
class Scale:
    """What makes a row unusual beside a reference: its score, and the sorted scores of calibration rows.

    score: of rows (m, d) and their logits (m, K); calibration: (n_cal,) sorted.
    """

    method: Method
    score: Callable[[Rows, Rows | None], Float]
    calibration: Float

    def p_values(self, scores: Float) -> Float:
        """(m,) shares of the calibration rows, and the row itself, that are no less unusual."""
        n = len(self.calibration)
        below = np.searchsorted(self.calibration, scores, side="left")
        return np.asarray((1 + n - below) / (n + 1))


def halves(e: Evidence) -> tuple[Index, Index]:
    """Positions in the sample of the rows that fix a score, and of those that calibrate it."""
    assert e.drawn is not None
    every = np.arange(len(e.drawn.keys))
    return every[::2], every[1::2]


def scale_of(reference: Evidence, method: Method = USED) -> Scale:
    """The scale that a reference gives."""
    drawn, logits = reference.drawn, None if reference.outputs is None else reference.outputs.logits
    assert drawn is not None
    fitted, kept = halves(reference)
    score = scorer(method, drawn.rows[fitted])
    calibration = score(drawn.rows[kept], None if logits is None else logits[kept])
    return Scale(method, score, np.sort(calibration))


def scorer(method: Method, rows: Rows, k: int = K) -> Callable[[Rows, Rows | None], Float]:
    """The score of one method, fixed by rows of the reference."""
    if method == "combined":
        return _combined(rows, k)
    if method == "distance":
        center = rows.mean(axis=0, dtype=np.float64)  # so that an offset of all rows costs no digits
        others = rows - center
        return lambda given, logits: nearest(given - center, others, min(k, len(others)))
    if method == "direction":
        units = directions(rows)
        return lambda given, logits: nearest(directions(given), units, min(k, len(units)))
    if method == "mahalanobis":
        mean, root, rest = whitening(rows)
        return lambda given, logits: squared_lengths_by(given - mean, root, rest)
    return _energy if method == "energy" else _uncertainty


def _combined(rows: Rows, k: int) -> Callable[[Rows, Rows | None], Float]:
    """The largest of three scores, each about its median in units of its median deviation on rows beside its own."""
    own, beside = rows[: -(-2 * len(rows) // 3)], rows[-(-2 * len(rows) // 3) :]
    parts = []
    for method in RESPECTS:
        score = scorer(method, own, k)
        usual = score(beside if len(beside) else own, None)
        middle = float(np.median(usual))
        spread = float(np.median(np.abs(usual - middle))) or float(usual.std()) or 1.0
        parts.append((score, middle, spread))
    return lambda given, logits: np.asarray(
        np.max([(score(given, None) - middle) / spread for score, middle, spread in parts], axis=0)
    )


def nearest(points: Float, among: Float, k: int) -> Float:
    """(m,) distances of points to the k-th nearest of others, a strip at a time."""
    squares = np.einsum("ij,ij->i", among, among)
    found, step = np.empty(len(points)), max(1, _STRIP // max(len(among), 1))
    for start in range(0, len(points), step):
        part = points[start : start + step]
        away = part @ among.T
        away *= -2
        away += squares
        away.partition(k - 1, axis=1)
        found[start : start + len(part)] = away[:, k - 1] + np.einsum("ij,ij->i", part, part)
    return np.asarray(np.sqrt(np.maximum(found, 0.0)))


def whitening(rows: Rows) -> tuple[Float, Float, float]:
    """Mean of rows, R (d, r) that makes their shrunken covariance one in the span of R, and 1 / variance beyond it.

    Of fewer rows than columns the span of the rows is enough: beyond it all directions have one variance.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    away = rows - mean
    n, d = away.shape
    fourth = float((np.einsum("ij,ij->i", away, away) ** 2).mean())
    if n < d:
        _, sigma, vectors = np.linalg.svd(away, full_matrices=False)
        lam, vectors = sigma**2 / n, vectors.T
    else:
        lam, vectors = np.linalg.eigh(away.T @ away / n)
    size = float(lam.sum()) / d
    share = _shrinkage(float((lam**2).sum()), size, fourth, n, d)
    drawn = (1 - share) * lam + share * size
    there = drawn > d * np.finfo(float).eps * max(float(drawn.max(initial=0.0)), 0.0)
    beyond = 1 / (share * size) if n < d and share * size > 0 else 0.0
    return mean, np.asarray(vectors[:, there] / np.sqrt(drawn[there])), beyond


def squared_lengths_by(away: Float, root: Float, beyond: float) -> Float:
    """Squared Mahalanobis distances of rows about the mean (m, d), by what `whitening` gave."""
    inside = away @ root
    found = np.einsum("ij,ij->i", inside, inside)
    if beyond:
        sizes = np.einsum("ij,ij->j", root, root)  # columns of R are directions times 1 / deviation
        left = np.einsum("ij,ij->i", away, away) - (inside**2 / sizes).sum(axis=1)
        found = found + beyond * np.maximum(left, 0.0)
    return np.asarray(found)


def shrunken(covariance: Float, fourth: float, n: int) -> Float:
    """The covariance (divisor n) of n rows drawn to a multiple of the identity as far as Ledoit and Wolf (2004) say.

    fourth: mean fourth power of the distances of the rows from their mean.
    """
    d = len(covariance)
    size = float(np.trace(covariance)) / d
    share = _shrinkage(float(np.einsum("ij,ij->", covariance, covariance)), size, fourth, n, d)
    found = (1 - share) * covariance
    found[np.diag_indices(d)] += share * size
    return np.asarray(found)


def _shrinkage(square: float, size: float, fourth: float, n: int, d: int) -> float:
    """How far a covariance is drawn to the identity, by its squared norm and its mean variance."""
    spread = square - d * size**2
    return 0.0 if spread <= 0 else min(max((fourth - square) / n, 0.0) / spread, 1.0)


def _energy(rows: Rows, logits: Rows | None) -> Float:
    assert logits is not None
    scores = two_classes(logits).astype(np.float64)
    peak = scores.max(axis=1)
    return np.asarray(-peak - np.log(np.exp(scores - peak[:, None]).sum(axis=1)))


def _uncertainty(rows: Rows, logits: Rows | None) -> Float:
    assert logits is not None
    return np.asarray(1 - np.exp(log_softmax(two_classes(logits)).max(axis=1)))


def called(p_values: Float, share: float) -> int:
    """How many of the rows can be singled out, so that about this share of them are false (Benjamini and Hochberg)."""
    ordered = np.sort(p_values)
    limits = share * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    below = np.flatnonzero(ordered <= limits)
    return int(below[-1] + 1) if len(below) else 0
