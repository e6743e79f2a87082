"""The report: one model for every command, the same bytes for one input, settings, seed, version and threads."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, SerializerFunctionWrapHandler, model_serializer

from labelfree import __version__
from labelfree.documents.reading import as_json
from labelfree.families.spec import Metric
from labelfree.results import Result


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


class OutputInfo(_Model):
    """The class scores that were read."""

    column: str
    kind: Literal["logits", "probabilities"]
    classes: int


class SourceInfo(_Model):
    """The source rows beside a target: which they are, and what became of them."""

    name: str
    fingerprint: str
    rows_hash: str
    n: int
    d: int
    rows: RowCounts


class HeadInfo(_Model):
    """The last linear layer: where it is from, and how far its logits are from those of the sampled rows."""

    origin: Literal["given", "recovered"]
    key: str
    classes: int
    d: int
    bias: bool
    residual: float | None
    spread: float | None


class Audit(_Model):
    """The accuracy on target labels, which nothing but this comparison has seen."""

    column: str
    accuracy: float
    se: float
    rows: int


class ModelInfo(_Model):
    """The model whose embeddings were measured: all that fixes its numbers, and the data that it was run over."""

    checkpoint: str
    data: str
    facts: dict[str, Any]


class Input(_Model):
    """What was read. `fingerprint` identifies the source, `rows_hash` the rows that were used."""

    sources: list[str]
    fingerprint: str
    rows_hash: str
    column: str
    id: str | None = None
    layout: str
    dtype: str
    n: int
    d: int
    rows: RowCounts
    sample: SampleInfo | None
    defects: list[Defect] | None = None
    outputs: OutputInfo | None = None
    source: SourceInfo | None = None
    head: HeadInfo | None = None
    model: ModelInfo | None = None


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


class Findings(_Model):
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


class Report(Findings):
    """Everything a command found out about one data set.

    `series` holds long results (a whole spectrum) for pictures and `-o FILE.parquet`; it is not part of the JSON.
    """

    input: Input
    audit: Audit | None = None
    _candidate: Any = PrivateAttr(default=None)
    _series: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @property
    def series(self) -> dict[str, dict[str, Any]]:
        """Long results by name: columns of equal length by their names."""
        return self._series

    @property
    def candidate(self) -> Any:
        """What is compared with other candidates: evidence with the sampled logits, or None. Not part of the JSON."""
        return self._candidate

    @model_serializer(mode="wrap")
    def _marked(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only a report that has seen target labels says anything of an audit, and one of a model of a model."""
        document: dict[str, Any] = handler(self)
        if self.audit is None:
            del document["audit"]
        if self.input.model is None:
            del document["input"]["model"]
        return document


class GateInput(BaseModel):
    """What a gate read: a report, the baseline, or a history. Which fields are there depends on the role."""

    model_config = ConfigDict(extra="allow", frozen=True)

    role: Literal["report", "base", "history"]
    path: str


class Guard(_Model):
    """The collapse guard at the latest check."""

    name: Literal["collapse"]
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


class BestCheck(_Model):
    """The best check of a run that had not collapsed: the checkpoint to keep."""

    metric: str
    value: float
    se: float | None
    step: int
    source: str
    checks_since: int
    steps_since: int


class GateVerdict(Verdict):
    """The verdict of `labelfree gate`: the worst of all conditions and guards."""

    exit_code: int
    message: str
    guards: list[Guard]
    best: BestCheck | None
    warnings: list[str]


class GateReport(_Model):
    """What `labelfree gate --json` prints."""

    schema_version: Literal[1] = 1
    tool: Tool = Tool()
    command: Literal["gate"]
    inputs: list[GateInput]
    settings: dict[str, Any]
    verdict: GateVerdict


def json_schema(of: type[BaseModel] = Report) -> dict[str, Any]:
    """The JSON Schema of a report, of a report on weights, or of the verdict of a gate."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **of.model_json_schema()}
