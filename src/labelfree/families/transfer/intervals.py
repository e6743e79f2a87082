"""Intervals of scores that end at a bound: shares, means of skewed rows, and scores near their greatest value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from labelfree.arrays import Float
from labelfree.documents.findings import Noted
from labelfree.results import Z95, Plain, Result, measured
from labelfree.summaries.predictions import Predictions

FEW_CARRY = 0.5
"""Standard error, over the distance to the nearer bound, beyond which a mean of few rows gets no interval."""

MANY_ROWS, OTHER_ROWS = 500, 25
"""Rows below which scores of predictions get an interval only with so many rows, in sums of probability, in other
classes than the most predicted one."""

LEAST_ROWS = 200
"""Rows below which the class confusion and the softmax correlation get no interval: sharp predictions broke it."""

Interval = tuple[float, float]


def share_interval(count: float, n: float) -> Interval:
    """The 95 % interval of a share count / n by Wilson (1927).

    >>> [round(end, 4) for end in share_interval(8, 10)]
    [0.4902, 0.9433]
    """
    z = Z95 * Z95 / n
    share = count / n
    middle = (share + z / 2) / (1 + z)
    reach = math.sqrt(share * (1 - share) * z + z * z / 4) / (1 + z)
    return max(min(middle - reach, share), 0.0), min(max(middle + reach, share), 1.0)  # of 0 and n but for rounding


def count_interval(count: int, n: int) -> Interval:
    """The 95 % interval of the share of a count by its mid-P value (Lancaster 1961), good also near 0 and n.

    >>> [round(end, 4) for end in count_interval(0, 10)]  # (1 - p)^10 / 2 = 0.025
    [0.0, 0.2589]
    """

    from scipy.optimize import brentq
    from scipy.special import bdtr

    def below(p: float) -> float:
        less = float(bdtr(count - 1, n, p)) if count > 0 else 0.0
        return (less + float(bdtr(count, n, p))) / 2

    low = 0.0 if count == 0 else float(brentq(lambda p: below(p) - 0.975, 0.0, count / n, xtol=1e-12))
    high = 1.0 if count == n else float(brentq(lambda p: below(p) - 0.025, count / n, 1.0, xtol=1e-12))
    return low, high


def skewed_mean(value: float, error: float, skewness: float, low: float, high: float) -> Interval | None:
    """The interval of a mean of skewed rows by Hall's transformation of Student's ratio (1992).

    skewness: of the mean, that of the rows over the root of their number. None where the error exceeds FEW_CARRY of the
    distance from the nearer bound, where rows pile up: a few rows make up the mean then, and do not tell its error.
    """
    if error == 0:
        return value, value
    if error > FEW_CARRY * min(value - low, high - value):
        return None
    ends = [value - error * _straightened(z, skewness) for z in (Z95, -Z95)]
    return max(ends[0], low), min(ends[1], high)


def _straightened(z: float, skewness: float) -> float:
    """Student's ratio whose transformed value is z: 3 ((1 + a (z - a / 6))^(1/3) - 1) / a, a the skewness."""
    if abs(skewness) < 1e-4:
        return z
    return 3 * float(np.cbrt(1 + skewness * (z - skewness / 6)) - 1) / skewness


def skewness_of(rows: Float, n: int) -> float:
    """Skewness of a mean over n rows, by the sampled ones (m,)."""
    away = rows - rows.mean()
    spread = float((away**2).mean())
    return 0.0 if spread == 0 else float((away**3).mean()) / spread**1.5 / n**0.5


def below_the_greatest(gap: float, variance: float, second: float) -> tuple[Interval, float]:
    """The interval of a gap >= 0 to the greatest value, which the gap nears as a quadratic form, and its error.

    variance: of the gap by the jackknife; second: the part of it that even a population at the greatest value has,
    half the trace of (H S / n)^2 for the second derivatives H and the covariance S of the rows. The gap is taken for
    c times a noncentral chi-square with nu degrees, c = variance / (4 gap) and nu = second / (2 c^2), whose square root
    has the deviation 1; far from the greatest value that is gap +- 1.96 deviations but for a slight lean outward. A
    jackknife holds the second part twice (Efron and Stein 1981): the error holds it once.
    """
    error = math.sqrt(max(variance - second, second))
    if gap <= 0 or variance <= 0:
        return (max(gap, 0.0), max(gap, 0.0) + Z95 * error), error
    c = variance / (4 * gap)
    degrees = second / (2 * c * c)
    shift = max(degrees - 1, 0.0) / 2
    root = math.sqrt(max(gap / c - shift, 0.0))
    ends = [max(side * abs(side) - shift, 0.0) + degrees for side in (root - Z95, root + Z95)]
    return (min(c * ends[0], gap), max(c * ends[1], gap)), error


def measured_below(
    value: float, variance: float, second: float, *, low: float, high: float, parts: Mapping[str, Plain]
) -> Result:
    """A score with its interval by `below_the_greatest`, high."""
    (near, far), error = below_the_greatest(high - value, variance, second)
    found = measured(value, error, low=low, high=high, parts=parts)
    return with_interval(found, (max(high - far, low), min(high - near, high)))


def unless_one_class(found: Result, p: Predictions) -> Result:
    """A result whose interval is kept but where, of few rows, nearly all are predicted as one class.

    The few others make up the value then, and their number tells neither its error nor on which side it errs.
    """
    others = p.n - float(p.total.max())
    if found.interval is None or p.n >= MANY_ROWS or others >= OTHER_ROWS:
        return found
    return withheld(
        found,
        f"{others:.1f} of {p.n} rows are predicted as another class than the first, "
        f"below {MANY_ROWS} rows it takes {OTHER_ROWS}",
    )


def unless_few_rows(found: Result, n: int) -> Result:
    """A result whose interval is kept from LEAST_ROWS on."""
    if found.interval is None or n >= LEAST_ROWS:
        return found
    return withheld(found, f"{n} rows, expected at least {LEAST_ROWS}")


def jackknife(without: Float, n: int) -> float:
    """Variance of a score of n rows by its values (m,) without each of the sampled rows."""
    return float((n - 1) ** 2 / n * without.var(ddof=1))


def with_interval(found: Result, interval: Interval | None) -> Result:
    """A defined result with this interval; without one, also without its standard error and with the reason."""
    if found.value is None or found.se is None:
        return found
    if interval is None:
        return withheld(found, "a few rows make up what sets it apart from its bound")
    ends = min(interval[0], found.value) + 0.0, max(interval[1], found.value) + 0.0  # but for rounding; -0.0 is 0.0
    return replace(found, interval=ends)


def no_interval(reason: str) -> Noted:
    """The finding that a value has no interval, for this reason."""
    return Noted("no_interval", f"no interval: {reason}")


def withheld(found: Result, reason: str) -> Result:
    """A result whose interval would not hold what it promises: without it, and with the reason among its warnings."""
    return replace(found, se=None, interval=None, warnings=(*found.warnings, no_interval(reason)))
