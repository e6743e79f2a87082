"""A report, or several, in a few lines: what Python shows where a table would be too much."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.documents.wording import counted, one_line, printable
from labelfree.render.naming import short_names
from labelfree.render.numbers import value
from labelfree.render.states import first_lines
from labelfree.render.tables.leaders import led
from labelfree.render.tables.rows import heading, shown
from labelfree.reports.rows import RowsReport

_NAMED = 4
_LISTED = 8


def of_one(report: RowsReport) -> str:
    """Its state, which rows, how many metrics and warnings, and the first metrics."""
    told = [_clean(line.text) for line in first_lines([report], [])]
    counts = [counted(len(report.metrics), "metric")] if report.metrics else []
    counts += [counted(len(report.warnings), "warning")] if report.warnings else []
    rest = f"; {', '.join(counts)}" if counts else ""
    told.append(f"{report.command} of {_clean(report.input.sources[0])}: {heading(report)}{rest}")
    if names := shown(report, False):
        told.append(", ".join(f"{name} {value(report.metrics[name])}" for name in names[:_NAMED]))
    elif report.finds:
        found = (one.code if one.rows is None else f"{one.code} {one.rows:,}" for one in report.findings)
        told.append(", ".join(found) or "nothing wrong")
    return "\n".join(told)


def of_several(reports: Sequence[RowsReport]) -> str:
    """The states, which command and sources, and which of them leads."""
    if not reports:
        return "no reports"
    names = [_clean(name) for name in short_names([report.input.sources[0] for report in reports])]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    states = "; ".join(line.text for line in first_lines(reports, names))
    told = [states] if states else []
    told.append(f"{reports[0].command} of {counted(len(reports), 'source')}: {', '.join(names[:_LISTED])}{more}")
    return "\n".join([*told, *([_clean(led(reports))] if len(reports) > 1 and reports[0].metrics else [])])


def _clean(name: str) -> str:
    return printable(one_line(name))
