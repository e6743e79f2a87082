"""The plateau rules, over lists of numbers of which more is better, one per check, oldest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from labelfree.gating.student import quantile

LEAST_WINDOW = 3
"""Checks that a slope with a bound needs."""


@dataclass(frozen=True)
class Trend:
    """The improvement over a window of checks: estimate, its one-sided bounds, and where the noise was taken from."""

    estimate: float
    low: float
    high: float
    se: float
    noise: str


def slope(
    values: Sequence[float],
    *,
    confidence: float,
    errors: Sequence[float] | None = None,
    replicates: Sequence[Sequence[float]] | None = None,
    factor: float = 1.0,
) -> Trend:
    """The improvement from the first to the last check of a window, by weighted least squares over the checks.

    The line is fitted with weights 1 / errors^2 (equal weights without errors); the improvement is its slope times
    (checks - 1), the bounds are estimate +- t se, each at `confidence` on its side, t with checks - 2 degrees of
    freedom. se comes from the scatter about the line ("residuals"). With `replicates`, one list per check where number
    b of every list was computed on the same rows, it is at least factor * the standard deviation of the improvements
    of the replicates ("paired"). The size of the errors sets no floor: all checks of a run are of the same rows, so
    most of that noise is common to them and no part of a trend (benchmarks/plateau.py shows what a floor would do).
    """
    n = len(values)
    weights = [1.0 / e**2 for e in errors] if errors is not None else [1.0] * n
    x, y = _centered(range(n), weights), _centered(values, weights)
    spread = math.fsum(w * a**2 for w, a in zip(weights, x, strict=True))
    gains = [(n - 1) * w * a / spread for w, a in zip(weights, x, strict=True)]
    estimate = math.fsum(g * v for g, v in zip(gains, y, strict=True))
    rest = [b - estimate / (n - 1) * a for a, b in zip(x, y, strict=True)]
    chi = math.sqrt(math.fsum(w * r**2 for w, r in zip(weights, rest, strict=True)) / (n - 2))
    unit = math.sqrt(math.fsum(g**2 / w for g, w in zip(gains, weights, strict=True)))
    se, noise = chi * unit, "residuals"
    if replicates is not None:
        drawn = [
            math.fsum(g * v for g, v in zip(gains, _centered(b, weights), strict=True))
            for b in zip(*replicates, strict=True)
        ]
        noise, se = "paired", max(se, factor * stdev(drawn))
    margin = quantile(confidence, n - 2) * se
    return Trend(estimate, estimate - margin, estimate + margin, se, noise)


def stdev(values: Sequence[float]) -> float:
    """Standard deviation with n - 1 in the denominator; `statistics` would cost a gate its start-up time."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def _centered(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """How far each value lies from the weighted mean, to the last digits also where one weight outweighs all others."""
    total = math.fsum(weights)
    return [math.fsum(w * (v - u) for u, w in zip(values, weights, strict=True)) / total for v in values]


@dataclass(frozen=True)
class Wait:
    """The best check that improved on the one before it by more than min_delta, and the checks since."""

    best: int
    checks: int


def patience(values: Sequence[float], *, min_delta: float) -> Wait:
    """How long the latest check has waited for an improvement, as Lightning's EarlyStopping counts.

    A check improves if value - min_delta > best; only then does best move, so that a slow creep adds up. The first
    check is always best.
    """
    best = 0
    for i, value in enumerate(values):
        if value - min_delta > values[best]:
            best = i
    return Wait(best, len(values) - 1 - best)
