"""Count, mean and scatter of rows: all that the spectral metrics need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields


def add_outer(matrix: Float, weight: float, vector: Float) -> None:
    """matrix += weight * vector vector^T, a strip at a time: no second d x d matrix."""
    strip = max(1, (1 << 18) // max(len(vector), 1))
    for start in range(0, len(vector), strip):
        part = slice(start, start + strip)
        matrix[part] += (weight * vector[part])[:, None] * vector


@dataclass(frozen=True, eq=False)
class Moments:
    """n rows of width d by their mean (d,) and centered scatter (d, d), both float64.

    Merging follows Chan, Golub and LeVeque (1983), so that an offset of any size costs no digits: the scatter
    is always taken about a mean, never as a difference of two large sums.
    """

    n: int
    mean: Float
    scatter: Float

    @classmethod
    def empty(cls, d: int) -> Self:
        """No rows yet."""
        return cls(0, np.zeros(d), np.zeros((d, d)))

    @property
    def d(self) -> int:
        """Width of a row."""
        return len(self.mean)

    def update(self, rows: Rows, kernels: Kernels = numpy_kernels, scale: Float | None = None) -> Self:
        """The summary of these rows and all before them. rows: (m, d) finite; cost d^2 m flop, one d x d matrix.

        scale: (m,) factors that the rows are multiplied by on the way.
        """
        m = len(rows)
        if m == 0:
            return self
        n = self.n + m
        # The running mean is a good enough center while the block is no larger than what came before.
        center = self.mean if self.n >= m else (np.ones(m) if scale is None else scale) @ rows / m
        total, scatter = kernels.scatter(rows, center, scale)
        shift = total / m  # mean of the block about the center
        if center is self.mean:
            add_outer(scatter, -m * (m / n), shift)
        else:
            add_outer(scatter, -float(m), shift)
            shift = center + shift - self.mean
            add_outer(scatter, self.n * (m / n), shift)
        scatter += self.scatter
        return type(self)(n, self.mean + shift * (m / n), scatter)

    def without(self, other: Self) -> Self:
        """The summary of these rows less those of another one, which are among them and not all."""
        n = self.n - other.n
        mean = self.mean + (self.mean - other.mean) * (other.n / n)
        scatter = self.scatter - other.scatter
        add_outer(scatter, -n * (other.n / self.n), other.mean - mean)
        return type(self)(n, mean, scatter)

    def merge(self, other: Self) -> Self:
        """The summary of both sets of rows."""
        if other.n == 0:
            return self
        if self.n == 0:
            return other
        n = self.n + other.n
        shift = other.mean - self.mean
        scatter = self.scatter + other.scatter
        add_outer(scatter, self.n * (other.n / n), shift)
        return type(self)(n, self.mean + shift * (other.n / n), scatter)

    def fields(self) -> Fields:
        """What this summary is made of."""
        arrays = {"mean": self.mean, "scatter": self.scatter} if self.n else {"mean": self.mean}
        return Fields("moments", {"n": self.n}, arrays)

    @classmethod
    def of_fields(cls, found: Fields) -> Self:
        """The summary of these fields, checked."""
        found.check_kind("moments")
        n, mean = found.count("n"), found.array("mean", np.float64, (None,))
        if n == 0:
            return cls.empty(len(mean))
        return cls(n, mean, found.array("scatter", np.float64, (len(mean), len(mean))))

    def to_bytes(self) -> bytes:
        """This summary as bytes, exact to the last bit: a safetensors file, with checksums and no code."""
        return encoded({"state": self.fields()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `to_bytes` wrote; a SummaryError where it is damaged, forged or of another version."""
        return cls.of_fields(decoded(raw, "moments"))
