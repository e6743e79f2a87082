"""What the metrics of two representations of the same rows are computed from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, Keys, Rows, matrix
from labelfree.catalog import SAMPLE
from labelfree.errors import ArrayError, UsageError, option
from labelfree.evidence.scaling import centered, directions, in_range
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.progress import Progress, silent
from labelfree.summaries.hashing import hash_ids, mix
from labelfree.summaries.pair_moments import PairMoments

NEIGHBORS = 10
"""Neighbors of a row that are compared."""
_ROUNDING = 1e-12  # deviations over means that rounding can make of equal numbers
_STRIP = 1 << 22
_TIE = 1e-13  # of a cosine, within which the order of the rows decides


@dataclass(frozen=True, eq=False)
class Pair:
    """Two representations A and B of the same rows.

    moments: of all rows; a, b: (m, .) sampled rows of each, the same rows in the same order, that of their hash keys,
    so that ties and halves do not depend on the order in the file; k: neighbors that are compared; seed: of the halves;
    known: another pair with the same rows of A, whose neighbors are known.
    """

    moments: PairMoments
    a: Rows
    b: Rows
    k: int = NEIGHBORS
    seed: int = 0
    kernels: Kernels = field(default_factory=lambda: numpy_kernels)
    progress: Progress = silent
    known: Pair | None = None

    @property
    def n(self) -> int:
        """Rows of the data set."""
        return self.moments.n

    @property
    def sampled(self) -> int:
        """Rows of the sample."""
        return len(self.a)

    @cached_property
    def neighbors(self) -> tuple[Index, Index]:
        """Nearest others by cosine of the sampled rows as they are, of A and of B, the nearest first."""
        first = self.known.neighbors[0] if self.known is not None else self._lists(directions(self.a))
        return first, self._lists(directions(self.b))

    @cached_property
    def centered_neighbors(self) -> tuple[Index, Index]:
        """Nearest others of the rows about their mean, of A and of B: what no offset changes."""
        known = self.known
        first = known.centered_neighbors[0] if known is not None else self._lists(directions(about_mean(self.a)))
        return first, self._lists(directions(about_mean(self.b)))

    def _lists(self, unit: Float) -> Index:
        return nearest_by_cosine(unit, listed(self.k, self.sampled), self.kernels)


def listed(k: int, n: int) -> int:
    """Neighbors to list so that in half of the rows at least k of them are left, but for one row in a million."""
    return min(n - 1, 3 * k + 20)


def about_mean(rows: Rows) -> Float:
    """Rows about their mean; columns that are constant but for rounding are zero."""
    found = centered(rows)
    found[np.abs(found) <= _ROUNDING * np.abs(rows).max(axis=0)] = 0.0
    return found


def nearest_by_cosine(unit: Float, k: int, kernels: Kernels = numpy_kernels) -> Index:
    """The k nearest other rows of each unit row (n, d) by cosine, as (n, k), the nearest first; ties by position.

    Cost: 2 n^2 d flop, a strip of the n x n products at a time.
    """
    n = len(unit)
    if kernels is not numpy_kernels:
        return kernels.nearest(unit, k)[1]
    found = np.empty((n, k), np.int64)
    step = max(1, _STRIP // n)
    for start in range(0, n, step):
        score = unit[start : start + step] @ unit.T
        rows = np.arange(len(score))
        score -= _TIE * np.arange(n) / n
        score[rows, start + rows] = -np.inf
        near = np.argpartition(-score, k - 1, axis=1)[:, :k] if k < n - 1 else np.argsort(-score, axis=1)[:, :k]
        near.sort(axis=1)
        order = np.argsort(-np.take_along_axis(score, near, axis=1), axis=1, kind="stable")
        found[start : start + step] = np.take_along_axis(near, order, axis=1)
    return found


def pair(X: Any, Y: Any, *, k: int = NEIGHBORS, sample: int | None = SAMPLE, seed: int = 0) -> Pair:
    """Everything the metrics of similarity need of two (n, .) matrices of the same rows."""
    given = matrix(X, "X"), matrix(Y, "Y")
    if len(given[0]) != len(given[1]):
        raise ArrayError(
            f"expected two representations of the same rows, found {len(given[0])} rows in X and {len(given[1])} in Y"
        )
    check_k(k)
    (a,), (b,) = (in_range((name, rows))[0] for name, rows in zip("XY", given, strict=True))
    keys = hash_ids(np.arange(len(a), dtype=np.int64))
    order = np.argsort(mix(keys, seed), kind="stable")[: len(a) if sample is None else sample]
    return Pair(moments_of(a, b, keys), a[order], b[order], k, seed)


def check_k(k: int) -> None:
    """Refuse a number of neighbors that is none."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise UsageError(f"{option('k')}: expected a number of neighbors of at least 1, found {k!r}")


def moments_of(a: Rows, b: Rows, keys: Keys, groups: int | None = None) -> PairMoments:
    """The moments of rows in memory, about their first mean."""
    first = slice(0, max(1, min(len(a), 4096)))
    pivot = np.concatenate([rows[first].mean(axis=0, dtype=np.float64) for rows in (a, b)])
    found = PairMoments.empty(a.shape[1], pivot, groups)
    step = block_rows(len(pivot))
    for start in range(0, len(a), step):
        part = slice(start, start + step)
        found = found.update(a[part], b[part], keys[part])
    return found


def block_rows(d: int) -> int:
    """Rows of a block of d numbers of both sides: 120 MB in float64, so that products of each group's are large."""
    return max(256, min(1 << 15, 120_000_000 // (8 * d)))


def by_chance(found: Callable[[Pair], float | None], given: Pair) -> float | None:
    """What a metric of moments that falls with the root of n gives for rows that have nothing in common.

    From the sampled rows, those of B shifted by half of them (their order is that of a hash), times the root of the
    share that the sample is of all rows.
    """
    m = given.sampled
    if m < 4:
        return None
    shifted = np.roll(given.b, m // 2, axis=0)
    keys = hash_ids(np.arange(m, dtype=np.int64))
    value = found(Pair(moments_of(given.a, shifted, keys, 1), given.a, shifted, given.k))
    return None if value is None else value * math.sqrt(m / given.n)
