"""The standard error of a ratio to the largest death, from two sizes of subsamples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from labelfree.arrays import Float
from labelfree.families.separability.persistence import Persistence, Statistic

STUDENT = 2.093 / 1.96
"""Student's 97.5 % quantile with 19 degrees of freedom over the normal one: a deviation of 20 values is unsure."""
ABOVE = 0.1
"""Of the next death: how far the largest lies above where it decides the value alone."""
FEW, MANY = 300, 4_000
"""Rows from which halves begin to share too much, and from which quarters take their place."""
LEAST, SHRINKAGE = 100, 1 / 10
"""Below FEW rows, down to LEAST, halves vary more than all rows by this power of their share in FEW."""
LIFTED, LESS = 0.7, 0.2
"""Deviations by which halves lie above the value, from which it varies less than they do, and by how much less."""

LEAST_ROWS = 200
"""Rows below which `separability_robust` has no interval."""
FARTHEST = 5.0
"""Deviations by which halves may lie below the twin: where rows have near copies, which halves lose, it is no number of
the rows alone."""


def standard_error(p: Persistence, statistic: Statistic, value: float, largest: Float) -> float | None:
    """The error of a statistic of this value; None where a subsample has no value.

    largest: ascending, the deaths of which the statistic takes the largest. The deviation over halves of few rows is
    right where many deaths are near the largest: smaller samples vary more, halves of one sample share rows, and both
    cancel. Where one death stands out, or of many rows, smaller samples hardly vary more, and halves share the few rows
    that decide: there it is the deviation over quarters, in between their weighted geometric mean, and never below
    that over halves. Halves far above the value (the twin near its bound) vary more than it does. All of this was
    measured, on laws that docs/separability.md does not use.
    """
    halves, quarters = ([statistic(m) for m in found] for found in (p.replicates, p.smaller))
    values = [[v for v in found if v is not None] for found in (halves, quarters)]
    if len(halves) < 2 or [len(found) for found in values] != [len(halves), len(quarters)]:
        return None
    half, quarter = (float(np.std(found, ddof=1)) for found in values)
    lifted = min(max(float(np.mean(values[0]) - value) / half - LIFTED, 0.0), 1.0) if half > 0 else 0.0
    w = max(standing_out(largest), sharing(p.n))
    few = float(min(max(p.n, LEAST) / FEW, 1.0) ** SHRINKAGE)
    spread = float(half ** (1 - w) * max(half, quarter) ** w)
    return (1 - LESS * lifted) * STUDENT * p.factor * few * spread


def standing_out(largest: Float) -> float:
    """How far the last of ascending deaths stands out: 0 beside an equal one, 1 from ABOVE on, and alone.

    >>> [round(standing_out(np.array([1.0, above])), 2) for above in (1.0, 1.05, 3.0)]
    [0.0, 0.5, 1.0]
    """
    if len(largest) < 2 or largest[-2] == 0:
        return 1.0
    return min(float(largest[-1] / largest[-2] - 1) / ABOVE, 1.0)


def sharing(n: int) -> float:
    """The weight of quarters that many rows ask for: 0 up to FEW, 1 from MANY on.

    >>> [round(sharing(n), 2) for n in (300, 1_000, 4_000)]
    [0.0, 0.46, 1.0]
    """
    return min(max(math.log(n / FEW) / math.log(MANY / FEW), 0.0), 1.0)


def unfit(n: int, value: float, halves: Sequence[float | None]) -> str:
    """Why the robust twin has no interval of n rows, given its values on halves of them; empty where it has one."""
    if n < LEAST_ROWS:
        return f"no interval: {n} rows, expected at least {LEAST_ROWS}"
    if value == 0 or 0 in halves:
        return "no interval: the value, or that of a subsample, lies at the bound 0"
    values = [v for v in halves if v is not None]
    below = value - float(np.mean(values)) if values else 0.0
    if len(values) > 1 and below > FARTHEST * float(np.std(values, ddof=1)):
        return (
            f"no interval: halves of the rows have {below:.2g} less, so that the value is of their number: near copies?"
        )
    return ""
