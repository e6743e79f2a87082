"""Genuine pairs: two rows of one group, counted at every level of a decision threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels import Kernels, RowsAt, numpy_kernels
from labelfree.kernels.numpy_pairs import Ladder, rounded_up

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


def genuine(
    unit: Rows, starts: Index, levels: Float, halves: NDArray[np.bool_], kernels: Kernels = numpy_kernels
) -> Genuine:
    """The pairs inside groups of consecutive `unit` rows (n, d) that begin at `starts` (T,), at descending `levels`
    (g,), for the splits `halves` (R, n). As in Kernels.accepted, products are rounded to the dtype of the rows and
    comparisons are exact. About sum n_i^2 d flop for groups of n_i rows, never more than tiles of them in memory."""
    sizes = np.diff(np.append(starts, len(unit)))
    shape = len(starts), len(levels) + 1  # the last column takes the pairs that reach no level
    accepted, halved = np.zeros(shape, np.int64), np.zeros((2, len(halves), *shape), np.int64)
    nearest = np.full(len(unit), -np.inf, unit.dtype)
    histogram = np.zeros(len(EDGES), np.int64)  # s = 1 has a bin of its own until the end
    work = partial(_counted, starts=starts, levels=rounded_up(levels, unit.dtype), halves=halves)
    for found in kernels.over(unit, work, _pieces(sizes, unit.shape[1])):
        accepted[found.groups] += found.accepted
        halved[:, :, found.groups] += found.halved
        histogram += found.histogram
        for rows, largest in ((found.rows, found.across), (found.columns, found.down)):
            nearest[rows] = np.maximum(nearest[rows], largest)
    for table in (accepted, *halved):
        np.cumsum(table, axis=-1, out=table)
    histogram[-2] += histogram[-1]
    first_half, second_half = halved[..., :-1]
    return Genuine(accepted[:, :-1], nearest, histogram[:-1], first_half, second_half)


@dataclass(frozen=True, eq=False)
class _Piece:
    """A tile of c groups of one size: the rows and columns, counted from where a group begins."""

    groups: Index
    rows: slice
    columns: slice


@dataclass(frozen=True, eq=False)
class _Counted:
    """The pairs of a piece by the first level reached: accepted (c, g + 1), halved (2, R, c, g + 1); the largest
    similarities of its rows (c, m) and of its columns (c, p)."""

    groups: Index
    accepted: Index
    halved: Index
    histogram: Index
    rows: Index
    across: Rows
    columns: Index
    down: Rows


def _pieces(sizes: Index, d: int) -> Iterator[_Piece]:
    """Stacks of small groups of one size and tiles of large groups."""
    for size in np.unique(sizes[sizes > 1]):
        groups = np.flatnonzero(sizes == size)
        step = max(1, _BATCH // (size * max(size, d))) if size <= _STACKED else 1
        for start in range(0, len(groups), step):
            for row in range(0, size, _BLOCK):
                for column in range(row, size, _WIDE):
                    rows, columns = slice(row, min(row + _BLOCK, size)), slice(column, min(column + _WIDE, size))
                    yield _Piece(groups[start : start + step], rows, columns)


def _counted(unit: RowsAt, piece: _Piece, starts: Index, levels: Rows, halves: NDArray[np.bool_]) -> _Counted:
    """The pairs i < j of a piece."""
    first, second = (
        starts[piece.groups, None] + np.arange(part.start, part.stop) for part in (piece.rows, piece.columns)
    )
    similarity = unit[first] @ unit[second].transpose(0, 2, 1)
    ordered = np.arange(piece.rows.start, piece.rows.stop)[:, None] < np.arange(piece.columns.start, piece.columns.stop)
    whole = bool(ordered.all())
    if not whole:
        np.copyto(similarity, -np.inf, where=~ordered)
    shape = len(piece.groups), len(levels) + 1
    codes = Ladder(levels).first(similarity.ravel()).reshape(similarity.shape)
    codes += (np.arange(shape[0]) * shape[1])[:, None, None]

    def table(chosen: Index) -> Index:
        return np.bincount(chosen.ravel(), minlength=shape[0] * shape[1]).reshape(shape)

    halved = np.empty((2, len(halves), *shape), np.int64)
    for side, tables in zip((halves, ~halves), halved, strict=True):
        for half, found in zip(side, tables, strict=True):
            found[:] = table(_chosen(codes, half[first], half[second]))
    drawn = np.clip(similarity if whole else similarity[:, ordered], -1, 1)
    drawn += 1
    drawn *= (len(EDGES) - 1) / 2
    histogram = np.bincount(drawn.ravel().astype(np.int64), minlength=len(EDGES))
    return _Counted(
        piece.groups, table(codes), halved, histogram, first, similarity.max(axis=2), second, similarity.max(axis=1)
    )


def _chosen(codes: Index, left: NDArray[np.bool_], right: NDArray[np.bool_]) -> Index:
    """Those codes (c, m, m') that have a chosen row (c, m) on the left and a chosen row (c, m') on the right."""
    if len(codes) == 1:
        return np.asarray(codes[0][left[0]][:, right[0]])
    return np.asarray(codes[left[:, :, None] & right[:, None, :]])
