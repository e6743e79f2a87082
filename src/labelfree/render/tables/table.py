"""Tables for people: rich in a terminal, plain columns in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from labelfree.catalog import command, entry
from labelfree.errors import option
from labelfree.render.console import SEVERITY_STYLES, encodes, plain_table, print_table
from labelfree.render.naming import short_names
from labelfree.render.notes import drift, opis
from labelfree.render.notes.transfer import saturated
from labelfree.render.numbers import signed
from labelfree.render.pictures.braille import braille
from labelfree.render.pictures.deaths import barcode
from labelfree.render.states import first_lines
from labelfree.render.tables import doctor
from labelfree.render.tables.blocks import Column, print_blocks
from labelfree.render.tables.columns import MARK, MARKED, aligned, marked, sparkline
from labelfree.render.tables.leaders import led
from labelfree.render.tables.rows import (
    Line,
    Telling,
    beside,
    family,
    findings,
    heading,
    lines,
    sampled,
    shown,
    truth,
)
from labelfree.reports.across import change, ordered, same_scale
from labelfree.reports.rows import RowsReport
from labelfree.reports.told import Line as Told
from labelfree.reports.told import incomparable

_COURSE = 3
"""Sources from which on a course is drawn."""


def show(console: Console, reports: Sequence[RowsReport], *, everything: bool, telling: Telling = "grouped") -> None:
    """Print the reports of one command; telling: how much of what was found, and of other notes."""
    if reports[0].finds:
        doctor.show(console, reports, telling)
    elif len(reports) == 1:
        _single(console, reports[0], everything, telling)
    else:
        _several(console, reports, everything, telling)


def _plain(console: Console) -> bool:
    return not console.is_terminal


def _states(console: Console, reports: Sequence[RowsReport], sources: Sequence[str]) -> None:
    """What the embeddings are, first of all."""
    for line in first_lines(reports, sources):
        console.print(Text.assemble((line.head, line.style), line.rest))


def _title(console: Console, report: RowsReport) -> None:
    source = report.input.sources[0]
    console.print(Text.assemble((report.command, "bold"), "  ", source))
    console.print(Text(heading(report), style="dim"))


def _single(console: Console, report: RowsReport, everything: bool, telling: Telling) -> None:
    _states(console, [report], [])
    _title(console, report)
    rows, below = _fitted(console, lines(report, everything))
    table = plain_table(console)
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("better", no_wrap=True)
    table.add_column("", style="dim", overflow="fold")
    for line in rows:
        style = "bold" if line is rows[0] else ""
        table.add_row(
            Text(line.name, style=style), Text(line.value, style=style), line.interval, line.better, line.note
        )
    console.print()
    print_table(console, table)
    names = [line.name for line in rows]
    for headings, cells in (opis.worst(report, opis.WORST_ALL if everything else opis.WORST), *drift.tables(report)):
        _below(console, headings, cells)
    _pictures(console, report)
    notes = [*below, *beside([report], everything, str)]
    hints = [f"{names[0]}: {report.metrics[names[0]].holds_in}"] if names else []
    if said := sampled(report):
        hints.append(said)
    hidden = len(report.metrics) - len(names)
    if hidden:
        hints.append(
            f"{hidden} more metrics with {option('everything')}; what one means: labelfree explain "
            f"{names[0] if names else 'rankme'}"
        )
    _notes(console, notes, hints, findings([report], names, str, telling), telling)
    if report.state is not None and telling != "none":
        console.print(Text.assemble(("next: ", "bold"), report.state.next))


def _fitted(console: Console, rows: Sequence[Line]) -> tuple[list[Line], list[str]]:
    """The lines, and below the table what is too long for their last column: the reasons why there is no value."""
    columns = [("metric", "value", "95 % interval", "better"), *((r.name, r.value, r.interval, r.better) for r in rows)]
    room = console.width - sum(max(map(cell_len, column)) + 2 for column in zip(*columns, strict=True))
    fitted, below = [], dict[str, list[str]]()
    for row in rows:
        status, colon, reason = row.note.partition(": ")
        if colon and status in ("undefined", "partial") and cell_len(row.note) > room:
            below.setdefault(f"{status}: {reason}", []).append(row.name)
            row = replace(row, note=status if cell_len(status) <= room else "")
        fitted.append(row)
    return fitted, [f"{', '.join(names)}: {why}" for why, names in below.items()]


def _below(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table below that of the metrics: the worst groups, the most unusual rows, the slices of a column."""
    if not rows:
        return
    table = plain_table(console)
    for i, heading_ in enumerate(headings):
        table.add_column(heading_, justify="right" if i else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print()
    print_table(console, table)


def _pictures(console: Console, report: RowsReport) -> None:
    """Small pictures for a terminal that can show them."""
    if _plain(console) or "utf" not in (console.encoding or "").lower():
        return
    width = min(console.width - 12, 64)
    if "spectrum" in report.series and "tables" in command(report.command).spectrum:
        values = [float(v) for v in report.series["spectrum"]["singular_value"]]
        _picture(console, "singular values, log-log", braille(values, width=width))
    if "deaths" in report.series:
        _picture(console, "largest deaths, and the rows that each merges", barcode(report, width + 9))
        values = [float(v) for v in report.series["deaths"]["death"]]
        _picture(console, "all deaths, largest first, log-log", braille(values, width=width, height=5))


def _picture(console: Console, title: str, picture: Sequence[str]) -> None:
    if picture:
        console.print()
        console.print(Text(title, style="dim"))
        for line in picture:
            console.print(Text(line, style="cyan"), no_wrap=True)


def _notes(
    console: Console, notes: Sequence[str], hints: Sequence[str], found: Sequence[Told], telling: Telling
) -> None:
    """What stands below a table: notes that are a part of the answer, hints and findings unless it is quiet."""
    hints = [] if telling == "none" else hints
    if notes or hints or found:
        console.print()
    for note in [*hints, *notes]:
        console.print(Text(note, style="dim"))
    _told(console, found)


def _told(console: Console, found: Sequence[Told]) -> None:
    """Print findings, each with the code that `labelfree explain` knows."""
    for one in found:
        console.print(
            Text.assemble((f"{one.severity}: ", SEVERITY_STYLES[one.severity]), one.text, (f" [{one.code}]", "dim"))
        )


def _several(console: Console, reports: Sequence[RowsReport], everything: bool, telling: Telling) -> None:
    reports, order = ordered(reports)
    names = list(dict.fromkeys(name for report in reports for name in shown(report, everything)))
    sources = [_short(report, reports) for report in reports]
    drifts = reports[0].drift is not None
    highest = Text("" if drifts else led(reports), style="bold")
    ill = drifts or any(report.state is not None and report.state.state != "healthy" for report in reports)
    if not ill:  # what is wrong stands first, and what is right not before what was asked
        console.print(highest)
    _states(console, reports, sources)
    if ill and not drifts:
        console.print(highest)
    console.print(Text.assemble((reports[0].command, "bold"), f"  {len(reports)} sources"))
    if len({heading(report) for report in reports}) == 1:
        console.print(Text(heading(reports[0]), style="dim"))
    _told(console, [] if telling == "none" else incomparable(reports))
    console.print()
    short = dict(zip([report.input.sources[0] for report in reports], sources, strict=True))
    audited = any(report.audit is not None for report in reports)
    cells = {name: marked(reports, name) for name in names}
    blocks = encodes(console, sparkline([0.0, 1.0, None]))
    courses = {n: sparkline(_course(reports, n), blocks=blocks) for n in names}
    if order == "given" or len(reports) < _COURSE:
        courses = {}
    if everything:  # too many metrics for columns: one line each, one column a source
        known = [[truth(r)] * audited + [cells[n][i] for n in names] for i, r in enumerate(reports)]
        values = [Column(s, column) for s, column in zip(sources, known, strict=True)]
        values += [Column("course", [""] * audited + [courses[n] for n in names])] if courses else []
        print_blocks(console, Column("metric", ["true accuracy"] * audited + names), values)
    else:
        headings = names if _plain(console) else [_folded(name) for name in names]
        values = [
            Column(head, [*aligned(cells[name]), *([courses[name]] if courses else [])], family(reports[0], name))
            for head, name in zip(headings, names, strict=True)
        ]
        if audited:
            head = "true accuracy" if _plain(console) else "true\naccuracy"
            truths = [*(truth(r) for r in reports), *([""] if courses else [])]
            values.insert(0, Column(head, truths, family(reports[0], names[0])))
        print_blocks(console, Column("source", [*sources, *(["course"] if courses else [])]), values)
    notes = [MARKED] if any(cell.endswith(MARK) for column in cells.values() for cell in column) else []
    hints = [f"{names[0]}: {reports[0].metrics[names[0]].holds_in}"] if names else []
    if estimates := [name for name in names if entry(name).kind == "estimate"]:
        notes.append(f"estimates of accuracy: {', '.join(estimates)}")
    notes += beside(reports, everything, short.__getitem__)
    if command(reports[0].command).by_epoch:
        notes += saturated(reports, short.__getitem__, comparable=same_scale(reports))
    first, *_, last = reports
    for name in names:
        if moved := change(first, last, name):
            by, low, high = (signed(v, 3) for v in (moved["difference"], *moved["interval"]))
            notes.append(
                f"{name}, {_short(first, reports)} to {_short(last, reports)}: {by}, 95 % interval {low} to {high} "
                "on the same rows"
            )
    _notes(console, notes, hints, findings(reports, names, short.__getitem__, telling), telling)


def _folded(name: str) -> str:
    """A long name on two lines."""
    return name.replace("_", "_\n", 1) if len(name) > 10 else name


def _course(reports: Sequence[RowsReport], name: str) -> list[float | None]:
    return [None if (held := r.metrics.get(name)) is None else held.value for r in reports]


def _short(report: RowsReport, reports: Sequence[RowsReport]) -> str:
    """The source's name without the path and the suffix that all sources share."""
    names = [r.input.sources[0] for r in reports]
    return short_names(names)[names.index(report.input.sources[0])]
