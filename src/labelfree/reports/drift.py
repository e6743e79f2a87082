"""What a report says of drift beside its metrics: the sentence, the reference, this look, the rows, the slices."""

from __future__ import annotations

from typing import Any, Literal

from labelfree.reports.counts import SourceInfo
from labelfree.reports.entries import Measured, Part


class Look(Measured):
    """One look at a run of them. number: which it is, None outside a history; of: how many were stated; alpha: what
    each of them may alarm by chance; p_value: that of energy_ratio; different: whether it is no larger.
    """

    number: int | None
    of: int
    alpha: float
    p_value: float | None
    different: bool | None


class UnusualRow(Measured):
    """A row of CURRENT: its id (or position), its conformal p-value, its score, the nearest reference rows."""

    id: Any
    p_value: float
    score: float
    nearest: list[dict[str, Any]]


class Unusual(Measured):
    """The most unusual rows first. scored: rows of CURRENT that were looked at; calibration_rows: of the reference,
    which say what is usual; singled_out: rows that can be named, so that about 10 % of them are false.
    """

    method: str
    scored: int
    calibration_rows: int
    singled_out: int
    false_share: float = 0.1
    rows: list[UnusualRow]


class Slice(Measured):
    """The rows with one value of a column: how many there are here and in the reference, and how far they drifted."""

    value: str
    rows: int
    share: float
    reference_share: float | None
    beyond: float | None
    beyond_interval: tuple[float, float] | None
    energy_ratio: float | None
    energy_interval: tuple[float, float] | None
    against: Literal["the same value", "all rows"]


class Slices(Part):
    """The slices of a column, those with most rows beyond the reference first; left_out: rows of rarer values."""

    column: str
    left_out: int
    slices: list[Slice]


class Drift(Measured):
    """What is said of drift. says: the first line in words; size: how large it is, in the words of rule drift/v1."""

    says: str
    size: Literal["none", "hardly", "slight", "moderate", "strong"] | None
    rule: str = "drift/v1"
    look: Look
    reference: SourceInfo
    unusual: Unusual | None
    by: Slices | None
