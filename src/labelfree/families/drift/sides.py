"""Current rows and those of a reference, as the metrics of drift take them."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.scaling import centered
from labelfree.results import Result, undefined
from labelfree.summaries import Moments

LEAST = 20
"""Rows of each side below which no drift is measured."""
_ROUNDING = 1e-12
"""Distances from the mean over the numbers themselves that rounding can make of equal rows."""
NOT_DAMAGE = "a description: drift is not damage; whether accuracy fell, transfer estimates"


def reference_of(e: Evidence, least: int = LEAST) -> Evidence | Result:
    """The evidence of the reference, or why nothing can be compared with it."""
    behind = e.reference
    if behind is None:
        return undefined("no_source", "needs the rows of a reference")
    if min(e.n, behind.n) < least:
        found = f"{e.n} current and {behind.n} reference rows"
        return undefined("insufficient", f"needs at least {least} rows on each side, found {found}")
    return behind


def sampled(e: Evidence, most: int | None) -> tuple[Rows, Rows] | Result:
    """At most so many sampled rows of current and reference, or why there are too few."""
    behind = reference_of(e)
    if isinstance(behind, Result):
        return behind
    assert e.drawn is not None
    assert behind.drawn is not None
    return e.drawn.rows[:most], behind.drawn.rows[:most]


def equal(away: Rows, rows: Rows) -> bool:
    """Whether rows about their mean are nothing but the rounding of the rows."""
    return bool(np.abs(away).max() <= _ROUNDING * np.abs(rows).max())


def pooled_rows(sides: tuple[Rows, Rows]) -> tuple[Float, float] | Result:
    """The rows of both sides about their common mean, the largest number 1, and what they were divided by."""
    both = np.concatenate(sides).astype(np.float64)
    pooled = centered(both)
    scale = float(np.abs(pooled).max())
    if equal(pooled, both):
        return undefined("collapsed", "all rows of both sides are equal")
    return pooled / scale, scale


def moments_of(e: Evidence) -> tuple[Moments, Moments] | Result:
    """Moments of all rows of current and reference, or why there are too few."""
    behind = reference_of(e)
    if isinstance(behind, Result):
        return behind
    assert e.moments is not None
    assert behind.moments is not None
    return e.moments, behind.moments
