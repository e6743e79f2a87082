"""Whether current rows may be of another space than the reference: of another model, version or pooling."""

from __future__ import annotations

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.scaling import centered
from labelfree.families.drift.unusual import halves, nearest
from labelfree.families.transfer.two_samples import private

ROWS, K = 1_000, 10
STRUCTURED, LOST = 0.95, 0.1
"""The distances of reference rows to others, over those after a random turn, from which there is a space to lose; the
share of that advantage below which current rows have none."""
_WIDE = 1024


def nearness(rows: Float, others: Float, turned: Float) -> float:
    """Median distance of rows to their 10th nearest among others, over that of the same rows turned at random."""
    near = [float(np.median(nearest(points, others, min(K, len(others))))) for points in (rows, turned)]
    return near[0] / near[1] if near[1] > 0 else 1.0


def strangers(e: Evidence) -> tuple[float, float] | None:
    """How near current rows lie to the reference, as a share of what a random turn leaves, and how near its own do.

    Rows about the mean of their side. None where the reference has no structure that a turn would spoil.
    """
    behind = e.reference
    if behind is None or e.drawn is None or behind.drawn is None or min(len(e.drawn.keys), len(behind.drawn.keys)) < 40:
        return None
    fitted, kept = halves(behind)
    others, own = (centered(behind.drawn.rows[part[:ROWS]]) for part in (fitted, kept))
    rows = centered(e.drawn.rows[:ROWS])
    usual = nearness(own, others, _turned(own, e.seed))
    if usual > STRUCTURED:
        return None
    return nearness(rows, others, _turned(rows, e.seed)), usual


def another(found: tuple[float, float]) -> bool:
    """Whether current rows lie no nearer to the reference than by chance."""
    now, usual = found
    return (1 - now) <= LOST * (1 - usual)


def _turned(rows: Rows, seed: int) -> Float:
    """The rows in a random orthogonal basis; wide ones with their columns in another order and other signs."""
    rng, d = private(seed, 4), rows.shape[1]
    if d > _WIDE:
        return np.asarray(rows[:, rng.permutation(d)] * rng.choice([-1.0, 1.0], d))
    return np.asarray(rows @ np.linalg.qr(rng.normal(size=(d, d)))[0])
