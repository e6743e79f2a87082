"""Class probabilities of logits, in float64 and without overflow."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Rows

FAR = 1e70
"""Logits up to which fourth powers are numbers of float64."""


def two_classes(logits: Rows) -> Rows:
    """(m, K) logits as they are; one column z of a binary head as the two classes [0, z]."""
    if logits.shape[1] != 1:
        return logits
    return np.concatenate([np.zeros_like(logits), logits], axis=1)


def tamed(logits: Rows) -> Float:
    """Logits (m, K) in float64; rows that reach beyond FAR are shrunk to it, which changes no probability.

    Only their largest classes count there, and these stay the largest; squares stay in the range of float64.
    """
    found = logits.astype(np.float64)
    if found.size and max(found.max(), -found.min()) > FAR:
        found *= np.minimum(1.0, FAR / np.maximum(np.abs(found).max(axis=1, keepdims=True), FAR))
    return found


def log_softmax(logits: Rows) -> Float:
    """ln p (m, K), K >= 2: logits of 1e4 cost nothing, for the largest of a row is subtracted first."""
    shifted = tamed(two_classes(logits))
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def softmax(logits: Rows) -> Float:
    """p (m, K), K >= 2, rows summing to one."""
    shifted = tamed(two_classes(logits))
    shifted -= shifted.max(axis=1, keepdims=True)
    p: Float = np.exp(shifted, out=shifted)
    p /= p.sum(axis=1, keepdims=True)
    return p


def entropy_of(log_p: Float) -> Float:
    """-sum over classes of p ln p (m,), in nats; log_p (m, K) as log_softmax gives it."""
    return np.asarray(-np.einsum("ij,ij->i", np.exp(log_p), log_p))
