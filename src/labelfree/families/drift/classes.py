"""How tightly current rows lie in the class that they are predicted as, and how far from the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.outputs import Outputs
from labelfree.evidence.targets import beside, sampled_logits
from labelfree.families.drift.sides import NOT_DAMAGE, equal, reference_of
from labelfree.families.drift.unusual import halves, whitening
from labelfree.families.spec import INVARIANT, Metric
from labelfree.families.transfer.intervals import with_interval
from labelfree.results import Z95, Plain, Result, measured, undefined
from labelfree.summaries.probabilities import two_classes

LEAST = 5
"""Reference rows that a class needs among those that fix its mean."""


def _class_alignment(e: Evidence) -> Result:
    behind = reference_of(e)
    if isinstance(behind, Result):
        return behind
    scores, known = sampled_logits(e), sampled_logits(behind)
    if scores is None or known is None:
        return undefined("no_logits", "needs the logits or probabilities of both sides")
    assert e.drawn is not None
    assert behind.drawn is not None
    fitted, kept = halves(behind)
    classes = two_classes(known).argmax(axis=1)
    counts = np.bincount(classes[fitted])
    there = np.flatnonzero(counts >= LEAST)
    if len(there) < 2:
        said = f"needs 2 classes with {LEAST} reference rows predicted as them, found {len(there)}"
        return undefined("insufficient", said)
    place = np.full(max(two_classes(scores).shape[1], len(counts)), -1, np.int64)
    place[there] = np.arange(len(there))
    rows, own = behind.drawn.rows[fitted], place[classes[fitted]]
    means = np.stack([rows[own == c].mean(axis=0, dtype=np.float64) for c in range(len(there))])
    inside = np.asarray(rows[own >= 0] - means[own[own >= 0]])
    _, root, _ = whitening(inside)
    if root.shape[1] == 0 or equal(inside, rows):
        return undefined("collapsed", "all reference rows of a class are equal: there is no spread to measure by")
    now = _ratios(e.drawn.rows, place[two_classes(scores).argmax(axis=1)], means @ root, root)
    before = _ratios(behind.drawn.rows[kept], place[classes[kept]], means @ root, root)
    if min(len(now), len(before)) < 2:
        return undefined("insufficient", "needs 2 rows on each side that are predicted as a class of the reference")
    value, usual = float(now.mean()), float(before.mean())
    errors = [float(side.std(ddof=1)) / len(side) ** 0.5 for side in (now, before)]
    apart = float(np.hypot(*errors))
    parts: dict[str, Plain] = {
        "reference": usual, "difference": value - usual,
        "difference_interval": [value - usual - Z95 * apart, value - usual + Z95 * apart],
        "classes": len(there), "of_other_classes": len(e.drawn.keys) - len(now),
    }  # fmt: skip
    params: dict[str, Plain] = {"rows": len(now), "fitted_rows": len(fitted), "reference_rows": len(before)}
    result = measured(value, errors[0], params=params, parts=parts)
    return result if result.interval is None else with_interval(result, result.interval)


def _ratios(rows: Rows, predicted: Index, means: Float, root: Float) -> Float:
    """The ln of the squared distance of each row with a known class to that class, over the mean to the others."""
    known = predicted >= 0
    points, own = rows[known] @ root, predicted[known]
    squared = (points**2).sum(axis=1)[:, None] - 2 * points @ means.T + (means**2).sum(axis=1)
    np.maximum(squared, np.finfo(float).tiny, out=squared)
    mine = squared[np.arange(len(own)), own]
    return np.asarray(np.log(mine) - np.log((squared.sum(axis=1) - mine) / (len(means) - 1)))


def class_alignment(X: Any, reference: Any, logits: Any, reference_logits: Any, *, seed: int = 0) -> Result:
    """How near current rows lie to the class that they are predicted as, beside the other classes of the reference.

    Formula: mean of ln (D_own / mean of D_other), D the squared Mahalanobis distance to the mean of a class, by one
    covariance within classes (Ledoit and Wolf), both of half of the sampled reference rows and the classes predicted
    for them. parts.reference: the same of the other half; parts.difference, with its interval, is the finding.
    Input: X (m, d), reference (n, d), logits (m, K), reference_logits (n, K).
    Range: any number; lower is tighter and better apart. Invariant to every invertible linear map.
    Undefined: fewer than 20 rows on a side; no logits on a side; fewer than two classes with 5 reference rows each.
    Interval: from the spread over the rows.
    Cost: n K d over the sampled rows.
    When it lies: a wrong prediction lowers it, since rows are predicted as the class that they lie near. It can rise
    while a distance of all rows together falls: classes get mixed.
    Source: Jung et al., "CAFA: Class-Aware Feature Alignment for Test-Time Adaptation", ICCV 2023, whose loss it is in
    form. Deviations: a metric over held-out rows beside the same of the reference; one covariance for all classes.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(200) % 2
    >>> rows, scores = rng.normal(size=(200, 2)) + 6 * np.eye(2)[y], 9 * np.eye(2)[y]
    >>> found = class_alignment(rows.mean(axis=0) + 0.5 * (rows - rows.mean(axis=0)), rows, scores, scores)
    >>> found.parts["difference"] > 0
    True
    """
    e = beside(X, reference, "reference", seed)
    behind = e.reference
    assert behind is not None
    return _class_alignment(replace(_with_logits(e, logits), reference=_with_logits(behind, reference_logits)))


def _with_logits(e: Evidence, logits: Any) -> Evidence:
    assert e.drawn is not None
    return replace(e, outputs=Outputs(logits=np.asarray(logits)[e.drawn.index]))


METRICS = (
    Metric(
        class_alignment, _class_alignment, ("outputs", "sample", "source"), INVARIANT, NOT_DAMAGE,
        "mean ln (D_own / mean D_other), D squared Mahalanobis distances to reference classes, tied covariance",
    ),
)  # fmt: skip
