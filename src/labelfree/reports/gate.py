"""What a gate decided, as a document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from labelfree.reports.entries import FindingEntry, Part, Tool, Verdict


class GateInput(BaseModel):
    """What a gate read: a report, the baseline, or a history. Which fields are there depends on the role."""

    model_config = ConfigDict(extra="allow", frozen=True)

    role: Literal["report", "base", "history"]
    path: str


class Guard(Part):
    """The collapse guard at the latest check."""

    name: Literal["collapse"]
    version: int
    decision: Literal["pass", "collapse", "fail"]
    reason: str
    message: str
    step: int
    effective_rank: float | None
    highest_rank: float | None
    highest_step: int | None
    rank_share: float | None
    mean_cosine: float | None
    duplicate_share: float | None
    zero_bar_share: float | None
    classes: int | None
    centered_rank: float | None
    centered_share: float | None
    spread_share: float | None
    sphericity: float | None
    directions: float | None


class BestCheck(Part):
    """The best check of a run that had not collapsed: the checkpoint to keep."""

    metric: str
    value: float
    se: float | None
    step: int
    source: str
    checks_since: int
    steps_since: int


class StateSeen(Part):
    """The state of the latest check of a history, or the worst of the reports, and of which. It decides nothing."""

    rule: str
    state: str
    message: str
    of: str


class GateVerdict(Verdict):
    """The verdict of `labelfree gate`: the worst of all conditions and guards. `warnings`: messages of its findings."""

    exit_code: int
    message: str
    guards: list[Guard]
    best: BestCheck | None
    state: StateSeen | None = None
    findings: list[FindingEntry] = Field(default_factory=list)
    warnings: list[str]


class GateReport(Part):
    """What `labelfree gate --json` prints."""

    schema_version: Literal[1] = 1
    tool: Tool = Tool()
    command: Literal["gate"]
    inputs: list[GateInput]
    settings: dict[str, Any]
    verdict: GateVerdict
