"""Which rows belong together, and where that is from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Index, Keys, Rows
from labelfree.evidence.zone import Calibration

Origin: TypeAlias = Literal["column", "other_space", "crossfit", "same_space"]
"""Where groups are from: a column, clusters made in another space, in other dimensions, or in the judged space."""


@dataclass(frozen=True)
class Grouping:
    """The origin of the groups of a data set, and the calibration range.

    given: rows with their groups, or None for pseudo-groups: clusters of the sampled rows in half of their dimensions,
    or with `circular` in all of them. k: numbers of clusters, none for the usual three; seeds: of clusterings of each.
    """

    zone: Calibration
    given: GroupRows | None = None
    circular: bool = False
    k: tuple[int, ...] = ()
    seeds: int = 5


@dataclass(frozen=True, eq=False)
class GroupRows:
    """Rows with a group each, in any order: keys (m,) of the groups, index (m,) positions, rows (m, d).

    names: of the groups of these rows (m,), or what reads them given positions; null: rows of the data set that have no
    group; digest: of all rows and groups, whatever their order; frozen: the groups were made before, and only read;
    own: they were made of these very rows; sampled: rows kept of more, in whole groups, and the seed of that sample.
    """

    keys: Keys
    index: Index
    rows: Rows
    names: NDArray[Any] | Callable[[Index], NDArray[Any]]
    null: int = 0
    digest: str = ""
    origin: Origin = "column"
    frozen: bool = False
    own: bool = False
    sampled: tuple[int, int] | None = None

    def named(self, positions: Index) -> NDArray[Any]:
        """The names of the groups that rows at these positions (t,) of the data set belong to."""
        if callable(self.names):
            return self.names(positions)
        order = np.argsort(self.index)
        return np.asarray(self.names[order[np.searchsorted(self.index, positions, sorter=order)]])

    @property
    def circular(self) -> bool:
        """Whether the groups come from the distances that they are to judge."""
        return self.origin == "same_space" and (self.own or not self.frozen)
