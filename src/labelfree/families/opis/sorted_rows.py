"""Rows of one group after another: what the metrics of OPIS compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from labelfree.arrays import Index, Rows
from labelfree.evidence.groups import GroupRows
from labelfree.evidence.scaling import unit
from labelfree.results import Result, undefined

_BLOCK, _COLUMNS = 1024, 32


@dataclass(frozen=True, eq=False)
class SortedGroups:
    """n rows of T groups of at least two, one group after another: stored[order], of which groups begin at starts (T,).

    first (T,): the position in the data set of a group's first row; single: groups of one row, which were left out.
    """

    stored: Rows
    order: Index
    starts: Index
    first: Index
    single: int

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.order)

    @property
    def size(self) -> Index:
        """Rows of each group (T,)."""
        return np.diff(np.append(self.starts, self.count))

    @property
    def code(self) -> Index:
        """The number of each row's group (n,)."""
        return np.repeat(np.arange(len(self.starts)), self.size)

    @property
    def pairs(self) -> int:
        """Unordered pairs of rows of different groups."""
        return (self.count**2 - int((self.size**2).sum())) // 2

    def unit(self, dtype: DTypeLike, which: Index | None = None) -> Rows:
        """The rows, or some of them (m,), scaled to length one: (n, d) or (m, d)."""
        order = self.order if which is None else self.order[which]
        out = np.empty((len(order), self.stored.shape[1]), dtype)
        for start in range(0, len(out), _BLOCK):
            part = slice(start, start + _BLOCK)
            out[part] = unit(self.stored[order[part]])
        return out

    def summed(self, values: NDArray[Any]) -> Index:
        """Sums of the rows of each group, (T, g) of (n, g), a few columns at a time."""
        out = np.empty((len(self.starts), values.shape[1]), np.int64)
        for start in range(0, values.shape[1], _COLUMNS):
            part = slice(start, start + _COLUMNS)
            out[:, part] = np.add.reduceat(values[:, part], self.starts, axis=0, dtype=np.int64)
        return out


def without_direction(rows: Rows) -> Result | None:
    """Why rows cannot be compared by their cosine, where some are zero."""
    zero = int((~np.asarray(rows.any(axis=1))).sum())
    if zero == 0:
        return None
    return undefined("zero_rows", f"{zero} of {len(rows)} rows are zero and have no direction; remove them")


def grouped(given: GroupRows, least_negatives: float) -> SortedGroups | Result:
    """The rows of groups of at least two, sorted by group; or why they do not do.

    Groups are ordered by their lowest row and rows by their position, so that nothing depends on the order of keys.
    """
    if wrong := without_direction(given.rows):
        return wrong
    _, code, size = np.unique(given.keys, return_inverse=True, return_counts=True)
    code = code.ravel()
    kept = np.flatnonzero(size[code] >= 2)
    single = int((size < 2).sum())
    first = np.full(len(size), np.iinfo(np.int64).max)
    np.minimum.at(first, code, given.index)
    order = kept[np.lexsort((given.index[kept], first[code[kept]]))]
    starts = np.flatnonzero(np.diff(first[code[order]], prepend=-1))
    if len(starts) < 2:
        alone = f" and {single} of one row" if single else ""
        return undefined("insufficient", f"needs at least 2 groups of 2 rows or more, found {len(starts)}{alone}")
    found = SortedGroups(given.rows, order, starts, first[code[order]][starts], single)
    if found.pairs < least_negatives:
        return undefined(
            "insufficient",
            f"needs at least {least_negatives:.0f} pairs of different groups for the lower false accept rate, "
            f"found {found.pairs}",
        )
    return found
