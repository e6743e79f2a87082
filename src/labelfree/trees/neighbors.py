"""Each point's nearest points outside its component, with a proof of how near any other could be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from labelfree.arrays import Float, Index, Rows
from labelfree.kernels import Kernels
from labelfree.progress import Advance
from labelfree.trees.exact import TIED, distances, rounding


class Neighbors:
    """For each of n points: `index` (n, k) of other points (-1: none), `length` (n, k) of the way there, ascending
    and exact to float64, and `beyond` (n,): nothing outside the point's component that is not listed is nearer.
    """

    def __init__(self, points: Float, kernels: Kernels, k: int) -> None:
        self.points, self.kernels = points, kernels
        self.coarse = points.astype(np.float32)
        self.k = min(k, len(points) - 1)
        self.index = np.full((len(points), self.k), -1, np.int64)
        self.length = np.full((len(points), self.k), np.inf)
        self.beyond = np.zeros(len(points))
        self.noise = rounding(self.coarse)

    def fill(self, rows: Index, labels: Index | None, advance: Advance) -> None:
        """List the nearest points outside the components of `rows`; without labels each point is a component.

        float32 proposes; where its rounding hides who is nearest, float64 proposes again; what is too close together
        even for that is looked at around one of its own points, where rounding is as small as the distances.
        """
        unsure = self._propose(self.coarse, rows, labels, advance=advance)
        if len(unsure):
            unsure = self._propose(self.points, unsure, labels, advance=advance)
        while len(unsure):
            unsure = self._around(unsure, labels)

    def _propose(
        self,
        points: Rows,
        rows: Index,
        labels: Index | None,
        *,
        members: Index | None = None,
        limit: float = np.inf,
        advance: Callable[[float], None] = lambda done: None,
    ) -> Index:
        """List by one matrix product in the precision of `points`; return the rows whose nearest stays unproved.

        points: all of them, or those of `members`, outside of which nothing is nearer to `rows` than `limit`.
        """
        noise = rounding(points)
        if members is None:
            score, index = self.kernels.closest(points, rows, self.k, labels, advance)
        else:
            inside = None if labels is None else labels[members]
            score, index = self.kernels.closest(points, np.searchsorted(members, rows), self.k, inside, advance)
            index = np.where(index >= 0, members[index], -1)
        most = score.max(axis=1).astype(np.float64)
        noise_of = np.where(noise <= TIED * most, 0.0, noise)
        there = index >= 0
        length = np.full(index.shape, np.inf)
        length[there] = distances(self.points, np.repeat(rows, self.k)[there.ravel()], index[there])
        order = np.lexsort((index, length), axis=1)
        self.index[rows] = np.take_along_axis(index, order, axis=1)
        self.length[rows] = length = np.take_along_axis(length, order, axis=1)
        last = np.where(there, length, 0.0).max(axis=1)
        beyond = np.sqrt(np.maximum(most - noise_of, 0.0))
        beyond = np.where(noise_of == 0, np.maximum(beyond, last * np.isfinite(most)), beyond)
        beyond[np.isinf(most)] = np.inf
        self.beyond[rows] = beyond = np.minimum(beyond, limit)
        return np.asarray(rows[length[:, 0] > beyond])

    def _around(self, unsure: Index, labels: Index | None) -> Index:
        """List all unsure rows near the first of them by the points near it alone; return the others."""
        anchor = self.points[unsure[0]]
        reach = np.sqrt(self.length[unsure, 0] ** 2 + rounding(self.points))
        away = np.sqrt(((self.points - anchor) ** 2).sum(axis=1))
        close = away[unsure] <= 2 * reach[0]
        limit = float(reach[close].max())
        members = np.flatnonzero(away <= 2 * reach[0] + limit * (1 + 1e-9))
        left = self._propose(self.points[members] - anchor, unsure[close], labels, members=members, limit=limit)
        for row in left.tolist():
            self._measure(row, labels)
        others: Index = unsure[~close]
        return others

    def _measure(self, row: int, labels: Index | None) -> None:
        """The nearest point of one row, from the differences to all."""
        away = distances(self.points, np.full(len(self.points), row), np.arange(len(self.points)))
        away[row if labels is None else labels == labels[row]] = np.inf
        at = int(away.argmin())
        self.index[row], self.length[row] = -1, np.inf
        self.index[row, 0], self.length[row, 0], self.beyond[row] = at, away[at], away[at]

    def outside(self, labels: Index) -> tuple[Index, Float]:
        """The nearest listed point outside each row's component (-1: none) and how far it is."""
        out = (self.index >= 0) & (labels[self.index] != labels[:, None])
        first = out.argmax(axis=1)[:, None]
        found = np.take_along_axis(out, first, axis=1)[:, 0]
        index = np.where(found, np.take_along_axis(self.index, first, axis=1)[:, 0], -1)
        return index, np.where(found, np.take_along_axis(self.length, first, axis=1)[:, 0], np.inf)
