"""Which look of its run a report of drift is: the chance of a false alarm is shared among a stated number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelfree.commands.report import Report
from labelfree.documents.findings import Finding
from labelfree.errors import option
from labelfree.reports.drift_words import said


def numbered_looks(
    reports: Sequence[Report], steps: Sequence[int], earlier: Sequence[Mapping[str, Any]]
) -> list[Report]:
    """The reports with the number of their look: one after the steps of the run that the history holds already."""
    seen, found = {record["step"] for record in earlier}, []
    for report, step in zip(reports, steps, strict=True):
        assert report.drift is not None
        number = len(seen - {step}) + 1
        seen.add(step)
        look = report.drift.look.model_copy(update={"number": number})
        says = said(report.metrics, report.drift.size, look)
        changed = report.model_copy(update={"drift": report.drift.model_copy(update={"look": look, "says": says})})
        others = {(record.get("look") or {}).get("of", look.of) for record in earlier} - {look.of}
        if number > look.of or others:
            changed.note(_used_up(number, look.of, sorted(others)))
        found.append(changed)
    return found


def _used_up(number: int, of: int, others: Sequence[int]) -> Finding:
    """What to say of more looks than were stated, or of another number of them than before."""
    if others:
        message = f"this look is one of {of} stated, earlier ones of the run of {others[0]}"
        return Finding("looks_used_up", message, f"keep one number of {option('looks')} for a run")
    message = f"look {number} of {of}: the 5 % of false alarms are used up"
    return Finding("looks_used_up", message, f"begin another {option('run')}, or state more with {option('looks')}")
