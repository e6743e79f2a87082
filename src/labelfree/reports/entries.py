"""What every report holds: metrics, findings, who wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from labelfree import __version__
from labelfree.documents.finding_codes import Severity
from labelfree.documents.findings import Finding
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


class FindingEntry(Part):
    """One thing that is wrong, or may mislead: how grave, of which sources, in a sentence, and the way out.

    rows: how many rows it touches, None where it is no matter of rows; first: the first of them, where it is known.
    """

    code: str
    severity: Severity
    sources: list[str]
    message: str
    fix: str
    rows: int | None
    first: int | None

    @classmethod
    def of(cls, finding: Finding, sources: Iterable[str]) -> FindingEntry:
        """The entry of a finding in a report on these sources."""
        return cls(
            code=finding.code, severity=finding.severity, sources=list(finding.sources or sources),
            message=finding.message, fix=finding.fix, rows=finding.rows, first=finding.first,
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.message}; {self.fix}" if self.fix else self.message


class MetricEntry(Measured):
    """One metric: its value and all that is needed to read it; codes: those of its warnings, in their order."""

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
    codes: list[str]

    @model_validator(mode="before")
    @classmethod
    def _with_codes(cls, given: Any) -> Any:
        """Warnings that were written without codes are of an unnamed one."""
        if not isinstance(given, dict) or "codes" in given:
            return given
        return {**given, "codes": ["unnamed"] * len(given.get("warnings") or ())}

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
            warnings=[str(warning) for warning in result.warnings],
            codes=[warning.code for warning in result.warnings],
        )


class Verdict(Part):
    """What a gate decided, and why."""

    decision: Literal["pass", "continue", "fail", "stop", "collapse", "undecided"]
    reason: str
    conditions: list[dict[str, Any]]


class AnyReport(Part):
    """What every report holds, whatever was read. `warnings` are the messages of its findings."""

    schema_version: Literal[1] = 1
    tool: Tool = Tool()
    command: str
    settings: dict[str, Any]
    metrics: dict[str, MetricEntry]
    findings: list[FindingEntry]
    warnings: list[str]
    verdict: Verdict | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_warnings(cls, given: Any) -> Any:
        """Messages are made of the findings; the warnings of a report without findings are findings without a code."""
        if not isinstance(given, dict):
            return given
        if "findings" not in given:
            sources = _sources(given.get("input"))
            found = [Finding("unnamed", str(text)) for text in given.get("warnings") or ()]
            return {**given, "findings": [FindingEntry.of(one, sources) for one in found]}
        if "warnings" not in given:
            return {**given, "warnings": [str(FindingEntry.model_validate(one)) for one in given["findings"]]}
        return given

    def note(self, finding: Finding) -> None:
        """Add a finding, and its message to the warnings."""
        entry = FindingEntry.of(finding, _sources(getattr(self, "input", None)))
        self.findings.append(entry)
        self.warnings.append(str(entry))

    def __getitem__(self, name: str) -> MetricEntry:
        return self.metrics[name]

    def to_json(self, *, indent: int | None = 2) -> str:
        """The report as JSON: sorted keys, 12 significant digits, no NaN or infinity."""
        return as_json(self.model_dump(mode="json"), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A report from its JSON; raises pydantic's ValidationError where it is none."""
        return cls.model_validate_json(text)


def _sources(given: Any) -> list[str]:
    """The names of the sources in what a report says of its input."""
    return list(given.get("sources", ()) if isinstance(given, dict) else getattr(given, "sources", ()))
