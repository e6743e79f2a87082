"""Three scores of the prediction matrix by its second moments, with intervals that leave one row out at a time."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.targets import predictions_of
from labelfree.families.transfer.intervals import (
    below_the_greatest,
    jackknife,
    measured_below,
    skewed_mean,
    skewness_of,
    unless_few_rows,
    unless_one_class,
    with_interval,
)
from labelfree.families.transfer.leaving_out import (
    confusion_influence,
    confusion_without,
    correlation_without,
    nuclear_without,
    sampled_log_p,
    sampled_p,
    share_spread,
)
from labelfree.results import Plain, Result, measured
from labelfree.summaries.predictions import Predictions
from labelfree.summaries.probabilities import entropy_of


def count(p: Predictions) -> dict[str, Plain]:
    """Rows and classes."""
    return {"n": p.n, "classes": p.classes}


def nuclear_norm_of(e: Evidence) -> Result:
    """The nuclear norm of the predictions, or why there is none."""
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    values, vectors = np.linalg.eigh(p.gram / p.n)
    values = np.maximum(values, 0.0)
    share = min(p.n, p.classes) ** -0.5
    norm = float(np.sqrt(values).sum())
    parts: dict[str, Plain] = {**count(p), "bnm": norm / p.n**0.5, "nuclear": norm * p.n**0.5}
    rows = sampled_p(e)
    if rows is None:
        return measured(norm * share, low=0.0, high=1.0, parts=parts)
    variance = jackknife(share * nuclear_without(values, vectors, rows, p.n), p.n)
    # At even shares a square root bends a quarter as much as the entropy.
    found = measured_below(norm * share, variance, share_spread(p) / 16, low=0.0, high=1.0, parts=parts)
    return unless_one_class(found, p)


def softmax_corr_of(e: Evidence) -> Result:
    """The softmax correlation of the predictions, or why there is none."""
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    second = p.gram / p.n
    trace, norm, root = float(np.trace(second)), float(np.linalg.norm(second)), p.classes**0.5
    value, low = min(trace / norm / root, 1.0), p.classes**-0.5
    parts: dict[str, Plain] = {**count(p), "corr_c": trace / norm}
    rows = sampled_p(e)
    if rows is None:
        return measured(value, low=low, high=1.0, parts=parts)
    variance = jackknife(correlation_without(p, rows), p.n)
    # 1 / value^2 - 1 is the quadratic form, in which even shares bend twice as much as in the entropy.
    slope = 2 * value**-3
    (near, far), error = below_the_greatest(value**-2 - 1, slope**2 * variance, 4 * share_spread(p))
    interval = max((1 + far) ** -0.5, low), (1 + near) ** -0.5
    found = with_interval(measured(value, error / slope, low=low, high=1.0, parts=parts), interval)
    return unless_few_rows(unless_one_class(found, p), p.n)


def mcc_of(e: Evidence) -> Result:
    """The class confusion of the predictions, or why there is none."""
    p = predictions_of(e)
    if isinstance(p, Result):
        return p
    confusion = p.weighted / p.n
    rows, k = confusion.sum(axis=1), p.classes
    seen = rows > 0
    there = np.where(seen, rows, 1.0)
    kept = np.where(seen, np.diagonal(confusion) / there, 1.0)
    params: dict[str, Plain] = {"temperature": 1.0}
    parts: dict[str, Plain] = {**count(p), "classes_seen": int(seen.sum())}
    log_p, error = sampled_log_p(e), None
    value, high = float(1 - kept.mean()), 1 - 1 / k
    if log_p is not None:
        weight: Float = 1.0 + np.exp(-entropy_of(log_p))
        rows = np.exp(log_p)
        one, line = confusion_without(p, rows, weight), confusion_influence(p, rows, weight)
        error = ((jackknife(one, p.n) + float(line.var(ddof=1)) / p.n) / 2) ** 0.5
        skewness = -skewness_of(one, p.n)
    found = measured(value, error, low=0.0, high=high, params=params, parts=parts)
    if error is None:
        return found
    found = unless_one_class(with_interval(found, skewed_mean(value, error, skewness, 0.0, high)), p)
    return unless_few_rows(found, p.n)
