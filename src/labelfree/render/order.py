"""The order of several reports: by the steps in their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labelfree.errors import UsageError
from labelfree.history.steps import step_of
from labelfree.reports.rows import Report


def in_order(reports: Sequence[Report]) -> list[Report]:
    """The reports by the steps in their sources' names (epoch_2 before epoch_10), else as they were given."""
    return ordered(reports)[0]


def ordered(reports: Sequence[Report]) -> tuple[list[Report], Literal["step", "given"]]:
    """The reports in order, and by what: the steps in the names where each has one of its own, else as given."""
    try:
        steps = [step_of(report.input.sources[0]) for report in reports]
    except UsageError:
        return list(reports), "given"
    if len(set(steps)) < len(steps):
        return list(reports), "given"
    return [report for _, report in sorted(zip(steps, reports, strict=True), key=lambda pair: pair[0])], "step"
