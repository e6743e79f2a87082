"""Operating curves of groups at one global threshold: sensitivity, specificity and their harmonic mean, the utility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index

EPS = 0.1
"""Share of the groups that `eps_opis` and `worst_utility` call the worst."""
_DIGITS = 12  # distances of few rows are rounded to these many places, so that ties are ties


@dataclass(frozen=True, eq=False)
class Curves:
    """What T groups do at g thresholds, ascending; a pair is accepted at its distance or less.

    weight (g,): of each threshold in an integral over the calibration range, whose ends are `zone`; sums to one, and
    is zero outside. sensitivity, specificity (T, g): shares of a group's positive pairs accepted, and of its negative
    pairs rejected. far, frr (g,): of the pairs of all groups together. size (T,): rows.
    """

    threshold: Float
    weight: Float
    zone: tuple[float, float]
    sensitivity: Float
    specificity: Float
    far: Float
    frr: Float
    size: Index

    @property
    def inside(self) -> slice:
        """The thresholds of the calibration range."""
        there = np.flatnonzero(self.weight > 0)
        return slice(int(there[0]), int(there[-1]) + 1)

    @property
    def ends(self) -> list[int]:
        """The places of both ends of the calibration range among the thresholds."""
        return [int(np.searchsorted(self.threshold, end)) for end in self.zone]


def pairs_of(size: Index) -> tuple[Index, Index]:
    """Pairs of groups of `size` rows (T,): unordered ones inside each, and those with exactly one end in it."""
    return size * (size - 1) // 2, size * (size.sum() - size)


def utility(sensitivity: Any, specificity: Any) -> Float:
    """Harmonic mean of both, and 0 where both are 0."""
    sens, spec = np.asarray(sensitivity, np.float64), np.asarray(specificity, np.float64)
    total = sens + spec
    return np.asarray(np.divide(2 * sens * spec, total, out=np.zeros_like(total), where=total > 0))


def rank_of(far: float, pairs: int) -> int:
    """How many of the nearest negative pairs are accepted at the least threshold whose false accept rate is `far`."""
    return max(1, int(np.ceil(far * pairs - 1e-12)))


def rounded(distance: Float) -> Float:
    """Distances of few rows without the noise that would keep ties apart."""
    return np.asarray(distance.round(_DIGITS))


def exact_curves(distance: Float, group: Index, zone: tuple[float, float]) -> Curves | None:
    """The curves at every distance that occurs; for few rows. None where the calibration range is empty.

    distance (n, n), of which the upper triangle is read; group (n,) codes 0..T-1, each at least twice. The curves are
    constant between neighboring thresholds, so that sums by `weight` are integrals without an error.
    """
    n, groups = len(group), int(group.max()) + 1
    one, other = np.triu_indices(n, 1)
    d = rounded(distance[one, other])
    same = group[one] == group[other]
    negative = np.sort(d[~same])
    low, high = (float(negative[rank_of(f, len(negative)) - 1]) for f in zone)
    if high <= low or np.searchsorted(negative, low, side="right") > zone[1] * len(negative) + 1e-9:
        return None
    threshold = np.unique(d)
    place = np.searchsorted(threshold, d)
    g = len(threshold)

    def counted(which: Index, name: Index) -> Float:
        return np.bincount(name * g + place[which], minlength=groups * g).reshape(groups, g).cumsum(axis=1)

    inner, outer = np.flatnonzero(same), np.flatnonzero(~same)
    accepted = counted(np.r_[outer, outer], np.r_[group[one[outer]], group[other[outer]]])
    right = counted(inner, group[one[inner]])
    ends = np.clip(np.append(threshold, threshold[-1]), low, high)
    return curves_of(right, accepted, np.bincount(group), threshold, np.diff(ends) / (high - low), (low, high))


def curves_of(
    right: Any, accepted: Any, size: Index, threshold: Float, weight: Float, zone: tuple[float, float]
) -> Curves:
    """The curves of counts: positive pairs accepted `right` (T, g), negative pairs `accepted` (T, g)."""
    inside, outside = pairs_of(size)
    return Curves(
        threshold=threshold,
        weight=weight,
        zone=zone,
        sensitivity=right / inside[:, None],
        specificity=1.0 - accepted / outside[:, None],
        far=accepted.sum(axis=0) / outside.sum(),
        frr=1.0 - right.sum(axis=0) / inside.sum(),
        size=size,
    )
