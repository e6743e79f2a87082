"""Two tests of whether two sets of rows come from one distribution: by kernel means, and by a classifier."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Rows
from labelfree.documents.findings import Noted
from labelfree.evidence.scaling import Standard, centered
from labelfree.results import Z95

_PRIVATE = 0x2572
"""Spawn key of the seed stream, so that data drawn with the same seed share nothing with it."""
_STRIP = 1 << 20
_BEYOND = 1.2
"""Variance of a held-out accuracy over that of the theory, by which the folds share their rows: as measured."""

_BEYOND_AREA = 1.7
"""The same of a held-out area under the ROC curve."""


def private(seed: int, purpose: int) -> np.random.Generator:
    """A stream of random numbers that shares nothing with what a user draws from the same seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_PRIVATE, purpose)))


@dataclass(frozen=True)
class Kernel:
    """k(a, b) = mean over the scales s of exp(-|a - b|^2 / (s M)), M the median squared distance."""

    scales: tuple[float, ...]

    def of(self, squared: Float, median: float) -> Float:
        """The kernel of squared distances; a scale of half the one before is its square."""
        total: Float = np.zeros_like(squared)
        last, before = None, 0.0
        for scale in sorted(self.scales, reverse=True):
            if last is not None and before == 2 * scale:
                np.multiply(last, last, out=last)
            else:
                last = np.exp(squared / (-scale * median))
            total += last
            before = scale
        total /= len(self.scales)
        return total


@dataclass(frozen=True)
class Tested:
    """A statistic of two samples, its standard error, and what random divisions of the pooled rows give."""

    value: float
    p_value: float | None
    null_sd: float | None
    null_skewness: float
    error: float | None

    @classmethod
    def of(cls, values: Float, influence: float) -> Tested:
        """The test by these values, the given division first, then random ones; influence: its variance by the rows.

        The spread of the influences holds twice the degenerate term that the divisions show; it is wanted once.
        """
        null = values[1:]
        error = null_sd = p_value = None
        skewness = 0.0
        if len(null):
            p_value = float((1 + (null >= values[0] - 1e-12).sum()) / (len(null) + 1))
        if len(null) > 1:
            null_sd = float(null.std(ddof=1))
            skewness = float(((null - null.mean()) ** 3).mean()) / null_sd**3 if null_sd > 0 else 0.0
            error = math.sqrt(max(influence - null_sd**2, null_sd**2))
        return cls(float(values[0]), p_value, null_sd, skewness, error)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the value x: all y with |x - y| <= 1.96 sd(y), sd(y)^2 = null_sd^2 + slope y.

        The variance grows with the value: by (error^2 - null_sd^2) / x here, x no smaller than the error; where x is
        below null_sd and cannot tell, by no less than that of a noncentral chi-square, null_sd times its skewness.
        """
        if self.error is None or self.null_sd is None:
            return None
        square = self.null_sd**2
        slope = (self.error**2 - square) / max(math.hypot(self.value, self.error), 1e-300)
        if self.value < self.null_sd:
            slope = max(slope, self.null_sd * self.null_skewness)
        middle = self.value + Z95**2 * slope / 2
        reach = Z95 * math.sqrt(max(square + slope * self.value, 0.0) + (Z95 * slope / 2) ** 2)
        return middle - reach, middle + reach


@dataclass(frozen=True, eq=False)
class PairMeans:
    """Means of a function of two rows over pairs of different rows: within the first, within the second, across.

    first, second, across: (B + 1,) for the given division of the pooled rows, and B random ones; same: its value of a
    row with itself. of_first, of_second: for the given division, what each row of a side has on average with the others
    of its side, and with those of the other side.
    """

    first: Float
    second: Float
    across: Float
    same: float
    of_first: tuple[Float, Float]
    of_second: tuple[Float, Float]

    @property
    def with_itself(self) -> tuple[float, float]:
        """The means within the first and the second rows with each row's pair with itself, as V-statistics have it."""
        m, n = (len(side[0]) for side in (self.of_first, self.of_second))
        return (
            float((self.first[0] * (m - 1) + self.same) / m),
            float((self.second[0] * (n - 1) + self.same) / n),
        )


def pair_means(
    pooled: Float,
    m: int,
    of: Callable[[Float], Float],
    permutations: int,
    seed: int,
    advance: Callable[[float], None] = lambda done: None,
) -> PairMeans:
    """Means of a function of squared distances over the pairs of m rows and the others; never all pairs at a time."""
    n = len(pooled) - m
    first = np.zeros((m + n, permutations + 1))  # column 0: the first m rows; the others: m rows drawn at random
    first[:m, 0] = 1.0
    rng = private(seed, 0)
    for column in range(1, permutations + 1):
        first[rng.permutation(m + n)[:m], column] = 1.0
    within, across, total = np.zeros(permutations + 1), np.zeros(permutations + 1), 0.0
    to_first, to_all = np.empty(m + n), np.empty(m + n)
    for part, squared in strips(pooled):
        k = of(squared)
        reach = k @ first
        within += np.einsum("ij,ij->j", reach, first[part])
        across += reach.sum(axis=0)
        to_first[part], to_all[part] = reach[:, 0], k.sum(axis=1)
        total += float(to_all[part].sum())
        advance(part.stop / (m + n))
    across -= within  # rows outside against rows inside
    outside = total - within - 2 * across
    same, to_second = float(of(np.zeros(1))[0]), to_all - to_first
    return PairMeans(
        (within - m * same) / (m * (m - 1)), (outside - n * same) / (n * (n - 1)), across / (m * n), same,
        ((to_first[:m] - same) / (m - 1), to_second[:m] / n), ((to_second[m:] - same) / (n - 1), to_first[m:] / m),
    )  # fmt: skip


def spread_of(slopes: tuple[Float, Float]) -> float:
    """Variance of a statistic of pairs by the influence of each row of both sides."""
    return float(sum(slope.var(ddof=1) / len(slope) for slope in slopes))


@dataclass(frozen=True)
class Discrepancy:
    """MMD^2 without bias and what random divisions of the rows give, with bias, the median squared distance."""

    test: Tested
    biased: float
    median: float
    means: PairMeans


def strips(rows: Float) -> Iterator[tuple[slice, Float]]:
    """Squared distances of consecutive rows to all rows, a strip at a time."""
    norms = np.einsum("ij,ij->i", rows, rows)
    step = max(1, _STRIP // len(rows))
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        squared = rows[part] @ rows.T
        squared *= -2
        squared += norms
        squared += norms[part, None]
        np.maximum(squared, 0.0, out=squared)
        squared[np.arange(part.stop - start), np.arange(start, part.stop)] = 0.0
        yield part, squared


def _median(rows: Float) -> float:
    """Median squared distance between different rows."""
    n = len(rows)
    found, at = np.empty(n * (n - 1) // 2), 0
    for part, squared in strips(rows):
        for i, row in zip(range(part.start, part.stop), squared, strict=True):
            found[at : at + n - 1 - i] = row[i + 1 :]
            at += n - 1 - i
    middle = len(found) // 2
    found.partition([max(middle - 1, 0), middle])
    return float(found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) / 2)


def kernel_test(
    X: Rows, Y: Rows, kernel: Kernel, permutations: int, seed: int, advance: Callable[[float], None] = lambda done: None
) -> Discrepancy | None:
    """MMD^2 of X (m, d) and Y (n, d), and of `permutations` random divisions; None where the median distance is 0."""
    m = len(X)
    pooled = centered(np.concatenate([X, Y]).astype(np.float64))
    scale = np.abs(pooled).max()
    median = _median(pooled / scale) if scale > 0 else 0.0
    if median == 0:
        return None
    pooled /= scale
    found = pair_means(pooled, m, lambda squared: kernel.of(squared, median), permutations, seed, advance)
    slopes = [inside - outside for inside, outside in (found.of_first, found.of_second)]
    value = found.first + found.second - 2 * found.across
    test = Tested.of(value, 4 * spread_of((slopes[0], slopes[1])))
    return Discrepancy(test, sum(found.with_itself) - 2 * float(found.across[0]), median * scale**2, found)


@dataclass(frozen=True)
class Told:
    """How well held-out rows were told apart: accuracy and area under the ROC curve, each with its standard error."""

    accuracy: float
    auc: float
    folds: tuple[float, ...]
    error: float
    auc_error: float
    warnings: tuple[Noted, ...]


def regression(rows: Float, side: Float) -> tuple[Float, float, bool]:
    """Logistic regression with C = 1: weights (d,) and intercept that minimize sum of losses + |w|^2 / 2, converged."""
    from scipy.optimize import minimize
    from scipy.special import expit

    n = len(rows)

    def loss(w: Float) -> tuple[float, Float]:
        margin = side * (rows @ w[:-1] + w[-1])
        pull = -side * expit(-margin) / n
        value = float(np.logaddexp(0.0, -margin).mean() + w[:-1] @ w[:-1] / (2 * n))
        return value, np.append(pull @ rows + w[:-1] / n, pull.sum())

    found = minimize(loss, np.zeros(rows.shape[1] + 1), method="L-BFGS-B", jac=True, options={"maxiter": 1000})
    return found.x[:-1], float(found.x[-1]), bool(found.success)


def area(margin: Float, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: share of pairs in the right order, ties half."""
    below = np.sort(margin[~positive])
    order = np.searchsorted(below, margin[positive], "left") + np.searchsorted(below, margin[positive], "right")
    return float(order.mean() / (2 * len(below)))


def area_variance(margin: Float, positive: NDArray[np.bool_]) -> float:
    """Variance of that area by the share of pairs in the right order of each row (DeLong et al. 1988)."""
    above, below = np.sort(margin[positive]), np.sort(margin[~positive])

    def share(rows: Float, others: Float) -> Float:
        order = np.searchsorted(others, rows, "left") + np.searchsorted(others, rows, "right")
        return np.asarray(order / (2 * len(others)))

    return float(share(above, below).var(ddof=1) / len(above) + share(below, above).var(ddof=1) / len(below))


def classified(X: Rows, Y: Rows, folds: int, seed: int) -> Told:
    """Cross-validated logistic regression of which of X and Y, both (m, d), a row belongs to."""
    m, rng = len(X), private(seed, 1)
    fold = np.concatenate([rng.permutation(np.arange(m) % folds) for _ in range(2)])
    rows = np.concatenate([X, Y]).astype(np.float64)
    side = np.repeat([1.0, -1.0], m)
    right, shares, areas, unfinished, squares = 0, [], [], 0, 0.0
    for held in range(folds):
        fit, test = fold != held, fold == held
        scaled = Standard.of(rows[fit]).standardized(rows)
        weight, offset, converged = regression(scaled[fit], side[fit])
        unfinished += not converged
        margin, positive = scaled[test] @ weight + offset, side[test] > 0
        hit = (margin > 0) == positive
        right += int(hit.sum())
        shares.append(float(hit.mean()))
        areas.append(area(margin, positive))
        squares += area_variance(margin, positive) if 2 * folds <= m else 0.25
    n, auc = 2 * m, float(np.mean(areas))
    share = (right + 2) / (n + 4)
    said = f"the classifier did not converge in {unfinished} of {folds} folds"
    notes = (Noted("not_converged", said),) if unfinished else ()
    error = math.sqrt(_BEYOND * (share * (1 - share) + _of_the_fits(share, X.shape[1], n)) / (n + 4))
    spread = squares / folds**2 + 1 / (16 * m * m)  # where no pair is in the wrong order, not nothing either
    auc_error = math.sqrt(_BEYOND_AREA * (spread + _of_the_fits(auc, X.shape[1], n, 0.5**0.5) / (n + 4)))
    return Told(right / n, auc, tuple(shares), error, auc_error, notes)


def _of_the_fits(share: float, d: int, n: int, by: float = 0.5) -> float:
    """What fits to other rows add to the variance of a held-out row, for two Gaussian classes and d columns.

    A direction fitted to n rows is off by the angle t with sin^2 t = e / (D^2 + e), e = 4 d / n, D the distance of the
    classes; the accuracy is Phi(D cos(t) / 2), by the half, and the area under the ROC curve Phi(D cos(t) / sqrt 2):
    that angle moves both by the normal density times sin t.
    """
    from scipy.special import ndtri

    told = max(float(ndtri(share)), 0.0) / by
    noise = 4 * d / n
    square = (told**2 + math.sqrt(told**4 + 4 * told**2 * noise)) / 2
    return math.exp(-((by * told) ** 2)) / (2 * math.pi) * noise / (square + noise)
