"""Centered kernel alignment: the debiased one, the same without the strongest direction, and the biased one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.catalog import SAMPLE
from labelfree.evidence.once import once
from labelfree.evidence.pair import NEIGHBORS, Pair, about_mean, moments_of, pair
from labelfree.families.similarity.hsic import Moments, biased, debiased
from labelfree.families.spec import INVARIANT, NO_DIRECTION, Metric
from labelfree.results import Plain, Result, measured, undefined
from labelfree.summaries.hashing import hash_ids

LEAST_ROWS = 4
FEW_ROWS = 50
"""Rows below which there is no interval: coverage was measured from 100 on."""
STRONG = 0.2
"""Share of the variance in one direction of both sides from which CKA may be that of this direction alone."""


def whole(e: Pair) -> Moments:
    """The sums over all rows."""
    return once(e, _whole)


def _whole(e: Pair) -> Moments:
    return Moments.of(e.moments)


def constant(e: Pair) -> Result | None:
    """The undefined result of fewer than four rows, or of a side whose rows are all equal; None elsewhere."""
    if e.n < LEAST_ROWS:
        return undefined("insufficient", f"needs at least {LEAST_ROWS} rows, found {e.n}")
    for name, rows, part in (("the first", e.a, slice(0, e.moments.a)), ("the second", e.b, slice(e.moments.a, None))):
        found = whole(e)
        size = np.abs(found.pivot[part]).max(initial=0.0) + np.abs(rows).max(initial=0.0)
        spread = np.trace(found.centered[part, part])
        if spread <= 1e-24 * float(size) ** 2 * found.n * max(rows.shape[1], 1):
            return undefined("collapsed", f"all rows of {name} are equal: there is nothing to compare")
    return None


def _cka(e: Pair) -> Result:
    if flat := constant(e):
        return flat
    found = whole(e)
    measure = debiased(found, np.asarray(e.a, np.float64), np.asarray(e.b, np.float64))
    if measure.value is None:
        return undefined("insufficient", measure.reason)
    parts: dict[str, Plain] = {
        "biased": biased(found.centered, found.a), "chance_of_biased": chance(e), "chance": 0.0,
        "uncentered": biased(found.uncentered, found.a),
        "top_pc_share": [_top_share(found.centered[part, part]) for part in (slice(0, found.a), slice(found.a, None))],
    }  # fmt: skip
    se = measure.se if e.n >= FEW_ROWS else None
    return measured(measure.value, se, low=-1.0, high=1.0, parts=parts, params={"rows": e.n})


def chance(e: Pair) -> float:
    """What the biased CKA of independent normal rows of these sizes is."""
    return 1 / math.sqrt((1 + e.n / e.moments.a) * (1 + e.n / e.moments.b))


def _top_share(scatter: Float) -> float:
    total = float(np.trace(scatter))
    return min(float(np.linalg.eigvalsh(scatter / total)[-1]), 1.0)


def cka(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Debiased CKA: how much of the geometry of all pairs of rows two representations share.

    Formula: HSIC1(K, L) / sqrt(HSIC1(K, K) HSIC1(L, L)), K = X X^T, L = Y Y^T, HSIC1 the unbiased estimate of Song et
    al. (2012, eq. 5), from sums of one pass: no n x n matrix.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows in the same order, n >= 4.
    Range: -1 to 1; about 0 for unrelated rows (it may be negative), 1 for a rotated, scaled and shifted copy.
    Undefined: fewer than four rows; a side whose rows are all equal.
    Interval: exact delete-one jackknife over the sampled rows. None below 50 rows.
    Cost: one pass; n (d1 + d2)^2 flop.
    When it lies: one strong direction that both share makes everything similar (see cka_without_top and
    parts.top_pc_share); rows in another order inside clusters still have a high value (see neighbors_kept); a few far
    rows decide.
    Source: Kornblith, Norouzi, Lee, Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019, with
    the estimate of Song et al., JMLR 2012. Deviations: debiased; parts.biased is the published one.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(cka(X, 2 * X @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0] + 5).value, 10)
    1.0
    """
    return _cka(pair(X, Y, sample=sample, seed=seed))


def without_top(rows: Rows) -> Float:
    """Rows about their mean without their strongest direction."""
    about = about_mean(rows)
    size = float(np.linalg.norm(about))
    if size == 0 or about.shape[1] == 1:
        return np.zeros_like(about)
    about /= size
    if len(about) < about.shape[1]:
        values, left = np.linalg.eigh(about @ about.T)
        top = about.T @ left[:, -1] / math.sqrt(max(values[-1], 1e-300))
    else:
        top = np.linalg.eigh(about.T @ about)[1][:, -1]
    return np.asarray(about - np.outer(about @ top, top))


def _cka_without_top(e: Pair) -> Result:
    if flat := constant(e):
        return flat
    params: dict[str, Plain] = {"rows": e.sampled}
    if e.sampled < LEAST_ROWS or min(e.a.shape[1], e.b.shape[1]) < 2:
        return undefined("insufficient", "needs at least four rows and two columns on both sides", params)
    a, b = without_top(e.a), without_top(e.b)
    if min(np.linalg.norm(a), np.linalg.norm(b)) < 1e-10:
        return undefined("collapsed", "one direction holds all of the variance of a side", params)
    keys = hash_ids(np.arange(len(a), dtype=np.int64))
    found = debiased(Moments.of(moments_of(a, b, keys, 1)), a, b)
    if found.value is None:
        return undefined("insufficient", found.reason, params)
    return measured(found.value, low=-1.0, high=1.0, params=params, parts={"chance": 0.0})


def cka_without_top(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Debiased CKA after the strongest direction of each side is taken out: what is alike beside it.

    Formula: that of cka, of the sampled rows about their mean less their projection on the first principal direction of
    their own side.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 4, d1 and d2 at least 2.
    Range: -1 to 1; about 0 for unrelated rows.
    Undefined: fewer than four rows; a side of one column, or with all variance in one direction.
    Interval: none: other rows take another direction out, and a jackknife that holds the directions was measured too
    short.
    Cost: m (d1 + d2)^2 flop for m sampled rows.
    When it lies: where two or more strong directions are shared, the second still decides.
    Source: ours, after what cka shows for one shared direction. Deviations: none.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(cka_without_top(X, X[:, ::-1] - 1).value, 10)
    1.0
    """
    return _cka_without_top(pair(X, Y, sample=sample, seed=seed))


def _cka_biased(e: Pair) -> Result:
    if flat := constant(e):
        return flat
    value = biased(whole(e).centered, e.moments.a)
    assert value is not None
    return measured(value, low=0.0, high=1.0, parts={"chance": chance(e)}, params={"rows": e.n})


def cka_biased(X: Any, Y: Any) -> Result:
    """CKA as it was published, whose value for unrelated rows grows with the width of the rows.

    Formula: |Xc^T Yc|_F^2 / (|Xc^T Xc|_F |Yc^T Yc|_F), columns about their mean.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 4.
    Range: 0 to 1.
    Undefined: fewer than four rows; a side whose rows are all equal.
    Interval: none: its bias is not small beside its error. parts.chance is its value for independent normal rows.
    Cost: shared with cka.
    When it lies: with few rows per column it is high for rows that have nothing in common: 0.5 at n = d.
    Source: Kornblith et al., ICML 2019. Deviations: none.

    >>> import numpy as np
    >>> X = np.arange(5.0)[:, None]
    >>> round(cka_biased(X, np.array([[0.0], [1.0], [2.0], [3.0], [9.0]])).value, 6)  # of one column: r^2
    0.8
    """
    return _cka_biased(pair(X, Y, k=NEIGHBORS))


METRICS = (
    Metric(cka, _cka, ("moments", "sample"), INVARIANT, NO_DIRECTION,
           "HSIC1(K, L) / sqrt(HSIC1(K, K) HSIC1(L, L)), linear kernels, Song et al. (2012) eq. 5"),
    Metric(cka_without_top, _cka_without_top, ("sample",), INVARIANT, NO_DIRECTION,
           "cka of sampled rows without the first principal direction of each side"),
    Metric(cka_biased, _cka_biased, ("moments",), INVARIANT, NO_DIRECTION,
           "|Xc'Yc|^2 / (|Xc'Xc| |Yc'Yc|), Frobenius norms"),
)  # fmt: skip
