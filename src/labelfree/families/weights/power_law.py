"""The power law in the tail of positive numbers, and whether it is one: Clauset, Shalizi and Newman (2009)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from labelfree.arrays import Float

LEAST_TAIL = 20
"""Values that a tail must hold: fewer refuse no law."""
LEAST_P = 0.1
"""Share of true power laws that fit worse, below which a fit is refused: what the authors advise."""
LEAST_RATIO = 1.0
"""Standard deviations by which the power law must explain the tail better than an exponential does."""
OUTLIERS = 3
"""Largest values without any one, two or three of which the power law must still explain the tail better."""
_SAME = 1e-6  # logarithms nearer than this are one value, up to rounding
_ROWS = 32  # candidates for the start of the tail that are tried at once

NULL = (
    (0.95, 0.319), (0.9, 0.35), (0.75, 0.41), (0.5, 0.495), (0.25, 0.594), (0.1, 0.701), (0.05, 0.773), (0.02, 0.864),
    (0.01, 0.926), (0.001, 1.166),
)  # fmt: skip
"""Share of true power laws whose scaled distance is above each value, the start of their tail being chosen as here:
`null` of benchmarks/results/power_law.json."""


@dataclass(frozen=True)
class PowerLaw:
    """The density p(x) proportional to x^-exponent from x = start on, fitted to `size` of `of` values.

    distance: largest difference between the shares of values below x and the fitted law (Kolmogorov and Smirnov);
    p: share of true power laws that fit worse; ratio: log-likelihood against an exponential law from the same start,
    in standard deviations (Vuong), positive where the power law explains the values better; trimmed: the least of that
    with the one, two and three largest values left out, both laws cut off where they begin.
    """

    exponent: float
    start: float
    size: int
    of: int
    distance: float
    p: float
    ratio: float
    trimmed: float

    @property
    def refused(self) -> str | None:
        """Why this is no power law that one could tell from noise; None where it is one."""
        if self.size < LEAST_TAIL:
            return f"only {self.size} values follow one, too few to refuse any law: expected at least {LEAST_TAIL}"
        if self.p < LEAST_P:
            return f"the best fit is worse than that of {100 * (1 - LEAST_P):.0f} % of true power laws"
        if self.ratio < LEAST_RATIO:
            return (
                f"an exponential law explains its tail as well (log-likelihood ratio {self.ratio:.2f} standard "
                f"deviations, expected at least {LEAST_RATIO:g})"
            )
        if self.trimmed <= 0:
            return (
                f"it rests on its largest values: without {OUTLIERS} of them or fewer an exponential law explains the "
                "tail better"
            )
        return None


def power_law(values: Float) -> PowerLaw | None:
    """The tail of (m,) positive numbers that is nearest to a power law; None where fewer than two of them differ.

    Every value but the largest is tried as the start; the exponent is the maximum likelihood estimate
    1 + n / sum ln(x / start), the start the one with the least distance. Cost: m^2 / 2 exponentials.
    """
    log = np.sort(np.log(values))
    m = len(log)
    if m < 2 or log[-1] - log[0] <= _SAME:
        return None
    starts = int(np.searchsorted(log, log[-1] - _SAME))
    size = m - np.arange(starts)
    above = np.cumsum(log[::-1])[::-1][:starts] - size * log[:starts]
    rate = size / above
    distance = np.concatenate(
        [_distances(log, rate, first, min(first + _ROWS, starts)) for first in range(0, starts, _ROWS)]
    )
    best = int(np.argmin(distance))
    n = int(size[best])
    scaled = float(distance[best]) * (n**0.5 + 0.26 + 0.5 / n**0.5)
    levels, quantiles = zip(*NULL, strict=True)
    p = float(np.interp(scaled, quantiles, levels, left=1.0, right=0.0))
    beyond = log[best:] - log[best]
    ratio = _against_exponential(beyond, float(rate[best]))
    trimmed = min(_trimmed(beyond, t) for t in range(1, OUTLIERS + 1)) if n >= LEAST_TAIL else 0.0
    return PowerLaw(1 + float(rate[best]), float(np.exp(log[best])), n, m, float(distance[best]), p, ratio, trimmed)


def _distances(log: Float, rate: Float, first: int, last: int) -> Float:
    """The distance of the law with each start from `first` up to `last`, (last - first,)."""
    start = np.arange(first, last)
    beyond = log[first:] - log[start, None]
    place = np.arange(len(log) - first) - (start - first)[:, None]
    below = place / (len(log) - start)[:, None]
    apart = np.abs(-np.expm1(-rate[start, None] * np.maximum(beyond, 0.0)) - below)
    return np.asarray(np.where(place >= 0, apart, 0.0).max(axis=1))


def _against_exponential(log: Float, rate: float) -> float:
    """Vuong's statistic of the power law against an exponential law; log: (n,) logarithms of value over start."""
    beyond = np.expm1(log)
    mean = float(beyond.mean())
    gain = (np.log(rate) - (rate + 1) * log) - (-np.log(mean) - beyond / mean)
    return _in_deviations(gain)


def _trimmed(log: Float, largest: int) -> float:
    """The comparison of both laws without the largest values, cut off at the first of them."""
    kept, end = log[:-largest], float(log[-largest])
    beyond = np.expm1(kept)
    if end <= _SAME:
        return 0.0
    power = _cut_off(kept, end) - kept
    return _in_deviations(power - _cut_off(beyond, float(np.expm1(end))))


def _cut_off(x: Float, end: float) -> Float:
    """Log-densities of the exponential law on 0 to `end` that is most likely for x (n,); its rate may be negative."""
    mean = float(x.sum()) / (len(x) - 1) / end  # the first is where the tail starts, which was chosen
    mean = min(max(mean, 1e-12), 1 - 1e-12)
    low, high = -1 / (1 - mean), 1 / mean
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean(middle) > mean else (low, middle)
    rate = (low + high) / 2
    return np.asarray(-rate * x / end - _log_mass(rate) - math.log(end))


def _log_mass(rate: float) -> float:
    """Logarithm of the integral of exp(-rate x) over 0 to 1."""
    if abs(rate) < _SAME:
        return -rate / 2
    return math.log(-math.expm1(-rate) / rate) if rate > 0 else math.log(math.expm1(rate) / rate) - rate


def _mean(rate: float) -> float:
    """Mean of the exponential law of this rate on 0 to 1."""
    if abs(rate) < _SAME:
        return 0.5 - rate / 12
    return 1 / rate - (1 / math.expm1(rate) if rate < 700 else 0.0)


def _in_deviations(gain: Float) -> float:
    spread = float(gain.std()) * len(gain) ** 0.5
    return float(gain.sum()) / spread if spread > 0 else 0.0
