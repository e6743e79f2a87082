"""The rule slope where the learning rate goes round: checks are compared with those a whole cycle before.

More is better in every list of values here. A cycle is seen at a fixed number of phases; every stretch is a number of
whole cycles that ends at the latest check, so that what comes round with the cycle is no part of a trend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from labelfree.gating.sequential import (
    BLOCK,
    GROWTH,
    HORIZON,
    WANDERING,
    WIGGLE,
    Fall,
    Improvement,
    greatest_fall,
    level,
)
from labelfree.gating.student import quantile


@dataclass(frozen=True)
class Phased:
    """Values one phase apart, oldest first, the last at the latest check; phases: in a cycle."""

    values: list[float]
    phases: int

    @property
    def fewest(self) -> int:
        """The fewest cycles that a trend is seen in."""
        return 2 if self.phases > 2 else 3

    @property
    def decisions(self) -> int:
        """How many decisions there were so far."""
        return max(len(self.values) - self.fewest * self.phases + 1, 0)


def phased(steps: Sequence[int], values: Sequence[float], cycle: int) -> Phased | None:
    """The values at the phases of a cycle, on straight lines between checks; None where it has fewer than two checks.

    Checks that are evenly apart, a whole number to a cycle, are taken as they are.
    """
    gaps = sorted(b - a for a, b in pairwise(steps))
    if not gaps or (phases := round(cycle / gaps[len(gaps) // 2])) < 2:
        return None
    found, i = [], len(steps) - 1
    for back in range(len(steps) * phases):
        at = steps[-1] - back * cycle / phases
        while i > 0 and steps[i - 1] >= at:
            i -= 1
        if at < steps[0]:
            break
        low = max(i - 1, 0) if steps[i] > at else i
        share = 0.0 if steps[i] == steps[low] else (at - steps[low]) / (steps[i] - steps[low])
        found.append(values[low] + share * (values[i] - values[low]))
    return Phased(found[::-1], phases)


def improvement(seen: Phased, *, cycles: int, confidence: float, planned: int | None) -> Improvement:
    """The improvement in so many cycles, over the stretch of latest cycles that bounds it best.

    A line over the cycles is fitted by least squares beside a level for every phase. Student's t and the scatter that
    is left, widened for noise of autocorrelation 0.8, bound it at the share of 1 - confidence that the decision may
    spend. `checks` of what is returned counts phases. planned: decisions of the whole run, None where not known.
    """
    p = seen.phases
    share = level(1 - confidence, seen.decisions, planned)
    found: Improvement | None = None
    count = seen.fewest
    while count * p <= len(seen.values):
        per_cycle, error = _line(seen.values[-count * p :], p)
        estimate, se = cycles * per_cycle, cycles * error * inflation(count, p)
        margin = quantile(1 - share, count * p - p - 1) * se
        if found is None or estimate + margin < found.high:
            found = Improvement(estimate, estimate - margin, estimate + margin, se, count * p)
        count = max(count + 1, math.ceil(count * GROWTH))
    assert found is not None
    return found


def cycles_needed(
    found: Improvement, seen: Phased, *, cycles: int, confidence: float, planned: int | None, least: float
) -> int | None:
    """How many more cycles like the latest would decide for a plateau; None where not within the run."""
    if found.estimate >= least:
        return None
    p, count = seen.phases, found.checks // seen.phases
    scatter = found.se / inflation(count, p) * math.sqrt(count**3 - count)
    for more in range(1, (HORIZON if planned is None else planned) // p + 1):
        decision, size = seen.decisions + more * p, count + more
        if decision > (HORIZON if planned is None else planned):
            return None
        se = scatter * inflation(size, p) / math.sqrt(size**3 - size)
        share = level(1 - confidence, decision, planned)
        if found.estimate + quantile(1 - share, size * p - p - 1) * se < least:
            return more
    return None


@cache
def inflation(cycles: int, phases: int, correlation: float = WANDERING) -> float:
    """By how much the standard error of a line over cycles must be widened for noise of this autocorrelation.

    The square root of the variance of the slope over what the scatter says of it in the mean, beside a level for every
    phase: x'Rx / x'x over tr(MR) / (n - phases - 1), with R_ij = correlation^|i - j| and M the residual maker.

    >>> inflation(4, 5, 0.0)
    1.0
    """
    middle = (cycles - 1) / 2
    spread = phases * (cycles**3 - cycles) / 12
    slope = levels = 0.0
    for lag in range(cycles):
        pairs = 1 if lag == 0 else 2
        between = math.fsum(
            (phases - abs(shift)) * correlation ** abs(lag * phases + shift) for shift in range(1 - phases, phases)
        )
        slope += pairs * between * math.fsum((a - middle) * (a + lag - middle) for a in range(cycles - lag))
        levels += pairs * (cycles - lag) * correlation ** (lag * phases)
    freedom = cycles * phases - phases - 1
    scatter = (cycles * phases - phases * levels / cycles - slope / spread) / freedom
    return math.sqrt(slope / spread / scatter)


def fall(seen: Phased, *, confidence: float, planned: int | None) -> Fall | None:
    """The fall from the best level, the mean of whole cycles, to the latest; None below two of them.

    Noise is taken from second differences of what changed since the cycle before. `best` counts phases.
    """
    p, values = seen.phases, seen.values
    size = p * math.ceil(BLOCK / p)
    n = len(values)
    if n < 2 * size or n < p + BLOCK:
        return None
    levels = [math.fsum(values[i : i + size]) / size for i in range(n - size + 1)]
    best = max(range(n - 2 * size + 1), key=lambda i: (levels[i], i))
    changes = [b - a for a, b in zip(values, values[p:], strict=False)]
    wiggles = [a - 2 * b + c for a, b, c in zip(changes, changes[1:], changes[2:], strict=False)]
    both = 2.0 if p >= BLOCK else 1.0  # two checks' noise; below three phases they share some
    noise = math.sqrt(math.fsum(w * w for w in wiggles) / len(wiggles) / WIGGLE / both)
    estimate = levels[best] - levels[-1]
    margin = greatest_fall(confidence, HORIZON if planned is None else planned + 2 * size - 1) * noise
    return Fall(estimate, estimate - margin, best + size // 2)


def _line(values: Sequence[float], phases: int) -> tuple[float, float]:
    """Slope per cycle beside a level for every phase, and its standard error where the noise is independent."""
    cycles = len(values) // phases
    levels = [math.fsum(values[i::phases]) / cycles for i in range(phases)]
    x = [a - (cycles - 1) / 2 for a in range(cycles)]
    rest = [v - levels[i % phases] for i, v in enumerate(values)]
    spread = phases * math.fsum(a * a for a in x)
    slope = math.fsum(x[i // phases] * v for i, v in enumerate(rest)) / spread
    scatter = math.fsum((v - slope * x[i // phases]) ** 2 for i, v in enumerate(rest))
    return slope, math.sqrt(scatter / (len(values) - phases - 1) / spread)
