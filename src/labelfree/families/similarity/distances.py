"""All distances of sampled rows against one another, and cosines with anchors that both sides have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.pair import Pair, about_mean, pair
from labelfree.evidence.scaling import directions
from labelfree.families.similarity.cka import constant
from labelfree.families.similarity.groups import with_student
from labelfree.families.spec import FROM_SAMPLE, INVARIANT, NO_DIRECTION, Metric
from labelfree.results import Plain, Result, measured, undefined

PAIR_ROWS = 1_000
"""Rows of the sample whose distances are all compared: half a million of them."""
GROUPS = 12
ANCHORS = 300
"""Anchors, or a third of the rows where there are fewer than 900."""
FEW_ROWS = 100
"""Rows below which there is no interval."""


def _distances(rows: Rows) -> Float:
    """Squared distances (n, n) of rows about their mean, in units of their mean square."""
    about = about_mean(rows)
    about /= max(float(np.linalg.norm(about)), 1e-300)
    squares = np.einsum("ij,ij->i", about, about)
    found = squares[:, None] + squares - 2 * about @ about.T
    return np.asarray(np.maximum(found, 0.0))


def _spearman(one: Float, other: Float) -> float | None:
    from scipy.stats import rankdata

    a, b = rankdata(one), rankdata(other)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
    return None if size == 0 else float(a @ b) / size


def _rounded(values: Float) -> Float:
    """Distances to 12 digits of the greatest, so that equal ones are equal."""
    top = float(values.max(initial=0.0))
    return np.asarray(values if top == 0 else np.rint(values / top * 1e12))


def _rsa(e: Pair) -> Result:
    if flat := constant(e):
        return flat
    a, b = e.a[:PAIR_ROWS], e.b[:PAIR_ROWS]
    n = len(a)
    params: dict[str, Plain] = {"sampled": n}
    one, other = _rounded(_distances(a)), _rounded(_distances(b))

    def of(rows: Index) -> float | None:
        upper = np.triu_indices(len(rows), 1)
        where = (rows[upper[0]], rows[upper[1]])
        return _spearman(one[where], other[where])

    value = of(np.arange(n))
    if value is None:
        return undefined("equidistant", "all distances of a side are equal: they have no order", params)
    se = None
    if n >= FEW_ROWS:
        left = [of(np.flatnonzero(np.arange(n) % GROUPS != g)) for g in range(GROUPS)]
        known = np.array([v for v in left if v is not None])
        se = math.sqrt((GROUPS - 1) / GROUPS * float(((known - known.mean()) ** 2).sum()))
    result = measured(value, se, low=-1.0, high=1.0, params=params, parts={"chance": 0.0})
    return with_student(result, GROUPS - 1, -1.0, 1.0)


def rsa(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Representational similarity: whether the pairs of rows that are far apart are the same in both.

    Formula: Spearman's correlation (average ranks of ties) of the Euclidean distances of all pairs of rows.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 4; at most 1,000 sampled rows are compared.
    Range: -1 to 1; 0 for unrelated rows, at any n.
    Undefined: fewer than four rows; all distances of a side equal.
    Interval: delete-group jackknife over 12 groups of rows, by Student's quantile. None below 100 rows.
    Cost: m^2 (d1 + d2) flop and sorting m^2 / 2 distances for each group.
    When it lies: a structure of classes that every model shows gives 0.8 to models that share nothing else; far pairs
    decide. The p-value of a correlation of pairs is wrong by orders of magnitude, since pairs share rows.
    Source: Kriegeskorte, Mur, Bandettini, "Representational Similarity Analysis", 2008. Deviations: Euclidean
    distances, which no rotation changes, in place of correlations of rows.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(rsa(X, 2 * X[:, [2, 0, 1]] + 5).value, 10)
    1.0
    """
    return _rsa(pair(X, Y, sample=sample, seed=seed))


def _relative_mrr(e: Pair) -> Result:
    if flat := constant(e):
        return flat
    m = e.sampled
    k = min(ANCHORS, m // 3)
    params: dict[str, Plain] = {"sampled": m, "anchors": k}
    if k < 2:
        return undefined("insufficient", f"needs at least 6 rows for two anchors, found {m}", params)
    sides = [directions(about_mean(rows)) for rows in (e.a, e.b)]
    relative = [directions(unit[k:] @ unit[:k].T) for unit in sides]
    n = m - k
    rank = np.empty(n)
    step = max(1, (1 << 22) // n)
    for start in range(0, n, step):
        likeness = relative[0][start : start + step] @ relative[1].T
        rows = np.arange(len(likeness))
        own = likeness[rows, start + rows]
        rank[start : start + step] = 1 + (likeness > own[:, None] + 1e-12).sum(axis=1)
    reciprocal = 1 / rank
    cosine = float(np.einsum("ij,ij->i", *relative).mean())
    chance = float((1 / np.arange(1, n + 1)).sum()) / n
    parts: dict[str, Plain] = {"chance": chance, "top_1": float((rank == 1).mean()), "mean_cosine": cosine}
    noted = (Noted("no_interval", "no interval: the anchors are drawn too, and their part of the error is not known"),)
    return measured(float(reciprocal.mean()), low=0.0, high=1.0, params=params, parts=parts, warnings=noted)


def relative_mrr(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Relative representations: whether a row is found again by its cosines with anchors that both sides share.

    Formula: mean reciprocal rank of the same row among all, by cosine of r_i = (cos(x_i, x_a)) over k anchors a, of X
    against Y; columns about their mean first. The anchors are sampled rows, and are not searched for.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 6.
    Range: 0 to 1; unrelated rows have H_n / n (parts.chance).
    Undefined: fewer than six rows; a side whose rows are all equal.
    Interval: none: the spread over the rows leaves out what other anchors would change, and was measured too short.
    Cost: m^2 k flop for m sampled rows.
    When it lies: near duplicates cannot be told apart, which lowers it without harm; parts.mean_cosine is high for
    unrelated rows with an offset, and never to be read alone.
    Source: Moschella et al., "Relative Representations Enable Zero-Shot Latent Space Communication", ICLR 2023.
    Deviations: centered, 300 anchors by hash.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> relative_mrr(X, 2 * X[:, [2, 0, 1]] + 5).value
    1.0
    """
    return _relative_mrr(pair(X, Y, sample=sample, seed=seed))


METRICS = (
    Metric(rsa, _rsa, FROM_SAMPLE, INVARIANT, NO_DIRECTION,
           "Spearman correlation of the Euclidean distances of all pairs of sampled rows"),
    Metric(relative_mrr, _relative_mrr, FROM_SAMPLE, INVARIANT, NO_DIRECTION,
           "mean reciprocal rank of a row by centered cosines with 300 anchors"),
)  # fmt: skip
