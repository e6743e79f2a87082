"""The largest of neighboring values, of any range of them at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelfree.arrays import Rows


class Highest:
    """The maxima of ranges of (n,) values: a table of those of 1, 2, 4, 8, ... neighbors, two of which make any range.

    table: (levels, n); level: (n + 1,) which row of it a range of so many takes.
    """

    def __init__(self, values: Rows) -> None:
        n = len(values)
        self.level = np.zeros(n + 1, np.int64)
        self.level[1:] = np.frexp(np.arange(1, n + 1))[1] - 1
        self.table = np.empty((int(self.level[-1]) + 1, n), values.dtype)
        self.table[0] = values
        for k in range(1, len(self.table)):
            half = 1 << (k - 1)
            self.table[k] = self.table[k - 1]
            np.maximum(self.table[k - 1, :-half], self.table[k - 1, half:], out=self.table[k, :-half])

    def between(self, one: Any, other: Any) -> NDArray[Any]:
        """The largest of values[low:high], low and high the lower and the higher of each pair; -inf where equal."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        level = self.level[high - low]
        first, second = np.minimum(low, len(self.table[0]) - 1), np.maximum(high - (1 << level), 0)
        found = np.maximum(self.table[level, first], self.table[level, second])
        kept: NDArray[Any] = np.where(low == high, found.dtype.type(-np.inf), found)
        return kept
