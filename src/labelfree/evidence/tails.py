"""How heavy the tails of rows are: whether the variance behind a standard error exists at all."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, blocks_of
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import once

LEAST_INDEX = 2.0
"""Tail index of squared distances from which an interval is given: below, their variance does not exist."""


def heavy_tails(e: Evidence) -> str:
    """Why the rows allow no interval of a metric of their scatter; empty where they do."""
    return once(e, _heavy_tails)


def _heavy_tails(e: Evidence) -> str:
    if e.moments is None or e.drawn is None:
        return ""
    mean = e.moments.mean
    parts = [np.square(part - mean).sum(axis=1) for part in blocks_of(e.drawn.rows)]
    return too_heavy(np.concatenate(parts) if parts else np.empty(0), "rows")


def too_heavy(squared: Float, what: str) -> str:
    """Why squared distances (m,) from a mean show no index of their tail above LEAST_INDEX; empty where they do.

    The index by Hill over the k largest, k = min(m / 10, 4 sqrt m), less 1.645 of its standard errors: with few rows
    nothing but a short tail can be told from a heavy one.
    """
    m = len(squared)
    k = int(min(m / 10, 4 * m**0.5))
    lowest = 0.0
    if k >= 3:
        top = np.sort(np.partition(squared, m - k - 1)[m - k - 1 :])
        if top[0] > 0:
            excess = float(np.log(top[1:] / top[0]).mean())
            lowest = (1 - 1.645 / k**0.5) / excess if excess > 0 else np.inf
    if lowest >= LEAST_INDEX:
        return ""
    return (
        f"no interval: {m} {what} cannot show that their squared distances from the mean have a tail index above "
        f"{LEAST_INDEX:g} (95 % lower bound {lowest:.1f}), without which a few {what} decide the error"
    )
