"""The heavy loops of spanning trees in numpy: each row's nearest of others, and pairs that are nearer than a limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels.numpy_pairs import rounded_up
from labelfree.kernels.ranges import Highest
from labelfree.kernels.threads import spread
from labelfree.progress import Advance, still

_BLOCK, _WIDE = 512, 2048  # rows and columns of a tile
_LEAF = 4096  # pairs up to which the limit of each is looked up by itself
_ROOM = 32  # a tile in which more than one pair of so many is near is crowded

Near: TypeAlias = tuple[Index, Index, Rows]
"""Places of rows and of columns (m,), and a lower bound (m,) of the squared distance of each pair."""
Crowd: TypeAlias = tuple[slice, slice]
"""Rows and columns of a tile with so many near pairs that a finer dtype has to look again."""


def lifted(points: Rows, share: float = 0.0) -> Rows:
    """(n, d + 2) matrix R with (L R^T)_ij = |x_i - x_j|^2, L = facing(R): one matrix product is all there is to do.

    share: of |x_i|^2 + |x_j|^2, which is taken off.
    """
    n, d = points.shape
    right = np.empty((n, d + 2), points.dtype)
    right[:, :d] = points
    right[:, d] = np.einsum("ij,ij->i", points, points, dtype=np.float64) * (1 - share)
    right[:, d + 1] = 1.0
    return right


def facing(right: Rows) -> Rows:
    """The left side for some rows of a lifted matrix."""
    left = right * right.dtype.type(-2)
    left[:, -2], left[:, -1] = 1.0, right[:, -2]
    return left


class _Rooms(threading.local):
    """A room of each thread for its tiles: fresh memory would cost a good part of a product."""

    room: Rows | None = None

    def product(self, left: Rows, right: Rows) -> Rows:
        """left @ right.T, which holds until the next one."""
        if self.room is None or self.room.size < len(left) * len(right):
            self.room = np.empty(max(len(left), _BLOCK) * max(len(right), _WIDE), left.dtype)
        out = self.room[: len(left) * len(right)].reshape(len(left), len(right))
        return np.matmul(left, right.T, out=out)


def nearest_of(points: Rows, others: Rows, advance: Advance = still) -> Index:
    """See Kernels.nearest_of. 2 m n d flop and one look at each pair."""
    right, rooms = lifted(others), _Rooms()
    found = np.empty(len(points), np.int64)

    def work(start: int) -> int:
        left = facing(lifted(points[start : start + _BLOCK]))
        rows = np.arange(len(left))
        best, index = np.full(len(left), np.inf, points.dtype), np.zeros(len(left), np.int64)
        for column in range(0, len(right), _WIDE):
            tile = rooms.product(left, right[column : column + _WIDE])
            lowest = tile.argmin(axis=1)
            score = tile[rows, lowest]
            closer = score < best
            best[closer], index[closer] = score[closer], lowest[closer] + column
        found[start : start + len(left)] = index
        return start + len(left)

    for done in spread(work, range(0, len(points), _BLOCK)):
        advance(done / len(points))
    return found


def below(
    left: Rows,
    right: Rows,
    at: Index,
    to: Index,
    limit: Float,
    share: float,
    *,
    forward: bool,
    whole: bool = False,
    advance: Advance = still,
) -> Iterator[Near | Crowd]:
    """See Kernels.below. 2 m n d flop (half of it forward) and two comparisons per pair."""
    columns_of = lifted(right, share)
    rows_of = facing(columns_of if left is right else lifted(left, share))
    highest, rooms = Highest(rounded_up(limit, left.dtype)), _Rooms()
    tiles = [
        (slice(i, min(i + _BLOCK, len(at))), slice(j, min(j + _WIDE, len(to))))
        for i in range(0, len(at), _BLOCK)
        for j in range(int(np.searchsorted(to, at[i], side="right")) if forward else 0, len(to), _WIDE)
    ]

    def work(tile: tuple[slice, slice]) -> Near | Crowd:
        rows, columns = tile
        squared = rooms.product(rows_of[rows], columns_of[columns])
        most = squared.size if whole else squared.size // _ROOM
        found = _near(squared, at[rows], to[columns], highest, forward, most)
        if found is None:
            return tile
        row, column = found
        return row + rows.start, column + columns.start, squared[row, column]

    for done, found in enumerate(spread(work, tiles), start=1):
        yield found
        advance(done / len(tiles))


def _near(
    squared: Rows, at: Index, to: Index, highest: Highest, forward: bool, most: int
) -> tuple[Index, Index] | None:
    """Rows and columns of a tile that are near; None where there are more than `most`."""
    waiting = [(slice(0, len(at)), slice(0, len(to)))]
    found: list[tuple[Index, Index]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    count = 0
    while waiting:
        rows, columns = waiting.pop()
        own, other = at[rows], to[columns]
        if len(own) == 0 or len(other) == 0 or (forward and own[0] >= other[-1]):
            continue
        part = squared[rows, columns]
        if own[-1] < other[0] or other[-1] < own[0]:  # the way between them leads over what lies between both
            ahead = own[-1] < other[0]
            gate = other[0] if ahead else other[-1]
            across = highest.between(own, gate)[:, None]
            down = highest.between(gate, other)
            mask = part <= across
            if down.max() > across.min():
                mask |= part <= down
        elif len(own) == 1 or part.size <= _LEAF:
            reach = highest.between(own[:, None], other[None, :])
            if forward:
                reach[own[:, None] >= other] = -np.inf
            mask = part <= reach
        else:
            row = rows.start + len(own) // 2
            column = columns.start + int(np.searchsorted(other, at[row]))
            for half in (slice(rows.start, row), slice(row, rows.stop)):
                waiting += [(half, slice(columns.start, column)), (half, slice(column, columns.stop))]
            continue
        hits = _set(mask)
        count += len(hits)
        if count > most:
            return None
        if len(hits):
            row_of = hits // part.shape[1]
            found.append((row_of + rows.start, hits - row_of * part.shape[1] + columns.start))
    row_parts, column_parts = zip(*found, strict=True)
    return np.concatenate(row_parts), np.concatenate(column_parts)


def _set(mask: NDArray[np.bool_]) -> Index:
    """Flat positions of what is true; little is, so it is looked for in words of 8."""
    if mask.size % 8:
        return np.flatnonzero(mask)
    bits = mask.reshape(-1, 8)
    words = np.flatnonzero(bits.view(np.uint64))
    which, inside = np.nonzero(bits[words])
    return np.asarray(words[which] * 8 + inside)
