"""The report: one model for every command, the same bytes for one input, settings, seed and version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import ConfigDict, PrivateAttr, SerializerFunctionWrapHandler, model_serializer, model_validator

from labelfree.catalog import known_command
from labelfree.documents.finding_codes import CODES
from labelfree.documents.findings import severity_of
from labelfree.reports.counts import RowCounts, SourceInfo
from labelfree.reports.drift import Drift
from labelfree.reports.entries import AnyReport, Part
from labelfree.reports.row_map import RowMap
from labelfree.reports.state import State

_NO_ROWS = ("constant", "storage", "epochs")
"""Defects of version 1 whose count was one of columns, directions or epochs."""


class SampleInfo(Part):
    """The rows that pairwise metrics and standard errors were computed from."""

    size: int
    seed: int


class PartInfo(Part):
    """The part of a data set that was read: whole row groups, of `kind`, chosen by the seed."""

    row_groups: int
    of_row_groups: int
    rows: int
    of_rows: int
    kind: str
    seed: int


class OutputInfo(Part):
    """The class scores that were read."""

    column: str
    kind: Literal["logits", "probabilities"]
    classes: int


class HeadInfo(Part):
    """The last linear layer: where it is from, and how far its logits are from those of the sampled rows."""

    origin: Literal["given", "recovered"]
    key: str
    classes: int
    d: int
    bias: bool
    residual: float | None
    spread: float | None


class Audit(Part):
    """The accuracy on target labels, which nothing but this comparison has seen."""

    column: str
    accuracy: float
    se: float
    rows: int


class ModelInfo(Part):
    """The model whose embeddings were measured: all that fixes its numbers, and the data that it was run over."""

    checkpoint: str
    data: str
    facts: dict[str, Any]


class Input(Part):
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
    part: PartInfo | None = None
    outputs: OutputInfo | None = None
    source: SourceInfo | None = None
    head: HeadInfo | None = None
    model: ModelInfo | None = None


class RowsReport(AnyReport):
    """Everything a command found out about one data set.

    `series` holds long results (a whole spectrum) for pictures and `-o FILE.parquet`; it is not part of the JSON.
    """

    model_config = ConfigDict(title="Report")

    input: Input
    state: State | None = None
    audit: Audit | None = None
    drift: Drift | None = None
    _every_row: Callable[[], dict[str, Any]] | None = PrivateAttr(default=None)
    _series: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)
    _row_map: RowMap | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, given: Any) -> Any:
        """Version 1 told what is wrong with the rows in `input.defects`, where the findings are now."""
        if not isinstance(given, dict) or given.get("schema_version") != 1 or not isinstance(given.get("input"), dict):
            return given
        told = {key: value for key, value in given["input"].items() if key != "defects"}
        defects = given["input"].get("defects")
        if not isinstance(defects, list) or "findings" in given:
            return {**given, "input": told}
        return {**given, "input": told, "findings": [_finding(one, told.get("sources")) for one in defects]}

    @property
    def finds(self) -> bool:
        """Whether the command says what is wrong with the rows and computes no metrics."""
        known = known_command(self.command)
        return known is not None and known.document == "findings"

    @property
    def series(self) -> dict[str, dict[str, Any]]:
        """Long results by name: columns of equal length by their names."""
        return self._series

    @property
    def row_map(self) -> RowMap | None:
        """Where some sampled rows lie, for the page; None of a report that was read, which has no rows."""
        return self._row_map

    @property
    def every_row(self) -> Callable[[], dict[str, Any]] | None:
        """Reads the rows again and gives how unusual each is, as columns of equal length; None where nothing does."""
        return self._every_row

    @model_serializer(mode="wrap")
    def _marked(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only a report that has seen target labels says anything of an audit, one of a model of a model, one with a
        reference of drift, one of some of the rows of a part, and one that computes metrics of a state."""
        document: dict[str, Any] = handler(self)
        if self.state is None:
            del document["state"]
        if self.audit is None:
            del document["audit"]
        if self.drift is None:
            del document["drift"]
        if self.input.model is None:
            del document["input"]["model"]
        if self.input.part is None:
            del document["input"]["part"]
        return document


def _finding(defect: Any, sources: Any) -> Any:
    """A defect of version 1 as a finding."""
    if not isinstance(defect, dict):
        return defect
    kind = defect.get("kind")
    code = str(kind) if kind in CODES else "unnamed"
    return {
        "code": code, "severity": severity_of(code), "sources": sources, "message": defect.get("message"),
        "fix": defect.get("remedy"), "first": defect.get("first_row"),
        "rows": None if code in _NO_ROWS else defect.get("count"),
    }  # fmt: skip
