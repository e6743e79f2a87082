"""Distances between the rows of a target and those of a source: descriptions, not estimates of accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.documents.findings import Noted
from labelfree.errors import option
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import once
from labelfree.evidence.targets import beside
from labelfree.families.spec import INVARIANT, Metric
from labelfree.families.transfer.intervals import with_interval
from labelfree.families.transfer.two_samples import Discrepancy, Kernel, Told, classified, kernel_test
from labelfree.results import Plain, Result, in_unit, measured, undefined
from labelfree.summaries import Moments

ROWS = 2_000
"""Sampled rows of each side that mmd and c2st look at."""
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
PERMUTATIONS = 499
FOLDS = 5
CLASSIFIER = "logistic regression, standardized columns, C = 1"
_LEAST = 2 * FOLDS


def _source(e: Evidence) -> Evidence | Result:
    """The evidence of the source rows, or why there is none."""
    source = e.reference
    if source is None:
        return undefined("no_source", f"needs source rows ({option('source', like='FILE')})")
    if source.d != e.d:
        reason = f"source rows hold {source.d} numbers, target rows {e.d}: embeddings of one model on both sides needed"
        return undefined("no_source", reason)
    return source


def _samples(e: Evidence, least: int, most: int | None) -> tuple[Rows, Rows] | Result:
    """At most `most` sampled rows of target and source, or why there are fewer than `least` of one of them."""
    source = _source(e)
    if isinstance(source, Result):
        return source
    rows = tuple(np.empty((0, e.d)) if side.drawn is None else side.drawn.rows[:most] for side in (e, source))
    if min(map(len, rows)) < least:
        found = f"{len(rows[0])} target and {len(rows[1])} source rows"
        return undefined("insufficient", f"needs at least {least} rows on each side, found {found}")
    return rows[0], rows[1]


def _moments(e: Evidence) -> tuple[Moments, Moments] | Result:
    """Moments of all rows of target and source."""
    source = _source(e)
    if isinstance(source, Result):
        return source
    if min(e.n, source.n) < 2 or e.moments is None or source.moments is None:
        return undefined(
            "insufficient", f"needs at least 2 rows on each side, found {e.n} target and {source.n} source rows"
        )
    return e.moments, source.moments


def compared(
    e: Evidence, scales: Sequence[float] = SCALES, rows: int | None = ROWS, permutations: int = PERMUTATIONS
) -> tuple[Discrepancy, int, int] | Result:
    """The kernel means of target and source with what random divisions give, and how many rows of each they are of."""
    sides = _samples(e, 2, rows)
    if isinstance(sides, Result):
        return sides
    found = kernel_test(*sides, Kernel(tuple(scales)), permutations, e.seed, e.advance)
    if found is None:
        return undefined("collapsed", "the median distance between the rows is 0: no bandwidth")
    return found, len(sides[0]), len(sides[1])


def told_apart(e: Evidence, rows: int | None = ROWS) -> tuple[Told, int] | Result:
    """How well a classifier tells target from source, and how many rows of each it was given."""
    sides = _samples(e, _LEAST, rows)
    if isinstance(sides, Result):
        return sides
    m = min(map(len, sides))
    return classified(sides[0][:m], sides[1][:m], FOLDS, e.seed), m


def _mmd_of(
    known: tuple[Discrepancy, int, int] | Result, scales: Sequence[float], permutations: int, exponent: int
) -> Result:
    if isinstance(known, Result):
        return known
    found, m, n = known
    params: dict[str, Plain] = {
        "kernel": "mean over scales of exp(-d^2 / (scale * median d^2))", "scales": list(scales),
        "rows": m, "source_rows": n, "permutations": permutations,
    }  # fmt: skip
    parts: dict[str, Plain] = {
        "p_value": found.test.p_value, "biased": found.biased,
        "median_squared_distance": in_unit(found.median, 2 * exponent), "null_sd": found.test.null_sd,
    }  # fmt: skip
    result = measured(found.test.value, found.test.error, params=params, parts=parts)
    return with_interval(result, found.test.interval) if found.test.interval is not None else result


def _mmd(e: Evidence) -> Result:
    return _mmd_of(once(e, compared), SCALES, PERMUTATIONS, e.exponent)


def mmd(
    X: Any,
    source: Any,
    *,
    scales: Sequence[float] = SCALES,
    sample: int | None = ROWS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Result:
    """MMD^2: squared maximum mean discrepancy between target and source rows.

    Formula: mean k(x, x') + mean k(y, y') - 2 mean k(x, y) over different rows (U-statistic), k the mean over the
    scales s of exp(-|a - b|^2 / (s M)), M the median squared distance between different rows of both sides pooled.
    parts.p_value: share of random divisions of the pooled rows, the given one included, with no smaller value.
    Input: X (n, d), source (m, d) finite real numbers, at least 2 rows each.
    Range: at most 2; about 0 for equal distributions, and then as often below 0 as above. Invariant to rotation,
    translation and scale.
    Undefined: no source; fewer than 2 rows on a side; more than half of the pairs at distance 0.
    Interval: all values from which this one is within 1.96 deviations, the variance growing from that over the random
    divisions at 0 to that by the influence of the rows (Hoeffding's first term) here.
    Cost: 2,000 sampled rows of each side: their 8 million distances once, in blocks, and one product with the 500
    divisions; the p-value is at least 1 / 500.
    When it lies: a distance alone does not track accuracy: source and target may be aligned class to wrong class, and
    a loss that minimizes it brings it to 0. It moves with every change of the features, also a harmless one; with M it
    is relative to the spread of the rows, so that values of different models compare only loosely.
    Source: Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, Lemma 6. Deviations: several bandwidths about the
    pooled median, averaged.

    >>> import numpy as np
    >>> round(mmd(np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]), scales=[1.0]).value, 10)
    -0.6321205588
    """
    e = beside(X, source, "source", seed)
    return _mmd_of(compared(e, scales, sample, permutations), scales, permutations, e.exponent)


def _coral(e: Evidence) -> Result:
    both = _moments(e)
    if isinstance(both, Result):
        return both
    target, source = both
    largest = max(np.diagonal(side.scatter).max(initial=0.0) / (side.n - 1) for side in both)
    exponent = int(np.frexp(largest)[1])
    unit = 2.0**exponent  # squares of what is far from 1 may be no numbers
    fourth_power = 2 * exponent + 4 * e.exponent
    gap = target.scatter / ((target.n - 1) * unit)
    gap -= source.scatter / ((source.n - 1) * unit)
    relative = float(np.einsum("ij,ij->", gap, gap)) / (4 * e.d**2)
    del gap
    chance = 0.0
    params: dict[str, Plain] = {"rows": target.n, "source_rows": source.n, "divisor": "n - 1"}
    assert e.reference is not None
    for side, moments in ((e, target), (e.reference, source)):
        if side.drawn is None:
            return measured(relative, exponent=fourth_power, low=0.0, params=params)
        away = (side.drawn.rows.astype(np.float64) - moments.mean) / unit**0.5
        fourth = float((np.einsum("ij,ij->i", away, away) ** 2).mean())
        spread = moments.scatter / (unit * moments.n)
        chance += max(fourth - float(np.einsum("ij,ij->", spread, spread)), 0.0) / moments.n
    parts: dict[str, Plain] = {"by_chance": in_unit(chance / (4 * e.d**2), fourth_power)}
    return measured(relative, exponent=fourth_power, low=0.0, params=params, parts=parts)


def coral(X: Any, source: Any) -> Result:
    """CORAL: squared difference of the covariances of target and source.

    Formula: ||C_s - C_t||_F^2 / (4 d^2), C the covariance matrices (divisor n - 1). parts.by_chance: about what equal
    covariances give at these numbers of rows, (mean |x - mean|^4 - ||C||^2) / n of both sides; subtract it to compare
    data sets of different size.
    Input: X (n, d), source (m, d) finite real numbers, at least 2 rows each.
    Range: 0 (equal covariances) upward, in the fourth power of the unit of the rows. Invariant to rotation and to
    translation of either side.
    Undefined: no source; fewer than 2 rows on a side; above 1e100, or too near 0 for float64 (out_of_range).
    Interval: none: the value is above that of the populations by parts.by_chance, which is no smaller than its error
    where the covariances nearly agree.
    Cost: d^2 from the moments of all rows.
    When it lies: a distance alone does not track accuracy; the means are not seen at all; features of twice the scale
    have 16 times the value, so that shrinking features looks like alignment; a CORAL loss brings it to 0.
    Source: Sun and Saenko, "Deep CORAL", ECCV Workshops 2016, the CORAL loss. Deviations: none.

    >>> import numpy as np
    >>> coral(np.array([[1.0], [3.0]]), np.array([[0.0], [4.0]])).value
    9.0
    """
    return _coral(beside(X, source, "source", moments=True))


def _root(covariance: Float) -> Float:
    """R (d, r) of full column rank with R R^T the covariance."""
    lam, directions = np.linalg.eigh(covariance)
    there = lam > len(lam) * np.finfo(float).eps * max(lam[-1], 0.0)
    return np.asarray(directions[:, there] * np.sqrt(lam[there]))


def _frechet(e: Evidence) -> Result:
    both = _moments(e)
    if isinstance(both, Result):
        return both
    target, source = both
    one, two = target.scatter / (target.n - 1), source.scatter / (source.n - 1)
    shift = target.mean - source.mean
    first = float(shift @ shift)
    cross = np.linalg.svd(_root(one).T @ _root(two), compute_uv=False).sum()
    second = max(float(np.trace(one) + np.trace(two) - 2 * cross), 0.0)
    few = min(target.n, source.n) < 10 * e.d
    said = f"fewer than 10 rows per column ({min(target.n, source.n)} rows, {e.d} columns): sampling alone raises it"
    note = Noted("few_rows_distance", said)
    by_chance, square = float(np.trace(one) / target.n + np.trace(two) / source.n), 2 * e.exponent
    parts: dict[str, Plain] = {
        "means": in_unit(first, square),
        "covariances": in_unit(second, square),
        "means_by_chance": in_unit(by_chance, square),
    }
    params: dict[str, Plain] = {"rows": target.n, "source_rows": source.n, "divisor": "n - 1"}
    return measured(first + second, exponent=square, low=0.0, params=params, parts=parts, warnings=[note] * few)


def frechet(X: Any, source: Any) -> Result:
    """Frechet distance, squared, between Gaussians with the moments of target and source.

    Formula: |mu_t - mu_s|^2 + tr(C_t + C_s - 2 (C_t^1/2 C_s C_t^1/2)^1/2), C the covariances (divisor n - 1); the
    trace of the root is the sum of the singular values of R_t^T R_s, C = R R^T, which rank-deficient covariances
    (n < d) do not harm.
    parts: the two terms, and means_by_chance = tr C_t / n + tr C_s / m, the first term that equal means give.
    Input: X (n, d), source (m, d) finite real numbers, at least 2 rows each.
    Range: 0 (equal means and covariances) upward, in the squared unit of the rows. Symmetric; invariant to one rotation
    and translation of both sides.
    Undefined: no source; fewer than 2 rows on a side; above 1e100 (out_of_range).
    Interval: none: few rows per column raise the value by more than its error (warned of below 10 rows per column);
    compare only at equal n.
    Cost: two eigendecompositions and the singular values of a product, about 25 d^3 flop, from the moments of all rows.
    When it lies: a distance alone does not track accuracy; sees nothing beyond two moments; in the unit of the
    features, so that shrinking features looks like alignment.
    Source: Dowson and Landau, J. Multivariate Anal. 1982; as an estimate of accuracy Deng and Zheng, CVPR 2021, by a
    regression that needs labelled data sets. Deviations: divisor n - 1.

    >>> import numpy as np
    >>> round(frechet(np.array([[0.0], [2.0]]), np.array([[3.0], [7.0]])).value, 10)
    18.0
    """
    return _frechet(beside(X, source, "source", moments=True))


def _c2st_of(known: tuple[Told, int] | Result) -> Result:
    if isinstance(known, Result):
        return known
    found, m = known
    params: dict[str, Plain] = {
        "rows": m, "source_rows": m, "folds": FOLDS, "classifier": CLASSIFIER,
    }  # fmt: skip
    parts: dict[str, Plain] = {
        "auc": found.auc,
        "pad": max(0.0, 2 * (2 * found.accuracy - 1)),
        "chance": 0.5,
        "fold_accuracy": list(found.folds),
    }
    return measured(found.accuracy, found.error, low=0.0, high=1.0, params=params, parts=parts, warnings=found.warnings)


def _c2st(e: Evidence) -> Result:
    return _c2st_of(once(e, told_apart))


def c2st(X: Any, source: Any, *, sample: int | None = ROWS, seed: int = 0) -> Result:
    """C2ST: how well a classifier tells target rows from source rows that it was not fitted to.

    Formula: accuracy over the held-out fifths of a logistic regression (L2, C = 1) on columns standardized by the
    fitting rows, equally many rows of both sides. parts.auc: area under its ROC curve, mean over the folds;
    parts.pad = max(0, 2 (2 accuracy - 1)), the proxy A-distance; parts.chance = 0.5.
    Input: X (n, d), source (m, d) finite real numbers, at least 10 rows each.
    Range: 0.5 (indistinguishable, but for chance) to 1 (told apart without error). Invariant to the scale of columns
    and to translation, not exactly to rotation.
    Undefined: no source; fewer than 10 rows on a side.
    Interval: binomial over the held-out rows (two successes and two failures added), what fits to other rows would add
    to it (two Gaussian classes), and a fifth for the rows that the folds share; parts.fold_accuracy beside it.
    Cost: five fits to at most 2,000 sampled rows of each side: seconds.
    When it lies: a distance alone does not track accuracy; domains are told apart by differences that no class
    depends on, and with many columns nearly always (1 for most pairs of real domains, which then do not compare);
    a linear classifier misses differences beyond a hyperplane; adversarial losses (DANN) bring it to 0.5.
    Source: Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017; PAD: Ben-David et al. 2007.
    Deviations: cross-validated, where public code for PAD picks the best of several fits on the rows it reports.

    >>> import numpy as np
    >>> c2st(np.arange(20.0)[:, None], np.arange(20.0)[:, None] + 1000).value
    1.0
    """
    return _c2st_of(told_apart(beside(X, source, "source", seed), sample))


_NOT_ACCURACY = "a description: a distance alone does not track accuracy, and a loss that minimizes it makes it small"
METRICS = (
    Metric(
        mmd, _mmd, ("sample", "source"), INVARIANT,
        _NOT_ACCURACY,
        "unbiased MMD^2, RBF kernels at 1/4, 1/2, 1, 2, 4 times the pooled median squared distance, averaged",
    ),
    Metric(
        coral, _coral, ("moments", "sample", "source"), 4,
        _NOT_ACCURACY + "; depends on the scale of the features",
        "||C_s - C_t||_F^2 / (4 d^2), divisor n - 1",
    ),
    Metric(
        frechet, _frechet, ("moments", "source"), 2,
        _NOT_ACCURACY + "; depends on the scale of the features and on the number of rows",
        "|mu_s - mu_t|^2 + tr(C_s + C_t - 2 (C_t^1/2 C_s C_t^1/2)^1/2)",
    ),
    Metric(
        c2st, _c2st, ("sample", "source"), INVARIANT,
        _NOT_ACCURACY + "; close to 1 for most pairs of real domains",
        "held-out accuracy of a logistic regression of the domain, 5 folds",
    ),
)  # fmt: skip
