"""The table of `labelfree doctor`: a row for each file, and what is wrong with those that are not sound."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from labelfree.documents.wording import counted
from labelfree.render.console import SEVERITY_STYLES, plain_table, print_table
from labelfree.render.naming import short_names
from labelfree.render.tables.rows import SOUND, Telling, heading
from labelfree.reports.across import in_order
from labelfree.reports.entries import FindingEntry
from labelfree.reports.rows import RowsReport
from labelfree.reports.told import Line, grouped, incomparable, of_report


def show(console: Console, reports: Sequence[RowsReport], telling: Telling = "grouped") -> None:
    """Print what is wrong with the rows of each source: one line first, a row a source, details where there are any."""
    ordered = in_order(reports)
    console.print(Text.assemble(("doctor", "bold"), "  ", summary(ordered)))
    if len(ordered) == 1 and telling == "none":
        return
    if len(ordered) == 1:
        report = ordered[0]
        console.print(Text(f"{heading(report)}, layout {report.input.layout}", style="dim"))
        if not report.findings:
            console.print()
            console.print(SOUND)
    else:
        console.print()
        _rows(console, ordered)
    if telling != "none":
        _details(console, ordered, telling)


def summary(reports: Sequence[RowsReport]) -> str:
    """One line: how many sources, and how many of them have errors, warnings or notes alone.

    For one source its name stands in place of the number.
    """
    names = [report.input.sources[0] for report in reports]
    what = names[0] if len(names) == 1 else f"{len(names)} files"
    worst = [_worst(report) for report in reports]
    said = [
        f"{len([w for w in worst if w == severity])} with {label}"
        for severity, label in (("error", "errors"), ("warning", "warnings"), ("note", "notes"))
        if severity in worst
    ]
    if len(names) == 1 and reports[0].findings:
        return f"{what}: {_counts(reports[0].findings)}"
    return f"{what}, nothing wrong" if not said else f"{what}: {', '.join(said)}"


def _worst(report: RowsReport) -> str:
    found = of_report(report, ())
    return found[0].severity if found else ""


def _counts(found: Sequence[FindingEntry]) -> str:
    """How many findings of each severity."""
    counts = {s: len([f for f in found if f.severity == s]) for s in ("error", "warning", "note")}
    return ", ".join(counted(count, severity) for severity, count in counts.items() if count)


def _rows(console: Console, reports: Sequence[RowsReport]) -> None:
    table = plain_table(console)
    table.add_column("file", overflow="fold")
    for name in ("rows", "columns"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("dtype", no_wrap=True)
    table.add_column("found", overflow="fold")
    short = short_names([report.input.sources[0] for report in reports])
    for name, report in zip(short, reports, strict=True):
        codes = list(dict.fromkeys(one.code for one in of_report(report, ())))
        style = SEVERITY_STYLES.get(_worst(report), "")
        found = Text(", ".join(codes) or "nothing", style=style or "dim")
        table.add_row(name, f"{report.input.n:,}", f"{report.input.d:,}", report.input.dtype, found)
    print_table(console, table)


def _details(console: Console, reports: Sequence[RowsReport], telling: Telling) -> None:
    """Each finding with its count and first row; of several sources in groups, unless all are asked for."""
    if len(reports) > 1 and telling == "grouped":
        short = dict(zip([r.input.sources[0] for r in reports], _short(reports), strict=True))
        found = [one for report in reports for one in of_report(report, ())]
        _lines(console, [*grouped(found, len(reports), short.__getitem__), *incomparable(reports)])
        return
    for name, report in zip(_short(reports), reports, strict=True):
        if not report.findings:
            continue
        console.print()
        table = plain_table(console)
        if len(reports) > 1:
            console.print(Text(name, style="bold"))
        table.add_column("found", no_wrap=True)
        table.add_column("rows", justify="right", no_wrap=True)
        table.add_column("first row", justify="right", no_wrap=True)
        table.add_column("what it means, and what to do", overflow="fold")
        for one in report.findings:
            rows, first = (("" if v is None else f"{v:,}") for v in (one.rows, one.first))
            table.add_row(Text(one.code, style=SEVERITY_STYLES[one.severity]), rows, first, str(one))
        print_table(console, table)
    if len(reports) > 1:
        _lines(console, incomparable(reports))


def _short(reports: Sequence[RowsReport]) -> list[str]:
    return short_names([report.input.sources[0] for report in reports])


def _lines(console: Console, found: Sequence[Line]) -> None:
    if found:
        console.print()
    for one in found:
        console.print(
            Text.assemble((f"{one.severity}: ", SEVERITY_STYLES[one.severity]), one.text, (f" [{one.code}]", "dim"))
        )
