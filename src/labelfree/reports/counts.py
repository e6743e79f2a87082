"""Which rows were read, and what became of them."""

from __future__ import annotations

from labelfree.reports.entries import Part


class RowCounts(Part):
    """What became of the rows. `duplicate` counts rows that repeat an earlier one; beyond 1,000,000 distinct rows
    it is an estimate."""

    read: int
    used: int
    null: int
    nonfinite: int
    zero: int
    duplicate: int
    estimated: bool = False


class SourceInfo(Part):
    """The source rows beside a target: which they are, and what became of them."""

    name: str
    fingerprint: str
    rows_hash: str
    n: int
    d: int
    rows: RowCounts
