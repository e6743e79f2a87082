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


def _stream(seed: int, purpose: int) -> np.random.Generator:
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
class Discrepancy:
    """MMD^2 without and with bias, the median squared distance, and what random divisions of the rows give."""

    unbiased: float
    biased: float
    median: float
    p_value: float | None
    null_sd: float | None
    null_skewness: float
    error: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the unbiased value x: all y with |x - y| <= 1.96 sd(y), sd(y)^2 = null_sd^2 + slope y.

        The variance grows with the value: by (error^2 - null_sd^2) / x here, x no smaller than the error; where x is
        below null_sd and cannot tell, by no less than that of a noncentral chi-square, null_sd times its skewness.
        """
        if self.error is None or self.null_sd is None:
            return None
        square = self.null_sd**2
        slope = (self.error**2 - square) / max(math.hypot(self.unbiased, self.error), 1e-300)
        if self.unbiased < self.null_sd:
            slope = max(slope, self.null_sd * self.null_skewness)
        middle = self.unbiased + Z95**2 * slope / 2
        reach = Z95 * math.sqrt(max(square + slope * self.unbiased, 0.0) + (Z95 * slope / 2) ** 2)
        return middle - reach, middle + reach


def _strips(rows: Float) -> Iterator[tuple[slice, Float]]:
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
    for part, squared in _strips(rows):
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
    m, n = len(X), len(Y)
    pooled = centered(np.concatenate([X, Y]).astype(np.float64))
    scale = np.abs(pooled).max()
    median = _median(pooled / scale) if scale > 0 else 0.0
    if median == 0:
        return None
    pooled /= scale
    first = np.zeros((m + n, permutations + 1))  # column 0: the rows of X; the others: m rows drawn at random
    first[:m, 0] = 1.0
    rng = _stream(seed, 0)
    for column in range(1, permutations + 1):
        first[rng.permutation(m + n)[:m], column] = 1.0
    within, across, total = np.zeros(permutations + 1), np.zeros(permutations + 1), 0.0
    to_first, to_all = np.empty(m + n), np.empty(m + n)
    for part, squared in _strips(pooled):
        k = kernel.of(squared, median)
        reach = k @ first
        within += np.einsum("ij,ij->j", reach, first[part])
        across += reach.sum(axis=0)
        to_first[part], to_all[part] = reach[:, 0], k.sum(axis=1)
        total += float(to_all[part].sum())
        advance(part.stop / (m + n))
    across -= within  # rows outside against rows inside
    outside = total - within - 2 * across
    value = (within - m) / (m * (m - 1)) + (outside - n) / (n * (n - 1)) - 2 * across / (m * n)
    null = value[1:]
    to_second = to_all - to_first
    slope_x = (to_first[:m] - 1) / (m - 1) - to_second[:m] / n
    slope_y = (to_second[m:] - 1) / (n - 1) - to_first[m:] / m
    error = null_sd = p_value = None
    skewness = 0.0
    if permutations:
        p_value = float((1 + (null >= value[0] - 1e-12).sum()) / (permutations + 1))
    if permutations > 1:
        null_sd = float(null.std(ddof=1))
        skewness = float(((null - null.mean()) ** 3).mean()) / null_sd**3 if null_sd > 0 else 0.0
        influence = 4 * (slope_x.var(ddof=1) / m + slope_y.var(ddof=1) / n)
        # The spread of the slopes holds twice the degenerate term that the divisions show; it is wanted once.
        error = math.sqrt(max(influence - null_sd**2, null_sd**2))
    biased = float(within[0] / m**2 + outside[0] / n**2 - 2 * across[0] / (m * n))
    return Discrepancy(float(value[0]), biased, median * scale**2, p_value, null_sd, skewness, error)


@dataclass(frozen=True)
class Told:
    """How well held-out rows were told apart."""

    accuracy: float
    auc: float
    folds: tuple[float, ...]
    error: float
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


def classified(X: Rows, Y: Rows, folds: int, seed: int) -> Told:
    """Cross-validated logistic regression of which of X and Y, both (m, d), a row belongs to."""
    m, rng = len(X), _stream(seed, 1)
    fold = np.concatenate([rng.permutation(np.arange(m) % folds) for _ in range(2)])
    rows = np.concatenate([X, Y]).astype(np.float64)
    side = np.repeat([1.0, -1.0], m)
    right, shares, areas, unfinished = 0, [], [], 0
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
    n = 2 * m
    share = (right + 2) / (n + 4)
    said = f"the classifier did not converge in {unfinished} of {folds} folds"
    notes = (Noted("not_converged", said),) if unfinished else ()
    error = math.sqrt(_BEYOND * (share * (1 - share) + _of_the_fits(share, X.shape[1], n)) / (n + 4))
    return Told(right / n, float(np.mean(areas)), tuple(shares), error, notes)


def _of_the_fits(accuracy: float, d: int, n: int) -> float:
    """What fits to other rows add to the variance of a held-out row, for two Gaussian classes and d columns.

    A direction fitted to n rows is off by the angle t with sin^2 t = e / (D^2 + e), e = 4 d / n, D the distance of the
    classes; the accuracy is Phi(D cos(t) / 2), which that angle moves by the normal density times sin t.
    """
    from scipy.special import ndtri

    told = 2 * max(float(ndtri(accuracy)), 0.0)
    noise = 4 * d / n
    square = (told**2 + math.sqrt(told**4 + 4 * told**2 * noise)) / 2
    return math.exp(-(told**2) / 4) / (2 * math.pi) * noise / (square + noise)
