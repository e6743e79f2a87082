"""What becomes of a threshold on cosines in another space: the one that accepts as many pairs, or most of the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.evidence.scaling import directions
from labelfree.results import Z95

PAIR_ROWS = 1_500
"""Rows of the sample whose pairs are compared: a million of them."""
LEAST_ROWS = 50
"""Rows of a group below which nothing is said of its pairs."""
HALVES = 20
"""Random halves of the rows whose spread is the error."""


@dataclass(frozen=True)
class Counted:
    """A threshold on B, and what it does to the pairs that A accepts; intervals by the name of the number."""

    threshold: float
    agreement: float
    f1: float
    accepted: float
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Translated:
    """A threshold on A in the space of B; None where A accepts no pair, or every one."""

    pairs: int
    accepted: float
    same_share: Counted | None
    most_alike: Counted | None
    unchanged: Counted | None


def cosines(rows: Rows) -> Float:
    """Cosines (n, n) of all pairs of rows as they are."""
    unit = directions(rows)
    return np.asarray(unit @ unit.T)


def translated(one: Float, other: Float, threshold: float, rows: Index, seed: int = 0) -> Translated:
    """A threshold on the cosines `one` (n, n) in the space of `other` (n, n), over the pairs of these rows (m,).

    Cost: sorting m^2 / 2 cosines for each of 20 halves of the rows.
    """
    found = _of(one, other, threshold, rows)
    if found.same_share is None:
        return found
    chance = np.random.default_rng([seed, len(rows)])
    halves = [_of(one, other, threshold, chance.permutation(rows)[: len(rows) // 2]) for _ in range(HALVES)]

    def with_intervals(name: str) -> Counted | None:
        whole = getattr(found, name)
        each = [getattr(half, name) for half in halves]
        if whole is None or any(half is None for half in each):
            return whole  # type: ignore[no-any-return]
        ends = {}
        for number, low in (("threshold", -1.0), ("agreement", 0.0), ("f1", 0.0)):
            se = float(np.std([getattr(half, number) for half in each], ddof=1))
            value = getattr(whole, number)
            ends[number] = (max(value - Z95 * se, low), min(value + Z95 * se, 1.0))
        return Counted(whole.threshold, whole.agreement, whole.f1, whole.accepted, ends)

    return Translated(found.pairs, found.accepted, *map(with_intervals, ("same_share", "most_alike", "unchanged")))


def _of(one: Float, other: Float, threshold: float, rows: Index) -> Translated:
    upper = np.triu_indices(len(rows), 1)
    where = (rows[upper[0]], rows[upper[1]])
    a, b = one[where], other[where]
    taken = a >= threshold
    total, m = len(a), int(taken.sum())
    if m in (0, total):
        return Translated(total, m / max(total, 1), None, None, None)
    order = np.argsort(-b, kind="stable")
    ranked = b[order]
    hits = np.cumsum(taken[order])
    last = np.flatnonzero(np.r_[ranked[1:] < ranked[:-1], True])  # equal cosines are accepted together
    counts = last + 1
    f1 = 2 * hits[last] / (counts + m)
    best = int(np.argmax(f1))
    same = int(np.argmin(np.abs(counts - m)))
    unchanged = int(np.searchsorted(-ranked, -threshold, side="right"))  # pairs of B at or above it

    def counted(accepted: int, at: float) -> Counted:
        hit = int(hits[accepted - 1]) if accepted else 0
        agreement = (total - accepted - m + 2 * hit) / total
        return Counted(float(at), agreement, 2 * hit / (accepted + m), accepted / total)

    return Translated(
        total,
        m / total,
        counted(int(counts[same]), ranked[last[same]]),
        counted(int(counts[best]), ranked[last[best]]),
        counted(unchanged, threshold),
    )
