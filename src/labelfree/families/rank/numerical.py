"""What noise and rounding leave of a spectrum: spikes above the bulk, numerical rank, conditioning."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.numerical_rank import NumericalRank, numerical_rank
from labelfree.evidence.spectrum import EPS
from labelfree.families.rank.effective import collapsed
from labelfree.families.rank.marchenko_pastur import noise_edge, noise_median
from labelfree.families.spec import FROM_MOMENTS, INVARIANT, NO_DIRECTION, Metric
from labelfree.kernels.threads import one_core
from labelfree.results import Plain, Result, in_unit, measured, undefined


def _above(variance: Float, n: int, d: int) -> tuple[int, float, float]:
    """How many eigenvalues, as of n rows of width d, are above the edge of noise; the noise of the median; the edge."""
    noise = float(np.median(variance)) / noise_median(d / n)
    edge = noise * noise_edge(n, d)
    return int((variance > edge).sum()), noise, edge


def _correlation(e: Evidence) -> tuple[Float, int]:
    """Eigenvalues (k,) of the correlation matrix of the columns that vary, k = min(n - 1, d) of these d."""
    assert e.moments is not None
    squares, mean = np.diagonal(e.moments.scatter), e.moments.mean
    live = squares > e.n * (8 * EPS * np.abs(mean)) ** 2
    size, d = np.sqrt(squares[live]), int(live.sum())
    with one_core():
        if e.n < d and e.drawn is not None and len(e.drawn.rows) == e.n:
            rows = (e.drawn.rows[:, live] - mean[live]) / size
            matrix = rows @ rows.T  # of the same eigenvalues, and smaller
        else:
            matrix = e.moments.scatter[np.ix_(live, live)] / size
            matrix /= size[:, None]
        return np.linalg.eigvalsh(np.asarray(matrix, np.float64))[-min(e.n - 1, d) :], d


def _mp_spikes(e: Evidence) -> Result:
    if flat := e.too_few(3) or collapsed(e.centered):
        return flat
    variance = e.centered.eigenvalues * (e.n / (e.n - 1))
    if np.median(variance) <= numerical_rank(e, centered=True).level ** 2:
        return undefined("no_bulk", "more than half of the directions carry no variance: there is no noise bulk")
    raw, noise, edge = _above(variance, e.n, e.d)
    correlation, d = _correlation(e)
    count = _above(correlation, e.n, d)[0]
    params: dict[str, Plain] = {"false_alarm": 0.01}
    unit = 2 * e.exponent
    parts: dict[str, Plain] = {
        "columns": d, "raw": raw, "noise_variance": in_unit(noise, unit), "edge": in_unit(edge, unit)
    }  # fmt: skip
    return measured(float(count), params=params, parts=parts)


def mp_spikes(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Directions whose variance noise cannot explain: spikes above the Marchenko-Pastur bulk.

    Formula: number of eigenvalues of the correlation matrix of the columns above s2 ((1 + sqrt g)^2 + 2.02345
    (sqrt(n - 1) + sqrt d) (1 / sqrt(n - 1) + 1 / sqrt d)^(1/3) / n), g = d / n, s2 = median eigenvalue / median of the
    law, d the columns that are not constant (parts.columns). parts.raw is the same count of the covariance matrix, with
    its parts.noise_variance and parts.edge.
    Input: X (n, d) finite real numbers, n >= 3.
    Range: 0 to min(n - 1, d), a whole number; no interval is given. Invariant to the scale and offset of every column;
    parts.raw to scale and rotation.
    Undefined: more than half of the directions without variance above rounding (low rank, duplicates).
    Cost: that of rankme_centered, and the eigenvalues of one more d x d matrix.
    When it lies: noise of unequal variance has spikes: where it lies in columns, in parts.raw alone; in a rotated basis
    nothing can be done, and both count it. Heavy tails add spikes as well (docs/metrics.md has the shares). A direction
    that is one column is in parts.raw alone. A spectrum that decays smoothly has no bulk, and the count then only marks
    its upper part; spikes below sqrt(d / n) of the noise variance cannot be seen by anyone.
    Source: Marchenko-Pastur law with the Tracy-Widom 99 % point (Johnstone 2001). Deviations: the noise variance
    comes from the median, not from a fit; columns are standardized.

    >>> import numpy as np
    >>> X = np.random.default_rng(3).normal(size=(2000, 50)); X[:, 1:3] += 2 * X[:, :1]
    >>> mp_spikes(X).value
    1.0
    """
    return _mp_spikes(evidence(X, sample=sample, seed=seed))


def _unseen(rank: NumericalRank) -> tuple[Noted, ...]:
    if rank.seen:
        return ()
    said = "a summary hides singular values below 1e-7 of the largest: what is there is not counted"
    return (Noted("hidden_directions", said),)


def _hard_rank(e: Evidence) -> Result:
    if short := e.too_few():
        return short
    rank = numerical_rank(e, centered=False)
    if rank.reason:
        return undefined("no_gap", rank.reason)
    parts: dict[str, Plain] = {"tolerance": in_unit(rank.level * e.n**0.5, e.exponent), "stored": e.stored}
    return measured(float(rank.count), parts=parts, warnings=_unseen(rank))


def hard_rank(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Numerical rank: directions that rounding cannot explain.

    Formula: number of singular values above c eps ||X||_F, eps the spacing of the dtype the values were stored in: by
    the Frobenius norm no error of storing is larger than at c = 1/2, which holds for float16 and bfloat16. c = 1 for
    float32 and 32 for float64, where the arithmetic that made the rows, and ours, adds to it. Values of float64 that
    all fit in float32, and of float32 that all fit in float16 or bfloat16, count as stored in those. parts.tolerance
    is what a singular value had to exceed.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 0 (all rows zero) to min(n, d), a whole number; no interval is given.
    Undefined: fewer than two rows; no gap between directions and rounding (no_gap): the first singular value within the
    threshold is more than a tenth of the last above it, so that either could be the other.
    Cost: shared with rankme; float64 rows of less than full rank are read once more, at most four times.
    When it lies: almost always full on real embeddings; says nothing of how small the small directions are. Of float64
    rows in a summary singular values below 1e-7 of the largest are not seen, and it says so where that matters.
    Source: rank by a singular value threshold. Deviations: the usual threshold max(n, d) eps sigma_1 grows with n
    until, in float32, it counts hardly anything; on float64 rows of low rank the two agree.

    >>> import numpy as np
    >>> hard_rank(np.outer(np.arange(5.0), np.arange(3.0))).value
    1.0
    """
    return _hard_rank(evidence(X, sample=sample, seed=seed))


def _condition_number(e: Evidence) -> Result:
    if flat := e.too_few() or collapsed(e.raw):
        return flat
    sigma = e.raw.sigma
    rank = numerical_rank(e, centered=False)
    if rank.reason:
        return undefined("no_gap", rank.reason)
    last = rank.count - 1
    if last < 0:
        return undefined("no_resolution", "no singular value stands above the rounding of the stored dtype")
    value = float(sigma[0] / sigma[last])
    return measured(value, low=1.0, parts={"smallest_index": last + 1}, warnings=_unseen(rank))


def condition_number(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Pseudo-condition number: largest over smallest singular value that stands above rounding.

    Formula: sigma_1 / sigma_r with r the hard_rank, rows not centered.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 to infinity.
    Undefined: fewer than two rows; all rows zero; where hard_rank is (no_gap).
    Interval: none: it was measured and did not hold, a smallest singular value is not smooth enough in the rows.
    Cost: shared with rankme.
    When it lies: one tiny direction decides it. A diagnostic, not a score.
    Source: Tsitsulin et al. 2023. Deviations: some code prints the inverse; the threshold is that of hard_rank.

    >>> import numpy as np
    >>> round(condition_number(np.diag([4.0, 2.0])).value, 10)
    2.0
    """
    return _condition_number(evidence(X, sample=sample, seed=seed))


METRICS = (
    Metric(
        mp_spikes, _mp_spikes, FROM_MOMENTS, INVARIANT,
        NO_DIRECTION,
        "eigenvalues of the correlation matrix of columns that vary above the Marchenko-Pastur edge plus the "
        "Tracy-Widom 99 % margin, median noise",
    ),
    Metric(
        hard_rank, _hard_rank, FROM_MOMENTS, INVARIANT,
        NO_DIRECTION,
        "singular values above the spacing of the stored dtype times the Frobenius norm (half of it for float16 and "
        "bfloat16, 32 times it for float64), where a gap of 10 follows the last",
    ),
    Metric(
        condition_number, _condition_number, FROM_MOMENTS, INVARIANT,
        "a diagnostic: never a score",
        "sigma_1 / smallest singular value above the hard_rank threshold",
    ),
)  # fmt: skip
