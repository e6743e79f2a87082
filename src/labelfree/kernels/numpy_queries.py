"""Distances from query points to their nearest row, over rows that come in blocks: never a table of all pairs."""

from __future__ import annotations

import threading

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels.numpy_trees import facing, lifted
from labelfree.kernels.threads import spread

_CHUNK, _WIDE = 512, 2048  # queries and rows of a tile
_GAPS = 1 << 18  # differences of coordinates at a time
_FEW = 16  # pairs per query that are measured one by one


class Queries:
    """Squared distances from query points to the nearest of all rows seen, exact to float64.

    A float32 product of centered coordinates gives a lower bound of every squared distance; what lies below the best
    distance so far is measured again by differences in float64. Where rounding hides too many of them (tight clumps
    far from each other), a float64 product decides which: then distances are exact to 1e-8 of the largest norm.
    """

    def __init__(self, points: Rows, own: Index, center: Float, scale: float) -> None:
        """points: (q, d); own: (q,) position of the row that a query is itself, -1 where none; coordinates are taken
        about `center` (d,) in units of `scale`, a power of two of the size of their range."""
        self.points, self.own, self.center, self.scale = points, own, center, scale
        self.best = np.full(len(points), np.inf)
        self.rooms = threading.local()
        d = points.shape[1]
        self.slack = (8 + 0.5 * d**0.5) * float(np.finfo(np.float32).eps)
        self.left = np.empty((len(points), d + 2), np.float32)
        for start in range(0, len(points), _WIDE):
            part = slice(start, start + _WIDE)
            self.left[part] = facing(self._lifted(points[part]))

    @property
    def distance(self) -> Float:
        """Distance (q,) to the nearest row seen, infinite where there was none."""
        return np.asarray(np.sqrt(self.best) * self.scale)

    def _lifted(self, rows: Rows) -> Rows:
        """Coordinates whose products are squared distances less all that rounding may have added."""
        right = lifted(self._centered(rows).astype(np.float32))
        right[:, -2] *= np.float32(1 - self.slack)
        return right

    def _centered(self, rows: Rows) -> Float:
        return np.asarray((rows - self.center) / self.scale)

    def update(self, rows: Rows, first: int) -> None:
        """Look at rows (m, d), the first of which is row `first` of all. 2 q m d flop, on all cores."""
        for start in range(0, len(rows), _WIDE):
            part = rows[start : start + _WIDE]
            right = self._lifted(part)

            def work(begin: int, part: Rows = part, right: Rows = right, at: int = first + start) -> None:
                self._look(slice(begin, min(begin + _CHUNK, len(self.best))), part, right, at)

            starts = range(0, len(self.best), _CHUNK)
            for _ in spread(work, starts) if len(starts) > 1 else map(work, starts):
                pass

    def _look(self, chunk: slice, rows: Rows, right: Rows, first: int) -> None:
        tile = self._tile(chunk.stop - chunk.start, len(right))
        np.matmul(self.left[chunk], right.T, out=tile)
        mine = self.own[chunk] - first
        inside = np.flatnonzero((mine >= 0) & (mine < len(rows)))
        tile[inside, mine[inside]] = np.inf
        nearest, low = _lowest(tile)
        best = self.best[chunk]  # a view: measuring changes it
        active = np.flatnonzero((low <= best) & (best > 0) & np.isfinite(low))
        if len(active) == 0:
            return
        self._measure(active + chunk.start, rows, nearest[active])
        tile[active, nearest[active]] = np.inf
        _, low = _lowest(tile)
        active = active[(low[active] <= best[active]) & (best[active] > 0)]
        if len(active) == 0:
            return
        hits = tile[active] <= np.nextafter(best[active].astype(np.float32), np.float32(np.inf))[:, None]
        many = np.count_nonzero(hits, axis=1) > _FEW
        if many.any():
            self._sharpen(active[many] + chunk.start, rows, first)
            hits[many] = False
        where, column = np.nonzero(hits)
        self._measure(active[where] + chunk.start, rows, column)

    def _tile(self, rows: int, columns: int) -> Rows:
        """Room for a tile, the same for all tiles of a thread: fresh memory would cost a quarter of the product."""
        room: Rows | None = getattr(self.rooms, "room", None)
        if room is None:
            room = self.rooms.room = np.empty(_CHUNK * _WIDE, np.float32)
        return room[: rows * columns].reshape(rows, columns)

    def _measure(self, query: Index, rows: Rows, column: Index) -> None:
        """Take note of the distances of pairs (query, row)."""
        step = max(1, _GAPS // rows.shape[1])
        for start in range(0, len(query), step):
            q, c = query[start : start + step], column[start : start + step]
            gap = np.subtract(self.points[q], rows[c], dtype=np.float64)
            gap /= self.scale
            np.minimum.at(self.best, q, np.einsum("ij,ij->i", gap, gap))

    def _sharpen(self, query: Index, rows: Rows, first: int) -> None:
        """The nearest few rows by a float64 product, then by differences."""
        right = self._centered(rows)
        squares = np.einsum("ij,ij->i", right, right)
        left = self._centered(self.points[query])
        score = left @ right.T
        score *= -2.0
        score += squares
        mine = self.own[query] - first
        inside = np.flatnonzero((mine >= 0) & (mine < len(rows)))
        score[inside, mine[inside]] = np.inf
        few = min(_FEW, len(rows))
        near = np.argpartition(score, few - 1, axis=1)[:, :few]
        keep = np.isfinite(np.take_along_axis(score, near, axis=1))
        where, slot = np.nonzero(keep)
        self._measure(query[where], rows, near[where, slot])


def _lowest(tile: Rows) -> tuple[Index, Rows]:
    """Where each row of a tile is lowest, and what it is there."""
    where = tile.argmin(axis=1)
    return where, tile[np.arange(len(tile)), where]
