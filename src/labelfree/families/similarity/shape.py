"""The same shape up to a rotation, the same units, and what a linear map of one side explains of the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.pair import Pair, by_chance, pair
from labelfree.families.similarity.cka import constant
from labelfree.families.similarity.groups import Part, jackknifed, parts, told, with_student
from labelfree.families.spec import INVARIANT, NO_DIRECTION, Metric
from labelfree.results import Plain, Result, measured, undefined

_RIDGE = 1e-10
"""Of the mean variance, added to the scatter that a map is fitted to: directions without variance stay without."""
_DEAD = 1e-20
_SMALL = 1e-14


def _sides(part: Part, a: int) -> tuple[Float, Float, Float]:
    return part.scatter[:a, a:], part.scatter[:a, :a], part.scatter[a:, a:]


def _procrustes_of(part: Part, a: int) -> float | None:
    cross, own, other = _sides(part, a)
    size = math.sqrt(max(float(np.trace(own)), 0.0)) * math.sqrt(max(float(np.trace(other)), 0.0))
    if size == 0:
        return None
    return min(float(np.linalg.svd(cross / size, compute_uv=False).sum()), 1.0)


def _of_moments(e: Pair, value: Any, *, low: float, extra: dict[str, Plain] | None = None) -> Result:
    """A value of the moments with its delete-group jackknife, and what chance gives."""
    found, se, freedom = jackknifed(e.moments, value)
    if found is None:
        return undefined("collapsed", "a side has no spread", told(e.sampled, e.n))
    chance = by_chance(lambda shifted: jackknifed(shifted.moments, value)[0], e)
    more: dict[str, Plain] = {"chance": chance, **(extra or {})}
    result = measured(found, se, low=low, high=1.0, parts=more, params=told(e.sampled, e.n))
    return with_student(result, freedom, low, 1.0)


def _procrustes(e: Pair) -> Result:
    return constant(e) or _of_moments(e, lambda part: _procrustes_of(part, e.moments.a), low=0.0)


def procrustes(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Procrustes similarity: how well one set of rows falls onto the other after the best rotation, scale and shift.

    Formula: |Xc^T Yc|_* with |Xc|_F = |Yc|_F = 1, the sum of singular values; the distance is sqrt(2 - 2 s), the angle
    arccos s, a metric.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 4; the narrower one counts as filled up with
    zeros.
    Range: 0 to 1 (the same but for rotation, scale and offset).
    Undefined: fewer than four rows; a side whose rows are all equal.
    Interval: delete-group jackknife over 12 groups of rows (fewer of very wide ones), by Student's quantile. None with
    fewer than 5 rows in a group.
    Cost: shared with cka, and one singular value decomposition for each group.
    When it lies: unrelated rows have about 0.85 sqrt(d / n), not 0 (parts.chance: the rows of one side shifted);
    compare at equal n.
    Source: Williams, Kunz, Kornblith, Linderman, "Generalized Shape Metrics on Neural Representations", NeurIPS 2021.
    Deviations: the similarity itself, not the angle.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(procrustes(X, np.hstack([X[:, ::-1] * 3 + 1, np.zeros((60, 2))])).value, 10)
    1.0
    """
    return _procrustes(pair(X, Y, sample=sample, seed=seed))


def _correlations(part: Part, a: int) -> Float | None:
    """Correlations of the columns that vary, None where none does on a side."""
    spread = np.diag(part.scatter).copy()
    lengths = np.sqrt(np.maximum(spread, 0.0))
    level = np.repeat([spread[:a].max(initial=0.0), spread[a:].max(initial=0.0)], [a, len(spread) - a])
    live = spread > _DEAD * level + _SMALL**2 * part.mean**2 * part.n
    one, two = np.flatnonzero(live[:a]), a + np.flatnonzero(live[a:])
    if len(one) == 0 or len(two) == 0:
        return None
    return np.asarray(part.scatter[np.ix_(one, two)] / lengths[one][:, None] / lengths[two])


def _hard(part: Part, a: int) -> float | None:
    from scipy.optimize import linear_sum_assignment

    found = _correlations(part, a)
    return None if found is None else float(found[linear_sum_assignment(found, maximize=True)].mean())


def _soft(part: Part, a: int) -> float | None:
    found = _correlations(part, a)
    return None if found is None else float(found.max(axis=1).mean() + found.max(axis=0).mean()) / 2


def _dead(e: Pair) -> dict[str, Plain]:
    """Columns that never change, of each side: no unit can be matched with them."""
    counts: list[Plain] = [int((rows == rows[:1]).all(axis=0).sum()) for rows in (e.a, e.b)]
    return {"constant_columns": counts}


def _match_hard(e: Pair) -> Result:
    return constant(e) or _of_moments(e, lambda part: _hard(part, e.moments.a), low=-1.0, extra=_dead(e))


def match_hard(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Correlation of the columns of two representations, matched one to one: the same units, or only the same space?

    Formula: mean over the pairs of the assignment of columns that has the greatest sum of correlations.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 4; min(d1, d2) columns are matched.
    Range: -1 to 1 (the same units, in any order, each with a scale and offset of its own).
    Undefined: fewer than four rows; a side whose rows are all equal.
    Interval: as for procrustes.
    Cost: shared with cka, and d^3 for each group.
    When it lies: near 1 with procrustes: the same units; low where procrustes is near 1: the same space in another
    basis. Grows with d by chance (parts.chance). Columns that never change are left out (parts.constant_columns).
    Source: Li et al., "Convergent Learning", 2015. Deviations: signed correlations.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(match_hard(X, X[:, [2, 0, 1]] * [1, 5, 2]).value, 10)
    1.0
    """
    return _match_hard(pair(X, Y, sample=sample, seed=seed))


def _match_soft(e: Pair) -> Result:
    return constant(e) or _of_moments(e, lambda part: _soft(part, e.moments.a), low=-1.0, extra=_dead(e))


def match_soft(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Correlation of each column with the one that is most like it on the other side, which several may share.

    Formula: (mean_i max_j R_ij + mean_j max_i R_ij) / 2, R the correlations of columns of X with those of Y.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 4.
    Range: -1 to 1.
    Undefined: fewer than four rows; a side whose rows are all equal.
    Interval: as for procrustes.
    Cost: shared with cka.
    When it lies: grows with d by chance, more than match_hard (parts.chance).
    Source: Li et al., "Convergent Learning", 2015. Deviations: signed correlations, mean of both directions.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> round(match_soft(X, X[:, [0, 0, 1, 2]]).value, 10)
    1.0
    """
    return _match_soft(pair(X, Y, sample=sample, seed=seed))


def held_out(e: Pair, first: bool) -> tuple[float, float | None, int] | None:
    """R^2 of one side by a linear map of the other that was fitted without the rows it is tried on.

    first: of A from B, else of B from A. With its standard error over the groups, and these less one.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    a = e.moments.a
    to, by = (slice(0, a), slice(a, None)) if first else (slice(a, None), slice(0, a))
    missed, spread = [], []
    for own, rest in parts(e.moments)[1]:
        scatter = rest.scatter[by, by]
        mean = float(np.trace(scatter)) / len(scatter)
        if mean <= 0:
            return None
        try:
            factor = cho_factor(scatter + _RIDGE * mean * np.eye(len(scatter)), lower=True)
        except LinAlgError:
            return None
        weights = cho_solve(factor, rest.scatter[by, to])
        apart = own.mean - rest.mean
        about = own.scatter + own.n * np.outer(apart, apart)  # about the mean of the rows that were fitted
        total = float(np.trace(about[to, to]))
        explained = 2 * float(np.einsum("ij,ij->", weights, about[by, to]))
        own_size = float(np.einsum("ij,ij->", weights, about[by, by] @ weights))
        missed.append(total - explained + own_size)
        spread.append(total)
    if not spread or sum(spread) <= 0:
        return None
    lost, whole = np.array(missed), np.array(spread)
    value = 1 - float(lost.sum() / whole.sum())
    g = len(lost)
    if g < 2 or e.moments.counts.min() < 5:
        return value, None, 0
    away = (lost - (1 - value) * whole) / whole.mean()
    return value, math.sqrt(float((away**2).sum()) / (g * (g - 1))), g - 1


def _linear_r2(e: Pair) -> Result:
    if flat := constant(e):
        return flat
    least = 2 * (e.moments.a + e.moments.b)
    if e.n < least:
        return undefined("insufficient", f"a map on other rows needs 2 (d1 + d2) = {least} rows, found {e.n}")
    found, back = held_out(e, True), held_out(e, False)
    if found is None or back is None:
        return undefined("collapsed", "a side has too little spread for a map to be fitted")
    noted: tuple[Noted, ...] = ()
    if found[1] is None:
        noted = (Noted("no_interval", f"no interval: {e.n} rows are too few in each group"),)
    result = measured(
        found[0], found[1], high=1.0, params=told(e.sampled, e.n), warnings=noted,
        parts={"b_from_a": back[0], "b_from_a_se": back[1], "chance": 0.0, "folds": found[2] + 1},
    )  # fmt: skip
    return with_student(result, found[2], -math.inf, 1.0) if found[1] is not None else result


def linear_r2(X: Any, Y: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """How much of the first representation a linear map of the second explains on rows it was not fitted to.

    Formula: 1 - sum of squared errors over squared distances from the mean, both on held-out rows: each of 12 groups of
    rows by the map fitted to the other eleven (fewer groups of very wide rows). parts.b_from_a: the other way round.
    Input: X (n, d1) and Y (n, d2) finite real numbers, the same rows, n >= 2 (d1 + d2).
    Range: minus infinity to 1; about 0 or a little less for unrelated rows.
    Undefined: fewer than 2 (d1 + d2) rows; a side whose rows are all equal.
    Interval: spread over the groups, by Student's quantile.
    Cost: shared with cka, and d^3 for each group.
    When it lies: it asks whether the first can be had from the second, not whether the two are used alike: noise in
    strong directions lowers it, a change in weak ones does not show.
    Source: linear predictivity, as in Kornblith et al., ICML 2019. Deviations: held out, so that its chance
    level is 0 and not d2 / (n - 1).

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(120, 3))
    >>> round(linear_r2(X, X @ np.array([[1.0, 2, 0], [0, 1, 3], [1, 0, 1]])).value, 8)
    1.0
    """
    return _linear_r2(pair(X, Y, sample=sample, seed=seed))


METRICS = (
    Metric(procrustes, _procrustes, ("moments", "sample"), INVARIANT, NO_DIRECTION,
           "nuclear norm of Xc'Yc, |Xc|_F = |Yc|_F = 1"),
    Metric(linear_r2, _linear_r2, ("moments",), INVARIANT, NO_DIRECTION,
           "R^2 of A by a linear map of B on held-out groups of rows"),
    Metric(match_hard, _match_hard, ("moments", "sample"), INVARIANT, NO_DIRECTION,
           "mean correlation of columns in the best one-to-one assignment"),
    Metric(match_soft, _match_soft, ("moments", "sample"), INVARIANT, NO_DIRECTION,
           "mean of the greatest correlations of columns, both ways"),
)  # fmt: skip
