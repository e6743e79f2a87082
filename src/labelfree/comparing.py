"""What a report says of class scores beside the metrics: head, audit, and how several candidates compare."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from labelfree.adaptation import Setting, head_warning
from labelfree.evidence.evidence import Evidence
from labelfree.evidence.outputs import Outputs
from labelfree.families.transfer.accuracy import share_error
from labelfree.families.transfer.candidates import CANDIDATES, ensv_of, gde_of, of_samples
from labelfree.findings import findings
from labelfree.head import Head
from labelfree.metrics import METRICS
from labelfree.report import Audit, HeadInfo, MetricEntry, OutputInfo, Report, RowCounts, SourceInfo
from labelfree.results import Result
from labelfree.summaries.sample import Drawn
from labelfree.survey import Survey


def told(given: Any) -> str | None:
    """An option that may be a file or an object in Python, as settings name it."""
    if given is None or isinstance(given, str | os.PathLike):
        return None if given is None else os.fspath(given)
    if isinstance(given, Head):
        return given.key
    return type(given).__name__


def row_counts(found: Survey) -> RowCounts:
    """What became of the rows of a data set."""
    tally, duplicates = found.tally, found.duplicates
    return RowCounts(
        read=tally.read, used=found.evidence.n, null=tally["null"], nonfinite=tally["nonfinite"], zero=tally["zero"],
        duplicate=duplicates.duplicates, estimated=not duplicates.exact,
    )  # fmt: skip


def with_outputs(report: Report, found: Survey, setting: Setting) -> Report:
    """The report with what is to be known of class scores and head, and with the audit where it was asked for."""
    outputs, opened = found.evidence.outputs, found.source
    assert outputs is not None
    head, behind = outputs.head, found.behind
    changes: dict[str, Any] = {}
    if head is not None:
        rows, d = head.weight.shape
        changes["head"] = HeadInfo(
            origin=head.origin, key=head.key, classes=rows, d=d, bias=head.bias is not None,
            residual=head.residual, spread=head.spread,
        )  # fmt: skip
    if opened.outputs is not None:
        changes["outputs"] = OutputInfo(
            column=opened.outputs.name, kind=opened.outputs.kind, classes=max(opened.outputs.classes, 2)
        )  # fmt: skip
    metrics, warnings = report.metrics, [*report.warnings]
    if behind is not None:
        changes["source"] = SourceInfo(
            name=behind.source.name, fingerprint=behind.fingerprint, rows_hash=behind.rows_hash, n=behind.evidence.n,
            d=behind.evidence.d, rows=row_counts(behind),
        )  # fmt: skip
        uses = {metric.name for metric in METRICS if "source" in metric.needs}
        metrics = {
            name: entry.model_copy(update={"params": {**entry.params, "source": behind.rows_hash}})
            if name in uses
            else entry
            for name, entry in metrics.items()
        }
        warnings += [f"source: {finding}" for finding in findings(behind)]
    if warning := head_warning(found):
        warnings.append(warning)
    updated = report.model_copy(
        update={"input": report.input.model_copy(update=changes), "metrics": metrics, "warnings": warnings}
    )
    if setting.audit is not None:
        updated = _audited(updated, outputs, setting.audit)
    e, drawn = found.evidence, found.evidence.drawn
    if drawn is not None:  # of many candidates keys and logits are kept, never their rows
        drawn = Drawn(drawn.keys, drawn.index, np.empty((len(drawn.keys), 0)))
    updated._candidate = Evidence(e.n, e.d, drawn=drawn, outputs=Outputs(logits=outputs.logits))
    return updated


def _audited(report: Report, outputs: Outputs, column: str) -> Report:
    """The report with the true accuracy, and its difference beside every estimate."""
    labelled = outputs.labelled
    if labelled is None or len(labelled.label) == 0:
        return report
    right, n = int((labelled.predicted == labelled.label).sum()), len(labelled.label)
    audit = Audit(column=column, accuracy=right / n, se=share_error(right, n), rows=n)
    metrics = {
        name: entry.model_copy(update={"parts": {**entry.parts, "audit_difference": entry.value - audit.accuracy}})
        if entry.kind == "estimate" and entry.value is not None
        else entry
        for name, entry in report.metrics.items()
    }
    marked = f"audit: the labels in column {column!r} were used, for nothing but the accuracy beside the estimates"
    return report.model_copy(update={"audit": audit, "metrics": metrics, "warnings": [*report.warnings, marked]})


def compared(reports: Sequence[Report]) -> None:
    """Fill in `ensv` and `gde` of several transfer reports, where they are of the same rows."""
    found = of_samples([report.candidate for report in reports])
    positions = not isinstance(found, Result) and any(report.input.id is None for report in reports)
    for report in reports if positions and any(m.name in reports[0].metrics for m in CANDIDATES) else ():
        report.warnings.append(
            "the targets have no ids: ensv and gde compare their rows by position; add a column id where orders differ"
        )
    for metric, results in zip(CANDIDATES, (ensv_of, gde_of), strict=True):
        if any(metric.name not in report.metrics for report in reports):
            continue
        of_each = (found,) * len(reports) if isinstance(found, Result) else results(found)
        for report, result in zip(reports, of_each, strict=True):
            entry = MetricEntry.of(metric, result)
            if report.audit is not None and entry.value is not None and entry.kind == "estimate":
                entry.parts["audit_difference"] = entry.value - report.audit.accuracy
            report.metrics[metric.name] = entry
