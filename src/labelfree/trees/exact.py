"""Distances to the last digit: float64 differences of chosen pairs, and what a matrix product may have got wrong."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels.threads import spread

TIED = 1e-10
"""Share of a squared distance below which rounding is taken for a tie: half of it is the error of a length."""
Precision: TypeAlias = type[np.floating[Any]] | np.dtype[np.floating[Any]]
"""The dtype of a matrix product."""
_ELEMENTS = 1 << 19


def distances(points: Rows, left: Index, right: Index) -> Float:
    """|x_i - x_j| for each pair (i, j) of `left` and `right` (both (m,)), from differences in float64; m d flop."""
    step = max(1, _ELEMENTS // points.shape[1])

    def work(start: int) -> Float:
        part = slice(start, start + step)
        gap = np.subtract(points[left[part]], points[right[part]], dtype=np.float64)
        squares = np.einsum("ij,ij->i", gap, gap)
        faint = squares < 1e-300  # squares that underflow are taken on their own scale
        if faint.any():
            peak = np.abs(gap[faint]).max(axis=1)
            shape = gap[faint] / np.where(peak > 0, peak, 1.0)[:, None]
            found = np.sqrt(squares)
            found[faint] = peak * np.linalg.norm(shape, axis=1)
            return np.asarray(found)
        return np.asarray(np.sqrt(squares))

    if len(left) <= step:
        return work(0)
    return np.concatenate(list(spread(work, range(0, len(left), step))))


def rounding_share(d: int, dtype: Precision) -> float:
    """How far a squared distance from a matrix product over d columns may be off, as a share of |x|^2 + |y|^2."""
    return (8.0 + float(d**0.5) / 2) * float(np.finfo(dtype).eps)


def rounding(points: Rows) -> float:
    """How far a squared distance from a matrix product over `points` may be off: a few roundings of the norms."""
    largest = float(np.einsum("ij,ij->i", points, points, dtype=np.float64).max(initial=0.0))
    return rounding_share(points.shape[1], points.dtype) * largest
