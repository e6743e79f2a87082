"""Unbiased HSIC from moments, and what it becomes without one row: the sums of Song et al. (2012) about a pivot."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.summaries.pair_moments import PairMoments


@dataclass(frozen=True, eq=False)
class Sums:
    """All that one HSIC needs of x (n, a) and y (n, b) about a pivot.

    n: rows; cross: sum of x y^T (a, b), square: its squared Frobenius norm; s, t: sums of x and of y; q: of x |y|^2;
    p: of y |x|^2; A, B, G: of |x|^2, |y|^2 and |x|^2 |y|^2.
    """

    n: float
    cross: Float
    s: Float
    t: Float
    q: Float
    p: Float
    A: float
    B: float
    G: float
    square: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "square", float(np.einsum("ij,ij->", self.cross, self.cross)))

    @property
    def hsic(self) -> float:
        """HSIC_1 (Song et al. 2012, eq. 5), of at least four rows."""
        both = float(self.s @ self.cross @ self.t) - float(self.s @ self.q) - float(self.t @ self.p) + self.G
        return float(_hsic(self.n, self.square - self.G, self.s @ self.s - self.A, self.t @ self.t - self.B, both))

    def without(self, x: Float, y: Float) -> Float:
        """HSIC_1 without each of these rows x (r, a) and y (r, b), as (r,)."""
        a, b = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
        xc, ct, sc = x @ self.cross, self.cross @ self.t, self.s @ self.cross
        own = np.einsum("ij,ij->i", xc, y)
        trace = self.square - 2 * own + a * b - (self.G - a * b)
        sx, ty = x @ self.s, y @ self.t
        ones_k = self.s @ self.s - 2 * sx + a - (self.A - a)
        ones_l = self.t @ self.t - 2 * ty + b - (self.B - b)
        # (s - x)' (C - x y') (t - y)
        whole = float(sc @ self.t) - x @ ct - y @ sc + own - (sx - a) * (ty - b)
        sq = float(self.s @ self.q) - x @ self.q - b * (sx - a)
        tp = float(self.t @ self.p) - y @ self.p - a * (ty - b)
        both = whole - sq - tp + self.G - a * b
        return np.asarray(_hsic(self.n - 1, trace, ones_k, ones_l, both))


def _hsic(n: float, trace: Float | float, ones_k: Float | float, ones_l: Float | float, both: Float | float) -> Float:
    found = trace + ones_k * ones_l / ((n - 1) * (n - 2)) - 2 / (n - 2) * both
    return np.asarray(found / (n * (n - 3)))


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over all rows of a pair: about the pivot, and the scatters about the mean."""

    n: float
    a: int
    pivot: Float
    total: Float
    scatter: Float
    thirds: Float
    fourths: Float

    @classmethod
    def of(cls, found: PairMoments) -> Moments:
        """Those of all groups together."""
        scatter = found.scatters[0]
        for one in found.scatters[1:]:
            scatter = scatter + one
        return cls(
            float(found.counts.sum()), found.a, found.pivot, found.totals.sum(axis=0), scatter, found.thirds,
            found.fourths,
        )  # fmt: skip

    def sums(self, first: int, second: int) -> Sums:
        """The sums of two sides, 0 for A and 1 for B."""
        side = (slice(0, self.a), slice(self.a, None))
        i, j = side[first], side[second]
        sizes = [float(np.trace(self.scatter[part, part])) for part in side]
        return Sums(
            self.n, self.scatter[i, j], self.total[i], self.total[j], self.thirds[second][i], self.thirds[first][j],
            sizes[first], sizes[second], float(self.fourths[first + second]),
        )  # fmt: skip

    @property
    def centered(self) -> Float:
        """The scatter about the mean."""
        return np.asarray(self.scatter - np.outer(self.total, self.total / self.n))

    @property
    def uncentered(self) -> Float:
        """The scatter of the rows as they are."""
        bent = np.outer(self.total, self.pivot)
        return np.asarray(self.scatter + bent + bent.T + self.n * np.outer(self.pivot, self.pivot))


def biased(scatter: Float, a: int) -> float | None:
    """CKA of a joint scatter by its Frobenius norms; None where a side is constant."""
    cross, own, other = (float(np.linalg.norm(part)) for part in _blocks(scatter, a))
    return None if own == 0 or other == 0 else min(cross / own * cross / other, 1.0)


def _blocks(scatter: Float, a: int) -> tuple[Float, Float, Float]:
    return scatter[:a, a:], scatter[:a, :a], scatter[a:, a:]


@dataclass(frozen=True)
class Debiased:
    """A debiased CKA with its standard error, None with the reason where it has no value."""

    value: float | None
    se: float | None = None
    reason: str = ""


def debiased(found: Moments, x: Rows, y: Rows) -> Debiased:
    """CKA of unbiased HSICs, and its exact delete-one jackknife over sampled rows x (r, a), y (r, b)."""
    both, own, other = found.sums(0, 1), found.sums(0, 0), found.sums(1, 1)
    k, l = own.hsic, other.hsic  # noqa: E741  (the paper's letters)
    floor = [1e-13 * (one.square / one.n**2) for one in (own, other)]
    for name, size, least in (("the first", k, floor[0]), ("the second", l, floor[1])):
        if size <= least:
            return Debiased(
                None, reason=f"{name} has no spread that so many rows could show: its own HSIC is {size:.3g}"
            )
    value = min(both.hsic / math.sqrt(k) / math.sqrt(l), 1.0)
    if found.n < 5 or len(x) < 3:
        return Debiased(value)
    shifted = (x - found.pivot[: found.a], y - found.pivot[found.a :])
    up, left, right = both.without(*shifted), own.without(shifted[0], shifted[0]), other.without(shifted[1], shifted[1])
    if left.min() <= 0 or right.min() <= 0:
        return Debiased(value)
    each = up / np.sqrt(left) / np.sqrt(right)
    return Debiased(value, math.sqrt((found.n - 1) * float(each.var())))
