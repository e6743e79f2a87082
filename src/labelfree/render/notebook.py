"""Reports as HTML for a notebook: the tables and pictures of the page without its scripts, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence

from labelfree.render.naming import short_names
from labelfree.render.numbers import interval, value
from labelfree.render.pages.markup import text
from labelfree.render.pictures.panels import panels
from labelfree.render.pictures.svg import inline
from labelfree.render.states import first_lines
from labelfree.render.tables import choices
from labelfree.render.tables.leaders import led
from labelfree.render.tables.rows import SOUND, heading, lines, remarks, shown
from labelfree.reports.across import in_order
from labelfree.reports.rows import RowsReport
from labelfree.reports.select import SelectReport

_WARNED = 5


def as_html(report: RowsReport) -> str:
    """One report: its state, its metrics with intervals, or its findings, and its warnings."""
    title = _titled(report.command, report.input.sources[0])
    parts = [*_states([report], []), title, f"<p>{text(heading(report))}</p>"]
    if report.finds:
        said = [
            (one.code, str(one.severity), _number(one.rows), _number(one.first), one.message, one.fix)
            for one in report.findings
        ]
        heads = ("found", "severity", "rows", "first row", "what it means", "what to do")
        return "".join([*parts, _table(heads, said, left={0, 1, 4, 5}) if said else f"<p>{text(SOUND)}</p>"])
    found = lines(report, False)
    rows = [(line.name, line.value, line.interval, line.better, line.note) for line in found]
    parts.append(_table(("metric", "value", "95 % interval", "better", ""), rows, left={0, 2, 3, 4}))
    return "".join([*parts, _warned(remarks(report, [line.name for line in found]))])


def several_as_html(reports: Sequence[RowsReport]) -> str:
    """Several reports: their states, which is highest, and a row for each source in the order of its step."""
    if not reports:
        return "<p>no reports</p>"
    if reports[0].finds:
        return "".join(map(as_html, reports))
    ordered = in_order(reports)
    names = short_names([report.input.sources[0] for report in ordered])
    shown_ = list(dict.fromkeys(name for report in ordered for name in shown(report, False)))
    rows = [(name, *(_cell(report, metric) for metric in shown_)) for name, report in zip(names, ordered, strict=True)]
    told = f"<p>{text(led(reports))}</p>" if len(reports) > 1 else ""
    title = _titled(reports[0].command, f"{len(reports)} sources")
    picture = "".join(f"<p>{text(panel.title)}</p>{inline(panel, paper=True)}" for panel in panels(ordered)[:1])
    return "".join([*_states(ordered, names), told, title, _table(("source", *shown_), rows, left={0}), picture])


def choice_as_html(report: SelectReport) -> str:
    """A choice: the answer, how many candidates, a row for each, the best first, and what it rests on."""
    head, colon, rest = choices.answer(report).partition(":")
    columns = choices.columns(report, False)
    rows = [(one.name, *(cells[i] for cells in columns.values())) for i, one in enumerate(report.candidates)]
    said = "".join(f"<p>{text(line)}</p>" for line in choices.heading(report))
    notes = _warned(choices.notes(report, False))
    first = f"<p><b>{text(head)}</b>{text(colon + rest)}</p>"
    return f"{first}{said}{_table(('candidate', *columns), rows, left={0, 1})}{notes}"


def _cell(report: RowsReport, metric: str) -> str:
    if metric not in report.metrics:
        return ""
    entry = report.metrics[metric]
    between = interval(entry)
    return value(entry) + (f" ({between})" if between else "")


def _states(reports: Sequence[RowsReport], names: Sequence[str]) -> list[str]:
    """The first lines of a table as paragraphs."""
    return [f"<p><b>{text(line.head)}</b>{text(line.rest)}</p>" for line in first_lines(reports, names)]


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _titled(command: str, name: str) -> str:
    return f"<p><b>{text(command)}</b> {text(name)}</p>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: set[int]) -> str:
    """A table whose numbers stand on the right; left: columns of words."""
    align = ["left" if i in left else "right" for i in range(len(heads))]
    head = "".join(f'<th style="text-align: {a}">{text(h)}</th>' for a, h in zip(align, heads, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align: {a}">{text(c)}</td>' for a, c in zip(align, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _warned(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    told = [*warnings[:_WARNED], *([f"{len(warnings) - _WARNED} more"] if len(warnings) > _WARNED else [])]
    return "<ul>" + "".join(f"<li>{text(line)}</li>" for line in told) + "</ul>"
