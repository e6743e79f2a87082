"""Sums from which logits are regressed on embeddings, whatever the number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from labelfree.arrays import Float, Rows
from labelfree.kernels import Kernels, numpy_kernels
from labelfree.summaries.encoding import decoded, encoded
from labelfree.summaries.fields import Fields, hexadecimal
from labelfree.summaries.moments import Moments

_STRIP_NUMBERS = 1 << 19


@dataclass(frozen=True, eq=False)
class Regression:
    """n rows x of width d beside K logits y, by their sums about the mean, float64; memory d^2 + dK.

    rows: moments of x; mean: (K,) of y; cross: (d, K) sum of (x - mean)(y - mean)'; squares: (K,) sums of squares
    of y about the mean; common: the same of the mean over classes of each row's logits.

    Merging follows Chan, Golub and LeVeque (1983), as in Moments: an offset costs no digits.
    """

    rows: Moments
    mean: Float
    cross: Float
    squares: Float
    common: float

    @classmethod
    def empty(cls, d: int, classes: int) -> Self:
        """No rows yet."""
        return cls(Moments.empty(d), np.zeros(classes), np.zeros((d, classes)), np.zeros(classes), 0.0)

    @property
    def n(self) -> int:
        """Rows so far."""
        return self.rows.n

    @property
    def classes(self) -> int:
        """K, the number of logits."""
        return len(self.mean)

    def update(self, rows: Rows, logits: Rows, kernels: Kernels = numpy_kernels) -> Self:
        """The summary of these rows and all before them. rows: (m, d), logits: (m, K), finite; cost 2 d (d + K) m."""
        if len(rows) == 0:
            return self
        mean = logits.mean(axis=0, dtype=np.float64)
        center = rows.mean(axis=0, dtype=np.float64)
        cross, squares, common = np.zeros_like(self.cross), np.zeros_like(self.squares), 0.0
        strip = max(1, _STRIP_NUMBERS // (self.rows.d + self.classes))
        for start in range(0, len(rows), strip):
            part = slice(start, start + strip)
            x, y = rows[part] - center, logits[part] - mean
            cross += x.T @ y
            squares += np.einsum("ij,ij->j", y, y)
            common += float(np.square(y.mean(axis=1)).sum())
        moments = Moments.empty(self.rows.d).update(rows, kernels)
        return self.merge(type(self)(moments, mean, cross, squares, common))

    def merge(self, other: Self) -> Self:
        """The summary of both sets of rows."""
        if other.n == 0:
            return self
        if self.n == 0:
            return other
        weight = self.n * (other.n / (self.n + other.n))
        shift, step = other.rows.mean - self.rows.mean, other.mean - self.mean
        cross = self.cross + other.cross
        cross += (weight * shift)[:, None] * step
        return type(self)(
            self.rows.merge(other.rows),
            self.mean + step * (other.n / (self.n + other.n)),
            cross,
            self.squares + other.squares + weight * step**2,
            self.common + other.common + weight * float(step.mean()) ** 2,
        )

    def fields(self) -> Fields:
        """What this summary is made of."""
        arrays = {"mean": self.mean, "cross": self.cross, "squares": self.squares}
        return Fields("regression", {"common": hexadecimal(self.common)}, arrays, {"rows": self.rows.fields()})

    @classmethod
    def of_fields(cls, found: Fields) -> Self:
        """The summary of these fields, checked."""
        found.check_kind("regression")
        rows, mean = Moments.of_fields(found.part("rows")), found.array("mean", np.float64, (None,))
        cross = found.array("cross", np.float64, (rows.d, len(mean)))
        return cls(rows, mean, cross, found.array("squares", np.float64, (len(mean),)), found.real("common"))

    def to_bytes(self) -> bytes:
        """This summary as bytes, exact to the last bit: a safetensors file, with checksums and no code."""
        return encoded({"state": self.fields()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """What `to_bytes` wrote; a SummaryError where it is damaged, forged or of another version."""
        return cls.of_fields(decoded(raw, "regression"))
