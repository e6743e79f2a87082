"""What every report holds: metrics, findings, who wrote it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView
from typing import Any, Literal, Self, SupportsFloat

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from labelfree import __version__
from labelfree.documents.finding_codes import Severity
from labelfree.documents.findings import Finding, with_fix
from labelfree.documents.reading import REPORT_VERSION, as_json, parsed
from labelfree.errors import UndefinedMetric, UnknownName, UsageError
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
        return cls.model_validate(finding.document(list(sources)))

    def __str__(self) -> str:
        return with_fix(self.message, self.fix)


class MetricEntry(Measured):
    """One metric: its value and all that is needed to read it; codes: those of its warnings, in their order.

    It compares with numbers and other entries, formats and turns into a float as its value does; where there is none,
    UndefinedMetric says why.
    """

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

    def __float__(self) -> float:
        if self.value is None:
            raise UndefinedMetric(f"expected a value, found none: {self.status}: {self.reason}")
        return self.value

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.status}: {self.reason}"
        ends = "" if self.interval is None else f" ({self.interval[0]:.6g} to {self.interval[1]:.6g})"
        return f"{self.value:.6g}{ends}"

    def __repr__(self) -> str:
        return f"<MetricEntry {self}>"

    def __lt__(self, other: Any) -> bool:
        return float(self) < float(other) if isinstance(other, SupportsFloat) else NotImplemented

    def __le__(self, other: Any) -> bool:
        return float(self) <= float(other) if isinstance(other, SupportsFloat) else NotImplemented

    def __gt__(self, other: Any) -> bool:
        return float(self) > float(other) if isinstance(other, SupportsFloat) else NotImplemented

    def __ge__(self, other: Any) -> bool:
        return float(self) >= float(other) if isinstance(other, SupportsFloat) else NotImplemented

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


class RequiredVerdict(Verdict):
    """The verdict on what was required of the intervals of metrics, of `compare` and `drift`."""

    exit_code: int
    message: str


class AnyReport(Part):
    """What every report holds, whatever was read. `warnings` are the messages of its findings."""

    schema_version: Literal[2] = 2
    tool: Tool = Tool()
    command: str
    settings: dict[str, Any]
    metrics: dict[str, MetricEntry]
    findings: list[FindingEntry]
    warnings: list[str]
    verdict: RequiredVerdict | Verdict | None = None

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
        if name not in self.metrics:
            raise UnknownName(name, self.metrics, f"{self.command} measured {', '.join(self.metrics) or 'nothing'}")
        return self.metrics[name]

    def __contains__(self, name: object) -> bool:
        return name in self.metrics

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # over names, as a mapping, not over fields
        return iter(self.metrics)

    def keys(self) -> KeysView[str]:
        """The names of the metrics."""
        return self.metrics.keys()

    def items(self) -> ItemsView[str, MetricEntry]:
        """The metrics by name."""
        return self.metrics.items()

    def to_json(self, *, indent: int | None = 2) -> str:
        """The report as JSON: sorted keys, 12 significant digits, no NaN or infinity."""
        return as_json(self.model_dump(mode="json"), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A report from its JSON, or from a document of one; raises pydantic's ValidationError where it is none."""
        try:
            found = parsed(text)
        except ValueError:
            return cls.model_validate_json(text)  # which says what is wrong with it
        several = found.get("reports") if isinstance(found, dict) else None
        if not isinstance(several, list):
            return cls.model_validate(found)
        if len(several) != 1:
            raise UsageError(f"expected one report, found a document of {len(several)}; labelfree.read reads several")
        return cls.model_validate(several[0])

    @field_validator("schema_version", mode="before")
    @classmethod
    def _read_as_latest(cls, version: Any) -> Any:
        """A report of version 1 has the same fields; what differs is the document around it."""
        return REPORT_VERSION if type(version) is int and version == 1 else version


def _sources(given: Any) -> list[str]:
    """The names of the sources in what a report says of its input."""
    return list(given.get("sources", ()) if isinstance(given, dict) else getattr(given, "sources", ()))
