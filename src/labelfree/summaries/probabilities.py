"""Class probabilities of logits, in float64 and without overflow."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Rows


def two_classes(logits: Rows) -> Rows:
    """(m, K) logits as they are; one column z of a binary head as the two classes [0, z]."""
    if logits.shape[1] != 1:
        return logits
    return np.concatenate([np.zeros_like(logits), logits], axis=1)


def log_softmax(logits: Rows) -> Float:
    """ln p (m, K), K >= 2: logits of 1e4 cost nothing, for the largest of a row is subtracted first."""
    shifted = two_classes(logits).astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def softmax(logits: Rows) -> Float:
    """p (m, K), K >= 2, rows summing to one."""
    shifted = two_classes(logits).astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    p: Float = np.exp(shifted, out=shifted)
    p /= p.sum(axis=1, keepdims=True)
    return p


def entropy_of(log_p: Float) -> Float:
    """-sum over classes of p ln p (m,), in nats; log_p (m, K) as log_softmax gives it."""
    return np.asarray(-np.einsum("ij,ij->i", np.exp(log_p), log_p))
