"""Student's t for whole degrees of freedom, in closed form, so that a gate needs no scipy."""

from __future__ import annotations

import math


def cdf(t: float, df: int) -> float:
    """P(T <= t): the finite series in the angle atan(t / sqrt df) (Abramowitz and Stegun 26.7.3 and 26.7.4).

    >>> round(cdf(1.0, 1), 12)
    0.75
    """
    if df < 1:
        raise ValueError(f"df: expected at least 1, found {df}")
    angle = math.atan2(t, math.sqrt(df))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    if df % 2:
        term, total = math.cos(angle), 0.0
        for k in range(3, df + 1, 2):
            total += term
            term *= square * (k - 1) / k
        inside = 2 / math.pi * (angle + sine * total)
    else:
        term, total = 1.0, 0.0
        for k in range(2, df + 1, 2):
            total += term
            term *= square * (k - 1) / k
        inside = sine * total
    return 0.5 + inside / 2


def quantile(p: float, df: int) -> float:
    """The t that cdf(t) reaches p, for 0 < p < 1: bisection, then down to the last digits.

    >>> round(quantile(0.75, 1), 12)
    1.0
    """
    if not 0 < p < 1:
        raise ValueError(f"p: expected a number between 0 and 1, found {p}")
    if p < 0.5:
        return -quantile(1 - p, df)
    low, high = 0.0, 1.0
    while cdf(high, df) < p:
        low, high = high, high * 2
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        low, high = (middle, high) if cdf(middle, df) < p else (low, middle)
