"""Reports on rows as a section of a page: the states and what leads, sources, pictures, findings, how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from labelfree.catalog import STATES, command
from labelfree.documents.wording import counted
from labelfree.errors import option
from labelfree.render.naming import short_names
from labelfree.render.notes import opis
from labelfree.render.notes.transfer import saturated
from labelfree.render.numbers import interval, value
from labelfree.render.pages.drifts import WORDS as DRIFT_WORDS
from labelfree.render.pages.drifts import drift_parts, drift_pictures, looks
from labelfree.render.pages.markup import Cell, Column, code, figures, finding, listed, table, text, unfolded
from labelfree.render.pages.page import Answer, Part, Section, tone
from labelfree.render.pictures.maps import map_panel
from labelfree.render.pictures.panels import panels
from labelfree.render.pictures.scores import subjects
from labelfree.render.states import TONES, first_lines
from labelfree.render.tables.leaders import led
from labelfree.render.tables.rows import SOUND, beside, findings, heading, lines, sampled, shown
from labelfree.reports.across import in_order, same_scale
from labelfree.reports.leading import leading
from labelfree.reports.rows import RowsReport
from labelfree.reports.told import Line, incomparable

_WORST = 10
_MAPS = 6
"""Maps up to which each source has one."""
_NO_ROWS = "This page was made of a document, which holds no rows: the page that its own command writes has their map."
_FOLDED = 6
"""Sources from which on what was read of each is folded away."""


def reports_section(reports: Sequence[RowsReport], *, everything: bool = False) -> Section:
    """The section of the reports of one command."""
    reports = in_order(reports)
    names = short_names([report.input.sources[0] for report in reports]) if len(reports) > 1 else [_name(reports[0])]
    said = f"of {names[0]}" if len(reports) == 1 else f"of {len(reports)} sources"
    metrics = list(dict.fromkeys(name for report in reports for name in shown(report, everything)))
    found = [*(incomparable(reports) if len(reports) > 1 else ())]
    found += [] if reports[0].finds else findings(reports, metrics, _short(reports, names))
    codes = [one.code for one in found] or [one.code for report in reports for one in report.findings]
    drifts = reports[0].drift is not None
    states = [STATES[r.state.state].lower() for r in reports if r.state is not None]
    if reports[0].finds:
        parts = [Part("Findings", _found_wrong(reports, names)), Part("Data", _data(reports, names))]
    else:
        measured = _metrics(reports[0], everything) if len(reports) == 1 else _sources(reports, names, metrics)
        groups = [_groups(report) for report in reports] if len(reports) == 1 else []
        parts = [
            Part("Metrics" if len(reports) == 1 else "Sources", measured),
            Part("Pictures", drift_pictures(reports, names) if drifts else figures(panels(reports))),
            Part("Map of the rows", _maps(reports, names)),
            Part("Worst groups", "".join(groups)),
            *(drift_parts(reports, names) if drifts else ()),
            Part("Findings", _findings(found)),
            Part("Data", _data(reports, names) + listed(_beside(reports, names, everything))),
        ]
    parts.append(Part("Settings and how to repeat it", _repeated(reports)))
    words = [*metrics, *dict.fromkeys(states), "95 % interval", *(DRIFT_WORDS if drifts else ()), *codes]
    return Section(f"{reports[0].command} {said}", _answers(reports, names), parts, words)


def _name(report: RowsReport) -> str:
    return PurePath(report.input.sources[0]).name or report.input.sources[0]


def _answers(reports: Sequence[RowsReport], names: Sequence[str]) -> list[Answer]:
    """The states, the worst first, and what leads."""
    found = first_lines(reports, names)
    told = _led(reports) if len(reports) > 1 and reports[0].metrics and reports[0].drift is None else []
    if command(reports[0].command).by_epoch and len(reports) > 1:
        told += saturated(reports, _short(reports, names), comparable=same_scale(reports))
    after = [report.state.next for report in reports if report.state is not None]
    if not found:
        wrong = sum(len(report.findings) for report in reports if report.finds)
        said = counted(wrong, "finding") if wrong else (*told, _said(reports))[0]
        return [Answer(said, tone="mid" if wrong else "")]
    below = [*(line.text for line in found[1:]), *told, heading(reports[0]) if len(reports) == 1 else ""]
    return [
        Answer(
            found[0].head, found[0].rest, TONES.get(found[0].style, ""), below, after[0] if len(reports) == 1 else ""
        )
    ]


def _led(reports: Sequence[RowsReport]) -> list[str]:
    """What leads in the headline, or where a command has several in each of them."""
    if leading(reports).metric is not None:
        return [led(reports)]
    return [led(reports, name) for name in subjects(reports) if leading(reports, name).report is not None]


def _said(reports: Sequence[RowsReport]) -> str:
    return SOUND if reports[0].finds else heading(reports[0])


def _short(reports: Sequence[RowsReport], names: Sequence[str]) -> Any:
    """What shortens the name of a source."""
    known = dict(zip([report.input.sources[0] for report in reports], names, strict=True))
    return lambda name: known.get(name, name)


def _metrics(report: RowsReport, everything: bool) -> str:
    """The metrics of one report, each with its interval and what to know beside it."""
    columns = [Column("metric"), Column("value", numbers=True), Column("95 % interval", "95 % interval"),
               Column("better"), Column("note")]  # fmt: skip
    rows = [
        [Cell(one.name, word=one.name), Cell(one.value, report.metrics[one.name].value), Cell(one.interval),
         Cell(one.better), Cell(one.note)]
        for one in lines(report, everything)
    ]  # fmt: skip
    return table(f"metrics of {heading(report)}", columns, rows, sorts=False)


def _sources(reports: Sequence[RowsReport], names: Sequence[str], metrics: Sequence[str]) -> str:
    """A row for each source: its state, and each metric with its interval, the best of each column marked."""
    told = looks(reports) if reports[0].drift is not None else {}
    columns = [Column("source"), *(Column(name, name, numbers=name == "p") for name in told),
               Column("state", "healthy"), *(Column(name, name, numbers=True) for name in metrics)]  # fmt: skip
    first = {name: leading(reports, name) for name in metrics}
    rows = []
    for i, (report, name) in enumerate(zip(reports, names, strict=True)):
        word = report.state.state if report.state is not None else ""
        cells = [
            Cell(name, float(i), name=True),
            *(held[i] for held in told.values()),
            Cell(STATES[word] if word else "", tone=tone(word)),
        ]
        for metric in metrics:
            entry = report.metrics.get(metric)
            if entry is None:
                cells.append(Cell("-"))
                continue
            best = (first[metric].end or "") if first[metric].report is report else ""
            small = interval(entry) if entry.value is not None else entry.status
            cells.append(Cell(value(entry), entry.value, small, best))
        rows.append(cells)
    return table(f"{len(reports)} sources, each metric with its 95 % interval where one is known", columns, rows)


def _maps(reports: Sequence[RowsReport], names: Sequence[str]) -> str:
    """Where the rows lie: of few reports each, of many the first, the middle and the last; a document has no rows."""
    known = [(report.row_map, name) for report, name in zip(reports, names, strict=True)]
    there = [(found, name) for found, name in known if found is not None]
    if not there:
        return f"<p>{text(_NO_ROWS)}</p>" if any(report.metrics for report in reports) else ""
    if len(there) > _MAPS:
        there = [there[0], there[len(there) // 2], there[-1]]
    left = f"{len(there)} of {len(known)} sources are drawn" if len(there) < len(known) else ""
    return figures(map_panel(found, name) for found, name in there) + listed([left] if left else [])


def _groups(report: RowsReport) -> str:
    heads, rows = opis.worst(report, _WORST) if opis.headline(report) else ([], [])
    columns = [Column(head, numbers=i > 0) for i, head in enumerate(heads)]
    cells = [[Cell(one, _number(one) if i else None, name=i == 0) for i, one in enumerate(row)] for row in rows]
    return table("groups that one threshold serves worst", columns, cells) if rows else ""


def _number(shown: str) -> float | None:
    try:
        return float(shown.replace(",", "").removesuffix(" %"))
    except ValueError:
        return None


def _findings(found: Sequence[Line]) -> str:
    body = "".join(finding(one.severity, one.text, one.code) for one in found)
    return f'<ul class="plain">{body}</ul>' if body else "<p>none</p>"


def _found_wrong(reports: Sequence[RowsReport], names: Sequence[str]) -> str:
    """What doctor found, a row for each finding."""
    heads = [Column("found"), Column("source"), Column("severity"), Column("rows", numbers=True),
             Column("first row", numbers=True), Column("what it means"), Column("what to do")]  # fmt: skip
    rows = [
        [Cell(one.code, word=one.code), Cell(name, name=True), Cell(str(one.severity), tone=str(one.severity)),
         _count(one.rows), _count(one.first), Cell(one.message), Cell(one.fix)]
        for report, name in zip(reports, names, strict=True) for one in report.findings
    ]  # fmt: skip
    return table("what is wrong with the rows", heads, rows) if rows else f"<p>{text(SOUND)}</p>"


def _count(count: int | None) -> Cell:
    return Cell("" if count is None else f"{count:,}", None if count is None else float(count))


def _data(reports: Sequence[RowsReport], names: Sequence[str]) -> str:
    """What was read: which rows, and of which sample."""
    columns = [Column("source"), Column("rows", numbers=True), Column("columns", numbers=True), Column("type"),
               Column("column"), Column("fingerprint")]  # fmt: skip
    rows = [
        [Cell(name, name=True), Cell(f"{r.input.n:,}", float(r.input.n), _left_out(r)),
         Cell(f"{r.input.d:,}", float(r.input.d)), Cell(r.input.dtype), Cell(r.input.column, name=True),
         Cell(r.input.fingerprint[:16])]
        for r, name in zip(reports, names, strict=True)
    ]  # fmt: skip
    found = table("what was read", columns, rows)
    return unfolded(f"what was read of each of {len(reports)} sources", found) if len(reports) > _FOLDED else found


def _left_out(report: RowsReport) -> str:
    left = report.input.rows.read - report.input.n
    return f"of {report.input.rows.read:,}" if left else ""


def _beside(reports: Sequence[RowsReport], names: Sequence[str], everything: bool) -> list[str]:
    found = beside(reports, everything, _short(reports, names))
    return list(dict.fromkeys([*(sampled(report) for report in reports if sampled(report)), *found]))


def _repeated(reports: Sequence[RowsReport]) -> str:
    """The command that gives the same numbers, with every setting written out."""
    first = reports[0]
    given = {
        name: held for name, held in first.settings.items()
        if not (held is None or held is False or held == []) and name not in ("freeze", *_UNSAID)
    }  # fmt: skip
    if first.input.model is not None:
        given["data"] = first.input.model.data
    sources = [report.input.sources[0] for report in reports]
    said = "<p>The same rows, settings and version give the same numbers.</p>"
    return said + code(repeated(first.command, sources, given))


_UNSAID = ("memory", "device")
"""What changes no number."""


def repeated(name: str, sources: Sequence[str], settings: Mapping[str, Any]) -> str:
    """A call in Python, or a command where options are flags, that measures sources with these settings.

    >>> repeated("rank", ["a.npy"], {"seed": 3})
    "labelfree.rank('a.npy', seed=3)"
    """
    python = option("seed", python="python") == "python"
    spelled = [
        option(key, one)
        for key, held in settings.items()
        for one in (held if key == _REPEATED and not python else [_spelled(key, held)])
    ]
    if python:
        given = repr(sources[0]) if len(sources) == 1 else repr(list(sources))
        return f"labelfree.{name}({', '.join([given, *spelled])})"
    import shlex

    return f"labelfree {name} {' '.join([*map(shlex.quote, sources), *spelled])}"


_REPEATED = "require"
"""What is a list in Python, and a flag for each on the command line."""


def _spelled(key: str, held: Any) -> Any:
    if key == "far" and isinstance(held, list | tuple):
        return ":".join(f"{end:g}" for end in held)
    return held
