"""The shape of the spectrum beyond its entropy: concentration, decay, noise bulk, numerical rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.numerical_rank import numerical_rank
from labelfree.evidence.tails import heavy_tails
from labelfree.families.rank.effective import collapsed
from labelfree.families.rank.jackknife import Error, bent, centered_deletions, eigenvalue_error
from labelfree.families.spec import FROM_MOMENTS, INVARIANT, NO_DIRECTION, Metric
from labelfree.results import Plain, Result, measured, undefined

FIT_RANGE = (11, 100)
"""Eigenvalue indices, 1-based and inclusive, that the power law of alpha_req is fitted to."""
_LEAST_POINTS = 10
_LEAST_SPACING = 0.3
"""Distance of eigenvalues at the end of a fit, over the sampling error of one, from which there is an interval."""
_NOISE_SLOPES = 2.0
"""Slope of a fit, over the one that sampling gives to equal eigenvalues, from which there is an interval."""
_NOISE_SLOPE = 12.0
"""That slope times sqrt n: measured on noise of 24 to 120 columns, less of more."""
_GOOD_FIT = 0.95


def _participation_ratio(e: Evidence) -> Result:
    if flat := e.too_few() or collapsed(e.centered):
        return flat
    top = e.centered.eigenvalues[0]
    lam = e.centered.eigenvalues / top  # squares of squares would leave the range of float64
    total, square = float(lam.sum()), float(lam @ lam)
    value = total * total / square
    parts: dict[str, Plain] = {"gaussian_unbiased": _unbiased_participation(total, square, e.n - 1)}
    found = centered_deletions(e)
    error = Error() if found is None else found.participation(heavy_tails(e))
    return measured(value, error.se, low=1.0, high=min(e.n - 1, e.d), parts=parts, warnings=error.warnings)


def _unbiased_participation(total: float, square: float, df: int) -> float | None:
    """Ratio of unbiased estimates of (tr C)^2 and tr C^2 for Gaussian rows; None where the second is not positive."""
    if df < 2:
        return None
    below = (square - total * total / df) * df * df / ((df - 1) * (df + 2))
    above = total * total - 2 * below / df
    return above / below if below > 0 and above > 0 else None


def participation_ratio(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Participation ratio of the covariance spectrum.

    Formula: (sum_k lambda_k)^2 / sum_k lambda_k^2. parts.gaussian_unbiased replaces numerator and denominator by
    their unbiased estimates for Gaussian rows, which takes out the factor 1 / (1 + d / n) that noise suffers.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 to min(n - 1, d). Invariant to scale, rotation and translation.
    Undefined: fewer than two rows; all rows equal.
    Interval: as for rankme.
    Cost: shared with rankme_centered.
    When it lies: one rogue direction brings it to 1.
    Source: classical (inverse Simpson index of the eigenvalues). Deviations: none.

    >>> import numpy as np
    >>> X = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(participation_ratio(X).value, 10)
    1.2195121951
    """
    return _participation_ratio(evidence(X, sample=sample, seed=seed))


def _isoscore(e: Evidence) -> Result:
    if e.d < 2:
        return undefined("one_dimension", "isotropy needs at least two columns, found 1")
    ratio = _participation_ratio(e)
    if ratio.value is None:
        return ratio
    error = None if ratio.se is None else ratio.se / (e.d - 1)
    return measured((ratio.value - 1) / (e.d - 1), error, low=0.0, high=1.0, warnings=ratio.warnings)


def isoscore(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """IsoScore: how evenly the variance fills the space.

    Formula: (PR - 1) / (d - 1) with PR the participation ratio, to which the published algorithm reduces exactly.
    Input: X (n, d) finite real numbers, n >= 2, d >= 2.
    Range: 0 (all variance in one direction) to 1 (isotropic, n > d).
    Undefined: fewer than two rows; one column; all rows equal.
    Interval: that of participation_ratio, scaled.
    Cost: none beyond participation_ratio.
    When it lies: bounded by (n - 2) / (d - 1) for few rows; direction across models is not known.
    Source: Rudman, Gillman, Rayne, Eickhoff, "IsoScore", Findings of ACL 2022. Deviations: closed form in float64.

    >>> import numpy as np
    >>> isoscore(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])).value
    1.0
    """
    return _isoscore(evidence(X, sample=sample, seed=seed))


def _top_share(e: Evidence, centered: bool) -> Result:
    spectrum = e.centered if centered else e.raw
    if flat := collapsed(spectrum):
        return flat
    lam = spectrum.eigenvalues
    top = float(lam[0])
    value = float(lam.sum()) / top
    gradient = np.full_like(lam, 1 / top)
    gradient[0] -= value / top
    coordinates = e.centered_coordinates if centered else e.raw_coordinates

    def curved(left: Float, right: Float) -> Float:
        """The second derivative of tr C / lambda_1 along the squares of two rows."""
        (first, second), (all_first, all_second) = (
            [x[:, 0] ** 2 / top for x in (left, right)], [(x**2).sum(axis=1) / top for x in (left, right)]
        )  # fmt: skip
        bend = bent(spectrum, 0, left, right) / top
        return np.asarray(2 * value * first * second - all_first * second - all_second * first - value * bend)

    error = eigenvalue_error(e, spectrum, coordinates, gradient, curved)
    return measured(value, error.se, low=1.0, high=len(lam), warnings=error.warnings)


def _stable_rank(e: Evidence) -> Result:
    return e.too_few() or _top_share(e, centered=False)


def stable_rank(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Stable rank: energy of the rows over the energy of their strongest direction.

    Formula: sum_k sigma_k^2 / sigma_1^2, rows not centered.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 to min(n, d).
    Undefined: fewer than two rows; all rows zero.
    Interval: influence of the sampled rows and of pairs of them. None where the tails of the rows may be heavy,
    or where the second singular value is so near the first that pairs of rows decide.
    Cost: shared with rankme.
    When it lies: a shared offset alone brings it to 1.
    Source: numerical linear algebra; used for embeddings by Tsitsulin et al. 2023. Deviations: none.

    >>> import numpy as np
    >>> round(stable_rank(np.diag([3.0, 1.0])).value, 10)
    1.1111111111
    """
    return _stable_rank(evidence(X, sample=sample, seed=seed))


def _nesum(e: Evidence) -> Result:
    return e.too_few() or _top_share(e, centered=True)


def nesum(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """NESum: normalized eigenvalue sum of the covariance.

    Formula: sum_k lambda_k / lambda_1, lambda the covariance eigenvalues: the stable rank of the centered rows.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 to min(n - 1, d).
    Undefined: fewer than two rows; all rows equal.
    Interval: as for stable_rank.
    Cost: shared with rankme_centered.
    When it lies: reads only the strongest direction.
    Source: He and Ozay, ICML 2022. Deviations: none.

    >>> import numpy as np
    >>> X = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(nesum(X).value, 10)
    1.1111111111
    """
    return _nesum(evidence(X, sample=sample, seed=seed))


def _alpha_req(e: Evidence) -> Result:
    if flat := e.too_few() or collapsed(e.centered):
        return flat
    lam = e.centered.eigenvalues
    rank = numerical_rank(e, centered=True)
    first, last = FIT_RANGE[0], min(FIT_RANGE[1], rank.count)
    params: dict[str, Plain] = {"fit_range": [first, last], "weights": "1/j", "target": 1.0}
    if rank.reason and last < FIT_RANGE[1]:
        return undefined("no_gap", rank.reason, params)
    if last - first + 1 < _LEAST_POINTS:
        reason = (
            f"a power law needs {_LEAST_POINTS} eigenvalues from the {first}th on, found {max(last - first + 1, 0)}"
        )
        return undefined("insufficient", reason, params)
    j = np.arange(first, last + 1)
    x, y, w = np.log(j), np.log(lam[first - 1 : last]), 1.0 / j
    w /= w.sum()
    spread = w * (x - w @ x)
    slope = spread / (spread @ x)  # the fitted slope is slope @ y
    value = -float(slope @ y)
    rest = y - w @ y - float(slope @ y) * (x - w @ x)
    total = float(w @ (y - w @ y) ** 2)
    fit = 1 - float(w @ rest**2) / total if total > 0 else 1.0
    gradient = np.zeros_like(lam)
    gradient[first - 1 : last] = -slope / lam[first - 1 : last]
    warnings = []
    if e.n < 4 * e.d:
        few = f"n / d = {e.n / e.d:.1f} is below 4: sampling steepens the tail of the spectrum"
        warnings.append(Noted("steep_tail", few))
    error = eigenvalue_error(e, e.centered, e.centered_coordinates, gradient, None)
    poor = fit < _GOOD_FIT
    crowded = _crowded(value, last, e.n)
    se = None if poor or crowded else error.se
    warnings += [] if poor else [Noted("no_interval", crowded)] if crowded else error.warnings
    result = measured(value, se, params=params, parts={"r2": fit}, warnings=warnings)
    if poor:
        reason = f"the spectrum is not a power law on this range: R^2 = {fit:.3f}, expected at least {_GOOD_FIT}"
        return Result(
            result.value, result.se, result.interval, "partial", "poor_fit", reason,
            result.params, result.parts, result.warnings,
        )  # fmt: skip
    return result


def _crowded(slope: float, last: int, n: int) -> str:
    """Why the eigenvalues of a fit lie too near to each other for an interval; empty where they do not.

    The relative error of an eigenvalue is sqrt(2 / n), its distance to the next slope / j. Crowded ones push each other
    apart, so that the slope varies less than their errors say: up to 1.9 times, measured on power laws.
    """
    least = max(_LEAST_SPACING * last * (2 / n) ** 0.5, _NOISE_SLOPES * _NOISE_SLOPE / n**0.5)
    if slope >= least:
        return ""
    return (
        f"no interval: at n = {n} the eigenvalues {FIT_RANGE[0]} to {last} lie nearer to each other than their errors "
        f"allow (slope {slope:.2f}, expected at least {least:.2f})"
    )


def alpha_req(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """alpha-ReQ: decay exponent of the covariance spectrum.

    Formula: minus the slope of ln lambda_j on ln j, least squares with weights 1 / j, j = 11..100 (1-based), or to
    the numerical rank of the centered rows (as in hard_rank). params.fit_range and parts.r2 belong to the number: other
    ranges give others.
    Input: X (n, d) finite real numbers, enough for 10 eigenvalues from the 11th on.
    Range: real; 0 for a flat spectrum. Target 1: both faster and slower decay are worse. Invariant to scale and
    rotation.
    Undefined: too few eigenvalues above rounding; fewer than 100 of them and no gap below (no_gap, as in
    hard_rank). Partial (poor_fit): weighted R^2 below 0.95, the value is then no exponent.
    Interval: influence of the sampled rows. None where the fit is poor, where the tails of the rows may be heavy, or
    where eigenvalues are crowded: a slope below 24 / sqrt n or .3 k sqrt(2 / n), k the last eigenvalue of the fit.
    Cost: shared with rankme_centered.
    When it lies: few rows per column steepen the tail (keep n / d above 4); the authors' own scripts use several
    fit ranges; on projector outputs the power law itself fails.
    Source: Agrawal et al., "alpha-ReQ", NeurIPS 2022; weights as in the authors' code. Deviations: fixed range.

    >>> import numpy as np
    >>> basis = np.linalg.qr(np.random.default_rng(0).normal(size=(400, 129)) + np.eye(400, 129))[0]
    >>> basis -= basis.mean(axis=0)
    >>> basis = np.linalg.qr(basis)[0][:, :128]
    >>> round(alpha_req(basis * np.arange(1, 129) ** -0.5).value, 6)
    1.0
    """
    return _alpha_req(evidence(X, sample=sample, seed=seed))


METRICS = (
    Metric(
        participation_ratio, _participation_ratio, FROM_MOMENTS, INVARIANT,
        NO_DIRECTION,
        "(sum lambda)^2 / sum lambda^2, covariance eigenvalues",
    ),
    Metric(
        stable_rank, _stable_rank, FROM_MOMENTS, INVARIANT,
        NO_DIRECTION,
        "sum sigma^2 / sigma_1^2, uncentered rows",
    ),
    Metric(
        nesum, _nesum, FROM_MOMENTS, INVARIANT,
        NO_DIRECTION,
        "sum lambda / lambda_1, covariance eigenvalues",
    ),
    Metric(
        isoscore, _isoscore, FROM_MOMENTS, INVARIANT,
        NO_DIRECTION,
        "(participation ratio - 1) / (d - 1)",
    ),
    Metric(
        alpha_req, _alpha_req, FROM_MOMENTS, INVARIANT,
        "self-supervised encoders, on representations (not projector outputs), n / d above 4 and a good fit; "
        "misleads where the power law does not hold",
        "minus the slope of ln lambda_j on ln j, weights 1/j, covariance eigenvalues 11..100, at most to the numerical "
        "rank",
    ),
)  # fmt: skip
