"""Metrics of one weight matrix, from its eigenvalues: ranks as of embeddings, the tail, the spikes, the norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from labelfree.arrays import Float, matrix
from labelfree.families.rank.effective import entropy_rank
from labelfree.families.rank.marchenko_pastur import noise_edge, noise_median, noise_rank
from labelfree.families.spec import INVARIANT, NO_DIRECTION, Metric
from labelfree.families.transfer.parts import classifier_nonuniformity
from labelfree.families.weights.matrix import Weight, held, weighed
from labelfree.families.weights.power_law import LEAST_TAIL, power_law
from labelfree.head import Head
from labelfree.results import Plain, Result, in_unit, measured, undefined

_LEAST_BULK = 10
_ONES = "every nonzero singular value is the same"


def weight_of(W: Any, name: str = "W", **asked: bool) -> Weight:
    """The evidence of a matrix (n, d) of finite numbers in memory."""
    rows = matrix(W, name)
    return weighed(held(rows), *rows.shape, name=name, **asked)


def _nonfinite(w: Weight) -> Result:
    return undefined("nonfinite", f"{w.nonfinite} of {w.n} rows hold NaN or infinity")


def _seen(w: Weight) -> Float | Result:
    """The eigenvalues of a matrix that has some, descending, or why there are none."""
    if w.lam is None:
        return _nonfinite(w)
    return w.lam if w.lam[0] > 0 else undefined("collapsed", "all entries are zero: there is no direction to count")


def rank_of(w: Weight) -> Result:
    """`effective_rank` of a weight: its share of full rank, and of what noise of the same shape reaches."""
    lam = _seen(w)
    if isinstance(lam, Result):
        return lam
    full = min(w.n, w.d)
    value = min(max(entropy_rank(np.sqrt(lam))[0], 1.0), float(full))
    return measured(value, parts={"share": value / full, "share_of_noise": value / noise_rank(w.n, w.d)})


def stable_rank_of(w: Weight) -> Result:
    """`stable_rank` of a weight."""
    lam = _seen(w)
    return lam if isinstance(lam, Result) else measured(float(lam.sum() / lam[0]), low=1.0, high=len(lam))


def _norm(w: Weight, squared: Callable[[Float], float]) -> Result:
    if w.lam is None:
        return _nonfinite(w)
    return measured(squared(w.lam) ** 0.5, exponent=w.exponent)


def _spectral_norm(w: Weight) -> Result:
    return _norm(w, lambda lam: float(lam[0]))


def _frobenius_norm(w: Weight) -> Result:
    return _norm(w, lambda lam: float(lam.sum()))


def spectral_norm(W: Any) -> Result:
    """Largest singular value of a weight matrix: the most that it can stretch a row.

    Formula: sigma_1 of W, not centered.
    Input: W (n, d) finite real numbers, rows the outputs (of a convolution: out x everything else).
    Range: 0 (all zero) and above, in units of the entries. Invariant to rotation and transposition.
    Undefined: entries that are NaN or infinite (in a checkpoint); above 1e100 (out_of_range).
    Cost: shared with effective_rank.
    When it lies: for a convolution it is the norm of the reshaped kernel, not of the convolution; a normalization
    layer behind the weight takes any scale away.
    Source: linear algebra. Deviations: none.

    >>> import numpy as np
    >>> round(spectral_norm(np.diag([3.0, 4.0])).value, 10)
    4.0
    """
    return _spectral_norm(weight_of(W))


def frobenius_norm(W: Any) -> Result:
    """Root of the sum of squares of a weight matrix.

    Formula: sqrt(sum_ij W_ij^2).
    Input: W (n, d) finite real numbers.
    Range: 0 (all zero) and above, in units of the entries. Invariant to rotation and transposition.
    Undefined: entries that are NaN or infinite (in a checkpoint); above 1e100 (out_of_range).
    Cost: shared with effective_rank.
    When it lies: a normalization layer behind the weight takes any scale away.
    Source: linear algebra. Deviations: none.

    >>> import numpy as np
    >>> round(frobenius_norm(np.diag([3.0, 4.0])).value, 10)
    5.0
    """
    return _frobenius_norm(weight_of(W))


def _weight_spikes(w: Weight) -> Result:
    lam = _seen(w)
    if isinstance(lam, Result):
        return lam
    n, d = max(w.n, w.d), min(w.n, w.d)
    if d < _LEAST_BULK:
        return undefined("insufficient", f"a noise bulk needs {_LEAST_BULK} singular values, found {d}")
    variance = lam / n
    middle = float(np.median(variance))
    if middle <= w.floor / n:
        return undefined("no_bulk", "more than half of the singular values are zero: there is no noise bulk")
    noise = middle / noise_median(d / n)
    edge = noise * noise_edge(n, d)
    parts: dict[str, Plain] = {
        "noise": in_unit(noise**0.5, w.exponent), "edge": in_unit((edge * n) ** 0.5, w.exponent)
    }  # fmt: skip
    return measured(float((variance > edge).sum()), params={"false_alarm": 0.01}, parts=parts)


def weight_spikes(W: Any) -> Result:
    """Singular values of a weight matrix that noise cannot explain: spikes above the Marchenko-Pastur bulk.

    Formula: number of eigenvalues of W^T W / n above s2 ((1 + sqrt g)^2 + 2.02345 (sqrt(n - 1) + sqrt d)
    (1 / sqrt(n - 1) + 1 / sqrt d)^(1/3) / n), n the longer and d the shorter side, g = d / n, s2 = median eigenvalue /
    median of the law. parts.noise is the standard deviation of the noise, parts.edge the singular value to exceed.
    Input: W (n, d) finite real numbers.
    Range: 0 to min(n, d), a whole number. Invariant to scale, rotation and transposition.
    Undefined: fewer than 10 singular values; more than half of them zero; all zero.
    Cost: shared with effective_rank.
    When it lies: a spectrum that decays smoothly, as that of most trained layers, has no bulk, and the count then only
    marks its upper part. Noise has a spike in 1 to 4 % of matrices, not in 1 % (docs/weights.md).
    Source: Marchenko-Pastur law with the Tracy-Widom 99 % point (Johnstone 2001). Deviations: the noise variance comes
    from the median, not from a fit; mp_spikes is the same of standardized columns.

    >>> import numpy as np
    >>> W = np.random.default_rng(0).normal(size=(200, 50)); W[:, :2] *= 5
    >>> weight_spikes(W).value
    2.0
    """
    return _weight_spikes(weight_of(W))


def _tail_exponent(w: Weight) -> Result:
    lam = _seen(w)
    if isinstance(lam, Result):
        return lam
    positive = lam[lam > w.floor]
    if len(positive) < LEAST_TAIL:
        reason = f"a tail needs {LEAST_TAIL} eigenvalues above rounding, found {len(positive)}"
        return undefined("insufficient", reason)
    fit = power_law(positive)
    if fit is None:
        return undefined("equal_eigenvalues", f"{_ONES}: there is no tail")
    parts: dict[str, Plain] = {
        "fitted": fit.exponent, "start": in_unit(fit.start, 2 * w.exponent), "tail": fit.size, "of": fit.of,
        "distance": fit.distance, "p": fit.p, "against_exponential": fit.ratio, "without_largest": fit.trimmed,
    }  # fmt: skip
    if fit.refused is not None:
        return Result(None, status="undefined", reason_code="poor_fit", reason=fit.refused, parts=parts)
    return measured(fit.exponent, low=1.0, parts=parts)


def tail_exponent(W: Any) -> Result:
    """Exponent of the power law in the tail of a weight matrix's spectrum, where there is one.

    Formula: 1 + n / sum ln(x / x_min) over the n eigenvalues x of W^T W from x_min on, x_min the eigenvalue whose tail
    is nearest to its law (least Kolmogorov-Smirnov distance). parts.fitted is the exponent whatever the fit,
    parts.start x_min, parts.tail n, parts.distance and parts.p the fit, parts.against_exponential Vuong's statistic,
    parts.without_largest the least of it without the one, two and three largest.
    Input: W (n, d) finite real numbers.
    Range: above 1. Invariant to scale, rotation and transposition.
    Undefined: poor_fit: fewer than 20 eigenvalues in the tail, a fit worse than 90 % of those to true power laws
    (p < 0.1), an exponential law that explains the tail as well (less than one standard deviation apart), or better
    without the three largest or fewer; also fewer than 20 eigenvalues above rounding, or all of them equal.
    Cost: m^2 / 2 exponentials for m = min(n, d) eigenvalues.
    When it lies: a log-normal spectrum of large spread passes for a power law, and nothing short of many more
    eigenvalues tells them apart; how often what passes and what does not: docs/weights.md.
    Source: Clauset, Shalizi, Newman, SIAM Review 2009; of spectra of weights as in WeightWatcher. Deviations: p from a
    table of simulated power laws instead of a bootstrap for each fit; refused where the fit is poor.

    >>> import numpy as np
    >>> quantiles = (np.arange(200) + 0.5) / 200
    >>> round(tail_exponent(np.diag(quantiles**-0.5)).value, 1)
    2.0
    """
    return _tail_exponent(weight_of(W))


def cosine_of(w: Weight) -> Result:
    """`mean_cosine` of the rows of an embedding table."""
    if w.nonfinite or w.direction is None:
        return _nonfinite(w)
    n = w.n - w.zero
    if n < 2:
        return undefined("insufficient", f"needs at least 2 non-zero rows, found {n}")
    value = (float(w.direction @ w.direction) / n - 1) / (n - 1)
    return measured(value, low=-1 / (n - 1), high=1.0, params={"rows": "all"}, parts={"rows": n})


def nonuniformity_of(w: Weight) -> Result:
    """`classifier_nonuniformity` of the last linear layer."""
    if w.values is None:
        return _nonfinite(w)
    return classifier_nonuniformity(Head(w.values, None, "given", w.name))


METRICS = (
    Metric(
        tail_exponent, _tail_exponent, (), INVARIANT,
        NO_DIRECTION,
        "power-law exponent of the tail of the eigenvalues of W^T W, x_min by least KS distance; refused where "
        "p < 0.1, of fewer than 20 values, or no better than exponential, also without the 3 largest",
    ),
    Metric(
        weight_spikes, _weight_spikes, (), INVARIANT,
        NO_DIRECTION,
        "eigenvalues of W^T W / n above the Marchenko-Pastur edge plus the Tracy-Widom 99 % margin, median noise",
    ),
    Metric(
        spectral_norm, _spectral_norm, (), 1,
        NO_DIRECTION,
        "sigma_1 of W",
    ),
    Metric(
        frobenius_norm, _frobenius_norm, (), 1,
        NO_DIRECTION,
        "root of the sum of squares",
    ),
)  # fmt: skip
