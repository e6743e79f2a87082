"""What a table of a report says, before any decision on how it looks: shared by the terminal, Markdown and CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from labelfree.catalog import command, shown_in
from labelfree.documents.wording import counted
from labelfree.errors import option
from labelfree.render.notes import drift, opis, rank, separability, transfer
from labelfree.render.numbers import direction, interval, number, value
from labelfree.reports.entries import MetricEntry
from labelfree.reports.rows import RowsReport
from labelfree.reports.told import Line as Told
from labelfree.reports.told import grouped, of_report, one_by_one, statuses

Telling: TypeAlias = Literal["none", "grouped", "all"]
"""How much of the findings is said."""
SOUND = "nothing wrong: no null, NaN, infinite, zero or repeated rows; the shape is sound"
"""What doctor says where it finds nothing."""


@dataclass(frozen=True)
class Line:
    """One metric in a table."""

    name: str
    value: str
    interval: str
    better: str
    note: str


def shown(report: RowsReport, everything: bool) -> list[str]:
    """The metrics to show: those asked for by name, in that order; or everything; or the headline and its five."""
    if asked := report.settings.get("only"):
        return [name for name in dict.fromkeys((*asked, *report.metrics)) if name in report.metrics]
    if everything:
        return list(report.metrics)
    first = [name for family in command(report.command).families for name in shown_in(family)]
    first += [n for n, e in report.metrics.items() if report.audit is not None and e.kind == "estimate"]
    return [name for name in dict.fromkeys(first) if name in report.metrics and not hidden(report, name)]


def hidden(report: RowsReport, name: str) -> bool:
    """Whether a metric has no value for a reason that stands elsewhere."""
    return transfer.absent(report, name) or opis.elsewhere(report, name)


def family(report: RowsReport, name: str) -> str:
    """The family in whose table a metric stands, for a command that has several."""
    families = command(report.command).families
    return families[0] if len(families) == 1 else next((f for f in families if name in shown_in(f)), "rank")


def lines(report: RowsReport, everything: bool) -> list[Line]:
    """The rows of the table of one report."""
    return [
        Line(
            name, value(entry), interval(entry), direction(entry), transfer.audited(report, entry) or note(name, entry)
        )
        for name in shown(report, everything)
        for entry in (report.metrics[name],)
    ]


_NOTES = {**rank.NOTES, **separability.NOTES, **transfer.NOTES, **opis.NOTES, **drift.NOTES}
"""What stands beside the number of a metric, by its name."""


def note(name: str, entry: MetricEntry) -> str:
    """What to know beside the number: why there is none, or what it compares with."""
    if entry.status != "ok":
        return f"{entry.status}: {entry.reason}"
    if name in _NOTES:
        return _NOTES[name](entry)
    return "estimate of accuracy" if entry.kind == "estimate" else ""


def heading(report: RowsReport) -> str:
    """One line that says what was measured."""
    i = report.input
    rows = counted(i.n, "row") if i.rows.read == i.n else f"{i.n:,} of {counted(i.rows.read, 'row')}"
    column = f", column {i.column}" if i.column else ""
    return f"{rows} x {i.d:,} {i.dtype}{column}{part(report)}"


def part(report: RowsReport) -> str:
    """Which row groups were read, where they are not all."""
    p = report.input.part
    return "" if p is None else f", {p.row_groups:,} of {p.of_row_groups:,} {p.kind} of {counted(p.of_rows, 'row')}"


def sampled(report: RowsReport) -> str:
    """One line on the sample, where there is one."""
    s = report.input.sample
    return (
        ""
        if s is None
        else f"pairs and intervals from a sample of {counted(s.size, 'row')}, seed {s.seed} ({option('sample')})"
    )


def beside(reports: Sequence[RowsReport], everything: bool, named: Callable[[str], str]) -> list[str]:
    """Lines on the head, the audit of one report, and what could not be computed; `named` shortens a source's name."""
    found = transfer.heads(reports, named)
    found += opis.about(reports[0]) if len(reports) == 1 else []
    found += drift.about(reports)
    if len(reports) == 1 and (a := reports[0].audit) is not None:
        found.append(f"true accuracy {truth(reports[0])} on {counted(a.rows, 'row')} (labels in {a.column!r})")
    if not everything and not reports[0].settings.get("only"):
        said: dict[str, list[str]] = {}
        for report in reports:
            for text in transfer.not_computed(report):
                said.setdefault(text, []).append(named(report.input.sources[0]))
        found += transfer.with_sources(said, len(reports))
    return found


def truth(report: RowsReport) -> str:
    """The true accuracy of an audit."""
    return number(None if report.audit is None else report.audit.accuracy, 3)


def remarks(report: RowsReport, names: Sequence[str]) -> list[str]:
    """Findings of the report and of these metrics, each once, the gravest first."""
    return [one.text for one in of_report(report, names)]


def findings(
    reports: Sequence[RowsReport], names: Sequence[str], named: Callable[[str], str], telling: Telling = "grouped"
) -> list[Told]:
    """What is said below a table of these metrics, the gravest first; named: shortens a source's name.

    telling: "grouped" says once what is true of several sources, "all" of each, "none" nothing.
    """
    if telling == "none":
        return []
    found = [one for report in reports for one in of_report(report, names)]
    if len(reports) == 1:
        return one_by_one(found)
    missing = [one for r in reports for one in statuses(r, (n for n in names if not opis.elsewhere(r, n)))]
    found += missing
    return one_by_one(found, named) if telling == "all" else grouped(found, len(reports), named)
