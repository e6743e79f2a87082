"""Findings as warnings: what a function in Python says of the data beside what it returns."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TypeVar

from labelfree.commands.reports import Reports
from labelfree.documents.findings import FindingWarning
from labelfree.documents.wording import some
from labelfree.reports.compare import CompareReport
from labelfree.reports.rows import RowsReport
from labelfree.reports.select import SelectReport
from labelfree.reports.told import grouped, of_report

_NAMED = 4
_INSIDE = str(Path(__file__).parent.parent)


R = TypeVar("R", bound=RowsReport | SelectReport | CompareReport)


def warned(report: R) -> R:
    """The report, with a `FindingWarning` for each finding on its rows that is an error or a warning.

    What only a metric has to say stands with that metric. One who wants none:
    `warnings.simplefilter("ignore", labelfree.FindingWarning)`.
    """
    for finding in report.findings:
        if finding.severity != "note":
            said = f"{some(finding.sources, _NAMED)}: {finding} [{finding.code}]"
            warnings.warn(said, FindingWarning, stacklevel=_outside())
    return report


def all_warned(reports: Reports) -> Reports:
    """The reports, with one `FindingWarning` for an error or warning that several of them share, as in a table."""
    if len(reports) == 1:
        warned(reports[0])
        return reports
    found = [one for report in reports for one in of_report(report, ()) if one.severity != "note"]
    for line in grouped(found, len(reports), str):
        warnings.warn(f"{line.text} [{line.code}]", FindingWarning, stacklevel=_outside())
    return reports


def _outside() -> int:
    """How many frames up the caller of labelfree is: the line that a warning should name."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    return level
