"""Sums of rows that were read in row groups: what tells how surely a part stands for the whole."""

from __future__ import annotations

from dataclasses import dataclass

from labelfree.summaries import Moments

LEAST = 12
"""Bins of row groups from which there is an interval: of fewer, where files are sorted, it was too narrow."""
MOST = 24
"""Bins of row groups at most."""
_HELD = 3 << 27
"""Bytes that the sums of all bins may take."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """A part of the rows, by the row groups that it was read in.

    read, of: how many row groups were read, and how many there are; rows: of the whole data set; kind: what they are
    called; moments, unit: of the rows, and of the rows at length one, in bins of row groups that chance put together,
    as `bins` says how many; none where they would take too much memory.
    """

    read: int
    of: int
    rows: int
    kind: str
    moments: tuple[Moments, ...] = ()
    unit: tuple[Moments, ...] = ()

    @property
    def why_none(self) -> str:
        """Why there is no interval; empty where there is one."""
        if self.read < LEAST:
            return f"{self.read} of {self.of:,} {self.kind} were read, expected at least {LEAST} to see how they differ"
        if not self.moments:
            return "rows are so wide that their sums were not kept for each of the " + self.kind
        return ""


def bins(read: int, d: int, matrices: int) -> int:
    """Into how many bins to put so many row groups of this width, of which so many matrices are summed; 0 for none."""
    held = _HELD // (8 * d * d * max(matrices, 1))
    found = min(read, MOST, held)
    return found if found >= LEAST else 0
