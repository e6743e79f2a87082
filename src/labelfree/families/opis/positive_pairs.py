"""Genuine pairs: two rows of one group, counted at every level of a decision threshold."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels.numpy_pairs import Ladder, rounded_up
from labelfree.kernels.threads import spread

EDGES: Float = np.linspace(-1, 1, 201)
"""Of the bins in which similarities are drawn."""
_STACKED = 64  # groups up to this size are multiplied many at a time
_BATCH = 1 << 20  # coordinates or similarities of such a batch
_BLOCK, _WIDE = 512, 1024  # rows and columns of a tile of a larger group


@dataclass(frozen=True)
class Genuine:
    """Pairs inside T groups of n rows at g levels, for R splits of the rows into two halves."""

    accepted: Index
    """Unordered pairs with s >= level (T, g)."""
    nearest: Rows
    """Largest similarity of each row to another row of its group (n,), -inf where it is alone."""
    histogram: Index
    """Similarities of all pairs between EDGES, those beyond them in the outermost bins (200,)."""
    first_half: Index
    """Pairs with s >= level and both rows in the True half (R, T, g)."""
    second_half: Index
    """Pairs with s >= level and both rows in the False half (R, T, g)."""


def genuine(unit: Rows, starts: Index, levels: Float, halves: NDArray[np.bool_]) -> Genuine:
    """The pairs inside groups of consecutive `unit` rows (n, d) that begin at `starts` (T,), at descending `levels`
    (g,), for the splits `halves` (R, n). As in Kernels.accepted, products are rounded to the dtype of the rows and
    comparisons are exact. About sum n_i^2 d flop for groups of n_i rows, never more than tiles of them in memory."""
    counts = _Counts(unit, starts, levels, halves)
    for _ in spread(counts.add, counts.pieces()):
        pass
    for table in (counts.accepted, *counts.halved):
        np.cumsum(table, axis=-1, out=table)
    accepted, first_half, second_half = (table[..., :-1] for table in (counts.accepted, *counts.halved))
    counts.histogram[-2] += counts.histogram[-1]
    return Genuine(accepted, counts.nearest, counts.histogram[:-1], first_half, second_half)


class _Counts:
    """Sums over stacks of small groups of one size and over tiles of large groups; pairs by the first level reached."""

    def __init__(self, unit: Rows, starts: Index, levels: Float, halves: NDArray[np.bool_]) -> None:
        self.unit, self.starts, self.halves = unit, starts, halves
        self.sizes = np.diff(np.append(starts, len(unit)))
        self.ladder = Ladder(rounded_up(levels, unit.dtype))
        shape = len(starts), len(levels) + 1  # the last column takes the pairs that reach no level
        self.accepted = np.zeros(shape, np.int64)
        self.halved = np.zeros((2, len(halves), *shape), np.int64)
        self.nearest = np.full(len(unit), -np.inf, unit.dtype)
        self.histogram = np.zeros(len(EDGES), np.int64)  # s = 1 has a bin of its own until the end
        self.lock = threading.Lock()

    def pieces(self) -> Iterator[tuple[Index, slice, slice]]:
        """Groups of one size with the rows and columns, counted from the start of a group, of their next tile."""
        for size in np.unique(self.sizes[self.sizes > 1]):
            groups = np.flatnonzero(self.sizes == size)
            step = max(1, _BATCH // (size * max(size, self.unit.shape[1]))) if size <= _STACKED else 1
            for start in range(0, len(groups), step):
                for row in range(0, size, _BLOCK):
                    for column in range(row, size, _WIDE):
                        rows, columns = slice(row, min(row + _BLOCK, size)), slice(column, min(column + _WIDE, size))
                        yield groups[start : start + step], rows, columns

    def add(self, piece: tuple[Index, slice, slice]) -> None:
        """Count the pairs i < j of a tile."""
        groups, rows, columns = piece
        first, second = (self.starts[groups, None] + np.arange(part.start, part.stop) for part in (rows, columns))
        similarity = self.unit[first] @ self.unit[second].transpose(0, 2, 1)
        ordered = np.arange(rows.start, rows.stop)[:, None] < np.arange(columns.start, columns.stop)
        whole = bool(ordered.all())
        if not whole:
            np.copyto(similarity, -np.inf, where=~ordered)
        codes = self.ladder.first(similarity.ravel()).reshape(similarity.shape)
        codes += groups[:, None, None] * self.accepted.shape[1]
        across, down = similarity.max(axis=2), similarity.max(axis=1)
        drawn = np.clip(similarity if whole else similarity[:, ordered], -1, 1)
        drawn += 1
        drawn *= (len(EDGES) - 1) / 2
        histogram = np.bincount(drawn.ravel().astype(np.int64), minlength=len(EDGES))
        with self.lock:
            self.nearest[first] = np.maximum(self.nearest[first], across)
            self.nearest[second] = np.maximum(self.nearest[second], down)
            self.histogram += histogram
            np.add.at(self.accepted.reshape(-1), codes.ravel(), 1)
        for side, tables in zip((self.halves, ~self.halves), self.halved, strict=True):
            for half, table in zip(side, tables, strict=True):
                chosen = _chosen(codes, half[first], half[second]).ravel()
                with self.lock:
                    np.add.at(table.reshape(-1), chosen, 1)


def _chosen(codes: Index, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Index:
    """Those codes (c, m, m') that have a chosen row (c, m) on the left and a chosen row (c, m') on the right."""
    if len(codes) == 1:
        return np.asarray(codes[0][left[0]][:, right[0]])
    return np.asarray(codes[left[:, :, None] & right[:, None, :]])
