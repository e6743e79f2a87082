"""How alike representations of the same rows are, as a document: every pair with its metrics, and where they differ."""

from __future__ import annotations

from typing import Any, Literal

from labelfree.documents.reading import as_json
from labelfree.reports.entries import FindingEntry, Measured, MetricEntry, Part, RequiredVerdict, Tool
from labelfree.reports.rows import SampleInfo


class ComparedSource(Part):
    """One source: the name that pairs have for it, what was read, and its shape. bytes: of a vector as it is stored."""

    name: str
    path: str
    n: int
    d: int
    dtype: str
    bytes: int


class ChangedRow(Measured):
    """A row whose neighbors changed: its id, or its position in the first source where there are no ids."""

    id: str | int
    neighbors_kept: float


class SliceEntry(Measured):
    """Rows that share a value of the column: how many sampled ones, and the share of neighbors that they kept."""

    value: str
    n: int
    neighbors_kept: float
    se: float | None
    interval: tuple[float, float] | None


class BySlices(Part):
    """The rows by the values of a column, those that kept the fewest neighbors first; left_out: rows of rare values."""

    column: str
    slices: list[SliceEntry]
    left_out: int


class Agreement(Measured):
    """A threshold on B that does what the one on A does.

    threshold: the cosine on B; agreement: share of pairs of rows that are accepted by both or by neither; f1: of the
    pairs that B accepts, against those that A does; accepted: share of pairs that B accepts; the intervals are 95 %.
    """

    threshold: float
    threshold_interval: tuple[float, float] | None
    agreement: float
    agreement_interval: tuple[float, float] | None
    f1: float
    f1_interval: tuple[float, float] | None
    accepted: float


class ThresholdEntry(Measured):
    """What becomes of a threshold on A. group: whose pairs these are, None for all; pairs: how many.

    accepted: share of pairs that A accepts; same_share: the threshold on B that accepts as many; most_alike: the one
    with the greatest F1; unchanged: the threshold of A on B. None where A accepts no pair, or every one.
    """

    group: str | None
    threshold: float
    pairs: int
    accepted: float
    same_share: Agreement | None
    most_alike: Agreement | None
    unchanged: Agreement | None


class PairEntry(Part):
    """Two sources, a the one that b is compared with.

    n: rows of both that were used; sample: those whose neighbors were compared; joined: by id or by position; left_out:
    rows that only a, and only b, holds; bad: rows left out because they are bad in one; changed: rows that kept the
    fewest neighbors; bytes: of a vector of b.
    """

    a: str
    b: str
    n: int
    d: tuple[int, int]
    sample: SampleInfo | None
    joined: Literal["id", "position", "same"]
    left_out: tuple[int, int]
    bad: int
    metrics: dict[str, MetricEntry]
    changed: list[ChangedRow]
    by: BySlices | None
    thresholds: list[ThresholdEntry]
    findings: list[FindingEntry]
    bytes: int

    def __getitem__(self, name: str) -> MetricEntry:
        return self.metrics[name]


class CompareReport(Part):
    """What `labelfree compare --json` prints.

    sources: their names, the one that the others are compared with in `to`; inputs: what is known of each; pairs: every
    two of them, those with `to` first; verdict: only where something was required.
    """

    schema_version: Literal[2] = 2
    tool: Tool = Tool()
    command: Literal["compare"] = "compare"
    settings: dict[str, Any]
    sources: list[str]
    to: str
    inputs: list[ComparedSource]
    pairs: list[PairEntry]
    verdict: RequiredVerdict | None
    findings: list[FindingEntry]

    def to_json(self, *, indent: int | None = 2) -> str:
        """The comparison as JSON: sorted keys, 12 significant digits, no NaN or infinity."""
        return as_json(self.model_dump(mode="json"), indent=indent)

    def pair(self, a: str, b: str) -> PairEntry:
        """The pair of two sources by their names, in either order."""
        return next(one for one in self.pairs if {one.a, one.b} == {a, b})
