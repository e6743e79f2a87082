"""The rule slope, version 2: bounds on a run that hold over all its checks, and for noise that wanders.

More is better in every list of values here; they are one per check, oldest first, the warm-up left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from labelfree.gating.student import quantile

WANDERING = 0.8
"""The autocorrelation from one check to the next that the bounds allow for."""
GROWTH = 1.3
"""How much longer each stretch of checks is than the one before it."""
HORIZON = 200
"""Decisions that a run has at most where its length is not known."""
DELAY = 10
"""Where the length is not known, decision j of a run is given a share of the error that goes with 1 / (j + 10)."""
BLOCK = 3
"""Checks whose mean is a level of the run, for a fall from its best."""
WIGGLE = 6 - 8 * WANDERING + 2 * WANDERING**2
"""The mean square of second differences of noise of that autocorrelation, in units of its variance."""


@dataclass(frozen=True)
class Improvement:
    """The improvement per window of a run at its latest check: least squares over the latest `checks` of them.

    low and high hold at the chosen confidence over all decisions of the run, each on its side.
    """

    estimate: float
    low: float
    high: float
    se: float
    checks: int


@dataclass(frozen=True)
class Fall:
    """How far the latest level lies below the highest one before it; `least` at the chosen confidence over the run.

    best: index of the check in the middle of the highest level.
    """

    estimate: float
    least: float
    best: int


def improvement(values: Sequence[float], *, window: int, confidence: float, planned: int | None) -> Improvement:
    """The improvement per window of checks, over the stretch of latest checks that bounds it best.

    A line is fitted by least squares to the latest `window` checks, and to longer stretches, each at least 1.3 times
    the one before. The improvement is slope times (window - 1). Its bound uses Student's t and the scatter about the
    line, widened as noise of autocorrelation 0.8 demands (`inflation`), at the share of 1 - confidence that this
    decision may spend (`level`). planned: decisions of the whole run, None where that is not known.
    """
    n = len(values)
    share = level(1 - confidence, n - window + 1, planned)
    found: Improvement | None = None
    size = window
    while size <= n:
        per_check, error = _line(values[-size:])
        estimate, se = per_check * (window - 1), error * (window - 1) * inflation(size)
        margin = quantile(1 - share, size - 2) * se
        if found is None or estimate + margin < found.high:
            found = Improvement(estimate, estimate - margin, estimate + margin, se, size)
        size = max(size + 1, math.ceil(size * GROWTH))
    assert found is not None
    return found


def checks_needed(
    found: Improvement, *, window: int, confidence: float, seen: int, planned: int | None, least: float
) -> int | None:
    """How many more checks like the latest would decide for a plateau; None where not within 200 decisions of the run.

    The trend and the scatter of `found` are taken to go on as they are. seen: checks so far, the warm-up left out;
    least: the improvement that counts.
    """
    if found.estimate >= least:
        return None
    last = HORIZON if planned is None else planned
    scatter = found.se / inflation(found.checks) * math.sqrt(found.checks**3 - found.checks)
    for more in range(1, last + window - seen):
        size = found.checks + more
        share = level(1 - confidence, seen + more - window + 1, planned)
        se = scatter * inflation(size) / math.sqrt(size**3 - size)
        if found.estimate + quantile(1 - share, size - 2) * se < least:
            return more
    return None


def level(error: float, decision: int, planned: int | None) -> float:
    """The one-sided level of each stretch at a decision, so that a run errs with probability `error` in all.

    decision: counted from 1. A decision may spend r of the error: error / planned, or, where the length is not known,
    a share that goes with 1 / (decision + 10) and comes to `error` after 200 decisions. Several stretches are looked
    at, and decisions of one run are alike: r * min(1 / 2, 3.6 sqrt r) is what simulation leaves for each
    (benchmarks/plateau.py).

    >>> level(0.1, 1, 5), level(0.1, 1, 100) > level(0.1, 100, None)
    (0.01, True)
    """
    if planned is not None:
        spent = error / planned
    else:
        spent = error / (decision + DELAY) / math.fsum(1 / (j + DELAY) for j in range(1, HORIZON + 1))
    return spent * min(0.5, 3.6 * math.sqrt(spent))


@cache
def inflation(size: int, correlation: float = WANDERING) -> float:
    """By how much the standard error of a slope must be widened for noise of this autocorrelation.

    The square root of the variance of the slope over what the scatter about the line says of it in the mean:
    x'Rx / x'x over tr(MR) / (size - 2), R_ij = correlation^|i - j|, M the residual maker of a line.

    >>> inflation(6, 0.0), round(inflation(6), 3), round(inflation(1000), 2)
    (1.0, 2.108, 3.0)
    """
    x = [i - (size - 1) / 2 for i in range(size)]
    spread = math.fsum(v * v for v in x)
    mean, slope, tail, pull = float(size), spread, 0.0, 0.0
    for i in range(1, size):  # tail and pull: sums of correlation^(i - j), with x_j, over all j before i
        tail, pull = correlation * (tail + 1), correlation * (pull + x[i - 1])
        mean += 2 * tail
        slope += 2 * x[i] * pull
    scatter = (size - mean / size - slope / spread) / (size - 2)
    return math.sqrt(slope / spread / scatter)


def fall(values: Sequence[float], *, confidence: float, planned: int | None) -> Fall | None:
    """The fall from the best level, the mean of three checks, to the latest three; None below six checks.

    The noise of a check is taken from second differences of all checks, as if its autocorrelation were 0.8, which
    makes it too large rather than too small where it wanders less. The quantile is that of the greatest fall which
    noise alone shows in a run of this length (benchmarks/plateau.py). planned: as of `improvement`.
    """
    n = len(values)
    if n < 2 * BLOCK:
        return None
    levels = [math.fsum(values[i : i + BLOCK]) / BLOCK for i in range(n - BLOCK + 1)]
    best = max(range(n - 2 * BLOCK + 1), key=lambda i: (levels[i], i))
    wiggles = [a - 2 * b + c for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    noise = math.sqrt(math.fsum(w * w for w in wiggles) / len(wiggles) / WIGGLE)
    estimate = levels[best] - levels[-1]
    margin = greatest_fall(confidence, HORIZON if planned is None else planned + 2 * BLOCK - 1) * noise
    return Fall(estimate, estimate - margin, best + BLOCK // 2)


def greatest_fall(confidence: float, checks: int) -> float:
    """The quantile of the greatest fall that noise shows in a run of so many checks, in units of the noise."""
    return 1 + 0.79 * math.log(max(checks, 2 * BLOCK)) + 1.4 * math.log(max(0.1 / (1 - confidence), 1))


def _line(values: Sequence[float]) -> tuple[float, float]:
    """Slope per check of the least squares line, and its standard error where the noise is independent."""
    n = len(values)
    middle = math.fsum(values) / n
    x = [i - (n - 1) / 2 for i in range(n)]
    spread = math.fsum(v * v for v in x)
    slope = math.fsum(a * (b - middle) for a, b in zip(x, values, strict=True)) / spread
    rest = math.fsum((b - middle - slope * a) ** 2 for a, b in zip(x, values, strict=True))
    return slope, math.sqrt(rest / (n - 2) / spread)
