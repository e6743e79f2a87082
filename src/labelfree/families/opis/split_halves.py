"""Groups split into halves: how much of the spread between groups is the noise of small groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index
from labelfree.families.opis.curves import Curves, utility
from labelfree.families.opis.positive_pairs import Genuine
from labelfree.families.opis.sorted_rows import SortedGroups

SPLITS, _ENOUGH = 5, 10_000  # at most so many splits, fewer where they split more groups than this together
LEAST = 6
"""Rows of a group from which on halves have three pairs each; the utility of a single pair is another quantity."""
_SEED = 0x5917

Halves = tuple[tuple[Float, Float], ...]
"""For each split the utilities (t, g) of both halves of the t groups of at least LEAST rows, in the range."""


def splits_of(groups: int) -> int:
    """How often so many groups are split."""
    return max(1, min(SPLITS, _ENOUGH // max(groups, 1)))


def splits(size: Index, seed: int) -> NDArray[np.bool_]:
    """Which rows are in the first half of their group, for each split: (splits, n)."""
    count = splits_of(len(size))
    random = np.random.default_rng((seed, _SEED))
    code = np.repeat(np.arange(len(size)), size)
    place, found = np.empty(len(code), np.int64), np.empty((count, len(code)), bool)
    for first in found:
        place[np.lexsort((random.random(len(code)), code))] = np.arange(len(code))
        first[:] = place - np.repeat(np.cumsum(size) - size, size) < np.repeat(size // 2, size)
    return found


def halves_of(
    rows: SortedGroups, accepted: NDArray[np.int32], own: Genuine, split: NDArray[np.bool_], inside: slice
) -> Halves:
    """Utilities of both halves of each group, from the negative pairs that rows accept.

    accepted: (n, g) of them; own: the counts of positive pairs.
    """
    large = np.flatnonzero(rows.size >= LEAST)
    return tuple(
        (
            _utility(own.first_half[r][large, inside], _of(rows, accepted, first)[large, inside], rows, first, large),
            _utility(
                own.second_half[r][large, inside], _of(rows, accepted, ~first)[large, inside], rows, ~first, large
            ),
        )
        for r, first in enumerate(split)
    )


def _of(rows: SortedGroups, accepted: NDArray[np.int32], member: NDArray[np.bool_]) -> Index:
    return rows.summed(np.where(member[:, None], accepted, 0))


def exact_halves_of(distance: Float, rows: SortedGroups, curves: Curves, split: NDArray[np.bool_]) -> Halves:
    """Utilities of both halves of few rows, from all distances (n, n), rounded as those of the curves."""
    large = np.flatnonzero(rows.size >= LEAST)
    level = curves.threshold[curves.inside]

    def accepted(g: int, member: NDArray[np.bool_]) -> tuple[Index, Index]:
        own = slice(int(rows.starts[g]), int(rows.starts[g] + rows.size[g]))
        chosen = np.flatnonzero(member[own]) + own.start
        inside = distance[np.ix_(chosen, chosen)][np.triu_indices(len(chosen), 1)]
        outside = np.delete(distance[chosen], own, axis=1)
        return tuple(np.searchsorted(np.sort(d, axis=None), level, side="right") for d in (inside, outside))  # type: ignore[return-value]

    def half(member: NDArray[np.bool_]) -> Float:
        counts = np.array([accepted(int(g), member) for g in large]).reshape(len(large), 2, len(level))
        return _utility(counts[:, 0], counts[:, 1], rows, member, large)

    return tuple((half(first), half(~first)) for first in split)


def _utility(right: Index, wrong: Index, rows: SortedGroups, member: NDArray[np.bool_], large: Index) -> Float:
    members = np.add.reduceat(member, rows.starts, dtype=np.int64)[large]
    positives, negatives = members * (members - 1) // 2, members * (rows.count - rows.size[large])
    return utility(right / positives[:, None], 1 - wrong / negatives[:, None])


def between(halves: Halves, weight: Float) -> float | None:
    """The covariance over groups of the utilities of their halves, averaged over the range and the splits.

    The noise of two halves is nearly independent, so that the spread between groups remains. None for one group.
    """
    if not halves or len(halves[0][0]) < 2:
        return None
    found = [(((a - a.mean(axis=0)) * (b - b.mean(axis=0))).mean(axis=0)) @ weight for a, b in halves]
    return float(np.mean(found))
