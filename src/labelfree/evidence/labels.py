"""Labelled source rows: what the model said of them, and the thresholds that they give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from labelfree.arrays import Float, Rows, as_array, blocks_of, matrix
from labelfree.errors import ArrayError
from labelfree.evidence.outputs import Labelled
from labelfree.summaries.probabilities import log_softmax, softmax, two_classes


def of_rows(logits: Rows) -> tuple[Float, Float]:
    """Highest probability (m,) and sum over classes of p ln p (m,) of each row of logits (m, K)."""
    pieces = []
    for block in blocks_of(logits, 1 << 18):
        p = softmax(block)  # in the same operations as Predictions, so that equal rows have equal scores
        pieces.append((p.max(axis=1), np.einsum("ij,ij->i", p, log_softmax(block))))
    if not pieces:
        return np.empty(0), np.empty(0)
    return np.concatenate([c for c, _ in pieces]), np.concatenate([s for _, s in pieces])


def labelled(logits: Any, labels: Any) -> Labelled:
    """What the model said of source rows: logits (n, K), labels (n,) class numbers from 0."""
    z = two_classes(matrix(logits, "source_logits"))
    y = as_array(labels, "source_labels")
    if y.shape != (len(z),) or y.dtype.kind not in "iu":
        raise ArrayError(
            f"source_labels: expected one class number for each of the {len(z)} rows of source_logits, "
            f"found shape {y.shape} of {y.dtype}"
        )
    if len(y) and not 0 <= y.min() <= y.max() < z.shape[1]:
        bad = np.flatnonzero((y < 0) | (y >= z.shape[1]))
        raise ArrayError(
            f"source_labels: expected class numbers 0 to {z.shape[1] - 1}, found {y[bad[0]]} at row {bad[0]}"
        )
    confidence, negentropy = of_rows(z)
    return Labelled(y.astype(np.int64), z.argmax(axis=1), confidence, negentropy)


def threshold(scores: Float, errors: int) -> tuple[float, int]:
    """The source score t with `errors` source rows below it, and how many are below it.

    t is the score of rank `errors` (from 0), infinity where every row is an error. Where equal scores forbid that
    exactly `errors` rows are below, t is the distinct score that comes nearest to it, the lower one of two as near.
    """
    ranked = np.sort(scores)
    if errors >= len(ranked):
        return math.inf, len(ranked)
    below = int(np.searchsorted(ranked, ranked[errors], side="left"))
    above = int(np.searchsorted(ranked, ranked[errors], side="right"))
    if errors - below <= above - errors:
        return float(ranked[errors]), below
    return (float(ranked[above]) if above < len(ranked) else math.inf), above


def thresholds(source: Labelled) -> tuple[float, float]:
    """The thresholds of atc_mc and atc_ne, for `Predictions.empty(classes, thresholds)`."""
    errors = int((source.predicted != source.label).sum())
    return threshold(source.confidence, errors)[0], threshold(source.negentropy, errors)[0]
