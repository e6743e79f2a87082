"""Some rows as the points of a tree: moved and scaled for matrix products, their distances measured on the rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.trees.exact import Precision, distances, rounding_share

_BLOCK, _FIRST = 1024, 16
_BITS = {np.dtype(np.float32): 24, np.dtype(np.float64): 53}


@dataclass(frozen=True, eq=False)
class Cloud:
    """The rows `which` (n,) of a matrix as n points: (row - center) / scale, of a size about one.

    scale: a power of two, so that it rounds nothing; largest: of |x|^2, or somewhat more; grid: the bits that a squared
    distance of whole numbers takes, where the rows are such numbers (times a power of two) and center is zero.
    """

    rows: Rows
    which: Index
    center: Float
    scale: float
    largest: float
    grid: float = np.inf

    @classmethod
    def of(cls, rows: Rows, which: Index) -> Cloud:
        """The points about their mean; about zero where all distances between them are whole numbers."""
        n, d = len(which), rows.shape[1]
        total, peak, reach = np.zeros(d), 0.0, 0.0
        for part in _parts(n):
            total += np.add.reduce(rows[which[part]], axis=0, dtype=np.float64)
        grid = _grid(rows, which)
        center = np.zeros(d) if np.isfinite(grid) else total / n
        for part in _parts(n):
            away = rows[which[part]] - center
            highest = max(float(away.max(initial=0.0)), -float(away.min(initial=0.0)))
            if highest > 0:
                away = np.divide(away, highest, out=away)
                reach = max(reach, highest * float(np.einsum("ij,ij->i", away, away).max()) ** 0.5)
            peak = max(peak, highest)
        scale = float(np.ldexp(1.0, int(np.frexp(peak)[1]))) if peak else 1.0
        return cls(rows, which, center, scale, (reach / scale) ** 2, grid)

    def __len__(self) -> int:
        return len(self.which)

    def part(self, index: Index) -> Cloud:
        """Some of the points, where they are."""
        return Cloud(self.rows, self.which[index], self.center, self.scale, self.largest, self.grid)

    def points(self, index: Index, dtype: Precision) -> Rows:
        """Some of the points (m, d)."""
        out = np.empty((len(index), self.rows.shape[1]), dtype)
        for part in _parts(len(index)):
            away = self.rows[self.which[index[part]]] - self.center
            out[part] = np.divide(away, self.scale, out=away)
        return out

    def length(self, left: Index, right: Index) -> Float:
        """The distances (m,) of pairs of points: those of their rows, the same in whatever cloud they are."""
        return distances(self.rows, self.which[left], self.which[right])

    def length_of(self, squared: Float) -> Float:
        """The distances (m,) of pairs of points by their squared ones."""
        return np.asarray(np.sqrt(np.maximum(squared, 0.0)) * self.scale)

    @property
    def exact(self) -> bool:
        """Whether products of points can be free of rounding."""
        return bool(np.isfinite(self.grid))

    def share(self, dtype: Precision) -> float:
        """How far a squared distance from a product of points may be off, as a share of |x|^2 + |y|^2."""
        return 0.0 if self.grid < _BITS[np.dtype(dtype)] else rounding_share(self.rows.shape[1], dtype)

    @cached_property
    def own(self) -> Index:
        """The places of all points."""
        return np.arange(len(self.which))


def _parts(n: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, n, _BLOCK)]


def _grid(rows: Rows, which: Index) -> float:
    """The bits that |x|^2 + |y|^2 + 2 |x| |y| takes in units of the squared step of the rows; infinity for no grid."""
    step, largest = np.inf, 0.0
    for part in [slice(0, _FIRST), *_parts(len(which))]:
        values: Any = np.asarray(rows[which[part]], np.float64)
        largest = max(largest, float(np.einsum("ij,ij->i", values, values).max(initial=0.0)))
        if largest == 0:
            continue
        if not 1e-280 < largest < 1e280:
            return np.inf
        step = min(step, float(np.ldexp(1.0, int(np.frexp(np.abs(values).max())[1]))))
        floor = np.ldexp(1.0, (int(np.frexp(4 * largest)[1]) - 53) // 2)  # below it, no product is exact
        while (values != np.rint(values / step) * step).any():
            step /= 16
            if step < floor:
                return np.inf
    bits = float(np.log2(4 * largest / step**2)) if largest else np.inf
    return bits if bits < _BITS[np.dtype(np.float64)] else np.inf
