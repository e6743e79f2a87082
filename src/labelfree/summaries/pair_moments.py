"""Moments of two representations of the same rows: all that CKA, Procrustes, linear maps and unit matching need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from labelfree.arrays import Float, Keys, Rows
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.kernels.threads import spread
from labelfree.summaries.hashing import mix

MOST_GROUPS, LEAST_GROUPS = 12, 4
"""Groups of rows whose moments are kept apart, for intervals and for maps that are tried on other rows."""
_GROUP_BYTES = 300_000_000
_SEED = 0x9A12


def groups_for(d: int) -> int:
    """How many groups of rows of both sides together d wide are kept apart: their matrices take 300 MB, or four."""
    return max(LEAST_GROUPS, min(MOST_GROUPS, _GROUP_BYTES // (8 * d * d)))


@dataclass(frozen=True, eq=False)
class PairMoments:
    """n rows x of width a beside rows y of width b, z = (x, y), by their sums about one pivot.

    pivot: (a + b,), the same in all parts that are merged, near the rows so that no offset costs digits; n: rows of
    each group (g,); total: sums of z (g, a + b); scatters: sums of z z^T, one (a + b, a + b) for each group; thirds:
    sums of z |x|^2 and of z |y|^2 (2, a + b); fourths: sums of |x|^4, |x|^2 |y|^2, |y|^4 (3,). Which group a row is in
    comes from its key, so that order and splitting do not matter.
    """

    a: int
    pivot: Float
    counts: Float
    totals: Float
    scatters: tuple[Float, ...]
    thirds: Float
    fourths: Float

    @classmethod
    def empty(cls, a: int, pivot: Float, groups: int | None = None) -> Self:
        """No rows yet; a: width of x, pivot: (a + b,); groups: how many are kept apart."""
        d = len(pivot)
        g = groups_for(d) if groups is None else groups
        return cls(a, pivot, np.zeros(g), np.zeros((g, d)), (np.zeros((d, d)),) * g, np.zeros((2, d)), np.zeros(3))

    def update(self, X: Rows, Y: Rows, keys: Keys, kernels: Kernels = numpy_kernels, *, reuse: bool = False) -> Self:
        """The summary of these rows (m, a) and (m, b) with keys (m,), and all before them. Cost: m (a + b)^2 flop.

        reuse: this summary is used no more, so that its matrices may become those of the new one.
        """
        if len(X) == 0:
            return self
        g, d = len(self.counts), len(self.pivot)
        group = (mix(keys, _SEED) % np.uint64(g)).astype(np.int64)
        order = np.argsort(group, kind="stable")
        counts = np.bincount(group, minlength=g)
        ends = np.cumsum(counts)
        center = np.zeros(d)

        def work(i: int) -> tuple[Float, Float, Float, Float]:
            rows = order[ends[i] - counts[i] : ends[i]]
            z = np.empty((len(rows), d))
            np.subtract(X[rows], self.pivot[: self.a], out=z[:, : self.a])
            np.subtract(Y[rows], self.pivot[self.a :], out=z[:, self.a :])
            x, y = (np.einsum("ij,ij->i", part, part) for part in (z[:, : self.a], z[:, self.a :]))
            total, scatter = kernels.scatter(z, center)
            return total, scatter, np.stack([x, y]) @ z, np.array([x @ x, x @ y, y @ y])

        totals, scatters, thirds, fourths = self.totals.copy(), list(self.scatters), self.thirds, self.fourths
        there = np.flatnonzero(counts).tolist()
        for i, (total, scatter, third, fourth) in zip(there, spread(work, there), strict=True):
            totals[i] += total
            if reuse and self.counts[i]:
                scatters[i] += scatter
            else:
                scatter += scatters[i]
                scatters[i] = scatter
            thirds, fourths = thirds + third, fourths + fourth
        return replace(
            self, counts=self.counts + counts, totals=totals, scatters=tuple(scatters), thirds=thirds, fourths=fourths
        )

    def merge(self, other: Self) -> Self:
        """The summary of both sets of rows, which were summed about the same pivot."""
        assert self.a == other.a
        assert np.array_equal(self.pivot, other.pivot), "parts of one pass have one pivot"
        return replace(
            self, counts=self.counts + other.counts, totals=self.totals + other.totals,
            scatters=tuple(one + two for one, two in zip(self.scatters, other.scatters, strict=True)),
            thirds=self.thirds + other.thirds, fourths=self.fourths + other.fourths,
        )  # fmt: skip

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.counts.sum())

    @property
    def b(self) -> int:
        """Width of y."""
        return len(self.pivot) - self.a
