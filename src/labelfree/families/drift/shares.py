"""Share of the current rows that lie beyond what the reference holds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from labelfree.arrays import Float
from labelfree.documents.findings import Noted
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.once import once
from labelfree.evidence.targets import beside
from labelfree.families.drift.sides import NOT_DAMAGE, reference_of
from labelfree.families.drift.unusual import K, Scale, scale_of
from labelfree.families.spec import INVARIANT, Metric
from labelfree.families.transfer.intervals import share_interval, with_interval
from labelfree.results import Z95, Plain, Result, measured, undefined

LEAST_CALIBRATION, ENOUGH_CALIBRATION = 100, 500
"""Calibration rows below which there is no share, and below which it is warned of."""
SCORE = "the largest of distance and direction to the k-th nearest reference row and Mahalanobis distance, each in "
SCORE += "median deviations about its median"
_FITTED = 1.5
"""Variance of the share by the reference over that by its limit: the fit of the score adds to it, as measured."""
_NEAR = 0.5
"""How far from a limit the calibration scores lie that tell how dense the rows are there, as a share of its tail."""


def usual_scale(reference: Evidence) -> Scale:
    """The scale of a reference by the score that is used."""
    return scale_of(reference)


def beyond(e: Evidence, tail: float) -> Result:
    """The share of sampled current rows that are as unusual as this tail of the reference."""
    behind = reference_of(e)
    if isinstance(behind, Result):
        return behind
    assert e.drawn is not None
    assert behind.drawn is not None
    n = len(behind.drawn.keys) // 2
    if n < LEAST_CALIBRATION:
        said = f"needs at least {LEAST_CALIBRATION} reference rows to calibrate by, half of those sampled; found {n}"
        return undefined("insufficient", said)
    scale = once(behind, usual_scale)
    scores = scale.score(e.drawn.rows, None)
    p = scale.p_values(scores)
    value, m = float((p <= tail).mean()), len(p)
    low, high = share_interval(value * m, m)
    own = density(scale.calibration, scores, tail) * math.sqrt(_FITTED * tail * (1 - tail) / n)
    low, high = (value - math.hypot(value - low, Z95 * own), value + math.hypot(high - value, Z95 * own))
    said = f"{n} reference rows calibrate it: by chance alone it is off by {math.sqrt(tail * (1 - tail) / n):.3f}"
    notes = [Noted("few_reference_rows", said)] if n < ENOUGH_CALIBRATION else []
    params: dict[str, Plain] = {
        "rows": m, "fitted_rows": len(behind.drawn.keys) - n, "calibration_rows": n, "k": K,
        "score": SCORE,
    }  # fmt: skip
    parts: dict[str, Plain] = {
        "expected": tail, "null_sd": math.sqrt(tail * (1 - tail) * (1 / m + 1 / n)),
        "limit": limit(scale, tail), "excess": value - tail,
    }  # fmt: skip
    error = math.hypot(math.sqrt(value * (1 - value) / m), own)
    result = measured(value, error, low=0.0, high=1.0, params=params, parts=parts, warnings=notes)
    return with_interval(result, (max(low, 0.0), min(high, 1.0)))


def limit(scale: Scale, tail: float) -> float:
    """The greatest score of calibration rows that is not beyond the tail: rows above it are."""
    n = len(scale.calibration)
    above = math.floor(tail * (n + 1) + 1e-9) - 1  # calibration rows that may be no less unusual than a row beyond
    return float(scale.calibration[n - 1 - max(above, 0)])


def density(calibration: Float, scores: Float, tail: float) -> float:
    """How dense current rows are at the limit of the tail, as a multiple of the reference: 1 where nothing has changed.

    By the rows between the calibration scores about the limit. That multiple says how far a limit that is off by the
    sampling of the reference moves the share.
    """
    p = (1 + len(calibration) - np.searchsorted(calibration, scores, side="left")) / (len(calibration) + 1)
    near = _NEAR * tail
    inside = (p > tail - near) & (p <= tail + near)
    return float((inside.sum() + 1) / (len(p) * 2 * near + 1))


def _share_beyond_95(e: Evidence) -> Result:
    return beyond(e, 0.05)


def share_beyond_95(X: Any, reference: Any, *, seed: int = 0) -> Result:
    """Share of the current rows that are as far from the reference as its own outermost 5 %.

    Formula: the sampled reference rows are split by hash. The score of a row is the largest of three, each about its
    median and in units of its median deviation: the distance to its 10th nearest row of the first half, that of rows
    of length one, and the Mahalanobis distance (Ledoit and Wolf). Its conformal p-value is (1 + #{second half with no
    smaller score}) over one more than that half. The share of current rows with p <= .05; parts.expected = .05 where
    nothing has changed, parts.null_sd how far it is off by chance then, parts.limit the score.
    Input: X (m, d) of at least 20 rows, reference (n, d) of at least 200, finite real numbers.
    Range: 0 to 1. Invariant to rotation and a common scale.
    Undefined: fewer than 20 rows on a side; fewer than 100 calibration rows. Below 500 it is warned of.
    Interval: that of a share (Wilson), and the reference's own sampling error, which is often the larger part: the
    limit is off by sqrt(.05 * .95 / n), times how dense current rows are there, and half of that variance again for the
    rows that the score was fitted to.
    Cost: the distances of the sampled rows of both sides to half of the reference's.
    When it lies: it finds rows that the reference does not hold, not rows that have moved inside it: a shift of the
    mean by half a deviation in one of 16 columns leaves it at .06. Below .05 the current rows are more alike than the
    reference. Repeated rows in the reference make distances of 0.
    Source: Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022; split conformal:
    Bates et al., Ann. Stat. 2023. Deviations: the largest of three scores, since which of
    them tells strange rows apart differs from one embedding to the next (docs/evidence/drift.md).

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> share_beyond_95(-np.abs(rng.normal(size=(50, 3))), np.abs(rng.normal(size=(400, 3)))).value > 0.9
    True
    """
    return _share_beyond_95(beside(X, reference, "reference", seed))


def _share_beyond_99(e: Evidence) -> Result:
    return beyond(e, 0.01)


def share_beyond_99(X: Any, reference: Any, *, seed: int = 0) -> Result:
    """Share of the current rows that are as far from the reference as its own outermost 1 %.

    Formula: as share_beyond_95, with p <= .01; parts.expected = .01 where nothing has changed.
    Input: as there.
    Range: 0 to 1. Invariant to rotation and a common scale.
    Undefined: as there.
    Interval: as there; with n calibration rows the limit rests on n / 100 of them.
    Cost: none beside share_beyond_95.
    When it lies: as there, and with fewer than some thousand reference rows it is rough.
    Source: as there. Deviations: none.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> share_beyond_99(-np.abs(rng.normal(size=(50, 3))), np.abs(rng.normal(size=(400, 3)))).value > 0.8
    True
    """
    return _share_beyond_99(beside(X, reference, "reference", seed))


METRICS = tuple(
    Metric(
        function, compute, ("sample", "source"), INVARIANT,
        NOT_DAMAGE + "; sees rows that the reference does not hold, not rows that moved inside it",
        f"share of rows with a conformal p <= {tail} by distance, direction and Mahalanobis distance",
    )
    for function, compute, tail in (
        (share_beyond_95, _share_beyond_95, 0.05), (share_beyond_99, _share_beyond_99, 0.01)
    )
)  # fmt: skip
