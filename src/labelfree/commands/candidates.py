"""What a report says of class scores beside the metrics: head, audit, and how several candidates compare."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.commands.report import Report
from labelfree.documents.findings import Finding
from labelfree.families.transfer.candidates import METRICS as CANDIDATES
from labelfree.families.transfer.candidates import ensv_of, gde_of, of_samples
from labelfree.reports.entries import MetricEntry
from labelfree.results import Result


def compared(reports: Sequence[Report]) -> None:
    """Fill in `ensv` and `gde` of several transfer reports, where they are of the same rows."""
    found = of_samples([report.candidate for report in reports])
    positions = not isinstance(found, Result) and any(report.input.id is None for report in reports)
    for report in reports if positions and any(m.name in reports[0].metrics for m in CANDIDATES) else ():
        said = "the targets have no ids: ensv and gde compare their rows by position"
        report.note(Finding("no_ids", said, "add a column id where orders differ"))
    for metric, results in zip(CANDIDATES, (ensv_of, gde_of), strict=True):
        if any(metric.name not in report.metrics for report in reports):
            continue
        of_each = (found,) * len(reports) if isinstance(found, Result) else results(found)
        for report, result in zip(reports, of_each, strict=True):
            entry = MetricEntry.of(metric, result)
            if report.audit is not None and entry.value is not None and entry.kind == "estimate":
                entry.parts["audit_difference"] = entry.value - report.audit.accuracy
            report.metrics[metric.name] = entry
