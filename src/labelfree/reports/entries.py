"""What every report holds: metrics, warnings, who wrote it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from labelfree import __version__
from labelfree.documents.reading import as_json
from labelfree.families.spec import Metric
from labelfree.results import Result, refuse_nonfinite


class Part(BaseModel):
    """A part of a document: frozen, and without fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Measured(Part):
    """A part that holds what was measured: finite numbers alone, whoever makes it."""

    def model_post_init(self, context: Any, /) -> None:
        """Refuse NaN and infinity."""
        refuse_nonfinite(self.__dict__)


class Tool(Part):
    """Who wrote the report."""

    name: Literal["labelfree"] = "labelfree"
    version: str = __version__


class MetricEntry(Measured):
    """One metric: its value and all that is needed to read it."""

    value: float | None
    se: float | None
    interval: tuple[float, float] | None
    status: Literal["ok", "undefined", "partial"]
    reason_code: str | None
    reason: str | None
    kind: Literal["estimate", "rank", "description"]
    direction: Literal["higher", "lower", "target", "none"]
    holds_in: str
    definition: str
    params: dict[str, Any]
    parts: dict[str, Any]
    warnings: list[str]

    @classmethod
    def of(cls, metric: Metric, result: Result) -> MetricEntry:
        """The entry of a metric's result."""
        return cls(
            value=result.value,
            se=result.se,
            interval=result.interval,
            status=result.status,
            reason_code=result.reason_code,
            reason=result.reason,
            kind=metric.kind,
            direction=metric.direction,
            holds_in=metric.holds_in,
            definition=metric.definition,
            params=dict(result.params),
            parts=dict(result.parts),
            warnings=list(result.warnings),
        )


class Verdict(Part):
    """What a gate decided, and why."""

    decision: Literal["pass", "continue", "fail", "stop", "collapse", "undecided"]
    reason: str
    conditions: list[dict[str, Any]]


class AnyReport(Part):
    """What every report holds, whatever was read."""

    schema_version: Literal[1] = 1
    tool: Tool = Tool()
    command: str
    settings: dict[str, Any]
    metrics: dict[str, MetricEntry]
    warnings: list[str]
    verdict: Verdict | None = None

    def __getitem__(self, name: str) -> MetricEntry:
        return self.metrics[name]

    def to_json(self, *, indent: int | None = 2) -> str:
        """The report as JSON: sorted keys, 12 significant digits, no NaN or infinity."""
        return as_json(self.model_dump(mode="json"), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A report from its JSON; raises pydantic's ValidationError where it is none."""
        return cls.model_validate_json(text)
