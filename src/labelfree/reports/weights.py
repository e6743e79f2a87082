"""The report of `labelfree weights`: what the tensors of a checkpoint say, layer by layer and together."""

from __future__ import annotations

from typing import Any, Literal

from labelfree.reports.entries import AnyReport, Measured, Part
from labelfree.results import Result

_NAMED = 4
"""Metrics that a short report names."""


class LeftOut(Part):
    """A tensor that was not measured, and why."""

    name: str
    shape: list[int]
    dtype: str
    reason_code: str
    reason: str


class Tensors(Part):
    """What became of the tensors, and of their numbers."""

    read: int
    measured: int
    tied: int
    left_out: int
    numbers_read: int
    numbers_measured: int


class WeightsInput(Part):
    """What was read. `fingerprint` identifies the values of the layers, `layers_hash` their names and shapes."""

    sources: list[str]
    fingerprint: str
    layers_hash: str
    tensors: Tensors
    left_out: list[LeftOut]


class LayerRows(Part):
    """The rows of a weight matrix: how many, all zero, repeating an earlier one, with NaN or infinity."""

    read: int
    zero: int
    duplicate: int
    nonfinite: int


class LayerValue(Measured):
    """A metric of one layer; what it means stands once, under `definitions`."""

    value: float | None
    status: Literal["ok", "undefined", "partial"]
    reason_code: str | None
    reason: str | None
    parts: dict[str, Any]
    warnings: list[str]

    @classmethod
    def of(cls, result: Result) -> LayerValue:
        """The entry of a metric's result."""
        return cls(
            value=result.value,
            status=result.status,
            reason_code=result.reason_code,
            reason=result.reason,
            parts=dict(result.parts),
            warnings=list(result.warnings),
        )


class LayerEntry(Part):
    """One weight: the shape of its tensor, that of its matrix (rows, columns), the names of tensors equal to it."""

    name: str
    kind: str
    shape: list[int]
    matrix: tuple[int, int]
    dtype: str
    tied: list[str]
    note: str
    rows: LayerRows
    metrics: dict[str, LayerValue]

    def value(self, name: str) -> float | None:
        """A metric of the layer, None where it has none."""
        return self.metrics[name].value if name in self.metrics else None

    @property
    def rank_share(self) -> float | None:
        """The effective rank of the layer over its full rank."""
        share: float | None = self.metrics["effective_rank"].parts.get("share")
        return share


class WeightsReport(AnyReport):
    """Everything that the weights of one checkpoint say; `metrics` are over all layers, `layers` one by one."""

    command: Literal["weights"] = "weights"
    input: WeightsInput
    layers: list[LayerEntry]
    definitions: dict[str, str]

    def __repr__(self) -> str:
        tensors = self.input.tensors
        told = [f"{name} {entry}" for name, entry in self.items() if entry.value is not None]
        measured = f"weights of {self.input.sources[0]!r}: {tensors.measured} of {tensors.read} tensors measured"
        return "\n".join([measured, ", ".join(told[:_NAMED])])

    __str__ = __repr__
