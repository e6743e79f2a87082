"""Metrics of the rows scaled to length one: how their directions spread over the sphere."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float, blocks_of
from labelfree.catalog import SAMPLE
from labelfree.evidence.evidence import WIDE, Evidence, evidence
from labelfree.evidence.spectrum import EPS
from labelfree.families.rank.jackknife import PAIRS, Error, error_of
from labelfree.families.spec import FROM_SAMPLE, FROM_UNIT_ROWS, INVARIANT, NO_DIRECTION, Metric
from labelfree.results import Plain, Result, measured, undefined
from labelfree.summaries.moments import add_outer

EPS2 = 0.5
"""Squared distortion of the coding rate."""
TEMPERATURE = 2.0
"""t of the uniformity loss."""


def _too_few(e: Evidence) -> Result | None:
    if e.n - e.zero >= 2:
        return None
    return undefined("insufficient", f"needs at least 2 non-zero rows, found {e.n - e.zero}")


def _rows(e: Evidence) -> dict[str, Plain]:
    return {"rows": "all" if e.unit is not None else "sample"}


def _count(e: Evidence) -> dict[str, Plain]:
    return {"rows": e.unit_moments.n}


def _second_moment(e: Evidence) -> Float:
    unit = e.unit_moments
    second: Float = unit.scatter / unit.n
    add_outer(second, 1.0, unit.mean)
    return second


def _forms(matrix: Float, rows: Float) -> Float:
    """w^T A w for each row w (m, d), as (m,)."""
    parts = [np.einsum("ij,ij->i", part @ matrix, part) for part in blocks_of(rows)]
    return np.concatenate(parts) if parts else np.empty(0)


def _both_triangles(lower: Float, left: Float, right: Float) -> Float:
    """v^T A w for each pair of rows (m, d), A symmetric and given by its lower triangle, as (m,)."""
    diagonal = np.diagonal(lower)
    out = []
    for v, w in zip(blocks_of(left), blocks_of(right), strict=True):
        once = np.einsum("ij,ij->i", v @ lower, w)
        again = once if left is right else np.einsum("ij,ij->i", w @ lower, v)
        out.append(once + again - (v * w) @ diagonal)
    return np.concatenate(out)


def _pair_error(n: int, projections: Float, kernel: Float) -> Error:
    """Standard error of a mean over pairs of n rows (Hoeffding's two terms).

    projections: (m,) mean of the kernel with one row fixed, over the n rows themselves, whose variance is that of the
    expectation plus what n - 1 rows leave of the kernel's; kernel: (p,) its value on disjoint pairs.
    """
    if len(projections) < 3 or len(kernel) < 2:
        return Error()
    whole = float(kernel.var(ddof=1))
    single = max(float(projections.var(ddof=1)) - whole / (n - 1), 0.0) / max(1 - 2 / (n - 1), 0.5)
    if 2 * (n - 2) * single < whole:
        return Error(None, f"no interval: at n = {n} pairs of rows move their mean more than single rows do")
    return Error(float(np.sqrt((4 * (n - 2) * single + 2 * whole) / (n * (n - 1)))))


def _cosines(e: Evidence) -> Float:
    """Cosines of disjoint pairs of sampled rows."""
    half = len(e.unit_rows) // 2
    return np.asarray(np.einsum("ij,ij->i", e.unit_rows[:half], e.unit_rows[half : 2 * half]))


def _self_cluster(e: Evidence) -> Result:
    if short := _too_few(e):
        return short
    if e.d < 2:
        return undefined("one_dimension", "needs at least two columns, found 1: every cosine is 1 or -1")
    second, n = _second_moment(e), e.unit_moments.n
    chance = 1 / e.d
    squared_cosine = (float(np.einsum("ij,ij->", second, second)) * n - 1) / (n - 1)
    projections = _forms(second, e.unit_rows)
    error = _pair_error(n, projections, _cosines(e) ** 2)
    low = (max(n / e.d - 1, 0.0) / (n - 1) - chance) / (1 - chance)
    value = (squared_cosine - chance) / (1 - chance)
    se = None if error.se is None else error.se / (1 - chance)
    parts: dict[str, Plain] = {**_count(e), "mean_squared_cosine": squared_cosine}
    return measured(value, se, low=low, high=1.0, params=_rows(e), parts=parts, warnings=error.warnings)


def self_cluster(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """SelfCluster: squared cosines between rows, beyond those of random directions.

    Formula: (c2 - 1/d) / (1 - 1/d), c2 the mean squared cosine over the pairs of different rows.
    Input: X (n, d) finite real numbers; zero rows are left out; at least 2 others; d >= 2.
    Range: about 0 (random directions) to 1 (all rows on one line); down to -1 / (n - 1) or so for few rows.
    Undefined: fewer than two non-zero rows; one column.
    Interval: both Hoeffding terms, from the sampled rows; none where the second is the larger (rows about zero).
    Cost: one scatter of unit rows, n d^2 flop; from the sample where d > 1024.
    When it lies: does not tell a narrow cone from a line.
    Source: Tsitsulin, Munkhoeva, Perozzi 2023. Deviations: none (ours equals the printed form).

    >>> import numpy as np
    >>> round(self_cluster(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])).value, 10)
    -0.3333333333
    """
    return _self_cluster(evidence(X, sample=sample, seed=seed))


def mean_cosine_of(e: Evidence) -> Result:
    """The mean cosine of two different rows."""
    if short := _too_few(e):
        return short
    n, mean = e.unit_moments.n, e.unit_moments.mean
    value = (n * float(mean @ mean) - 1) / (n - 1)
    error = _pair_error(n, e.unit_rows @ mean, _cosines(e))
    low = -1 / (n - 1)
    return measured(value, error.se, low=low, high=1.0, params=_rows(e), parts=_count(e), warnings=error.warnings)


def mean_cosine(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Mean cosine similarity between different rows: anisotropy.

    Formula: (||sum_i w_i||^2 - n) / (n (n - 1)), w the rows scaled to length one.
    Input: X (n, d) finite real numbers; zero rows are left out; at least 2 others.
    Range: -1 / (n - 1) to 1 (all rows point one way).
    Undefined: fewer than two non-zero rows.
    Interval: both Hoeffding terms, from the sampled rows; none where the second is the larger (rows about zero).
    Cost: one pass, n d flop.
    When it lies: a shared offset raises it without harm to accuracy; it is an alarm for collapse, not a score.
    Source: Ethayarajh 2019 (anisotropy). Deviations: all pairs, exactly, instead of sampled ones.

    >>> import numpy as np
    >>> mean_cosine(np.array([[1.0, 0.0], [0.0, 2.0]])).value
    0.0
    """
    return mean_cosine_of(evidence(X, sample=sample, seed=seed))


def _std_l2(e: Evidence) -> Result:
    if short := _too_few(e):
        return short
    unit = e.unit_moments
    n = unit.n
    deviation = np.sqrt(np.maximum(np.diagonal(unit.scatter), 0.0) / (n - 1))
    value = float(deviation.mean())
    error = Error()
    if len(e.unit_rows) >= 3:
        varies = deviation > EPS  # below, a column of unit rows is rounding alone
        inverse = np.divide(1 / e.d, deviation, out=np.zeros_like(deviation), where=varies)
        influence = np.concatenate([np.square(part - unit.mean) @ (inverse / 2) for part in blocks_of(e.unit_rows)])
        p = min(len(e.unit_rows) // 2, PAIRS)
        left, right = e.unit_rows[:p] - unit.mean, e.unit_rows[p : 2 * p] - unit.mean
        cube = np.divide(inverse, deviation**2, out=np.zeros_like(deviation), where=varies)
        together = -(left * right) @ inverse
        together -= ((left**2 - deviation**2) * (right**2 - deviation**2)) @ (cube / 4)
        error = error_of(n, influence, together)
    high = (n / (n - 1) / e.d) ** 0.5
    parts: dict[str, Plain] = {**_count(e), "isotropic": e.d**-0.5, "share_of_isotropic": value * e.d**0.5}
    return measured(value, error.se, low=0.0, high=high, params=_rows(e), parts=parts, warnings=error.warnings)


def std_l2(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Standard deviation of the unit rows per column: the collapse alarm of SimSiam.

    Formula: mean over columns j of the standard deviation (ddof 1) of w_ij, w the rows scaled to length one.
    Input: X (n, d) finite real numbers; zero rows are left out; at least 2 others.
    Range: 0 (collapsed to one direction) to about 1 / sqrt(d) (isotropic), which parts.isotropic holds.
    Undefined: fewer than two non-zero rows.
    Interval: influence of the sampled rows and of pairs of them.
    Cost: one scatter of unit rows, shared with self_cluster.
    When it lies: blind to a collapse onto a few points or a few dimensions.
    Source: Chen and He, "SimSiam", CVPR 2021. Deviations: ddof 1, as in the common implementation.

    >>> import numpy as np
    >>> round(std_l2(np.array([[1.0, 0.0], [0.0, 1.0]])).value, 10)
    0.7071067812
    """
    return _std_l2(evidence(X, sample=sample, seed=seed))


def _log_root_and_inverse(matrix: Float) -> tuple[float, Float]:
    """ln det^(1/2) of a positive definite matrix, and its inverse in the memory of it: the lower triangle alone."""
    if len(matrix) <= WIDE:  # small: two more matrices cost less than the import
        value = float(np.log(np.diagonal(np.linalg.cholesky(matrix))).sum())
        return value, np.tril(np.linalg.inv(matrix))
    from scipy.linalg.lapack import dpotrf, dpotri

    factor, _ = dpotrf(matrix.T, lower=1, overwrite_a=1)  # symmetric: the transpose is the same matrix in column order
    value = float(np.log(np.diagonal(factor)).sum())
    inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
    for row in range(len(inverse)):
        inverse[row, row + 1 :] = 0.0
    return value, np.asarray(inverse)


def _coding_rate(e: Evidence) -> Result:
    if short := _too_few(e):
        return short
    n = e.unit_moments.n
    gram = _second_moment(e)
    gram *= e.d / EPS2
    gram[np.diag_indices(e.d)] += 1.0
    value, inverse = _log_root_and_inverse(gram)
    error = Error()
    if len(e.unit_rows) >= 3:
        leverage = (e.d / EPS2 / n) * _both_triangles(inverse, e.unit_rows, e.unit_rows)
        less = 0.5 * np.log1p(-np.minimum(leverage, 1 - 1e-12))  # ln det without the row, the divisor n kept
        p = min(len(e.unit_rows) // 2, PAIRS)
        both = (e.d / EPS2 / n) * _both_triangles(inverse, e.unit_rows[:p], e.unit_rows[p : 2 * p])
        rest = np.maximum((1 - leverage[:p]) * (1 - leverage[p : 2 * p]) - both**2, 1e-24)
        together = (n - 1) * (n - 2) * (0.5 * np.log(rest) - less[:p] - less[p : 2 * p])
        error = error_of(n, (1 - n) * less, together)
    cap = min(n, e.d)
    high = 0.5 * cap * float(np.log1p(e.d / (cap * EPS2)))
    params: dict[str, Plain] = {**_rows(e), "eps2": EPS2}
    warnings = (*e.narrow, *error.warnings)
    return measured(value, error.se, low=0.0, high=high, params=params, parts=_count(e), warnings=warnings)


def coding_rate(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Coding rate of the unit rows: nats needed to store one up to a distortion.

    Formula: 1/2 ln det(I + d / (n eps2) W^T W), eps2 = 0.5, W the rows scaled to length one.
    Input: X (n, d) finite real numbers; zero rows are left out; at least 2 others.
    Range: 1/2 ln(1 + d / eps2) (one direction) to 1/2 d ln(1 + 1 / eps2) (isotropic), in nats.
    Undefined: fewer than two non-zero rows.
    Interval: by deletion of sampled rows and of pairs of them, exactly; none where pairs decide (n near d).
    Cost: one scatter of unit rows, shared with self_cluster, and one Cholesky factorization.
    When it lies: rewards noise as much as structure.
    Source: Yu et al., "MCR2", NeurIPS 2020 (R of the paper). Deviations: eps2 is eps^2 of the paper; the released
    code calls eps what the paper calls eps^2.

    >>> import numpy as np
    >>> round(coding_rate(np.eye(16)).value, 10)
    8.7888983093
    """
    return _coding_rate(evidence(X, sample=sample, seed=seed))


def _uniformity(e: Evidence) -> Result:
    if short := _too_few(e):
        return short
    m = len(e.unit_rows)
    if m < 2:
        return undefined("insufficient", f"needs at least 2 sampled non-zero rows, found {m}")
    sums = e.kernels.potential(e.unit_rows, TEMPERATURE, e.advance) / (m - 1)
    mean = float(sums.mean())
    error = _pair_error(m, sums, np.exp(2 * TEMPERATURE * (_cosines(e) - 1)))
    se = None if error.se is None else error.se / mean
    floor = _uniform_sphere(e.d, TEMPERATURE)
    parts: dict[str, Plain] = {"rows": m, "uniform_sphere": floor, "gap": float(np.log(mean)) - floor}
    params: dict[str, Plain] = {"t": TEMPERATURE, "rows": "sample"}
    low = -4 * TEMPERATURE
    value, warnings = float(np.log(mean)), error.warnings
    return measured(value, se, low=low, high=0.0, params=params, parts=parts, warnings=warnings)


def _uniform_sphere(d: int, t: float) -> float:
    """Uniformity of the uniform law on the sphere in d dimensions: -2t + ln 0F1(; d/2; t^2)."""
    term, total, k = 1.0, 1.0, 0
    while term > 1e-17 * total:
        term *= t * t / ((k + 1) * (d / 2 + k))
        total += term
        k += 1
    return float(np.log(total)) - 2 * t


def uniformity(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Uniformity loss: how evenly the unit rows cover the sphere.

    Formula: ln of the mean over pairs of different rows of exp(-2 ||w_i - w_j||^2).
    Input: X (n, d) finite real numbers; zero rows are left out; at least 2 others.
    Range: -8 (an antipodal pair) to 0 (one direction); parts.uniform_sphere is what the uniform law reaches in d
    dimensions and parts.gap the distance to it.
    Undefined: fewer than two non-zero rows.
    Interval: both Hoeffding terms; none where the second is the larger (isotropic noise).
    Cost: pairs of the sample, m^2 d flop; memory one block of rows times m.
    When it lies: the bound moves with d, so only the gap compares across widths; classes that cluster well are
    not uniform.
    Source: Wang and Isola, ICML 2020, the uniformity loss with t = 2, as in the authors' code. Deviations: none.

    >>> import numpy as np
    >>> round(uniformity(np.eye(3)).value, 10)
    -4.0
    """
    return _uniformity(evidence(X, sample=sample, seed=seed))


METRICS = (
    Metric(
        self_cluster, _self_cluster, FROM_UNIT_ROWS, INVARIANT,
        NO_DIRECTION,
        "(mean squared cosine - 1/d) / (1 - 1/d), different rows",
    ),
    Metric(
        mean_cosine, mean_cosine_of, FROM_UNIT_ROWS, INVARIANT,
        "an alarm: near 1 the rows share one direction; between healthy models no direction is known",
        "mean cosine over pairs of different rows",
    ),
    Metric(
        std_l2, _std_l2, FROM_UNIT_ROWS, INVARIANT,
        "an alarm: near 0 the rows have collapsed; between healthy models no direction is known",
        "mean over columns of the standard deviation (ddof 1) of unit rows",
    ),
    Metric(
        coding_rate, _coding_rate, FROM_UNIT_ROWS, INVARIANT,
        NO_DIRECTION,
        "1/2 ln det(I + d / (n 0.5) W^T W), unit rows",
    ),
    Metric(
        uniformity, _uniformity, FROM_SAMPLE, INVARIANT,
        "contrastive encoders of one width, together with alignment; misleads where classes cluster",
        "ln mean exp(-2 ||w_i - w_j||^2) over pairs of different unit rows of the sample",
    ),
)  # fmt: skip
