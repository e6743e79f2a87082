"""The few heavy loops, once per array library, behind the same signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels import numpy_kernels
from labelfree.kernels.numpy_trees import Crowd, Near
from labelfree.progress import Advance

T = TypeVar("T")
R = TypeVar("R")


class RowsAt(Protocol):
    """Rows of which those at some places can be taken: an array, or one that is in pieces."""

    def __getitem__(self, index: Index, /) -> Rows:
        """The rows at these places, in an array of the shape of `index` and the columns."""


class Kernels(Protocol):
    """What a module of kernels offers. Arrays go in and come out as numpy, whatever they are in between."""

    def scatter(self, rows: Rows, center: Float, scale: Float | None = None) -> tuple[Float, Float]:
        """sum_i y_i as (d,) and sum_i y_i y_i^T as (d, d), in float64, where y_i = s_i x_i - c (s = 1 if absent)."""

    def nearest(self, rows: Rows, k: int, advance: Advance = ...) -> tuple[Float, Index]:
        """Distances (n, k), ascending and exact to float64, and positions (n, k) of each row's k nearest others."""

    def potential(self, unit: Float, t: float, advance: Advance = ...) -> Float:
        """sum over j != i of exp(-t |w_i - w_j|^2) as (n,), in float64."""

    def nearest_of(self, points: Rows, others: Rows, advance: Advance = ...) -> Index:
        """The position (m,) of the nearest of `others` (n, d) to each of `points` (m, d), to the rounding of a product
        in their dtype."""

    def below(
        self,
        left: Rows,
        right: Rows,
        at: Index,
        to: Index,
        limit: Float,
        share: float,
        *,
        forward: bool,
        whole: bool = False,
        advance: Advance = ...,
    ) -> Iterator[Near | Crowd]:
        """The pairs of `left` (m, d) and `right` (p, d) that are near, a tile after another in a fixed order.

        Rows stand on a line, `left` at the ascending positions `at` (m,) and `right` at `to` (p,). A pair is near where
        its squared distance, less `share` of |x|^2 + |y|^2, is at most the largest `limit` (n - 1,) between the two:
        limit[i] lies between the positions i and i + 1. Two rows at one position are no pair; forward: nor are those
        with at >= to. A tile where so many are near that a finer dtype should look again comes as its rows and columns;
        whole: in no case."""

    def tail(
        self, unit: Rows, group: Index, windows: Float, bins: int, advance: Advance = ...
    ) -> tuple[Index, Index, Rows]:
        """Over the pairs of `unit` rows (n, d) of different groups, sorted by `group` (n,): for each of `windows`
        (w, 2) the number of similarities s >= high as (w,) and of low <= s < high as (w, bins), bin b between the
        edges b and b + 1 of np.linspace(low, high, bins + 1); and each row's largest similarity to a row of another
        group (n,), -inf where there is none. Products are rounded to the dtype of the rows, comparisons are exact."""

    def accepted(self, unit: Rows, group: Index, levels: Float, advance: Advance = ...) -> NDArray[np.int32]:
        """For each of the `unit` rows (n, d), sorted by `group` (n,), the number of rows of other groups with a
        similarity s >= level, as (n, g) for `levels` (g,), finite and in descending order; rounding as in tail."""

    def over(self, rows: Rows, work: Callable[[RowsAt, T], R], items: Iterable[T]) -> Iterator[R]:
        """work(rows, item) for each item, in order, on all cores or wherever the rows are; work: a function of a
        module, or functools.partial of one."""


__all__ = ["Kernels", "RowsAt", "numpy_kernels"]
