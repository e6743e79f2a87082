"""Equal error rates: where a group, or all of them together, accept and reject wrongly at one rate."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float
from labelfree.families.opis.curves import Curves

_GROUPS = 1024


def unmet(curves: Curves) -> bool:
    """Whether false rejects outnumber false accepts at the last threshold, for some group or for all together."""
    last = 1 - curves.specificity[:, -1] < 1 - curves.sensitivity[:, -1]
    return bool(last.any() or curves.far[-1] < curves.frr[-1])


def equal_errors(far: Float, frr: Float, threshold: Float) -> tuple[Float, Float]:
    """Equal error rates and their thresholds (T,) of curves (T, g); NaN where the curves do not meet.

    On steps: at the first threshold where both differ least, the mean of both.
    """
    at = np.abs(far - frr).argmin(axis=1)[:, None]
    rate = (np.take_along_axis(far, at, 1) + np.take_along_axis(frr, at, 1))[:, 0] / 2
    met = far[:, -1] >= frr[:, -1]
    return np.where(met, rate, np.nan), np.where(met, threshold[at[:, 0]], np.nan)


def equal_errors_of(curves: Curves) -> tuple[Float, Float]:
    """Equal error rates of each group (T,) and their thresholds, NaN where it has none inside the range."""
    parts = (slice(start, start + _GROUPS) for start in range(0, len(curves.size), _GROUPS))
    found = [equal_errors(1 - curves.specificity[p], 1 - curves.sensitivity[p], curves.threshold) for p in parts]
    rates, thresholds = zip(*found, strict=True)
    return np.concatenate(rates), np.concatenate(thresholds)
