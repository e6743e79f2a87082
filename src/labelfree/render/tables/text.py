"""Reports as CSV, Markdown, JSON and one JSON document a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from labelfree.catalog import command
from labelfree.documents.reading import as_json
from labelfree.documents.wording import cell
from labelfree.render.notes import drift
from labelfree.render.notes.transfer import saturated
from labelfree.render.states import first_lines
from labelfree.render.tables.leaders import led
from labelfree.render.tables.rows import SOUND, beside, heading, lines, remarks
from labelfree.reports.across import differences, same_scale
from labelfree.reports.document import across_all, of_reports
from labelfree.reports.rows import RowsReport
from labelfree.results import Z95

_FINDINGS = ("source", "code", "severity", "rows", "first", "message", "fix")
_CSV = (
    "source",
    "metric",
    "value",
    "se",
    "low",
    "high",
    "status",
    "reason_code",
    "kind",
    "direction",
    "n",
    "d",
)


def to_json(reports: Sequence[RowsReport]) -> str:
    """The document of one report or of several, with what needs all of them."""
    return as_json(of_reports(reports, across_all(reports))) + "\n"


def to_ndjson(reports: Sequence[RowsReport]) -> str:
    """One report a line."""
    return "".join(report.to_json(indent=None) + "\n" for report in reports)


def to_csv(reports: Sequence[RowsReport]) -> str:
    """One line per source and metric, of doctor one per source and finding; an undefined value is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if reports[0].finds:
        writer.writerow(_FINDINGS)
        for report in reports:
            for one in report.findings:
                fields = (one.code, one.severity, one.rows, one.first, one.message, one.fix)
                writer.writerow(map(_field, (report.input.sources[0], *fields)))
        return out.getvalue()
    writer.writerow(_CSV)
    for report in reports:
        if (a := report.audit) is not None:
            ends = max(a.accuracy - Z95 * a.se, 0.0), min(a.accuracy + Z95 * a.se, 1.0)
            truth = (
                "true_accuracy",
                a.accuracy,
                a.se,
                *ends,
                "ok",
                None,
                "audit",
                "higher",
                a.rows,
                report.input.d,
            )
            writer.writerow([report.input.sources[0], *map(_field, truth)])
        for name, entry in report.metrics.items():
            low, high = entry.interval or (None, None)
            row = (
                report.input.sources[0], name, entry.value, entry.se, low, high, entry.status, entry.reason_code,
                entry.kind, entry.direction, report.input.n, report.input.d,
            )  # fmt: skip
            writer.writerow(map(_field, row))
    return out.getvalue()


def _field(value: object) -> object:
    return f"{value + 0.0:.12g}" if isinstance(value, float) else "" if value is None else value


def to_markdown(reports: Sequence[RowsReport], *, everything: bool) -> str:
    """The tables as GitHub prints them."""
    out = []
    for report in reports:
        out += [f"### {report.command}: {cell(report.input.sources[0])}", "", cell(heading(report)), ""]
        if report.finds:
            if report.findings:
                out += ["| found | severity | rows | first row | what it means | what to do |",
                        "|---|---|---:|---:|---|---|"]  # fmt: skip
            for one in report.findings:
                counts = " | ".join("" if v is None else f"{v:,}" for v in (one.rows, one.first))
                out.append(f"| {one.code} | {one.severity} | {counts} | {cell(one.message)} | {cell(one.fix)} |")
            out += [] if report.findings else [SOUND]
        else:
            out += [cell(line.text) for line in first_lines([report], [])] + [""]
            out += ["| metric | value | 95 % interval | better | |", "|---|---:|---|---|---|"]
            rows = lines(report, everything)
            out += [f"| {r.name} | {r.value} | {r.interval} | {r.better} | {cell(r.note)} |" for r in rows]
            said = [*beside([report], everything, str), *remarks(report, [r.name for r in rows])]
            for headings, cells in drift.tables(report):
                out += ["", f"| {' | '.join(headings)} |", "|---|" + "---:|" * (len(headings) - 1)]
                out += [f"| {' | '.join(map(cell, row))} |" for row in cells]
            out += ["", *(f"- {cell(text)}" for text in said)]
        out += [""]
    if len(reports) > 1:
        told = saturated(reports, str, comparable=same_scale(reports)) if command(reports[0].command).by_epoch else []
        leader = [led(reports)] if reports[0].metrics and reports[0].drift is None else []
        differs = [f"not comparable: {text}" for text in differences(reports)]
        out += [f"- {cell(text)}" for text in [*leader, *told, *differs]]
    return "\n".join(out).rstrip() + "\n"
