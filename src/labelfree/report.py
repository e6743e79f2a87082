"""The report: one model for every command, the same bytes for the same input, settings, seed and version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PrivateAttr

from labelfree import __version__
from labelfree.metrics.spec import Metric
from labelfree.results import Result

DIGITS = 12
"""Significant digits of a number in JSON: what lies beyond depends on the number of threads."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tool(_Model):
    """Who wrote the report."""

    name: Literal["labelfree"] = "labelfree"
    version: str = __version__


class RowCounts(_Model):
    """What became of the rows. `duplicate` counts rows that repeat an earlier one; beyond 1,000,000 distinct rows
    it is an estimate."""

    read: int
    used: int
    null: int
    nonfinite: int
    zero: int
    duplicate: int
    estimated: bool = False


class SampleInfo(_Model):
    """The rows that pairwise metrics and standard errors were computed from."""

    size: int
    seed: int


class Defect(_Model):
    """One thing that is wrong, or may mislead, in the data: how many rows, the first of them, and what to do."""

    kind: str
    count: int
    first_row: int | None
    message: str
    remedy: str


class Input(_Model):
    """What was read. `fingerprint` identifies the source, `rows_hash` the rows that were used."""

    sources: list[str]
    fingerprint: str
    rows_hash: str
    column: str
    layout: str
    dtype: str
    n: int
    d: int
    rows: RowCounts
    sample: SampleInfo | None
    defects: list[Defect] | None = None


class MetricEntry(_Model):
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


class Verdict(_Model):
    """What a gate decided, and why."""

    decision: Literal["pass", "continue", "fail", "stop", "collapse", "undecided"]
    reason: str
    conditions: list[dict[str, Any]]


class Report(_Model):
    """Everything a command found out about one data set.

    `series` holds long results (a whole spectrum) for pictures and `-o FILE.parquet`; it is not part of the JSON.
    """

    schema_version: Literal[1] = 1
    tool: Tool = Tool()
    command: str
    input: Input
    settings: dict[str, Any]
    metrics: dict[str, MetricEntry]
    warnings: list[str]
    verdict: Verdict | None = None
    _series: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @property
    def series(self) -> dict[str, dict[str, Any]]:
        """Long results by name: columns of equal length by their names."""
        return self._series

    def __getitem__(self, name: str) -> MetricEntry:
        return self.metrics[name]

    def to_json(self, *, indent: int | None = 2) -> str:
        """The report as JSON: sorted keys, 12 significant digits, no NaN or infinity."""
        return as_json(self.model_dump(mode="json"), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """A report from its JSON; raises pydantic's ValidationError where it is none."""
        return cls.model_validate_json(text)


def as_json(document: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """A document as JSON in the form of the reports."""
    return json.dumps(_rounded(document), sort_keys=True, allow_nan=False, indent=indent, ensure_ascii=False)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Report.model_json_schema()}
