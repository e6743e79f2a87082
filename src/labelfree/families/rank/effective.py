"""Effective ranks: how many directions the rows really use, from one spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.catalog import SAMPLE
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence, evidence
from labelfree.evidence.spectrum import Spectrum
from labelfree.evidence.tails import heavy_tails
from labelfree.families.rank.jackknife import Error, centered_deletions, raw_deletions
from labelfree.families.rank.marchenko_pastur import noise_rank
from labelfree.families.spec import FROM_MOMENTS, INVARIANT, Metric
from labelfree.results import Plain, Result, in_unit, measured, undefined

MOST = 0.99
"""Share of the centered variance that `directions` of `about_mean` hold."""
EPS = 1e-7
"""What the published RankMe adds to each normalized singular value (given there for float32)."""


def entropy_rank(weights: Float, eps: float = 0.0) -> tuple[float, Float]:
    """exp of the entropy of weights / sum + eps, and its gradient by the weights (0 where a weight is 0)."""
    total = float(weights.sum())
    q = weights / total
    p = q + eps
    log = np.log(p, out=np.zeros_like(p), where=p > 0)
    value = float(np.exp(-(p @ log)))
    slope = np.where(q > 0, log + 1, 0.0)
    return value, np.where(q > 0, -value * (slope - float(q @ slope)) / total, 0.0)


def _error(e: Evidence, centered: bool) -> Error:
    """The error of the entropy rank of the singular values; the published eps moves it by less than 1e-6 of itself."""
    found = centered_deletions(e) if centered else raw_deletions(e)
    return Error() if found is None else found.entropy_of_roots(heavy_tails(e))


def collapsed(spectrum: Spectrum) -> Result | None:
    """The undefined result for rows without any direction, else None."""
    if len(spectrum.eigenvalues) and spectrum.eigenvalues[0] > 0:
        return None
    what = "all rows are equal" if spectrum.centered else "all rows are zero"
    return undefined("collapsed", f"{what}: there is no direction to count")


def _narrow(e: Evidence) -> tuple[Noted, ...]:
    return tuple(Noted(warning.code, f"{warning}, and the value grows with n") for warning in e.narrow)


def _shape(e: Evidence) -> dict[str, Plain]:
    return {"n": e.n, "d": e.d, "n_over_d": e.n / e.d}


def _published_bounds(cap: int) -> tuple[float, float]:
    """What the published formula gives for rank one and for `cap` equal singular values; its eps moves both."""
    most = float(np.exp(-(1 + cap * EPS) * np.log(1 / cap + EPS)))
    return min(1.0, most), most


def _rankme(e: Evidence) -> Result:
    if short := e.too_few():
        return short
    if flat := collapsed(e.raw):
        return flat
    cap = min(e.n, e.d)
    value = entropy_rank(e.raw.sigma, EPS)[0]
    ceiling = noise_rank(e.n, e.d)
    parts: dict[str, Plain] = {
        **_shape(e),
        "rank_cap": cap,
        "isotropic_ceiling": ceiling,
        "fraction_of_ceiling": value / ceiling,
        "first_share": float(e.raw.sigma[0] / e.raw.sigma.sum()),
    }
    error = _error(e, centered=False)
    low, high = _published_bounds(cap)
    warnings = (*_narrow(e), *error.warnings)
    return measured(value, error.se, low=low, high=high, params={"eps": EPS}, parts=parts, warnings=warnings)


def rankme(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Effective rank of the embedding matrix as published: RankMe.

    Formula: exp(-sum_k p_k ln p_k) with p_k = sigma_k / sum_j sigma_j + 1e-7, over all min(n, d) singular
    values of the rows, neither centered nor normalized.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 (rank one) to min(n, d); the published eps moves both ends a little (8.0000069 for 8 equal singular
    values, 0.9999999 for a single column). Invariant to scale, rotation and row order; for n >= d also to appended
    zero rows and duplication of all rows, which otherwise make room for more singular values, each with its eps.
    Undefined: fewer than two rows; all rows zero.
    Interval: by deletion of sampled rows and of pairs of them, exactly (corrected jackknife); it describes rows drawn
    anew at the same n. None where the tails of the rows may be heavy, or where pairs of rows decide (isotropic noise of
    few rows). Coverage: docs/metrics.md.
    Cost: one pass, n d^2 flop, one d x d matrix.
    When it lies: the value grows with n (isotropic noise of the shape reaches `isotropic_ceiling`); it falls while
    accuracy rises in supervised fine-tuning; isotropic noise scores highest; a shared offset (narrow cone) lowers
    it at no loss of accuracy, see parts.first_share and rankme_centered. Compare runs of one method on the same rows.
    Source: Garrido, Balestriero, Najman, LeCun, "RankMe", ICML 2023, Eq. 1. Deviations: none; eps is added
    after the normalization and not renormalized, as printed.

    >>> import numpy as np
    >>> round(rankme(np.eye(8)).value, 7)
    8.0000069
    """
    return _rankme(evidence(X, sample=sample, seed=seed))


def effective_rank_alone(e: Evidence) -> float | Result:
    """The effective rank of the rows, from their eigenvalues, without what else is said of it; or why there is none."""
    return e.too_few() or collapsed(e.raw) or entropy_rank(e.raw.sigma)[0]


def effective_rank_of(e: Evidence) -> Result:
    """The effective rank of the rows, from their eigenvalues."""
    value = effective_rank_alone(e)
    if isinstance(value, Result):
        return value
    error = _error(e, centered=False)
    warnings = (*_narrow(e), *error.warnings)
    parts: dict[str, Plain] = {**_shape(e), "about_mean": about_mean(e)}
    return measured(value, error.se, low=1.0, high=min(e.n, e.d), parts=parts, warnings=warnings)


def about_mean(e: Evidence) -> dict[str, Plain]:
    """What tells a shared offset from a collapse: the rows about their mean, in a few numbers.

    centered_rank: effective rank of the rows about their mean; sphericity: (sum of the eigenvalues of the centered
    scatter)^2 / sum of their squares, over its value n d / (n + d) for isotropic noise; spread: root mean square
    distance from the mean, in the unit of the rows; spread_share: spread over the root mean square length of a row;
    directions: how many, strongest first, hold 99 % of the centered variance; cut: the eigenvalue after them over the
    last of them. All rows equal: spread 0, the others None.
    """
    assert e.moments is not None
    if collapsed(e.centered):
        names = ("centered_rank", "sphericity", "directions", "cut")
        return dict.fromkeys(names, None) | {"spread": 0.0, "spread_share": 0.0}
    share = e.centered.eigenvalues / float(e.centered.eigenvalues.sum())
    variance = float(np.trace(e.moments.scatter)) / e.n
    directions = min(int((np.cumsum(share) < MOST).sum()) + 1, len(share))
    return {
        "centered_rank": entropy_rank(e.centered.sigma)[0],
        "sphericity": (e.n + e.d) / (e.n * e.d) / float(share @ share),
        "spread": in_unit(variance**0.5, e.exponent),
        "spread_share": (variance / (variance + float(e.moments.mean @ e.moments.mean))) ** 0.5,
        "directions": directions,
        "cut": float(share[directions] / share[directions - 1]) if directions < len(share) else 0.0,
    }


def effective_rank(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Effective rank after Roy and Vetterli: RankMe without its eps.

    Formula: exp(-sum_k p_k ln p_k) with p_k = sigma_k / sum_j sigma_j; 0 ln 0 = 0; rows not centered.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 to min(n, d), and never above the rank. Invariant to scale, rotation, row order, appended zero rows and
    duplication of all rows.
    Undefined: fewer than two rows; all rows zero.
    Interval: as for rankme.
    Cost: one pass, n d^2 flop, shared with the family.
    When it lies: as rankme; parts.about_mean tells a shared offset from a collapse, for the guard of docs/gate.md.
    Source: Roy and Vetterli, "The effective rank", EUSIPCO 2007. Deviations: none.

    >>> import numpy as np
    >>> round(effective_rank(np.diag([3.0, 1.0])).value, 10)
    1.7547653506
    """
    return effective_rank_of(evidence(X, sample=sample, seed=seed))


def _rankme_centered(e: Evidence) -> Result:
    if flat := e.too_few() or collapsed(e.centered):
        return flat
    cap = min(e.n - 1, e.d)
    value = entropy_rank(e.centered.sigma, EPS)[0]
    parts: dict[str, Plain] = {**_shape(e), "rank_cap": cap}
    error = _error(e, centered=True)
    low, high = _published_bounds(cap)
    warnings = (*_narrow(e), *error.warnings)
    return measured(value, error.se, low=low, high=high, params={"eps": EPS}, parts=parts, warnings=warnings)


def rankme_centered(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """RankMe of the rows about their mean: blind to a shared offset.

    Formula: as rankme, on X - mean, over min(n - 1, d) singular values.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 to min(n - 1, d), plus the published eps. Invariant to translation as well.
    Undefined: fewer than two rows; all rows equal.
    Interval: as for rankme.
    Cost: the same pass as rankme, and one more eigendecomposition.
    When it lies: cannot see a collapse onto one shared vector plus noise: read mean_cosine beside it.
    Source: Eq. 1 of the RankMe paper applied to centered rows; the paper does not center.

    >>> import numpy as np
    >>> X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) + 100.0
    >>> round(rankme_centered(X).value, 5)
    2.0
    """
    return _rankme_centered(evidence(X, sample=sample, seed=seed))


def _erank_variance(e: Evidence) -> Result:
    if flat := e.too_few() or collapsed(e.centered):
        return flat
    value = entropy_rank(e.centered.eigenvalues)[0]
    found = centered_deletions(e)
    error = Error() if found is None else found.entropy(heavy_tails(e))
    return measured(value, error.se, low=1.0, high=min(e.n - 1, e.d), warnings=(*_narrow(e), *error.warnings))


def erank_variance(X: Any, *, sample: int | None = SAMPLE, seed: int = 0) -> Result:
    """Effective rank in the variance convention: entropy of the covariance eigenvalues, not of their roots.

    Formula: exp(-sum_k q_k ln q_k) with q_k = lambda_k / sum_j lambda_j, lambda the covariance eigenvalues.
    Input: X (n, d) finite real numbers, n >= 2.
    Range: 1 to min(n - 1, d); never above rankme_centered without its eps.
    Undefined: fewer than two rows; all rows equal.
    Interval: as for rankme.
    Cost: shared with rankme_centered.
    When it lies: large directions dominate it more than RankMe; several packages print it under the name RankMe.
    Source: exponential of the von Neumann entropy of the normalized covariance. Deviations: none.

    >>> import numpy as np
    >>> X = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(erank_variance(X).value, 10)
    1.3841454885
    """
    return _erank_variance(evidence(X, sample=sample, seed=seed))


_SELF_SUPERVISED = (
    "comparing runs of one self-supervised method, or adaptation by alignment, on the same rows; misleads in "
    "supervised fine-tuning (falls while accuracy rises), across methods or widths, and on isotropic noise"
)

METRICS = (
    Metric(
        rankme, _rankme, FROM_MOMENTS, INVARIANT,
        _SELF_SUPERVISED,
        "exp H(p), p = sigma / sum sigma + 1e-7, uncentered rows, all min(n, d) singular values",
    ),
    Metric(
        effective_rank, effective_rank_of, FROM_MOMENTS, INVARIANT,
        _SELF_SUPERVISED,
        "exp H(p), p = sigma / sum sigma, uncentered rows",
    ),
    Metric(
        rankme_centered, _rankme_centered, FROM_MOMENTS, INVARIANT,
        _SELF_SUPERVISED,
        "exp H(p), p = sigma / sum sigma + 1e-7, centered rows, all min(n - 1, d) singular values",
    ),
    Metric(
        erank_variance, _erank_variance, FROM_MOMENTS, INVARIANT,
        "a description: no setting is known in which more is better",
        "exp H(q), q = covariance eigenvalues / their sum",
    ),
)  # fmt: skip
