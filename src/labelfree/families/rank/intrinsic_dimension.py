"""Intrinsic dimension from the distances to nearest neighbors."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float, Index
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.once import once
from labelfree.families.spec import FROM_SAMPLE, INVARIANT, NO_DIRECTION, Metric
from labelfree.results import Plain, Result, measured, undefined

NEIGHBORS = 20
"""k of the maximum-likelihood estimator."""
LEAST_ROWS = 200
"""Distinct rows below which `id_mle` has no interval."""
LEAST_PAIRED = 100
"""Distinct rows below which `twonn` has no interval: of a few clustered rows it held .80 of the time."""
MOST_UNEQUAL = 0.5
"""Standard deviation of its terms over their mean above which `id_mle` has no interval; 0.23 for one dimension."""


def _neighbors(e: Evidence) -> tuple[Float, Index]:
    """Distances and positions of the NEIGHBORS + 1 nearest among the distinct sampled rows, computed once."""
    return once(e, _nearest)


def _nearest(e: Evidence) -> tuple[Float, Index]:
    return e.kernels.nearest(e.distinct, min(NEIGHBORS + 1, len(e.distinct) - 1), e.advance)


def neighbor_error(influence: Float, index: Index) -> float:
    """Standard error of a mean of terms (m,) that neighbors share: index (m, k) says who is near whom.

    Variances plus the covariances of each pair of neighbors, counted once in each direction.
    """
    m, k = index.shape
    left, right = np.repeat(np.arange(m), k), index.ravel()
    pairs = np.unique(np.minimum(left, right) * m + np.maximum(left, right))
    centered = influence - influence.mean()
    shared = float(centered[pairs // m] @ centered[pairs % m])
    alone = float(centered @ centered)
    return float(np.sqrt(max(alone + 2 * shared, alone)) / m)


def _too_few(e: Evidence, least: int) -> Result | None:
    if len(e.distinct) >= least:
        return None
    return undefined("insufficient", f"needs at least {least} distinct rows, found {len(e.distinct)}")


def deletion_error(value: float, terms: Float, logs: Float, index: Index) -> float:
    """Standard error of m / sum(terms), term i the mean of ln(T_k / T_j) over j < k, by deletion of single rows.

    logs: (m, k + 1) of the distances to the nearest rows, index: (m, k + 1) which rows these are. Without a row its own
    term is gone and those that had it among their k reach for one neighbor more. What rows do together the deletions
    count several times over: half of their variance is taken, as measured (docs/metrics.md).
    """
    m, k = len(logs), logs.shape[1] - 1
    total = float(terms.sum())
    without = logs[:, -1:] - (logs[:, :-1].sum(axis=1, keepdims=True) - logs[:, :-1]) / (k - 1)
    gain = np.bincount(index[:, :-1].ravel(), (without - terms[:, None]).ravel(), minlength=m)
    influence = (m - 1) * (value - (m - 1) / (total - terms + gain))
    return float(influence.std(ddof=1) / np.sqrt(2 * m))


def _dimension(e: Evidence, k: int, value: float, error: float | None, warnings: tuple[Noted, ...] = ()) -> Result:
    params: dict[str, Plain] = {"neighbors": k, "rows": "sample"}
    return measured(value, error, low=0.0, params=params, parts={"rows": len(e.distinct)}, warnings=warnings)


_EQUIDISTANT = "all neighbors are equally far: a lattice has no dimension in this sense"


def _twonn(e: Evidence) -> Result:
    if short := _too_few(e, 3):
        return short
    distance, index = _neighbors(e)
    terms = np.log(distance[:, 1] / distance[:, 0])
    total = float(terms.sum())
    if total <= 0:
        return undefined("equidistant", _EQUIDISTANT)
    value = (len(terms) - 1) / total
    if len(terms) < LEAST_PAIRED:
        few = f"no interval: {len(terms)} distinct rows, expected at least {LEAST_PAIRED}"
        return _dimension(e, 2, value, None, (Noted("no_interval", few),))
    return _dimension(e, 2, value, value * neighbor_error(terms, index[:, :2]) / (total / len(terms)))


def twonn(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Intrinsic dimension by the two nearest neighbors (TwoNN).

    Formula: (n - 1) / sum_i ln(r2_i / r1_i), r1 and r2 the distances to the two nearest other rows.
    Input: X (n, d) finite real numbers; repeated rows count once; at least 3 distinct rows.
    Range: above 0; about the dimension of the manifold for small dimension, biased low for large ones.
    Invariant to scale, rotation and translation.
    Undefined: fewer than three distinct rows; all neighbors equally far.
    Interval: variance with the covariances of neighboring rows; none below 100 distinct rows.
    Cost: pairs of the sample, 2 m^2 d flop, shared with id_mle; memory one block of rows times m.
    When it lies: reads the smallest scale, so noise of every direction counts in full; depends on the sample size.
    Source: Facco et al., Scientific Reports 2017; the maximum-likelihood form. Deviations: no trimming and no line
    fit (other packages discard a tenth of the ratios and differ by some percent); repeated rows are dropped.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(2000, 3)) @ np.eye(3, 10)
    >>> round(twonn(X).value)
    3
    """
    return _twonn(evidence(X, sample=sample, seed=seed))


def _id_mle(e: Evidence) -> Result:
    if short := _too_few(e, NEIGHBORS + 1):
        return short
    distance, index = _neighbors(e)
    m, k = len(distance), NEIGHBORS
    terms = np.log(distance[:, k - 1 : k] / distance[:, : k - 1]).mean(axis=1)
    total = float(terms.sum())
    if total <= 0:
        return undefined("equidistant", _EQUIDISTANT)
    value = m / total
    if m < LEAST_ROWS:
        few = f"no interval: {m} distinct rows, expected at least {LEAST_ROWS}"
        return _dimension(e, k, value, None, (Noted("no_interval", few),))
    if (unequal := float(terms.std() / terms.mean())) > MOST_UNEQUAL:
        most = f"expected at most {MOST_UNEQUAL}"
        varies = f"no interval: the terms of single rows vary by {unequal:.2f} of their mean, {most}"
        said = f"{varies}: some neighborhoods reach from one cluster to others"
        return _dimension(e, k, value, None, (Noted("no_interval", said),))
    return _dimension(e, k, value, deletion_error(value, terms, np.log(distance), index))


def id_mle(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Intrinsic dimension by maximum likelihood over 20 neighbors.

    Formula: 1 / mean_i of (1 / 19) sum_j ln(T_20 / T_j), T_j the distance to the j-th nearest other row.
    Input: X (n, d) finite real numbers; repeated rows count once; at least 21 distinct rows.
    Range: above 0. Invariant to scale, rotation and translation.
    Undefined: fewer than 21 distinct rows; all neighbors equally far.
    Interval: half of the variance over deletions of single rows, which reach through the neighborhoods of others; from
    200 distinct rows on, none where neighborhoods reach across clusters.
    Cost: shared with twonn.
    When it lies: biased low in high dimension; a wider neighborhood than TwoNN, so curvature lowers it.
    Source: Levina and Bickel, NeurIPS 2004, averaged as MacKay and Ghahramani propose. Deviations: repeated rows
    are dropped (kept, ten of five hundred bring a common implementation to 0).

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(2000, 3)) @ np.eye(3, 10)
    >>> round(id_mle(X).value)
    3
    """
    return _id_mle(evidence(X, sample=sample, seed=seed))


METRICS = (
    Metric(
        twonn, _twonn, FROM_SAMPLE, INVARIANT,
        NO_DIRECTION,
        "(m - 1) / sum ln(r2 / r1), distinct rows of the sample",
    ),
    Metric(
        id_mle, _id_mle, FROM_SAMPLE, INVARIANT,
        NO_DIRECTION,
        "1 / mean of mean ln(T_20 / T_j), 20 neighbors, distinct rows of the sample",
    ),
)  # fmt: skip
