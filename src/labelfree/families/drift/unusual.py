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

Method: TypeAlias = Literal["distance", "direction", "mahalanobis", "energy", "msp"]
"""Distance to the 10th nearest reference row; that of rows of length one; from the mean in units of the covariance; of
class scores minus the logarithm of their summed exponentials, and one minus the highest probability."""
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


def scale_of(reference: Evidence, method: Method) -> Scale:
    """The scale that a reference gives."""
    drawn, logits = reference.drawn, None if reference.outputs is None else reference.outputs.logits
    assert drawn is not None
    fitted, kept = halves(reference)
    score = scorer(method, drawn.rows[fitted])
    calibration = score(drawn.rows[kept], None if logits is None else logits[kept])
    return Scale(method, score, np.sort(calibration))


def scorer(method: Method, rows: Rows, k: int = K) -> Callable[[Rows, Rows | None], Float]:
    """The score of one method, fixed by rows of the reference."""
    if method == "distance":
        center = rows.mean(axis=0, dtype=np.float64)  # so that an offset of all rows costs no digits
        others = rows - center
        return lambda given, logits: nearest(given - center, others, min(k, len(others)))
    if method == "direction":
        units = directions(rows)
        return lambda given, logits: nearest(directions(given), units, min(k, len(units)))
    if method == "mahalanobis":
        mean, root = whitening(rows)
        return lambda given, logits: np.asarray((((given - mean) @ root) ** 2).sum(axis=1))
    return _energy if method == "energy" else _uncertainty


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
    return np.sqrt(np.maximum(found, 0.0))


def whitening(rows: Rows) -> tuple[Float, Float]:
    """The mean of rows, and R with |(x - mean) R|^2 the squared Mahalanobis distance by their shrunken covariance."""
    mean = rows.mean(axis=0, dtype=np.float64)
    away = rows - mean
    n, d = away.shape
    scatter = away.T @ away / n
    lam, vectors = np.linalg.eigh(shrunken(scatter, float((np.einsum("ij,ij->i", away, away) ** 2).mean()), n))
    there = lam > d * np.finfo(float).eps * max(float(lam[-1]), 0.0)
    return mean, np.asarray(vectors[:, there] / np.sqrt(lam[there]))


def shrunken(covariance: Float, fourth: float, n: int) -> Float:
    """The covariance (divisor n) of n rows drawn to a multiple of the identity as far as Ledoit and Wolf (2004) say.

    fourth: mean fourth power of the distances of the rows from their mean.
    """
    d = len(covariance)
    size = float(np.trace(covariance)) / d
    square = float(np.einsum("ij,ij->", covariance, covariance))
    spread = square - d * size**2
    share = 0.0 if spread <= 0 else min(max((fourth - square) / n, 0.0) / spread, 1.0)
    found = (1 - share) * covariance
    found[np.diag_indices(d)] += share * size
    return np.asarray(found)


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
