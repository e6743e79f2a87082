"""Pairs of rows of different groups in numpy: the tail of their similarities, and who accepts whom at which level.

Rows are sorted by group, so the partners that a row is multiplied with, those of later groups, begin where its own
group ends: `ends`. One rule leaves out the lower triangle and the pairs inside a group alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels.threads import spread
from labelfree.progress import Advance, still

_BLOCK, _WIDE = 512, 2048  # rows and columns of a tile
ALIGNED = _WIDE
"""Blocks of rows begin at multiples of this, so that they are cut into the tiles of all rows."""
_CELLS = 1 << 14  # of the table in which a similarity is looked up


def ends(group: Index) -> Index:
    """Where the group of each row ends (n,)."""
    return np.asarray(np.searchsorted(group, group, side="right"))


def rounded_up(levels: Float, dtype: np.dtype[np.floating[Any]]) -> Rows:
    """The smallest numbers of a dtype that are not below `levels`: s >= level then means what it says."""
    near = levels.astype(dtype)
    return np.where(near < levels, np.nextafter(near, dtype.type(np.inf)), near)


def _each_tile(
    work: Callable[[slice, slice, Rows], None],
    left: Rows,
    right: Rows,
    at: int,
    to: int,
    end: Index,
    advance: Callable[[float], None],
) -> None:
    """work(rows, columns, similarities) for every tile of `left` and `right` that holds pairs, on all cores.

    The rows begin at the places `at` and `to` of all n rows, both multiples of a tile: a tile is the same, and so is
    its product to the last bit, whatever part of the rows is given. end: of all rows. What is no pair of different
    groups with i < j is -inf. All tiles of a thread share one room: fresh memory would cost a good part of the product.
    """
    rooms = threading.local()

    def one(tile: tuple[slice, slice]) -> None:
        rows, columns = tile
        if not hasattr(rooms, "room"):
            rooms.room = np.empty(_BLOCK * _WIDE, left.dtype)
        shape = rows.stop - rows.start, columns.stop - columns.start
        similarity = rooms.room[: shape[0] * shape[1]].reshape(shape)
        np.matmul(left[rows], right[columns].T, out=similarity)
        if end[at + rows.stop - 1] > to + columns.start:
            no_pair = np.arange(to + columns.start, to + columns.stop) < end[at + rows.start : at + rows.stop, None]
            np.copyto(similarity, -np.inf, where=no_pair)
        work(rows, columns, similarity)

    strips = [slice(start, min(start + _WIDE, len(right))) for start in range(0, len(right), _WIDE)]
    tiles = [
        (slice(start, min(start + _BLOCK, len(left), to + columns.stop - at)), columns)
        for columns in strips
        for start in range(0, min(len(left), to + columns.stop - at), _BLOCK)
        if end[at + start] < to + columns.stop
    ]
    for done, _ in enumerate(spread(one, tiles), start=1):
        advance(done / len(tiles))


def tail(unit: Rows, group: Index, windows: Float, bins: int, advance: Advance = still) -> tuple[Index, Index, Rows]:
    """See Kernels.tail. n^2 d flop, one comparison and two maxima per pair, and some 5 ns per pair in the tail."""
    above, counts, nearest, _ = tail_between(unit, unit, 0, 0, ends(group), windows, bins, advance)
    return above, counts, nearest


def tail_between(
    left: Rows, right: Rows, at: int, to: int, end: Index, windows: Float, bins: int, advance: Advance = still
) -> tuple[Index, Index, Rows, Rows]:
    """As Kernels.tail, over the pairs of some rows that begin at a multiple `at` of ALIGNED and others that begin at
    `to`; with the largest similarity of each of the others (one array where they are the same)."""
    limits = rounded_up(windows, left.dtype)
    lowest = limits[:, 0].min()
    edges = [np.linspace(low, high, bins + 1) for low, high in windows]
    above, counts = np.zeros(len(windows), np.int64), np.zeros((len(windows), bins), np.int64)
    one = np.full(len(left), -np.inf, left.dtype)
    other = one if left is right else np.full(len(right), -np.inf, left.dtype)
    lock = threading.Lock()

    def work(rows: slice, columns: slice, similarity: Rows) -> None:
        values = similarity.ravel()[np.flatnonzero(similarity >= lowest)]
        across, down = similarity.max(axis=1), similarity.max(axis=0)
        passed = [np.count_nonzero(values >= high) for _, high in limits]
        inside = [values[(values >= low) & (values < high)] for low, high in limits]
        places = [_binned(found, edge) for found, edge in zip(inside, edges, strict=True)]
        with lock:
            np.maximum(one[rows], across, out=one[rows])
            np.maximum(other[columns], down, out=other[columns])
            np.add(above, passed, out=above)
            for count, place in zip(counts, places, strict=True):
                np.add.at(count, place, 1)

    _each_tile(work, left, right, at, to, end, advance)
    return above, counts, one, other


def _binned(values: Rows, edges: Float) -> Index:
    """The bin of each value: edges[b] <= v < edges[b + 1], proposed by arithmetic and decided by the edges."""
    if len(values) == 0:
        return np.empty(0, np.int64)
    last = len(edges) - 2
    exact = values.astype(np.float64)
    place = np.minimum(((exact - edges[0]) * ((last + 1) / (edges[-1] - edges[0]))).astype(np.int64), last)
    place -= exact < edges[place]
    place += exact >= edges[place + 1]
    return np.asarray(place)


def accepted(unit: Rows, group: Index, levels: Float, advance: Advance = still) -> NDArray[np.int32]:
    """See Kernels.accepted. n^2 d flop, one comparison per pair, and some 10 ns per accepted pair."""
    counts, _ = reached_between(unit, unit, 0, 0, ends(group), levels, advance)
    np.cumsum(counts, axis=1, dtype=np.int32, out=counts)
    return counts


def reached_between(
    left: Rows, right: Rows, at: int, to: int, end: Index, levels: Float, advance: Advance = still
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """How many partners of each row reach each level first, (m, g) and (p, g), over the pairs of tail_between (one
    array where the rows are the same)."""
    g = len(levels)
    ladder = Ladder(rounded_up(levels, left.dtype))
    one = np.zeros((len(left), g), np.int32)
    other = one if left is right else np.zeros((len(right), g), np.int32)
    lock = threading.Lock()

    def work(rows: slice, columns: slice, similarity: Rows) -> None:
        width = columns.stop - columns.start
        hits = np.flatnonzero(similarity >= ladder.lowest)
        first = ladder.first(similarity.ravel()[hits])
        row = hits // width
        column = hits - row * width
        with lock:
            np.add.at(one[rows].reshape(-1), row * g + first, np.int32(1))
            np.add.at(other[columns].reshape(-1), column * g + first, np.int32(1))

    _each_tile(work, left, right, at, to, end, advance)
    return one, other


class Ladder:
    """Which of many descending levels a similarity reaches first, from a table over their range.

    A cell of the table knows how many levels lie in the cells below it. Finding the cell is monotone in the
    similarity, rounding included, so that only a level in the very cell needs a comparison; where there are several,
    a binary search.
    """

    def __init__(self, levels: Rows) -> None:
        """levels: (g,) in descending order."""
        self.ascending = np.ascontiguousarray(levels[::-1])
        self.lowest, self.highest = self.ascending[0], self.ascending[-1]
        span = float(self.highest) - float(self.lowest)
        self.scale = levels.dtype.type(_CELLS / span if span > _CELLS * np.finfo(levels.dtype).tiny else 0)
        per_cell = np.bincount(self._cell(self.ascending), minlength=_CELLS + 2)
        self.left = len(levels) - (np.cumsum(per_cell) - per_cell)  # levels that are not below the cell
        self.inner = np.full(len(per_cell), np.inf, levels.dtype)
        self.inner[self._cell(self.ascending)] = self.ascending
        self.crowded = per_cell > 1
        self.any_crowded = bool(self.crowded.any())

    def _cell(self, values: Rows) -> Index:
        return np.asarray(((np.clip(values, self.lowest, self.highest) - self.lowest) * self.scale).astype(np.int64))

    def first(self, values: Rows) -> Index:
        """Position of the first level that each of (m,) values reaches, g where it reaches none."""
        cell = self._cell(values)
        place = self.left[cell] - (values >= self.inner[cell])
        if self.any_crowded:
            hard = np.flatnonzero(self.crowded[cell])
            place[hard] = len(self.ascending) - np.searchsorted(self.ascending, values[hard], side="right")
        return np.asarray(place)
